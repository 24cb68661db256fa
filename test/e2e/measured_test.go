package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/jackc/pgx/v5"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

// Whatever the deployed dashboard asks for has values of a link with traffic, and they are the traffic's.
func TestTheDashboardsMetricsHaveDataPoints(t *testing.T) {
	s := begin(t)
	database := s.database("watched-traffic", singleAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	client := s.client(endpoint, handoff)
	output := execution.succeeds()

	const open, bytes = 3, 1_000_000
	var connections []*pgx.Conn
	for range open {
		conn, err := cloud.Connect(s.ctx, client)
		s.check(err)
		connections = append(connections, conn)
	}
	var text string
	s.check(connections[0].QueryRow(s.ctx, "select string_agg(md5(n::text), '') from generate_series(1, $1 / 32) n", bytes).Scan(&text))
	board := s.dashboard()
	of := []string{"net/" + output.Exposure + "/", output.ServiceID}
	var seen map[string]figures
	s.await("every graph to have values of the link", func() bool {
		seen = s.figures(board, of)
		return len(seen) == board.lines() && seen["Consumers connections"].most == open && seen["Bytes in a minute"].sum >= bytes
	})
	s.check(stage.Reset(connections[0]))
	for _, conn := range connections[1:] {
		s.check(conn.Close(s.ctx))
	}
	before := seen["Resets in a minute by the client"].sum
	s.await("the client's reset to be counted", func() bool {
		seen = s.figures(board, of)
		return seen["Resets in a minute by the client"].sum > before
	})
	for line, is := range map[string]bool{
		"Connections, the most in a minute":       seen["Connections, the most in a minute"].most >= open,
		"New flows in a minute":                   seen["New flows in a minute"].sum >= open,
		"Bytes in a minute":                       seen["Bytes in a minute"].sum >= bytes && seen["Bytes in a minute"].sum < 3*bytes,
		"Targets, the most in a minute healthy":   seen["Targets, the most in a minute healthy"].most == 1,
		"Targets, the most in a minute unhealthy": seen["Targets, the most in a minute unhealthy"].sum >= 0,
		"Rejected in a minute flows":              seen["Rejected in a minute flows"].sum == 0,
		"Rejected in a minute no port left":       seen["Rejected in a minute no port left"].sum == 0,
		"Consumers endpoints":                     seen["Consumers endpoints"].most == 1,
		"Consumers connections":                   seen["Consumers connections"].most == open,
		"Sweeps of the watch sweeps":              seen["Sweeps of the watch sweeps"].sum >= 1,
	} {
		if !is {
			s.Errorf("%s: %+v", line, seen[line])
		}
	}
	s.showsTheLastHour(output, open, bytes)
	// The hours of one answer are of its bytes; the month is of all load balancers' hours.
	hour, month := seen["Cost of each load balancer in an hour (est., USD) an hour (est.)"], seen["Cost of all load balancers, a month of hours like the last (est., USD) a month (est.)"]
	traffic := seen["Cost of each load balancer in an hour (est., USD) bytes"].sum / 1e9 * 0.006
	if fixed := 0.0225 * float64(hour.values); math.Abs(hour.sum-fixed-traffic) > 1e-9 || traffic == 0 {
		s.Errorf("%d hours are said to cost $%v, their bytes $%v", hour.values, hour.sum, traffic)
	}
	if month.most < hour.most*730 {
		s.Errorf("a month of all is said to cost $%v, and an hour of one of them $%v", month.most, hour.most)
	}
}

// showsTheLastHour wants whoever starts executions to see the traffic.
func (s story) showsTheLastHour(o output, open, bytes float64) {
	s.Helper()
	shown, err := s.looker().Show(s.ctx, o.Exposure)
	s.check(err)
	s.check(shown.Report.Err)
	seen := map[string]float64{}
	for _, f := range shown.LastHour.Figures {
		if f.Value == nil || f.Minutes[len(f.Minutes)-1] == nil && f.Minutes[len(f.Minutes)-2] == nil {
			s.Errorf("there are no %s in the last two minutes", f.Name)
			continue
		}
		seen[f.Name] = *f.Value
	}
	if seen["connections"] < open || seen["new flows"] < open || seen["bytes"] < bytes || seen["bytes"] > 3*bytes || seen["resets"] < 1 ||
		seen["rejected flows"] != 0 || seen["healthy targets"] != 1 {
		s.Errorf("shown are %v", seen)
	}
}

// panel is a graph of a dashboard, or a text.
type panel struct {
	Type       string
	Properties struct {
		Title   string
		Period  int32
		Metrics [][]any
	}
}

// board are the graphs of the dashboard that is deployed.
type board []panel

// dashboard is what whoever starts executions may see.
func (s story) dashboard() (b board) {
	s.Helper()
	out, err := cloudwatch.NewFromConfig(s.as(s.starter(), "olga")).GetDashboard(s.ctx, &cloudwatch.GetDashboardInput{DashboardName: aws.String("rdslink")})
	s.check(err)
	var body struct{ Widgets board }
	s.check(json.Unmarshal([]byte(*out.DashboardBody), &body))
	return slices.DeleteFunc(body.Widgets, func(p panel) bool { return p.Type == "text" })
}

func (b board) lines() (n int) {
	for _, graph := range b {
		n += len(graph.Properties.Metrics)
	}
	return n
}

// figures are what a line of a graph comes to in the last hour.
type figures struct {
	sum, most float64
	values    int
}

// figures asks for each line of each graph, hidden ones too, as CloudWatch's console does, and goes by its title and label.
// Of what a search finds it takes what one of the names is in.
func (s story) figures(b board, of []string) map[string]figures {
	s.Helper()
	client, now, found := cloudwatch.NewFromConfig(s.as(s.starter(), "olga")), time.Now(), map[string]figures{}
	for _, graph := range b {
		in := &cloudwatch.GetMetricDataInput{StartTime: aws.Time(now.Add(-time.Hour)), EndTime: aws.Time(now.Add(time.Minute))}
		labels := map[string]string{}
		for n, entry := range graph.Properties.Metrics {
			q, label := query(entry, n, graph.Properties.Period)
			in.MetricDataQueries, labels[*q.Id] = append(in.MetricDataQueries, q), strings.TrimSpace(graph.Properties.Title+" "+label)
		}
		out, err := client.GetMetricData(s.ctx, in)
		s.check(err)
		for _, result := range out.MetricDataResults {
			searched := strings.HasPrefix(*result.Label, "net/") || strings.HasPrefix(*result.Label, "vpce-svc-")
			ours := slices.ContainsFunc(of, func(name string) bool { return strings.Contains(*result.Label, name) })
			if len(result.Values) == 0 || searched && !ours {
				continue
			}
			f := figures{most: slices.Max(result.Values), values: len(result.Values)}
			for _, value := range result.Values {
				f.sum += value
			}
			found[labels[*result.Id]] = f
		}
	}
	return found
}

// query is an entry of a graph's metrics, and what the line is called.
func query(entry []any, n int, period int32) (q cloudwatchtypes.MetricDataQuery, label string) {
	how := entry[len(entry)-1].(map[string]any)
	label, _ = how["label"].(string)
	if text, ok := how["expression"].(string); ok {
		if label == "" && n == 0 && how["visible"] == false {
			label = "bytes"
		}
		return cloudwatchtypes.MetricDataQuery{Id: aws.String(how["id"].(string)), Expression: &text}, label
	}
	return cloudwatchtypes.MetricDataQuery{Id: aws.String(fmt.Sprintf("m%d", n)), MetricStat: &cloudwatchtypes.MetricStat{
		Metric: &cloudwatchtypes.Metric{Namespace: aws.String(entry[0].(string)), MetricName: aws.String(entry[1].(string))},
		Period: &period, Stat: aws.String(how["stat"].(string)),
	}}, label
}
