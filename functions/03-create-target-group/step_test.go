package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/steptest"
	"github.com/rdslink/rdslink/internal/targets"
)

const (
	exposure    = "orders-acme-00000000"
	databaseARN = "arn:aws:rds:eu-central-1:111122223333:db:orders"
	groupARN    = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/orders-acme-00000000/1"
)

type row = steptest.Row[*cloud, Input, Output]

func input() Input {
	return Input{
		Execution: "execution", Exposure: exposure, DatabaseARN: databaseARN, DatabaseKind: "instance", Endpoint: "writer", Engine: "postgres",
		Host: "orders.rds.amazonaws.com", Port: 5432, VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16"}, ResolverFunction: "resolver",
	}
}

func TestRun(t *testing.T) {
	const (
		attributes = "ModifyTargetGroupAttributes deregistration_delay.connection_termination.enabled=true deregistration_delay.timeout_seconds=0"
		register   = "register orders.rds.amazonaws.com:5432"
	)
	everything := []string{"CreateTargetGroup orders-acme-00000000 TCP 5432 ip vpc-1 checked at traffic-port every 10", attributes, "Record", register}
	blind := []string{"CreateTargetGroup orders-acme-00000000 TCP 5432 ip vpc-1 checked at 1 every 10",
		attributes + " target_health_state.unhealthy.connection_termination.enabled=false", "Record", register}
	engine := func(kind, engine string) func(*Input) {
		return func(in *Input) { in.DatabaseKind, in.Engine = kind, engine }
	}
	steptest.Step[*cloud, Input, Output]{
		Cloud:  newCloud,
		In:     input,
		Run:    func(c *cloud) step.Run[Input, Output] { return c.step().run },
		Output: func(_ *cloud, in Input) Output { return Output{groupARN, in.binding(groupARN), []registry.Binding{}} },
	}.Play(t, map[string]row{
		"the first run makes the group and registers the database": {Want: everything},
		"MySQL, which blocks hosts, is never checked":              {In: engine("instance", "mysql"), Want: blind},
		"so is MariaDB":                     {In: engine("instance", "mariadb"), Want: blind},
		"so is a Multi-AZ cluster of MySQL": {In: engine("cluster", "mysql"), Want: blind},
		"Aurora MySQL does not resolve names, so it does not block": {In: engine("cluster", "aurora-mysql"), Want: everything},
		"a proxy shakes hands itself":                               {In: engine("proxy", "mysql"), Want: everything},
		"SQL Server is checked":                                     {In: engine("instance", "sqlserver-se"), Want: everything},
		"a check that saw what it must not is made blind": {
			Again: true, In: engine("instance", "mysql"),
			Want: []string{"ModifyTargetGroup port 1 every 10", "ModifyTargetGroupAttributes target_health_state.unhealthy.connection_termination.enabled=false", "Record"},
		},
		"clients' addresses that somebody preserves are not": {
			Again: true, Drift: func(c *cloud) { c.attributes["preserve_client_ip.enabled"] = "true" },
			Want: []string{"ModifyTargetGroupAttributes preserve_client_ip.enabled=false"},
		},
		"a proxy protocol, and zones that are not crossed": {
			Again: true, Drift: func(c *cloud) {
				c.attributes["proxy_protocol_v2.enabled"], c.attributes["load_balancing.cross_zone.enabled"] = "true", "false"
			},
			Want: []string{"ModifyTargetGroupAttributes load_balancing.cross_zone.enabled=use_load_balancer_configuration proxy_protocol_v2.enabled=false"},
		},
		"a lost claim ends the step before anything is registered": {
			Drift: func(c *cloud) { c.Lost = outcome.Conflict("claim lost") }, Want: everything[:3], Err: "Conflict",
		},
		"a group of someone else is a conflict": {
			Again: true, Drift: func(c *cloud) { c.tags = owned.ELBTags(map[string]string{"team": "data"}) }, Err: "Conflict",
		},
		"a group that shows no tags yet may be ours": {
			Again: true, Drift: func(c *cloud) { c.tags = nil }, Err: "NotReady",
		},
		"a group of another exposure is a conflict": {
			Again: true, Drift: func(c *cloud) { c.tags = owned.ELBTags(owned.Owner{}.ExposureTags("another", databaseARN)) }, Err: "Conflict",
		},
		"a group in the VPC that the database left is a conflict": {
			Again: true, Drift: func(c *cloud) { c.group.VpcId = aws.String("vpc-2") }, Err: "Conflict",
		},
		"a group of instances is a conflict": {
			Again: true, Drift: func(c *cloud) { c.group.TargetType = types.TargetTypeEnumInstance }, Err: "Conflict",
		},
		"a database that moved to another port keeps its group": {
			Again: true, In: func(in *Input) { in.Port = 6432 }, Want: []string{"Record", "register orders.rds.amazonaws.com:6432"},
		},
		"a health check that was changed is changed back": {
			Again: true, Drift: func(c *cloud) { c.group.HealthCheckIntervalSeconds = aws.Int32(300) },
			Want: []string{"ModifyTargetGroup port traffic-port every 10"},
		},
		"an attribute that was changed is changed back, alone": {
			Again: true, Drift: func(c *cloud) { c.attributes["deregistration_delay.timeout_seconds"] = "300" },
			Want: []string{"ModifyTargetGroupAttributes deregistration_delay.timeout_seconds=0"},
		},
		"a describe that does not know the new group yet is asked again": {
			Drift: func(c *cloud) { c.lag = true }, Want: everything[:1], Err: "NotReady",
		},
		"a moving database is waited for": {
			Drift: func(c *cloud) { c.report = &targets.Report{State: targets.Moving} }, Want: everything[:3], Err: "NotReady",
		},
		"a sync that someone else does is waited for": {
			Drift: func(c *cloud) { c.report = &targets.Report{State: targets.Busy} }, Want: everything[:3], Err: "NotReady",
		},
		"a stopped database is told": {
			Drift: func(c *cloud) { c.report = &targets.Report{State: targets.Stopped} }, Want: everything[:3], Err: "Failed",
		},
		"a target group that the sync does not see yet is waited for": {
			Drift: func(c *cloud) { c.syncError = &types.TargetGroupNotFoundException{} }, Want: everything[:3], Err: "NotReady",
		},
		"a resolver that is not ready is waited for": {
			Drift: func(c *cloud) { c.syncError = fmt.Errorf("resolve: %w", outcome.NotReady("pending")) }, Want: everything[:3], Err: "NotReady",
		},
		"what the sync cannot do is told": {
			Drift: func(c *cloud) { c.syncError = errors.New("two addresses") }, Want: everything[:3], Err: "Failed",
		},
	})
}

func TestTheDeployersTagsAreOnTheGroup(t *testing.T) {
	c := newCloud()
	s := c.step()
	s.owner.Tags = map[string]string{"cost-center": "42"}
	if _, err := s.run(t.Context(), input()); err != nil {
		t.Fatal(err)
	}
	if found := owned.FromELB(c.tags); found["cost-center"] != "42" || !(owned.Owner{}).Has(found, exposure) {
		t.Errorf("the group carries %v", found)
	}
}

func TestTheBindingIsWhatATickNeeds(t *testing.T) {
	c := newCloud()
	out, err := c.step().run(t.Context(), input())
	if err != nil {
		t.Fatal(err)
	}
	want := registry.Binding{
		Exposure: exposure, DatabaseARN: databaseARN, DatabaseKind: "instance", Endpoint: "writer", Engine: "postgres",
		Host: "orders.rds.amazonaws.com", Port: 5432, VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16"},
		ResolverFunction: "resolver", TargetGroupARN: groupARN,
	}
	if !reflect.DeepEqual(c.Recorded.Binding, &want) || !reflect.DeepEqual(out.Binding, want) {
		t.Errorf("recorded %+v, gave on %+v, want %+v", c.Recorded.Binding, out.Binding, want)
	}
}

// cloud is ELB with room for one target group, the registry, and the sync.
type cloud struct {
	steptest.Fake
	group      *types.TargetGroup
	tags       []types.Tag
	attributes map[string]string
	lag        bool // describes of attributes do not know the group yet
	registered string
	report     *targets.Report // of the sync, which registers by default
	syncError  error
}

func newCloud() *cloud {
	return &cloud{attributes: map[string]string{
		"deregistration_delay.timeout_seconds":                         "300",
		"deregistration_delay.connection_termination.enabled":          "false",
		"target_health_state.unhealthy.connection_termination.enabled": "true",
		"preserve_client_ip.enabled":                                   "false",
		"proxy_protocol_v2.enabled":                                    "false",
		"load_balancing.cross_zone.enabled":                            "use_load_balancer_configuration",
	}}
}

func (c *cloud) step() createTargetGroup {
	return createTargetGroup{groups: c, attributes: c, registry: c, sync: c.sync}
}

func (c *cloud) sync(_ context.Context, b registry.Binding) (targets.Report, error) {
	if c.syncError != nil {
		return targets.Report{State: targets.Failing}, c.syncError
	}
	if c.report != nil {
		return *c.report, nil
	}
	if target := fmt.Sprintf("%s:%d", b.Host, b.Port); target != c.registered {
		c.Mutate("register %s", target)
		c.registered = target
	}
	return targets.Report{State: targets.Settling, Registered: true}, nil
}

func (c *cloud) DescribeTargetGroups(_ context.Context, in *elb.DescribeTargetGroupsInput, _ ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error) {
	if c.group == nil || *c.group.TargetGroupName != in.Names[0] {
		return nil, &types.TargetGroupNotFoundException{}
	}
	return &elb.DescribeTargetGroupsOutput{TargetGroups: []types.TargetGroup{*c.group}}, nil
}

func (c *cloud) DescribeTags(_ context.Context, in *elb.DescribeTagsInput, _ ...func(*elb.Options)) (*elb.DescribeTagsOutput, error) {
	return &elb.DescribeTagsOutput{TagDescriptions: []types.TagDescription{{ResourceArn: &in.ResourceArns[0], Tags: c.tags}}}, nil
}

func (c *cloud) AddTags(_ context.Context, in *elb.AddTagsInput, _ ...func(*elb.Options)) (*elb.AddTagsOutput, error) {
	c.Mutate("AddTags %s", strings.Join(in.ResourceArns, " "))
	c.tags = in.Tags
	return &elb.AddTagsOutput{}, nil
}

func (c *cloud) CreateTargetGroup(_ context.Context, in *elb.CreateTargetGroupInput, _ ...func(*elb.Options)) (*elb.CreateTargetGroupOutput, error) {
	c.Mutate("CreateTargetGroup %s %s %d %s %s checked at %s every %d", *in.Name, in.Protocol, *in.Port, in.TargetType, *in.VpcId, *in.HealthCheckPort, *in.HealthCheckIntervalSeconds)
	c.tags = in.Tags
	c.group = &types.TargetGroup{
		TargetGroupArn: aws.String(groupARN), TargetGroupName: in.Name, Protocol: in.Protocol, Port: in.Port, TargetType: in.TargetType, VpcId: in.VpcId,
		HealthCheckProtocol: in.HealthCheckProtocol, HealthCheckPort: in.HealthCheckPort, HealthCheckIntervalSeconds: in.HealthCheckIntervalSeconds,
		HealthyThresholdCount: in.HealthyThresholdCount, UnhealthyThresholdCount: in.UnhealthyThresholdCount,
	}
	return &elb.CreateTargetGroupOutput{TargetGroups: []types.TargetGroup{*c.group}}, nil
}

func (c *cloud) ModifyTargetGroup(_ context.Context, in *elb.ModifyTargetGroupInput, _ ...func(*elb.Options)) (*elb.ModifyTargetGroupOutput, error) {
	c.Mutate("ModifyTargetGroup port %s every %d", *in.HealthCheckPort, *in.HealthCheckIntervalSeconds)
	c.group.HealthCheckPort = in.HealthCheckPort
	c.group.HealthCheckIntervalSeconds = in.HealthCheckIntervalSeconds
	return &elb.ModifyTargetGroupOutput{}, nil
}

func (c *cloud) DescribeTargetGroupAttributes(context.Context, *elb.DescribeTargetGroupAttributesInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupAttributesOutput, error) {
	if c.lag {
		return nil, &types.TargetGroupNotFoundException{}
	}
	var out elb.DescribeTargetGroupAttributesOutput
	for _, key := range slices.Sorted(maps.Keys(c.attributes)) {
		out.Attributes = append(out.Attributes, types.TargetGroupAttribute{Key: &key, Value: new(c.attributes[key])})
	}
	return &out, nil
}

func (c *cloud) ModifyTargetGroupAttributes(_ context.Context, in *elb.ModifyTargetGroupAttributesInput, _ ...func(*elb.Options)) (*elb.ModifyTargetGroupAttributesOutput, error) {
	mutation := "ModifyTargetGroupAttributes"
	for _, attribute := range in.Attributes {
		mutation += fmt.Sprintf(" %s=%s", *attribute.Key, *attribute.Value)
		c.attributes[*attribute.Key] = *attribute.Value
	}
	c.Mutate("%s", mutation)
	return &elb.ModifyTargetGroupAttributesOutput{}, nil
}
