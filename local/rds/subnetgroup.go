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
	var err error
	if g.subnets, err = s.subnetsOf(account, in.SubnetIds); err != nil {
		return nil, err
	}
	g.vpc = g.subnets[0].VPC
	s.subnetGroups[arn] = g
	return &rds.CreateDBSubnetGroupOutput{DBSubnetGroup: g.describe()}, nil
}

// subnetsOf are subnets that a group can have: of one VPC, in two zones or more.
func (s *Service) subnetsOf(account string, ids []string) ([]*ec2.Subnet, error) {
	var subnets []*ec2.Subnet
	for _, id := range ids {
		subnet, err := s.vpcs.Subnet(account, id)
		if err != nil {
			return nil, wire.Errorf("InvalidSubnet", "Some input subnets in :[%s] are invalid.", id)
		}
		if len(subnets) > 0 && subnets[0].VPC != subnet.VPC {
			return nil, wire.Errorf("InvalidSubnet", "All subnets must belong to the same VPC.")
		}
		subnets = append(subnets, subnet)
	}
	if zones := (&subnetGroup{subnets: subnets}).zones(); len(zones) < 2 {
		return nil, wire.Errorf("DBSubnetGroupDoesNotCoverEnoughAZs",
			"The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "+
				"Current AZ coverage: %s. Add subnets to cover at least 2 AZs.", strings.Join(zones, ", "))
	}
	return subnets, nil
}

// modifyDBSubnetGroup gives a group other subnets: those that are named and no more. A subnet that a database is in cannot
// be taken away (API_ModifyDBSubnetGroup, SubnetAlreadyInUse, whose wording is assumed), nor can the zone of a standby.
func (s *Service) modifyDBSubnetGroup(
	ctx context.Context, in *rds.ModifyDBSubnetGroupInput,
) (*rds.ModifyDBSubnetGroupOutput, error) {
	g, err := s.subnetGroup(ctx, aws.ToString(in.DBSubnetGroupName))
	if err != nil {
		return nil, err
	}
	subnets, err := s.subnetsOf(g.account, in.SubnetIds)
	if err != nil {
		return nil, err
	}
	if subnets[0].VPC != g.vpc { // hashicorp/terraform-provider-aws#27459
		return nil, wire.Errorf("InvalidParameterValue", "The new Subnets are not in the same Vpc as the existing subnet group")
	}
	for _, i := range s.instances {
		if i.subnetGroup != g {
			continue
		}
		if lost := i.losesPlace(subnets); lost != "" {
			return nil, wire.Errorf("SubnetAlreadyInUse", "The DB subnet %s is already in use by DB instance %s in the Availability Zone.", lost,
				i.id)
		}
	}
	g.subnets = subnets
	if in.DBSubnetGroupDescription != nil {
		g.description = *in.DBSubnetGroupDescription
	}
	return &rds.ModifyDBSubnetGroupOutput{DBSubnetGroup: g.describe()}, nil
}

// losesPlace is the subnet of its group where an instance or its standby is, and which is not among these; "" if there is
// none.
func (i *instance) losesPlace(subnets []*ec2.Subnet) string {
	has := func(same func(*ec2.Subnet) bool) bool { return slices.ContainsFunc(subnets, same) }
	if i.nic != nil && !has(func(subnet *ec2.Subnet) bool { return subnet.ID == i.nic.Subnet }) {
		return i.nic.Subnet
	}
	if !i.multiAZ || has(func(subnet *ec2.Subnet) bool { return subnet.Zone == i.secondary }) {
		return ""
	}
	for _, subnet := range i.subnetGroup.subnets {
		if subnet.Zone == i.secondary {
			return subnet.ID
		}
	}
	return ""
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
