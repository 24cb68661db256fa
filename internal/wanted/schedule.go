package wanted

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/owned"
)

// A Schedule has ip-sync invoked every minute with an exposure's binding. It has the exposure's id for a name.
type Schedule struct {
	Exposure string
	Group    string
	Role     string // that the scheduler invokes with
	Function string // ip-sync's ARN
	Binding  string // the input, JSON
}

const everyMinute = "rate(1 minute)"

// Request begins in the next minute, at the exposure's own second. It allows no retry: a tick that is late is worth less
// than the next one.
func (s Schedule) Request(now time.Time) *scheduler.CreateScheduleInput {
	second := time.Duration(owned.Slot(s.Exposure, 60)) * time.Second
	return &scheduler.CreateScheduleInput{
		Name:               &s.Exposure,
		GroupName:          &s.Group,
		ScheduleExpression: aws.String(everyMinute),
		StartDate:          aws.Time(now.Truncate(time.Minute).Add(time.Minute + second)),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		State:              types.ScheduleStateEnabled,
		Target: &types.Target{
			Arn:         &s.Function,
			RoleArn:     &s.Role,
			Input:       &s.Binding,
			RetryPolicy: &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0), MaximumEventAgeInSeconds: aws.Int32(60)},
		},
	}
}

// A Difference is one thing that is not as it should be.
type Difference struct {
	What string // in AWS's words
	Is   string
	Want string
}

// Differences compares what matters; the start is the moment of creation, and any other would do.
func (s Schedule) Differences(current *scheduler.GetScheduleOutput) []Difference {
	target, window, retry := current.Target, current.FlexibleTimeWindow, &types.RetryPolicy{}
	if target == nil {
		target = &types.Target{}
	}
	if window == nil {
		window = &types.FlexibleTimeWindow{}
	}
	if target.RetryPolicy != nil {
		retry = target.RetryPolicy
	}
	end := ""
	if current.EndDate != nil {
		end = current.EndDate.UTC().Format(time.RFC3339)
	}
	all := []Difference{
		{"State", string(current.State), string(types.ScheduleStateEnabled)},
		{"ScheduleExpression", aws.ToString(current.ScheduleExpression), everyMinute},
		{"EndDate", end, ""},
		{"FlexibleTimeWindow.Mode", string(window.Mode), string(types.FlexibleTimeWindowModeOff)},
		{"Target.Arn", aws.ToString(target.Arn), s.Function},
		{"Target.RoleArn", aws.ToString(target.RoleArn), s.Role},
		{"Target.Input", aws.ToString(target.Input), s.Binding},
		{"Target.RetryPolicy.MaximumRetryAttempts", number(retry.MaximumRetryAttempts), "0"},
		{"Target.RetryPolicy.MaximumEventAgeInSeconds", number(retry.MaximumEventAgeInSeconds), "60"},
	}
	var differing []Difference
	for _, d := range all {
		if d.Is != d.Want {
			differing = append(differing, d)
		}
	}
	return differing
}

// number is empty for nothing, which is not 0: AWS has defaults of its own.
func number(n *int32) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(int(*n))
}
