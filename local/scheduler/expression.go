package scheduler

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

// due is when a schedule is due: every period, or once.
type due struct {
	period time.Duration // 0: once
	at     time.Time
}

var (
	rate = regexp.MustCompile(`^rate\(([1-9][0-9]*) (minute|hour|day)s?\)$`)
	unit = map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
)

// check refuses what AWS refuses beyond the service model, and what is not modelled here.
func check(in scheduler.CreateScheduleInput) (due, error) {
	if err := checkWindow(in.FlexibleTimeWindow); err != nil {
		return due{}, err
	}
	if err := checkTarget(in.Target); err != nil {
		return due{}, err
	}
	if in.StartDate != nil && in.EndDate != nil && !in.StartDate.Before(*in.EndDate) {
		return due{}, invalid("The StartDate you specify must come before the EndDate.")
	}
	return parse(aws.ToString(in.ScheduleExpression), aws.ToString(in.ScheduleExpressionTimezone))
}

func checkWindow(w *types.FlexibleTimeWindow) error {
	switch {
	case w == nil:
		return invalid("FlexibleTimeWindow is required")
	case w.Mode == types.FlexibleTimeWindowModeOff && w.MaximumWindowInMinutes != nil:
		return invalid("MaximumWindowInMinutes must not be specified when FlexibleTimeWindow is OFF.")
	case w.Mode == types.FlexibleTimeWindowModeFlexible && w.MaximumWindowInMinutes == nil:
		return invalid("MaximumWindowInMinutes is required when FlexibleTimeWindow is FLEXIBLE.")
	}
	return nil
}

func checkTarget(t *types.Target) error {
	switch {
	case t == nil:
		return invalid("Target is required")
	case !strings.Contains(aws.ToString(t.Arn), ":lambda:") || !strings.Contains(*t.Arn, ":function:"):
		return invalid("Targets other than Lambda functions are not supported: %s", aws.ToString(t.Arn))
	case !strings.Contains(aws.ToString(t.RoleArn), ":role/"):
		return invalid("The execution role is not a role: %s", aws.ToString(t.RoleArn))
	case t.EcsParameters != nil, t.EventBridgeParameters != nil, t.KinesisParameters != nil,
		t.SageMakerPipelineParameters != nil, t.SqsParameters != nil:
		return invalid("The parameters do not suit the target %s", *t.Arn)
	}
	return nil
}

// parse reads an expression. What is refused, and how, is in LocalStack's test_scheduler.snapshot.json of 26 Jan 2025; cron
// expressions are AWS's, but not modelled.
func parse(expression, timezone string) (due, error) {
	zone, err := time.LoadLocation(timezone)
	if err != nil {
		return due{}, invalid("Invalid Time Zone %s.", timezone)
	}
	if strings.HasPrefix(expression, "cron(") {
		return due{}, invalid("Invalid Schedule Expression %s. (Cron expressions are not supported here.)", expression)
	}
	if m := rate.FindStringSubmatch(expression); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 32)
		if err == nil && n <= maxPeriod/int64(unit[m[2]]) {
			return due{period: time.Duration(n) * unit[m[2]]}, nil
		}
	}
	if at, err := time.ParseInLocation("at(2006-01-02T15:04:05)", expression, zone); err == nil {
		return due{at: at}, nil
	}
	return due{}, invalid("Invalid Schedule Expression %s.", expression)
}

// maxPeriod is the longest period that a time.Duration holds, about 292 years.
const maxPeriod = int64(1<<63 - 1)
