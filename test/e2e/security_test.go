package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cloudwatchlogstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

// The names under which services say that a caller may not.
var denials = []string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}

// denied says that the call was refused for want of permission.
func (s story) denied(what string, err error) {
	s.Helper()
	if !slices.Contains(denials, code(err)) {
		s.Errorf("%s: %v", what, err)
	}
}

// roleOf is the role of one of the app's functions.
func (s story) roleOf(function string) string {
	s.Helper()
	out, err := lambda.NewFromConfig(cloud.Config(stage.Customer)).GetFunctionConfiguration(s.ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(s.stack.Function(function))})
	s.check(err)
	return aws.ToString(out.Role)
}

// intruder acts with what a function's code has in its environment.
func (s story) intruder(function string) aws.Config {
	s.Helper()
	return cloud.As(s.roleOf(function), intruder)
}

// What somebody could do who runs code of their own in one of the functions: nothing to what is not ours, nothing to who may
// connect, nothing to the other functions.
func TestACompromisedFunctionIsDenied(t *testing.T) {
	s := begin(t)
	vpc := s.vpc(stage.Customer)
	customers := s.foreign(vpc)
	for _, function := range []string{
		"gather-rds-details", "resolve-private-ip", "create-target-group", "create-load-balancer", "create-endpoint-service", "allow-principals",
		"update-the-rds-security-group", "share-the-service-name", "accept-the-connection", "install-ip-sync", "ip-sync", "observer", "decision", "on-stack-change",
		"remove-claim-the-exposure", "remove-ask-about-the-connections", "remove-take-the-access-away", "remove-delete-the-load-balancer",
		"remove-close-the-security-groups", "remove-retire-the-resolver", "remove-forget-the-exposure",
	} {
		for what, try := range attacks(customers) {
			if strings.HasPrefix(what, function+" may") {
				continue
			}
			what = what[strings.Index(what, ":")+1:]
			s.denied(function+what, try(s, s.intruder(function)))
		}
	}
}

// foreign is what the customer has besides rdslink.
type foreign struct {
	subnets                                     []string
	group, targetGroup, service, topic, machine string
	keys                                        []string // rdslink's own, and that of the CDK's bucket
}

func (s story) foreign(vpc stage.VPC) foreign {
	s.Helper()
	f := foreign{subnets: []string{aws.ToString(vpc.Subnets[0].SubnetId)}, topic: "arn:aws:sns:" + stage.Region + ":" + stage.Customer + ":customers-own",
		machine: "arn:aws:states:" + stage.Region + ":" + stage.Customer + ":stateMachine:customers-own"}
	group, err := s.network().CreateSecurityGroup(s.ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("customers-own"), Description: aws.String("of the customer"), VpcId: &vpc.ID})
	s.check(err)
	f.group = aws.ToString(group.GroupId)
	balancers := elb.NewFromConfig(cloud.Config(stage.Customer))
	targets, err := balancers.CreateTargetGroup(s.ctx, &elb.CreateTargetGroupInput{
		Name: aws.String("customers-own"), Protocol: "TCP", Port: aws.Int32(5432), VpcId: &vpc.ID, TargetType: "ip",
	})
	s.check(err)
	f.targetGroup = aws.ToString(targets.TargetGroups[0].TargetGroupArn)
	f.service = "vpce-svc-0123456789abcdef0"
	keys, err := kms.NewFromConfig(cloud.Config(stage.Customer)).ListKeys(s.ctx, &kms.ListKeysInput{})
	s.check(err)
	for _, key := range keys.Keys {
		f.keys = append(f.keys, aws.ToString(key.KeyArn))
	}
	if len(f.keys) < 2 {
		s.Fatalf("the customer has the keys %v", f.keys)
	}
	return f
}

type attack func(story, aws.Config) error

// attacks are named after who may do such a thing with what is ours, or with anything, if there is such a function.
func attacks(f foreign) map[string]attack {
	return map[string]attack{
		"decision may: completes a token": func(s story, c aws.Config) error {
			_, err := sfn.NewFromConfig(c).SendTaskSuccess(s.ctx, &sfn.SendTaskSuccessInput{TaskToken: aws.String("stolen"), Output: aws.String("{}")})
			return err
		},
		"nobody: accepts a connection to another service": func(s story, c aws.Config) error {
			_, err := ec2.NewFromConfig(c).AcceptVpcEndpointConnections(s.ctx, &ec2.AcceptVpcEndpointConnectionsInput{ServiceId: &f.service, VpcEndpointIds: []string{"vpce-0123456789abcdef0"}})
			return err
		},
		"nobody: lets everybody into another service": func(s story, c aws.Config) error {
			_, err := ec2.NewFromConfig(c).ModifyVpcEndpointServicePermissions(s.ctx, &ec2.ModifyVpcEndpointServicePermissionsInput{ServiceId: &f.service, AddAllowedPrincipals: []string{"*"}})
			return err
		},
		"update-the-rds-security-group may: opens a group": func(s story, c aws.Config) error {
			_, err := ec2.NewFromConfig(c).AuthorizeSecurityGroupIngress(s.ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &f.group, IpPermissions: []ec2types.IpPermission{{
				IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}},
			}}})
			return err
		},
		"nobody: claims a group by tagging it": func(s story, c aws.Config) error {
			_, err := ec2.NewFromConfig(c).CreateTags(s.ctx, &ec2.CreateTagsInput{Resources: []string{f.group}, Tags: []ec2types.Tag{{Key: aws.String("rdslink:managed"), Value: aws.String("true")}}})
			return err
		},
		"nobody: puts a target into another group": func(s story, c aws.Config) error {
			_, err := elb.NewFromConfig(c).RegisterTargets(s.ctx, &elb.RegisterTargetsInput{TargetGroupArn: &f.targetGroup, Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.1.9")}}})
			return err
		},
		"nobody: makes an internet-facing load balancer": func(s story, c aws.Config) error {
			_, err := elb.NewFromConfig(c).CreateLoadBalancer(s.ctx, &elb.CreateLoadBalancerInput{
				Name: aws.String("open-door"), Type: "network", Scheme: "internet-facing", Subnets: f.subnets,
				Tags: []elbtypes.Tag{{Key: aws.String("rdslink:managed"), Value: aws.String("true")}},
			})
			return err
		},
		"nobody: deletes an exposure": func(s story, c aws.Config) error {
			_, err := dynamodb.NewFromConfig(c).DeleteItem(s.ctx,
				&dynamodb.DeleteItemInput{TableName: aws.String("registry"), Key: map[string]dynamodbtypes.AttributeValue{"id": &dynamodbtypes.AttributeValueMemberS{Value: "orders"}}})
			return err
		},
		"nobody: deletes another's target group": func(s story, c aws.Config) error {
			_, err := elb.NewFromConfig(c).DeleteTargetGroup(s.ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &f.targetGroup})
			return err
		},
		"nobody: deletes another's group": func(s story, c aws.Config) error {
			_, err := ec2.NewFromConfig(c).DeleteSecurityGroup(s.ctx, &ec2.DeleteSecurityGroupInput{GroupId: &f.group})
			return err
		},
		"nobody: deletes another's service": func(s story, c aws.Config) error {
			_, err := ec2.NewFromConfig(c).DeleteVpcEndpointServiceConfigurations(s.ctx, &ec2.DeleteVpcEndpointServiceConfigurationsInput{ServiceIds: []string{f.service}})
			return err
		},
		"nobody: deletes another function": func(s story, c aws.Config) error {
			_, err := lambda.NewFromConfig(c).DeleteFunction(s.ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String("rdslink-decision")})
			return err
		},
		"nobody: deletes another function's log": func(s story, c aws.Config) error {
			_, err := cloudwatchlogs.NewFromConfig(c).DeleteLogGroup(s.ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/aws/lambda/rdslink-decision")})
			return err
		},
		"nobody: deletes another's schedule": func(s story, c aws.Config) error {
			_, err := scheduler.NewFromConfig(c).DeleteSchedule(s.ctx, &scheduler.DeleteScheduleInput{Name: aws.String("nightly")})
			return err
		},
		"nobody: stops another's execution": func(s story, c aws.Config) error {
			_, err := sfn.NewFromConfig(c).StopExecution(s.ctx, &sfn.StopExecutionInput{ExecutionArn: aws.String(strings.Replace(f.machine, ":stateMachine:", ":execution:", 1) + ":1")})
			return err
		},
		"nobody: ends connections in an approver's place": func(s story, c aws.Config) error { return s.puts(c, bus.RemovalDecision) },
		"nobody: changes another function": func(s story, c aws.Config) error {
			_, err := lambda.NewFromConfig(c).UpdateFunctionCode(s.ctx, &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("rdslink-decision"), ZipFile: []byte("PK")})
			return err
		},
		"nobody: schedules with another role": func(s story, c aws.Config) error {
			_, err := scheduler.NewFromConfig(c).CreateSchedule(s.ctx, &scheduler.CreateScheduleInput{
				Name: aws.String("intruder"), GroupName: aws.String("rdslink"), ScheduleExpression: aws.String("rate(1 minute)"),
				FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: "OFF"},
				Target:             &schedulertypes.Target{Arn: aws.String("arn:aws:lambda:" + stage.Region + ":" + stage.Customer + ":function:rdslink-decision"), RoleArn: aws.String(s.roleOf("decision"))},
			})
			return err
		},
		"nobody: has messages sent elsewhere": func(s story, c aws.Config) error {
			_, err := sns.NewFromConfig(c).Subscribe(s.ctx, &sns.SubscribeInput{TopicArn: &f.topic, Protocol: aws.String("https"), Endpoint: aws.String("https://example.com")})
			return err
		},
		"nobody: decides in an approver's place": func(s story, c aws.Config) error { return s.puts(c, bus.ConnectionDecision) },
		"nobody: starts executions": func(s story, c aws.Config) error {
			_, err := sfn.NewFromConfig(c).StartExecution(s.ctx, &sfn.StartExecutionInput{StateMachineArn: &f.machine})
			return err
		},
		"nobody: uses a key by itself": func(s story, c aws.Config) error {
			for _, key := range f.keys[1:] {
				_, err := kms.NewFromConfig(c).Decrypt(s.ctx, &kms.DecryptInput{CiphertextBlob: []byte("x"), KeyId: &key})
				s.denied("uses "+key, err)
			}
			_, err := kms.NewFromConfig(c).Decrypt(s.ctx, &kms.DecryptInput{CiphertextBlob: []byte("x"), KeyId: &f.keys[0]})
			return err
		},
	}
}

// puts puts an event on rdslink's bus.
func (s story) puts(c aws.Config, detailType string) error {
	out, err := eventbridge.NewFromConfig(c).PutEvents(s.ctx, &eventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{{
		EventBusName: aws.String("arn:aws:events:" + stage.Region + ":" + stage.Customer + ":event-bus/rdslink"), Source: aws.String("rdslink"), DetailType: &detailType, Detail: aws.String("{}"),
	}}})
	if err == nil && out.FailedEntryCount > 0 {
		err = fmt.Errorf("%s", aws.ToString(out.Entries[0].ErrorCode))
	}
	return err
}

// The vendor's account has no business in the provider's.
func TestVendorCallsNothingOfTheProviders(t *testing.T) {
	s := begin(t)
	vendor := cloud.Config(stage.PushMetrics)
	out, err := sfn.NewFromConfig(cloud.Config(stage.Customer)).ListStateMachines(s.ctx, &sfn.ListStateMachinesInput{})
	s.check(err)
	_, err = sfn.NewFromConfig(vendor).StartExecution(s.ctx, &sfn.StartExecutionInput{StateMachineArn: out.StateMachines[0].StateMachineArn, Input: aws.String("{}")})
	s.denied("starts an execution", err)
	for _, function := range []string{"decision", "ip-sync", "observer"} {
		_, err := lambda.NewFromConfig(vendor).Invoke(s.ctx,
			&lambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:" + stage.Region + ":" + stage.Customer + ":function:rdslink-" + function), Payload: []byte("{}")})
		s.denied("invokes "+function, err)
	}
	topics, err := sns.NewFromConfig(cloud.Config(stage.Customer)).ListTopics(s.ctx, &sns.ListTopicsInput{})
	s.check(err)
	for _, topic := range topics.Topics {
		_, err := sns.NewFromConfig(vendor).Publish(s.ctx, &sns.PublishInput{TopicArn: topic.TopicArn, Message: aws.String("m")})
		s.denied("publishes to "+*topic.TopicArn, err)
	}
	s.denied("decides", s.puts(vendor, bus.ConnectionDecision))
}

// A decision from another account, or from a role of this one that nothing allows, never reaches the bus.
func TestAStrangersDecisionIsDenied(t *testing.T) {
	s := begin(t)
	s.denied("another account decides", s.puts(cloud.Config(stage.Stranger), bus.ConnectionDecision))
	s.denied("another account reports", s.puts(cloud.Config(stage.Stranger), "ConnectionAvailable"))
	s.denied("the account's root reports in the observer's place", s.puts(cloud.Config(stage.Customer), "ConnectionAvailable"))
}

// Nobody but AWS speaks for an AWS service.
func TestAForgedAWSEventIsRefused(t *testing.T) {
	s := begin(t)
	out, err := eventbridge.NewFromConfig(cloud.Config(stage.Customer)).PutEvents(s.ctx, &eventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{{
		Source: aws.String("aws.rds"), DetailType: aws.String("RDS DB Instance Event"), Detail: aws.String(`{"EventID":"RDS-EVENT-0006"}`),
	}}})
	s.check(err)
	if out.FailedEntryCount != 1 || aws.ToString(out.Entries[0].ErrorCode) != "NotAuthorizedForSourceException" {
		s.Errorf("a forged event is answered with %+v", out.Entries)
	}
}

// person is a role of the customer's with one of the app's policies for people.
func (s story) person(policy, role string) string {
	s.Helper()
	client := iam.NewFromConfig(cloud.Config(stage.Customer))
	made, err := client.CreateRole(s.ctx, &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + stage.Customer + `:root"},"Action":"sts:AssumeRole"}]}`)})
	s.check(err)
	_, err = client.AttachRolePolicy(s.ctx, &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: aws.String("arn:aws:iam::" + stage.Customer + ":policy/" + policy + "-" + stage.Region)})
	s.check(err)
	return *made.Role.Arn
}

// as is a configuration with which somebody acts in a role.
func (s story) as(role, session string) aws.Config {
	s.Helper()
	out, err := sts.NewFromConfig(cloud.Config(stage.Customer)).AssumeRole(s.ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: &session})
	s.check(err)
	config := cloud.Config(stage.Customer)
	config.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return config
}

var theStarter = struct {
	sync.Mutex
	role string
}{}

// starter is the role of whoever starts executions; all stories have the same.
func (s story) starter() (role string) {
	s.Helper()
	theStarter.Lock()
	defer theStarter.Unlock()
	if theStarter.role == "" {
		theStarter.role = s.person("rdslink-operator", "rdslink-starter")
	}
	return theStarter.role
}

// Who starts executions and who lets connections in are two people: neither can do the other's part.
func TestAnOperatorMayStartAndNotApprove(t *testing.T) {
	s := begin(t)
	database := s.database("orders-duties", singleAZ)
	starter, approver := s.starter(), s.person("rdslink-approver", "rdslink-approver")

	s.operator = operator.New(s.as(starter, "olga"), deployment.Unnamed)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	execution.waits()
	exposure := s.asked(endpoint)
	s.looks(s.as(starter, "olga"), execution)
	s.readsNoToken(s.as(starter, intruder), exposure)

	decision := bus.Decision{Exposure: exposure, VPCEndpointID: endpoint.ID, Decision: bus.Accept, By: "olga"}
	s.denied("the operator decides", operator.New(s.as(starter, intruder), deployment.Unnamed).Decide(s.ctx, decision))
	_, err := sfn.NewFromConfig(s.as(starter, intruder)).SendTaskSuccess(s.ctx, &sfn.SendTaskSuccessInput{TaskToken: aws.String("found"), Output: aws.String("{}")})
	s.denied("the operator answers for the step", err)
	_, err = ec2.NewFromConfig(s.as(starter, intruder)).AcceptVpcEndpointConnections(s.ctx,
		&ec2.AcceptVpcEndpointConnectionsInput{ServiceId: new(serviceID(handoff)), VpcEndpointIds: []string{endpoint.ID}})
	s.denied("the operator accepts", err)
	_, err = operator.New(s.as(approver, intruder), deployment.Unnamed).Start(s.ctx, `{"database":"orders-duties","vendor":"pushmetrics"}`)
	s.denied("the approver starts", err)
	s.denied("the approver reports in the observer's place", s.puts(s.as(approver, intruder), "ConnectionAvailable"))

	_, err = ec2.NewFromConfig(s.as(approver, "anton")).DescribeVpcEndpointConnections(s.ctx, &ec2.DescribeVpcEndpointConnectionsInput{})
	s.check(err)
	s.decidesNowhereElse(s.as(approver, "anton"), decision)
	// He need not know how rdslink calls the exposure: the console shows him the service.
	decision.By, decision.Exposure, decision.ServiceID = "anton", "", serviceID(handoff)
	s.check(operator.New(s.as(approver, "anton"), deployment.Unnamed).Decide(s.ctx, decision))
	execution.succeeds()

	removing := s.takesAway(fmt.Sprintf(`{"exposure": %q}`, exposure))
	removing.waits()
	end := bus.Removal{Exposure: exposure, By: "olga"}
	s.denied("the operator lets connections end", operator.New(s.as(starter, intruder), deployment.Unnamed).End(s.ctx, end))
	_, err = operator.New(s.as(approver, intruder), deployment.Unnamed).Remove(s.ctx, fmt.Sprintf(`{"exposure": %q}`, exposure))
	s.denied("the approver removes", err)
	logs := cloudwatchlogs.NewFromConfig(s.as(starter, "olga"))
	ofRemovals := "/aws/vendedlogs/states/rdslink-remove"
	streams, err := logs.DescribeLogStreams(s.ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &ofRemovals})
	s.check(err)
	if len(streams.LogStreams) > 0 {
		_, err = logs.GetLogEvents(s.ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: &ofRemovals, LogStreamName: streams.LogStreams[0].LogStreamName})
		s.check(err)
	}
	s.check(operator.New(s.as(approver, "anton"), deployment.Unnamed).End(s.ctx, end))
	removing.removed()
}

// decidesNowhereElse has an approver, and somebody who may do everything, decide where the deployment is not: EventBridge
// takes the event and drops it, so neither is told that it is on its way.
func (s story) decidesNowhereElse(approver aws.Config, decision bus.Decision) {
	s.Helper()
	admin := cloud.Config(stage.Customer)
	approver.Region, admin.Region = "eu-west-1", "eu-west-1"
	put, err := eventbridge.NewFromConfig(admin).PutEvents(s.ctx, &eventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{{
		EventBusName: new(s.stack.Bus()), Source: aws.String(bus.Source), DetailType: aws.String(bus.ConnectionDecision), Detail: aws.String("{}"),
	}}})
	if err != nil || put.FailedEntryCount != 0 || put.Entries[0].EventId == nil {
		s.Errorf("an event for a bus that is not there is answered %+v, %v", put, err)
	}
	if err := operator.New(approver, s.stack).Decide(s.ctx, decision); err == nil || !strings.Contains(err.Error(), " in eu-west-1") {
		s.Errorf("an approver who decides in another region hears %v", err)
	}
	elsewhere := operator.New(admin, s.stack)
	_, started := elsewhere.Start(s.ctx, `{"database":"orders-duties","vendor":"pushmetrics"}`)
	_, shown := elsewhere.Show(s.ctx, decision.Exposure)
	_, replayed := elsewhere.Replay(s.ctx)
	for what, err := range map[string]error{"decides": elsewhere.Decide(s.ctx, decision), "starts": started, "looks": shown, "replays": replayed} {
		if err == nil || !strings.Contains(err.Error(), "no stack rdslink in eu-west-1 of account "+stage.Customer+": deploy it first") {
			s.Errorf("whoever %s in another region hears %v", what, err)
		}
	}
}

// readsNoToken tries to read the token of an exposure that waits: whoever has it ends the wait.
func (s story) readsNoToken(c aws.Config, exposure string) {
	s.Helper()
	s.token(exposure) // there is one
	items, table := dynamodb.NewFromConfig(c), s.registryTable()
	key := map[string]dynamodbtypes.AttributeValue{"id": &dynamodbtypes.AttributeValueMemberS{Value: exposure}}
	_, err := items.GetItem(s.ctx, &dynamodb.GetItemInput{TableName: &table, Key: key})
	s.denied("the operator reads the whole item", err)
	_, err = items.GetItem(s.ctx, &dynamodb.GetItemInput{TableName: &table, Key: key, ProjectionExpression: aws.String("id, #t.#v"),
		ExpressionAttributeNames: map[string]string{"#t": "token", "#v": "value"}})
	s.denied("the operator reads the token", err)
	_, err = items.Scan(s.ctx, &dynamodb.ScanInput{TableName: &table})
	s.denied("the operator reads all items whole", err)
	_, err = items.Scan(s.ctx, &dynamodb.ScanInput{TableName: &table, ProjectionExpression: aws.String("id, #t"), ExpressionAttributeNames: map[string]string{"#t": "token"}})
	s.denied("the operator reads all tokens", err)
	_, err = items.Scan(s.ctx, &dynamodb.ScanInput{TableName: &table, ProjectionExpression: aws.String("id"), FilterExpression: aws.String("begins_with(#t.#v, :a)"),
		ExpressionAttributeNames: map[string]string{"#t": "token", "#v": "value"}, ExpressionAttributeValues: map[string]dynamodbtypes.AttributeValue{":a": key["id"]}})
	s.denied("the operator guesses at tokens", err)
	_, err = items.Query(s.ctx, &dynamodb.QueryInput{TableName: &table, KeyConditionExpression: aws.String("id = :id"), ProjectionExpression: aws.String("id"),
		ExpressionAttributeValues: map[string]dynamodbtypes.AttributeValue{":id": key["id"]}})
	s.denied("the operator queries", err)
}

// looks reads what the console shows to whoever starts executions, stops an execution and redrives it.
func (s story) looks(c aws.Config, e execution) {
	s.Helper()
	machines := sfn.NewFromConfig(c)
	list, err := machines.ListStateMachines(s.ctx, &sfn.ListStateMachinesInput{})
	s.check(err)
	machine := list.StateMachines[0].StateMachineArn
	_, err = machines.DescribeStateMachine(s.ctx, &sfn.DescribeStateMachineInput{StateMachineArn: machine})
	s.check(err)
	_, err = machines.ListExecutions(s.ctx, &sfn.ListExecutionsInput{StateMachineArn: machine})
	s.check(err)
	_, err = cloudformation.NewFromConfig(c).DescribeStacks(s.ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("rdslink")})
	s.check(err)
	_, err = machines.DescribeStateMachineForExecution(s.ctx, &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: &e.arn})
	s.check(err)
	logs := cloudwatchlogs.NewFromConfig(c)
	streams := func(group string) []cloudwatchlogstypes.LogStream {
		out, err := logs.DescribeLogStreams(s.ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &group})
		s.check(err)
		return out.LogStreams
	}
	ofMachine, ofFunction := "/aws/vendedlogs/states/rdslink-setup", "/aws/lambda/rdslink-accept-the-connection"
	streams(ofMachine)
	for _, group := range []string{ofMachine, ofFunction} {
		_, err = logs.FilterLogEvents(s.ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group})
		s.check(err)
	}
	s.await("the function's log", func() bool { return len(streams(ofFunction)) > 0 })
	_, err = logs.GetLogEvents(s.ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: &ofFunction, LogStreamName: streams(ofFunction)[0].LogStreamName})
	s.check(err)
	_, err = machines.StopExecution(s.ctx, &sfn.StopExecutionInput{ExecutionArn: &e.arn})
	s.check(err)
	_, err = machines.RedriveExecution(s.ctx, &sfn.RedriveExecutionInput{ExecutionArn: &e.arn})
	s.check(err)
	e.waits()
}
