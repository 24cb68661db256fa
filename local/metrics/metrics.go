// Package metrics answers CloudWatch's GetMetricData: metrics, searches for metrics, and metric math, as far as dashboards
// of their kind need it. What it does not have of these it refuses.
package metrics

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/local/wire"
)

// Dimension narrows a metric down.
type Dimension struct{ Name, Value string }

// Metric is one of CloudWatch's.
type Metric struct {
	Namespace, MetricName string
	Dimensions            []Dimension
}

// Source has what was measured.
type Source interface {
	// List are the metrics of a namespace of that name.
	List(namespace, name string) ([]Metric, error)
	// Values are a metric's, by the beginning of each period in Unix seconds, from one moment until before another.
	Values(m Metric, statistic string, period int, from, until float64) (map[int64]float64, error)
}

// Request is GetMetricData's, as JSON has it:
// docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html.
type Request struct {
	MetricDataQueries  []Query
	StartTime, EndTime float64 // Unix seconds
	ScanBy             string
}

// Query is a metric or an expression.
type Query struct {
	ID         string `json:"Id"`
	Expression string
	Label      string
	Period     int // seconds; of expressions
	MetricStat *Stat
	ReturnData *bool
}

// Stat is a metric's statistic.
type Stat struct {
	Metric Metric
	Period int // seconds
	Stat   string
}

// Result is one time series.
type Result struct {
	ID         string `json:"Id"`
	Label      string
	StatusCode string
	Timestamps []float64 // Unix seconds
	Values     []float64
}

// Answer is GetMetricData's.
type Answer struct{ MetricDataResults []Result }

const (
	mostQueries = 500
	// mostFound is how many time series a search finds
	// (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html).
	mostFound = 500
)

var (
	ids        = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)
	statistics = []string{"Average", "Maximum", "Minimum", "SampleCount", "Sum"}
)

func refuse(format string, args ...any) error {
	return wire.Errorf("ValidationError", format, args...)
}

// Data answers a request out of a source.
func Data(r Request, s Source) (Answer, error) {
	if err := r.validate(); err != nil {
		return Answer{}, err
	}
	e := evaluation{request: r, source: s, done: map[string]value{}, under: map[string]bool{}}
	answer := Answer{MetricDataResults: []Result{}}
	for _, q := range r.MetricDataQueries {
		v, err := e.query(q)
		if err != nil {
			return Answer{}, err
		}
		if q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		if v.scalar {
			return Answer{}, refuse("Error in expression '%s': the result is a number, and must be a time series", q.ID)
		}
		for _, series := range v.series {
			answer.MetricDataResults = append(answer.MetricDataResults, r.result(q, series))
		}
	}
	return answer, nil
}

func (r Request) validate() error {
	switch {
	case len(r.MetricDataQueries) == 0:
		return refuse("The parameter MetricDataQueries is required.")
	case len(r.MetricDataQueries) > mostQueries:
		return refuse("The collection MetricDataQueries must not have a size greater than %d.", mostQueries)
	case r.StartTime >= r.EndTime:
		return refuse("The parameter StartTime must be less than the parameter EndTime.")
	case r.ScanBy != "" && r.ScanBy != "TimestampAscending" && r.ScanBy != "TimestampDescending":
		return refuse("The value %s for parameter ScanBy is not supported.", r.ScanBy)
	}
	seen := map[string]bool{}
	for n, q := range r.MetricDataQueries {
		where := fmt.Sprintf("MetricDataQueries.member.%d", n+1)
		switch {
		case !ids.MatchString(q.ID):
			return refuse("The value %s for parameter %s.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", q.ID, where)
		case seen[q.ID]:
			return refuse("The values for parameter Id in MetricDataQueries are not unique.")
		case (q.Expression == "") == (q.MetricStat == nil):
			return refuse("The parameters %s.Expression and %s.MetricStat are mutually exclusive and one of them is required.", where, where)
		case q.Period != 0 && !periodic(q.Period):
			return refuse("The value for parameter %s.Period must be 1, 5, 10, 20, 30 or a multiple of 60.", where)
		}
		seen[q.ID] = true
		if q.MetricStat == nil {
			continue
		}
		if err := q.MetricStat.validate(where + ".MetricStat"); err != nil {
			return err
		}
	}
	return nil
}

func (s Stat) validate(where string) error {
	switch {
	case s.Metric.Namespace == "" || s.Metric.MetricName == "":
		return refuse("The parameters %s.Metric.Namespace and MetricName are required.", where)
	case !periodic(s.Period):
		return refuse("The value for parameter %s.Period must be 1, 5, 10, 20, 30 or a multiple of 60.", where)
	case !slices.Contains(statistics, s.Stat):
		return refuse("The value %s for parameter %s.Stat is not supported.", s.Stat, where)
	}
	return nil
}

func periodic(seconds int) bool {
	return seconds > 0 && (seconds%60 == 0 || slices.Contains([]int{1, 5, 10, 20, 30}, seconds))
}

// result is a series as it is told: the latest value first, unless it is asked for in the other order.
func (r Request) result(q Query, s series) Result {
	label := q.Label
	if label == "" {
		label = s.label
	}
	if label == "" {
		label = q.ID
	}
	out := Result{ID: q.ID, Label: label, StatusCode: "Complete", Timestamps: []float64{}, Values: []float64{}}
	times := slices.Sorted(maps.Keys(s.values))
	if r.ScanBy != "TimestampAscending" {
		slices.Reverse(times)
	}
	for _, t := range times {
		out.Timestamps, out.Values = append(out.Timestamps, float64(t)), append(out.Values, s.values[t])
	}
	return out
}

// value is what an expression has: a number, a time series, or an array of them.
type value struct {
	scalar bool
	number float64
	array  bool
	series []series
}

type series struct {
	label  string
	values map[int64]float64
}

type evaluation struct {
	request Request
	source  Source
	done    map[string]value
	under   map[string]bool // that are being evaluated: none may need itself
}

func (e *evaluation) query(q Query) (value, error) {
	if v, ok := e.done[q.ID]; ok {
		return v, nil
	}
	if e.under[q.ID] {
		return value{}, refuse("Error in expression '%s': it refers to itself", q.ID)
	}
	e.under[q.ID] = true
	defer delete(e.under, q.ID)
	var v value
	var err error
	if q.MetricStat != nil {
		v.series = make([]series, 1)
		v.series[0], err = e.measured(q.MetricStat.Metric, q.MetricStat.Stat, q.MetricStat.Period)
		v.series[0].label = q.MetricStat.Metric.MetricName
	} else {
		v, err = e.expression(q)
	}
	if err == nil {
		e.done[q.ID] = v
	}
	return v, err
}

// measured are the values of the periods that begin in the time that is asked for.
func (e *evaluation) measured(m Metric, statistic string, period int) (series, error) {
	from := math.Floor(e.request.StartTime/float64(period)) * float64(period)
	values, err := e.source.Values(m, statistic, period, from, e.request.EndTime)
	return series{values: values}, err
}

// search finds the metrics that a search names. Those that are found go by the values of their dimensions.
func (e *evaluation) search(query, statistic string, period int) (value, error) {
	want, err := parseSearch(query)
	if err != nil {
		return value{}, err
	}
	if !slices.Contains(statistics, statistic) || !periodic(period) {
		return value{}, refuse("SEARCH: the statistic '%s' or the period %d is not supported", statistic, period)
	}
	all, err := e.source.List(want.namespace, want.name)
	if err != nil {
		return value{}, err
	}
	found := value{array: true}
	for _, m := range all {
		if !want.fits(m) || len(found.series) == mostFound {
			continue
		}
		s, err := e.measured(m, statistic, period)
		if err != nil {
			return value{}, err
		}
		var values []string
		for _, d := range m.Dimensions {
			values = append(values, d.Value)
		}
		if s.label = strings.Join(values, " "); s.label == "" {
			s.label = m.MetricName
		}
		if len(s.values) > 0 {
			found.series = append(found.series, s)
		}
	}
	slices.SortFunc(found.series, func(a, b series) int { return strings.Compare(a.label, b.label) })
	return found, nil
}
