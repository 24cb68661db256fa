package inspect

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// ports are those from first to last.
type ports struct{ first, last int32 }

func port(n int32) ports { return ports{n, n} }

// ephemeral are the ports that answers go to: a Network Load Balancer connects from any of them, and so does a function
// (Amazon VPC guide, "Custom network ACLs", "Ephemeral ports").
var ephemeral = ports{1024, 65535}

func (p ports) String() string {
	if p.first == p.last {
		return fmt.Sprintf("port %d", p.first)
	}
	return fmt.Sprintf("ports %d-%d", p.first, p.last)
}

func (p ports) and(q ports) (ports, bool) {
	both := ports{max(p.first, q.first), min(p.last, q.last)}
	return both, both.first <= both.last
}

// without are what is left of the spans when one is taken away.
func without(spans []ports, taken ports) []ports {
	var left []ports
	for _, s := range spans {
		both, overlap := s.and(taken)
		if !overlap {
			left = append(left, s)
			continue
		}
		if s.first < both.first {
			left = append(left, ports{s.first, both.first - 1})
		}
		if both.last < s.last {
			left = append(left, ports{both.last + 1, s.last})
		}
	}
	return left
}

// A closure is which of the ports a network ACL shuts, and the entry that shuts the first of them.
type closure struct {
	ports []ports
	why   string
}

// closed is what a network ACL certainly shuts of the ports for TCP to or from a block. The entry with the lowest
// number that fits decides, in each direction by itself, and what no entry fits is denied (Amazon VPC guide, "Network ACL
// basics"). An entry that fits some addresses of the block may be meant for others: it allows, and denies nothing.
func closed(acl types.NetworkAcl, egress bool, peer netip.Prefix, wanted ports) (c closure) {
	entries := slices.DeleteFunc(slices.Clone(acl.Entries), func(e types.NetworkAclEntry) bool { return aws.ToBool(e.Egress) != egress })
	slices.SortFunc(entries, func(a, b types.NetworkAclEntry) int {
		return int(aws.ToInt32(a.RuleNumber) - aws.ToInt32(b.RuleNumber))
	})
	rest := []ports{wanted}
	for _, e := range entries {
		block, err := netip.ParsePrefix(aws.ToString(e.CidrBlock))
		if err != nil || !slices.Contains([]string{"-1", "6"}, aws.ToString(e.Protocol)) {
			continue
		}
		span := ports{0, 65535}
		if e.PortRange != nil && aws.ToString(e.Protocol) == "6" {
			span = ports{aws.ToInt32(e.PortRange.From), aws.ToInt32(e.PortRange.To)}
		}
		whole := block.Bits() <= peer.Bits() && block.Contains(peer.Addr())
		switch {
		case e.RuleAction == types.RuleActionAllow && block.Overlaps(peer):
			rest = without(rest, span)
		case e.RuleAction == types.RuleActionDeny && whole:
			c.shut(rest, span, fmt.Sprintf("entry %s denies", number(e)))
			rest = without(rest, span)
		}
	}
	c.shut(rest, wanted, "no entry allows")
	return c
}

func (c *closure) shut(rest []ports, span ports, why string) {
	for _, r := range rest {
		if both, hit := r.and(span); hit {
			c.ports = append(c.ports, both)
			c.why = cmp.Or(c.why, why)
		}
	}
}

// share is how much of the ports is shut. Rules against remote desktops shut one or two of the ports that answers go to:
// almost every connection gets another, so that is told and cuts nobody off.
func (c closure) share(of ports) float64 {
	n := int32(0)
	for _, p := range c.ports {
		n += p.last - p.first + 1
	}
	return float64(n) / float64(of.last-of.first+1)
}

const fewPorts = 0.01

func (c closure) String() string {
	var all []string
	for _, p := range c.ports {
		all = append(all, p.String())
	}
	return fmt.Sprintf("%s, which %s", strings.Join(all, " and "), c.why)
}

// number is an entry's; the last has none in the console.
func number(e types.NetworkAclEntry) string {
	if aws.ToInt32(e.RuleNumber) == 32767 {
		return "*"
	}
	return fmt.Sprint(aws.ToInt32(e.RuleNumber))
}

// end is one side of a connection: an address, or all of a subnet's, in a subnet.
type end struct {
	subnet string
	block  netip.Prefix
}

// between are the reasons for which network ACLs do not let TCP connections from one end to a port of the other, nor the
// answers; and those for which a few of them fail. In one subnet there is none: ACLs stand at its border.
func (v *view) between(from, to end, at int32) (reasons, few []string, err error) {
	if from.subnet == to.subnet {
		return nil, nil, nil
	}
	if v.acls.err != nil {
		return nil, nil, v.acls.err
	}
	for _, pass := range []struct {
		at, peer  end
		egress    bool
		ports     ports
		direction string
	}{
		{from, to, true, port(at), "out to"},
		{to, from, false, port(at), "in from"},
		{to, from, true, ephemeral, "back out to"},
		{from, to, false, ephemeral, "back in from"},
	} {
		acl, found := v.acls.value[pass.at.subnet]
		if !found {
			return nil, nil, fmt.Errorf("no network ACL of subnet %s is described", pass.at.subnet)
		}
		c := closed(acl, pass.egress, pass.peer.block, pass.ports)
		reason := fmt.Sprintf("%s of subnet %s lets no TCP %s %s on %s", aws.ToString(acl.NetworkAclId), pass.at.subnet, pass.direction,
			name(pass.peer.block), c)
		switch {
		case len(c.ports) == 0:
		case c.share(pass.ports) < fewPorts:
			few = append(few, reason)
		default:
			reasons = append(reasons, reason)
		}
	}
	return reasons, few, nil
}

// name is a block as people write it: an address, if it is one.
func name(block netip.Prefix) string {
	if block.IsSingleIP() {
		return block.Addr().String()
	}
	return block.String()
}
