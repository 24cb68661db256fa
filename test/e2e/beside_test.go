package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/test/stage"
)

// Two stacks of one account and region expose one database to one consumer. Each does its work, neither may touch what is
// the other's, and when one leaves, the other says so and mends itself.
func TestTwoStacksSideBySide(t *testing.T) {
	s := begin(t)
	database := s.database("orders-twofold", singleAZ)
	first := s.exposes(database)
	finance := s.beside("finance")
	first.waits() // the database's group is open
	second := finance.exposes(database)

	own := s.connected(database, first)
	theirs := finance.connected(database, second)
	if own.Exposure == theirs.Exposure || own.ServiceName == theirs.ServiceName || own.Resources.ResolverFunction == theirs.Resources.ResolverFunction {
		t.Errorf("both stacks have\n%s\nand\n%s", own.text, theirs.text)
	}
	if len(own.Resources.BorrowedRules) != 0 {
		t.Errorf("the first stack borrows %v", own.Resources.BorrowedRules)
	}
	borrowed := theirs.borrows(deployment.Unnamed)
	s.mayTouchNothingOf(finance, theirs, borrowed)
	finance.mayTouchNothingOf(s, own, nil)

	// The first one leaves, as docs/removing.md says: its rules go with it.
	s.leaveAlone(own.output)
	_, err := s.network().RevokeSecurityGroupIngress(s.ctx, &ec2.RevokeSecurityGroupIngressInput{
		GroupId: &own.Resources.DatabaseSecurityGroupID, SecurityGroupRuleIds: own.Resources.SecurityGroupRuleIDs,
	})
	s.check(err)
	s.await("the other's sync to alarm", func() bool { return aged.MatchString(finance.syncs(theirs.Exposure)) })
	again := finance.exposes(database).succeeds()
	if len(again.Resources.BorrowedRules) != 0 {
		t.Errorf("the second stack still borrows %v", again.Resources.BorrowedRules)
	}
	finance.readsOrders(theirs.client)
}

// beside deploys another stack of the app, and is the story of whoever works with that one.
func (s story) beside(name deployment.Name) story {
	s.Helper()
	stack := cloud.Beside(name)
	s.check(stack.Synth(s.ctx))
	s.check(stack.Deploy(s.ctx))
	other := s
	other.stack, other.mail, other.operator = name, new(record), operator.New(cloud.Config(stage.Customer), name)
	s.check(subscribe(s.ctx, stack, "e2e-mail-"+string(name), "HandOffTopicArn", other.mail))
	s.check(subscribe(s.ctx, stack, "e2e-news-"+string(name), "OperatorsTopicArn", news))
	return other
}

// link is a vendor's connection, through which it has read.
type link struct {
	output
	story
	client stage.Client
}

// connected lets the vendor connect to an exposure that waits for it, and read.
func (s story) connected(database stage.Database, e execution) link {
	s.Helper()
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	c := link{e.succeeds(), s, s.client(endpoint, handoff)}
	s.readsOrders(c.client)
	return c
}

// borrows are the ids of the rules that the exposure has from another stack, and that alone.
func (c link) borrows(from deployment.Name) (ids []string) {
	c.Helper()
	for _, b := range c.Resources.BorrowedRules {
		if b.Stack != from.Stack() {
			c.Errorf("the rule %s is of %q", b.SecurityGroupRuleID, b.Stack)
		}
		ids = append(ids, b.SecurityGroupRuleID)
	}
	if len(ids) != len(c.Resources.SecurityGroupRuleIDs)-1 { // all but the resolver's
		c.Errorf("it borrows %v of %v", ids, c.Resources.SecurityGroupRuleIDs)
	}
	return ids
}

// mayTouchNothingOf has functions of the story's stack try on what is the other's what they may do with their own. Of the
// rules of the database's group, those that the other has borrowed are not its own.
func (s story) mayTouchNothingOf(other story, c link, borrowed []string) {
	s.Helper()
	for what, try := range other.touches(s, c, borrowed) {
		by, what, _ := strings.Cut(what, ": ")
		for function := range strings.FieldsSeq(by) {
			s.denied(s.stack.Stack()+": "+function+" "+what+" of "+other.stack.Stack(), try(s.intruder(function)))
		}
	}
}

// touches are the ways to touch what is of the stack, named after the functions that may do such a thing with their own.
func (s story) touches(by story, c link, borrowed []string) map[string]func(aws.Config) error {
	s.Helper()
	environment := s.function(s.stack.Function("observer")).Environment.Variables
	table, r := environment["REGISTRY_TABLE"], c.Resources
	id := map[string]dynamodbtypes.AttributeValue{"id": &dynamodbtypes.AttributeValueMemberS{Value: c.Exposure}}
	mine := []ec2types.Tag{{Key: aws.String(owned.ManagedTag), Value: aws.String(s.stack.Managed())}}
	var rules []string
	for _, rule := range r.SecurityGroupRuleIDs {
		if !strings.Contains(strings.Join(borrowed, " "), rule) {
			rules = append(rules, rule)
		}
	}
	permission := []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}
	put := func(as aws.Config, detailType string) error {
		_, err := eventbridge.NewFromConfig(as).PutEvents(s.ctx, &eventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{{
			EventBusName: aws.String(s.stack.Bus()), Source: aws.String(bus.Source), DetailType: &detailType, Detail: aws.String("{}"),
		}}})
		return err
	}
	schedule := func(group, role string) func(aws.Config) error {
		return func(as aws.Config) error {
			_, err := scheduler.NewFromConfig(as).CreateSchedule(s.ctx, &scheduler.CreateScheduleInput{
				Name: aws.String("intruder"), GroupName: &group, ScheduleExpression: aws.String("rate(1 minute)"),
				FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: "OFF"},
				Target:             &schedulertypes.Target{Arn: aws.String(s.functionARN(s.stack.Function("ip-sync"))), RoleArn: &role},
			})
			return err
		}
	}
	return map[string]func(aws.Config) error{
		"gather-rds-details ip-sync observer decision: reads the registry": func(as aws.Config) error {
			_, err := dynamodb.NewFromConfig(as).GetItem(s.ctx, &dynamodb.GetItemInput{TableName: &table, Key: id})
			return err
		},
		"gather-rds-details ip-sync observer decision: writes the registry": func(as aws.Config) error {
			_, err := dynamodb.NewFromConfig(as).UpdateItem(s.ctx, &dynamodb.UpdateItemInput{TableName: &table, Key: id})
			return err
		},
		"resolve-private-ip create-target-group install-ip-sync ip-sync: asks the resolver": func(as aws.Config) error {
			_, err := lambda.NewFromConfig(as).Invoke(s.ctx, &lambda.InvokeInput{FunctionName: &r.ResolverFunction, Payload: []byte("{}")})
			return err
		},
		"resolve-private-ip on-stack-change: upgrades the resolver": func(as aws.Config) error {
			_, err := lambda.NewFromConfig(as).UpdateFunctionCode(s.ctx, &lambda.UpdateFunctionCodeInput{FunctionName: &r.ResolverFunction,
				S3Bucket: aws.String(environment["RESOLVER_CODE_BUCKET"]), S3Key: aws.String(environment["RESOLVER_CODE_KEY"])})
			return err
		},
		"resolve-private-ip on-stack-change: tags the resolver": func(as aws.Config) error {
			_, err := lambda.NewFromConfig(as).TagResource(s.ctx,
				&lambda.TagResourceInput{Resource: aws.String(s.functionARN(r.ResolverFunction)), Tags: map[string]string{owned.ManagedTag: by.stack.Managed()}})
			return err
		},
		"observer: invokes the sync": func(as aws.Config) error {
			_, err := lambda.NewFromConfig(as).Invoke(s.ctx, &lambda.InvokeInput{FunctionName: aws.String(s.stack.Function("ip-sync")), Payload: []byte("{}")})
			return err
		},
		"accept-the-connection: invokes the observer": func(as aws.Config) error {
			_, err := lambda.NewFromConfig(as).Invoke(s.ctx, &lambda.InvokeInput{FunctionName: aws.String(s.stack.Function("observer")), Payload: []byte("{}")})
			return err
		},
		"create-target-group install-ip-sync ip-sync: registers a target": func(as aws.Config) error {
			_, err := elb.NewFromConfig(as).RegisterTargets(s.ctx,
				&elb.RegisterTargetsInput{TargetGroupArn: &r.TargetGroupARN, Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.1.9")}}})
			return err
		},
		"create-target-group: changes the target group": func(as aws.Config) error {
			_, err := elb.NewFromConfig(as).ModifyTargetGroup(s.ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: &r.TargetGroupARN, HealthyThresholdCount: aws.Int32(9)})
			return err
		},
		"create-target-group: makes a target group that passes for one": func(as aws.Config) error {
			_, err := elb.NewFromConfig(as).CreateTargetGroup(s.ctx, &elb.CreateTargetGroupInput{
				Name: aws.String("intruder"), Protocol: "TCP", Port: aws.Int32(5432), VpcId: aws.String("vpc-0123456789abcdef0"), TargetType: "ip",
				Tags: []elbtypes.Tag{{Key: mine[0].Key, Value: mine[0].Value}},
			})
			return err
		},
		"create-load-balancer: unprotects the load balancer": func(as aws.Config) error {
			_, err := elb.NewFromConfig(as).ModifyLoadBalancerAttributes(s.ctx, &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &r.LoadBalancerARN,
				Attributes: []elbtypes.LoadBalancerAttribute{{Key: aws.String("deletion_protection.enabled"), Value: aws.String("false")}}})
			return err
		},
		"create-load-balancer: changes the listener": func(as aws.Config) error {
			_, err := elb.NewFromConfig(as).ModifyListener(s.ctx, &elb.ModifyListenerInput{ListenerArn: &r.ListenerARN, Port: aws.Int32(22)})
			return err
		},
		"update-the-rds-security-group: opens the load balancer's group inwards": func(as aws.Config) error {
			_, err := ec2.NewFromConfig(as).AuthorizeSecurityGroupIngress(s.ctx,
				&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &r.LoadBalancerSecurityGroupID, IpPermissions: permission})
			return err
		},
		"create-load-balancer resolve-private-ip: opens the load balancer's group outwards": func(as aws.Config) error {
			_, err := ec2.NewFromConfig(as).AuthorizeSecurityGroupEgress(s.ctx,
				&ec2.AuthorizeSecurityGroupEgressInput{GroupId: &r.LoadBalancerSecurityGroupID, IpPermissions: permission})
			return err
		},
		"create-load-balancer resolve-private-ip: makes a group that passes for one": func(as aws.Config) error {
			_, err := ec2.NewFromConfig(as).CreateSecurityGroup(s.ctx, &ec2.CreateSecurityGroupInput{
				GroupName: aws.String("intruder"), Description: aws.String("i"), VpcId: aws.String("vpc-0123456789abcdef0"),
				TagSpecifications: []ec2types.TagSpecification{{ResourceType: "security-group", Tags: mine}},
			})
			return err
		},
		"update-the-rds-security-group create-load-balancer resolve-private-ip: tags a rule": func(as aws.Config) error {
			_, err := ec2.NewFromConfig(as).CreateTags(s.ctx, &ec2.CreateTagsInput{Resources: rules, Tags: []ec2types.Tag{{Key: aws.String(owned.RuleTag("intruder")), Value: aws.String("true")}}})
			return err
		},
		"update-the-rds-security-group: untags a rule": func(as aws.Config) error {
			_, err := ec2.NewFromConfig(as).DeleteTags(s.ctx, &ec2.DeleteTagsInput{Resources: rules, Tags: []ec2types.Tag{{Key: aws.String(owned.RuleTag(c.Exposure))}}})
			return err
		},
		"allow-principals: lets everybody ask for the service": func(as aws.Config) error {
			_, err := ec2.NewFromConfig(as).ModifyVpcEndpointServicePermissions(s.ctx,
				&ec2.ModifyVpcEndpointServicePermissionsInput{ServiceId: &c.ServiceID, AddAllowedPrincipals: []string{"*"}})
			return err
		},
		"create-endpoint-service: lets everybody into the service": func(as aws.Config) error {
			_, err := ec2.NewFromConfig(as).ModifyVpcEndpointServiceConfiguration(s.ctx,
				&ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: &c.ServiceID, AcceptanceRequired: aws.Bool(false)})
			return err
		},
		"decision: accepts a connection": func(as aws.Config) error {
			_, err := ec2.NewFromConfig(as).AcceptVpcEndpointConnections(s.ctx,
				&ec2.AcceptVpcEndpointConnectionsInput{ServiceId: &c.ServiceID, VpcEndpointIds: []string{c.Connection.VPCEndpointID}})
			return err
		},
		"decision: rejects a connection": func(as aws.Config) error {
			_, err := ec2.NewFromConfig(as).RejectVpcEndpointConnections(s.ctx,
				&ec2.RejectVpcEndpointConnectionsInput{ServiceId: &c.ServiceID, VpcEndpointIds: []string{c.Connection.VPCEndpointID}})
			return err
		},
		"install-ip-sync: reads a schedule": func(as aws.Config) error {
			_, err := scheduler.NewFromConfig(as).GetSchedule(s.ctx, &scheduler.GetScheduleInput{Name: &r.ScheduleName, GroupName: aws.String(s.stack.ScheduleGroup())})
			return err
		},
		"install-ip-sync: makes a schedule":           schedule(s.stack.ScheduleGroup(), environment["SCHEDULE_ROLE_ARN"]),
		"install-ip-sync: uses the role of schedules": schedule(by.stack.ScheduleGroup(), environment["SCHEDULE_ROLE_ARN"]),
		"observer: reports on the bus":                func(as aws.Config) error { return put(as, bus.ConnectionAvailable) },
		"observer decision: decides on the bus":       func(as aws.Config) error { return put(as, bus.ConnectionDecision) },
		"observer decision: writes to the operators": func(as aws.Config) error {
			_, err := sns.NewFromConfig(as).Publish(s.ctx, &sns.PublishInput{TopicArn: aws.String(environment["OPERATORS_TOPIC_ARN"]), Message: aws.String("m")})
			return err
		},
		"share-the-service-name: subscribes to the hand-off": func(as aws.Config) error {
			_, err := sns.NewFromConfig(as).Subscribe(s.ctx,
				&sns.SubscribeInput{TopicArn: aws.String(environment["HANDOFF_TOPIC_ARN"]), Protocol: aws.String("email"), Endpoint: aws.String("intruder@example.com")})
			return err
		},
		"decision gather-rds-details observer: reads an execution": func(as aws.Config) error {
			_, err := sfn.NewFromConfig(as).GetExecutionHistory(s.ctx, &sfn.GetExecutionHistoryInput{
				ExecutionArn: aws.String("arn:aws:states:" + stage.Region + ":" + stage.Customer + ":execution:" + s.stack.StateMachine() + ":1"),
			})
			return err
		},
	}
}
