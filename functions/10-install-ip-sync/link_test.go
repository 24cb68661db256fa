package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/handoff"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/targets"
)

// linkCloud is a cloud with several schedules. Some of a link's databases are worked on at once.
type linkCloud struct {
	*cloud
	working   sync.Mutex
	schedules map[string]*cloud
	says      map[string]targets.Report // the sync of one; the cloud's report for the others
	fails     map[string]error
}

func newLink() *linkCloud {
	c := &linkCloud{cloud: proven(), schedules: map[string]*cloud{}, says: map[string]targets.Report{}, fails: map[string]error{}}
	c.Linked = map[string]registry.Made{}
	for _, d := range linkInput().Databases {
		c.Linked[d.Exposure], c.schedules[d.Exposure] = registry.Made{}, &cloud{}
	}
	return c
}

// linkInput is a link of four databases, one more than is worked on at once, and of a fifth that the list leaves out.
func linkInput() Input {
	in := decoded()
	in.Exposure, in.Consumer, in.Binding, in.ListenerPort, in.ListenerARN = "acme-1a2b3c4d", "acme", registry.Binding{}, 0, ""
	in.DatabaseSecurityGroupID, in.SecurityGroupRuleIDs, in.BorrowedRules = "", nil, nil
	for i, id := range []string{"orders", "ledger", "shop", "stock"} {
		in.Databases = append(in.Databases, link.Database{Exposure: id, DatabaseIdentifier: id + "-prod", ListenerPort: int32(6001 + i)})
		in.Bindings = append(in.Bindings, registry.Binding{
			Exposure: id, Host: id + ".rds.amazonaws.com", Port: 5432, VPCID: "vpc-1", ResolverFunction: "resolver", TargetGroupARN: "targets-" + id,
		})
		in.Listeners = append(in.Listeners, link.Listener{Exposure: id, ListenerARN: "listener-" + id})
		in.Opened = append(in.Opened, link.Opened{
			Exposure: id, SecurityGroupID: "sg-" + id, SecurityGroupRuleIDs: []string{"sgr-" + id},
			BorrowedRules: []ingress.Borrowed{{SecurityGroupRuleID: "sgr-" + id, Stack: "finance"}},
		})
	}
	in.NotListed = []link.Kept{{Exposure: "former", ListenerPort: 6005, Port: 5432}}
	return in
}

func (c *linkCloud) step() installIPSync {
	s := c.cloud.step()
	s.schedules, s.registry = c, c
	s.sync = func(_ context.Context, b registry.Binding) (targets.Report, error) {
		c.working.Lock()
		defer c.working.Unlock()
		c.synced = append(c.synced, b)
		report, is := c.says[b.Exposure]
		if !is {
			report = c.report
		}
		return report, c.fails[b.Exposure]
	}
	return s
}

func (c *linkCloud) Record(ctx context.Context, id, execution string, made func(*registry.Made)) error {
	c.working.Lock()
	defer c.working.Unlock()
	return c.cloud.Record(ctx, id, execution, made)
}

func (c *linkCloud) GetSchedule(ctx context.Context, in *scheduler.GetScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error) {
	c.working.Lock()
	defer c.working.Unlock()
	return c.schedules[*in.Name].GetSchedule(ctx, in)
}

func (c *linkCloud) CreateSchedule(ctx context.Context, in *scheduler.CreateScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.CreateScheduleOutput, error) {
	c.working.Lock()
	defer c.working.Unlock()
	return c.schedules[*in.Name].CreateSchedule(ctx, in)
}

func (c *linkCloud) UpdateSchedule(ctx context.Context, in *scheduler.UpdateScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.UpdateScheduleOutput, error) {
	c.working.Lock()
	defer c.working.Unlock()
	return c.schedules[*in.Name].UpdateSchedule(ctx, in)
}

// scheduled are the exposures that have a schedule.
func (c *linkCloud) scheduled() (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(c.schedules)) {
		if c.schedules[id].schedule != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// changes are all that was changed, and are forgotten.
func (c *linkCloud) changes() (all []string) {
	for _, of := range append(slices.Collect(maps.Values(c.schedules)), c.cloud) {
		all, of.Mutations = append(all, of.Mutations...), nil
	}
	return all
}

func TestEachDatabaseOfALinkIsFollowed(t *testing.T) {
	c, in := newLink(), linkInput()
	out, err := c.step().run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	var linked []handoff.Linked
	for i, d := range in.Databases {
		want := in.Bindings[i]
		want.ListenerPort, want.Nodes = 6001+i, []string{"10.0.1.7", "10.0.2.7"}
		schedule := c.schedules[d.Exposure]
		var b registry.Binding
		if err := json.Unmarshal([]byte(*schedule.schedule.Target.Input), &b); err != nil || !reflect.DeepEqual(b, want) {
			t.Errorf("the input of the schedule of %s is %+v (%v), want %+v", d.Exposure, b, err, want)
		}
		if !slices.Equal(schedule.Mutations, []string{"create schedule rdslink/" + d.Exposure}) {
			t.Errorf("of %s: %q", d.Exposure, schedule.Mutations)
		}
		if n := len(slices.DeleteFunc(slices.Clone(c.synced), func(b registry.Binding) bool { return !reflect.DeepEqual(b, want) })); n != 1 {
			t.Errorf("%s is synced %d times, of %+v", d.Exposure, n, c.synced)
		}
		if made := c.Linked[d.Exposure]; made.ScheduleName != d.Exposure || made.ScheduleRoleARN != "arn:role" || made.IPSyncFunctionARN != "arn:ip-sync" ||
			!reflect.DeepEqual(made.Binding, &want) {
			t.Errorf("recorded of %s is %+v", d.Exposure, made)
		}
		linked = append(linked, handoff.Linked{
			Exposure: d.Exposure, DatabaseIdentifier: d.Exposure + "-prod", Port: 6001 + i, TLSServerName: want.Host, Path: handoff.Proven,
			TargetGroupARN: want.TargetGroupARN, ListenerARN: "listener-" + d.Exposure, SecurityGroupID: "sg-" + d.Exposure,
			RuleIDs: []string{"sgr-" + d.Exposure}, BorrowedRules: in.Opened[i].BorrowedRules, ScheduleName: d.Exposure,
		})
	}
	if !reflect.DeepEqual(out.Databases, linked) {
		t.Errorf("databases\n%+v, want\n%+v", out.Databases, linked)
	}
	if out.Exposure != "acme-1a2b3c4d" || out.Port != 0 || out.TLSServerName != "" || out.Connection != (handoff.Connection{VPCEndpointID: "vpce-1", State: "available", Path: "proven"}) {
		t.Errorf("of the link: %+v", out.Document)
	}
	if want := (handoff.Resources{
		LoadBalancerARN: in.LoadBalancerARN, LoadBalancerSecurityGroupID: "sg-lb", SecurityGroupRuleIDs: []string{},
		BorrowedRules: []ingress.Borrowed{}, ResolverFunction: "resolver",
	}); !reflect.DeepEqual(out.Resources, want) {
		t.Errorf("resources of the link are %+v, want %+v", out.Resources, want)
	}
	if !slices.Equal(out.NotListed, []string{handoff.StillServed("former")}) {
		t.Errorf("not listed are %q", out.NotListed)
	}
	if made := c.Recorded; made.ScheduleName != "" || made.Binding != nil || made.IPSyncFunctionARN != "arn:ip-sync" {
		t.Errorf("recorded of the link is %+v", made)
	}
	c.changes()
	again, err := c.step().run(t.Context(), in)
	if changes := c.changes(); err != nil || len(changes) > 0 || !reflect.DeepEqual(again, out) {
		t.Errorf("a second run changes %q: %v", changes, err)
	}
	c.schedules["shop"].schedule.State = types.ScheduleStateDisabled
	if _, err := c.step().run(t.Context(), in); err != nil || !slices.Equal(c.changes(), []string{"update schedule rdslink/shop"}) {
		t.Errorf("what was disabled is not enabled again, alone: %v", err)
	}
}

// A link whose path to one database cannot be proven is not proven itself, and says whose.
func TestALinkIsProvenWhenAllOfItsPathsAre(t *testing.T) {
	c := newLink()
	c.says["ledger"] = targets.Report{State: targets.Settled, Registered: true}
	out, err := c.step().run(t.Context(), linkInput())
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, one := range out.Databases {
		paths = append(paths, one.Path)
	}
	if want := []string{"proven", "not proven", "proven", "proven"}; !slices.Equal(paths, want) || out.Connection.Path != handoff.NotProven {
		t.Errorf("paths are %q, want %q; that of the link is %q", paths, want, out.Connection.Path)
	}
}

// What keeps one database from being followed keeps no other, and the link is not complete before all are.
func TestOneDatabaseOfALinkThatIsNotReadyKeepsNoOtherFromBeingFollowed(t *testing.T) {
	all := []string{"ledger", "orders", "shop", "stock"}
	cut := []registry.Passage{{Node: "10.0.1.7", Result: resolve.Served}, {Node: "10.0.2.7", Result: "blocked"}}
	for name, row := range map[string]struct {
		drift     func(*linkCloud)
		in        func(*Input)
		err, says string
		scheduled []string
	}{
		"one is checked for the first time": {
			drift: func(c *linkCloud) {
				c.says["orders"] = targets.Report{State: targets.Settling, Coming: true, Detail: "10.0.1.5:5432 is initial"}
			}, err: outcome.NameNotReady, says: "prove path of exposure orders", scheduled: all,
		},
		"the last is cut off from a node": {
			drift: func(c *linkCloud) { c.says["stock"] = targets.Report{State: targets.Cut, Path: cut} },
			err:   outcome.NameNotReady, says: "prove path of exposure stock", scheduled: all,
		},
		"one is stopped": {
			drift: func(c *linkCloud) {
				c.says["orders"], c.says["ledger"] = targets.Report{State: targets.Settling, Coming: true}, targets.Report{State: targets.Stopped}
			}, err: outcome.NameFailed, says: "prove path of exposure ledger", scheduled: all,
		},
		"the sync of one fails": {
			drift: func(c *linkCloud) { c.fails["shop"] = errors.New("no answer") },
			err:   outcome.NameFailed, says: "prove path of exposure shop", scheduled: all,
		},
		"the schedule of one is there after all": {
			drift: func(c *linkCloud) { c.schedules["orders"].createErr = &types.ConflictException{} },
			err:   outcome.NameNotReady, says: "create schedule orders", scheduled: []string{"ledger", "shop", "stock"},
		},
		"what a step before has not made of one": {
			in: func(in *Input) { in.Opened = in.Opened[:3] }, drift: func(*linkCloud) {},
			err: outcome.NameFailed, says: "of exposure stock: start again", scheduled: []string{"ledger", "orders", "shop"},
		},
		"a connection that is not there yet": {
			drift: func(c *linkCloud) { c.state = "pending" }, err: outcome.NameNotReady, says: "prove connection vpce-1", scheduled: all,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, in := newLink(), linkInput()
			row.drift(c)
			if row.in != nil {
				row.in(&in)
			}
			_, err := c.step().run(t.Context(), in)
			if outcome.Name(err) != row.err || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%v, want %s with %q", err, row.err, row.says)
			}
			if got := c.scheduled(); !slices.Equal(got, row.scheduled) {
				t.Errorf("followed are %q, want %q", got, row.scheduled)
			}
			if c.Recorded.IPSyncFunctionARN != "" {
				t.Errorf("the link is complete: %+v", c.Recorded)
			}
		})
	}
}

// The nodes are the load balancer's, and so every database's: one without an address yet holds all of them up.
func TestALinkWaitsForItsNodes(t *testing.T) {
	c := newLink()
	c.nodes = c.nodes[:1]
	if _, err := c.step().run(t.Context(), linkInput()); outcome.Name(err) != outcome.NameNotReady || len(c.scheduled()) > 0 {
		t.Errorf("%v, followed are %q", err, c.scheduled())
	}
}
