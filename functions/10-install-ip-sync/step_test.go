package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/targets"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	os.Exit(m.Run())
}

const input = `{
	"execution": "arn:execution", "exposure": "orders-pushmetrics-1a2b3c4d", "consumer": "pushmetrics", "region": "eu-central-1",
	"databaseArn": "arn:aws:rds:eu-central-1:111122223333:db:orders", "databaseKind": "instance", "endpoint": "writer",
	"engine": "postgres", "host": "orders.abc.eu-central-1.rds.amazonaws.com", "port": 5432, "listenerPort": 5433,
	"vpcId": "vpc-1", "vpcCidrs": ["10.0.0.0/16"], "resolverFunction": "rdslink-resolver-vpc-1", "targetGroupArn": "arn:tg",
	"loadBalancerArn": "arn:lb", "listenerArn": "arn:listener", "loadBalancerSecurityGroupId": "sg-lb",
	"databaseSecurityGroupId": "sg-db", "securityGroupRuleIds": ["sgr-1"], "serviceId": "vpce-svc-1", "serviceName": "com.amazonaws.vpce.eu-central-1.vpce-svc-1",
	"availabilityZoneIds": ["euc1-az1"], "supportedRegions": [], "vpcEndpointId": "vpce-1"
}`

// cloud is what the step finds, and what it changes, in order.
type cloud struct {
	schedule  *scheduler.GetScheduleOutput
	recorded  map[string]any
	state     string // of the connection; empty when there is none
	report    targets.Report
	createErr error
	recordErr error
	syncErr   error
	mutations []string
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
	c.mutations = append(c.mutations, "create schedule "+*in.GroupName+"/"+*in.Name)
	c.schedule = &scheduler.GetScheduleOutput{
		ScheduleExpression: in.ScheduleExpression, StartDate: in.StartDate, State: in.State,
		FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target,
	}
	return &scheduler.CreateScheduleOutput{}, nil
}

func (c *cloud) UpdateSchedule(_ context.Context, in *scheduler.UpdateScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.UpdateScheduleOutput, error) {
	c.mutations = append(c.mutations, "update schedule "+*in.GroupName+"/"+*in.Name)
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

func (c *cloud) Record(_ context.Context, _, _ string, set map[string]any) error {
	c.recorded = set
	return c.recordErr
}

func (c *cloud) step() installIPSync {
	return installIPSync{
		schedules: c, connections: c, registry: c,
		sync:  func(context.Context, targets.Binding) (targets.Report, error) { return c.report, c.syncErr },
		group: "rdslink", role: "arn:role", function: "arn:ip-sync",
		now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 31, 0, time.UTC) },
	}
}

// proven is a cloud in which only the schedule is missing.
func proven(changes ...func(*cloud)) *cloud {
	c := &cloud{state: "available", report: targets.Report{State: targets.Settled, Registered: true}}
	for _, change := range changes {
		change(c)
	}
	return c
}

// installed is a cloud in which the step has run.
func installed(change func(*cloud)) func(*cloud) {
	return func(c *cloud) {
		if _, err := c.step().run(context.Background(), decoded()); err != nil {
			panic(err)
		}
		c.mutations = nil
		change(c)
	}
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

func TestRun(t *testing.T) {
	const created, updated = "create schedule rdslink/orders-pushmetrics-1a2b3c4d", "update schedule rdslink/orders-pushmetrics-1a2b3c4d"
	for name, test := range map[string]struct {
		given *cloud
		want  []string // mutations
		class string
		says  string
	}{
		"first run":               {given: proven(), want: []string{created}},
		"second run":              {given: proven(installed(func(*cloud) {}))},
		"disabled by hand":        {given: proven(installed(func(c *cloud) { c.schedule.State = types.ScheduleStateDisabled })), want: []string{updated}},
		"another binding":         {given: proven(installed(func(c *cloud) { c.schedule.Target.Input = aws.String("{}") })), want: []string{updated}},
		"another function":        {given: proven(installed(func(c *cloud) { c.schedule.Target.Arn = aws.String("arn:old") })), want: []string{updated}},
		"another period":          {given: proven(installed(func(c *cloud) { c.schedule.ScheduleExpression = aws.String("rate(1 hour)") })), want: []string{updated}},
		"retries of a stale tick": {given: proven(installed(func(c *cloud) { c.schedule.Target.RetryPolicy.MaximumRetryAttempts = aws.Int32(185) })), want: []string{updated}},
		"an end":                  {given: proven(installed(func(c *cloud) { c.schedule.EndDate = aws.Time(time.Now()) })), want: []string{updated}},
		"found after all":         {given: proven(func(c *cloud) { c.createErr = &types.ConflictException{} }), class: "NotReady", says: "create schedule"},
		"the claim is lost":       {given: proven(func(c *cloud) { c.recordErr = outcome.Conflict("lost") }), want: []string{created}, class: "Conflict"},
		"the sync fails":          {given: proven(func(c *cloud) { c.syncErr = errors.New("no answer") }), want: []string{created}, class: "Failed", says: "no answer"},
		"target not healthy":      {given: proven(func(c *cloud) { c.report = targets.Report{State: targets.Settling, Detail: "10.0.1.5:5432 is initial"} }), want: []string{created}, class: "NotReady", says: "initial"},
		"database moving":         {given: proven(func(c *cloud) { c.report.State = targets.Moving }), want: []string{created}, class: "NotReady", says: "moving"},
		"database stopped":        {given: proven(func(c *cloud) { c.report.State = targets.Stopped }), want: []string{created}, class: "Failed", says: "redrive"},
		"not available yet":       {given: proven(func(c *cloud) { c.state = "pending" }), want: []string{created}, class: "NotReady", says: "pending"},
		"rejected meanwhile":      {given: proven(func(c *cloud) { c.state = "rejected" }), want: []string{created}, class: "Failed", says: "rejected"},
		"endpoint is gone":        {given: proven(func(c *cloud) { c.state = "" }), want: []string{created}, class: "Failed", says: "vpce-1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.given.step().run(t.Context(), decoded())
			if got := outcome.Name(err); got != test.class || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v is %q, want %q naming %q", err, got, test.class, test.says)
			}
			if !slices.Equal(test.given.mutations, test.want) {
				t.Errorf("mutations %q, want %q", test.given.mutations, test.want)
			}
		})
	}
}

func TestSchedule(t *testing.T) {
	c := proven()
	if _, err := c.step().run(t.Context(), decoded()); err != nil {
		t.Fatal(err)
	}
	var b targets.Binding
	if err := json.Unmarshal([]byte(*c.schedule.Target.Input), &b); err != nil || b.TargetGroupARN != "arn:tg" || b.Port != 5432 {
		t.Errorf("the schedule's input is %s (%v), want the binding", *c.schedule.Target.Input, err)
	}
	if recorded := string(c.recorded["binding"].(json.RawMessage)); recorded != *c.schedule.Target.Input {
		t.Errorf("recorded binding %s, want that of the schedule", recorded)
	}
	if !c.schedule.StartDate.After(c.step().now()) {
		t.Errorf("starts at %v, which is past", c.schedule.StartDate)
	}
	seconds := map[int]bool{}
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		seconds[start(id, time.Now()).Second()] = true
	}
	if len(seconds) < 3 {
		t.Errorf("six schedules start at %d different seconds", len(seconds))
	}
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
	want, err := os.ReadFile("testdata/handoff.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
