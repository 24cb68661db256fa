package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

// removal is what a removal's execution results in.
type removal struct {
	Exposure string
	Removed  []belongings.Thing
	Left     []belongings.Left
}

// takesAway starts a removal.
func (s story) takesAway(input string) execution {
	s.Helper()
	arn, err := s.operator.Remove(s.ctx, input)
	s.check(err)
	return execution{s, arn}
}

// removed follows a removal to its end.
func (e execution) removed() (r removal) {
	e.Helper()
	p := e.ends()
	if p.Status != "SUCCEEDED" {
		e.Fatalf("the removal ended %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	e.check(json.Unmarshal([]byte(p.Output), &r))
	return r
}

// inventory is all that AWS tells of what lies in a VPC, or belongs to its exposures, and the registry's items about them.
func (s story) inventory(vpc stage.VPC, exposures ...string) []string {
	s.Helper()
	var all []string
	add := func(kind string, names ...*string) {
		for _, name := range names {
			all = append(all, kind+" "+aws.ToString(name))
		}
	}
	within := []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{vpc.ID}}}
	groups, err := s.network().DescribeSecurityGroups(s.ctx, &ec2.DescribeSecurityGroupsInput{Filters: within})
	s.check(err)
	for _, g := range groups.SecurityGroups {
		add("group", g.GroupId)
		rules, err := s.network().DescribeSecurityGroupRules(s.ctx, &ec2.DescribeSecurityGroupRulesInput{
			Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{*g.GroupId}}},
		})
		s.check(err)
		for _, r := range rules.SecurityGroupRules {
			add(fmt.Sprintf("rule %v", r.Tags), r.SecurityGroupRuleId)
		}
	}
	interfaces, err := s.network().DescribeNetworkInterfaces(s.ctx, &ec2.DescribeNetworkInterfacesInput{Filters: within})
	s.check(err)
	for _, i := range interfaces.NetworkInterfaces {
		if aws.ToBool(i.RequesterManaged) { // else it is a client's, whose connection has just ended
			add("interface", i.NetworkInterfaceId)
		}
	}
	balancers, err := s.balancers().DescribeLoadBalancers(s.ctx, &elb.DescribeLoadBalancersInput{})
	s.check(err)
	for _, b := range balancers.LoadBalancers {
		if aws.ToString(b.VpcId) == vpc.ID {
			add("load balancer", b.LoadBalancerArn)
		}
	}
	targets, err := s.balancers().DescribeTargetGroups(s.ctx, &elb.DescribeTargetGroupsInput{})
	s.check(err)
	for _, g := range targets.TargetGroups {
		if aws.ToString(g.VpcId) == vpc.ID {
			add("target group", g.TargetGroupArn)
		}
	}
	services, err := s.network().DescribeVpcEndpointServiceConfigurations(s.ctx, &ec2.DescribeVpcEndpointServiceConfigurationsInput{})
	s.check(err)
	for _, service := range services.ServiceConfigurations {
		for _, tag := range service.Tags {
			if slices.Contains(exposures, aws.ToString(tag.Value)) && service.ServiceState != "Deleted" {
				add("service", service.ServiceId)
			}
		}
	}
	schedules, err := scheduler.NewFromConfig(cloud.Config(stage.Customer)).ListSchedules(s.ctx, &scheduler.ListSchedulesInput{
		GroupName: aws.String(s.stack.ScheduleGroup()),
	})
	s.check(err)
	for _, schedule := range schedules.Schedules {
		if slices.Contains(exposures, aws.ToString(schedule.Name)) {
			add("schedule", schedule.Name)
		}
	}
	name := s.stack.Resolver(vpc.ID)
	_, err = lambda.NewFromConfig(cloud.Config(stage.Customer)).GetFunction(s.ctx, &lambda.GetFunctionInput{FunctionName: &name})
	if err == nil {
		add("function", &name)
	} else if code(err) != "ResourceNotFoundException" {
		s.check(err)
	}
	add("log group", s.logGroups(name)...)
	for _, id := range append([]string{"vpc/" + vpc.ID}, exposures...) {
		for _, item := range []string{id, "life/" + id} {
			if s.hasItem(item) {
				add("item", &item)
			}
		}
	}
	slices.Sort(all)
	return all
}

// logGroups are those that a function has of its own.
func (s story) logGroups(function string) (names []*string) {
	s.Helper()
	groups, err := cloudwatchlogs.NewFromConfig(cloud.Config(stage.Customer)).DescribeLogGroups(s.ctx, &cloudwatchlogs.DescribeLogGroupsInput{
		LogGroupNamePrefix: aws.String("/aws/lambda/" + function),
	})
	s.check(err)
	for _, g := range groups.LogGroups {
		names = append(names, g.LogGroupName)
	}
	return names
}

func (s story) hasItem(id string) bool {
	s.Helper()
	out, err := dynamodb.NewFromConfig(cloud.Config(stage.Customer)).GetItem(s.ctx, &dynamodb.GetItemInput{
		TableName: new(s.registryTable()), Key: map[string]dynamodbtypes.AttributeValue{"id": &dynamodbtypes.AttributeValueMemberS{Value: id}},
	})
	s.check(err)
	return out.Item != nil
}

// roleNamed is the name of the role of one of the app's functions.
func (s story) roleNamed(function string) string {
	s.Helper()
	role := s.roleOf(function)
	return role[strings.LastIndex(role, "/")+1:]
}

// isGone checks that nothing has come or gone in a VPC since before. Lambda and ELB take their interfaces away late.
func (s story) isGone(vpc stage.VPC, before []string, exposures ...string) {
	s.Helper()
	s.await("all interfaces to be given up", func() bool {
		return slices.Equal(s.inventory(vpc, exposures...), before) ||
			!strings.Contains(strings.Join(without(s.inventory(vpc, exposures...), before), " "), "interface ")
	})
	if after := s.inventory(vpc, exposures...); !slices.Equal(after, before) {
		s.Errorf("left behind: %v; gone: %v", without(after, before), without(before, after))
	}
}

func without(all, others []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool { return slices.Contains(others, one) })
}

// toldOfFailure says whether the operators have heard of an execution's end.
func (e execution) toldOfFailure() bool {
	_, told := news.find(e.arn, "did not succeed")
	return told
}

func TestAnExposureWithConsumersIsRemovedOnAnApproversWordAndNothingIsLeft(t *testing.T) {
	s := begin(t)
	database := s.database("orders-removed", multiAZ)
	before := s.inventory(database.VPC)
	execution := s.starts(fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics", "notify": ["leaver@example.com"]}`, database.Identifier))
	handoff := s.handoff(database)
	s.answersMail("leaver@example.com")
	vendor := s.vpc(stage.PushMetrics)
	endpoint := s.connects(vendor, handoff)
	exposure := s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	client := s.client(endpoint, handoff)
	s.readsOrders(client)
	// Somebody protected the load balancer.
	_, err := s.balancers().ModifyLoadBalancerAttributes(s.ctx, &elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: &output.Resources.LoadBalancerARN,
		Attributes:      []elbtypes.LoadBalancerAttribute{{Key: aws.String("deletion_protection.enabled"), Value: aws.String("true")}},
	})
	s.check(err)

	removing := s.takesAway(fmt.Sprintf(`{"exposure": %q}`, exposure))
	s.hears(news, "removal of exposure "+exposure+" waits", endpoint.ID, "RemovalDecision")
	removing.waits()
	s.readsOrders(client)
	again := s.takesAway(fmt.Sprintf(`{"exposure": %q}`, exposure))
	again.fails("Conflict", removing.arn)
	s.exposes(database).fails("Conflict", removing.arn)
	s.check(s.operator.End(s.ctx, bus.Removal{Exposure: exposure, By: "olga"}))
	done := removing.removed()

	for _, want := range []belongings.Thing{
		{Kind: belongings.Schedule, ID: exposure}, {Kind: belongings.Connection, ID: endpoint.ID}, {Kind: belongings.Service, ID: output.ServiceID},
		{Kind: belongings.LoadBalancer, ID: output.Resources.LoadBalancerARN}, {Kind: belongings.TargetGroup, ID: output.Resources.TargetGroupARN},
		{Kind: belongings.SecurityGroup, ID: output.Resources.LoadBalancerSecurityGroupID}, {Kind: belongings.Item, ID: exposure},
		{Kind: belongings.Subscription, ID: "leaver@example.com"},
	} {
		if !slices.Contains(done.Removed, want) {
			s.Errorf("%s is not among what was removed: %v", want, done.Removed)
		}
	}
	s.isGone(database.VPC, before, exposure)
	for _, words := range [][]string{{exposure, "nothing follows"}, {endpoint.ID, "is rejected"}} {
		if text, told := news.find(words...); told {
			s.Errorf("a removal is taken for trouble: %s", text)
		}
	}
	s.takesAway(fmt.Sprintf(`{"exposure": %q}`, exposure)).fails("BadInput", "nothing is left of exposure "+exposure)
}

func TestARemovalStopsASetUpThatWaitsAndNobodyHearsOfAFailure(t *testing.T) {
	s := begin(t)
	database := s.database("orders-unwanted", singleAZ)
	before := s.inventory(database.VPC)
	execution := s.exposes(database)
	s.handoff(database)
	execution.waits()
	exposure := s.exposureOf(database)
	_, err := s.databases().DeleteDBInstance(s.ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: &database.Identifier, SkipFinalSnapshot: aws.Bool(true)})
	s.check(err)

	removing := s.takesAway(fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics"}`, database.Identifier))
	removing.removed()
	if p := execution.ends(); p.Status != "ABORTED" || p.Error != "Removed" || !strings.Contains(p.Cause, removing.arn) {
		s.Errorf("the set-up is %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	s.await("the database to be gone", func() bool {
		_, err := s.databases().DescribeDBInstances(s.ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &database.Identifier})
		return code(err) == "DBInstanceNotFoundFault" || code(err) == "DBInstanceNotFound"
	})
	s.isGone(database.VPC, s.stays(before, database), exposure)
	if execution.toldOfFailure() {
		s.Error("the operators hear of a failure")
	}
}

// stays is an inventory without what went with the database.
func (s story) stays(before []string, database stage.Database) []string {
	now := s.inventory(database.VPC)
	return slices.DeleteFunc(slices.Clone(before), func(one string) bool {
		return strings.HasPrefix(one, "interface ") && !slices.Contains(now, one)
	})
}

func TestWhatTheRegistryHasForgottenIsRemovedByItsTags(t *testing.T) {
	s := begin(t)
	database := s.database("orders-forgotten", singleAZ)
	before := s.inventory(database.VPC)
	execution := s.exposes(database)
	s.handoff(database)
	execution.waits()
	execution.stop()
	exposure := s.exposureOf(database)
	s.forgets(exposure)
	tagged, err := operator.New(s.as(s.starter(), "olga"), deployment.Unnamed).FromTags(s.ctx)
	s.check(err)
	if !slices.ContainsFunc(tagged, func(t operator.Tagged) bool {
		return t.Exposure == exposure && !t.Recorded && strings.HasSuffix(t.DatabaseARN, ":db:"+database.Identifier) && len(t.Things) > 5
	}) {
		s.Errorf("what the registry has forgotten is not found by its tags: %+v", tagged)
	}
	s.takesAway(fmt.Sprintf(`{"database": %q, "vendor": "pushmetrics"}`, database.Identifier)).removed()
	s.isGone(database.VPC, before, exposure)
}

func TestOneOfTwoExposuresIsRemovedAndTheOtherServesOn(t *testing.T) {
	s := begin(t)
	database := s.database("orders-kept", singleAZ)
	before := s.inventory(database.VPC)
	kept := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	kept.succeeds()
	other := s.starts(fmt.Sprintf(`{"database": %q, "name": "other", "principals": [%q]}`, database.Identifier, stage.Stranger))
	other.waits()
	var ids []string
	for _, e := range s.exposuresIn(database.VPC) {
		if e.Consumer == "other" {
			ids = slices.Insert(ids, 0, e.ID)
		} else {
			ids = append(ids, e.ID)
		}
	}
	done := s.takesAway(fmt.Sprintf(`{"exposure": %q}`, ids[0])).removed()
	for _, kind := range []string{belongings.Rule, belongings.Resolver} {
		if !slices.ContainsFunc(done.Left, func(l belongings.Left) bool { return l.Kind == kind && strings.Contains(l.Why, ids[1]) }) {
			s.Errorf("no %s is left for the other: %+v", kind, done.Left)
		}
	}
	s.readsOrders(s.client(endpoint, handoff))
	s.takesAway(fmt.Sprintf(`{"exposure": %q, "connections": "end"}`, ids[1])).removed()
	s.isGone(database.VPC, before, ids...)
}
