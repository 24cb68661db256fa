package vendor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
)

func TestThePresetsAreDocumented(t *testing.T) {
	var table strings.Builder
	table.WriteString("| `vendor` | Who connects | Regions of the databases | Engines | You give it the service name | Source |\n" +
		"|---|---|---|---|---|---|\n")
	for _, v := range presets {
		fmt.Fprintf(&table, "| `%s` | %s | %s | `%s` | %s | %s, %s |\n",
			v.ID, v.Who(), v.Where(), strings.Join(v.Engines, "`, `"), v.Handoff, v.Source, v.Checked)
	}
	golden.ComparePage(t, "input.md", "vendors", table.String())
}
