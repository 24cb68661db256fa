package rds

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/wire"
)

type subnetGroup struct {
	arn, account, name string
	description        string
	vpc                string
	subnets            []*ec2.Subnet
}

func (s *Service) createDBSubnetGroup(ctx context.Context, in *rds.CreateDBSubnetGroupInput) (*rds.CreateDBSubnetGroupOutput, error) {
	account, name := wire.CallerOf(ctx).Account, strings.ToLower(aws.ToString(in.DBSubnetGroupName))
	if err := validateSubnetGroupName(name); err != nil {
		return nil, err
	}
	arn := s.arn(account, "subgrp", name)
	if s.subnetGroups[arn] != nil {
		return nil, wire.Errorf("DBSubnetGroupAlreadyExists", "The DB subnet group '%s' already exists.", name)
	}
	g := &subnetGroup{arn: arn, account: account, name: name, description: aws.ToString(in.DBSubnetGroupDescription)}
	for _, id := range in.SubnetIds {
		subnet, err := s.vpcs.Subnet(account, id)
		if err != nil {
			return nil, wire.Errorf("InvalidSubnet", "Some input subnets in :[%s] are invalid.", id)
		}
		if g.vpc != "" && g.vpc != subnet.VPC {
			return nil, wire.Errorf("InvalidSubnet", "All subnets must belong to the same VPC.")
		}
		g.vpc = subnet.VPC
		g.subnets = append(g.subnets, subnet)
	}
	if zones := g.zones(); len(zones) < 2 {
		return nil, wire.Errorf("DBSubnetGroupDoesNotCoverEnoughAZs",
			"The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "+
				"Current AZ coverage: %s. Add subnets to cover at least 2 AZs.", strings.Join(zones, ", "))
	}
	s.subnetGroups[arn] = g
	return &rds.CreateDBSubnetGroupOutput{DBSubnetGroup: g.describe()}, nil
}

// defaultSubnetGroup is the name of the one that RDS makes itself.
const defaultSubnetGroup = "default"

// validateSubnetGroupName has the rules of API_CreateDBSubnetGroup.
func validateSubnetGroupName(name string) error {
	foreign := func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-_ ", r)
	}
	if name == "" || len(name) > 255 || name == defaultSubnetGroup || strings.ContainsFunc(name, foreign) {
		return wire.Errorf("InvalidParameterValue",
			"The parameter DBSubnetGroupName is not valid: it must contain no more than 255 letters, "+
				"numbers, periods, underscores, spaces, or hyphens and must not be 'default'.")
	}
	return nil
}

func (s *Service) describeDBSubnetGroups(
	ctx context.Context, in *rds.DescribeDBSubnetGroupsInput,
) (*rds.DescribeDBSubnetGroupsOutput, error) {
	if _, err := filters(in.Filters); err != nil {
		return nil, err
	}
	var found []*subnetGroup
	if in.DBSubnetGroupName != nil {
		g, err := s.subnetGroup(ctx, *in.DBSubnetGroupName)
		if err != nil {
			return nil, err
		}
		found = append(found, g)
	} else {
		for _, g := range s.subnetGroups {
			if g.account == wire.CallerOf(ctx).Account {
				found = append(found, g)
			}
		}
	}
	found, next, err := page(found, func(g *subnetGroup) string { return g.arn }, in.Marker, in.MaxRecords)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBSubnetGroupsOutput{Marker: next}
	for _, g := range found {
		out.DBSubnetGroups = append(out.DBSubnetGroups, *g.describe())
	}
	return out, nil
}

func (g *subnetGroup) describe() *types.DBSubnetGroup {
	d := &types.DBSubnetGroup{
		DBSubnetGroupArn: &g.arn, DBSubnetGroupName: &g.name, DBSubnetGroupDescription: &g.description, VpcId: &g.vpc,
		SubnetGroupStatus: aws.String("Complete"), SupportedNetworkTypes: []string{"IPV4"},
	}
	for _, subnet := range g.subnets {
		d.Subnets = append(d.Subnets, types.Subnet{
			SubnetIdentifier: &subnet.ID, SubnetStatus: aws.String("Active"), SubnetOutpost: &types.Outpost{},
			SubnetAvailabilityZone: &types.AvailabilityZone{Name: &subnet.Zone},
		})
	}
	return d
}

// zones are the names of the zones that the group covers.
func (g *subnetGroup) zones() []string {
	var zones []string
	for _, subnet := range g.subnets {
		if !slices.Contains(zones, subnet.Zone) {
			zones = append(zones, subnet.Zone)
		}
	}
	slices.Sort(zones)
	return zones
}

// zoneBeside is where the standby of a primary in zone goes.
func (g *subnetGroup) zoneBeside(zone string) string {
	zones := g.zones()
	i := slices.Index(zones, zone)
	return zones[(i+1)%len(zones)]
}

// subnetGroup finds the caller's subnet group.
func (s *Service) subnetGroup(ctx context.Context, name string) (*subnetGroup, error) {
	if g := s.subnetGroups[s.arn(wire.CallerOf(ctx).Account, "subgrp", strings.ToLower(name))]; g != nil {
		return g, nil
	}
	return nil, notFound("DBSubnetGroupNotFoundFault", "DB subnet group '%s' does not exist.", name)
}

// subnetGroupOrDefault is the subnet group that is named, or else the one of the default VPC's default subnets, which RDS
// makes when it is first needed (AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html).
func (s *Service) subnetGroupOrDefault(ctx context.Context, name *string) (*subnetGroup, error) {
	if name != nil {
		return s.subnetGroup(ctx, *name)
	}
	if g, err := s.subnetGroup(ctx, defaultSubnetGroup); err == nil {
		return g, nil
	}
	account := wire.CallerOf(ctx).Account
	subnets, err := s.vpcs.DefaultSubnets(account)
	if err != nil {
		return nil, err
	}
	if len(subnets) == 0 {
		return nil, wire.Errorf("InvalidSubnet", "No default subnet detected in VPC. Please contact AWS Support to recreate the default Subnets.")
	}
	g := &subnetGroup{
		arn: s.arn(account, "subgrp", defaultSubnetGroup), account: account, name: defaultSubnetGroup, description: defaultSubnetGroup,
		vpc: subnets[0].VPC, subnets: subnets,
	}
	s.subnetGroups[g.arn] = g
	return g, nil
}
