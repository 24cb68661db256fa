package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// narrow takes from the group of a link's load balancer the ways of the exposure that no other one on the link goes.
func (s closeTheSecurityGroups) narrow(ctx context.Context, in Input) error {
	exposure, err := s.registry.Get(ctx, in.Exposure)
	if errors.Is(err, registry.ErrNotFound) || err == nil && exposure.Binding == nil {
		return nil
	}
	if err != nil {
		return err
	}
	on, err := s.registry.On(ctx, in.Link)
	if err != nil {
		return err
	}
	beside := registry.WaysBeside(on, in.Exposure)
	out := unused(int32(exposure.Binding.Port), beside, func(w registry.Way) int32 { return w.Port })
	into := unused(exposure.ListenerPort, beside, func(w registry.Way) int32 { return w.ListenerPort })
	groups, err := s.found.SecurityGroups(ctx, in.Link)
	if err != nil {
		return err
	}
	for _, group := range groups {
		if err := s.revoke(ctx, aws.ToString(group.GroupId), in.Link, out, into); err != nil {
			return err
		}
	}
	return nil
}

// unused is the port, or 0 where another exposure goes by it, too.
func unused(port int32, beside []registry.Way, of func(registry.Way) int32) int32 {
	if slices.ContainsFunc(beside, func(w registry.Way) bool { return of(w) == port }) {
		return 0
	}
	return port
}

// revoke takes the rules of ours to one port out of a group, and those from it to another.
func (s closeTheSecurityGroups) revoke(ctx context.Context, group, link string, out, into int32) error {
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(s.found.Network, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{group}}},
	})
	var outbound, inbound []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("describe rules of security group %s: %w", group, err)
		}
		for _, rule := range page.SecurityGroupRules {
			id, port := aws.ToString(rule.SecurityGroupRuleId), aws.ToInt32(rule.FromPort)
			switch {
			case port == 0 || !s.found.Owner.Has(owned.FromEC2(rule.Tags), link):
			case aws.ToBool(rule.IsEgress) && port == out:
				outbound = append(outbound, id)
			case !aws.ToBool(rule.IsEgress) && port == into:
				inbound = append(inbound, id)
			}
		}
	}
	if len(outbound) > 0 {
		slog.InfoContext(ctx, "revoke security group egress", "securityGroupId", group, "securityGroupRuleIds", outbound)
		if _, err := s.groups.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{
			GroupId: &group, SecurityGroupRuleIds: outbound,
		}); err != nil {
			return fmt.Errorf("revoke egress of security group %s: %w", group, err)
		}
	}
	if len(inbound) > 0 {
		slog.InfoContext(ctx, "revoke security group ingress", "securityGroupId", group, "securityGroupRuleIds", inbound)
		if _, err := s.groups.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
			GroupId: &group, SecurityGroupRuleIds: inbound,
		}); err != nil {
			return fmt.Errorf("revoke ingress of security group %s: %w", group, err)
		}
	}
	return nil
}
