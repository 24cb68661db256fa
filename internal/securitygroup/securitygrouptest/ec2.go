// Package securitygrouptest holds EC2's security groups in memory, for the tests of what makes them.
package securitygrouptest

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
)

// EC2 is one account's security groups.
type EC2 struct {
	Groups   []types.SecurityGroup
	Rules    []types.SecurityGroupRule
	OnChange func(mutation string)
	Lag      bool // a new group's rules do not show yet
}

// DescribeSecurityGroups knows the filters group-name and vpc-id, and wants both.
func (e *EC2) DescribeSecurityGroups(_ context.Context, in *ec2.DescribeSecurityGroupsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	name, vpc := filter(in.Filters, "group-name"), filter(in.Filters, "vpc-id")
	var out ec2.DescribeSecurityGroupsOutput
	for _, group := range e.Groups {
		if *group.GroupName == name && *group.VpcId == vpc {
			out.SecurityGroups = append(out.SecurityGroups, group)
		}
	}
	return &out, nil
}

// CreateSecurityGroup gives the group the rule that lets everything out, as AWS does.
func (e *EC2) CreateSecurityGroup(_ context.Context, in *ec2.CreateSecurityGroupInput, _ ...func(*ec2.Options)) (*ec2.CreateSecurityGroupOutput, error) {
	e.OnChange("CreateSecurityGroup " + *in.GroupName)
	id := fmt.Sprintf("sg-%d", len(e.Groups)+1)
	e.Groups = append(e.Groups,
		types.SecurityGroup{GroupId: &id, GroupName: in.GroupName, VpcId: in.VpcId, Tags: in.TagSpecifications[0].Tags})
	e.add(id, types.SecurityGroupRule{IpProtocol: aws.String("-1"), FromPort: aws.Int32(-1), ToPort: aws.Int32(-1),
		CidrIpv4: aws.String("0.0.0.0/0")})
	return &ec2.CreateSecurityGroupOutput{GroupId: &id}, nil
}

// DescribeSecurityGroupRules knows the filter group-id.
func (e *EC2) DescribeSecurityGroupRules(_ context.Context, in *ec2.DescribeSecurityGroupRulesInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	var out ec2.DescribeSecurityGroupRulesOutput
	for _, rule := range e.Rules {
		if *rule.GroupId == filter(in.Filters, "group-id") && !e.Lag {
			out.SecurityGroupRules = append(out.SecurityGroupRules, rule)
		}
	}
	return &out, nil
}

// AuthorizeSecurityGroupEgress adds one rule per permission, which names one CIDR.
func (e *EC2) AuthorizeSecurityGroupEgress(_ context.Context, in *ec2.AuthorizeSecurityGroupEgressInput, _ ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	if e.egress(*in.GroupId)+len(in.IpPermissions) > mostRules {
		return nil, &smithy.GenericAPIError{Code: "RulesPerSecurityGroupLimitExceeded",
			Message: "The maximum number of rules per security group has been reached."}
	}
	for _, p := range in.IpPermissions {
		e.OnChange(fmt.Sprintf("AuthorizeSecurityGroupEgress %s %s %d-%d %s", *in.GroupId, *p.IpProtocol, *p.FromPort,
			*p.ToPort, *p.IpRanges[0].CidrIp))
		e.add(*in.GroupId, types.SecurityGroupRule{IpProtocol: p.IpProtocol, FromPort: p.FromPort, ToPort: p.ToPort,
			CidrIpv4: p.IpRanges[0].CidrIp, Tags: in.TagSpecifications[0].Tags})
	}
	return &ec2.AuthorizeSecurityGroupEgressOutput{}, nil
}

// mostRules is the quota of rules out of a group.
const mostRules = 60

func (e *EC2) egress(group string) (rules int) {
	for _, r := range e.Rules {
		if *r.GroupId == group && *r.IsEgress {
			rules++
		}
	}
	return rules
}

// RevokeSecurityGroupEgress takes rules away by their ids, or the one that a single permission means.
func (e *EC2) RevokeSecurityGroupEgress(_ context.Context, in *ec2.RevokeSecurityGroupEgressInput, _ ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	for _, p := range in.IpPermissions {
		at := slices.IndexFunc(e.Rules, func(r types.SecurityGroupRule) bool {
			return *r.GroupId == *in.GroupId && *r.IpProtocol == *p.IpProtocol &&
				slices.ContainsFunc(p.IpRanges, func(p types.IpRange) bool { return *p.CidrIp == aws.ToString(r.CidrIpv4) })
		})
		if at < 0 {
			return nil, &smithy.GenericAPIError{Code: "InvalidPermission.NotFound"}
		}
		in.SecurityGroupRuleIds = append(in.SecurityGroupRuleIds, *e.Rules[at].SecurityGroupRuleId)
	}
	for _, id := range in.SecurityGroupRuleIds {
		at := slices.IndexFunc(e.Rules, func(r types.SecurityGroupRule) bool { return *r.SecurityGroupRuleId == id })
		if at < 0 {
			return nil, &smithy.GenericAPIError{Code: "InvalidSecurityGroupRuleId.NotFound"}
		}
		rule := e.Rules[at]
		e.OnChange(fmt.Sprintf("RevokeSecurityGroupEgress %s %s %d-%d %s", *in.GroupId, *rule.IpProtocol, *rule.FromPort,
			*rule.ToPort, *rule.CidrIpv4))
		e.Rules = slices.Delete(e.Rules, at, at+1)
	}
	return &ec2.RevokeSecurityGroupEgressOutput{}, nil
}

// AuthorizeSecurityGroupIngress adds one rule per permission, which names one group.
func (e *EC2) AuthorizeSecurityGroupIngress(_ context.Context, in *ec2.AuthorizeSecurityGroupIngressInput, _ ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	for _, p := range in.IpPermissions {
		source := p.UserIdGroupPairs[0].GroupId
		e.OnChange(fmt.Sprintf("AuthorizeSecurityGroupIngress %s %s %d-%d %s", *in.GroupId, *p.IpProtocol, *p.FromPort, *p.ToPort, *source))
		e.AddIngress(*in.GroupId, *p.FromPort, *source, in.TagSpecifications[0].Tags)
	}
	return &ec2.AuthorizeSecurityGroupIngressOutput{}, nil
}

// RevokeSecurityGroupIngress takes rules away by their ids.
func (e *EC2) RevokeSecurityGroupIngress(_ context.Context, in *ec2.RevokeSecurityGroupIngressInput, _ ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	for _, id := range in.SecurityGroupRuleIds {
		at := slices.IndexFunc(e.Rules, func(r types.SecurityGroupRule) bool { return *r.SecurityGroupRuleId == id && !*r.IsEgress })
		if at < 0 {
			return nil, &smithy.GenericAPIError{Code: "InvalidSecurityGroupRuleId.NotFound"}
		}
		e.OnChange(fmt.Sprintf("RevokeSecurityGroupIngress %s %d-%d", *in.GroupId, *e.Rules[at].FromPort, *e.Rules[at].ToPort))
		e.Rules = slices.Delete(e.Rules, at, at+1)
	}
	return &ec2.RevokeSecurityGroupIngressOutput{}, nil
}

// CreateTags puts tags on groups and rules.
func (e *EC2) CreateTags(_ context.Context, in *ec2.CreateTagsInput, _ ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error) {
	e.OnChange(fmt.Sprintf("CreateTags %v", in.Resources))
	with := func(tags []types.Tag) []types.Tag {
		tags = slices.DeleteFunc(slices.Clone(tags), func(old types.Tag) bool {
			return slices.ContainsFunc(in.Tags, func(t types.Tag) bool { return *t.Key == *old.Key })
		})
		return append(tags, in.Tags...)
	}
	for i, group := range e.Groups {
		if slices.Contains(in.Resources, *group.GroupId) {
			e.Groups[i].Tags = with(group.Tags)
		}
	}
	for i, rule := range e.Rules {
		if slices.Contains(in.Resources, *rule.SecurityGroupRuleId) {
			e.Rules[i].Tags = with(rule.Tags)
		}
	}
	return &ec2.CreateTagsOutput{}, nil
}

// AddIngress puts a rule into a group that admits what carries another, or, without one, everybody.
func (e *EC2) AddIngress(group string, port int32, source string, tags []types.Tag) {
	rule := types.SecurityGroupRule{IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port, Tags: tags}
	if source == "" {
		rule.CidrIpv4 = aws.String("0.0.0.0/0")
	} else {
		rule.ReferencedGroupInfo = &types.ReferencedSecurityGroup{GroupId: &source}
	}
	e.add(group, rule)
	e.Rules[len(e.Rules)-1].IsEgress = aws.Bool(false)
}

// AddEgress puts a rule into a group behind the product's back.
func (e *EC2) AddEgress(group, protocol string, port int32, cidr string, tags []types.Tag) {
	e.add(group, types.SecurityGroupRule{IpProtocol: &protocol, FromPort: &port, ToPort: &port, CidrIpv4: &cidr, Tags: tags})
}

func (e *EC2) add(group string, rule types.SecurityGroupRule) {
	id := fmt.Sprintf("sgr-%d", len(e.Rules)+1)
	for slices.ContainsFunc(e.Rules, func(r types.SecurityGroupRule) bool { return *r.SecurityGroupRuleId == id }) {
		id += "x"
	}
	rule.GroupId, rule.SecurityGroupRuleId, rule.IsEgress = &group, &id, aws.Bool(true)
	e.Rules = append(e.Rules, rule)
}

func filter(filters []types.Filter, name string) string {
	for _, f := range filters {
		if *f.Name == name {
			return f.Values[0]
		}
	}
	return ""
}
