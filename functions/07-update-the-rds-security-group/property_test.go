package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/owned"
)

// changing is a cloud that checks, whenever something is closed, that nobody loses what they had and still need.
type changing struct {
	*cloud
	t    *testing.T
	seed uint64
	in   Input
	had  []ingress.Source // that were admitted when the step began, and should be
}

func (c changing) RevokeSecurityGroupIngress(ctx context.Context, in *ec2.RevokeSecurityGroupIngressInput, more ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	out, err := c.cloud.RevokeSecurityGroupIngress(ctx, in, more...)
	for _, source := range c.had {
		if !c.admitted(c.in, source) {
			c.t.Errorf("seed %d: %s is shut out by the end of %s", c.seed, source, in.SecurityGroupRuleIds)
		}
	}
	return out, err
}

// admitted says whether the database lets a source in: by any rule of any of its groups.
func (c changing) admitted(in Input, source ingress.Source) bool {
	return slices.ContainsFunc(c.rules, func(r types.SecurityGroupRule) bool {
		return slices.Contains(in.SecurityGroupIDs, *r.GroupId) && (ingress.Need{Port: in.Port}).Admits(r, source)
	})
}

// want are the sources of an input, by the fake's rules.
func (c changing) want(in Input) []ingress.Source {
	var want []ingress.Source
	if in.Ingress == ingress.Addresses {
		for _, node := range c.nodes {
			want = append(want, ingress.Source{CIDR: node + "/32"})
		}
	} else {
		for _, id := range in.SubnetIDs {
			want = append(want, ingress.Source{CIDR: "10.0." + id[len("subnet-"):] + ".0/24"})
		}
	}
	if in.ResolverSecurityGroupID != "" {
		want = append(want, ingress.Source{GroupID: in.ResolverSecurityGroupID})
	}
	return want
}

// Whatever a plan is made of changes, and people change rules by hand: after each start every source has its rule in a group
// that the database carries, every rule of ours its reason, and others' rules are as they were.
func TestWhateverChangesEverySourceHasItsRuleAndEveryRuleItsReason(t *testing.T) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // repeatable
		c := changing{cloud: &cloud{nodes: []string{"10.0.1.7", "10.0.2.9"}}, t: t, seed: seed, in: input()}
		tags := map[string]string{}
		for range 5 {
			tags = c.change(random, tags)
			c.start(tags)
		}
		if t.Failed() {
			return
		}
	}
}

// change changes one thing.
func (c *changing) change(random *rand.Rand, tags map[string]string) map[string]string {
	groups := []string{"sg-db", "sg-second", "sg-third", "sg-fourth"}
	in := &c.in
	pick := func(n int) int { return random.IntN(n) }
	switch pick(12) {
	case 0, 1:
		random.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
		in.SecurityGroupIDs = groups[:1+pick(3)]
	case 2:
		in.Port = int32(5432 + pick(3))
	case 3:
		in.Ingress = []string{ingress.Subnets, ingress.Addresses}[pick(2)]
	case 4:
		in.ResolverSecurityGroupID = []string{"", "sg-resolver", "sg-resolver2"}[pick(3)]
	case 5: // the load balancer gets a zone, and loses none
		if n := len(in.SubnetIDs); n < 4 {
			in.SubnetIDs = append(slices.Clone(in.SubnetIDs), fmt.Sprintf("subnet-%d", n+1))
			c.nodes = append(slices.Clone(c.nodes), fmt.Sprintf("10.0.%d.4", n+1))
		}
	case 6: // a node has another address
		c.nodes = slices.Clone(c.nodes)
		c.nodes[0] = fmt.Sprintf("10.0.1.%d", pick(200)+10)
	case 7: // by hand
		if len(c.rules) > 0 {
			c.rules = slices.Delete(slices.Clone(c.rules), 0, 1)
		}
	case 8: // somebody else's, another exposure's, another stack's
		sources := c.want(*in)
		kinds := []map[string]string{nil, forOther, owned.Owner{Name: "finance"}.RuleTags(exposure)}
		source, group := sources[pick(len(sources))], groups[pick(4)]
		if !slices.ContainsFunc(c.rules, func(r types.SecurityGroupRule) bool {
			return *r.GroupId == group && (ingress.Need{Port: in.Port}).Admits(r, source)
		}) {
			c.rules = append(slices.Clone(c.rules), ruleOf(c.unused(1000), group, source, in.Port, kinds[pick(3)]))
		}
	case 9: // another exposure comes to need a rule of ours
		for i, r := range c.rules {
			if (owned.Owner{}).Manages(owned.FromEC2(r.Tags)) && pick(2) == 0 {
				all := owned.FromEC2(r.Tags)
				all[owned.RuleTag("other")] = "true"
				c.rules[i].Tags = owned.EC2Tags(all)
			}
		}
	case 10:
		return map[string]string{"cost-center": fmt.Sprint(pick(9))}
	}
	return tags
}

// start lets the step run, and judges what is there then.
func (c *changing) start(tags map[string]string) {
	want := c.want(c.in)
	c.had = slices.DeleteFunc(slices.Clone(want), func(s ingress.Source) bool { return !c.admitted(c.in, s) })
	before := map[string]map[string]string{}
	for _, r := range c.rules {
		before[*r.SecurityGroupRuleId] = owned.FromEC2(r.Tags)
	}
	s := updateTheRDSSecurityGroup{rules: c, network: c, registry: c, owner: owned.Owner{Tags: tags}}
	out, err := s.run(c.t.Context(), c.in)
	if err != nil {
		c.t.Errorf("seed %d: %v", c.seed, err)
		return
	}
	if !slices.Contains(c.in.SecurityGroupIDs, out.SecurityGroupID) {
		c.t.Errorf("seed %d: %s is none of the database's %v", c.seed, out.SecurityGroupID, c.in.SecurityGroupIDs)
	}
	need := ingress.Need{Exposure: exposure, Port: c.in.Port, Sources: want}
	present, missing := need.Match(out.SecurityGroupID, c.rules)
	if len(missing) > 0 {
		c.t.Errorf("seed %d: %v have no rule", c.seed, missing)
	}
	for _, r := range c.rules {
		has := owned.FromEC2(r.Tags)
		if needed := slices.Contains(ruleIDs(present), *r.SecurityGroupRuleId); need.Serves(r) && !needed {
			c.t.Errorf("seed %d: rule %s of ours in %s has no reason", c.seed, *r.SecurityGroupRuleId, *r.GroupId)
		} else if needed && need.Ours(r) && !owned.Carries(has, tags) {
			c.t.Errorf("seed %d: rule %s does not carry %v", c.seed, *r.SecurityGroupRuleId, tags)
		}
	}
	for id, had := range before { // others keep theirs
		i := slices.IndexFunc(c.rules, func(r types.SecurityGroupRule) bool { return *r.SecurityGroupRuleId == id })
		_, others := had[owned.RuleTag("other")]
		switch ours := (owned.Owner{}).Manages(had); {
		case i < 0 && (!ours || others):
			c.t.Errorf("seed %d: rule %s was somebody else's and is gone: %v; %v", c.seed, id, had, c.Mutations)
		case i >= 0 && !ours && !maps.Equal(had, owned.FromEC2(c.rules[i].Tags)):
			c.t.Errorf("seed %d: rule %s was somebody else's and is changed", c.seed, id)
		}
	}
	c.Mutations = nil
	if _, err := s.run(c.t.Context(), c.in); err != nil || len(c.Mutations) > 0 {
		c.t.Errorf("seed %d: a second run makes %v, %v", c.seed, c.Mutations, err)
	}
}
