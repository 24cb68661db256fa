package stage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/vendor"
)

// docs/cases.md shows what people type, case by case, and which demo plays it.
func TestTheCasesAreDocumented(t *testing.T) {
	kinds, consumers := Kinds(), Consumers()
	var table strings.Builder
	table.WriteString("| Database | Consumer | Demo | Input | Shown |\n|---|---|---|---|---|\n")
	for _, c := range Cases() {
		input, err := consumers[c.Consumer].InputFor("orders-prod")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&table, "| %s | %s | `%s` | `%s` | %s |\n",
			kinds[c.Database].Name, consumers[c.Consumer].Name, c.Command(), input, kinds[c.Database].Proof)
	}
	for _, id := range slices.Sorted(maps.Keys(consumers)) {
		if c := consumers[id]; c.Without != "" {
			fmt.Fprintf(&table, "| – | %s | – | – | not played: %s |\n", c.Name, c.Without)
		}
	}
	golden.ComparePage(t, "cases.md", "cases", table.String())
}

// Who adds a kind of database or a preset has added a case.
func TestEachKindAndEachConsumerHasACase(t *testing.T) {
	cases := Cases()
	for kind := range Kinds() {
		if !slices.ContainsFunc(cases, func(c Case) bool { return c.Database == kind }) {
			t.Errorf("no case has the database %s", kind)
		}
	}
	for consumer, c := range Consumers() {
		if c.Without == "" && !slices.ContainsFunc(cases, func(c Case) bool { return c.Consumer == consumer }) {
			t.Errorf("no case has the consumer %s", consumer)
		}
	}
	for i, c := range cases {
		if slices.Index(cases, c) != i {
			t.Errorf("%v is there twice", c)
		}
		if v, preset := vendor.Find(c.Consumer); preset && !v.Connects(Kinds()[c.Database].Engine) {
			t.Errorf("%s does not connect to %s", v.Name, c.Database)
		}
	}
}
