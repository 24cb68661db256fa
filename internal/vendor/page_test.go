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
		who, regions := strings.Join(v.Principals, ", "), strings.Join(v.Regions, ", ")
		if v.Asks() {
			who = "`vendorAccount`, in `vendorAvailabilityZoneIds`: both " + v.Ask
		}
		if regions == "" {
			regions = "as the customer has chosen, which is not checked"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | `%s` | %s | %s, %s |\n",
			v.ID, who, regions, strings.Join(v.Engines, "`, `"), v.Handoff, v.Source, v.Checked)
	}
	golden.ComparePage(t, "input.md", "vendors", table.String())
}
