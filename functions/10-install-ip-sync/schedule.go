package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/wanted"
)

type scheduleAPI interface {
	GetSchedule(context.Context, *scheduler.GetScheduleInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error)
	CreateSchedule(context.Context, *scheduler.CreateScheduleInput, ...func(*scheduler.Options)) (*scheduler.CreateScheduleOutput, error)
	UpdateSchedule(context.Context, *scheduler.UpdateScheduleInput, ...func(*scheduler.Options)) (*scheduler.UpdateScheduleOutput, error)
}

// ensureSchedule has ip-sync invoked every minute with the binding.
func (s installIPSync) ensureSchedule(ctx context.Context, exposure, binding string) error {
	want := wanted.Schedule{Exposure: exposure, Group: s.group, Role: s.role, Function: s.function, Binding: binding}
	current, err := s.schedules.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &exposure, GroupName: &s.group})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return s.createSchedule(ctx, want)
	}
	if err != nil {
		return fmt.Errorf("get schedule %s: %w", exposure, err)
	}
	if len(want.Differences(current)) == 0 {
		return nil
	}
	return s.updateSchedule(ctx, want)
}

func (s installIPSync) createSchedule(ctx context.Context, want wanted.Schedule) error {
	slog.InfoContext(ctx, "create schedule", "name", want.Exposure)
	_, err := s.schedules.CreateSchedule(ctx, want.Request(s.now()))
	// A GetSchedule that lags, or a create whose reply was lost: it is found when asked again.
	if _, exists := errors.AsType[*types.ConflictException](err); exists {
		return outcome.NotReady("create schedule %s: %w", want.Exposure, err)
	}
	if err != nil {
		return fmt.Errorf("create schedule %s: %w", want.Exposure, err)
	}
	return nil
}

// updateSchedule names everything: what an update leaves out gets its default (API_UpdateSchedule).
func (s installIPSync) updateSchedule(ctx context.Context, want wanted.Schedule) error {
	slog.InfoContext(ctx, "update schedule", "name", want.Exposure)
	if _, err := s.schedules.UpdateSchedule(ctx, (*scheduler.UpdateScheduleInput)(want.Request(s.now()))); err != nil {
		return fmt.Errorf("update schedule %s: %w", want.Exposure, err)
	}
	return nil
}
