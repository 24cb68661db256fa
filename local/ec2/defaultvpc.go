package ec2

import (
	"context"
	"net/netip"
	"slices"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// withDefaultVPC lets an account have its default VPC before the first operation that it calls.
func (s *Service) withDefaultVPC(ops wire.Operations) wire.Operations {
	for name, op := range ops {
		ops[name] = func(ctx context.Context, decode func(any) error) (any, error) {
			if err := s.makeDefaultVPC(wire.CallerOf(ctx).Account); err != nil {
				return nil, err
			}
			return op(ctx, decode)
		}
	}
	return ops
}

// makeDefaultVPC makes the default VPC that every account has from its beginning, with a default subnet in each Availability
// Zone (vpc/latest/userguide/default-vpc-components.html), but without an internet gateway, which no VPC here has. One that
// was deleted does not come back.
func (s *Service) makeDefaultVPC(account string) error {
	if s.accounts[account] {
		return nil
	}
	s.accounts[account] = true
	// The zero time: to everyone it was there before.
	v := &vpc{ID: model.ID("vpc"), Account: account, dns: dnsAttributes{support: true, hostnames: true}, isDefault: true}
	if err := s.addVPC(v, netip.MustParsePrefix("172.31.0.0/16")); err != nil {
		return err
	}
	for i, z := range model.Zones(s.region, account) {
		block := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 31, byte(16 * i), 0}), 20)
		n := &Subnet{ID: model.ID("subnet"), Account: account, VPC: v.ID, Zone: z.Name, ZoneID: z.ID, CIDR: block, forZone: true}
		if err := s.addSubnet(n); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) defaultVPC(account string) (*vpc, bool) {
	i := slices.IndexFunc(s.vpcs, func(v *vpc) bool { return v.isDefault && v.Account == account })
	if i < 0 {
		return nil, false
	}
	return s.vpcs[i], true
}

func (s *Service) defaultVPCName(account string) string {
	if v, ok := s.defaultVPC(account); ok {
		return v.ID
	}
	return "none"
}

// DefaultSubnets are those of the account's default VPC, where databases go for which no subnet group is named; none if it
// deleted them.
func (s *Service) DefaultSubnets(account string) ([]*Subnet, error) {
	if err := s.makeDefaultVPC(account); err != nil {
		return nil, err
	}
	return s.subnets.where(func(n *Subnet) bool { return n.forZone && n.Account == account }), nil
}

// vpcOrDefault is the VPC that is named, or else the default one.
func (s *Service) vpcOrDefault(ctx context.Context, id *string) (*vpc, error) {
	if id != nil {
		return s.seenVPC(ctx, id)
	}
	v, ok := s.defaultVPC(wire.CallerOf(ctx).Account)
	if !ok {
		return nil, wire.Errorf("VPCIdNotSpecified", "No default VPC for this user")
	}
	return v, nil
}

// groupsOfDefaultVPC finds groups by name, which is possible in the default VPC alone (API_DescribeSecurityGroups,
// GroupName.N).
func (s *Service) groupsOfDefaultVPC(account string, names []string) (ids []string, err error) {
	vpc := s.defaultVPCName(account)
	for _, name := range names {
		g, ok := s.groupNamed(vpc, name)
		if !ok {
			return nil, wire.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", name, vpc)
		}
		ids = append(ids, g.ID)
	}
	return ids, nil
}
