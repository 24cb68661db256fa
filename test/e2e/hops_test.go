package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

// Each hop between a consumer and a database is broken and mended in turn: whoever looks is told which it is.
func TestEachBrokenHopIsNamed(t *testing.T) {
	s := begin(t)
	database := s.database("orders-hops", singleAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.breaksEachHop(database, endpoint, s.isToldWhy(database, execution, endpoint))
}

// Where the health check is blind, nothing but the descriptions and the proof through the nodes tell.
func TestEachBrokenHopIsNamedWhereTheHealthCheckIsBlind(t *testing.T) {
	s := begin(t)
	database, err := cloud.NewForgivingMySQL(s.ctx, s.vpc(stage.Customer), "orders-blind") // now and then a handshake is cut with the way
	s.check(err)
	execution := s.starts(fmt.Sprintf(`{"database": %q, "name": "acme", "principals": [%q]}`, database.Identifier, partner))
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(partner), handoff)
	s.breaksEachHop(database, endpoint, s.isToldWhy(database, execution, endpoint))
}

// isToldWhy takes the rule of a zone away while the execution waits for people: its last step says what is missing, and ends
// when it is there again.
func (s story) isToldWhy(database stage.Database, e execution, endpoint stage.Endpoint) output {
	s.Helper()
	e.waits()
	revoked := s.revokesRule(database.SecurityGroup, func(r ec2types.SecurityGroupRule) bool {
		return !*r.IsEgress && r.CidrIpv4 != nil && len(r.Tags) > 0
	})
	s.decides(bus.Accept, endpoint)
	machines := sfn.NewFromConfig(cloud.Config(stage.Customer))
	s.await("step 10 to name the hop", func() bool {
		if p, err := s.operator.Progress(s.ctx, e.arn); err != nil || p.Done() {
			s.Fatalf("the execution ended %s, though a zone has no rule (%v)", p.Status, err)
		}
		history, err := machines.GetExecutionHistory(s.ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: &e.arn, ReverseOrder: true})
		s.check(err)
		return slices.ContainsFunc(history.Events, func(h sfntypes.HistoryEvent) bool {
			return h.TaskFailedEventDetails != nil && strings.Contains(aws.ToString(h.TaskFailedEventDetails.Cause), "broken is database's groups: "+database.SecurityGroup)
		})
	})
	s.authorizesRule(revoked)
	return e.succeeds()
}

// A brokenHop is how somebody breaks a hop, and how it is mended.
type brokenHop struct {
	how, hop, says string
	breaks, mends  func()
}

// mailed are hops whose name the operators' mail is awaited for, too: as long as one of them is broken, the watch sees it.
var mailed = []string{"a zone has no rule any more", "a network ACL lets no answer into a subnet"}

func (s story) breaksEachHop(database stage.Database, endpoint stage.Endpoint, o output) {
	s.Helper()
	s.onlooker = s.looker()
	if _, err := s.onlooker.Show(s.ctx, o.Exposure+"x"); err == nil || !strings.Contains(err.Error(), "did you mean "+o.Exposure) {
		s.Errorf("of an exposure that does not exist it says %v", err)
	}
	s.passes(o)
	for _, b := range s.hops(database, o) {
		if slices.Contains(mailed, b.how) { // what was told before is over
			s.await("all to be well again", func() bool {
				found, err := s.registry().Get(s.ctx, o.Exposure)
				s.check(err)
				return found.Watch == nil || len(found.Watch.Told) == 0
			})
		}
		if b.hop == inspect.Sync { // without it, nobody proves what the last one has broken
			s.passes(o)
		}
		told := s.mails(o, b.hop)
		since := time.Now()
		b.breaks()
		report := s.shows(o)
		hop, broken := report.Broken()
		s.Logf("%s:\n%s", b.how, printed(report))
		if !broken || hop.Name != b.hop || !strings.Contains(hop.Detail, b.says) {
			s.Errorf("%s: %q is named, with %q, and not %s with %q", b.how, hop.Name, hop.Detail, b.hop, b.says)
		}
		if slices.Contains(mailed, b.how) {
			s.await("a mail that names "+b.hop, func() bool { return s.mails(o, b.hop) > told })
			s.Logf("%s: the operators' mail names %s after %.1f s", b.how, b.hop, time.Since(since).Seconds())
		}
		b.mends()
		s.await("mended: "+b.how, func() bool {
			hop, broken := s.shows(o).Broken()
			return !broken || slices.Contains([]string{inspect.Proof, inspect.Sync}, hop.Name) // until the next look
		})
	}
	s.passes(o)
	_, err := s.network().RejectVpcEndpointConnections(s.ctx, &ec2.RejectVpcEndpointConnectionsInput{ServiceId: &o.ServiceID, VpcEndpointIds: []string{endpoint.ID}})
	s.check(err)
	s.await("the connection to be rejected", func() bool {
		hop, broken := s.shows(o).Broken()
		return broken && hop.Name == inspect.Connections && strings.Contains(hop.Detail, endpoint.ID)
	})
}

// mails is how many mails to the operators have named a hop of an exposure.
func (s story) mails(o output, hop string) (n int) {
	for _, text := range news.all() {
		if strings.Contains(text, "through "+o.Exposure) && strings.Contains(text, "What is known: "+hop+": ") {
			n++
		}
	}
	return n
}

// looker is whoever starts executions.
func (s story) looker() *operator.Operator {
	s.Helper()
	return operator.New(s.as(s.starter(), "olga"), deployment.Unnamed)
}

// shows is what the onlooker sees of an exposure.
func (s story) shows(o output) inspect.Report {
	s.Helper()
	shown, err := s.onlooker.Look(s.ctx, o.Exposure)
	s.check(err)
	s.check(shown.Report.Err)
	return shown.Report
}

func printed(r inspect.Report) string {
	var b strings.Builder
	r.Print(&b)
	return b.String()
}

// passes waits until every hop of an exposure does, the proof among them.
func (s story) passes(o output) {
	s.Helper()
	if s.onlooker == nil {
		s.onlooker = s.looker()
	}
	var report inspect.Report
	defer func() {
		if s.Failed() {
			s.Logf("last seen:\n%s", printed(report))
		}
	}()
	s.await("every hop to pass", func() bool {
		report = s.shows(o)
		return !slices.ContainsFunc(report.Hops, func(h inspect.Hop) bool { return h.State != inspect.Passes })
	})
	if len(report.Drift) > 0 {
		s.Errorf("nobody has changed anything:\n%s", printed(report))
	}
}

func (s story) hops(database stage.Database, o output) []brokenHop {
	r := o.Resources
	port := int32(database.Port)
	done := func(_ any, err error) { s.Helper(); s.check(err) }
	enforce := func(how elbtypes.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum) func() {
		return func() {
			done(s.balancers().SetSecurityGroups(s.ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: &r.LoadBalancerARN,
				SecurityGroups: []string{r.LoadBalancerSecurityGroupID}, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: how}))
		}
	}
	listens := func(at int32) func() {
		return func() {
			out, err := s.balancers().DescribeListeners(s.ctx, &elb.DescribeListenersInput{LoadBalancerArn: &r.LoadBalancerARN})
			s.check(err)
			done(s.balancers().ModifyListener(s.ctx, &elb.ModifyListenerInput{ListenerArn: out.Listeners[0].ListenerArn, Port: &at}))
		}
	}
	ticks := func(state schedulertypes.ScheduleState) {
		client := scheduler.NewFromConfig(cloud.Config(stage.Customer))
		found, err := client.GetSchedule(s.ctx, &scheduler.GetScheduleInput{Name: &r.ScheduleName, GroupName: aws.String("rdslink")})
		s.check(err)
		done(client.UpdateSchedule(s.ctx, &scheduler.UpdateScheduleInput{Name: found.Name, GroupName: found.GroupName, State: state, Target: found.Target,
			ScheduleExpression: found.ScheduleExpression, FlexibleTimeWindow: found.FlexibleTimeWindow}))
	}
	principals := func() []string {
		out, err := s.network().DescribeVpcEndpointServicePermissions(s.ctx, &ec2.DescribeVpcEndpointServicePermissionsInput{ServiceId: &o.ServiceID})
		s.check(err)
		return []string{*out.AllowedPrincipals[0].Principal}
	}()
	revoked := map[string]ec2types.SecurityGroupRule{}
	revokes := func(group string, which func(ec2types.SecurityGroupRule) bool) func() {
		return func() { revoked[group] = s.revokesRule(group, which) }
	}
	authorizes := func(group string) func() { return func() { s.authorizesRule(revoked[group]) } }
	target := func() []elbtypes.TargetDescription {
		return []elbtypes.TargetDescription{{Id: aws.String(s.targets(o)[0]), Port: &port}}
	}
	var away []elbtypes.TargetDescription
	foreign := []elbtypes.TargetDescription{{Id: aws.String("10.0.1.250"), Port: &port}}
	preserves := func(value string) func() {
		return func() {
			done(s.balancers().ModifyTargetGroupAttributes(s.ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &r.TargetGroupARN,
				Attributes: []elbtypes.TargetGroupAttribute{{Key: aws.String("preserve_client_ip.enabled"), Value: &value}}}))
		}
	}
	listensOn := func(at int32) {
		done(s.databases().ModifyDBInstance(s.ctx, &rds.ModifyDBInstanceInput{DBInstanceIdentifier: &database.Identifier, DBPortNumber: &at, ApplyImmediately: aws.Bool(true)}))
		s.await("the database to listen elsewhere", func() bool {
			i := s.instance(database)
			return *i.DBInstanceStatus == "available" && *i.Endpoint.Port == at
		})
	}
	resolverGroup := aws.ToString(s.resolverGroup(r.ResolverFunction))
	all := []brokenHop{
		{"the principal may not ask any more", inspect.Principals, principals[0], func() {
			done(s.network().ModifyVpcEndpointServicePermissions(s.ctx, &ec2.ModifyVpcEndpointServicePermissionsInput{ServiceId: &o.ServiceID, RemoveAllowedPrincipals: principals}))
		}, func() {
			done(s.network().ModifyVpcEndpointServicePermissions(s.ctx, &ec2.ModifyVpcEndpointServicePermissionsInput{ServiceId: &o.ServiceID, AddAllowedPrincipals: principals}))
		}},
		{"inbound rules are enforced on PrivateLink traffic", inspect.Enforcement, "(on)",
			enforce(elbtypes.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOn), enforce(elbtypes.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOff)},
		{"the listener is on another port", inspect.Listener, fmt.Sprintf("no listener on port %d", port), listens(port + 1), func() { s.startsAgain(o) }},
		{"the listener is deleted", inspect.Listener, "there is none", func() {
			out, err := s.balancers().DescribeListeners(s.ctx, &elb.DescribeListenersInput{LoadBalancerArn: &r.LoadBalancerARN})
			s.check(err)
			done(s.balancers().DeleteListener(s.ctx, &elb.DeleteListenerInput{ListenerArn: out.Listeners[0].ListenerArn}))
		}, func() { s.startsAgain(o) }},
		{"clients' addresses are preserved", inspect.TargetGroup, "preserve_client_ip.enabled is true", preserves("true"), preserves("false")},
		{"a target is somebody else's", inspect.Targets, "is nobody's address in the VPC", func() {
			ticks(schedulertypes.ScheduleStateDisabled)
			done(s.balancers().RegisterTargets(s.ctx, &elb.RegisterTargetsInput{TargetGroupArn: &r.TargetGroupARN, Targets: foreign}))
		}, func() {
			done(s.balancers().DeregisterTargets(s.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &r.TargetGroupARN, Targets: foreign}))
			ticks(schedulertypes.ScheduleStateEnabled)
		}},
		{"the target is deregistered", inspect.Targets, "no target is registered", func() {
			ticks(schedulertypes.ScheduleStateDisabled)
			away = target()
			done(s.balancers().DeregisterTargets(s.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &r.TargetGroupARN, Targets: away}))
		}, func() {
			done(s.balancers().RegisterTargets(s.ctx, &elb.RegisterTargetsInput{TargetGroupArn: &r.TargetGroupARN, Targets: away}))
			ticks(schedulertypes.ScheduleStateEnabled)
		}},
		{"the load balancer's group lets nothing out", inspect.BalancerEgress, "does not let out to",
			revokes(r.LoadBalancerSecurityGroupID, func(r ec2types.SecurityGroupRule) bool { return *r.IsEgress }), authorizes(r.LoadBalancerSecurityGroupID)},
		{"a zone has no rule any more", inspect.DatabaseGroups, "admits nothing to port " + fmt.Sprint(port),
			revokes(r.DatabaseSecurityGroupID, func(rule ec2types.SecurityGroupRule) bool {
				return !*rule.IsEgress && rule.CidrIpv4 != nil && len(rule.Tags) > 0
			}), authorizes(r.DatabaseSecurityGroupID)},
		{"the resolver's group lets nothing out to databases", inspect.ResolverWay, "the proof is missing",
			revokes(resolverGroup, func(r ec2types.SecurityGroupRule) bool { return *r.IsEgress && *r.FromPort == port }), authorizes(resolverGroup)},
		{"the load balancer's group does not let the resolver in", inspect.ResolverWay, "does not admit the resolver's group " + resolverGroup,
			revokes(r.LoadBalancerSecurityGroupID, func(r ec2types.SecurityGroupRule) bool { return !*r.IsEgress }), authorizes(r.LoadBalancerSecurityGroupID)},
		{"the database carries another group", inspect.DatabaseGroups, "which the database does not carry any more", func() {
			s.carries(database, s.anotherSecurityGroup(database.VPC))
		}, func() { s.carries(database, database.SecurityGroup) }},
		{"the database listens on another port", inspect.Database, fmt.Sprintf("it listens on port %d, not on %d", port+1, port),
			func() { listensOn(port + 1) }, func() { listensOn(port) }},
		{"the database is stopped", inspect.Database, "it is stop", func() {
			done(s.databases().StopDBInstance(s.ctx, &rds.StopDBInstanceInput{DBInstanceIdentifier: &database.Identifier}))
		}, func() {
			s.await("the database to have stopped", func() bool { return *s.instance(database).DBInstanceStatus == "stopped" })
			done(s.databases().StartDBInstance(s.ctx, &rds.StartDBInstanceInput{DBInstanceIdentifier: &database.Identifier}))
		}},
		{"the schedule is deleted", inspect.Sync, "nobody follows the database", func() {
			done(scheduler.NewFromConfig(cloud.Config(stage.Customer)).DeleteSchedule(s.ctx, &scheduler.DeleteScheduleInput{Name: &r.ScheduleName, GroupName: aws.String("rdslink")}))
		}, func() { s.startsAgain(o) }},
	}
	for _, deny := range []struct {
		how, says   string
		egress      bool
		first, last int32
	}{
		{"a network ACL lets no connection out of a subnet", fmt.Sprintf("lets no TCP out to %s on port %d", s.address(database), port), true, port, port},
		{"a network ACL lets no connection into a subnet", fmt.Sprintf("on port %d, which entry 50 denies", port), false, port, port},
		{"a network ACL lets no answer out of a subnet", "back out to", true, 30000, 65535},
		{"a network ACL lets no answer into a subnet", "back in from " + s.address(database), false, 30000, 65535},
	} {
		acl := s.networkACL(database.VPC)
		all = append(all, brokenHop{deny.how, inspect.NetworkACLs, deny.says, func() {
			done(s.network().CreateNetworkAclEntry(s.ctx, &ec2.CreateNetworkAclEntryInput{NetworkAclId: &acl, Egress: &deny.egress, RuleNumber: aws.Int32(50),
				Protocol: aws.String("6"), CidrBlock: aws.String("0.0.0.0/0"), RuleAction: ec2types.RuleActionDeny, PortRange: &ec2types.PortRange{From: &deny.first, To: &deny.last}}))
		}, func() {
			done(s.network().DeleteNetworkAclEntry(s.ctx, &ec2.DeleteNetworkAclEntryInput{NetworkAclId: &acl, Egress: &deny.egress, RuleNumber: aws.Int32(50)}))
		}})
	}
	return all
}

// carries has a database carry one group alone, and waits until it does.
func (s story) carries(database stage.Database, group string) {
	s.Helper()
	_, err := s.databases().ModifyDBInstance(s.ctx, &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: &database.Identifier, VpcSecurityGroupIds: []string{group}, ApplyImmediately: aws.Bool(true),
	})
	s.check(err)
	s.await("the database to carry "+group, func() bool {
		all := s.instance(database).VpcSecurityGroups
		return len(all) == 1 && *all[0].VpcSecurityGroupId == group && *all[0].Status == "active"
	})
}

// anotherSecurityGroup is one that admits nobody.
func (s story) anotherSecurityGroup(vpc stage.VPC) string {
	s.Helper()
	made, err := s.network().CreateSecurityGroup(s.ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("restored"), Description: aws.String("admits nobody"), VpcId: &vpc.ID})
	s.check(err)
	return *made.GroupId
}

// networkACL is the one of all of a VPC's subnets.
func (s story) networkACL(vpc stage.VPC) string {
	s.Helper()
	out, err := s.network().DescribeNetworkAcls(s.ctx, &ec2.DescribeNetworkAclsInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{vpc.ID}}}})
	s.check(err)
	return *out.NetworkAcls[0].NetworkAclId
}

// revokesRule revokes one rule of a group, and returns what it was.
func (s story) revokesRule(group string, which func(ec2types.SecurityGroupRule) bool) ec2types.SecurityGroupRule {
	s.Helper()
	out, err := s.network().DescribeSecurityGroupRules(s.ctx, &ec2.DescribeSecurityGroupRulesInput{Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{group}}}})
	s.check(err)
	i := slices.IndexFunc(out.SecurityGroupRules, which)
	if i < 0 {
		s.Fatalf("%s has no such rule", group)
	}
	id := []string{*out.SecurityGroupRules[i].SecurityGroupRuleId}
	if *out.SecurityGroupRules[i].IsEgress {
		_, err = s.network().RevokeSecurityGroupEgress(s.ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &group, SecurityGroupRuleIds: id})
	} else {
		_, err = s.network().RevokeSecurityGroupIngress(s.ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &group, SecurityGroupRuleIds: id})
	}
	s.check(err)
	return out.SecurityGroupRules[i]
}

// authorizesRule makes a rule again as it was, with its tags.
func (s story) authorizesRule(rule ec2types.SecurityGroupRule) {
	s.Helper()
	p := ec2types.IpPermission{IpProtocol: rule.IpProtocol, FromPort: rule.FromPort, ToPort: rule.ToPort}
	if rule.CidrIpv4 != nil {
		p.IpRanges = []ec2types.IpRange{{CidrIp: rule.CidrIpv4, Description: rule.Description}}
	} else {
		p.UserIdGroupPairs = []ec2types.UserIdGroupPair{{GroupId: rule.ReferencedGroupInfo.GroupId, Description: rule.Description}}
	}
	tags := []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroupRule, Tags: rule.Tags}}
	var err error
	if *rule.IsEgress {
		_, err = s.network().AuthorizeSecurityGroupEgress(s.ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: rule.GroupId, IpPermissions: []ec2types.IpPermission{p}, TagSpecifications: tags})
	} else {
		_, err = s.network().AuthorizeSecurityGroupIngress(s.ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: rule.GroupId, IpPermissions: []ec2types.IpPermission{p}, TagSpecifications: tags})
	}
	s.check(err)
}

// resolverGroup is the security group of a resolver.
func (s story) resolverGroup(function string) *string {
	s.Helper()
	return &s.function(function).VpcConfig.SecurityGroupIds[0]
}

// startsAgain does what the remedy of most hops says.
func (s story) startsAgain(o output) {
	s.Helper()
	exposure, err := s.registry().Get(s.ctx, o.Exposure)
	s.check(err)
	first, err := sfn.NewFromConfig(cloud.Config(stage.Customer)).DescribeExecution(s.ctx, &sfn.DescribeExecutionInput{ExecutionArn: &exposure.Claim})
	s.check(err)
	s.starts(*first.Input).succeeds()
}
