package operator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/rdslink/rdslink/internal/metric"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// Traffic is what CloudWatch has of the load balancer's last hour. Our own looks through its nodes are among it.
type Traffic struct {
	From    time.Time `json:"from"` // the first minute
	Figures []Figure  `json:"figures"`
}

// hour is how many minutes Traffic has, the one that has only begun among them.
const hour = 60

// Figure is what the hour comes to, and its minutes.
type Figure struct {
	Name    string   `json:"name"`
	Metrics []string `json:"metrics"` // whose values are added up
	Unit    string   `json:"unit"`    // bytes, or a count
	Of      Summary  `json:"of"`
	Value   *float64 `json:"value"` // none where nothing was measured
	// Minutes are the hour's; those of which AWS has measured nothing have no value.
	Minutes []*float64 `json:"minutes"`
}

// Summary says which one value stands for the hour.
type Summary string

// The summaries.
const (
	Most   Summary = "most"
	Sum    Summary = "sum"
	Latest Summary = "latest"
)

// figures are what is asked for, in the order in which it is told.
var figures = []struct {
	name    string
	of      Summary
	metrics []metric.OfLink
}{
	{"connections", Most, []metric.OfLink{metric.ActiveFlows}},
	{"new flows", Sum, []metric.OfLink{metric.NewFlows}},
	{"bytes", Sum, []metric.OfLink{metric.ProcessedBytes}},
	{"resets", Sum, []metric.OfLink{metric.ClientResets, metric.TargetResets, metric.BalancerResets}},
	{"rejected flows", Sum, []metric.OfLink{metric.RejectedFlows}},
	{"healthy targets", Latest, []metric.OfLink{metric.HealthyHosts}},
}

// metricsAPI is what Traffic asks.
type metricsAPI interface {
	GetMetricData(context.Context, *cloudwatch.GetMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error)
}

// traffic is that of an exposure with a load balancer; none without.
func traffic(ctx context.Context, api metricsAPI, e registry.Exposure, now time.Time) (*Traffic, error) {
	if e.LoadBalancerARN == "" || e.TargetGroupARN == "" {
		return nil, nil
	}
	from := now.UTC().Truncate(time.Minute).Add(-(hour - 1) * time.Minute)
	in := &cloudwatch.GetMetricDataInput{StartTime: &from, EndTime: aws.Time(from.Add(hour * time.Minute))}
	named := map[string]string{
		metric.LoadBalancer: metric.Dimension(e.LoadBalancerARN), metric.TargetGroup: metric.Dimension(e.TargetGroupARN),
	}
	for n, f := range figures {
		for i, m := range f.metrics {
			in.MetricDataQueries = append(in.MetricDataQueries, query(fmt.Sprintf("m%d_%d", n, i), m, named))
		}
	}
	measured := map[string][]*float64{}
	pages := cloudwatch.NewGetMetricDataPaginator(api, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("get the metrics of %s: %s", e.LoadBalancerARN, outcome.Message(err))
		}
		for _, r := range page.MetricDataResults {
			measured[aws.ToString(r.Id)] = minutes(measured[aws.ToString(r.Id)], from, r)
		}
	}
	t := &Traffic{From: from}
	for n, f := range figures {
		told := Figure{Name: f.name, Unit: "count", Of: f.of, Minutes: make([]*float64, hour)}
		for i, m := range f.metrics {
			told.Metrics = append(told.Metrics, m.Name)
			told.add(measured[fmt.Sprintf("m%d_%d", n, i)])
			if m.Bytes {
				told.Unit = "bytes"
			}
		}
		told.Value = told.summary()
		t.Figures = append(t.Figures, told)
	}
	return t, nil
}

func query(id string, m metric.OfLink, named map[string]string) cloudwatchtypes.MetricDataQuery {
	of := &cloudwatchtypes.Metric{Namespace: &m.Namespace, MetricName: &m.Name}
	for _, dimension := range m.By {
		of.Dimensions = append(of.Dimensions, cloudwatchtypes.Dimension{Name: &dimension, Value: aws.String(named[dimension])})
	}
	return cloudwatchtypes.MetricDataQuery{Id: &id, MetricStat: &cloudwatchtypes.MetricStat{
		Metric: of, Period: aws.Int32(int32(time.Minute / time.Second)), Stat: &m.Statistic,
	}}
}

// minutes puts a page's values where they belong.
func minutes(all []*float64, from time.Time, r cloudwatchtypes.MetricDataResult) []*float64 {
	if all == nil {
		all = make([]*float64, hour)
	}
	for i, at := range r.Timestamps {
		if n := int(at.Sub(from) / time.Minute); !at.Before(from) && n < hour && i < len(r.Values) {
			all[n] = &r.Values[i]
		}
	}
	return all
}

func (f *Figure) add(values []*float64) {
	for n, v := range values {
		switch {
		case v == nil:
		case f.Minutes[n] == nil:
			f.Minutes[n] = aws.Float64(*v)
		default:
			*f.Minutes[n] += *v
		}
	}
}

// summary is the hour's value, nil if there is none in it.
func (f *Figure) summary() *float64 {
	var values []float64
	total := 0.0
	for _, v := range f.Minutes {
		if v != nil {
			values, total = append(values, *v), total+*v
		}
	}
	switch {
	case len(values) == 0:
		return nil
	case f.Of == Most:
		return aws.Float64(slices.Max(values))
	case f.Of == Latest:
		return &values[len(values)-1]
	}
	return &total
}
