package main

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"

	"github.com/rdslink/rdslink/internal/cost"
	"github.com/rdslink/rdslink/internal/metric"
)

// A dashboard's body: docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html.
type (
	widget struct {
		Type       string `json:"type"`
		X          int    `json:"x"`
		Y          int    `json:"y"`
		Width      int    `json:"width"`
		Height     int    `json:"height"`
		Properties any    `json:"properties"`
	}
	prose struct {
		Markdown string `json:"markdown"`
	}
	graph struct {
		Title   string  `json:"title"`
		Region  string  `json:"region"`
		View    string  `json:"view"`
		Stacked bool    `json:"stacked"`
		Period  int     `json:"period"`
		Metrics [][]any `json:"metrics"`
	}
	// expression is an entry of a graph's metrics.
	expression struct {
		Expression string `json:"expression"`
		ID         string `json:"id"`
		Label      string `json:"label,omitempty"`
		Visible    *bool  `json:"visible,omitempty"`
	}
	// drawn says how a metric that is named outright is drawn.
	drawn struct {
		Label     string `json:"label"`
		Statistic string `json:"stat"`
	}
)

const (
	everyMinute = 60
	everyHour   = 60 * 60

	columns   = 3
	graphWide = 8 // of the 24 columns of a dashboard
	graphHigh = 6
	proseHigh = 3
)

// newDashboard makes the one dashboard of all links. It searches for them, so that nothing has to change it when an exposure
// comes or goes.
func newDashboard(r *resources) {
	body, err := json.Marshal(map[string]any{"widgets": r.widgets()})
	if err != nil {
		panic(err) // it has nothing that JSON has not
	}
	awscloudwatch.NewCfnDashboard(r.stack, ptr("Dashboard"), &awscloudwatch.CfnDashboardProps{
		DashboardName: ptr(r.options.name.Dashboard()),
		DashboardBody: ptr(string(body)),
	})
}

func (r *resources) widgets() []widget {
	all := []widget{{Type: "text", Width: columns * graphWide, Height: proseHigh, Properties: prose{fmt.Sprintf(
		"A line for each load balancer, which carries the name of its exposure, or for each endpoint service. A search cannot tell by "+
			"tags: others of the account and region are shown, too. Each look of %s's through the nodes is a flow. "+
			"Costs are *est.*imates: %s; data between zones and the consumer's endpoint come on top. docs/watching.md says more.",
		r.options.name.Stack(), cost.Prices)}}}
	for n, g := range []graph{
		lines("Connections, the most in a minute", found{"", metric.ActiveFlows}),
		lines("New flows in a minute", found{"", metric.NewFlows}),
		lines("Bytes in a minute", found{"", metric.ProcessedBytes}),
		lines("Targets, the most in a minute", found{"healthy", metric.HealthyHosts}, found{"unhealthy", metric.UnhealthyHosts}),
		lines("Resets in a minute", found{"by the client", metric.ClientResets}, found{"by the database", metric.TargetResets},
			found{"by the load balancer", metric.BalancerResets}),
		lines("Rejected in a minute", found{"flows", metric.RejectedFlows}, found{"no port left", metric.PortErrors}),
		lines("Consumers", found{"endpoints", metric.Endpoints}, found{"connections", metric.EndpointConnections}),
		{Title: "Cost of each load balancer in an hour (est., USD)", View: "timeSeries", Period: everyHour, Metrics: hourlyCost(true)},
		{Title: "Cost of all load balancers, a month of hours like the last (est., USD)", View: "singleValue", Period: everyHour,
			Metrics: append(hourlyCost(false), []any{expression{
				Expression: "SUM(hour) * " + dollars(cost.HoursPerMonth), ID: "month", Label: "a month (est.)",
			}})},
		{Title: "Age of the last good sync, the most of all exposures (seconds)", View: "timeSeries", Period: everyMinute,
			Metrics: [][]any{{r.options.name.Metrics(), metric.SyncAge.Name, drawn{"age", "Maximum"}}}},
		{Title: "Sweeps of the watch", View: "timeSeries", Period: everyMinute,
			Metrics: [][]any{{r.options.name.Metrics(), metric.Watched.Name, drawn{"sweeps", "Sum"}}}},
	} {
		g.Region = *r.stack.Region()
		all = append(all, widget{Type: "metric", X: n % columns * graphWide, Y: proseHigh + n/columns*graphHigh,
			Width: graphWide, Height: graphHigh, Properties: g})
	}
	return all
}

// found are the lines of a search, with a word before each.
type found struct {
	label string
	of    metric.OfLink
}

func lines(title string, searches ...found) graph {
	g := graph{Title: title, View: "timeSeries", Period: everyMinute}
	for n, s := range searches {
		g.Metrics = append(g.Metrics, []any{expression{Expression: s.of.Search(everyMinute), ID: fmt.Sprintf("s%d", n+1), Label: s.label}})
	}
	return g
}

// hourlyCost is the hour of each load balancer by its price and that of its capacity units, of which bytes alone are
// counted: a database's connections are few, and take less than their bytes.
func hourlyCost(visible bool) [][]any {
	hidden := false
	return [][]any{
		{expression{Expression: metric.ProcessedBytes.Search(everyHour), ID: "bytes", Visible: &hidden}},
		{expression{Expression: fmt.Sprintf("bytes / %s * %s + %s", dollars(cost.CapacityUnitBytes), dollars(cost.CapacityUnitHourUSD),
			dollars(cost.LoadBalancerHourUSD)), ID: "hour", Label: "an hour (est.)", Visible: &visible}},
	}
}

// dollars is a number as expressions have them.
func dollars(n float64) string { return fmt.Sprintf("%.12g", n) }
