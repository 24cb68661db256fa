package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/outcome"
)

type networkAPI interface {
	DescribeVpcs(context.Context, *ec2.DescribeVpcsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcsOutput, error)
	DescribeVpcAttribute(context.Context, *ec2.DescribeVpcAttributeInput, ...func(*ec2.Options)) (*ec2.DescribeVpcAttributeOutput, error)
	DescribeDhcpOptions(context.Context, *ec2.DescribeDhcpOptionsInput, ...func(*ec2.Options)) (*ec2.DescribeDhcpOptionsOutput, error)
	DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
	DescribeAvailabilityZones(context.Context, *ec2.DescribeAvailabilityZonesInput, ...func(*ec2.Options)) (*ec2.DescribeAvailabilityZonesOutput, error)
	servicesAPI
	DescribeRegions(context.Context, *ec2.DescribeRegionsInput, ...func(*ec2.Options)) (*ec2.DescribeRegionsOutput, error)
	DescribeSecurityGroups(context.Context, *ec2.DescribeSecurityGroupsInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error)
	DescribeSecurityGroupRules(context.Context, *ec2.DescribeSecurityGroupRulesInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error)
	DescribeManagedPrefixLists(context.Context, *ec2.DescribeManagedPrefixListsInput, ...func(*ec2.Options)) (*ec2.DescribeManagedPrefixListsOutput, error)
}

// roomy is how many free addresses ELB asks for in each subnet that a load balancer enters, if it chooses its address there
// (NLB guide, "Update the Availability Zones for your Network Load Balancer"). Of those, the node takes one.
const roomy = 8

// noCrossRegion are the zones in which a service cannot serve other regions (PrivateLink guide, "Share your services").
var noCrossRegion = []string{"use1-az3", "usw1-az2", "apne1-az3", "apne2-az2", "apne2-az4"}

// placement chooses the load balancer's subnets: one in every zone that a database can fail over to, because a target in a
// zone where the load balancer has none gets no traffic, even with cross-zone, and in zones of the consumer's where it could
// not connect otherwise. A zone keeps the subnet that the load balancer already has there.
func placement(ctx context.Context, api networkAPI, dbs []database.Database, c consumer, kept []string) ([]types.Subnet, error) {
	regular, err := regularZones(ctx, api)
	if err != nil {
		return nil, err
	}
	if err := c.checkZones(regular); err != nil {
		return nil, err
	}
	usable, err := usableSubnets(ctx, api, dbs[0].VPCID, regular)
	if err != nil {
		return nil, err
	}
	var reachable, groups []string
	for _, db := range dbs {
		own := zonesOf(slices.DeleteFunc(slices.Clone(usable), func(s types.Subnet) bool { return !inGroup(db.SubnetIDs, s) }))
		if len(own) == 0 {
			return nil, noSubnet(db)
		}
		reachable, groups = append(reachable, own...), append(groups, db.SubnetIDs...)
	}
	slices.Sort(reachable)
	zones, err := c.meet(slices.Compact(reachable), zonesOf(usable))
	if err != nil {
		return nil, err
	}
	return bestSubnets(dbs[0].VPCID, zones, usable, groups, kept)
}

func noSubnet(db database.Database) error {
	return outcome.BadInput("database %s has no usable subnet: those of its subnet group (%s) are gone, without IPv4, on Outposts, "+
		"or in Local or Wavelength Zones, "+
		"where no Network Load Balancer can serve an endpoint service: add others to the group", db.Identifier, strings.Join(db.SubnetIDs, ", "))
}

func bestSubnets(vpcID string, zones []string, usable []types.Subnet, groups, kept []string) ([]types.Subnet, error) {
	var chosen []types.Subnet
	for _, zone := range zones {
		inZone := slices.DeleteFunc(slices.Clone(usable), func(s types.Subnet) bool { return aws.ToString(s.AvailabilityZoneId) != zone })
		best := slices.MinFunc(inZone, func(a, b types.Subnet) int { return compareSubnets(a, b, groups, kept) })
		if free(best) < roomy && !slices.Contains(kept, aws.ToString(best.SubnetId)) {
			return nil, outcome.BadInput("no subnet of VPC %s in zone %s has the %d free addresses that a load balancer needs where it enters: "+
				"%s has %d; free %d there, or add a subnet in the zone",
				vpcID, zone, roomy, aws.ToString(best.SubnetId), free(best), roomy-free(best))
		}
		chosen = append(chosen, best)
	}
	return chosen, nil
}

// databaseZones are the chosen subnets in whose zones a database is or fails over to; all, where RDS does not tell of one.
func databaseZones(dbs []database.Database, chosen []types.Subnet) []types.Subnet {
	return slices.DeleteFunc(slices.Clone(chosen), func(s types.Subnet) bool {
		return !slices.ContainsFunc(dbs, func(db database.Database) bool {
			return len(db.Zones) == 0 || slices.Contains(db.Zones, aws.ToString(s.AvailabilityZone))
		})
	})
}

// usableSubnets are the VPC's subnets that an NLB can use and that serve an endpoint service.
func usableSubnets(ctx context.Context, api networkAPI, vpcID string, regular []string) ([]types.Subnet, error) {
	pages := ec2.NewDescribeSubnetsPaginator(api, &ec2.DescribeSubnetsInput{
		Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{vpcID}}},
	})
	var usable []types.Subnet
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe subnets of %s: %w", vpcID, err)
		}
		for _, subnet := range page.Subnets {
			ipv4 := subnet.CidrBlock != nil
			if ipv4 && subnet.OutpostArn == nil && slices.Contains(regular, aws.ToString(subnet.AvailabilityZoneId)) {
				usable = append(usable, subnet)
			}
		}
	}
	return usable, nil
}

// regularZones are the sorted ids of the region's Availability Zones, without Local and Wavelength Zones.
func regularZones(ctx context.Context, api networkAPI) ([]string, error) {
	out, err := api.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
	if err != nil {
		return nil, fmt.Errorf("describe Availability Zones: %w", err)
	}
	var regular []string
	for _, zone := range out.AvailabilityZones {
		if aws.ToString(zone.ZoneType) == "availability-zone" {
			regular = append(regular, aws.ToString(zone.ZoneId))
		}
	}
	slices.Sort(regular)
	return regular, nil
}

func zonesOf(subnets []types.Subnet) []string {
	var zones []string
	for _, subnet := range subnets {
		zones = append(zones, aws.ToString(subnet.AvailabilityZoneId))
	}
	slices.Sort(zones)
	return slices.Compact(zones)
}

// compareSubnets orders the subnets of a zone, the best first.
func compareSubnets(a, b types.Subnet, groups, kept []string) int {
	return cmp.Or(
		first(slices.Contains(kept, aws.ToString(a.SubnetId)), slices.Contains(kept, aws.ToString(b.SubnetId))),
		first(free(a) >= roomy, free(b) >= roomy),
		first(inGroup(groups, a), inGroup(groups, b)),
		cmp.Compare(free(b), free(a)),
		cmp.Compare(aws.ToString(a.SubnetId), aws.ToString(b.SubnetId)),
	)
}

func free(s types.Subnet) int { return int(aws.ToInt32(s.AvailableIpAddressCount)) }

func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

// inGroup says whether a subnet is one of those of databases' subnet groups.
func inGroup(groups []string, subnet types.Subnet) bool {
	return slices.Contains(groups, aws.ToString(subnet.SubnetId))
}

// resolverSubnets are where the resolver can live. Step 2 takes two of them, so that it outlives a zone, and the next where
// Lambda has no zone. Where the load balancer enters there is room for it besides; where the exposure has its load balancer
// already it also has its resolver, however full it is.
func resolverSubnets(r request, dbs []database.Database, chosen []types.Subnet) ([]string, error) {
	if r.resolver == resolverNone {
		for _, db := range dbs {
			if err := checkOutside(db); err != nil {
				return nil, err
			}
		}
		return []string{}, nil
	}
	open := slices.DeleteFunc(slices.Clone(chosen), func(s types.Subnet) bool { return free(s) == 0 })
	if len(open) == 0 {
		open = chosen
	}
	return subnetIDs(open), nil
}

// checkOutside reports, as an error, a database that only a resolver in its VPC can follow.
func checkOutside(db database.Database) error {
	if db.Public {
		return outcome.BadInput("resolver none does not work for database %s: "+
			"it is publicly accessible, so outside its VPC its name resolves to a public address; use resolver vpc",
			db.Identifier)
	}
	if database.BlocksHosts(db.Kind, db.Engine) {
		return outcome.BadInput("resolver none does not work for database %s: "+
			"%s blocks hosts that check its port, so only the resolver in the VPC can tell whether it serves; use resolver vpc",
			db.Identifier, db.Engine)
	}
	return nil
}

// checkCrossRegion reports, as an error, zones from which other regions cannot be served.
func checkCrossRegion(r request, regions []string, chosen []types.Subnet) error {
	if len(regions) == 0 {
		return nil
	}
	field := r.named(regions[0])
	for _, subnet := range chosen {
		if zone := aws.ToString(subnet.AvailabilityZoneId); slices.Contains(noCrossRegion, zone) {
			return outcome.BadInput("%s: the database's subnet group includes zone %s, "+
				"from which PrivateLink serves no other region: leave %s out, or take the zone's subnet out of the group", field, zone, field)
		}
	}
	if len(chosen) < 2 {
		return outcome.BadInput("%s: PrivateLink serves other regions only from two zones or more, "+
			"and the database's subnet group has %d: add a subnet in another zone, or leave %s out", field, len(chosen), field)
	}
	return nil
}

func subnetIDs(subnets []types.Subnet) []string {
	ids := make([]string, len(subnets))
	for i, subnet := range subnets {
		ids[i] = aws.ToString(subnet.SubnetId)
	}
	return ids
}
