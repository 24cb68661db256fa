package ec2

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

type vpc struct {
	ID, Account string
	blocks      []cidrBlock // the first is the primary one
	dns         dnsAttributes
	options     string       // DHCP's
	servers     []netip.Addr // of DNS, that are not Amazon's
	isDefault   bool
	common
}

func (v *vpc) identity() (id, account string) { return v.ID, v.Account }

type cidrBlock struct {
	association string
	cidr        netip.Prefix
}

func (v *vpc) addBlock(cidr netip.Prefix) cidrBlock {
	block := cidrBlock{model.ID("vpc-cidr-assoc"), cidr}
	v.blocks = append(v.blocks, block)
	return block
}

// CIDRs are the address ranges of a VPC; none when there is no such VPC.
func (s *Service) CIDRs(vpc string) []netip.Prefix {
	v, ok := s.vpcs.find(vpc)
	if !ok {
		return nil
	}
	cidrs := make([]netip.Prefix, len(v.blocks))
	for i, block := range v.blocks {
		cidrs[i] = block.cidr
	}
	return cidrs
}

func (s *Service) vpc(ctx context.Context, id *string) (*vpc, error) {
	if aws.ToString(id) == "" {
		return nil, missing("vpcId")
	}
	v, ok := s.vpcs.of(wire.CallerOf(ctx).Account, *id)
	if !ok {
		return nil, vpcKind.unknown(*id)
	}
	return v, nil
}

func missing(parameter string) error {
	return wire.Errorf("MissingParameter", "The request must contain the parameter %s", parameter)
}

// cidr reads an address block in its canonical form, as AWS does (API_CreateSubnet: 100.68.0.18/18 becomes 100.68.0.0/18).
// A VPC's and a subnet's has between 16 and 28 bits.
func cidr(text *string, code string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(aws.ToString(text))
	switch {
	case text == nil:
		return prefix, missing("cidrBlock")
	case err != nil || !prefix.Addr().Is4():
		return prefix, wire.Errorf("InvalidParameterValue",
			"Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", *text)
	case prefix.Bits() < 16 || prefix.Bits() > 28:
		return prefix, wire.Errorf(code, "The CIDR '%s' is invalid.", *text)
	}
	return prefix.Masked(), nil
}

func (s *Service) createVPC(ctx context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) {
	block, err := cidr(in.CidrBlock, "InvalidVpc.Range")
	if err != nil {
		return nil, err
	}
	tags, err := specified(in.TagSpecifications, types.ResourceTypeVpc)
	if err != nil {
		return nil, err
	}
	// A VPC that CreateVpc makes has DNS support but no DNS hostnames (userguide/vpc-dns.html).
	v := &vpc{ID: model.ID("vpc"), Account: wire.CallerOf(ctx).Account, dns: dnsAttributes{support: true}, common: born(tags)}
	if err := s.addVPC(v, block); err != nil {
		return nil, err
	}
	return &ec2.CreateVpcOutput{Vpc: new(describedVPC(v))}, nil
}

// addVPC also makes the VPC's default security group and network ACL.
func (s *Service) addVPC(v *vpc, block netip.Prefix) error {
	v.addBlock(block)
	v.options = s.defaultOptions(v.Account)
	if err := s.namespaces.CreateVPC(v.ID, block); err != nil {
		return fmt.Errorf("create network of %s: %w", v.ID, err)
	}
	s.records.setVPC(v.ID, v.dns)
	s.vpcs.add(v)
	s.securityGroups.add(defaultSecurityGroup(v))
	s.networkACLs.add(defaultACL(v))
	return nil
}

var vpcFilters = filterable[*vpc]{
	"vpc-id":     func(v *vpc) []string { return []string{v.ID} },
	"owner-id":   func(v *vpc) []string { return []string{v.Account} },
	"cidr":       func(v *vpc) []string { return []string{v.blocks[0].cidr.String()} },
	"cidr-block": func(v *vpc) []string { return []string{v.blocks[0].cidr.String()} },
	"cidr-block-association.cidr-block": func(v *vpc) []string {
		var cidrs []string
		for _, block := range v.blocks {
			cidrs = append(cidrs, block.cidr.String())
		}
		return cidrs
	},
	"dhcp-options-id": func(v *vpc) []string { return []string{v.options} },
	"state":           func(*vpc) []string { return []string{string(types.VpcStateAvailable)} },
	"is-default":      func(v *vpc) []string { return boolean(v.isDefault) },
	"isDefault":       func(v *vpc) []string { return boolean(v.isDefault) },
}

func (s *Service) describeVPCs(ctx context.Context, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	q := query{kind: vpcKind, ids: in.VpcIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}
	found, next, err := list(ctx, s, s.vpcs, q, vpcFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcsOutput{NextToken: next}
	for _, v := range found {
		out.Vpcs = append(out.Vpcs, describedVPC(v))
	}
	return out, nil
}

func describedVPC(v *vpc) types.Vpc {
	out := types.Vpc{
		VpcId: &v.ID, OwnerId: &v.Account, CidrBlock: aws.String(v.blocks[0].cidr.String()), State: types.VpcStateAvailable,
		InstanceTenancy: types.TenancyDefault, IsDefault: &v.isDefault, DhcpOptionsId: &v.options, Tags: v.tags,
	}
	for _, block := range v.blocks {
		out.CidrBlockAssociationSet = append(out.CidrBlockAssociationSet, *describedBlock(block))
	}
	return out
}

func describedBlock(b cidrBlock) *types.VpcCidrBlockAssociation {
	return &types.VpcCidrBlockAssociation{
		AssociationId: aws.String(b.association), CidrBlock: aws.String(b.cidr.String()),
		CidrBlockState: &types.VpcCidrBlockState{State: types.VpcCidrBlockStateCodeAssociated},
	}
}

func (s *Service) associateVPCCIDRBlock(ctx context.Context, in *ec2.AssociateVpcCidrBlockInput) (*ec2.AssociateVpcCidrBlockOutput, error) {
	v, err := s.vpc(ctx, in.VpcId)
	if err != nil {
		return nil, err
	}
	block, err := cidr(in.CidrBlock, "InvalidVpc.Range")
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(v.blocks, func(b cidrBlock) bool { return b.cidr.Overlaps(block) }) {
		return nil, wire.Errorf("InvalidVpc.Range", "The CIDR '%s' conflicts with another CIDR block of the VPC.", block)
	}
	return &ec2.AssociateVpcCidrBlockOutput{VpcId: &v.ID, CidrBlockAssociation: describedBlock(v.addBlock(block))}, nil
}

func (s *Service) deleteVPC(ctx context.Context, in *ec2.DeleteVpcInput) (*ec2.DeleteVpcOutput, error) {
	v, err := s.vpc(ctx, in.VpcId)
	if err != nil {
		return nil, err
	}
	groups := s.securityGroups.where(func(g *SecurityGroup) bool { return g.VPC == v.ID })
	subnets := s.subnets.where(func(n *Subnet) bool { return n.VPC == v.ID })
	acls := s.networkACLs.where(func(a *networkACL) bool { return a.VPC == v.ID })
	if len(subnets) > 0 || len(groups) > 1 || len(acls) > 1 { // the default ones go with their VPC
		return nil, wire.Errorf("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted.", v.ID)
	}
	for _, g := range groups {
		s.securityGroups.remove(g.ID)
	}
	for _, a := range acls {
		s.networkACLs.remove(a.ID)
	}
	delete(s.bounded, v.ID)
	s.vpcs.remove(v.ID)
	s.records.deleteVPC(v.ID)
	s.namespaces.DeleteVPC(v.ID)
	return &ec2.DeleteVpcOutput{}, nil
}

// modifyVPCAttribute changes one attribute in a call
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcAttribute.html).
func (s *Service) modifyVPCAttribute(ctx context.Context, in *ec2.ModifyVpcAttributeInput) (*ec2.ModifyVpcAttributeOutput, error) {
	v, err := s.vpc(ctx, in.VpcId)
	if err != nil {
		return nil, err
	}
	switch {
	case in.EnableDnsSupport != nil && in.EnableDnsHostnames != nil:
		return nil, wire.Errorf("InvalidParameterCombination", "Fields for multiple attribute types specified")
	case in.EnableDnsSupport != nil:
		v.dns.support = aws.ToBool(in.EnableDnsSupport.Value)
	case in.EnableDnsHostnames != nil:
		v.dns.hostnames = aws.ToBool(in.EnableDnsHostnames.Value)
	default:
		return nil, wire.Errorf("InvalidParameterCombination", "No attributes specified.")
	}
	s.records.setVPC(v.ID, v.dns)
	return &ec2.ModifyVpcAttributeOutput{}, nil
}

// Owner is the account of a VPC.
func (s *Service) Owner(vpc string) (account string, ok bool) {
	v, ok := s.vpcs.find(vpc)
	if !ok {
		return "", false
	}
	return v.Account, true
}
