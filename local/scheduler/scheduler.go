// Package scheduler is EventBridge Scheduler as far as schedules that invoke Lambda functions need it.
package scheduler

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/local/delivery"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// GroupReader says whether an account has a schedule group of that name. It is not asked about the group "default".
type GroupReader func(ctx context.Context, account, name string) (bool, error)

// Service holds schedules.
type Service struct {
	// Speed divides the periods of schedules; 0 takes the world's. Set it before the first schedule.
	Speed float64

	world  *model.World
	groups GroupReader
	invoke func(delivery.Invocation)
	atRest atomic.Bool

	mu        sync.Mutex // guards everything below
	schedules map[id]*schedule
	answers   map[token]answer
}

// New makes a service without schedules. invoke is given what is due.
func New(w *model.World, groups GroupReader, invoke func(delivery.Invocation)) *Service {
	return &Service{world: w, groups: groups, invoke: invoke, schedules: map[id]*schedule{}, answers: map[token]answer{}}
}

// Operations are the API operations on schedules. They lock for themselves; schedule groups are kept elsewhere.
func (s *Service) Operations() wire.Operations {
	return wire.Operations{
		"CreateSchedule": wire.Op(s.createSchedule),
		"GetSchedule":    wire.Op(s.getSchedule),
		"UpdateSchedule": wire.Op(s.updateSchedule),
		"DeleteSchedule": wire.Op(s.deleteSchedule),
		"ListSchedules":  wire.Op(s.listSchedules),
	}
}

// Rest lets no schedule fire any more.
func (s *Service) Rest() { s.atRest.Store(true) }

// id names a schedule: its name is unique within its group.
type id struct{ account, group, name string }

// schedule is one schedule, as GetSchedule shows it.
type schedule struct {
	scheduler.GetScheduleOutput
	id    id
	timer *timer
	busy  atomic.Bool // what it invoked last is not through
}

// token is a client token of one operation.
type token struct{ account, operation, token string }

// answer is what an operation with a client token has been asked and has answered.
type answer struct{ asked, arn string }

func (s *Service) createSchedule(ctx context.Context, in *scheduler.CreateScheduleInput) (*scheduler.CreateScheduleOutput, error) {
	key, err := s.locate(ctx, in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	arn, err := s.once(key.account, "CreateSchedule", in.ClientToken, in, func() (string, error) {
		if s.schedules[key] != nil {
			return "", conflict("Schedule %s already exists.", key.name)
		}
		return s.replace(key, *in)
	})
	return &scheduler.CreateScheduleOutput{ScheduleArn: &arn}, err
}

// updateSchedule replaces the whole schedule: what the request leaves out falls back to its default
// (docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html).
func (s *Service) updateSchedule(ctx context.Context, in *scheduler.UpdateScheduleInput) (*scheduler.UpdateScheduleOutput, error) {
	key, err := s.locate(ctx, in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	arn, err := s.once(key.account, "UpdateSchedule", in.ClientToken, in, func() (string, error) {
		if s.schedules[key] == nil {
			return "", notFound("Schedule %s does not exist.", key.name)
		}
		return s.replace(key, scheduler.CreateScheduleInput{
			Name: in.Name, GroupName: in.GroupName, Description: in.Description, State: in.State,
			ScheduleExpression: in.ScheduleExpression, ScheduleExpressionTimezone: in.ScheduleExpressionTimezone,
			StartDate: in.StartDate, EndDate: in.EndDate, FlexibleTimeWindow: in.FlexibleTimeWindow,
			Target: in.Target, ActionAfterCompletion: in.ActionAfterCompletion, KmsKeyArn: in.KmsKeyArn,
		})
	})
	return &scheduler.UpdateScheduleOutput{ScheduleArn: &arn}, err
}

// replace puts a schedule in the place of the one before, if any. The caller holds the lock.
func (s *Service) replace(key id, in scheduler.CreateScheduleInput) (arn string, err error) {
	due, err := check(in)
	if err != nil {
		return "", err
	}
	now := time.Now()
	created := now
	if before := s.schedules[key]; before != nil {
		created = *before.CreationDate
		before.timer.stop()
	}
	arn = strings.Join([]string{"arn:aws:scheduler", s.world.Region, key.account, "schedule/" + key.group + "/" + key.name}, ":")
	next := &schedule{id: key, GetScheduleOutput: scheduler.GetScheduleOutput{
		Arn: &arn, Name: &key.name, GroupName: &key.group, Description: in.Description, State: in.State,
		ScheduleExpression: in.ScheduleExpression, ScheduleExpressionTimezone: in.ScheduleExpressionTimezone,
		StartDate: in.StartDate, EndDate: in.EndDate, FlexibleTimeWindow: in.FlexibleTimeWindow,
		Target: withDefaults(*in.Target), ActionAfterCompletion: in.ActionAfterCompletion, KmsKeyArn: in.KmsKeyArn,
		CreationDate: &created, LastModificationDate: &now,
	}}
	if next.State == "" {
		next.State = types.ScheduleStateEnabled
	}
	if next.ScheduleExpressionTimezone == nil {
		next.ScheduleExpressionTimezone = aws.String("UTC")
	}
	if next.ActionAfterCompletion == "" {
		next.ActionAfterCompletion = types.ActionAfterCompletionNone
	}
	s.schedules[key] = next
	next.timer = s.start(next, due)
	return arn, nil
}

// withDefaults adds the retry policy that AWS assumes: 185 attempts in 24 hours.
func withDefaults(t types.Target) *types.Target {
	policy := types.RetryPolicy{}
	if t.RetryPolicy != nil {
		policy = *t.RetryPolicy
	}
	if policy.MaximumRetryAttempts == nil {
		policy.MaximumRetryAttempts = aws.Int32(185)
	}
	if policy.MaximumEventAgeInSeconds == nil {
		policy.MaximumEventAgeInSeconds = aws.Int32(86400)
	}
	t.RetryPolicy = &policy
	return &t
}

func (s *Service) getSchedule(ctx context.Context, in *scheduler.GetScheduleInput) (*scheduler.GetScheduleOutput, error) {
	key := locate(ctx, in.GroupName, in.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.schedules[key]
	if found == nil {
		return nil, notFound("Schedule %s does not exist.", key.name)
	}
	out := found.GetScheduleOutput
	return &out, nil
}

func (s *Service) deleteSchedule(ctx context.Context, in *scheduler.DeleteScheduleInput) (*scheduler.DeleteScheduleOutput, error) {
	key := locate(ctx, in.GroupName, in.Name)
	_, err := s.once(key.account, "DeleteSchedule", in.ClientToken, in, func() (string, error) {
		found := s.schedules[key]
		if found == nil {
			return "", notFound("Schedule %s does not exist.", key.name)
		}
		found.timer.stop()
		delete(s.schedules, key)
		return "", nil
	})
	return &scheduler.DeleteScheduleOutput{}, err
}

func (s *Service) listSchedules(ctx context.Context, in *scheduler.ListSchedulesInput) (*scheduler.ListSchedulesOutput, error) {
	account := wire.CallerOf(ctx).Account
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []types.ScheduleSummary
	for _, c := range s.schedules {
		if c.id.account == account && (in.GroupName == nil || *in.GroupName == c.id.group) &&
			strings.HasPrefix(c.id.name, aws.ToString(in.NamePrefix)) && (in.State == "" || in.State == c.State) {
			found = append(found, types.ScheduleSummary{
				Arn: c.Arn, Name: c.Name, GroupName: c.GroupName, State: c.State, Target: &types.TargetSummary{Arn: c.Target.Arn},
				CreationDate: c.CreationDate, LastModificationDate: c.LastModificationDate,
			})
		}
	}
	slices.SortFunc(found, func(a, b types.ScheduleSummary) int { return strings.Compare(*a.Arn, *b.Arn) })
	// A token is the ARN of the last schedule of the page before: schedules come and go between pages.
	from, _ := slices.BinarySearchFunc(found, aws.ToString(in.NextToken)+"\x00",
		func(f types.ScheduleSummary, arn string) int { return strings.Compare(*f.Arn, arn) })
	found = found[from:]
	size := 100
	if in.MaxResults != nil {
		size = int(*in.MaxResults)
	}
	if len(found) <= size {
		return &scheduler.ListSchedulesOutput{Schedules: found}, nil
	}
	return &scheduler.ListSchedulesOutput{Schedules: found[:size], NextToken: found[size-1].Arn}, nil
}

// locate names the schedule that a caller means.
func locate(ctx context.Context, group, name *string) id {
	key := id{wire.CallerOf(ctx).Account, "default", aws.ToString(name)}
	if group != nil {
		key.group = *group
	}
	return key
}

// locate names a schedule in a group that must exist.
func (s *Service) locate(ctx context.Context, group, name *string) (id, error) {
	key := locate(ctx, group, name)
	if key.group == "default" {
		return key, nil
	}
	exists, err := s.groups(ctx, key.account, key.group)
	if err == nil && !exists {
		err = notFound("Schedule group %s does not exist.", key.group)
	}
	return key, err
}

// once does what a client token has not asked for before, and answers again what it has: also when
// the schedule is gone by now.
func (s *Service) once(account, operation string, clientToken *string, in any, do func() (string, error)) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if clientToken == nil {
		return do()
	}
	asked, err := json.Marshal(in)
	if err != nil {
		return "", err
	}
	key := token{account, operation, *clientToken}
	if before, ok := s.answers[key]; ok {
		if before.asked != string(asked) {
			return "", conflict("The client token %s was used with other parameters.", *clientToken)
		}
		return before.arn, nil
	}
	arn, err := do()
	if err == nil {
		s.answers[key] = answer{string(asked), arn}
	}
	return arn, err
}

func conflict(format string, args ...any) error {
	e := wire.Errorf("ConflictException", format, args...)
	e.Status = 409
	return e
}

// notFound is worded as in aws/aws-sdk-js-v3 issue 5720.
func notFound(format string, args ...any) error {
	e := wire.Errorf("ResourceNotFoundException", format, args...)
	e.Status = 404
	return e
}

func invalid(format string, args ...any) error {
	return wire.Errorf("ValidationException", format, args...)
}
