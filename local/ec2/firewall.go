package ec2

import (
	"log/slog"
	"net/netip"
	"slices"

	"github.com/rdslink/rdslink/local/network"
)

// guard makes the kernel of a VPC judge as its security groups now say. It follows every change of rules or interfaces: a
// rule that names a group admits the addresses that carry the group at the moment.
//
// A network that refuses is this machine's fault and not the caller's, so it is logged and not answered.
func (s *Service) guard(vpc string) {
	if err := s.addresses.SetFirewall(vpc, s.firewall(vpc)); err != nil {
		slog.Error("set firewall", "vpc", vpc, "error", err)
	}
}

func (s *Service) firewall(vpc string) network.Firewall {
	members := s.interfaces.where(func(i *Interface) bool { return i.VPC == vpc })
	addresses := map[string][]netip.Addr{}
	for _, i := range members {
		for _, group := range i.Groups {
			addresses[group] = append(addresses[group], i.Address)
		}
	}
	firewall := network.Firewall{}
	for _, i := range members {
		firewall[i.Address] = s.guardOf(i, addresses)
	}
	if v, ok := s.vpcs.find(vpc); ok {
		for _, server := range v.servers {
			firewall[server] = network.Guard{Inbound: everything}
		}
	}
	return firewall
}

// everything is what an interface without security groups lets through.
var everything = []network.Rule{{Peer: netip.MustParsePrefix(anywhere), ToPort: 65535}}

func (s *Service) guardOf(i *Interface, members map[string][]netip.Addr) network.Guard {
	if len(i.Groups) == 0 {
		return network.Guard{Inbound: everything, Outbound: everything, Queries: everything}
	}
	var guard network.Guard
	for _, id := range i.Groups {
		g, _ := s.securityGroups.find(id) // a group that an interface carries cannot be deleted
		for _, r := range g.rules {
			if r.egress {
				guard.Outbound = append(guard.Outbound, s.compile(r, "tcp", members)...)
				guard.Queries = append(guard.Queries, s.compile(r, "udp", members)...)
			} else {
				guard.Inbound = append(guard.Inbound, s.compile(r, "tcp", members)...)
			}
		}
	}
	return guard
}

// compile is the rule in terms of addresses. ICMP does not exist in the local network, and UDP for DNS alone.
func (s *Service) compile(r *rule, protocol string, members map[string][]netip.Addr) []network.Rule {
	from, to := uint16(r.fromPort), uint16(r.toPort)
	switch r.protocol {
	case allProtocols:
		from, to = 0, 65535
	case protocol:
	default:
		return nil
	}
	var rules []network.Rule
	if r.group == "" {
		for _, block := range s.blocks(r.permission) {
			rules = append(rules, network.Rule{Peer: block, FromPort: from, ToPort: to})
		}
		return rules
	}
	for _, a := range members[r.group] {
		rules = append(rules, network.Rule{Peer: netip.PrefixFrom(a, a.BitLen()), FromPort: from, ToPort: to})
	}
	return rules
}

// Admits says whether groups let a connection in from an address on a port, wherever that address lies. Elastic Load
// Balancing asks it about PrivateLink's clients, whose own addresses no interface here carries.
func (s *Service) Admits(groups []string, client netip.Addr, port uint16) bool {
	inbound := s.guardOf(&Interface{Groups: groups}, nil).Inbound
	return slices.ContainsFunc(inbound, func(r network.Rule) bool {
		return r.Peer.Contains(client) && r.FromPort <= port && port <= r.ToPort
	})
}
