package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/targets"
)

// linkCloud is ELB with a cloud for each target group. Some of them are worked on at once.
type linkCloud struct {
	sync.Mutex
	of map[string]*cloud // by the exposure
}

func newLink() *linkCloud {
	c := &linkCloud{of: map[string]*cloud{}}
	for _, d := range linkInput().Databases {
		c.of[d.Exposure] = newCloud()
	}
	return c
}

// linkInput is a link of four databases, one more than is worked on at once.
func linkInput() Input {
	in := input()
	in.Exposure, in.DatabaseARN, in.DatabaseKind, in.Endpoint, in.Engine, in.Host, in.Port = "acme", "", "", "", "", "", 0
	for _, d := range []link.Database{
		{Exposure: "orders", DatabaseKind: "instance", Endpoint: "writer", Engine: "postgres", Port: 5432, ListenerPort: 5432},
		{Exposure: "ledger", DatabaseKind: "cluster", Endpoint: "reader", Engine: "aurora-postgresql", Port: 5500, ListenerPort: 5433},
		{Exposure: "shop", DatabaseKind: "instance", Endpoint: "writer", Engine: "mysql", Port: 3306, ListenerPort: 3306},
		{Exposure: "stock", DatabaseKind: "proxy", Endpoint: "writer", Engine: "mysql", Port: 3306, ListenerPort: 3307},
	} {
		d.DatabaseARN, d.Host = "arn:"+d.Exposure, d.Exposure+".rds.amazonaws.com"
		in.Databases = append(in.Databases, d)
	}
	return in
}

func (c *linkCloud) step() createTargetGroup {
	return createTargetGroup{groups: c, attributes: c, registry: c, sync: func(ctx context.Context, b registry.Binding) (targets.Report, error) {
		c.Lock()
		defer c.Unlock()
		return c.of[b.Exposure].sync(ctx, b)
	}}
}

// whose is the exposure of a target group.
func (c *linkCloud) whose(arn string) string { return strings.TrimPrefix(arn, "targets-") }

func (c *linkCloud) DescribeTargetGroups(ctx context.Context, in *elb.DescribeTargetGroupsInput, _ ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error) {
	c.Lock()
	defer c.Unlock()
	return c.of[in.Names[0]].DescribeTargetGroups(ctx, in)
}

func (c *linkCloud) CreateTargetGroup(ctx context.Context, in *elb.CreateTargetGroupInput, _ ...func(*elb.Options)) (*elb.CreateTargetGroupOutput, error) {
	c.Lock()
	defer c.Unlock()
	one := c.of[*in.Name]
	out, err := one.CreateTargetGroup(ctx, in)
	arn := "targets-" + *in.Name
	one.group.TargetGroupArn, out.TargetGroups[0].TargetGroupArn = &arn, &arn
	return out, err
}

func (c *linkCloud) ModifyTargetGroup(ctx context.Context, in *elb.ModifyTargetGroupInput, _ ...func(*elb.Options)) (*elb.ModifyTargetGroupOutput, error) {
	c.Lock()
	defer c.Unlock()
	return c.of[c.whose(*in.TargetGroupArn)].ModifyTargetGroup(ctx, in)
}

func (c *linkCloud) DescribeTags(ctx context.Context, in *elb.DescribeTagsInput, _ ...func(*elb.Options)) (*elb.DescribeTagsOutput, error) {
	c.Lock()
	defer c.Unlock()
	return c.of[c.whose(in.ResourceArns[0])].DescribeTags(ctx, in)
}

func (c *linkCloud) AddTags(ctx context.Context, in *elb.AddTagsInput, _ ...func(*elb.Options)) (*elb.AddTagsOutput, error) {
	c.Lock()
	defer c.Unlock()
	return c.of[c.whose(in.ResourceArns[0])].AddTags(ctx, in)
}

func (c *linkCloud) DescribeTargetGroupAttributes(
	ctx context.Context, in *elb.DescribeTargetGroupAttributesInput, _ ...func(*elb.Options),
) (*elb.DescribeTargetGroupAttributesOutput, error) {
	c.Lock()
	defer c.Unlock()
	return c.of[c.whose(*in.TargetGroupArn)].DescribeTargetGroupAttributes(ctx, in)
}

func (c *linkCloud) ModifyTargetGroupAttributes(
	ctx context.Context, in *elb.ModifyTargetGroupAttributesInput, _ ...func(*elb.Options),
) (*elb.ModifyTargetGroupAttributesOutput, error) {
	c.Lock()
	defer c.Unlock()
	return c.of[c.whose(*in.TargetGroupArn)].ModifyTargetGroupAttributes(ctx, in)
}

func (c *linkCloud) Record(ctx context.Context, id, execution string, made func(*registry.Made)) error {
	c.Lock()
	defer c.Unlock()
	one, is := c.of[id]
	if !is {
		return fmt.Errorf("recorded of %s", id)
	}
	return one.Record(ctx, id, execution, made)
}

// changes are those of each exposure, and are forgotten.
func (c *linkCloud) changes() map[string][]string {
	all := map[string][]string{}
	for id, one := range c.of {
		if len(one.Mutations) > 0 {
			all[id] = one.Mutations
		}
		one.Mutations = nil
	}
	return all
}

func TestALinkHasATargetGroupForEachDatabase(t *testing.T) {
	c, in := newLink(), linkInput()
	out, err := c.step().run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if out.TargetGroupARN != "" || !reflect.DeepEqual(out.Binding, registry.Binding{}) {
		t.Errorf("of the link itself there are %q, %+v", out.TargetGroupARN, out.Binding)
	}
	changes := c.changes()
	for i, d := range in.Databases {
		checked := map[string]string{"shop": "1"}[d.Exposure] // MySQL blocks who only knocks
		if checked == "" {
			checked = "traffic-port"
		}
		create := fmt.Sprintf("CreateTargetGroup %s TCP %d ip vpc-1 checked at %s every 10", d.Exposure, d.Port, checked)
		if made := changes[d.Exposure]; len(made) != 4 || made[0] != create || made[3] != fmt.Sprintf("register %s:%d", d.Host, d.Port) {
			t.Errorf("for %s: %q, want %q and more", d.Exposure, made, create)
		}
		want := registry.Binding{
			Exposure: d.Exposure, DatabaseARN: d.DatabaseARN, DatabaseKind: d.DatabaseKind, Endpoint: d.Endpoint, Engine: d.Engine,
			Host: d.Host, Port: int(d.Port), VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16"}, ResolverFunction: "resolver",
			TargetGroupARN: "targets-" + d.Exposure,
		}
		if len(out.Bindings) != len(in.Databases) || !reflect.DeepEqual(out.Bindings[i], want) {
			t.Fatalf("bindings %+v, want the one at %d to be\n%+v", out.Bindings, i, want)
		}
		one := c.of[d.Exposure]
		if !reflect.DeepEqual(one.Recorded.Binding, &want) || one.Recorded.TargetGroupARN != want.TargetGroupARN {
			t.Errorf("recorded of %s is %+v", d.Exposure, one.Recorded)
		}
		if tags := owned.FromELB(one.tags); tags[owned.ExposureTag] != d.Exposure || tags[owned.DatabaseTag] != d.DatabaseARN {
			t.Errorf("the group of %s carries %v", d.Exposure, tags)
		}
	}
	again, err := c.step().run(t.Context(), in)
	if changes := c.changes(); err != nil || len(changes) > 0 || !reflect.DeepEqual(again, out) {
		t.Errorf("a second run changes %q, and gives on %+v: %v", changes, again, err)
	}
}

// The way through the load balancer is recorded by step 10, and stays each database's own.
func TestALinksBindingsKeepTheirWays(t *testing.T) {
	c, in := newLink(), linkInput()
	for i, d := range in.Databases {
		c.of[d.Exposure].Recorded.Binding = &registry.Binding{ListenerPort: 7000 + i, Nodes: []string{"10.0.1.7"}}
	}
	if _, err := c.step().run(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	for i, d := range in.Databases {
		if b := c.of[d.Exposure].Recorded.Binding; b.ListenerPort != 7000+i || len(b.Nodes) != 1 || b.Host != d.Host {
			t.Errorf("recorded of %s is %+v", d.Exposure, b)
		}
	}
}

// What keeps one database from its target group keeps no other from its own, and is gone once it is mended.
func TestOneDatabaseOfALinkThatFailsKeepsNoOtherFromItsGroup(t *testing.T) {
	for name, row := range map[string]struct {
		drift     func(of map[string]*cloud)
		err, says string
		without   []string // a registered address
	}{
		"one moves": {
			func(of map[string]*cloud) {
				of["orders"].report = &targets.Report{State: targets.Moving, Detail: "orders is on its way"}
			},
			outcome.NameNotReady, "orders is on its way", []string{"orders"},
		},
		"one is stopped": {
			func(of map[string]*cloud) {
				of["shop"].report = &targets.Report{State: targets.Stopped, Detail: "shop is stopped"}
			},
			outcome.NameFailed, "shop is stopped", []string{"shop"},
		},
		"a stranger has the name of one": {
			func(of map[string]*cloud) {
				of["ledger"].group = &types.TargetGroup{TargetGroupArn: new("targets-ledger"), TargetGroupName: new("ledger")}
				of["ledger"].tags = owned.ELBTags(map[string]string{"team": "data"})
			}, outcome.NameConflict, "targets-ledger", []string{"ledger"},
		},
		"the claim of one is lost": {
			func(of map[string]*cloud) { of["stock"].Lost = outcome.Conflict("claim of stock lost") },
			outcome.NameConflict, "claim of stock lost", []string{"stock"},
		},
		"what a person mends is told before what passes": {
			func(of map[string]*cloud) {
				of["orders"].report = &targets.Report{State: targets.Moving}
				of["stock"].report = &targets.Report{State: targets.Stopped, Detail: "stock is stopped"}
			}, outcome.NameFailed, "stock is stopped", []string{"orders", "stock"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newLink()
			row.drift(c.of)
			if _, err := c.step().run(t.Context(), linkInput()); outcome.Name(err) != row.err || !strings.Contains(err.Error(), row.says) {
				t.Fatalf("%v, want %s with %q", err, row.err, row.says)
			}
			for id, one := range c.of {
				if missing := slices.Contains(row.without, id); (one.registered == "") != missing {
					t.Errorf("of %s %q is registered", id, one.registered)
				}
				one.report, one.Lost = nil, nil
				if !(owned.Owner{}).Has(owned.FromELB(one.tags), id) {
					one.group = nil
				}
			}
			c.changes()
			if out, err := c.step().run(t.Context(), linkInput()); err != nil || len(out.Bindings) != 4 {
				t.Errorf("after it is mended: %+v, %v", out, err)
			}
			if changes := c.changes(); len(changes) != len(row.without) {
				t.Errorf("then it changes %q", changes)
			}
		})
	}
}
