package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/resolver"
	"github.com/rdslink/rdslink/internal/subscription"
	"github.com/rdslink/rdslink/test/stage"
)

// Whatever a person changed by hand, and whatever the input says anew, a second execution puts right.
// The vendor goes on reading.
func TestWhatWasChangedByHandIsPutRight(t *testing.T) {
	s := begin(t)
	database := s.database("orders-drift", singleAZ)
	first := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	made := first.succeeds()

	s.meddle(made)
	left := s.leftBehind(database.VPC, made.Exposure)
	s.asksElsewhere(database.VPC)
	again := fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics", "ingress": "addresses", "supportedRegions": ["us-east-1"],
		"notify": ["dba@example.com", "audit@example.com", "late@example.com"]}`, database.Identifier)
	after := s.starts(again).succeeds(strangers)
	s.answersMail("dba@example.com")
	for address, want := range map[string]string{
		"audit@example.com": `{"exposure":["another"]}`, // as it was there
		"dba@example.com":   `{"notify":["dba@example.com"]}`,
	} {
		if filter, there := s.filterOf(address); !there || filter != want {
			s.Errorf("the subscription of %s has the filter %s", address, filter)
		}
	}
	if after.ServiceID != made.ServiceID {
		s.Errorf("the service was %s and is %s", made.ServiceID, after.ServiceID)
	}
	s.isRight(after)
	if rules := s.admits(left); len(rules) > 0 {
		s.Errorf("%s still admits %d for the exposure", left, len(rules))
	}
	databases, costCenters := s.labels(after)
	for _, label := range databases {
		if !strings.HasSuffix(label, ":db:"+database.Identifier) {
			s.Errorf("something of the exposure is tagged as of %s", label)
		}
	}
	if want := 3 + len(s.tagged(after)); len(costCenters) != want || slices.ContainsFunc(costCenters, func(c string) bool { return c != "4711" }) {
		s.Errorf("%d things carry the deployment's tags and their cost centers are %s", want, costCenters)
	}
	if to := s.logGroup(after.Resources.ResolverFunction); to != deployment.Unnamed.ResolverLog() {
		s.Errorf("the resolver logs to %s", to)
	}
	s.readsOrders(s.client(endpoint, handoff))

	// Its client token is used up, and would be answered with the dead one.
	_, err := s.network().DeleteVpcEndpointConnectionNotifications(s.ctx, &ec2.DeleteVpcEndpointConnectionNotificationsInput{
		ConnectionNotificationIds: []string{s.notification(after)},
	})
	s.check(err)
	after = s.starts(strings.Replace(again, `["dba@example.com", "audit@example.com", "late@example.com"]`, `["audit@example.com"]`, 1)).succeeds(strangers)
	if filter, there := s.filterOf("dba@example.com"); there {
		s.Errorf("an address that the input names no more is subscribed, with the filter %s", filter)
	}
	if len(after.StillSubscribed) != 1 || !strings.HasPrefix(after.StillSubscribed[0], "late@example.com: nobody has confirmed it") {
		s.Errorf("still subscribed: %q", after.StillSubscribed)
	}
	s.isRight(after)
}

// answersMail follows the link in the mail that an address has got: here the token in it is the address.
func (s story) answersMail(address string) {
	s.Helper()
	_, err := sns.NewFromConfig(cloud.Config(stage.Customer)).ConfirmSubscription(s.ctx, &sns.ConfirmSubscriptionInput{
		TopicArn: s.topic("HandOff"), Token: &address,
	})
	s.check(err)
}

// strangers is what the finding about a listener begins with that somebody has made, and that is left to whoever that was.
const strangers = "listener "

// leftBehind is a group that the database does not carry, with a rule for the exposure, as if it had carried it.
func (s story) leftBehind(vpc stage.VPC, exposure string) string {
	s.Helper()
	made, err := s.network().CreateSecurityGroup(s.ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("left-behind"), Description: aws.String("a database carried it"), VpcId: &vpc.ID,
	})
	s.check(err)
	_, err = s.network().AuthorizeSecurityGroupIngress(s.ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: made.GroupId,
		IpPermissions: []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432),
			IpRanges: []ec2types.IpRange{{CidrIp: aws.String("10.0.0.0/24")}}}},
		TagSpecifications: owned.EC2TagSpecifications(ec2types.ResourceTypeSecurityGroupRule, owned.Owner{}.RuleTags(exposure)),
	})
	s.check(err)
	return *made.GroupId
}

// admits are the rules that let somebody into a group.
func (s story) admits(group string) []ec2types.SecurityGroupRule {
	s.Helper()
	rules, err := ingress.Rules(s.ctx, s.network(), []string{group})
	s.check(err)
	return rules
}

// costCenter is a tag that the deployment wants on everything.
const costCenter = "CostCenter"

// mislabel gives other values to tags on what an exposure consists of, and on its VPC's resolver.
func (s story) mislabel(o output) {
	s.Helper()
	_, err := s.balancers().AddTags(s.ctx, &elb.AddTagsInput{
		ResourceArns: []string{o.Resources.TargetGroupARN, o.Resources.LoadBalancerARN, o.Resources.ListenerARN},
		Tags:         owned.ELBTags(map[string]string{owned.DatabaseTag: "another", costCenter: "another"}),
	})
	s.check(err)
	for _, id := range s.tagged(o) {
		_, err = s.network().CreateTags(s.ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: owned.EC2Tags(map[string]string{costCenter: "another"})})
		s.check(err)
	}
	_, err = s.network().CreateTags(s.ctx, &ec2.CreateTagsInput{
		Resources: []string{o.ServiceID, o.Resources.LoadBalancerSecurityGroupID}, Tags: owned.EC2Tags(map[string]string{owned.DatabaseTag: "another"}),
	})
	s.check(err)
}

// tagged is all of EC2's that carries tags of an exposure's or of its VPC's resolver.
func (s story) tagged(o output) []string {
	s.Helper()
	all := []string{o.ServiceID}
	for _, group := range []string{o.Resources.LoadBalancerSecurityGroupID, *s.resolverGroup(o.Resources.ResolverFunction), o.Resources.DatabaseSecurityGroupID} {
		rules, err := s.network().DescribeSecurityGroupRules(s.ctx, &ec2.DescribeSecurityGroupRulesInput{
			Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{group}}},
		})
		s.check(err)
		for _, rule := range rules.SecurityGroupRules {
			if (owned.Owner{}).Manages(owned.FromEC2(rule.Tags)) {
				all = append(all, *rule.SecurityGroupRuleId)
			}
		}
		if group != o.Resources.DatabaseSecurityGroupID {
			all = append(all, group)
		}
	}
	return all
}

// labels are the values of these tags.
func (s story) labels(o output) (databases, costCenters []string) {
	s.Helper()
	elbTags, err := s.balancers().DescribeTags(s.ctx, &elb.DescribeTagsInput{
		ResourceArns: []string{o.Resources.TargetGroupARN, o.Resources.LoadBalancerARN, o.Resources.ListenerARN},
	})
	s.check(err)
	for _, d := range elbTags.TagDescriptions {
		tags := owned.FromELB(d.Tags)
		databases, costCenters = append(databases, tags[owned.DatabaseTag]), append(costCenters, tags[costCenter])
	}
	ec2Tags, err := s.network().DescribeTags(s.ctx, &ec2.DescribeTagsInput{Filters: []ec2types.Filter{{Name: aws.String("resource-id"), Values: s.tagged(o)}}})
	s.check(err)
	for _, tag := range ec2Tags.Tags {
		switch *tag.Key {
		case owned.DatabaseTag:
			databases = append(databases, *tag.Value)
		case costCenter:
			costCenters = append(costCenters, *tag.Value)
		}
	}
	return databases, costCenters
}

// meddle changes by hand what the steps have made.
func (s story) meddle(o output) {
	s.Helper()
	r := o.Resources
	_, err := s.balancers().ModifyTargetGroup(s.ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: &r.TargetGroupARN, HealthCheckIntervalSeconds: aws.Int32(30)})
	s.check(err)
	_, err = s.balancers().ModifyListener(s.ctx, &elb.ModifyListenerInput{ListenerArn: &r.ListenerARN, DefaultActions: []elbtypes.Action{{
		Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: aws.String(s.anotherGroup(r.TargetGroupARN)),
	}}})
	s.check(err)
	_, err = s.network().ModifyVpcEndpointServiceConfiguration(s.ctx, &ec2.ModifyVpcEndpointServiceConfigurationInput{ServiceId: &o.ServiceID, AcceptanceRequired: aws.Bool(false)})
	s.check(err)
	_, err = s.network().ModifyVpcEndpointConnectionNotification(s.ctx, &ec2.ModifyVpcEndpointConnectionNotificationInput{
		ConnectionNotificationId: aws.String(s.notification(o)), ConnectionEvents: []string{"Connect"},
	})
	s.check(err)
	s.mislabel(o)
	_, err = s.balancers().CreateListener(s.ctx, &elb.CreateListenerInput{LoadBalancerArn: &r.LoadBalancerARN, Protocol: "TCP", Port: aws.Int32(9999),
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &r.TargetGroupARN}}})
	s.check(err)
	for _, group := range []string{r.LoadBalancerSecurityGroupID, *s.resolverGroup(r.ResolverFunction)} {
		_, err = s.network().AuthorizeSecurityGroupIngress(s.ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group,
			IpPermissions: []ec2types.IpPermission{{IpProtocol: aws.String("-1"), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}})
		s.check(err)
	}
	s.deploys(r.ResolverFunction)
	s.outdate(r.ResolverFunction)
	s.logsElsewhere(r.ResolverFunction)
	s.slow(r.ScheduleName)
	topic := aws.ToString(s.topic("HandOff"))
	_, err = sns.NewFromConfig(cloud.Config(stage.Customer)).Subscribe(s.ctx, &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("email"), Endpoint: aws.String("audit@example.com"), Attributes: map[string]string{"FilterPolicy": `{"exposure":["another"]}`},
	})
	s.check(err)
	s.answersMail("audit@example.com")
}

// outdate makes a resolver look like one of another version, once it is not being updated.
func (s story) outdate(function string) {
	s.Helper()
	s.whenIdle(function, func() error {
		_, err := lambda.NewFromConfig(cloud.Config(stage.Customer)).TagResource(s.ctx, &lambda.TagResourceInput{
			Resource: aws.String(s.functionARN(function)), Tags: map[string]string{resolver.CodeTag: "of another version"},
		})
		return err
	})
}

// whenIdle makes a call that Lambda refuses while the function is being updated.
func (s story) whenIdle(function string, call func() error) {
	s.Helper()
	s.await(function+" is not busy", func() bool {
		err := call()
		if _, busy := errors.AsType[*lambdatypes.ResourceConflictException](err); busy {
			return false
		}
		s.check(err)
		return true
	})
}

// asksElsewhere makes those in a VPC ask a DNS server that is in none of its blocks.
func (s story) asksElsewhere(vpc stage.VPC) {
	s.Helper()
	made, err := s.network().CreateDhcpOptions(s.ctx, &ec2.CreateDhcpOptionsInput{DhcpConfigurations: []ec2types.NewDhcpConfiguration{
		{Key: aws.String("domain-name-servers"), Values: []string{"192.168.7.53"}},
	}})
	s.check(err)
	_, err = s.network().AssociateDhcpOptions(s.ctx, &ec2.AssociateDhcpOptionsInput{DhcpOptionsId: made.DhcpOptions.DhcpOptionsId, VpcId: &vpc.ID})
	s.check(err)
}

// logsElsewhere makes a resolver write to another function's log.
func (s story) logsElsewhere(function string) {
	s.Helper()
	_, err := lambda.NewFromConfig(cloud.Config(stage.Customer)).UpdateFunctionConfiguration(s.ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &function, LoggingConfig: &lambdatypes.LoggingConfig{LogGroup: aws.String(deployment.Log(deployment.Unnamed.Function("decision")))},
	})
	s.check(err)
}

func (s story) logGroup(function string) string {
	s.Helper()
	found, err := lambda.NewFromConfig(cloud.Config(stage.Customer)).GetFunction(s.ctx, &lambda.GetFunctionInput{FunctionName: &function})
	s.check(err)
	return aws.ToString(found.Configuration.LoggingConfig.LogGroup)
}

// deploys does what CloudFormation does with the stack's guard in an update that brings new code, and
// before it deletes the stack.
func (s story) deploys(function string) {
	s.Helper()
	s.outdate(function)
	client := lambda.NewFromConfig(cloud.Config(stage.Customer))
	ask := func(request string) {
		event, err := json.Marshal(map[string]any{
			"RequestType": request, "RequestId": "1", "StackId": "arn:aws:cloudformation:" + stage.Region + ":" + stage.Customer + ":stack/rdslink/1",
			"LogicalResourceId": "Guard", "PhysicalResourceId": "rdslink-exposures", "ResourceType": "Custom::Exposures",
			"ResponseURL": cloud.Endpoint + "/_local/calls?since=1000000000", // takes any answer
		})
		s.check(err)
		_, err = client.Invoke(s.ctx, &lambda.InvokeInput{FunctionName: aws.String("rdslink-on-stack-change"), Payload: event})
		s.check(err)
	}
	ask("Update")
	tags, err := client.ListTags(s.ctx, &lambda.ListTagsInput{Resource: aws.String(s.functionARN(function))})
	s.check(err)
	if tags.Tags[resolver.CodeTag] == "of another version" {
		s.Errorf("a deployment leaves %s at its old version", function)
	}
	// One that it may not touch does not fail it, and is told.
	s.whenIdle(function, func() error {
		_, err := client.UntagResource(s.ctx, &lambda.UntagResourceInput{Resource: aws.String(s.functionARN(function)), TagKeys: []string{owned.ManagedTag}})
		return err
	})
	ask("Update")
	s.hears(news, "could not be given its code", function, "does not carry our tags")
	s.whenIdle(function, func() error {
		_, err := client.TagResource(s.ctx, &lambda.TagResourceInput{Resource: aws.String(s.functionARN(function)), Tags: map[string]string{owned.ManagedTag: "true"}})
		return err
	})
	ask("Delete")
}

// anotherGroup is a target group like the exposure's, for the same VPC.
func (s story) anotherGroup(like string) string {
	s.Helper()
	found, err := s.balancers().DescribeTargetGroups(s.ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{like}})
	s.check(err)
	made, err := s.balancers().CreateTargetGroup(s.ctx, &elb.CreateTargetGroupInput{
		Name: aws.String("by-hand"), Protocol: "TCP", Port: aws.Int32(5432), VpcId: found.TargetGroups[0].VpcId, TargetType: "ip",
	})
	s.check(err)
	return *made.TargetGroups[0].TargetGroupArn
}

// notification is the connection notification of the exposure's service.
func (s story) notification(o output) string {
	s.Helper()
	out, err := s.network().DescribeVpcEndpointConnectionNotifications(s.ctx, &ec2.DescribeVpcEndpointConnectionNotificationsInput{})
	s.check(err)
	for _, n := range out.ConnectionNotificationSet {
		if aws.ToString(n.ServiceId) == o.ServiceID {
			return *n.ConnectionNotificationId
		}
	}
	s.Fatalf("%s has no connection notification", o.ServiceID)
	return ""
}

// slow makes the exposure's schedule rare.
func (s story) slow(name string) {
	s.Helper()
	client := scheduler.NewFromConfig(cloud.Config(stage.Customer))
	found, err := client.GetSchedule(s.ctx, &scheduler.GetScheduleInput{Name: &name, GroupName: aws.String("rdslink")})
	s.check(err)
	_, err = client.UpdateSchedule(s.ctx, &scheduler.UpdateScheduleInput{
		Name: &name, GroupName: aws.String("rdslink"), ScheduleExpression: aws.String("rate(30 minutes)"), Target: found.Target,
		FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
	})
	s.check(err)
}

// topic is the ARN of one of the app's topics.
func (s story) topic(id string) *string {
	s.Helper()
	arn, err := cloud.Output(s.ctx, id+"TopicArn")
	s.check(err)
	return &arn
}

// isRight says whether everything that meddle changed is as the steps want it.
func (s story) isRight(o output) {
	s.Helper()
	groups, err := s.balancers().DescribeTargetGroups(s.ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{o.Resources.TargetGroupARN}})
	s.check(err)
	listeners, err := s.balancers().DescribeListeners(s.ctx, &elb.DescribeListenersInput{ListenerArns: []string{o.Resources.ListenerARN}})
	s.check(err)
	services, err := s.network().DescribeVpcEndpointServiceConfigurations(s.ctx, &ec2.DescribeVpcEndpointServiceConfigurationsInput{ServiceIds: []string{o.ServiceID}})
	s.check(err)
	notifications, err := s.network().DescribeVpcEndpointConnectionNotifications(s.ctx, &ec2.DescribeVpcEndpointConnectionNotificationsInput{ConnectionNotificationId: aws.String(s.notification(o))})
	s.check(err)
	schedule, err := scheduler.NewFromConfig(cloud.Config(stage.Customer)).GetSchedule(s.ctx, &scheduler.GetScheduleInput{Name: &o.Resources.ScheduleName, GroupName: aws.String("rdslink")})
	s.check(err)
	service := services.ServiceConfigurations[0]
	for what, right := range map[string]bool{
		"the health check's interval": *groups.TargetGroups[0].HealthCheckIntervalSeconds == 10,
		"the listener's target group": aws.ToString(listeners.Listeners[0].DefaultActions[0].TargetGroupArn) == o.Resources.TargetGroupARN,
		"acceptance":                  aws.ToBool(service.AcceptanceRequired),
		"the further region":          len(service.SupportedRegions) > 0,
		"the notified events":         len(notifications.ConnectionNotificationSet[0].ConnectionEvents) == 4,
		"the load balancer's group":   len(s.admits(o.Resources.LoadBalancerSecurityGroupID)) == 1,
		"the resolver's group":        len(s.admits(*s.resolverGroup(o.Resources.ResolverFunction))) == 0,
		"the schedule":                aws.ToString(schedule.ScheduleExpression) == "rate(1 minute)",
	} {
		if !right {
			s.Errorf("%s is not right", what)
		}
	}
}

// filterOf is the filter policy of an address's subscription to the hand-off topic, once it is confirmed.
func (s story) filterOf(address string) (policy string, there bool) {
	s.Helper()
	client := sns.NewFromConfig(cloud.Config(stage.Customer))
	all, err := subscription.ByAddress(s.ctx, client, aws.ToString(s.topic("HandOff")))
	s.check(err)
	arn, there := all[address]
	if !there {
		return "", false
	}
	attributes, err := client.GetSubscriptionAttributes(s.ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: &arn})
	s.check(err)
	return attributes.Attributes["FilterPolicy"], true
}
