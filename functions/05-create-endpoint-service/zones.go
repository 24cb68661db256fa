package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

type subnetAPI interface {
	DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
}

// outside are the names of the load balancer's zones that the service is not in. An AZ that the load balancer got later is
// enabled by a modify that names the service alone (configure-endpoint-service in the PrivateLink guide).
func outside(service types.ServiceConfiguration, balancer elbtypes.LoadBalancer) []string {
	var names []string
	for _, zone := range balancer.AvailabilityZones {
		if name := aws.ToString(zone.ZoneName); !slices.Contains(service.AvailabilityZones, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// zones are the ids of the zones in which consumers can make an endpoint, and of those in which only the load balancer is.
// The service tells names, which are the account's own; the load balancer's subnets tell both. With cross-zone load
// balancing, a database in a zone that is left out is reached through the others.
func (s createEndpointService) zones(
	ctx context.Context, in Input, service types.ServiceConfiguration, balancer elbtypes.LoadBalancer,
) (served, leftOut []string, err error) {
	subnets, err := s.subnetsOf(ctx, balancer)
	if err != nil {
		return nil, nil, err
	}
	served, leftOut = []string{}, []string{}
	vendorServed := len(in.VendorZoneSubnetIDs) == 0
	for _, subnet := range subnets {
		id := aws.ToString(subnet.AvailabilityZoneId)
		if !slices.Contains(service.AvailabilityZones, aws.ToString(subnet.AvailabilityZone)) {
			leftOut = append(leftOut, id)
			continue
		}
		served = append(served, id)
		vendorServed = vendorServed || slices.Contains(in.VendorZoneSubnetIDs, aws.ToString(subnet.SubnetId))
	}
	slices.Sort(served)
	slices.Sort(leftOut)
	if len(leftOut) > 0 {
		slog.WarnContext(ctx, "endpoint service is not in every zone of the load balancer", "serviceId", aws.ToString(service.ServiceId),
			"availabilityZoneIds", served, "zoneIdsLeftOut", leftOut)
	}
	if len(served) == 0 || !vendorServed {
		return nil, nil, outcome.BadInput("endpoint service %s: PrivateLink does not enable the zones %s of its load balancer, "+
			"and without them the consumer can make no endpoint: have AWS Support enable one of them, "+
			"or add a subnet in another zone that the consumer uses, then start again",
			aws.ToString(service.ServiceId), strings.Join(leftOut, ", "))
	}
	return served, leftOut, nil
}

func (s createEndpointService) subnetsOf(ctx context.Context, balancer elbtypes.LoadBalancer) ([]types.Subnet, error) {
	var ids []string
	for _, zone := range balancer.AvailabilityZones {
		ids = append(ids, aws.ToString(zone.SubnetId))
	}
	out, err := s.subnets.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: ids})
	if err != nil {
		return nil, fmt.Errorf("describe subnets %s of load balancer %s: %w",
			strings.Join(ids, ", "), aws.ToString(balancer.LoadBalancerArn), err)
	}
	return out.Subnets, nil
}
