package cost

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Each part of what following and watching takes stands on the page with its price, and together they are no more than the
// estimate says.
func TestTheSumOfASyncIsShown(t *testing.T) {
	page, err := os.ReadFile("../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []struct {
		lines []Line
		most  float64
	}{{Sync(), syncMonthUSD}, {Sweeps(), 1}} {
		var rows strings.Builder
		for _, l := range table.lines {
			fmt.Fprintf(&rows, "| %s | %.6g %s | %.4f |\n", l.What, l.Amount, l.Unit, l.Sum())
		}
		fmt.Fprintf(&rows, "| together | | %.4f |\n", Total(table.lines))
		if !strings.Contains(string(page), rows.String()) {
			t.Errorf("docs/cost.md does not have\n%s", rows.String())
		}
		if Total(table.lines) > table.most {
			t.Errorf("it is %.4f, and at most %.2f is said", Total(table.lines), table.most)
		}
	}
}

func TestTheEstimateIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprintf("| Network Load Balancer, %d hours at $%.4f | %.2f |",
			HoursPerMonth, LoadBalancerHourUSD, cents(LoadBalancerHourUSD*HoursPerMonth)),
		fmt.Sprintf("| %.2f |", syncMonthUSD),
		fmt.Sprintf("%d hours at $%.2f | %.2f |", HoursPerMonth, awakeHourUSD, AwakeUSD()),
		fmt.Sprintf("the estimate: $%.2f", MonthUSD()),
	} {
		if !strings.Contains(string(page), text) {
			t.Errorf("docs/cost.md does not say %s", text)
		}
	}
}
