package vendor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
)

func TestThePresetsAreDocumented(t *testing.T) {
	var table strings.Builder
	table.WriteString("| `vendor` | Who connects | From | Engines | You give it the service name | Source |\n" +
		"|---|---|---|---|---|---|\n")
	for _, v := range presets {
		fmt.Fprintf(&table, "| `%s` | %s | %s | `%s` | %s | %s, %s |\n",
			v.ID, strings.ReplaceAll(v.Who(), OfRegion, "*region*"), v.Where(), strings.Join(v.Engines, "`, `"), v.Handoff, v.Source, v.Checked)
	}
	golden.ComparePage(t, "vendors.md", "vendors", table.String())
}
