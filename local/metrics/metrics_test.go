package metrics

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// minutes has values of metrics, each of a minute, by the metric's dimensions.
type minutes map[string]map[int64]float64

func (m minutes) List(namespace, name string) (all []Metric, err error) {
	for key := range m {
		of := Metric{Namespace: namespace, MetricName: name}
		for pair := range strings.SplitSeq(key, ",") {
			if dimension, value, ok := strings.Cut(pair, "="); ok {
				of.Dimensions = append(of.Dimensions, Dimension{dimension, value})
			}
		}
		all = append(all, of)
	}
	return all, nil
}

func (m minutes) Values(of Metric, statistic string, period int, from, until float64) (map[int64]float64, error) {
	var key []string
	for _, d := range of.Dimensions {
		key = append(key, d.Name+"="+d.Value)
	}
	values := map[int64]float64{}
	for at, n := range m[strings.Join(key, ",")] {
		if float64(at) < from || float64(at) >= until {
			continue
		}
		begin := at / int64(period) * int64(period)
		if statistic == "Sum" {
			values[begin] += n
		} else {
			values[begin] = max(values[begin], n)
		}
	}
	return values, nil
}

var flows = minutes{
	"":                                     {0: 1},
	"LoadBalancer=net/a/1":                 {0: 1, 60: 2, 3600: 4},
	"LoadBalancer=net/b/2":                 {60: 10, 7200: 99},
	"LoadBalancer=net/c/3":                 {7200: 7},
	"AvailabilityZone=a,LoadBalancer=net/": {0: 500},
	"Service Id=vpce-svc-1":                {0: 3},
}

const search = `SEARCH('{AWS/NetworkELB,LoadBalancer} MetricName="NewFlowCount"', 'Sum', 60)`

func TestWhatIsAnswered(t *testing.T) {
	hidden := false
	stat := func(statistic string, period int, dimensions ...Dimension) *Stat {
		return &Stat{Metric{"AWS/NetworkELB", "NewFlowCount", dimensions}, period, statistic}
	}
	a := Dimension{"LoadBalancer", "net/a/1"}
	for name, row := range map[string]struct {
		queries []Query
		want    string // id label time=value …, a line each
	}{
		"a metric by the minute":          {[]Query{{ID: "m", MetricStat: stat("Sum", 60, a)}}, "m NewFlowCount 60=2 0=1"},
		"a metric by the hour":            {[]Query{{ID: "m", MetricStat: stat("Sum", 3600, a)}}, "m NewFlowCount 0=3"},
		"another statistic, and a label":  {[]Query{{ID: "m", Label: "most", MetricStat: stat("Maximum", 3600, a)}}, "m most 0=2"},
		"a metric without dimensions":     {[]Query{{ID: "m", MetricStat: stat("Sum", 60)}}, "m NewFlowCount 0=1"},
		"a metric that nobody measures":   {[]Query{{ID: "m", MetricStat: stat("Sum", 60, Dimension{"LoadBalancer", "x"})}}, "m NewFlowCount"},
		"a search":                        {[]Query{{ID: "s", Expression: search}}, "s net/a/1 60=2 0=1\ns net/b/2 60=10"},
		"a search by a name with a blank": {[]Query{{ID: "s", Expression: `SEARCH('{AWS/NetworkELB,"Service Id"} MetricName="NewFlowCount"', 'Sum', 60)`}}, "s vpce-svc-1 0=3"},
		"a search that finds nothing":     {[]Query{{ID: "s", Expression: `SEARCH('{AWS/NetworkELB,TargetGroup} MetricName="NewFlowCount"', 'Sum', 60)`}}, ""},
		"math over each that is found": {[]Query{{ID: "s", Expression: search, ReturnData: &hidden}, {ID: "e", Expression: "(s + 2) / 4 * 3 - 1"}},
			"e net/a/1 60=2 0=1.25\ne net/b/2 60=8"},
		"the sum of all, referred to before it is": {[]Query{{ID: "e", Label: "all", Expression: "SUM(s) * 10"}, {ID: "s", Expression: search, ReturnData: &hidden}}, "e all 60=120 0=10"},
		"an array and a series": {[]Query{{ID: "m", MetricStat: stat("Sum", 60, a), ReturnData: &hidden}, {ID: "s", Expression: search, ReturnData: &hidden}, {ID: "e", Expression: "s - m"}},
			"e net/a/1 60=0 0=0\ne net/b/2 60=8"},
	} {
		answer, err := Data(Request{MetricDataQueries: row.queries, StartTime: 0, EndTime: 3600}, flows)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var lines []string
		for _, r := range answer.MetricDataResults {
			line := r.ID + " " + r.Label
			for i, at := range r.Timestamps {
				line += fmt.Sprintf(" %v=%v", at, r.Values[i])
			}
			lines = append(lines, line)
		}
		if got := strings.Join(lines, "\n"); got != row.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, row.want)
		}
	}
}

func TestTheEarliestComesFirstWhenItIsAskedFor(t *testing.T) {
	answer, err := Data(Request{MetricDataQueries: []Query{{ID: "s", Expression: search}}, EndTime: 3600, ScanBy: "TimestampAscending"}, flows)
	if err != nil || !slices.Equal(answer.MetricDataResults[0].Timestamps, []float64{0, 60}) {
		t.Errorf("%+v %v", answer, err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	queries := map[string][]Query{
		"MetricDataQueries is required":    {},
		"must not have a size greater":     make([]Query, mostQueries+1),
		"is not matching the expected":     {{ID: "S", Expression: search}},
		"are not unique":                   {{ID: "s", Expression: search}, {ID: "s", Expression: search}},
		"mutually exclusive":               {{ID: "s"}},
		"must be 1, 5, 10":                 {{ID: "s", Expression: search, Period: 61}},
		"Namespace and MetricName":         {{ID: "m", MetricStat: &Stat{Period: 60, Stat: "Sum"}}},
		"is not supported":                 {{ID: "m", MetricStat: &Stat{Metric{"a", "b", nil}, 60, "p99"}}},
		"refers to itself":                 {{ID: "a", Expression: "b + 1"}, {ID: "b", Expression: "a + 1"}},
		"the id b is unknown":              {{ID: "a", Expression: "b + 1"}},
		"it ends too soon":                 {{ID: "s", Expression: "(1 + "}},
		") is missing":                     {{ID: "s", Expression: "SUM(" + search}},
		"nobody expects":                   {{ID: "s", Expression: search + " 5"}},
		"has something that no expression": {{ID: "s", Expression: "5 ? 6"}},
		"no part of this local cloud's":    {{ID: "s", Expression: "FILL(m, 0)"}},
		"the result is a number":           {{ID: "s", Expression: "5"}},
		"SUM of no array":                  {{ID: "s", Expression: "SUM(5)"}},
		"two arrays":                       {{ID: "s", Expression: search}, {ID: "e", Expression: "s + s"}},
		"must be in double quotes":         {{ID: "s", Expression: `SEARCH('{AWS/NetworkELB,Service Id} MetricName="a"', 'Sum', 60)`}},
		"no other search":                  {{ID: "s", Expression: `SEARCH('{AWS/NetworkELB,LoadBalancer} NewFlowCount', 'Sum', 60)`}},
		"or the period":                    {{ID: "s", Expression: strings.Replace(search, "60", "61", 1)}},
		"no period":                        {{ID: "s", Expression: strings.Replace(search, "60", "x", 1)}},
	}
	for _, want := range slices.Sorted(maps.Keys(queries)) {
		_, err := Data(Request{MetricDataQueries: queries[want], EndTime: 3600}, flows)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for want, r := range map[string]Request{
		"must be less":                 {StartTime: 2, EndTime: 1, MetricDataQueries: []Query{{ID: "s", Expression: search}}},
		"for parameter ScanBy":         {EndTime: 1, ScanBy: "up", MetricDataQueries: []Query{{ID: "s", Expression: search}}},
		"MetricDataQueries is require": {EndTime: 1},
	} {
		if _, err := Data(r, flows); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// The names are those that AWS's clients read and write.
func TestTheWireHasAWSsNames(t *testing.T) {
	var r Request
	text := `{"MetricDataQueries":[{"Id":"m","MetricStat":{"Metric":{"Namespace":"n","MetricName":"x",` +
		`"Dimensions":[{"Name":"a","Value":"b"}]},"Period":60,"Stat":"Sum"},"ReturnData":true}],"StartTime":1.5,"EndTime":2}`
	if err := json.Unmarshal([]byte(text), &r); err != nil || r.MetricDataQueries[0].MetricStat.Metric.Dimensions[0].Value != "b" || !*r.MetricDataQueries[0].ReturnData {
		t.Errorf("%+v %v", r, err)
	}
	got, _ := json.Marshal(Answer{[]Result{{"m", "l", "Complete", []float64{60}, []float64{1}}}})
	if want := `{"MetricDataResults":[{"Id":"m","Label":"l","StatusCode":"Complete","Timestamps":[60],"Values":[1]}]}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
