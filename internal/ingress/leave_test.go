package ingress

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/owned"
)

// group has one rule, until it is revoked. before comes before a call has its effect.
type group struct {
	tags    map[string]string // by exposure
	revoked bool
	before  func(call int)
	calls   int
}

func (g *group) called() {
	g.calls++
	if g.before != nil {
		g.before(g.calls)
	}
}

func (g *group) rule() types.SecurityGroupRule {
	rule := types.SecurityGroupRule{SecurityGroupRuleId: aws.String("sgr-1"), GroupId: aws.String("sg-1")}
	for exposure, value := range g.tags {
		rule.Tags = append(rule.Tags, types.Tag{Key: aws.String(owned.RuleTag(exposure)), Value: &value})
	}
	return rule
}

func (g *group) DescribeSecurityGroupRules(context.Context, *ec2.DescribeSecurityGroupRulesInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	g.called()
	if g.revoked {
		return &ec2.DescribeSecurityGroupRulesOutput{}, nil
	}
	return &ec2.DescribeSecurityGroupRulesOutput{SecurityGroupRules: []types.SecurityGroupRule{g.rule()}}, nil
}

func (g *group) CreateTags(_ context.Context, in *ec2.CreateTagsInput, _ ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error) {
	g.called()
	if g.revoked {
		return nil, &smithy.GenericAPIError{Code: "InvalidSecurityGroupRuleId.NotFound"}
	}
	g.tags[strings.TrimPrefix(*in.Tags[0].Key, owned.RuleTag(""))] = *in.Tags[0].Value
	return &ec2.CreateTagsOutput{}, nil
}

func (g *group) DeleteTags(_ context.Context, in *ec2.DeleteTagsInput, _ ...func(*ec2.Options)) (*ec2.DeleteTagsOutput, error) {
	g.called()
	if g.revoked {
		return nil, &smithy.GenericAPIError{Code: "InvalidSecurityGroupRuleId.NotFound"}
	}
	delete(g.tags, strings.TrimPrefix(*in.Tags[0].Key, owned.RuleTag("")))
	return &ec2.DeleteTagsOutput{}, nil
}

func (g *group) RevokeSecurityGroupIngress(context.Context, *ec2.RevokeSecurityGroupIngressInput, ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	g.called()
	if g.revoked {
		return nil, &smithy.GenericAPIError{Code: "InvalidSecurityGroupRuleId.NotFound"}
	}
	g.revoked = true
	return &ec2.RevokeSecurityGroupIngressOutput{}, nil
}

// serving is a group whose rule serves exposures.
func serving(exposures ...string) *group {
	g := &group{tags: map[string]string{}}
	for _, e := range exposures {
		g.tags[e] = owned.RuleServes
	}
	return g
}

// at does something before the n-th call from now on, or after all of them.
func (g *group) at(n int, do, all func()) {
	g.calls = 0
	g.before = func(call int) {
		if call == n {
			g.before = nil
			do()
		}
	}
	all()
	if g.before != nil {
		g.before = nil
		do()
	}
}

// Whichever calls of one that leaves a rule all those of another fall between, the rule goes with the two of them, and stays
// for a third.
func TestOfTwoThatLeaveARuleAtOnceTheLastTakesIt(t *testing.T) {
	for _, others := range [][]string{nil, {"third"}} {
		for at := range 5 {
			g := serving(append([]string{"first", "second"}, others...)...)
			seen := g.rule() // by both
			leave := func(exposure string) func() {
				return func() {
					if err := Leave(t.Context(), g, exposure, seen); err != nil {
						t.Errorf("at call %d: %v", at, err)
					}
				}
			}
			g.at(at+1, leave("second"), leave("first"))
			left := slices.Collect(maps.Keys(g.tags))
			if g.revoked != (others == nil) || !g.revoked && !slices.Equal(left, others) {
				t.Errorf("beside %v, at call %d: revoked: %t, tags of %v", others, at, g.revoked, left)
			}
		}
	}
}

// Whichever calls of one that leaves a rule those of another that comes to share it fall between, or the other way about:
// the one that comes is told to look again, or the rule stays for it.
func TestWhoComesToShareARuleThatIsGivenUpHasItOrLooksAgain(t *testing.T) {
	told := 0
	for _, within := range []string{"leaving", "coming"} {
		for at := range 5 {
			g := serving("first")
			seen, shares := g.rule(), false
			leave := func() {
				if err := Leave(t.Context(), g, "first", seen); err != nil {
					t.Errorf("%s, at call %d: %v", within, at, err)
				}
			}
			come := func() {
				_, err := g.CreateTags(t.Context(), &ec2.CreateTagsInput{Tags: owned.EC2Tags(map[string]string{owned.RuleTag("second"): owned.RuleServes})})
				if err != nil { // it is gone
					return
				}
				rules, err := ByID(t.Context(), g, []string{"sgr-1"})
				shares = err == nil && len(rules) == 1 && Stays("second", rules) == nil
			}
			if within == "leaving" {
				g.at(at+1, come, leave)
			} else {
				g.at(at+1, leave, come)
			}
			if shares && (g.revoked || g.tags["second"] != owned.RuleServes) {
				t.Errorf("%s, at call %d: it was let share a rule that is gone", within, at)
			}
			if !shares {
				told++
			}
		}
	}
	if told == 0 || told == 10 {
		t.Errorf("%d of 10 were told to look again", told)
	}
}
