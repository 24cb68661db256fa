package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// linkCloud is a cloud whose load balancer takes several listeners.
type linkCloud struct {
	*cloud
	all  []*types.Listener
	tags map[string][]types.Tag
}

func (c *linkCloud) DescribeTags(ctx context.Context, in *elb.DescribeTagsInput, _ ...func(*elb.Options)) (*elb.DescribeTagsOutput, error) {
	out := &elb.DescribeTagsOutput{}
	for _, arn := range in.ResourceArns {
		tags, is := c.tags[arn]
		if !is {
			one, err := c.cloud.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{arn}})
			if err != nil {
				return nil, err
			}
			tags = one.TagDescriptions[0].Tags
		}
		out.TagDescriptions = append(out.TagDescriptions, types.TagDescription{ResourceArn: &arn, Tags: tags})
	}
	return out, nil
}

func (c *linkCloud) DescribeListeners(context.Context, *elb.DescribeListenersInput, ...func(*elb.Options)) (*elb.DescribeListenersOutput, error) {
	out := &elb.DescribeListenersOutput{}
	for _, l := range c.all {
		out.Listeners = append(out.Listeners, *l)
	}
	return out, nil
}

func (c *linkCloud) CreateListener(_ context.Context, in *elb.CreateListenerInput, _ ...func(*elb.Options)) (*elb.CreateListenerOutput, error) {
	c.Mutate("CreateListener %d %s", *in.Port, *in.DefaultActions[0].TargetGroupArn)
	arn := fmt.Sprintf("%s/listener/%d", balancerARN, len(c.all)+1)
	c.all = append(c.all, &types.Listener{ListenerArn: &arn, Protocol: in.Protocol, Port: in.Port, DefaultActions: in.DefaultActions})
	c.tags[arn] = in.Tags
	return &elb.CreateListenerOutput{Listeners: []types.Listener{*c.all[len(c.all)-1]}}, nil
}

func (c *linkCloud) ModifyListener(_ context.Context, in *elb.ModifyListenerInput, _ ...func(*elb.Options)) (*elb.ModifyListenerOutput, error) {
	c.Mutate("ModifyListener %s %d", *in.ListenerArn, *in.Port)
	for _, l := range c.all {
		if *l.ListenerArn == *in.ListenerArn {
			l.Port, l.DefaultActions = in.Port, in.DefaultActions
		}
	}
	return &elb.ModifyListenerOutput{}, nil
}

func (c *linkCloud) step() createLoadBalancer {
	return createLoadBalancer{groups: c, subnets: c, balancers: c, attributes: c, listeners: c, registry: c}
}

// linkInput is a link of two databases, which listen on the same port themselves.
func linkInput() Input {
	in := input()
	in.DatabaseARN, in.Port, in.ListenerPort, in.TargetGroupARN = "", 0, 0, ""
	for i, id := range []string{"orders", "ledger"} {
		in.Databases = append(in.Databases, link.Database{Exposure: id, DatabaseARN: "arn:" + id, Port: 5432, ListenerPort: int32(5432 + i)})
		in.Bindings = slices.Insert(in.Bindings, 0, registry.Binding{Exposure: id, TargetGroupARN: "targets-" + id}) // in whatever order
	}
	return in
}

// whole runs a step until AWS is ready, and returns what it changed.
func (c *linkCloud) whole(t *testing.T, in Input) (out Output, changes []string) {
	t.Helper()
	c.Mutations = nil
	for range 5 {
		var err error
		if out, err = c.step().run(t.Context(), in); outcome.Name(err) != outcome.NameNotReady {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	return out, c.Mutations
}

func newLink() *linkCloud {
	c := &linkCloud{cloud: newCloud(), tags: map[string][]types.Tag{}}
	c.Linked = map[string]registry.Made{"orders": {}, "ledger": {}, "stock": {}}
	return c
}

func TestALinkHasAListenerForEachDatabase(t *testing.T) {
	c := newLink()
	out, changes := c.whole(t, linkInput())
	for _, want := range []string{
		"AuthorizeSecurityGroupIngress sg-1 tcp 5432-5432 sg-resolver", "AuthorizeSecurityGroupIngress sg-1 tcp 5433-5433 sg-resolver",
		"CreateListener 5432 targets-orders", "CreateListener 5433 targets-ledger",
	} {
		if !slices.Contains(changes, want) {
			t.Errorf("%q is not among %q", want, changes)
		}
	}
	if n := len(slices.DeleteFunc(slices.Clone(changes), func(m string) bool { return !strings.HasPrefix(m, "AuthorizeSecurityGroupEgress") })); n != 1 {
		t.Errorf("one port of the databases is opened %d times: %q", n, changes)
	}
	want := []link.Listener{{Exposure: "orders", ListenerARN: balancerARN + "/listener/1"}, {Exposure: "ledger", ListenerARN: balancerARN + "/listener/2"}}
	if !slices.Equal(out.Listeners, want) || out.ListenerARN != "" || out.LoadBalancerARN != balancerARN {
		t.Errorf("output %+v", out)
	}
	for i, id := range []string{"orders", "ledger"} {
		if made := c.Linked[id]; made.ListenerARN != want[i].ListenerARN || made.ListenerPort != int32(5432+i) || made.LoadBalancerARN != "" {
			t.Errorf("recorded of %s is %+v", id, made)
		}
		if tags := owned.FromELB(c.tags[want[i].ListenerARN]); tags[owned.ExposureTag] != id || tags[owned.DatabaseTag] != "arn:"+id {
			t.Errorf("the listener of %s carries %v", id, tags)
		}
	}
	if c.Recorded.LoadBalancerARN != balancerARN || c.Recorded.ListenerARN != "" || c.Recorded.ListenerPort != 0 {
		t.Errorf("recorded of the link is %+v", c.Recorded)
	}
	if tags := owned.FromELB(c.cloud.tags); tags[owned.ExposureTag] != exposure || tags[owned.DatabaseTag] != "" {
		t.Errorf("the load balancer carries %v", tags)
	}
	if _, again := c.whole(t, linkInput()); len(again) > 0 {
		t.Errorf("a second run changes %q", again)
	}
}

// What the list leaves out is served on: its way out and the resolver's way in stay.
func TestALinkServesOnWhatTheListLeavesOut(t *testing.T) {
	c := newLink()
	c.whole(t, linkInput())
	in := linkInput()
	in.Databases, in.NotListed = in.Databases[:1], []link.Kept{{Exposure: "ledger", ListenerPort: 5433, Port: 5432}}
	if out, changes := c.whole(t, in); len(changes) > 0 || len(out.Listeners) != 1 {
		t.Errorf("leaving one out changes %q, %+v", changes, out.Listeners)
	}
	in.NotListed = nil // it was removed
	if _, changes := c.whole(t, in); !slices.Equal(changes, []string{"RevokeSecurityGroupIngress sg-1 5433-5433"}) {
		t.Errorf("without it the group changes %q", changes)
	}
}

func TestAPortOfALinkMovesAndTwoDoNotSwap(t *testing.T) {
	c := newLink()
	c.whole(t, linkInput())
	in := linkInput()
	in.Databases[1].ListenerPort = 6000
	if _, changes := c.whole(t, in); !slices.Contains(changes, "ModifyListener "+balancerARN+"/listener/2 6000") {
		t.Errorf("the listener does not move: %q", changes)
	}
	in.Databases[0].ListenerPort, in.Databases[1].ListenerPort = 6000, 5432
	if _, err := c.step().run(t.Context(), in); outcome.Name(err) != outcome.NameConflict || !strings.Contains(err.Error(), "exposure ledger on the same link") {
		t.Errorf("ports are swapped: %v", err)
	}
}

func TestALinkWithoutATargetGroupFails(t *testing.T) {
	c, in := newLink(), linkInput()
	in.Bindings = in.Bindings[1:]
	for range 5 {
		if _, err := c.step().run(t.Context(), in); outcome.Name(err) != outcome.NameNotReady {
			if outcome.Name(err) != outcome.NameFailed {
				t.Errorf("%v", err)
			}
			return
		}
	}
}
