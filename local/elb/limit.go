package elb

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// The default quotas of elasticloadbalancing/latest/network/load-balancer-limits.html.
const (
	loadBalancersPerRegion   = 50
	listenersPerLoadBalancer = 50
	targetGroupsPerRegion    = 3000
)

func (s *Service) describeAccountLimits(context.Context, *elb.DescribeAccountLimitsInput) (*elb.DescribeAccountLimitsOutput, error) {
	limit := func(name string, most int) types.Limit {
		return types.Limit{Name: &name, Max: aws.String(strconv.Itoa(most))}
	}
	return &elb.DescribeAccountLimitsOutput{Limits: []types.Limit{
		limit("network-load-balancers", loadBalancersPerRegion),
		limit("listeners-per-network-load-balancer", listenersPerLoadBalancer),
		limit("target-groups", targetGroupsPerRegion),
		limit("target-groups-per-action-on-network-load-balancer", 1),
		limit("targets-per-network-load-balancer", 3000),
		limit("targets-per-availability-zone-per-network-load-balancer", 500),
	}}, nil
}
