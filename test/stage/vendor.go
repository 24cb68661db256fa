package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// Mailbox receives what a topic of the deployment publishes.
type Mailbox struct {
	client *sqs.Client
	queue  string
}

// NewMailbox subscribes a new queue of the customer to the topic that the stack's output names.
func (c *Cloud) NewMailbox(ctx context.Context, name, output string) (*Mailbox, error) {
	topic, err := c.Output(ctx, output)
	if err != nil {
		return nil, err
	}
	m := &Mailbox{client: sqs.NewFromConfig(c.Config(Customer))}
	made, err := m.client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		return nil, fmt.Errorf("create queue %s: %w", name, err)
	}
	m.queue = aws.ToString(made.QueueUrl)
	arn := fmt.Sprintf("arn:aws:sqs:%s:%s:%s", Region, Customer, name)
	if _, err := sns.NewFromConfig(c.Config(Customer)).Subscribe(ctx,
		&sns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &arn}); err != nil {
		return nil, fmt.Errorf("subscribe %s to %s: %w", name, topic, err)
	}
	return m, nil
}

// Next waits for the next message that holds every one of the words, and returns its text. Others are passed over.
func (m *Mailbox) Next(ctx context.Context, words ...string) (string, error) {
	for {
		out, err := m.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &m.queue, WaitTimeSeconds: 1})
		if err != nil {
			return "", fmt.Errorf("receive from %s: %w", m.queue, err)
		}
		for _, message := range out.Messages {
			text, err := m.take(ctx, message)
			if err != nil {
				return "", err
			}
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
				return text, nil
			}
		}
	}
}

// take removes a message from the queue and returns the text that was published.
func (m *Mailbox) take(ctx context.Context, message types.Message) (string, error) {
	if _, err := m.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &m.queue, ReceiptHandle: message.ReceiptHandle}); err != nil {
		return "", fmt.Errorf("delete from %s: %w", m.queue, err)
	}
	var notification struct{ Message string }
	if err := json.Unmarshal([]byte(aws.ToString(message.Body)), &notification); err != nil {
		return "", fmt.Errorf("decode notification: %w", err)
	}
	return notification.Message, nil
}

// Output is an output of the deployed stack.
func (c *Cloud) Output(ctx context.Context, key string) (string, error) {
	out, err := cloudformation.NewFromConfig(c.Config(Customer)).DescribeStacks(ctx,
		&cloudformation.DescribeStacksInput{StackName: aws.String(c.name().Stack())})
	if err != nil {
		return "", fmt.Errorf("describe stack: %w", err)
	}
	for _, o := range out.Stacks[0].Outputs {
		if aws.ToString(o.OutputKey) == key {
			return aws.ToString(o.OutputValue), nil
		}
	}
	return "", fmt.Errorf("the stack has no output %s", key)
}

// Handoff is what a vendor reads in the message that rdslink sends.
type Handoff struct {
	ServiceName string
	Region      string
	Port        int
	ServerName  string
	ZoneIDs     []string
	Further     []int // ports of a link's other databases
}

var handoffLines = map[string]*regexp.Regexp{
	"service name":    regexp.MustCompile(`(?m)^Service name: +(\S+)$`),
	"region":          regexp.MustCompile(`(?m)^Region: +(\S+)$`),
	"port":            regexp.MustCompile(`(?m)^Port: +(\d+)`),
	"TLS server name": regexp.MustCompile(`(?m)^TLS server name: +(\S+)$`),
	"zone ids":        regexp.MustCompile(`(?m)^Availability Zone ids: +(.+)$`),
}

// ReadHandoff reads the message as a person at the vendor would.
func ReadHandoff(message string) (Handoff, error) {
	said := map[string]string{}
	for what, line := range handoffLines {
		m := line.FindStringSubmatch(message)
		if m == nil {
			return Handoff{}, fmt.Errorf("read hand-off: it does not say the %s:\n%s", what, message)
		}
		said[what] = m[1]
	}
	port, err := strconv.Atoi(said["port"])
	if err != nil {
		return Handoff{}, fmt.Errorf("read hand-off: port: %w", err)
	}
	return Handoff{ServiceName: said["service name"], Region: said["region"], Port: port, ServerName: said["TLS server name"],
		ZoneIDs: strings.Split(said["zone ids"], ", ")}, nil
}

var linkedLines = regexp.MustCompile(`(?m)^(\S+)\n  Port: +(\d+) \(TCP\)\n  Engine: +\S+\n  TLS server name: +(\S+)$`)

// ReadLinkHandoff reads the message about a link: how each of its databases is reached, by the database's identifier.
func ReadLinkHandoff(message string) (map[string]Handoff, error) {
	service, zones := handoffLines["service name"].FindStringSubmatch(message), handoffLines["zone ids"].FindStringSubmatch(message)
	said := linkedLines.FindAllStringSubmatch(message, -1)
	if service == nil || zones == nil || said == nil {
		return nil, fmt.Errorf("read hand-off: it is not that of a link:\n%s", message)
	}
	all, ports := map[string]Handoff{}, []int{}
	for _, m := range said {
		port, err := strconv.Atoi(m[2])
		if err != nil {
			return nil, fmt.Errorf("read hand-off: port: %w", err)
		}
		ports = append(ports, port)
		all[m[1]] = Handoff{ServiceName: service[1], Port: port, ServerName: m[3], ZoneIDs: strings.Split(zones[1], ", ")}
	}
	for identifier, h := range all {
		h.Further = ports
		all[identifier] = h
	}
	return all, nil
}

var request = regexp.MustCompile(`asks to connect to (\S+) \((vpce-[0-9a-f]+)\)`)

// ReadRequest reads, in the operators' message about a request, which exposure it is for.
func ReadRequest(message string) (exposure string, err error) {
	m := request.FindStringSubmatch(message)
	if m == nil {
		return "", fmt.Errorf("read request: the message does not say which exposure it is for: %s", message)
	}
	return m[1], nil
}

// Endpoint is a vendor's interface endpoint.
type Endpoint struct {
	ID  string
	VPC VPC
}

// NewEndpoint makes an interface endpoint to the service, in the vendor's subnets that lie in the service's zones. In
// another region than the service's it takes all, and says which the service's is.
func (c *Cloud) NewEndpoint(ctx context.Context, vpc VPC, h Handoff) (Endpoint, error) {
	var subnets []string
	var of *string
	if vpc.Region != "" && vpc.Region != Region {
		of = &h.Region
	}
	for _, s := range vpc.Subnets {
		if of != nil || slices.Contains(h.ZoneIDs, aws.ToString(s.AvailabilityZoneId)) {
			subnets = append(subnets, aws.ToString(s.SubnetId))
		}
	}
	client := ec2.NewFromConfig(c.Acting(vpc))
	group, err := client.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("endpoint to " + h.ServiceName), Description: aws.String("clients"), VpcId: &vpc.ID,
	})
	if err != nil {
		return Endpoint{}, fmt.Errorf("create security group of the endpoint: %w", err)
	}
	ports := append([]int{h.Port}, h.Further...)
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		if _, err := client.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: group.GroupId, IpProtocol: aws.String("tcp"), FromPort: new(int32(port)), ToPort: new(int32(port)),
			CidrIp: aws.String("10.0.0.0/16"),
		}); err != nil {
			return Endpoint{}, fmt.Errorf("authorize clients of the endpoint: %w", err)
		}
	}
	for {
		made, err := client.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
			VpcEndpointType:  ec2types.VpcEndpointTypeInterface,
			ServiceName:      &h.ServiceName,
			ServiceRegion:    of,
			VpcId:            &vpc.ID,
			SubnetIds:        subnets,
			SecurityGroupIds: []string{aws.ToString(group.GroupId)},
		})
		// As the hand-off says of a new service: it answers so for some minutes (aws/aws-sdk-go-v2#2254).
		if refused, ok := errors.AsType[smithy.APIError](err); ok && refused.ErrorCode() == "Unavailable" && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return Endpoint{}, fmt.Errorf("create endpoint to %s: %w", h.ServiceName, err)
		}
		return Endpoint{ID: aws.ToString(made.VpcEndpoint.VpcEndpointId), VPC: vpc}, nil
	}
}

// Expire lets the request that an endpoint has made expire, as AWS does after a time that no page names.
func (c *Cloud) Expire(ctx context.Context, e Endpoint) error {
	body, err := json.Marshal(map[string]string{"endpoint": e.ID})
	if err != nil {
		return fmt.Errorf("encode the endpoint that expires: %w", err)
	}
	return c.send(ctx, http.MethodPost, "/_local/expire", body)
}

// Describe asks, as the vendor, how the endpoint is and by which name it is reached.
func (c *Cloud) Describe(ctx context.Context, e Endpoint) (state, host string, err error) {
	out, err := ec2.NewFromConfig(c.Acting(e.VPC)).DescribeVpcEndpoints(ctx,
		&ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{e.ID}})
	if err != nil {
		return "", "", fmt.Errorf("describe endpoint %s: %w", e.ID, err)
	}
	if len(out.VpcEndpoints) == 0 || len(out.VpcEndpoints[0].DnsEntries) == 0 {
		return "", "", errors.New("describe endpoint " + e.ID + ": it has no DNS entry")
	}
	return string(out.VpcEndpoints[0].State), aws.ToString(out.VpcEndpoints[0].DnsEntries[0].DnsName), nil
}

// Client is a program of the vendor that goes through the endpoint.
func (c *Cloud) Client(ctx context.Context, e Endpoint, h Handoff) (Client, error) {
	_, host, err := c.Describe(ctx, e)
	if err != nil {
		return Client{}, err
	}
	return Client{Place: Place{Account: e.VPC.Account, Subnet: e.VPC.SubnetIDs()[0]}, Host: host, Port: h.Port, ServerName: h.ServerName}, nil
}
