package main

import (
	"context"
	"slices"
	"testing"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/belongings/belongingstest"
	"github.com/rdslink/rdslink/internal/owned"
)

// onLink is an account in which the exposure is on a link: its target group is behind a load balancer that has another name.
type onLink struct{ *belongingstest.Cloud }

func (c onLink) DescribeLoadBalancers(context.Context, *elb.DescribeLoadBalancersInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error) {
	return nil, &elbtypes.LoadBalancerNotFoundException{}
}

func (c onLink) DescribeTargetGroups(ctx context.Context, in *elb.DescribeTargetGroupsInput, _ ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error) {
	out, err := c.Cloud.DescribeTargetGroups(ctx, in)
	if err == nil {
		out.TargetGroups[0].LoadBalancerArns = []string{belongingstest.BalancerARN}
	}
	return out, err
}

// DeleteTargetGroup refuses while the exposure's listener forwards to it.
func (c onLink) DeleteTargetGroup(_ context.Context, in *elb.DeleteTargetGroupInput, _ ...func(*elb.Options)) (*elb.DeleteTargetGroupOutput, error) {
	if _, there := c.Listeners["listener-1"]; there {
		return nil, &elbtypes.ResourceInUseException{}
	}
	c.Mutate("delete %s", *in.TargetGroupArn)
	c.TargetGroup = nil
	return &elb.DeleteTargetGroupOutput{}, nil
}

// Of an exposure on a link the listener and the target group go, and the load balancer with the listeners of others stays.
func TestAnExposureOnALinkTakesItsListenerAlone(t *testing.T) {
	c := onLink{belongingstest.Whole()}
	c.Listeners["listener-3"] = owned.Owner{}.ExposureTags("another", "arn:db")
	found := c.Found()
	found.Balancing = c
	c.FlowLogs = nil
	s := deleteTheLoadBalancer{found, c, c}
	for range 2 { // a second run finds nothing
		if out, err := s.run(t.Context(), Input{Exposure: belongingstest.Exposure}); err != nil || len(out.Left) > 0 {
			t.Fatal(out, err)
		}
	}
	if want := []string{"delete listener-1", "delete " + belongingstest.GroupARN}; !slices.Equal(c.Mutations, want) {
		t.Errorf("changes %q, want %q", c.Mutations, want)
	}
	if len(c.Listeners) != 2 || c.Balancer == nil {
		t.Errorf("left are %v", c.Listeners)
	}
}
