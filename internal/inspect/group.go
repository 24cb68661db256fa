package inspect

import (
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// A verdict of a security group: its rules let something through, do not, or name a prefix list that is not looked into.
type verdict int

const (
	shut verdict = iota
	maybe
	open
)

// lets is what rules say of TCP to a port, from or to every address of a block, or what carries one of the groups.
func lets(rules []types.SecurityGroupRule, egress bool, at int32, block netip.Prefix, groups []string) verdict {
	return letsAll(rules, egress, "tcp", at, block, groups)
}

func letsAll(rules []types.SecurityGroupRule, egress bool, protocol string, at int32, block netip.Prefix, groups []string) verdict {
	best := shut
	for _, rule := range rules {
		if aws.ToBool(rule.IsEgress) == egress && covers(rule, protocol, at) {
			best = max(best, reaches(rule, block, groups))
		}
	}
	return best
}

// covers: -1 stands for all protocols or all ports.
func covers(rule types.SecurityGroupRule, protocol string, at int32) bool {
	switch aws.ToString(rule.IpProtocol) {
	case "-1":
		return true
	case protocol, map[string]string{"tcp": "6", "udp": "17"}[protocol]:
		first, last := aws.ToInt32(rule.FromPort), aws.ToInt32(rule.ToPort)
		return first == -1 || first <= at && at <= last
	}
	return false
}

func reaches(rule types.SecurityGroupRule, block netip.Prefix, groups []string) verdict {
	switch {
	case rule.PrefixListId != nil:
		return maybe
	case rule.ReferencedGroupInfo != nil:
		if slices.Contains(groups, aws.ToString(rule.ReferencedGroupInfo.GroupId)) {
			return open
		}
		return shut
	}
	admitted, err := netip.ParsePrefix(aws.ToString(rule.CidrIpv4))
	if err == nil && block.IsValid() && admitted.Bits() <= block.Bits() && admitted.Contains(block.Addr()) {
		return open
	}
	return shut
}

// single is an address as a block.
func single(address string) (netip.Prefix, bool) {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func (v *view) rulesOf(groups []string) []types.SecurityGroupRule {
	var all []types.SecurityGroupRule
	for _, id := range groups {
		all = append(all, v.rules.value[id]...)
	}
	return all
}
