// Package cost estimates what an exposure costs. It knows one region's list prices, and says so.
package cost

import (
	"math"
	"time"
)

const (
	// LoadBalancerHourUSD is a Network Load Balancer's hour in us-east-1, without traffic
	// (aws.amazon.com/elasticloadbalancing/pricing).
	LoadBalancerHourUSD = 0.0225
	// CapacityUnitHourUSD is what an hour of traffic of one capacity unit adds. Of TCP one unit is CapacityUnitBytes in the
	// hour, 800 new connections a second or 100,000 open ones, whichever comes to the most (the same page).
	CapacityUnitHourUSD = 0.006
	CapacityUnitBytes   = 1e9
	// HoursPerMonth is how AWS's price lists count.
	HoursPerMonth = 730
	// syncMonthUSD is the most that a schedule of one minute and its invocations come to, outside the free tiers.
	syncMonthUSD = 0.15
	// awakeHourUSD is the least that an Aurora Serverless v2 cluster's hour costs while it does not pause: half an ACU at
	// $0.12 (aws.amazon.com/rds/aurora/pricing).
	awakeHourUSD = 0.06
)

// Region is where the estimates hold.
const Region = "us-east-1 list price; other regions differ"

// Prices says which prices an estimate of traffic is made of.
const Prices = "us-east-1 list price of 2026 (aws.amazon.com/elasticloadbalancing/pricing), $0.0225 an hour and $0.006 for each " +
	"capacity unit of 1 GB an hour"

// MonthUSD is an exposure's month: its load balancer and its sync.
func MonthUSD() float64 { return PartUSD(true, true) }

// PartUSD is the month of an exposure of which only parts are made.
func PartUSD(loadBalancer, sync bool) float64 {
	usd := 0.0
	if loadBalancer {
		usd += LoadBalancerHourUSD * HoursPerMonth
	}
	if sync {
		usd += syncMonthUSD
	}
	return cents(usd)
}

// LinkUSD is a link's month: one load balancer, and a sync for each of its databases.
func LinkUSD(databases int) float64 {
	return cents(LoadBalancerHourUSD*HoursPerMonth + syncMonthUSD*float64(databases))
}

// LoadBalancerUSD is what the load balancer costs while it merely stands there. Started hours count.
func LoadBalancerUSD(stands time.Duration) float64 {
	return cents(LoadBalancerHourUSD * math.Ceil(stands.Hours()))
}

// AwakeUSD is what a cluster's month costs that would pause and may not.
func AwakeUSD() float64 { return cents(awakeHourUSD * HoursPerMonth) }

func cents(usd float64) float64 { return math.Round(100*usd) / 100 }
