package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func modified(group, rule *string, to types.SecurityGroupRuleRequest) ec2.ModifySecurityGroupRulesInput {
	return ec2.ModifySecurityGroupRulesInput{GroupId: group, SecurityGroupRules: []types.SecurityGroupRuleUpdate{{SecurityGroupRuleId: rule, SecurityGroupRule: &to}}}
}

func onTCP(cidr string, port int32) types.SecurityGroupRuleRequest {
	return types.SecurityGroupRuleRequest{IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port, CidrIpv4: &cidr}
}

func TestARuleIsModified(t *testing.T) {
	c := newCloud(t)
	group := c.group(provider, c.providerVPC, "database")
	made := must(c, provider, c.authorizeIngress, ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: tcp("10.0.2.0/24"), TagSpecifications: []types.TagSpecification{{
		ResourceType: types.ResourceTypeSecurityGroupRule, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}}}).SecurityGroupRules[0]
	must(c, provider, c.modifyRules, modified(&group, made.SecurityGroupRuleId, onTCP("10.0.3.0/24", 1433)))
	found := must(c, provider, c.describeSecurityGroupRules, ec2.DescribeSecurityGroupRulesInput{SecurityGroupRuleIds: []string{*made.SecurityGroupRuleId}}).SecurityGroupRules
	if r := found[0]; *r.CidrIpv4 != "10.0.3.0/24" || *r.FromPort != 1433 || *r.IsEgress || len(r.Tags) != 1 {
		t.Errorf("%+v", r)
	}
	c.world.Lock()
	defer c.world.Unlock()
	from := c.subnetsIn("euc1-az2")[0].CIDR.Addr()
	if c.Admits([]string{group}, from, 5432) || c.Admits([]string{group}, from.Next(), 1433) {
		t.Error("what the rule said before is still let in")
	}
}

func TestARuleIsNotModified(t *testing.T) {
	attempt := func(to types.SecurityGroupRuleRequest, of func(first, second *string) *string) func(*cloud) error {
		return func(c *cloud) error {
			group := c.group(provider, c.providerVPC, "database")
			made := must(c, provider, c.authorizeIngress, ec2.AuthorizeSecurityGroupIngressInput{
				GroupId: &group, IpPermissions: append(tcp("10.0.2.0/24"), tcp("10.0.3.0/24")...)}).SecurityGroupRules
			return try(c, provider, c.modifyRules, modified(&group, of(made[0].SecurityGroupRuleId, made[1].SecurityGroupRuleId), to))
		}
	}
	first := func(first, _ *string) *string { return first }
	const page = "API_ModifySecurityGroupRules"
	checkRefusals(t, map[string]refusal{
		"to what another one says": {source: page, code: "InvalidPermission.Duplicate", words: "already exists", do: attempt(onTCP("10.0.3.0/24", 5432), first)},
		"to nobody":                {source: page, code: "MissingParameter", words: "source", do: attempt(types.SecurityGroupRuleRequest{IpProtocol: aws.String("-1")}, first)},
		"that the group does not have": {source: page, code: "InvalidSecurityGroupRuleId.NotFound", words: "does not exist",
			do: attempt(onTCP("10.0.9.0/24", 5432), func(_, _ *string) *string { return aws.String("sgr-0123456789abcdef0") })},
	})
}
