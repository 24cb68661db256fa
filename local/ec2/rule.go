package ec2

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

const (
	allProtocols = "-1"
	anywhere     = "0.0.0.0/0"

	// mostRules is the quota per group and direction (docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
	mostRules = 60
)

// permission is what a rule allows. A group has one rule for each: description and tags do not tell two apart.
type permission struct {
	egress           bool
	protocol         string
	fromPort, toPort int32
	cidr             string // the peer is either addresses
	group            string // or the members of a group
	list             string // or the blocks of a prefix list
}

// rule is a security group's rule.
type rule struct {
	ID, Account, groupID string
	permission
	description *string
	common
}

func (r *rule) identity() (id, account string) { return r.ID, r.Account }

func (g *SecurityGroup) newRule(p permission, description *string) *rule {
	return &rule{ID: model.ID("sgr"), Account: g.Account, groupID: g.ID, permission: p, description: description, common: born(nil)}
}

func (g *SecurityGroup) ruleFor(p permission) (*rule, bool) {
	i := slices.IndexFunc(g.rules, func(r *rule) bool { return r.permission == p })
	if i < 0 {
		return nil, false
	}
	return g.rules[i], true
}

// String words a permission as InvalidPermission.Duplicate does.
func (p permission) String() string {
	var ports string
	switch p.protocol {
	case allProtocols:
		return fmt.Sprintf("peer: %s%s%s, ALL, ALLOW", p.cidr, p.group, p.list)
	case "tcp", "udp":
		ports = fmt.Sprintf("%s, from port: %d, to port: %d", strings.ToUpper(p.protocol), p.fromPort, p.toPort)
	default:
		ports = "protocol: " + p.protocol
	}
	return fmt.Sprintf("peer: %s%s%s, %s, ALLOW", p.cidr, p.group, p.list, ports)
}

// granted is a permission as a request words it.
type granted struct {
	permission
	description *string
}

// flat are the fields of the requests that name a single permission without IpPermissions.
type flat struct {
	protocol, cidr   *string
	fromPort, toPort *int32
}

// grants reads the permissions of a request, all or nothing.
func (s *Service) grants(g *SecurityGroup, egress bool, listed []types.IpPermission, single flat) ([]granted, error) {
	if single.protocol != nil {
		listed = append(listed, types.IpPermission{
			IpProtocol: single.protocol, FromPort: single.fromPort, ToPort: single.toPort,
			IpRanges: []types.IpRange{{CidrIp: single.cidr}},
		})
	}
	if len(listed) == 0 {
		return nil, missing("ipPermissions")
	}
	var all []granted
	for _, p := range listed {
		some, err := s.grantsOf(g, egress, p)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	for i, one := range all {
		if slices.ContainsFunc(all[:i], func(other granted) bool { return other.permission == one.permission }) {
			return nil, wire.Errorf("InvalidParameterValue", "The same permission must not appear multiple times")
		}
	}
	return all, nil
}

func (s *Service) grantsOf(g *SecurityGroup, egress bool, in types.IpPermission) ([]granted, error) {
	if len(in.Ipv6Ranges) > 0 {
		return nil, wire.Errorf("InvalidParameterValue", "IPv6 ranges are not part of this local cloud")
	}
	p, err := portsOf(in)
	if err != nil {
		return nil, err
	}
	p.egress = egress
	var all []granted
	for _, r := range in.IpRanges {
		block, err := netip.ParsePrefix(aws.ToString(r.CidrIp))
		if err != nil || !block.Addr().Is4() {
			return nil, wire.Errorf("InvalidParameterValue", "CIDR block %s is malformed", aws.ToString(r.CidrIp))
		}
		one := p
		one.cidr = block.Masked().String() // canonicalized, as API_IpRange says
		all = append(all, granted{one, r.Description})
	}
	for _, pair := range in.UserIdGroupPairs {
		peer, err := s.peerGroup(g, pair)
		if err != nil {
			return nil, err
		}
		one := p
		one.group = peer.ID
		all = append(all, granted{one, pair.Description})
	}
	for _, named := range in.PrefixListIds {
		l, err := s.listed(g.Account, aws.ToString(named.PrefixListId))
		if err != nil {
			return nil, err
		}
		one := p
		one.list = l.ID
		all = append(all, granted{one, named.Description})
	}
	if len(all) == 0 {
		return nil, wire.Errorf("MissingParameter", "Missing source specification: include source security group or CIDR information")
	}
	return all, nil
}

// portsOf reads protocol and ports. All protocols means all ports, whatever ports are given (API_IpPermission).
func portsOf(in types.IpPermission) (permission, error) {
	names := map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "all": allProtocols}
	protocol := strings.ToLower(aws.ToString(in.IpProtocol))
	if name, ok := names[protocol]; ok {
		protocol = name
	}
	switch protocol {
	case "":
		return permission{}, missing("ipProtocol")
	case allProtocols:
		return permission{protocol: protocol, fromPort: -1, toPort: -1}, nil
	case "tcp", "udp":
		if in.FromPort == nil || in.ToPort == nil {
			return permission{}, wire.Errorf("InvalidParameterValue",
				"Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
		}
		if *in.FromPort < 0 || *in.ToPort > 65535 || *in.FromPort > *in.ToPort {
			return permission{}, wire.Errorf("InvalidParameterValue", "Invalid value '%d-%d' for portRange. The range must lie within 0-65535.",
				*in.FromPort, *in.ToPort)
		}
	case "icmp":
	default:
		return permission{}, wire.Errorf("InvalidPermission.Malformed",
			"Unsupported IP protocol \"%s\"  - supported: [tcp, udp, icmp, -1]", protocol)
	}
	return permission{protocol: protocol, fromPort: aws.ToInt32(in.FromPort), toPort: aws.ToInt32(in.ToPort)}, nil
}

// peerGroup is the group of the same VPC that a rule of g refers to, by id or by name.
func (s *Service) peerGroup(g *SecurityGroup, pair types.UserIdGroupPair) (*SecurityGroup, error) {
	if pair.GroupId == nil && pair.GroupName != nil {
		if peer, ok := s.groupNamed(g.VPC, *pair.GroupName); ok {
			return peer, nil
		}
	}
	peer, err := s.securityGroup(g.Account, aws.ToString(pair.GroupId))
	if err == nil && peer.VPC != g.VPC {
		return nil, wire.Errorf("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
	}
	return peer, err
}

func (s *Service) authorizeIngress(
	ctx context.Context, in *ec2.AuthorizeSecurityGroupIngressInput,
) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	rules, err := s.authorize(ctx, false, in.GroupId, in.IpPermissions,
		flat{in.IpProtocol, in.CidrIp, in.FromPort, in.ToPort}, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupIngressOutput{Return: aws.Bool(true), SecurityGroupRules: s.describedRules(rules)}, nil
}

func (s *Service) authorizeEgress(
	ctx context.Context, in *ec2.AuthorizeSecurityGroupEgressInput,
) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	rules, err := s.authorize(ctx, true, in.GroupId, in.IpPermissions,
		flat{in.IpProtocol, in.CidrIp, in.FromPort, in.ToPort}, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupEgressOutput{Return: aws.Bool(true), SecurityGroupRules: s.describedRules(rules)}, nil
}

func (s *Service) authorize(
	ctx context.Context, egress bool, groupID *string, listed []types.IpPermission, single flat, specs []types.TagSpecification,
) (table[*rule], error) {
	g, err := s.securityGroup(wire.CallerOf(ctx).Account, aws.ToString(groupID))
	if err != nil {
		return nil, err
	}
	grants, err := s.grants(g, egress, listed, single)
	if err != nil {
		return nil, err
	}
	tags, err := specified(specs, types.ResourceTypeSecurityGroupRule)
	if err != nil {
		return nil, err
	}
	if err := s.admits(g, grants, egress); err != nil {
		return nil, err
	}
	var made table[*rule]
	for _, grant := range grants {
		r := g.newRule(grant.permission, grant.description)
		r.tags = slices.Clone(tags)
		made.add(r)
	}
	g.rules = append(g.rules, made...)
	s.guard(g.VPC)
	return made, nil
}

// admits says whether g can take these rules too.
func (s *Service) admits(g *SecurityGroup, grants []granted, egress bool) error {
	total := 0
	for _, grant := range grants {
		total += s.counts(grant.permission)
		if _, exists := g.ruleFor(grant.permission); exists {
			return wire.Errorf("InvalidPermission.Duplicate", `the specified rule "%s" already exists`, grant.permission)
		}
	}
	for _, r := range g.rules.where(func(r *rule) bool { return r.egress == egress }) {
		total += s.counts(r.permission)
	}
	if total > mostRules {
		return wire.Errorf("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
	}
	return nil
}

func (s *Service) revokeIngress(
	ctx context.Context, in *ec2.RevokeSecurityGroupIngressInput,
) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	gone, err := s.revoke(ctx, false, in.GroupId, in.SecurityGroupRuleIds, in.IpPermissions,
		flat{in.IpProtocol, in.CidrIp, in.FromPort, in.ToPort})
	if err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupIngressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: revokedRules(gone)}, nil
}

func (s *Service) revokeEgress(ctx context.Context, in *ec2.RevokeSecurityGroupEgressInput) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	gone, err := s.revoke(ctx, true, in.GroupId, in.SecurityGroupRuleIds, in.IpPermissions,
		flat{in.IpProtocol, in.CidrIp, in.FromPort, in.ToPort})
	if err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupEgressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: revokedRules(gone)}, nil
}

// revoke removes all the rules or, when one does not exist, none.
func (s *Service) revoke(
	ctx context.Context, egress bool, groupID *string, ids []string, listed []types.IpPermission, single flat,
) (table[*rule], error) {
	g, err := s.securityGroup(wire.CallerOf(ctx).Account, aws.ToString(groupID))
	if err != nil {
		return nil, err
	}
	var gone table[*rule]
	if len(ids) > 0 {
		gone, err = g.rulesByID(ids, egress)
	} else {
		gone, err = s.rulesByPermission(g, egress, listed, single)
	}
	if err != nil {
		return nil, err
	}
	for _, r := range gone {
		g.rules.remove(r.ID)
	}
	s.guard(g.VPC)
	return gone, nil
}

func (g *SecurityGroup) rulesByID(ids []string, egress bool) (table[*rule], error) {
	if err := ruleKind.check(ids...); err != nil {
		return nil, err
	}
	var found table[*rule]
	for _, id := range ids {
		r, ok := g.rules.find(id)
		if !ok || r.egress != egress {
			return nil, ruleKind.unknown(id)
		}
		found.add(r)
	}
	return found, nil
}

func (s *Service) rulesByPermission(g *SecurityGroup, egress bool, listed []types.IpPermission, single flat) (table[*rule], error) {
	grants, err := s.grants(g, egress, listed, single)
	if err != nil {
		return nil, err
	}
	var found table[*rule]
	for _, grant := range grants {
		r, ok := g.ruleFor(grant.permission)
		if !ok {
			return nil, wire.Errorf("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		found.add(r)
	}
	return found, nil
}

var ruleFilters = filterable[*rule]{
	"group-id":               func(r *rule) []string { return []string{r.groupID} },
	"security-group-rule-id": func(r *rule) []string { return []string{r.ID} },
}

func (s *Service) describeSecurityGroupRules(
	ctx context.Context, in *ec2.DescribeSecurityGroupRulesInput,
) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	for _, f := range in.Filters {
		// Unlike other operations this one has no filter for a tag's key alone: group-id, security-group-rule-id and tag:<key> are
		// all (API_DescribeSecurityGroupRules).
		if aws.ToString(f.Name) == "tag-key" {
			return nil, wire.Errorf("InvalidParameterValue", "The filter 'tag-key' is invalid")
		}
		for _, id := range f.Values {
			if aws.ToString(f.Name) == "group-id" && groupKind.check(id) != nil { // a filter of other operations finds nothing then
				return nil, wire.Errorf(groupKind.malformed, "The security group ID '%s' is malformed", id)
			}
		}
	}
	var rules table[*rule]
	for _, g := range s.securityGroups {
		rules = append(rules, g.rules...)
	}
	q := query{kind: ruleKind, ids: in.SecurityGroupRuleIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}
	found, next, err := list(ctx, s, rules, q, ruleFilters)
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeSecurityGroupRulesOutput{NextToken: next, SecurityGroupRules: s.describedRules(found)}, nil
}

func (s *Service) describedRules(rules table[*rule]) []types.SecurityGroupRule {
	var all []types.SecurityGroupRule
	for _, r := range rules {
		out := types.SecurityGroupRule{
			SecurityGroupRuleId: &r.ID, SecurityGroupRuleArn: aws.String(s.arn(r.Account, "security-group-rule/"+r.ID)),
			GroupId: &r.groupID, GroupOwnerId: &r.Account, IsEgress: &r.egress, IpProtocol: &r.protocol,
			FromPort: &r.fromPort, ToPort: &r.toPort, Description: r.description, Tags: r.tags,
		}
		switch {
		case r.group != "":
			out.ReferencedGroupInfo = &types.ReferencedSecurityGroup{GroupId: &r.group, UserId: &r.Account}
		case r.list != "":
			out.PrefixListId = &r.list
		default:
			out.CidrIpv4 = &r.cidr
		}
		all = append(all, out)
	}
	return all
}

func revokedRules(rules table[*rule]) []types.RevokedSecurityGroupRule {
	var all []types.RevokedSecurityGroupRule
	for _, r := range rules {
		out := types.RevokedSecurityGroupRule{
			SecurityGroupRuleId: &r.ID, GroupId: &r.groupID, IsEgress: &r.egress, IpProtocol: &r.protocol,
			FromPort: &r.fromPort, ToPort: &r.toPort, Description: r.description,
		}
		switch {
		case r.group != "":
			out.ReferencedGroupId = &r.group
		case r.list != "":
			out.PrefixListId = &r.list
		default:
			out.CidrIpv4 = &r.cidr
		}
		all = append(all, out)
	}
	return all
}

// permissions are the rules of one direction as DescribeSecurityGroups shows them: one permission for the peers of the same
// protocol and ports.
func (g *SecurityGroup) permissions(egress bool) []types.IpPermission {
	all := []types.IpPermission{}
	index := map[string]int{}
	for _, r := range g.rules {
		if r.egress != egress {
			continue
		}
		key := r.protocol + "/" + strconv.Itoa(int(r.fromPort)) + "/" + strconv.Itoa(int(r.toPort))
		i, ok := index[key]
		if !ok {
			i = len(all)
			index[key] = i
			all = append(all, r.ipPermission())
		}
		switch {
		case r.group != "":
			all[i].UserIdGroupPairs = append(all[i].UserIdGroupPairs,
				types.UserIdGroupPair{GroupId: &r.group, UserId: &r.Account, Description: r.description})
		case r.list != "":
			all[i].PrefixListIds = append(all[i].PrefixListIds, types.PrefixListId{PrefixListId: &r.list, Description: r.description})
		default:
			all[i].IpRanges = append(all[i].IpRanges, types.IpRange{CidrIp: &r.cidr, Description: r.description})
		}
	}
	return all
}

// ipPermission is the protocol and ports alone, with peers of every kind to come: AWS shows the empty sets too. All
// protocols have no ports to show.
func (r *rule) ipPermission() types.IpPermission {
	p := types.IpPermission{
		IpProtocol: &r.protocol, UserIdGroupPairs: []types.UserIdGroupPair{}, IpRanges: []types.IpRange{}, Ipv6Ranges: []types.Ipv6Range{},
		PrefixListIds: []types.PrefixListId{},
	}
	if r.protocol != allProtocols {
		p.FromPort, p.ToPort = &r.fromPort, &r.toPort
	}
	return p
}
