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

// Subnet is a part of a VPC in one Availability Zone.
type Subnet struct {
	ID, Account, VPC string
	Zone, ZoneID     string // the account's name of the zone, and everyone's id of it
	CIDR             netip.Prefix
	forZone          bool // the default one of its zone
	common
}

func (n *Subnet) identity() (id, account string) { return n.ID, n.Account }

// Subnet is the subnet with that id that the account may put things in.
func (s *Service) Subnet(account, id string) (*Subnet, error) {
	subnet, ok := s.subnets.find(id)
	if !ok || !seenBy(subnet, account) {
		return nil, subnetKind.unknown(id)
	}
	return subnet, nil
}

// SubnetAt is the subnet of a VPC that an address lies in.
func (s *Service) SubnetAt(vpc string, address netip.Addr) (*Subnet, bool) {
	i := slices.IndexFunc(s.subnets, func(n *Subnet) bool { return n.VPC == vpc && n.CIDR.Contains(address) })
	if i < 0 {
		return nil, false
	}
	return s.subnets[i], true
}

func (s *Service) createSubnet(ctx context.Context, in *ec2.CreateSubnetInput) (*ec2.CreateSubnetOutput, error) {
	v, err := s.vpc(ctx, in.VpcId)
	if err != nil {
		return nil, err
	}
	block, err := s.subnetBlock(v, in.CidrBlock)
	if err != nil {
		return nil, err
	}
	z, err := s.subnetZone(v.Account, in)
	if err != nil {
		return nil, err
	}
	tags, err := specified(in.TagSpecifications, types.ResourceTypeSubnet)
	if err != nil {
		return nil, err
	}
	n := &Subnet{ID: model.ID("subnet"), Account: v.Account, VPC: v.ID, Zone: z.Name, ZoneID: z.ID, CIDR: block, common: born(tags)}
	if err := s.addSubnet(n); err != nil {
		return nil, err
	}
	return &ec2.CreateSubnetOutput{Subnet: new(s.describedSubnet(n))}, nil
}

func (s *Service) addSubnet(n *Subnet) error {
	if err := s.namespaces.PublishSubnet(n.VPC, n.ID); err != nil {
		return fmt.Errorf("publish %s of %s: %w", n.ID, n.VPC, err)
	}
	s.subnets.add(n)
	s.associate(n)
	return nil
}

func (s *Service) subnetBlock(v *vpc, text *string) (netip.Prefix, error) {
	block, err := cidr(text, "InvalidSubnet.Range")
	if err != nil {
		return block, err
	}
	inside := func(b cidrBlock) bool { return b.cidr.Bits() <= block.Bits() && b.cidr.Contains(block.Addr()) }
	if !slices.ContainsFunc(v.blocks, inside) {
		return block, wire.Errorf("InvalidSubnet.Range", "The CIDR '%s' is invalid.", block)
	}
	if slices.ContainsFunc(s.subnets, func(n *Subnet) bool { return n.VPC == v.ID && n.CIDR.Overlaps(block) }) {
		return block, wire.Errorf("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", block)
	}
	return block, nil
}

// subnetZone is the zone that was asked for by name or id; AWS chooses one when neither was.
func (s *Service) subnetZone(account string, in *ec2.CreateSubnetInput) (model.Zone, error) {
	zones := model.Zones(s.region, account)
	name, id := aws.ToString(in.AvailabilityZone), aws.ToString(in.AvailabilityZoneId)
	if name == "" && id == "" {
		return zones[0], nil
	}
	i := slices.IndexFunc(zones, func(z model.Zone) bool { return (name == "" || z.Name == name) && (id == "" || z.ID == id) })
	if i < 0 {
		return model.Zone{}, wire.Errorf("InvalidParameterValue",
			"Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.",
			name+id, zoneList(zones))
	}
	return zones[i], nil
}

func zoneList(zones []model.Zone) string {
	var list string
	for i, z := range zones {
		if i > 0 {
			list += ", "
		}
		list += z.Name
	}
	return list
}

func (s *Service) deleteSubnet(ctx context.Context, in *ec2.DeleteSubnetInput) (*ec2.DeleteSubnetOutput, error) {
	n, ok := s.subnets.of(wire.CallerOf(ctx).Account, aws.ToString(in.SubnetId))
	if !ok {
		return nil, subnetKind.unknown(aws.ToString(in.SubnetId))
	}
	if slices.ContainsFunc(s.interfaces, func(i *Interface) bool { return i.Subnet == n.ID }) {
		return nil, wire.Errorf("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted.", n.ID)
	}
	s.dissociate(n)
	s.subnets.remove(n.ID)
	s.namespaces.WithdrawSubnet(n.ID)
	return &ec2.DeleteSubnetOutput{}, nil
}

var subnetFilters = filterable[*Subnet]{
	"subnet-id":            func(n *Subnet) []string { return []string{n.ID} },
	"vpc-id":               func(n *Subnet) []string { return []string{n.VPC} },
	"owner-id":             func(n *Subnet) []string { return []string{n.Account} },
	"cidr":                 func(n *Subnet) []string { return []string{n.CIDR.String()} },
	"cidr-block":           func(n *Subnet) []string { return []string{n.CIDR.String()} },
	"availability-zone":    func(n *Subnet) []string { return []string{n.Zone} },
	"availability-zone-id": func(n *Subnet) []string { return []string{n.ZoneID} },
	"state":                func(*Subnet) []string { return []string{string(types.SubnetStateAvailable)} },
	"default-for-az":       func(n *Subnet) []string { return boolean(n.forZone) },
}

func (s *Service) describeSubnets(ctx context.Context, in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	q := query{kind: subnetKind, ids: in.SubnetIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}
	found, next, err := list(ctx, s, s.subnets, q, subnetFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSubnetsOutput{NextToken: next}
	for _, n := range found {
		out.Subnets = append(out.Subnets, s.describedSubnet(n))
	}
	return out, nil
}

// Free is how many addresses of a subnet nobody has.
func (s *Service) Free(n *Subnet) int {
	return n.usable() - len(s.interfaces.where(func(i *Interface) bool { return i.Subnet == n.ID }))
}

func (s *Service) describedSubnet(n *Subnet) types.Subnet {
	return types.Subnet{
		SubnetId: &n.ID, SubnetArn: aws.String(s.arn(n.Account, "subnet/"+n.ID)), OwnerId: &n.Account, VpcId: &n.VPC,
		AvailabilityZone: &n.Zone, AvailabilityZoneId: &n.ZoneID, CidrBlock: aws.String(n.CIDR.String()),
		AvailableIpAddressCount: aws.Int32(int32(s.Free(n))), State: types.SubnetStateAvailable,
		DefaultForAz: &n.forZone, MapPublicIpOnLaunch: &n.forZone, AssignIpv6AddressOnCreation: aws.Bool(false), Tags: n.tags,
	}
}

// AWS reserves the first four addresses and the last one of a subnet
// (docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html).
const (
	reservedFirst = 4
	reserved      = reservedFirst + 1
)

func (n *Subnet) usable() int { return 1<<(32-n.CIDR.Bits()) - reserved }

// offset is how many addresses of the subnet come before a.
func (n *Subnet) offset(a netip.Addr) int {
	first, this := n.CIDR.Addr().As4(), a.As4()
	offset := 0
	for i := range first {
		offset = offset<<8 + int(this[i]) - int(first[i])
	}
	return offset
}

// allocate finds the lowest free address of a subnet, or checks the one that was asked for. An address that was just freed
// is given out again, as AWS may.
func (s *Service) allocate(n *Subnet, address netip.Addr) (netip.Addr, error) {
	taken := map[netip.Addr]bool{}
	for _, i := range s.interfaces {
		if i.Subnet == n.ID {
			taken[i.Address] = true
		}
	}
	if address.IsValid() {
		return address, n.admits(address, taken)
	}
	free := n.CIDR.Addr()
	for range reservedFirst {
		free = free.Next()
	}
	for range n.usable() {
		if !taken[free] {
			return free, nil
		}
		free = free.Next()
	}
	return free, wire.Errorf("InsufficientFreeAddressesInSubnet",
		"There are not enough free addresses in subnet '%s' to satisfy the requested number of instances.", n.ID)
}

func (n *Subnet) admits(address netip.Addr, taken map[netip.Addr]bool) error {
	switch offset := n.offset(address); {
	case !n.CIDR.Contains(address):
		return wire.Errorf("InvalidParameterValue", "Address %s does not fall within the subnet's address range", address)
	case offset < reservedFirst || offset >= reservedFirst+n.usable():
		return wire.Errorf("InvalidParameterValue", "Address %s is in subnet's reserved address range", address)
	case taken[address]:
		return wire.Errorf("InvalidIPAddress.InUse", "Address %s is in use.", address)
	}
	return nil
}
