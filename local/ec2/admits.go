package ec2

import (
	"net/netip"
	"slices"

	"github.com/rdslink/rdslink/local/network"
)

// Admits says whether the inbound rules of one of the groups let an address outside their VPC connect to a port. Rules that
// name groups are about addresses of the VPC and admit nobody here.
func (s *Service) Admits(groups []string, from netip.Addr, port uint16) bool {
	return slices.ContainsFunc(groups, func(id string) bool {
		g, ok := s.securityGroups.find(id)
		return ok && slices.ContainsFunc(g.rules, func(r *rule) bool {
			return !r.egress && slices.ContainsFunc(r.compile(nil), func(c network.Rule) bool {
				return c.Peer.Contains(from) && c.FromPort <= port && port <= c.ToPort
			})
		})
	})
}
