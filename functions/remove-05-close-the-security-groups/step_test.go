package main

import (
	"testing"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/belongings/belongingstest"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/steptest"
)

func TestRun(t *testing.T) {
	shared := belongings.Left{Thing: belongings.Thing{Kind: belongings.Rule, ID: "sgr-2"}, Why: "it serves other, too"}
	rules := []string{"leave [sgr-1]", "revoke [sgr-1] of sg-database", "leave [sgr-2]", "untag [sgr-2]"}
	steptest.Step[*belongingstest.Cloud, Input, Output]{
		Cloud: belongingstest.Whole,
		In: func() Input {
			return Input{Exposure: belongingstest.Exposure, Found: []belongings.Thing{
				{Kind: belongings.Rule, ID: "sgr-1"}, {Kind: belongings.Rule, ID: "sgr-2"}, {Kind: belongings.SecurityGroup, ID: "sg-1"},
			}}
		},
		Run: func(c *belongingstest.Cloud) step.Run[Input, Output] {
			return closeTheSecurityGroups{c.Found(), c, nil, false}.run
		},
		Output: func(*belongingstest.Cloud, Input) Output { return Output{Left: []belongings.Left{shared}} },
	}.Play(t, map[string]steptest.Row[*belongingstest.Cloud, Input, Output]{
		"a rule goes with its last tag, and the group with its last interface": {
			Want: append(rules, "delete group sg-1"), Output: &Output{Left: []belongings.Left{shared}},
		},
		"a rule that another exposure has left meanwhile goes, too": {
			Drift: func(c *belongingstest.Cloud) { c.Rules["sgr-2"] = nil }, Output: &Output{Left: []belongings.Left{}},
			Want: []string{"leave [sgr-1]", "revoke [sgr-1] of sg-database", "leave [sgr-2]", "revoke [sgr-2] of sg-database", "delete group sg-1"},
		},
		"a group that interfaces carry is waited for": {
			Drift: func(c *belongingstest.Cloud) { c.Interfaces = []string{"eni-1"} }, Want: rules, Err: "NotReady", Says: "eni-1",
		},
		"a group that somebody's rules name stays": {
			Drift: func(c *belongingstest.Cloud) { c.Rules, c.Naming = nil, []string{"sg-theirs"} },
			Output: &Output{Left: []belongings.Left{{Thing: belongings.Thing{Kind: belongings.SecurityGroup, ID: "sg-1"},
				Why: "rules of sg-theirs name it, which are not rdslink's: revoke them, then delete it"}}},
		},
	})
}
