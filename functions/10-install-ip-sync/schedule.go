package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
)

type scheduleAPI interface {
	GetSchedule(context.Context, *scheduler.GetScheduleInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error)
	CreateSchedule(context.Context, *scheduler.CreateScheduleInput, ...func(*scheduler.Options)) (*scheduler.CreateScheduleOutput, error)
	UpdateSchedule(context.Context, *scheduler.UpdateScheduleInput, ...func(*scheduler.Options)) (*scheduler.UpdateScheduleOutput, error)
}

const everyMinute = "rate(1 minute)"

// ensureSchedule has ip-sync invoked every minute with the binding. The schedule has the exposure's id for a name.
func (s installIPSync) ensureSchedule(ctx context.Context, exposure, binding string) error {
	current, err := s.schedules.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &exposure, GroupName: &s.group})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return s.createSchedule(ctx, exposure, binding)
	}
	if err != nil {
		return fmt.Errorf("get schedule %s: %w", exposure, err)
	}
	if s.wanted(current, binding) {
		return nil
	}
	return s.updateSchedule(ctx, exposure, binding)
}

// wanted compares what matters; the start is the moment of creation, and any other would do.
func (s installIPSync) wanted(current *scheduler.GetScheduleOutput, binding string) bool {
	target, window := current.Target, current.FlexibleTimeWindow
	return target != nil && window != nil && target.RetryPolicy != nil &&
		aws.ToString(current.ScheduleExpression) == everyMinute &&
		current.State == types.ScheduleStateEnabled &&
		current.EndDate == nil &&
		window.Mode == types.FlexibleTimeWindowModeOff &&
		aws.ToString(target.Arn) == s.function &&
		aws.ToString(target.RoleArn) == s.role &&
		aws.ToString(target.Input) == binding &&
		aws.ToInt32(target.RetryPolicy.MaximumRetryAttempts) == 0 &&
		aws.ToInt32(target.RetryPolicy.MaximumEventAgeInSeconds) == 60
}

func (s installIPSync) createSchedule(ctx context.Context, exposure, binding string) error {
	slog.InfoContext(ctx, "create schedule", "name", exposure)
	_, err := s.schedules.CreateSchedule(ctx, s.schedule(exposure, binding))
	// A GetSchedule that lags, or a create whose reply was lost: it is found when asked again.
	if _, exists := errors.AsType[*types.ConflictException](err); exists {
		return outcome.NotReady("create schedule %s: %w", exposure, err)
	}
	if err != nil {
		return fmt.Errorf("create schedule %s: %w", exposure, err)
	}
	return nil
}

// updateSchedule names everything: what an update leaves out gets its default (API_UpdateSchedule).
func (s installIPSync) updateSchedule(ctx context.Context, exposure, binding string) error {
	slog.InfoContext(ctx, "update schedule", "name", exposure)
	if _, err := s.schedules.UpdateSchedule(ctx, (*scheduler.UpdateScheduleInput)(s.schedule(exposure, binding))); err != nil {
		return fmt.Errorf("update schedule %s: %w", exposure, err)
	}
	return nil
}

// schedule begins in the next minute, at the exposure's own second. It allows no retry: a tick that is late is
// worth less than the next one.
func (s installIPSync) schedule(exposure, binding string) *scheduler.CreateScheduleInput {
	second := time.Duration(owned.Slot(exposure, 60)) * time.Second
	return &scheduler.CreateScheduleInput{
		Name:               &exposure,
		GroupName:          &s.group,
		ScheduleExpression: aws.String(everyMinute),
		StartDate:          aws.Time(s.now().Truncate(time.Minute).Add(time.Minute + second)),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		State:              types.ScheduleStateEnabled,
		Target: &types.Target{
			Arn:         &s.function,
			RoleArn:     &s.role,
			Input:       &binding,
			RetryPolicy: &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0), MaximumEventAgeInSeconds: aws.Int32(60)},
		},
	}
}
