package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/steptest"
	"github.com/rdslink/rdslink/internal/targets"
	"github.com/rdslink/rdslink/internal/wanted"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	os.Exit(m.Run())
}

const input = `{
	"execution": "arn:execution", "exposure": "orders-pushmetrics-1a2b3c4d", "consumer": "pushmetrics", "region": "eu-central-1",
	"binding": {
		"exposure": "orders-pushmetrics-1a2b3c4d", "databaseArn": "arn:aws:rds:eu-central-1:111122223333:db:orders", "databaseKind": "instance",
		"endpoint": "writer", "engine": "postgres", "host": "orders.abc.eu-central-1.rds.amazonaws.com", "port": 5432,
		"vpcId": "vpc-1", "vpcCidrs": ["10.0.0.0/16"], "resolverFunction": "rdslink-resolver-vpc-1", "targetGroupArn": "arn:tg"
	},
	"listenerPort": 5433, "loadBalancerArn": "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/orders/0a1b",
	"subnetIds": ["subnet-a", "subnet-b"], "listenerArn": "arn:listener", "loadBalancerSecurityGroupId": "sg-lb",
	"databaseSecurityGroupId": "sg-db", "securityGroupRuleIds": ["sgr-1"],
	"borrowedRules": [{"securityGroupRuleId": "sgr-1", "stack": "rdslink-finance"}], "serviceId": "vpce-svc-1", "serviceName": "com.amazonaws.vpce.eu-central-1.vpce-svc-1",
	"availabilityZoneIds": ["euc1-az1"], "zoneIdsWithoutLoadBalancer": ["euc1-az2"], "zoneIdsWithoutService": [], "supportedRegions": [], "vpcEndpointId": "vpce-1",
	"notNotified": ["dba@example.com: it has not confirmed the e-mail from AWS yet"],
	"unexpectedConnections": [{"vpcEndpointId": "vpce-2", "owner": "777788889999", "state": "available", "next": "reject it"}]
}`

// cloud is what the step finds, and what it changes, in order.
type cloud struct {
	steptest.Fake
	schedule  *scheduler.GetScheduleOutput
	nodes     []string // addresses of the load balancer's, without blocks
	synced    []registry.Binding
	state     string // of the connection; empty when there is none
	report    targets.Report
	hops      []inspect.Hop // as an inspection finds them
	unread    error         // what it could not read
	inspected int
	named     brokenHop
	later     time.Duration
	createErr error
	syncErr   error
}

func (c *cloud) GetSchedule(context.Context, *scheduler.GetScheduleInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error) {
	if c.schedule == nil {
		return nil, &types.ResourceNotFoundException{}
	}
	return c.schedule, nil
}

func (c *cloud) CreateSchedule(_ context.Context, in *scheduler.CreateScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.CreateScheduleOutput, error) {
	if c.createErr != nil {
		return nil, c.createErr
	}
	c.Mutate("create schedule %s/%s", *in.GroupName, *in.Name)
	c.schedule = &scheduler.GetScheduleOutput{
		ScheduleExpression: in.ScheduleExpression, StartDate: in.StartDate, State: in.State,
		FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target,
	}
	return &scheduler.CreateScheduleOutput{}, nil
}

func (c *cloud) UpdateSchedule(_ context.Context, in *scheduler.UpdateScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.UpdateScheduleOutput, error) {
	c.Mutate("update schedule %s/%s", *in.GroupName, *in.Name)
	c.schedule = &scheduler.GetScheduleOutput{
		ScheduleExpression: in.ScheduleExpression, StartDate: in.StartDate, State: in.State,
		FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target,
	}
	return &scheduler.UpdateScheduleOutput{}, nil
}

func (c *cloud) DescribeVpcEndpointConnections(context.Context, *ec2.DescribeVpcEndpointConnectionsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionsOutput, error) {
	out := &ec2.DescribeVpcEndpointConnectionsOutput{}
	if c.state != "" {
		out.VpcEndpointConnections = []ec2types.VpcEndpointConnection{{
			ServiceId: aws.String("vpce-svc-1"), VpcEndpointId: aws.String("vpce-1"), VpcEndpointState: ec2types.State(c.state),
		}}
	}
	return out, nil
}

func (c *cloud) step() installIPSync {
	return installIPSync{
		schedules: c, connections: c, interfaces: c, registry: c,
		sync: func(_ context.Context, b registry.Binding) (targets.Report, error) {
			c.synced = append(c.synced, b)
			return c.report, c.syncErr
		},
		group: "rdslink", role: "arn:role", function: "arn:ip-sync",
		now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 31, 0, time.UTC).Add(c.later) },
		inspect: func(_ context.Context, e registry.Exposure) inspect.Report {
			c.inspected++
			return inspect.Report{Exposure: e.ID, Hops: c.hops, Err: c.unread}
		},
		named: &c.named,
	}
}

// DescribeNetworkInterfaces shows the nodes in no order.
func (c *cloud) DescribeNetworkInterfaces(_ context.Context, in *ec2.DescribeNetworkInterfacesInput, _ ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	out := &ec2.DescribeNetworkInterfacesOutput{}
	if in.Filters[0].Values[0] == "ELB net/orders/0a1b" {
		for _, node := range c.nodes {
			out.NetworkInterfaces = append(out.NetworkInterfaces, ec2types.NetworkInterface{PrivateIpAddress: &node})
		}
	}
	return out, nil
}

// served is the way through both nodes.
var served = []registry.Passage{{Node: "10.0.1.7", Result: resolve.Served}, {Node: "10.0.2.7", Result: resolve.Served}}

// proven is a cloud in which only the schedule is missing.
func proven() *cloud {
	return &cloud{state: "available", nodes: []string{"10.0.2.7", "10.0.1.7"},
		report: targets.Report{State: targets.Settled, Registered: true, Path: served}}
}

// bound is the binding that the step makes.
func bound() registry.Binding {
	b := decoded().Binding
	b.ListenerPort, b.Nodes = 5433, []string{"10.0.1.7", "10.0.2.7"}
	return b
}

func decoded() Input {
	decoder := json.NewDecoder(strings.NewReader(input))
	decoder.DisallowUnknownFields()
	var in Input
	if err := decoder.Decode(&in); err != nil {
		panic(err)
	}
	return in
}

type row = steptest.Row[*cloud, Input, Output]

func TestRun(t *testing.T) {
	created := []string{"create schedule rdslink/orders-pushmetrics-1a2b3c4d", "Record"}
	updated := []string{"update schedule rdslink/orders-pushmetrics-1a2b3c4d"}
	steptest.Step[*cloud, Input, Output]{
		Cloud:  proven,
		In:     decoded,
		Run:    func(c *cloud) step.Run[Input, Output] { return c.step().run },
		Output: func(c *cloud, in Input) Output { return handOff(in, c.state, "proven") },
	}.Play(t, map[string]row{
		"the first run makes the schedule": {Want: created},
		"disabled by hand":                 {Again: true, Drift: func(c *cloud) { c.schedule.State = types.ScheduleStateDisabled }, Want: updated},
		"another binding":                  {Again: true, Drift: func(c *cloud) { c.schedule.Target.Input = aws.String("{}") }, Want: updated},
		"another function":                 {Again: true, Drift: func(c *cloud) { c.schedule.Target.Arn = aws.String("arn:old") }, Want: updated},
		"another period":                   {Again: true, Drift: func(c *cloud) { c.schedule.ScheduleExpression = aws.String("rate(1 hour)") }, Want: updated},
		"retries of a stale tick":          {Again: true, Drift: func(c *cloud) { c.schedule.Target.RetryPolicy.MaximumRetryAttempts = aws.Int32(185) }, Want: updated},
		"an end":                           {Again: true, Drift: func(c *cloud) { c.schedule.EndDate = aws.Time(time.Now()) }, Want: updated},
		"found after all":                  {Drift: func(c *cloud) { c.createErr = &types.ConflictException{} }, Err: "NotReady", Says: "create schedule"},
		"the claim is lost":                {Drift: func(c *cloud) { c.Lost = outcome.Conflict("lost") }, Want: created, Err: "Conflict"},
		"the sync fails":                   {Drift: func(c *cloud) { c.syncErr = errors.New("no answer") }, Want: created, Err: "Failed", Says: "no answer"},
		"target not healthy": {
			Drift: func(c *cloud) {
				c.report = targets.Report{State: targets.Settling, Coming: true, Detail: "10.0.1.5:5432 is initial"}
			},
			Want: created, Err: "NotReady", Says: "initial",
		},
		"registered and never healthy": {
			Drift: func(c *cloud) {
				c.report = targets.Report{State: targets.Settling, Registered: true, Detail: "10.0.1.5:5432 is unhealthy"}
				c.hops = []inspect.Hop{{Name: inspect.Targets, State: inspect.Passes}, {Name: inspect.NetworkACLs, State: inspect.Broken, Detail: "acl-1 lets no TCP in", Remedy: "let it in"},
					{Name: inspect.Proof, State: inspect.Broken}}
			},
			Want: created, Err: "NotReady", Says: "10.0.1.5:5432 is unhealthy; broken is network ACLs: acl-1 lets no TCP in; let it in",
		},
		"nothing that AWS describes is broken": {
			Drift: func(c *cloud) {
				c.report = targets.Report{State: targets.Settling, Detail: "10.0.1.5:5432 is unhealthy"}
			},
			Want: created, Err: "NotReady", Says: "all that AWS describes of the way lets it through",
		},
		"what is broken may not be read": {
			Drift: func(c *cloud) {
				c.report, c.unread = targets.Report{State: targets.Settling, Detail: "10.0.1.5:5432 is unhealthy"}, errors.New("denied")
			},
			Want: created, Err: "NotReady", Says: "which hop is broken could not be found out: denied",
		},
		"a node does not lead to the database": {
			Drift: func(c *cloud) {
				c.report = targets.Report{State: targets.Cut, Registered: true, Detail: "node 10.0.1.7: blocked: i/o timeout"}
			},
			Want: created, Err: "NotReady", Says: "prove path of exposure orders-pushmetrics-1a2b3c4d: cut: node 10.0.1.7: blocked",
		},
		"nobody can tell": {
			Drift: func(c *cloud) { c.report.Path = nil }, Want: created, Output: new(handOff(decoded(), "available", "not proven")),
		},
		"another node": {
			Again: true, Drift: func(c *cloud) { c.nodes = []string{"10.0.1.7", "10.0.2.9"} }, Want: append(slices.Clone(updated), "Record"),
		},
		"nodes that nobody knows": {
			Drift: func(c *cloud) { c.nodes, c.report.Path = nil, nil }, Want: created, Output: new(handOff(decoded(), "available", "not proven")),
		},
		"a node without an address yet": {Drift: func(c *cloud) { c.nodes = c.nodes[:1] }, Err: "NotReady", Says: "1 of 2 have an address"},
		"database moving":               {Drift: func(c *cloud) { c.report.State = targets.Moving }, Want: created, Err: "NotReady", Says: "moving"},
		"database stopped":              {Drift: func(c *cloud) { c.report.State = targets.Stopped }, Want: created, Err: "Failed", Says: "redrive"},
		"not available yet":             {Drift: func(c *cloud) { c.state = "pending" }, Want: created, Err: "NotReady", Says: "pending"},
		"connected in part":             {Drift: func(c *cloud) { c.state = "partial" }, Want: created},
		"an unknown state":              {Drift: func(c *cloud) { c.state = "meditating" }, Want: created, Err: "NotReady", Says: `"meditating" is a value that this version of rdslink does not know`},
		"rejected meanwhile":            {Drift: func(c *cloud) { c.state = "rejected" }, Want: created, Err: "Failed", Says: "rejected"},
		"endpoint is gone":              {Drift: func(c *cloud) { c.state = "" }, Want: created, Err: "Failed", Says: "vpce-1"},
	})
}

func TestSchedule(t *testing.T) {
	c := proven()
	if _, err := c.step().run(t.Context(), decoded()); err != nil {
		t.Fatal(err)
	}
	var b registry.Binding
	if err := json.Unmarshal([]byte(*c.schedule.Target.Input), &b); err != nil || !reflect.DeepEqual(b, bound()) {
		t.Errorf("the schedule's input is %s (%v), want the binding with the way through the nodes", *c.schedule.Target.Input, err)
	}
	if !reflect.DeepEqual(c.Recorded.Binding, new(bound())) || !reflect.DeepEqual(c.synced, []registry.Binding{bound()}) {
		t.Errorf("recorded is %+v, synced %+v", c.Recorded.Binding, c.synced)
	}
	if c.Recorded.ScheduleName != decoded().Exposure {
		t.Errorf("recorded %+v", c.Recorded)
	}
	if !c.schedule.StartDate.After(c.step().now()) {
		t.Errorf("starts at %v, which is past", c.schedule.StartDate)
	}
	seconds := map[int]bool{}
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		seconds[wanted.Schedule{Exposure: id}.Request(c.step().now()).StartDate.Second()] = true
	}
	if len(seconds) < 3 {
		t.Errorf("six schedules start at %d different seconds", len(seconds))
	}
}

// A step that is asked every ten seconds looks once a minute which hop is broken, and not at all as long as the load
// balancer has not checked its target, nor where all is well.
func TestAnInspectionIsMadeOnceAMinuteAndOnlyInTrouble(t *testing.T) {
	c := proven()
	s := c.step()
	ask := func(after time.Duration, want int) {
		t.Helper()
		c.later = after
		_, _ = s.run(t.Context(), decoded())
		if c.inspected != want {
			t.Errorf("after %v: %d inspections, want %d", after, c.inspected, want)
		}
	}
	ask(0, 0)
	c.report = targets.Report{State: targets.Settling, Coming: true}
	ask(10*time.Second, 0)
	c.report = targets.Report{State: targets.Cut}
	ask(20*time.Second, 1)
	ask(30*time.Second, 1)
	ask(90*time.Second, 2)
}

func TestHandOff(t *testing.T) {
	out, err := proven().step().run(t.Context(), decoded())
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "handoff.json", string(got)+"\n")
}
