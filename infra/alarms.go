package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/jsii-runtime-go"

	"github.com/rdslink/rdslink/internal/metric"
)

// newAlarms makes the alarms and lets them tell the operators. What belongs to one exposure the watch tells; they watch the
// watchers, executions, and, as a net, the age of the last good sync. A step's errors are none of theirs: NotReady is one,
// and says only that AWS is not done yet.
func newAlarms(r *resources) {
	minute := awscdk.Duration_Minutes(jsii.Number(1))
	sum := &awscloudwatch.MetricOptions{Period: awscdk.Duration_Minutes(jsii.Number(5)), Statistic: ptr("Sum")}
	newAlarm(r, alarm{id: "ExecutionsFailed", says: "An execution failed: read its error, mend what it names, redrive it",
		watched: r.setup.MetricFailed(sum), periods: 1})
	newAlarm(r, alarm{id: "ExecutionsTimedOut", says: "An execution ran for a year: start it again",
		watched: r.setup.MetricTimedOut(sum), periods: 1})
	newAlarm(r, alarm{id: "RemovalsFailed", says: "A removal failed: read its error, mend what it names, redrive it",
		watched: r.removal.MetricFailed(sum), periods: 1})
	newAlarm(r, alarm{id: "RemovalsTimedOut", says: "A removal ran for a year: start it again",
		watched: r.removal.MetricTimedOut(sum), periods: 1})
	sync := r.options.name.Function("ip-sync")
	newAlarm(r, alarm{id: metric.SyncAge.Name, says: "An exposure had no good sync for five minutes: see the log of " + sync,
		watched: r.ours(metric.SyncAge, minute), threshold: 300, periods: 3})
	newAlarm(r, alarm{id: metric.Stuck.Name, says: "A connection is available and its execution still waits: redrive it",
		watched: r.ours(metric.Stuck, minute), periods: 1})
	// A certificate is looked at once an hour: while its name does not fit, the alarm stays.
	newAlarm(r, alarm{id: metric.Misnamed.Name,
		says:    "A target's certificate does not name the database's endpoint, and the target stays registered: see the log of " + sync,
		watched: r.ours(metric.Misnamed, awscdk.Duration_Hours(jsii.Number(1))), periods: 1})
	newAlarm(r, alarm{id: metric.Watched.Name, says: "No exposure of the stack is watched: see the log of " + r.options.name.Function("watch"),
		watched: r.ours(metric.Watched, minute), periods: 3, missing: awscloudwatch.TreatMissingData_BREACHING,
		below: true})
	for _, f := range functions {
		if f.watcher == nil || f.name() == "on-stack-change" {
			continue
		}
		// What fails once is tried again; what fails in three minutes of five does so for a reason.
		sum := &awscloudwatch.MetricOptions{Period: minute, Statistic: ptr("Sum")}
		newAlarm(r, alarm{id: f.name() + "-fails", says: r.options.name.Function(f.name()) + " fails minute after minute: see its log",
			watched: r.functions[f.name()].MetricErrors(sum), periods: 5, of: 3})
		newAlarm(r, alarm{id: f.name() + "-throttled", says: r.options.name.Function(f.name()) + " is throttled minute after minute: " +
			"see what else runs in the account, or raise its quota of concurrent executions",
			watched: r.functions[f.name()].MetricThrottles(sum), periods: 5, of: 3})
		if f.watcher.deadLetter {
			// This metric counts what goes to the queue and what is lost on the way there, and returns to nothing, while the
			// number of letters stays up for as long as they are kept:
			// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#async-invocation-metrics
			newAlarm(r, alarm{id: f.name() + "-dead-letters", says: r.options.name.Function(f.name()) + " gave up on events: " +
				"another message says which; mend what its error names, then make replay",
				watched: r.functions[f.name()].Metric(ptr("AsyncEventsDropped"), sum), periods: 1})
		}
	}
	if r.options.operators != "" {
		r.operators.AddSubscription(awssnssubscriptions.NewEmailSubscription(&r.options.operators, nil))
	}
}

// ours is a metric that a function writes into its log in the embedded metric format.
func (r *resources) ours(m metric.Metric, period awscdk.Duration) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: ptr(r.options.name.Metrics()), MetricName: &m.Name, Period: period, Statistic: ptr("Maximum"),
	})
}

// An alarm tells the operators when what is watched reaches the threshold, or falls below it, in so many periods.
type alarm struct {
	id, says  string
	watched   awscloudwatch.IMetric
	threshold float64 // 1 where it is 0
	below     bool
	periods   float64
	of        float64                        // in how many of them; in all where it is 0
	missing   awscloudwatch.TreatMissingData // not breaching where it is empty
}

func newAlarm(r *resources, a alarm) {
	if a.threshold == 0 {
		a.threshold = 1
	}
	if a.of == 0 {
		a.of = a.periods
	}
	if a.missing == "" {
		a.missing = awscloudwatch.TreatMissingData_NOT_BREACHING
	}
	comparison := awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD
	if a.below {
		comparison = awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD
	}
	made := awscloudwatch.NewAlarm(r.stack, ptr(a.id+"Alarm"), &awscloudwatch.AlarmProps{
		AlarmDescription:   &a.says,
		Metric:             a.watched,
		Threshold:          &a.threshold,
		EvaluationPeriods:  &a.periods,
		DatapointsToAlarm:  &a.of,
		ComparisonOperator: comparison,
		TreatMissingData:   a.missing,
	})
	made.AddAlarmAction(awscloudwatchactions.NewSnsAction(r.operators))
}
