package ingress

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/owned"
)

const exposure = "orders-acme-0a1b2c3d"

func TestMatch(t *testing.T) {
	ours, others := owned.Owner{}.RuleTags(exposure), owned.Owner{}.RuleTags("another")
	block, node := Source{CIDR: "10.0.1.0/24"}, Source{CIDR: "10.0.1.7/32"}
	resolver := Source{GroupID: "sg-resolver"}
	for name, row := range map[string]struct {
		source Source
		rule   types.SecurityGroupRule
		want   bool
	}{
		"a block, by anybody's rule":              {block, ruleOf(block, 5432, nil), true},
		"a block, by a wider rule":                {block, ruleOf(Source{CIDR: "10.0.0.0/16"}, 5432, nil), false},
		"a block, by a rule for another port":     {block, ruleOf(block, 5433, nil), false},
		"a block, by a rule for several ports":    {block, widened(ruleOf(block, 5432, nil)), false},
		"a block, by a rule of another group":     {block, elsewhere(ruleOf(block, 5432, nil)), false},
		"a block, by a rule for UDP":              {block, udp(ruleOf(block, 5432, nil)), false},
		"a group":                                 {resolver, ruleOf(resolver, 5432, nil), true},
		"another group":                           {resolver, ruleOf(Source{GroupID: "sg-2"}, 5432, ours), false},
		"a group, by a rule for a block":          {resolver, ruleOf(block, 5432, ours), false},
		"the resolver to come, by our rule":       {FutureResolver, ruleOf(resolver, 5432, others), true},
		"the resolver to come, by somebody's":     {FutureResolver, ruleOf(resolver, 5432, nil), false},
		"the resolver to come, by a block's rule": {FutureResolver, ruleOf(block, 5432, ours), false},
		"a node to come, by the exposure's rule":  {FutureNode, ruleOf(node, 5432, ours), true},
		"a node to come, by another exposure's":   {FutureNode, ruleOf(node, 5432, others), false},
		"a node to come, by the rule for a block": {FutureNode, ruleOf(block, 5432, ours), false},
		"a node to come, by the rule for a group": {FutureNode, ruleOf(resolver, 5432, ours), false},
	} {
		t.Run(name, func(t *testing.T) {
			present, missing := Need{owned.Owner{}, exposure, 5432, []Source{row.source}}.Match("sg-db", []types.SecurityGroupRule{row.rule})
			if (len(present) == 1) != row.want || (len(missing) == 0) != row.want {
				t.Errorf("present %d, missing %d", len(present), len(missing))
			}
		})
	}
}

func TestNoRuleServesTwoSources(t *testing.T) {
	rules := []types.SecurityGroupRule{ruleOf(Source{CIDR: "10.0.1.7/32"}, 5432, owned.Owner{}.RuleTags(exposure))}
	before := slices.Clone(rules)
	present, missing := Need{owned.Owner{}, exposure, 5432, []Source{FutureNode, FutureNode}}.Match("sg-db", rules)
	if len(present) != 1 || len(missing) != 1 {
		t.Errorf("present %d, missing %d", len(present), len(missing))
	}
	if aws.ToString(rules[0].CidrIpv4) != aws.ToString(before[0].CidrIpv4) {
		t.Error("the rules have changed")
	}
}

// ruleOf is a rule for TCP from a source to one port.
func ruleOf(s Source, port int32, tags map[string]string) types.SecurityGroupRule {
	rule := types.SecurityGroupRule{GroupId: aws.String("sg-db"), IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port, Tags: owned.EC2Tags(tags)}
	if s.GroupID != "" {
		rule.ReferencedGroupInfo = &types.ReferencedSecurityGroup{GroupId: &s.GroupID}
	} else {
		rule.CidrIpv4 = &s.CIDR
	}
	return rule
}

func elsewhere(rule types.SecurityGroupRule) types.SecurityGroupRule {
	rule.GroupId = aws.String("sg-second")
	return rule
}

func widened(rule types.SecurityGroupRule) types.SecurityGroupRule {
	rule.ToPort = aws.Int32(*rule.ToPort + 1)
	return rule
}

func udp(rule types.SecurityGroupRule) types.SecurityGroupRule {
	rule.IpProtocol = aws.String("udp")
	return rule
}
