package front

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/rdslink/rdslink/local/metrics"
	"github.com/rdslink/rdslink/local/wire"
)

// cloudWatch is the name that requests to CloudWatch are signed for.
const cloudWatch = "monitoring"

// answerCloudWatch has GetMetricData answered here, and everything else by MiniStack, which stores what was measured.
func (d *Door) answerCloudWatch(w http.ResponseWriter, r *http.Request, a asked, forward http.HandlerFunc) {
	serve := forward
	if a.Action == "GetMetricData" {
		serve = func(w http.ResponseWriter, r *http.Request) { getMetricData(w, r, a, forward) }
	}
	if a.service.Protocol == wire.CBOR {
		asJSON(w, r, a, serve)
		return
	}
	serve(w, r)
}

// getMetricData speaks JSON.
func getMetricData(w http.ResponseWriter, r *http.Request, a asked, forward http.HandlerFunc) {
	speaks := &wire.Service{Name: "cloudwatch", Protocol: "json", JSONVersion: "1.0"}
	var asks metrics.Request
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asks); err != nil {
		speaks.Refuse(w, a.ID, wire.Errorf("ValidationError", "not part of this local cloud's GetMetricData: %v", err))
		return
	}
	answer, err := metrics.Data(asks, stored{r, forward})
	if err != nil {
		speaks.Refuse(w, a.ID, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(answer)
}

// stored is what MiniStack has of the account of a request.
type stored struct {
	request *http.Request
	forward http.HandlerFunc
}

// List implements metrics.Source.
func (s stored) List(namespace, name string) ([]metrics.Metric, error) {
	var out struct{ Metrics []metrics.Metric }
	err := s.ask("ListMetrics", map[string]any{"Namespace": namespace, "MetricName": name}, &out)
	return out.Metrics, err
}

// Values implements metrics.Source.
func (s stored) Values(m metrics.Metric, statistic string, period int, from, until float64) (map[int64]float64, error) {
	var out struct{ Datapoints []map[string]any }
	err := s.ask("GetMetricStatistics", map[string]any{
		"Namespace": m.Namespace, "MetricName": m.MetricName, "Dimensions": m.Dimensions, "Statistics": []string{statistic},
		"Period": period, "StartTime": from, "EndTime": until,
	}, &out)
	if err != nil {
		return nil, err
	}
	values := map[int64]float64{}
	for _, point := range out.Datapoints {
		at, err := pointTime(point["Timestamp"])
		if err != nil {
			return nil, err
		}
		values[at], _ = point[statistic].(float64)
	}
	return values, nil
}

// pointTime is a time as MiniStack writes it: in seconds, or as text.
func pointTime(v any) (int64, error) {
	switch v := v.(type) {
	case float64:
		return int64(v), nil
	case string:
		at, err := time.Parse(time.RFC3339, v)
		return at.Unix(), err
	}
	return 0, fmt.Errorf("time %v of a metric's value: neither a number nor a text", v)
}

func (s stored) ask(action string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r := s.request.Clone(s.request.Context())
	r.URL.Path = "/"
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "GraniteServiceVersion20100801."+action)
	restore(r, body)
	answer := capture(s.forward, r)
	if !answer.ok() {
		return fmt.Errorf("%s: %s", action, answer.body.String())
	}
	return json.Unmarshal(answer.body.Bytes(), out)
}
