// Package securitygroup keeps the security groups that rdslink makes for itself: nobody in but the resolver, and out only
// where a database, its DNS or a load balancer is.
package securitygroup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
)

// API is what EC2 has to answer.
type API interface {
	owned.EC2TagAPI
	DescribeSecurityGroups(context.Context, *ec2.DescribeSecurityGroupsInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error)
	CreateSecurityGroup(context.Context, *ec2.CreateSecurityGroupInput, ...func(*ec2.Options)) (*ec2.CreateSecurityGroupOutput, error)
	DescribeSecurityGroupRules(context.Context, *ec2.DescribeSecurityGroupRulesInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error)
	AuthorizeSecurityGroupEgress(context.Context, *ec2.AuthorizeSecurityGroupEgressInput, ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupEgressOutput, error)
	RevokeSecurityGroupEgress(context.Context, *ec2.RevokeSecurityGroupEgressInput, ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupEgressOutput, error)
	AuthorizeSecurityGroupIngress(context.Context, *ec2.AuthorizeSecurityGroupIngressInput, ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupIngressOutput, error)
	RevokeSecurityGroupIngress(context.Context, *ec2.RevokeSecurityGroupIngressInput, ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error)
}

// Group is a security group as it should be.
type Group struct {
	Name        string
	Description string
	VPCID       string
	Tags        map[string]string // of an exposure, or of a VPC's resolver
	Egress      []Egress
	Ingress     []Ingress // all of it: whoever else is let in, by whomever, is let in no more
	Whole       int32     // a port whose rules are all in Egress, even where others share the group
}

// Egress is one way out of a group.
type Egress struct {
	Protocol string
	Port     int32
	CIDR     string
}

// Ingress is one way in: TCP to a port, for what carries another group.
type Ingress struct {
	Port    int32
	GroupID string
}

// EgressTo opens one port to each of the CIDRs.
func EgressTo(protocol string, port int32, cidrs []string) []Egress {
	var all []Egress
	for _, cidr := range cidrs {
		all = append(all, Egress{protocol, port, cidr})
	}
	return all
}

// Ensure finds or creates the group, corrects its rules and returns its id.
func Ensure(ctx context.Context, api API, group Group) (string, error) {
	id, tags, err := find(ctx, api, group)
	if err != nil {
		return "", err
	}
	created := id == ""
	if created {
		if id, err = create(ctx, api, group); err != nil {
			return "", err
		}
	}
	in, out, err := rules(ctx, api, id)
	if err != nil {
		return "", err
	}
	if !created {
		if err := retag(ctx, api, group, id, tags, slices.Concat(in, out)); err != nil {
			return "", err
		}
	}
	if len(out) > 0 {
		return id, correct(ctx, api, id, group, in, out)
	}
	// AWS gives every new group a rule that lets everything out. A describe that does not show it yet must not leave it in
	// place: whoever has just made the group looks again, and whoever finds it like that revokes the rule unseen, for it may
	// be that somebody took all rules away.
	if created {
		return "", outcome.NotReady("security group %s does not show its rules yet", id)
	}
	if err := correct(ctx, api, id, group, in, nil); err != nil {
		return "", err
	}
	return id, revokeUnseen(ctx, api, id)
}

// retag puts the wanted tags on the group and on its rules of ours, where they lack some.
func retag(ctx context.Context, api API, group Group, id string, tags map[string]string, rules []types.SecurityGroupRule) error {
	have := map[string]map[string]string{id: tags}
	for _, rule := range rules {
		if group.owns(rule.Tags) {
			have[aws.ToString(rule.SecurityGroupRuleId)] = owned.FromEC2(rule.Tags)
		}
	}
	return owned.RetagEC2(ctx, api, have, group.Tags)
}

func find(ctx context.Context, api API, group Group) (id string, tags map[string]string, err error) {
	found, err := api.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{
		{Name: aws.String("group-name"), Values: []string{group.Name}},
		{Name: aws.String("vpc-id"), Values: []string{group.VPCID}},
	}})
	if err != nil {
		return "", nil, fmt.Errorf("describe security group %s: %w", group.Name, err)
	}
	if len(found.SecurityGroups) == 0 {
		return "", nil, nil
	}
	it := found.SecurityGroups[0]
	tags = owned.FromEC2(it.Tags)
	if !group.owns(it.Tags) {
		return "", nil, owned.Stranger(fmt.Sprintf("security group %s (%s) in %s", aws.ToString(it.GroupId), group.Name, group.VPCID), tags)
	}
	return aws.ToString(it.GroupId), tags, nil
}

func create(ctx context.Context, api API, group Group) (string, error) {
	slog.InfoContext(ctx, "create security group", "name", group.Name, "vpcId", group.VPCID)
	made, err := api.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName:         aws.String(group.Name),
		Description:       aws.String(group.Description),
		VpcId:             aws.String(group.VPCID),
		TagSpecifications: owned.EC2TagSpecifications(types.ResourceTypeSecurityGroup, group.Tags),
	})
	if err != nil {
		return "", fmt.Errorf("create security group %s: %w", group.Name, outcome.Unseen(err))
	}
	slog.InfoContext(ctx, "created security group", "securityGroupId", aws.ToString(made.GroupId))
	return aws.ToString(made.GroupId), nil
}

// rules returns the rules that let traffic into the group, and out of it.
func rules(ctx context.Context, api API, id string) (in, out []types.SecurityGroupRule, err error) {
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(api, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []types.Filter{{Name: aws.String("group-id"), Values: []string{id}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("describe rules of security group %s: %w", id, outcome.Unseen(err))
		}
		for _, rule := range page.SecurityGroupRules {
			if aws.ToBool(rule.IsEgress) {
				out = append(out, rule)
			} else {
				in = append(in, rule)
			}
		}
	}
	return in, out, nil
}

// correct opens before it closes: traffic that may flow before and after flows in between.
func correct(ctx context.Context, api API, id string, group Group, in, out []types.SecurityGroupRule) error {
	if err := correctEgress(ctx, api, id, group, out); err != nil {
		return err
	}
	return correctIngress(ctx, api, id, group, in)
}

func correctIngress(ctx context.Context, api API, id string, group Group, rules []types.SecurityGroupRule) error {
	var missing []types.IpPermission
	for _, want := range group.Ingress {
		if !slices.ContainsFunc(rules, want.Is) {
			missing = append(missing, want.permission())
		}
	}
	if len(missing) > 0 {
		slog.InfoContext(ctx, "authorize security group ingress", "securityGroupId", id, "rules", group.Ingress)
		_, err := api.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId:           aws.String(id),
			IpPermissions:     missing,
			TagSpecifications: owned.EC2TagSpecifications(types.ResourceTypeSecurityGroupRule, group.Tags),
		})
		if refusal, ok := errors.AsType[smithy.APIError](err); ok && refusal.ErrorCode() == "InvalidPermission.Duplicate" {
			return outcome.NotReady("authorize ingress of security group %s: a rule appeared meanwhile, look again", id)
		}
		if err != nil {
			return fmt.Errorf("authorize ingress of security group %s: %w", id, outcome.Unseen(err))
		}
	}
	var surplus []string
	for _, rule := range rules {
		if !slices.ContainsFunc(group.Ingress, func(i Ingress) bool { return i.Is(rule) }) {
			surplus = append(surplus, aws.ToString(rule.SecurityGroupRuleId))
		}
	}
	if len(surplus) == 0 {
		return nil
	}
	slog.InfoContext(ctx, "revoke security group ingress", "securityGroupId", id, "securityGroupRuleIds", surplus)
	if _, err := api.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
		GroupId: aws.String(id), SecurityGroupRuleIds: surplus,
	}); err != nil {
		return fmt.Errorf("revoke ingress of security group %s: %w", id, outcome.Unseen(err))
	}
	return nil
}

func correctEgress(ctx context.Context, api API, id string, group Group, rules []types.SecurityGroupRule) error {
	var missing []types.IpPermission
	for _, want := range group.Egress {
		if !slices.ContainsFunc(rules, want.Is) {
			missing = append(missing, want.permission())
		}
	}
	if len(missing) > 0 {
		slog.InfoContext(ctx, "authorize security group egress", "securityGroupId", id, "rules", len(missing))
		if _, err := api.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{
			GroupId:           aws.String(id),
			IpPermissions:     missing,
			TagSpecifications: owned.EC2TagSpecifications(types.ResourceTypeSecurityGroupRule, group.Tags),
		}); err != nil {
			if refusal, ok := errors.AsType[smithy.APIError](err); ok && refusal.ErrorCode() == "RulesPerSecurityGroupLimitExceeded" {
				return noRoom(id, missing, err)
			}
			return fmt.Errorf("authorize egress of security group %s: %w", id, outcome.Unseen(err))
		}
	}
	var surplus []string
	for _, rule := range rules {
		if group.surplus(rule) {
			surplus = append(surplus, aws.ToString(rule.SecurityGroupRuleId))
		}
	}
	if len(surplus) == 0 {
		return nil
	}
	slog.InfoContext(ctx, "revoke security group egress", "securityGroupId", id, "securityGroupRuleIds", surplus)
	if _, err := api.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{
		GroupId:              aws.String(id),
		SecurityGroupRuleIds: surplus,
	}); err != nil {
		return fmt.Errorf("revoke egress of security group %s: %w", id, outcome.Unseen(err))
	}
	return nil
}

// noRoom: a group for all exposures of a VPC has a rule for each port and each of the VPC's CIDRs, and AWS lets it have 60.
func noRoom(id string, missing []types.IpPermission, err error) error {
	var ports []string
	for _, p := range missing {
		ports = append(ports, fmt.Sprint(aws.ToInt32(p.FromPort)))
	}
	return outcome.BadInput("authorize egress of security group %s: it has no room for rules to port %s: name as listenerPort one "+
		"that it lets out to already, revoke its rules to ports that no exposure has any more, or raise the quota \"Inbound or outbound "+
		"rules per security group\" (Service Quotas, Amazon VPC): %w", id, strings.Join(slices.Compact(ports), ", "), err)
}

// everywhere are the rules of a new group: the second only where the VPC has IPv6, too.
var everywhere = []types.IpPermission{
	{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}},
	{IpProtocol: aws.String("-1"), Ipv6Ranges: []types.Ipv6Range{{CidrIpv6: aws.String("::/0")}}},
}

// revokeUnseen revokes what lets everything out, by what it says. One call each: EC2 revokes all of a call's rules or none.
func revokeUnseen(ctx context.Context, api API, id string) error {
	slog.InfoContext(ctx, "revoke security group egress", "securityGroupId", id, "rules", "everywhere, if there")
	for _, rule := range everywhere {
		_, err := api.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{
			GroupId: aws.String(id), IpPermissions: []types.IpPermission{rule},
		})
		if refusal, ok := errors.AsType[smithy.APIError](err); ok && refusal.ErrorCode() == "InvalidPermission.NotFound" {
			continue
		}
		if err != nil {
			return fmt.Errorf("revoke egress of security group %s: %w", id, outcome.Unseen(err))
		}
	}
	return nil
}

// surplus tells the rules that AWS puts into every new group, and rules of ours that are no longer wanted. A rule that
// someone else added stays.
func (g Group) surplus(rule types.SecurityGroupRule) bool {
	if !g.owns(rule.Tags) {
		all := aws.ToString(rule.CidrIpv4) == "0.0.0.0/0" || aws.ToString(rule.CidrIpv6) == "::/0"
		return all && aws.ToString(rule.IpProtocol) == "-1"
	}
	ours := !g.Shared() || g.Whole != 0 && aws.ToInt32(rule.FromPort) == g.Whole
	return ours && !slices.ContainsFunc(g.Egress, func(e Egress) bool { return e.Is(rule) })
}

// Shared tells the group of a VPC's resolver: what this exposure does not need may be another's.
func (g Group) Shared() bool { return g.Tags[owned.VPCTag] != "" }

func (g Group) owns(tags []types.Tag) bool {
	found := owned.FromEC2(tags)
	for _, key := range []string{owned.ManagedTag, owned.ExposureTag, owned.VPCTag} {
		if found[key] != g.Tags[key] {
			return false
		}
	}
	return true
}

// Is tells the rule that opens it.
func (e Egress) Is(rule types.SecurityGroupRule) bool {
	return aws.ToString(rule.IpProtocol) == e.Protocol && aws.ToString(rule.CidrIpv4) == e.CIDR &&
		aws.ToInt32(rule.FromPort) == e.Port && aws.ToInt32(rule.ToPort) == e.Port
}

func (e Egress) permission() types.IpPermission {
	return types.IpPermission{
		IpProtocol: aws.String(e.Protocol),
		FromPort:   aws.Int32(e.Port),
		ToPort:     aws.Int32(e.Port),
		IpRanges:   []types.IpRange{{CidrIp: aws.String(e.CIDR)}},
	}
}

// Is tells the rule that lets it in.
func (i Ingress) Is(rule types.SecurityGroupRule) bool {
	return aws.ToString(rule.IpProtocol) == "tcp" && aws.ToInt32(rule.FromPort) == i.Port && aws.ToInt32(rule.ToPort) == i.Port &&
		rule.ReferencedGroupInfo != nil && aws.ToString(rule.ReferencedGroupInfo.GroupId) == i.GroupID
}

func (i Ingress) permission() types.IpPermission {
	return types.IpPermission{
		IpProtocol: aws.String("tcp"), FromPort: &i.Port, ToPort: &i.Port, UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &i.GroupID}},
	}
}
