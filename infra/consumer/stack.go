package main

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// exposureTag is on everything of the stack, and says what it connects to. rdslink's own tags are of what rdslink manages.
const exposureTag = "rdslink:consumes"

// newBareStack is a stack without anything in it. It has no assets: the account need not be bootstrapped, and everything is
// done with the credentials of whoever deploys.
func newBareStack(scope constructs.Construct, name, description, account, region, exposure string) awscdk.Stack {
	stack := awscdk.NewStack(scope, &name, &awscdk.StackProps{
		Description: &description, Synthesizer: awscdk.NewLegacyStackSynthesizer(),
		Env: &awscdk.Environment{Account: known(account), Region: known(region)},
	})
	awscdk.Tags_Of(stack).Add(ptr(exposureTag), &exposure, nil)
	return stack
}

// newEmptyStack has the name of the consumer's stack and nothing of it.
func newEmptyStack(scope constructs.Construct, p plan) awscdk.Stack {
	return newBareStack(scope, p.stackName(), "rdslink: a VPC connected to an exposed database", p.Account, p.Region, p.Exposure)
}

// newStack makes the endpoint with its group, the names by which it is found, its alarms, and the role of whoever looks
// after it. There is no endpoint policy: an endpoint service of one's own takes none, and a connection of TCP has no
// principal to judge.
func newStack(scope constructs.Construct, p plan) awscdk.Stack {
	stack := newEmptyStack(scope, p)
	group := newGroup(stack, p)
	endpoint := awsec2.NewCfnVPCEndpoint(stack, ptr("Endpoint"), &awsec2.CfnVPCEndpointProps{
		VpcEndpointType: ptr("Interface"), ServiceName: &p.ServiceName, VpcId: &p.VPC,
		SubnetIds: anyList(p.Subnets), SecurityGroupIds: &[]any{group.AttrGroupId()},
		PrivateDnsEnabled: jsii.Bool(false), // the service has no name of its own
	})
	named := map[string]bool{} // a VPC has one private zone of a name
	for _, d := range p.Databases {
		if !named[d.Host] {
			newName(stack, "DatabaseName"+p.idOf(d), d.Host, p, endpoint)
			named[d.Host] = true
		}
	}
	if p.Host != "" {
		newName(stack, "Host", p.Host, p, endpoint)
	}
	newAlarms(stack, p, endpoint)
	role := newRole(stack, p, group)

	output(stack, "EndpointId", *endpoint.Ref(), "Tell this to the database's owner, who accepts the connection")
	for _, d := range p.Databases {
		output(stack, "DatabaseHost"+p.idOf(d), d.Host, "Connect to this name, as the certificate says it: TLS with verify-full works")
		output(stack, "DatabasePort"+p.idOf(d), strconv.Itoa(d.Port), "Connect to this port")
	}
	output(stack, "SecurityGroupId", *group.AttrGroupId(), "The endpoint's own group: who may connect")
	output(stack, "RoleArn", *role.RoleArn(), "Take this role to look after the endpoint")
	return stack
}

// newGroup lets the clients in, and nothing out: an endpoint begins no connections. EC2 takes the rule that lets everything
// out away only where there is another one, so there is one that leads nowhere
// (docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html, "Remove the
// default").
func newGroup(stack awscdk.Stack, p plan) awsec2.CfnSecurityGroup {
	var in []any
	for _, port := range p.ports() {
		for _, client := range p.Clients {
			rule := &awsec2.CfnSecurityGroup_IngressProperty{
				IpProtocol: ptr("tcp"), FromPort: jsii.Number(port), ToPort: jsii.Number(port), Description: ptr("clients of " + p.Exposure),
			}
			if groupID.MatchString(client) {
				rule.SourceSecurityGroupId = &client
			} else {
				rule.CidrIp = &client
			}
			in = append(in, rule)
		}
	}
	return awsec2.NewCfnSecurityGroup(stack, ptr("Group"), &awsec2.CfnSecurityGroupProps{
		GroupDescription: ptr("clients of " + p.Exposure), VpcId: &p.VPC, SecurityGroupIngress: &in,
		SecurityGroupEgress: &[]any{&awsec2.CfnSecurityGroup_EgressProperty{
			IpProtocol: ptr("-1"), CidrIp: ptr("127.0.0.1/32"), Description: ptr("nothing"),
		}},
	})
}

// newName makes a private zone of one name, which leads to the endpoint. What is beside that name the VPC asks of others, as
// before: so no zone stands above it.
func newName(stack awscdk.Stack, id, name string, p plan, endpoint awsec2.CfnVPCEndpoint) {
	zone := awsroute53.NewCfnHostedZone(stack, ptr(id+"Zone"), &awsroute53.CfnHostedZoneProps{
		Name:             &name,
		Vpcs:             &[]any{&awsroute53.CfnHostedZone_VPCProperty{VpcId: &p.VPC, VpcRegion: stack.Region()}},
		HostedZoneConfig: &awsroute53.CfnHostedZone_HostedZoneConfigProperty{Comment: ptr("clients of " + p.Exposure)},
	})
	// The first entry is the regional name, which answers the addresses of every zone: "ZONE:NAME".
	regional := awscdk.Fn_Split(ptr(":"), awscdk.Fn_Select(jsii.Number(0), endpoint.AttrDnsEntries()), nil)
	awsroute53.NewCfnRecordSet(stack, ptr(id+"Record"), &awsroute53.CfnRecordSetProps{
		HostedZoneId: zone.AttrId(), Name: &name, Type: ptr("A"),
		AliasTarget: &awsroute53.CfnRecordSet_AliasTargetProperty{
			HostedZoneId: awscdk.Fn_Select(jsii.Number(0), regional), DnsName: awscdk.Fn_Select(jsii.Number(1), regional),
			EvaluateTargetHealth: jsii.Bool(false), // there is nothing else to answer
		},
	})
}

// newAlarms watches what the endpoint measures of itself.
// docs.aws.amazon.com/vpc/latest/privatelink/privatelink-cloudwatch-metrics.html
func newAlarms(stack awscdk.Stack, p plan, endpoint awsec2.CfnVPCEndpoint) {
	var operators awssns.ITopic
	if p.Operators != "" {
		topic := awssns.NewTopic(stack, ptr("Operators"), &awssns.TopicProps{
			DisplayName: ptr("rdslink: " + p.Exposure), EnforceSSL: jsii.Bool(true),
		})
		topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(&p.Operators, nil))
		// A policy of one's own takes the place of the one that lets the account's alarms publish.
		topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(ptr("cloudwatch.amazonaws.com"), nil)},
			Actions:    jsii.Strings("sns:Publish"), Resources: jsii.Strings(*topic.TopicArn()),
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": *stack.Account()}},
		}))
		operators = topic
	}
	for _, a := range alarms {
		made := awscloudwatch.NewAlarm(stack, ptr(a.metric+"Alarm"), &awscloudwatch.AlarmProps{
			AlarmDescription: ptr(a.says + ": rdslink show " + p.Exposure + ", in the database's account, says which hop is broken"),
			Metric: awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
				Namespace: ptr("AWS/PrivateLinkEndpoints"), MetricName: &a.metric,
				Period: awscdk.Duration_Minutes(jsii.Number(5)), Statistic: ptr("Sum"),
				DimensionsMap: &map[string]*string{
					"VPC Id": &p.VPC, "VPC Endpoint Id": endpoint.Ref(), "Endpoint Type": ptr("Interface"), "Service Name": &p.ServiceName,
				},
			}),
			Threshold: &a.threshold, EvaluationPeriods: jsii.Number(3), DatapointsToAlarm: jsii.Number(3),
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
			TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING, // nobody connects
		})
		if operators != nil {
			made.AddAlarmAction(awscloudwatchactions.NewSnsAction(operators))
		}
	}
}

// alarms are on what a healthy endpoint has none of, or little: a failover resets what is open, once.
var alarms = []struct {
	metric, says string
	threshold    float64 // in each of three times five minutes
}{
	{"PacketsDropped", "The endpoint drops packets", 1},
	{"RstPacketsReceived", "The database's side resets connection after connection", 50},
}

func output(stack awscdk.Stack, id, value, description string) {
	awscdk.NewCfnOutput(stack, &id, &awscdk.CfnOutputProps{Value: &value, Description: &description})
}

// known is nil where the value is not: the CDK then takes what it finds at the deployment.
func known(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}

func ptr(s string) *string { return &s }

func anyList(texts []string) *[]any {
	all := []any{}
	for _, text := range texts {
		all = append(all, text)
	}
	return &all
}
