package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// modifyRules gives rules of a group other contents, all or none. They keep their ids and tags.
func (s *Service) modifyRules(ctx context.Context, in *ec2.ModifySecurityGroupRulesInput) (*ec2.ModifySecurityGroupRulesOutput, error) {
	g, err := s.securityGroup(wire.CallerOf(ctx).Account, aws.ToString(in.GroupId))
	if err != nil {
		return nil, err
	}
	if len(in.SecurityGroupRules) == 0 {
		return nil, missing("SecurityGroupRules")
	}
	changed := map[*rule]granted{}
	for _, update := range in.SecurityGroupRules {
		id := aws.ToString(update.SecurityGroupRuleId)
		r, ok := g.rules.find(id)
		if !ok {
			return nil, ruleKind.unknown(id)
		}
		to, err := s.requestedRule(g, r.egress, update.SecurityGroupRule)
		if err != nil {
			return nil, err
		}
		if other, exists := g.ruleFor(to.permission); exists && other != r {
			return nil, wire.Errorf("InvalidPermission.Duplicate", `the specified rule "%s" already exists`, to.permission)
		}
		changed[r] = to
	}
	for r, to := range changed {
		r.permission, r.description = to.permission, to.description
	}
	s.guard(g.VPC)
	return &ec2.ModifySecurityGroupRulesOutput{Return: aws.Bool(true)}, nil
}

// requestedRule reads what a rule is to be: one peer, on one range of ports (API_SecurityGroupRuleRequest).
func (s *Service) requestedRule(g *SecurityGroup, egress bool, in *types.SecurityGroupRuleRequest) (granted, error) {
	if in == nil {
		return granted{}, missing("SecurityGroupRule")
	}
	p := types.IpPermission{IpProtocol: in.IpProtocol, FromPort: in.FromPort, ToPort: in.ToPort}
	if in.CidrIpv4 != nil {
		p.IpRanges = []types.IpRange{{CidrIp: in.CidrIpv4, Description: in.Description}}
	}
	if in.CidrIpv6 != nil {
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: in.CidrIpv6, Description: in.Description}}
	}
	if in.ReferencedGroupId != nil {
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: in.ReferencedGroupId, Description: in.Description}}
	}
	if in.PrefixListId != nil {
		p.PrefixListIds = []types.PrefixListId{{PrefixListId: in.PrefixListId, Description: in.Description}}
	}
	all, err := s.grantsOf(g, egress, p)
	if err != nil {
		return granted{}, err
	}
	if len(all) > 1 {
		return granted{}, wire.Errorf("InvalidParameterCombination",
			"Only one of CidrIpv4, CidrIpv6, PrefixListId, and ReferencedGroupId may be specified")
	}
	return all[0], nil
}
