package ec2

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// SecurityGroup guards the network interfaces that carry it.
type SecurityGroup struct {
	ID, Account, VPC  string
	Name, Description string
	rules             table[*rule]
	common
}

func (g *SecurityGroup) identity() (id, account string) { return g.ID, g.Account }

const defaultGroupName = "default"

// defaultSecurityGroup is the one that every VPC is born with: its members may talk to each other, and to anyone
// (docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html).
func defaultSecurityGroup(v *vpc) *SecurityGroup {
	g := newSecurityGroup(v, v.Account, defaultGroupName, "default VPC security group", nil)
	g.created = v.created
	g.rules.add(g.newRule(permission{protocol: allProtocols, fromPort: -1, toPort: -1, group: g.ID}, nil))
	return g
}

// newSecurityGroup makes a group that lets everything out and nothing in.
func newSecurityGroup(v *vpc, account, name, description string, tags []types.Tag) *SecurityGroup {
	g := &SecurityGroup{ID: model.ID("sg"), Account: account, VPC: v.ID, Name: name, Description: description, common: born(tags)}
	g.rules.add(g.newRule(permission{egress: true, protocol: allProtocols, fromPort: -1, toPort: -1, cidr: anywhere}, nil))
	return g
}

// SecurityGroup is the account's security group with that id, as other services know it: later than EC2 itself
// (kubernetes-sigs/aws-load-balancer-controller#2371: ELB hands EC2's InvalidGroup.NotFound on).
func (s *Service) SecurityGroup(account, id string) (*SecurityGroup, error) {
	g, err := s.securityGroup(account, id)
	if err == nil && !s.world.Propagated(g.created) {
		return nil, groupKind.unknown(id)
	}
	return g, err
}

// securityGroup is the account's security group with that id. What creates one and then names it may hear that it does not
// exist (AWSEC2/latest/APIReference/query-api-troubleshooting.html, "Eventual consistency"; boto/boto3#620).
func (s *Service) securityGroup(account, id string) (*SecurityGroup, error) {
	g, ok := s.securityGroups.of(account, id)
	if !ok || !s.world.Visible(id, g.created) {
		return nil, groupKind.unknown(id)
	}
	return g, nil
}

// DefaultSecurityGroup is the group that an interface in a VPC has when none is named.
func (s *Service) DefaultSecurityGroup(vpc string) (*SecurityGroup, bool) {
	return s.groupNamed(vpc, defaultGroupName)
}

func (s *Service) groupNamed(vpc, name string) (*SecurityGroup, bool) {
	i := slices.IndexFunc(s.securityGroups, func(g *SecurityGroup) bool { return g.VPC == vpc && g.Name == name })
	if i < 0 {
		return nil, false
	}
	return s.securityGroups[i], true
}

func (s *Service) groupName(id string) string {
	if g, ok := s.securityGroups.find(id); ok {
		return g.Name
	}
	return ""
}

func (s *Service) createSecurityGroup(ctx context.Context, in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	v, err := s.vpcOrDefault(ctx, in.VpcId)
	if err != nil {
		return nil, err
	}
	name, description := aws.ToString(in.GroupName), aws.ToString(in.Description)
	if err := validGroupNames(name, description); err != nil {
		return nil, err
	}
	if _, exists := s.groupNamed(v.ID, name); exists {
		return nil, wire.Errorf("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, v.ID)
	}
	tags, err := specified(in.TagSpecifications, types.ResourceTypeSecurityGroup)
	if err != nil {
		return nil, err
	}
	g := newSecurityGroup(v, wire.CallerOf(ctx).Account, name, description, tags)
	s.securityGroups.add(g)
	return &ec2.CreateSecurityGroupOutput{GroupId: &g.ID,
		SecurityGroupArn: aws.String(s.arn(g.Account, "security-group/"+g.ID)), Tags: g.tags}, nil
}

// validGroupNames checks the limits of API_CreateSecurityGroup: 255 characters of a small alphabet, and "sg-" is for ids.
func validGroupNames(name, description string) error {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/()#,@[]+=&;{}!$*"
	foreign := func(text string) bool {
		return text == "" || len(text) > 255 || strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(alphabet, r) })
	}
	switch {
	case strings.HasPrefix(name, "sg-"):
		return wire.Errorf("InvalidParameterValue", "Group names may not be in the format sg-*.")
	case name == defaultGroupName:
		return wire.Errorf("InvalidParameterValue", "Cannot use reserved security group name: %s", name)
	case foreign(name):
		return wire.Errorf("InvalidParameterValue",
			"Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", name)
	case foreign(description):
		return wire.Errorf("InvalidParameterValue",
			"Value (%s) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.", description)
	}
	return nil
}

func (s *Service) deleteSecurityGroup(ctx context.Context, in *ec2.DeleteSecurityGroupInput) (*ec2.DeleteSecurityGroupOutput, error) {
	g, err := s.securityGroup(wire.CallerOf(ctx).Account, aws.ToString(in.GroupId))
	if err != nil {
		return nil, err
	}
	if g.Name == defaultGroupName {
		return nil, wire.Errorf("CannotDelete", `the specified group: "%s" name: "%s" cannot be deleted by a user`, g.ID, g.Name)
	}
	if s.groupInUse(g) {
		return nil, wire.Errorf("DependencyViolation", "resource %s has a dependent object", g.ID)
	}
	s.securityGroups.remove(g.ID)
	return &ec2.DeleteSecurityGroupOutput{GroupId: &g.ID, Return: aws.Bool(true)}, nil
}

// groupInUse says whether an interface carries the group or another group's rule refers to it.
func (s *Service) groupInUse(g *SecurityGroup) bool {
	worn := slices.ContainsFunc(s.interfaces, func(i *Interface) bool { return slices.Contains(i.Groups, g.ID) })
	return worn || slices.ContainsFunc(s.securityGroups, func(other *SecurityGroup) bool {
		return other.ID != g.ID && slices.ContainsFunc(other.rules, func(r *rule) bool { return r.group == g.ID })
	})
}

var securityGroupFilters = filterable[*SecurityGroup]{
	"group-id":    func(g *SecurityGroup) []string { return []string{g.ID} },
	"group-name":  func(g *SecurityGroup) []string { return []string{g.Name} },
	"vpc-id":      func(g *SecurityGroup) []string { return []string{g.VPC} },
	"owner-id":    func(g *SecurityGroup) []string { return []string{g.Account} },
	"description": func(g *SecurityGroup) []string { return []string{g.Description} },
	"ip-permission.group-id": func(g *SecurityGroup) []string {
		return g.sources(func(r *rule) string { return r.group })
	},
	"ip-permission.cidr": func(g *SecurityGroup) []string {
		return g.sources(func(r *rule) string { return r.cidr })
	},
}

func (g *SecurityGroup) sources(of func(*rule) string) []string {
	var sources []string
	for _, r := range g.rules {
		if source := of(r); !r.egress && source != "" {
			sources = append(sources, source)
		}
	}
	return sources
}

func (s *Service) describeSecurityGroups(
	ctx context.Context, in *ec2.DescribeSecurityGroupsInput,
) (*ec2.DescribeSecurityGroupsOutput, error) {
	ids, err := s.groupsOfDefaultVPC(wire.CallerOf(ctx).Account, in.GroupNames)
	if err != nil {
		return nil, err
	}
	q := query{kind: groupKind, ids: append(ids, in.GroupIds...), filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}
	found, next, err := list(ctx, s, s.securityGroups, q, securityGroupFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSecurityGroupsOutput{NextToken: next}
	for _, g := range found {
		out.SecurityGroups = append(out.SecurityGroups, types.SecurityGroup{
			GroupId: &g.ID, GroupName: &g.Name, Description: &g.Description, OwnerId: &g.Account, VpcId: &g.VPC,
			SecurityGroupArn: aws.String(s.arn(g.Account, "security-group/"+g.ID)), Tags: g.tags,
			IpPermissions: g.permissions(false), IpPermissionsEgress: g.permissions(true),
		})
	}
	return out, nil
}
