package main

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/belongings/belongingstest"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// linkCloud is an account with the group of a link's load balancer.
type linkCloud struct {
	*belongingstest.Cloud
	on []registry.Exposure
}

const link = "link-acme-00000000"

func (c linkCloud) DescribeSecurityGroupRules(ctx context.Context, in *ec2.DescribeSecurityGroupRulesInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	if *in.Filters[0].Name != "group-id" {
		return c.Cloud.DescribeSecurityGroupRules(ctx, in)
	}
	rule := func(id string, egress bool, port int32, tags map[string]string) types.SecurityGroupRule {
		return types.SecurityGroupRule{SecurityGroupRuleId: &id, IsEgress: &egress, FromPort: &port, ToPort: &port, Tags: owned.EC2Tags(tags)}
	}
	ours := owned.Owner{}.ExposureTags(link, "")
	return &ec2.DescribeSecurityGroupRulesOutput{SecurityGroupRules: []types.SecurityGroupRule{
		rule("out-5432", true, 5432, ours), rule("out-3306", true, 3306, ours), rule("theirs", true, 3306, nil),
		rule("in-6000", false, 6000, ours), rule("in-6001", false, 6001, ours), rule("in-3306", false, 3306, ours),
	}}, nil
}

func (c linkCloud) Get(_ context.Context, id string) (registry.Exposure, error) {
	for _, e := range c.on {
		if e.ID == id {
			return e, nil
		}
	}
	return registry.Exposure{}, registry.ErrNotFound
}

func (c linkCloud) On(context.Context, string) ([]registry.Exposure, error) { return c.on, nil }

func on(id string, listener int32, port int) registry.Exposure {
	return registry.Exposure{ID: id, Link: link, Made: registry.Made{ListenerPort: listener, Binding: &registry.Binding{Port: port}}}
}

// What an exposure alone has of the link's group goes with it; what another goes by, too, stays, and so does the group.
func TestALinksGroupKeepsTheWaysOfTheOthers(t *testing.T) {
	for name, row := range map[string]struct {
		own, other registry.Exposure
		want       []string
	}{
		"a port of its own":   {on(belongingstest.Exposure, 6000, 3306), on("other", 6001, 5432), []string{"revoke egress [out-3306] of sg-link", "revoke [in-6000] of sg-link"}},
		"a port of both":      {on(belongingstest.Exposure, 6000, 5432), on("other", 6001, 5432), []string{"revoke [in-6000] of sg-link"}},
		"one that has no way": {registry.Exposure{ID: belongingstest.Exposure, Link: link}, on("other", 6001, 5432), nil},
		"a forgotten one":     {registry.Exposure{ID: "forgotten"}, on("other", 6001, 5432), nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := linkCloud{belongingstest.Whole(), []registry.Exposure{row.own, row.other}}
			c.Rules, c.Groups = nil, map[string]map[string]string{"sg-link": owned.Owner{}.ExposureTags(link, "")}
			found := c.Found()
			found.Network = c
			out, err := closeTheSecurityGroups{found, c, c, false}.run(t.Context(), Input{Exposure: belongingstest.Exposure, Link: link})
			if err != nil || len(out.Left) > 0 || !slices.Equal(c.Mutations, row.want) {
				t.Errorf("changes %q, want %q: %v, %v", c.Mutations, row.want, out, err)
			}
		})
	}
}
