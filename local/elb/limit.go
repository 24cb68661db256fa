package elb

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// The default quotas of elasticloadbalancing/latest/network/load-balancer-limits.html.
const (
	loadBalancersPerRegion   = 50
	listenersPerLoadBalancer = 50
	targetGroupsPerRegion    = 3000
)

func (s *Service) most() int { return cmp.Or(s.Most, loadBalancersPerRegion) }

func (s *Service) describeAccountLimits(context.Context, *elb.DescribeAccountLimitsInput) (*elb.DescribeAccountLimitsOutput, error) {
	limit := func(name string, most int) types.Limit {
		return types.Limit{Name: &name, Max: aws.String(strconv.Itoa(most))}
	}
	limits := []types.Limit{
		limit("network-load-balancers", s.most()),
		limit("listeners-per-network-load-balancer", listenersPerLoadBalancer),
		limit("target-groups", targetGroupsPerRegion),
		limit("target-groups-per-action-on-network-load-balancer", 1),
		limit("targets-per-network-load-balancer", 3000),
		limit("targets-per-availability-zone-per-network-load-balancer", 500),
	}
	limits = slices.DeleteFunc(limits, func(l types.Limit) bool { return s.world.Lacks("elasticloadbalancing", *l.Name) })
	return &elb.DescribeAccountLimitsOutput{Limits: limits}, nil
}

// How often an account may call. The figures of reads are AWS's
// (elasticloadbalancing/latest/userguide/elb-api-throttling.html), those of writes keep AWS's own controller out of trouble
// (kubernetes-sigs/aws-load-balancer-controller#2809).
var (
	readLimit         = model.Limit{Burst: 40, Rate: 10}
	registrationLimit = model.Limit{Burst: 20, Rate: 4}
	writeLimit        = model.Limit{Burst: 40, Rate: 10}
)

// limited gives reads, registrations and other writes each their limit.
func (s *Service) limited(ops wire.Operations) wire.Operations {
	reads, registrations, writes := wire.Operations{}, wire.Operations{}, wire.Operations{}
	for name, op := range ops {
		switch {
		case strings.HasPrefix(name, "Describe"):
			reads[name] = op
		case name == "RegisterTargets" || name == "DeregisterTargets":
			registrations[name] = op
		default:
			writes[name] = op
		}
	}
	all := s.world.Limited(reads, readLimit)
	maps.Copy(all, s.world.Limited(registrations, registrationLimit))
	maps.Copy(all, s.world.Limited(writes, writeLimit))
	return all
}
