package main

import (
	"slices"
	"testing"

	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// Databases of a link that share a group and a port share its rules: each puts its tag on them.
func TestALinkOpensTheGroupOfEachDatabase(t *testing.T) {
	c := &cloud{}
	c.Linked = map[string]registry.Made{"orders": {}, "ledger": {}, "shop": {}}
	in := input()
	in.SecurityGroupIDs, in.Port = nil, 0
	in.Databases = []link.Database{
		{Exposure: "orders", Port: 5432, SecurityGroupIDs: []string{"sg-db"}}, {Exposure: "ledger", Port: 5432, SecurityGroupIDs: []string{"sg-db"}},
		{Exposure: "shop", Port: 3306, SecurityGroupIDs: []string{"sg-shop"}},
	}
	out, err := c.step().run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	shared := out.Opened[0].SecurityGroupRuleIDs
	if len(out.Opened) != 3 || len(shared) != 3 || !slices.Equal(out.Opened[1].SecurityGroupRuleIDs, shared) {
		t.Fatalf("opened are %+v", out.Opened)
	}
	if other := out.Opened[2]; other.SecurityGroupID != "sg-shop" || len(other.SecurityGroupRuleIDs) != 3 || len(c.rules) != 6 {
		t.Errorf("of the third %+v, rules %v", other, c.rules)
	}
	for _, rule := range c.rules[:3] {
		tags := owned.FromEC2(rule.Tags)
		if tags[owned.RuleTag("orders")] == "" || tags[owned.RuleTag("ledger")] == "" || tags[owned.RuleTag(exposure)] != "" {
			t.Errorf("a shared rule carries %v", tags)
		}
	}
	for id, made := range c.Linked {
		if made.DatabaseSecurityGroupID == "" || len(made.SecurityGroupRuleIDs) != 3 {
			t.Errorf("recorded of %s is %+v", id, made)
		}
	}
	c.Mutations = nil
	if _, err := c.step().run(t.Context(), in); err != nil || len(c.Mutations) > 0 {
		t.Errorf("a second run changes %q: %v", c.Mutations, err)
	}
}
