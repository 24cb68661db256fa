// Package metric turns log lines into values of CloudWatch metrics, by the embedded metric format
// (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
package metric

import (
	"log/slog"
	"time"

	"github.com/rdslink/rdslink/internal/deployment"
)

// A Metric is one that alarms watch. It has no dimensions: an exposure as one would make a metric, and a price, for each;
// what a value is about stands elsewhere in its line.
type Metric struct{ Name, unit string }

// The metrics.
var (
	SyncAge  = Metric{"SyncAge", "Seconds"} // since the last good sync of an exposure
	Stuck    = Metric{"Stuck", "Count"}     // executions that wait for a token that nobody has
	Misnamed = Metric{"Misnamed", "Count"}  // exposures with a target whose certificate names another server
	Watched  = Metric{"Watched", "Count"}   // sweeps that judged every exposure, or told why they cannot
)

// Value is what makes the log line that it is in a value of m, of the deployment of that name.
func (m Metric) Value(name deployment.Name, value float64, at time.Time) slog.Attr {
	return slog.Group("", slog.Float64(m.Name, value), slog.Any("_aws", map[string]any{
		"Timestamp": at.UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace":  name.Metrics(),
			"Dimensions": [][]string{{}},
			"Metrics":    []any{map[string]string{"Name": m.Name, "Unit": m.unit}},
		}},
	}))
}
