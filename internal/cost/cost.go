// Package cost estimates what an exposure costs. It knows one region's list prices, and says so.
package cost

import (
	"math"
	"time"
)

const (
	// loadBalancerHourUSD is a Network Load Balancer's hour in us-east-1, without traffic
	// (aws.amazon.com/elasticloadbalancing/pricing).
	loadBalancerHourUSD = 0.0225
	// syncMonthUSD is the most that a schedule of one minute and its invocations come to, outside the free tiers.
	syncMonthUSD  = 0.15
	hoursPerMonth = 730
	// awakeHourUSD is the least that an Aurora Serverless v2 cluster's hour costs while it does not pause: half an ACU at $0.12
	// (aws.amazon.com/rds/aurora/pricing).
	awakeHourUSD = 0.06
)

// Region is where the estimates hold.
const Region = "us-east-1 list price; other regions differ"

// MonthUSD is an exposure's month: its load balancer and its sync.
func MonthUSD() float64 { return PartUSD(true, true) }

// PartUSD is the month of an exposure of which only parts are made.
func PartUSD(loadBalancer, sync bool) float64 {
	usd := 0.0
	if loadBalancer {
		usd += loadBalancerHourUSD * hoursPerMonth
	}
	if sync {
		usd += syncMonthUSD
	}
	return cents(usd)
}

// LoadBalancerUSD is what the load balancer costs while it merely stands there. Started hours count.
func LoadBalancerUSD(stands time.Duration) float64 {
	return cents(loadBalancerHourUSD * math.Ceil(stands.Hours()))
}

// AwakeUSD is what a cluster's month costs that would pause and may not.
func AwakeUSD() float64 { return cents(awakeHourUSD * hoursPerMonth) }

func cents(usd float64) float64 { return math.Round(100*usd) / 100 }
