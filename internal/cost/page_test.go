package cost

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestTheEstimateIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprintf("| Network Load Balancer, %d hours at $%.4f | %.2f |",
			hoursPerMonth, loadBalancerHourUSD, cents(loadBalancerHourUSD*hoursPerMonth)),
		fmt.Sprintf("| %.2f |", syncMonthUSD),
		fmt.Sprintf("%d hours at $%.2f | %.2f |", hoursPerMonth, awakeHourUSD, AwakeUSD()),
		fmt.Sprintf("the estimate: $%.2f", MonthUSD()),
	} {
		if !strings.Contains(string(page), text) {
			t.Errorf("docs/cost.md does not say %s", text)
		}
	}
}
