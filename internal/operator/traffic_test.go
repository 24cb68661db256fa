package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/rdslink/rdslink/internal/registry"
)

// measuring has values of metrics, by name and by the minute of the hour that is asked for, a metric a page.
type measuring map[string]map[int]float64

func (m measuring) GetMetricData(
	_ context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options),
) (*cloudwatch.GetMetricDataOutput, error) {
	if m == nil {
		return nil, errors.New("AccessDenied: no")
	}
	n := 0
	_, _ = fmt.Sscan(aws.ToString(in.NextToken), &n)
	q := in.MetricDataQueries[n]
	out := &cloudwatch.GetMetricDataOutput{}
	if n+1 < len(in.MetricDataQueries) {
		out.NextToken = aws.String(fmt.Sprint(n + 1))
	}
	var named []string
	for _, d := range q.MetricStat.Metric.Dimensions {
		named = append(named, *d.Name+"="+*d.Value)
	}
	want := "LoadBalancer=net/orders/1"
	if *q.MetricStat.Metric.MetricName == "HealthyHostCount" {
		want += ",TargetGroup=targetgroup/orders/2"
	}
	r := cloudwatchtypes.MetricDataResult{Id: q.Id}
	if strings.Join(named, ",") == want && *q.MetricStat.Period == 60 {
		for minute, value := range m[*q.MetricStat.Metric.MetricName+" "+*q.MetricStat.Stat] {
			r.Timestamps, r.Values = append(r.Timestamps, in.StartTime.Add(time.Duration(minute)*time.Minute)), append(r.Values, value)
		}
	}
	out.MetricDataResults = append(out.MetricDataResults, r)
	return out, nil
}

var exposed = registry.Exposure{ID: "orders"}

func init() {
	exposed.LoadBalancerARN = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/orders/1"
	exposed.TargetGroupARN = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/orders/2"
}

func TestTheLastHoursTraffic(t *testing.T) {
	api := measuring{
		"ActiveFlowCount Maximum": {0: 2, 7: 5, 59: 1}, "NewFlowCount Sum": {0: 2, 7: 3}, "ProcessedBytes Sum": {7: 1000, 59: 24},
		"TCP_Client_Reset_Count Sum": {7: 1}, "TCP_Target_Reset_Count Sum": {7: 2}, "TCP_ELB_Reset_Count Sum": {8: 4},
		"HealthyHostCount Maximum": {0: 2, 59: 1}, "ActiveFlowCount Minimum": {0: 99},
	}
	now := time.Date(2026, 11, 29, 9, 0, 31, 0, time.UTC)
	got, err := traffic(t.Context(), api, exposed, now)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 11, 29, 8, 1, 0, 0, time.UTC); !got.From.Equal(want) {
		t.Errorf("it begins at %v, want %v", got.From, want)
	}
	var said []string
	for _, f := range got.Figures {
		text := f.Name + " " + string(f.Of) + " none"
		if f.Value != nil {
			text = fmt.Sprintf("%s %s %v", f.Name, f.Of, *f.Value)
		}
		for n, v := range f.Minutes {
			if v != nil {
				text += fmt.Sprintf(" %d:%v", n, *v)
			}
		}
		if said = append(said, text+" "+f.Unit); len(f.Minutes) != 60 {
			t.Errorf("%s has %d minutes", f.Name, len(f.Minutes))
		}
	}
	want := `connections most 5 0:2 7:5 59:1 count
new flows sum 5 0:2 7:3 count
bytes sum 1024 7:1000 59:24 bytes
resets sum 7 7:3 8:4 count
rejected flows sum none count
healthy targets latest 1 0:2 59:1 count`
	if text := strings.Join(said, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestNoTrafficIsTold(t *testing.T) {
	if got, err := traffic(t.Context(), measuring{}, registry.Exposure{ID: "new"}, time.Now()); got != nil || err != nil {
		t.Errorf("without a load balancer there is %v, %v", got, err)
	}
	if _, err := traffic(t.Context(), measuring(nil), exposed, time.Now()); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("got %v", err)
	}
}
