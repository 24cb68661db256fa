package ec2

import (
	"context"
	"net/http"
	"slices"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// Nothing is deployed in other Regions than the world's: they have what a consumer needs there, a network and endpoints to
// services of the world's Region. Each is an EC2 of its own, whose resources no other Region knows.

// ofConsumers are the operations of other Regions.
var ofConsumers = []string{
	"DescribeAvailabilityZones", "DescribeRegions",
	"CreateVpc", "DescribeVpcs", "DeleteVpc", "ModifyVpcAttribute", "DescribeVpcAttribute",
	"CreateSubnet", "DescribeSubnets", "DeleteSubnet",
	"CreateSecurityGroup", "DescribeSecurityGroups", "DescribeSecurityGroupRules", "DeleteSecurityGroup",
	"AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress",
	"DescribeNetworkInterfaces",
	"CreateVpcEndpoint", "DescribeVpcEndpoints", "ModifyVpcEndpoint", "DeleteVpcEndpoints",
}

// withRegions hands what is signed for another Region to the EC2 there.
func (s *Service) withRegions(own wire.Operations) wire.Operations {
	all := make(wire.Operations, len(own))
	for name, op := range own {
		all[name] = func(ctx context.Context, decode func(any) error) (any, error) {
			region := wire.CallerOf(ctx).Region
			if region == "" || region == s.region {
				return op(ctx, decode)
			}
			if !model.HasZones(region) || !slices.Contains(ofConsumers, name) {
				return nil, &wire.Error{Code: "NotImplemented", Status: http.StatusNotImplemented,
					Message: "The local cloud does not have " + name + " of EC2 in " + region + "."}
			}
			return s.in(region).operations()[name](ctx, decode)
		}
	}
	return all
}

// in is the EC2 of another Region.
func (s *Service) in(region string) *Service {
	there := s.abroad[region]
	if there == nil {
		there = (&Service{world: s.world, region: region, home: s, namespaces: s.namespaces, addresses: s.addresses, records: s.records,
			hostedZones: s.hostedZones}).born()
		s.abroad[region] = there
	}
	return there
}

// Of is the EC2 of the Region that a subnet is in; that of the world's, where no Region has it.
func (s *Service) Of(subnet string) *Service {
	for _, there := range s.abroad {
		if _, found := there.subnets.find(subnet); found {
			return there
		}
	}
	return s
}
