package e2e

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/test/stage"
)

// crowdSize is how many consumers ask for one database at the same moment: CROWD, or twenty.
func crowdSize(t *testing.T) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("CROWD"), "20"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// databasesFor are the databases of a VPC for so many consumers. The tags of a rule are enough for some 45 (docs/limits.md).
func (s story) databasesFor(crowd int) []stage.Database {
	s.Helper()
	const each = 40
	all := []stage.Database{s.database("orders-crowd", multiAZ)}
	for n := 1; n*each < crowd; n++ {
		next, err := cloud.NewDatabase(s.ctx, all[0].VPC, fmt.Sprintf("orders-crowd-%d", n), multiAZ)
		s.check(err)
		s.check(cloud.Fill(s.ctx, next))
		all = append(all, next)
	}
	return all
}

func TestACrowdOfExposuresAtOnceSharesAResolverAndRulesAndNothingElse(t *testing.T) {
	crowd := crowdSize(t)
	// Alone while all of them are made, and move: this machine is no Lambda.
	s := alone(t)
	databases := s.databasesFor(crowd)
	database := databases[0]
	empty, before := s.inventory(database.VPC), s.callsUntilNow()
	// ELB's limits are by the second, which are short here. Twenty at once meet them.
	for _, action := range []string{"DescribeLoadBalancers", "CreateTargetGroup", "CreateLoadBalancer", "CreateListener"} {
		s.check(cloud.Disturb(s.ctx, stage.Fault{Action: action, Kind: "throttle", Count: crowd}))
	}
	var executions []execution
	for n := range crowd {
		executions = append(executions, s.starts(fmt.Sprintf(`{"database": %q, "name": %q, "principals": [%q]}`,
			databases[n%len(databases)].Identifier, member(n), partner)))
	}
	for _, e := range executions {
		e.waits()
	}
	exposures := s.exposuresIn(database.VPC)
	if len(exposures) != crowd {
		t.Errorf("the registry has %d exposures", len(exposures))
	}
	s.haveResourcesOfTheirOwn(exposures)
	made := s.calls(before, func(c call) bool {
		return c.Session == "rdslink-resolve-private-ip" && c.Action == "CreateFunction" && c.Error == "" && c.about("rdslink-resolver-"+database.VPC.ID)
	})
	if len(made) != 1 {
		t.Errorf("%d resolvers were made: %v", len(made), made)
	}
	for _, database := range databases {
		of := slices.DeleteFunc(slices.Clone(exposures), func(e registry.Exposure) bool { return e.DatabaseIdentifier != database.Identifier })
		s.shareRules(of)
		s.moveTogether(database, of)
	}
	s.check(cloud.Settle(s.ctx))
	s = begin(t)
	for i := range executions {
		executions[i].story = s
	}
	// The last one goes on to the end while all others are removed, at once.
	var removals []execution
	var ids []string
	for _, e := range exposures {
		ids = append(ids, e.ID)
		if e.Consumer != member(crowd-1) {
			removals = append(removals, s.takesAway(fmt.Sprintf(`{"exposure": %q}`, e.ID)))
		}
	}
	handoff := s.handoffFor(databases[(crowd-1)%len(databases)], member(crowd-1))
	endpoint := s.connects(s.vpc(partner), handoff)
	exposure := s.decides(bus.Accept, endpoint)
	executions[crowd-1].succeeds()
	for _, e := range removals {
		e.removed()
	}
	s.readsOrders(s.client(endpoint, handoff))
	s.takesAway(fmt.Sprintf(`{"exposure": %q, "connections": "end"}`, exposure)).removed()
	s.isGone(database.VPC, s.atItsNewInterface(database, empty), ids...)
}

// atItsNewInterface is an inventory from before a database's failover, with the interface that it has now.
func (s story) atItsNewInterface(database stage.Database, inventory []string) []string {
	s.Helper()
	now, err := s.network().DescribeNetworkInterfaces(s.ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{
		{Name: new("vpc-id"), Values: []string{database.VPC.ID}}, {Name: new("description"), Values: []string{"RDSNetworkInterface"}},
	}})
	s.check(err)
	all := slices.DeleteFunc(slices.Clone(inventory), func(one string) bool { return strings.HasPrefix(one, "interface ") })
	for _, i := range now.NetworkInterfaces {
		all = append(all, "interface "+*i.NetworkInterfaceId)
	}
	slices.Sort(all)
	return all
}

func member(n int) string { return fmt.Sprintf("acme-%02d", n) }

// handoffFor waits for the message about a database to one of its consumers.
func (s story) handoffFor(database stage.Database, consumer string) stage.Handoff {
	s.Helper()
	handoff, err := stage.ReadHandoff(s.hears(mail, "the database "+database.Identifier+", for "+consumer+"\n"))
	s.check(err)
	return handoff
}

// exposuresIn are the exposures of the databases in a VPC.
func (s story) exposuresIn(vpc stage.VPC) []registry.Exposure {
	s.Helper()
	all, _, err := s.registry().Survey(s.ctx)
	s.check(err)
	return slices.DeleteFunc(all, func(e registry.Exposure) bool { return e.VPCID != vpc.ID })
}

// haveResourcesOfTheirOwn checks that each exposure has all that it needs, and none what another has but the resolver.
func (s story) haveResourcesOfTheirOwn(exposures []registry.Exposure) {
	s.Helper()
	owner := map[string]string{}
	for _, e := range exposures {
		for _, own := range []string{e.TargetGroupARN, e.LoadBalancerARN, e.ListenerARN, e.LoadBalancerSecurityGroupID, e.ServiceID, e.ServiceName} {
			if other, taken := owner[own]; own == "" || taken {
				s.Errorf("%s has %q, as %q has", e.ID, own, other)
			}
			owner[own] = e.ID
		}
		if want := "rdslink-resolver-" + e.VPCID; e.ResolverFunction != want {
			s.Errorf("%s has the resolver %q and not %s", e.ID, e.ResolverFunction, want)
		}
	}
}

// shareRules checks that the same rules of the database's group serve all of the exposures, and carry a tag of each.
func (s story) shareRules(exposures []registry.Exposure) {
	s.Helper()
	rules := exposures[0].SecurityGroupRuleIDs
	for _, e := range exposures {
		if len(rules) == 0 || !slices.Equal(rules, e.SecurityGroupRuleIDs) {
			s.Fatalf("%s has the rules %v and %s the rules %v", exposures[0].ID, rules, e.ID, e.SecurityGroupRuleIDs)
		}
	}
	out, err := s.network().DescribeSecurityGroupRules(s.ctx, &ec2.DescribeSecurityGroupRulesInput{SecurityGroupRuleIds: rules})
	s.check(err)
	for _, rule := range out.SecurityGroupRules {
		for _, e := range exposures {
			if !slices.ContainsFunc(rule.Tags, func(t types.Tag) bool { return *t.Key == owned.RuleTag(e.ID) }) {
				s.Errorf("the rule %s has no tag of %s: %v", *rule.SecurityGroupRuleId, e.ID, rule.Tags)
			}
		}
	}
}

// moveTogether has the exposures' database fail over, in an account that is new. All of them get its new address, and none
// of the functions that see to it has more than three others at work for it.
func (s story) moveTogether(database stage.Database, exposures []registry.Exposure) {
	s.Helper()
	s.check(cloud.Limit(s.ctx, 10))
	defer func() { s.check(cloud.Limit(s.ctx, 1000)) }()
	begun := time.Now()
	defer func() { s.Log("moved within", time.Since(begun)) }()
	before, since := s.targetsOf(exposures[0].TargetGroupARN), s.callsUntilNow()
	_, err := s.databases().RebootDBInstance(s.ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: &database.Identifier, ForceFailover: new(true)})
	s.check(err)
	for _, e := range exposures {
		s.await(e.ID+" to lead to the standby", func() bool {
			return slices.ContainsFunc(s.targetsOf(e.TargetGroupARN), func(address string) bool { return !slices.Contains(before, address) })
		})
	}
	marked := s.calls(since, func(c call) bool {
		return c.Session == "rdslink-ip-sync" && c.Action == "UpdateItem" && c.about(registry.Following)
	})
	if len(marked) == 0 {
		s.Error("nothing was marked")
	}
	resolvers := map[string][]call{} // by the invocation of ip-sync that they work for
	for _, c := range s.calls(since, func(c call) bool { return c.Session == "rdslink-ip-sync" && c.Action == "Invoke" && c.Error == "" }) {
		resolvers[c.Trace] = append(resolvers[c.Trace], c)
	}
	for trace, all := range resolvers {
		for _, c := range all {
			if at := atOnce(all, c.Time); at > 3 {
				s.Errorf("%d resolvers work for the invocation %s at once", at, trace)
			}
		}
	}
}

// atOnce is how many of the calls were under way at a time.
func atOnce(calls []call, at time.Time) (n int) {
	for _, c := range calls {
		if ended := c.Time.Add(time.Duration(c.Millis * float64(time.Millisecond))); !c.Time.After(at) && ended.After(at) {
			n++
		}
	}
	return n
}

// stop stops an execution, as someone does who gives up.
func (e execution) stop() {
	e.Helper()
	_, err := sfn.NewFromConfig(cloud.Config(stage.Customer)).StopExecution(e.ctx, &sfn.StopExecutionInput{ExecutionArn: &e.arn})
	e.check(err)
}
