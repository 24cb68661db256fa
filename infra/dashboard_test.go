package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/metric"
)

// measured are the metrics that AWS documents, each with the dimensions by which a dashboard may ask for it, and our own:
// docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html,
// docs.aws.amazon.com/vpc/latest/privatelink/privatelink-cloudwatch-metrics.html.
var measured = func() map[string][]string {
	flows := []string{"LoadBalancer", "AvailabilityZone,LoadBalancer"}
	hosts := []string{"LoadBalancer,TargetGroup", "AvailabilityZone,LoadBalancer,TargetGroup"}
	services := []string{"Service Id", "Az,Service Id", "Load Balancer Arn,Service Id", "Az,Load Balancer Arn,Service Id", "Service Id,VPC Endpoint Id"}
	all := map[string][]string{}
	for _, name := range []string{"ActiveFlowCount", "ActiveFlowCount_TCP", "ConsumedLCUs", "ConsumedLCUs_TCP", "NewFlowCount", "NewFlowCount_TCP",
		"PeakBytesPerSecond", "PeakPacketsPerSecond", "PortAllocationErrorCount", "ProcessedBytes", "ProcessedBytes_TCP", "ProcessedPackets",
		"RejectedFlowCount", "RejectedFlowCount_TCP", "TCP_Client_Reset_Count", "TCP_ELB_Reset_Count", "TCP_Target_Reset_Count"} {
		all["AWS/NetworkELB "+name] = flows
	}
	for _, name := range []string{"HealthyHostCount", "UnHealthyHostCount"} {
		all["AWS/NetworkELB "+name] = hosts
	}
	for _, name := range []string{"ActiveConnections", "BytesProcessed", "EndpointsCount", "NewConnections", "RstPacketsSent"} {
		all["AWS/PrivateLinkServices "+name] = services
	}
	for _, m := range []metric.Metric{metric.SyncAge, metric.Stuck, metric.Misnamed, metric.Watched} {
		all["rdslink "+m.Name] = []string{""}
	}
	return all
}()

var (
	searched = regexp.MustCompile(`^SEARCH\('\{([^{}]+)\} MetricName="(\w+)"', '(\w+)', (\d+)\)$`)
	words    = regexp.MustCompile(`[A-Za-z]\w*`)
)

// deployedBody is the dashboard's body as CloudFormation puts it together.
func deployedBody(t *testing.T) (widgets []widget, graphs []graph) {
	t.Helper()
	var body string
	for _, d := range synthesized().json.ofType("AWS::CloudWatch::Dashboard") {
		if d.Properties["DashboardName"] != "rdslink" {
			t.Errorf("it is called %v", d.Properties["DashboardName"])
		}
		for _, part := range d.Properties["DashboardBody"].(map[string]any)["Fn::Join"].([]any)[1].([]any) {
			text, ok := part.(string)
			if !ok {
				text = "eu-central-1"
			}
			body += text
		}
	}
	var read struct{ Widgets []json.RawMessage }
	if err := json.Unmarshal([]byte(body), &read); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, raw := range read.Widgets {
		var w widget
		var properties struct{ Properties graph }
		if err := json.Unmarshal(raw, &w); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &properties); err != nil {
			t.Fatal(err)
		}
		widgets, graphs = append(widgets, w), append(graphs, properties.Properties)
	}
	return widgets, graphs
}

// What CloudWatch does not know it does not refuse: the graph stays empty.
func TestTheDashboardAsksForWhatIsMeasured(t *testing.T) {
	widgets, graphs := deployedBody(t)
	asked := map[string]bool{}
	for n, g := range graphs {
		if widgets[n].Type == "text" {
			continue
		}
		if widgets[n].Type != "metric" || g.Title == "" || g.Region != "eu-central-1" || g.Period%60 != 0 || g.Period == 0 ||
			!slices.Contains([]string{"timeSeries", "singleValue"}, g.View) || len(g.Metrics) == 0 {
			t.Errorf("widget %d is %+v %+v", n, widgets[n], g)
		}
		ids := map[string]bool{"SUM": true}
		for _, entry := range g.Metrics {
			if len(entry) == 3 { // namespace, name, how it is drawn
				key := fmt.Sprint(entry[0], " ", entry[1])
				asked[key] = true
				if !slices.Contains(measured[key], "") {
					t.Errorf("%s: nobody measures %s without dimensions", g.Title, key)
				}
				continue
			}
			e := entry[0].(map[string]any)
			text, id := e["expression"].(string), e["id"].(string)
			if ids[id] || !regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`).MatchString(id) {
				t.Errorf("%s: the id %s", g.Title, id)
			}
			if found := searched.FindStringSubmatch(text); found != nil {
				schema := strings.Split(strings.ReplaceAll(found[1], `"`, ""), ",")
				key := schema[0] + " " + found[2]
				asked[key] = true
				if !slices.Contains(measured[key], strings.Join(schema[1:], ",")) {
					t.Errorf("%s: nobody measures %s by %v", g.Title, key, schema[1:])
				}
				if !slices.Contains([]string{"Sum", "Maximum"}, found[3]) || found[4] != fmt.Sprint(g.Period) {
					t.Errorf("%s: %s in a graph of periods of %d s", g.Title, text, g.Period)
				}
			} else {
				for _, word := range words.FindAllString(text, -1) {
					if !ids[word] {
						t.Errorf("%s: %s is nothing in %s", g.Title, word, text)
					}
				}
				if !strings.Contains(g.Title, "est.") {
					t.Errorf("%s: what is computed is an estimate, and is not said to be one", g.Title)
				}
			}
			ids[id] = true
		}
	}
	for _, want := range []string{"ActiveFlowCount", "NewFlowCount", "ProcessedBytes", "HealthyHostCount", "TCP_Client_Reset_Count", "TCP_Target_Reset_Count",
		"TCP_ELB_Reset_Count", "RejectedFlowCount"} {
		if !asked["AWS/NetworkELB "+want] {
			t.Errorf("no graph has %s", want)
		}
	}
}

func TestTheDashboardsWidgetsLieBesideEachOther(t *testing.T) {
	widgets, _ := deployedBody(t)
	taken := map[[2]int]int{}
	for n, w := range widgets {
		if w.Width < 1 || w.X+w.Width > 24 || w.Height < 1 {
			t.Errorf("widget %d is outside: %+v", n, w)
		}
		for x := w.X; x < w.X+w.Width; x++ {
			for y := w.Y; y < w.Y+w.Height; y++ {
				if other, is := taken[[2]int{x, y}]; is {
					t.Fatalf("widget %d lies on %d", n, other)
				}
				taken[[2]int{x, y}] = n
			}
		}
	}
}
