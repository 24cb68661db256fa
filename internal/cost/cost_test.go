package cost

import (
	"testing"
	"time"
)

func TestEstimates(t *testing.T) {
	const day = 24 * time.Hour
	for name, row := range map[string]struct{ got, want float64 }{
		"a month of an exposure":       {MonthUSD(), 16.58},
		"a link of ten databases":      {LinkUSD(10), 17.93},
		"ten exposures instead":        {cents(10 * MonthUSD()), 165.80},
		"a day of a load balancer":     {LoadBalancerUSD(day), 0.54},
		"two weeks of a load balancer": {LoadBalancerUSD(14 * day), 7.56},
		"a started hour counts":        {LoadBalancerUSD(day + time.Minute), 0.56},
	} {
		if row.got != row.want {
			t.Errorf("%s: %.4f, want %.2f", name, row.got, row.want)
		}
	}
}
