package statemachine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
)

// Every state has the same retries (TestEveryStepRetriesTheSameWay), so the first state's are worth a table.
func TestTheRetriesAreDocumented(t *testing.T) {
	d := setup(t)
	var table strings.Builder
	table.WriteString("| Error | At most | Waiting |\n|---|---|---|\n")
	for _, r := range d.States[d.StartAt].Retry {
		var names []string
		for _, name := range r["ErrorEquals"].([]any) {
			names = append(names, fmt.Sprintf("`%v`", name))
		}
		waiting := fmt.Sprintf("%v seconds", r["IntervalSeconds"])
		if r["BackoffRate"] != 1.0 {
			waiting += fmt.Sprintf(", each time %v times as long, never more than %v", r["BackoffRate"], r["MaxDelaySeconds"])
		}
		if r["JitterStrategy"] == "FULL" {
			waiting += "; somewhere between none of it and all of it"
		}
		fmt.Fprintf(&table, "| %s | %v times | %s |\n", strings.Join(names, ", "), r["MaxAttempts"], waiting)
	}
	golden.ComparePage(t, "steps.md", "retries", table.String())
}
