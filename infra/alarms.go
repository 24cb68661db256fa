package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/jsii-runtime-go"

	"github.com/rdslink/rdslink/internal/metric"
)

// newAlarms makes the alarms and lets them tell the operators. They watch executions and the age of the last good sync, not
// function errors: NotReady is one, and says only that AWS is not done yet.
func newAlarms(r *resources) {
	minute := awscdk.Duration_Minutes(jsii.Number(1))
	sum := &awscloudwatch.MetricOptions{Period: awscdk.Duration_Minutes(jsii.Number(5)), Statistic: ptr("Sum")}
	newAlarm(r, "ExecutionsFailed", "An execution failed: read its error, mend what it names, redrive it", r.setup.MetricFailed(sum), 1, 1)
	newAlarm(r, "ExecutionsTimedOut", "An execution ran for a year: start it again", r.setup.MetricTimedOut(sum), 1, 1)
	newAlarm(r, metric.SyncAge.Name, "An exposure had no good sync for five minutes: see the log of "+r.options.name.Function("ip-sync"),
		r.ours(metric.SyncAge, minute), 300, 3)
	newAlarm(r, metric.Stuck.Name, "A connection is available and its execution still waits: redrive it", r.ours(metric.Stuck, minute), 1, 1)
	// A certificate is looked at once an hour: while its name does not fit, the alarm stays.
	newAlarm(r, metric.Misnamed.Name, "A target's certificate does not name the database's endpoint, and the target stays registered: "+
		"see the log of "+r.options.name.Function("ip-sync"), r.ours(metric.Misnamed, awscdk.Duration_Hours(jsii.Number(1))), 1, 1)
	for _, f := range functions {
		if f.watcher != nil && f.watcher.deadLetter {
			most := &awscloudwatch.MetricOptions{Period: minute, Statistic: ptr("Maximum")}
			newAlarm(r, f.name()+"-dead-letters-alarm", "Events were given up on: see the queue and the log of "+r.options.name.Function(f.name()),
				r.functions[f.name()].DeadLetterQueue().MetricApproximateNumberOfMessagesVisible(most), 1, 1)
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

func newAlarm(r *resources, id, description string, watched awscloudwatch.IMetric, threshold, periods float64) {
	alarm := awscloudwatch.NewAlarm(r.stack, ptr(id+"Alarm"), &awscloudwatch.AlarmProps{
		AlarmDescription:   &description,
		Metric:             watched,
		Threshold:          &threshold,
		EvaluationPeriods:  &periods,
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
	alarm.AddAlarmAction(awscloudwatchactions.NewSnsAction(r.operators))
}
