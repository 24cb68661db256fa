package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"pgregory.net/rapid"

	"github.com/rdslink/rdslink/local/delivery"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

const (
	function = "arn:aws:lambda:eu-central-1:111122223333:function:ip-sync"
	role     = "arn:aws:iam::111122223333:role/scheduler"
)

var caller = wire.WithCaller(context.Background(), wire.Caller{Account: "111122223333"})

// clock is a service whose invocations are kept.
type clock struct {
	*Service
	mu    sync.Mutex
	fired []delivery.Invocation
	stuck bool // the function is never through
}

func newClock() *clock {
	c := &clock{}
	groups := func(_ context.Context, _, name string) (bool, error) { return name == "app", nil }
	c.Service = New(&model.World{Region: "eu-central-1", Speed: 1e9}, groups, func(i delivery.Invocation) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.fired = append(c.fired, i)
		if !c.stuck {
			i.Over()
		}
	})
	return c
}

// invocations waits until n have happened.
func (c *clock) invocations(t *testing.T, n int) []delivery.Invocation {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		c.mu.Lock()
		fired := slices.Clone(c.fired)
		c.mu.Unlock()
		if len(fired) >= n {
			return fired
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d invocations, want %d", len(fired), n)
		}
	}
}

// minutely is a valid request; changes make it another.
func minutely(changes ...func(*scheduler.CreateScheduleInput)) *scheduler.CreateScheduleInput {
	in := &scheduler.CreateScheduleInput{
		Name: aws.String("orders"), ScheduleExpression: aws.String("rate(1 minute)"),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target:             &types.Target{Arn: aws.String(function), RoleArn: aws.String(role), Input: aws.String(`{"exposure":"orders"}`)},
	}
	for _, change := range changes {
		change(in)
	}
	return in
}

func code(err error) string {
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return e.Code
	}
	return fmt.Sprint(err)
}

// The refused expressions are those of LocalStack's test_scheduler.snapshot.json, recorded from AWS on 26 Jan 2025, with
// AWS's message; cron(…) is refused here whether valid or not.
func TestExpressions(t *testing.T) {
	for _, expression := range []string{
		"rate(10 seconds)", "rate(10 years)", "rate()", "rate(10)", "rate(10 minutess)", "rate(foo minutes)", "rate(-10 minutes)", "rate( 10 minutes )",
		" rate(10 minutes)", "at(2021-12-31T23:59:59Z)", "at(2021-12-31)", "rate(0 minutes)", "rate(99999999 days)", "", "cron(0 1 * * * *)", "cron(*/15 * * * ? *)",
	} {
		_, err := parse(expression, "UTC")
		if code(err) != "ValidationException" || !strings.Contains(err.Error(), "Invalid Schedule Expression "+expression+".") {
			t.Errorf("%q: %v", expression, err)
		}
	}
	for expression, want := range map[string]due{
		"rate(1 minute)":          {period: time.Minute},
		"rate(15 minutes)":        {period: 15 * time.Minute},
		"rate(2 days)":            {period: 48 * time.Hour},
		"at(2026-11-20T08:00:00)": {at: time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)},
	} {
		got, err := parse(expression, "Europe/Berlin")
		if err != nil || got.period != want.period || !got.at.Equal(want.at) {
			t.Errorf("%q: %v, %v", expression, got, err)
		}
	}
}

func TestCreateScheduleRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(*scheduler.CreateScheduleInput)
		want   string
	}{
		"the same name":        {func(*scheduler.CreateScheduleInput) {}, "ConflictException"},
		"a group that is not":  {func(in *scheduler.CreateScheduleInput) { in.GroupName = aws.String("none") }, "ResourceNotFoundException"},
		"no window":            {func(in *scheduler.CreateScheduleInput) { in.FlexibleTimeWindow = nil }, "ValidationException"},
		"a window that is off": {func(in *scheduler.CreateScheduleInput) { in.FlexibleTimeWindow.MaximumWindowInMinutes = aws.Int32(1) }, "ValidationException"},
		"a window without width": {func(in *scheduler.CreateScheduleInput) {
			in.FlexibleTimeWindow.Mode = types.FlexibleTimeWindowModeFlexible
		}, "ValidationException"},
		"a queue": {func(in *scheduler.CreateScheduleInput) {
			in.Target.Arn = aws.String("arn:aws:sqs:eu-central-1:111122223333:q")
		}, "ValidationException"},
		"no role":               {func(in *scheduler.CreateScheduleInput) { in.Target.RoleArn = aws.String("scheduler") }, "ValidationException"},
		"parameters of a queue": {func(in *scheduler.CreateScheduleInput) { in.Target.SqsParameters = &types.SqsParameters{} }, "ValidationException"},
		"an unknown zone":       {func(in *scheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Mars/Base") }, "ValidationException"},
		"an end before the start": {func(in *scheduler.CreateScheduleInput) {
			in.StartDate, in.EndDate = aws.Time(time.Now().Add(time.Hour)), aws.Time(time.Now())
		}, "ValidationException"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			if _, err := c.createSchedule(caller, minutely()); err != nil {
				t.Fatal(err)
			}
			other := func(in *scheduler.CreateScheduleInput) {
				if test.want == "ValidationException" {
					in.Name = aws.String("other")
				}
			}
			if _, err := c.createSchedule(caller, minutely(other, test.change)); code(err) != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestScheduleFires(t *testing.T) {
	c := newClock()
	if _, err := c.createSchedule(caller, minutely(func(in *scheduler.CreateScheduleInput) {
		in.GroupName = aws.String("app")
		in.Target.Input = aws.String(`{"at":"<aws.scheduler.schedule-arn>"}`)
		in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String("queue")}
	})); err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:scheduler:eu-central-1:111122223333:schedule/app/orders"
	fired := c.invocations(t, 2)[1]
	if fired.Account != "111122223333" || fired.FunctionARN != function || fired.Role != role || fired.SourceARN != arn ||
		fired.DeadLetterARN != "queue" || string(fired.Payload) != `{"at":"`+arn+`"}` {
		t.Errorf("got %+v", fired)
	}
}

func TestScheduleWithoutInputSendsAnEvent(t *testing.T) {
	c := newClock()
	if _, err := c.createSchedule(caller, minutely(func(in *scheduler.CreateScheduleInput) { in.Target.Input = nil })); err != nil {
		t.Fatal(err)
	}
	if payload := string(c.invocations(t, 1)[0].Payload); !strings.Contains(payload, `"detail-type":"Scheduled Event"`) {
		t.Error(payload)
	}
}

func TestDeletedAndDisabledSchedulesAreStill(t *testing.T) {
	c := newClock()
	disabled := minutely(func(in *scheduler.CreateScheduleInput) {
		in.Name, in.State = aws.String("disabled"), types.ScheduleStateDisabled
	})
	for _, in := range []*scheduler.CreateScheduleInput{minutely(), disabled} {
		if _, err := c.createSchedule(caller, in); err != nil {
			t.Fatal(err)
		}
	}
	c.invocations(t, 1)
	timer := c.schedules[id{"111122223333", "default", "orders"}].timer
	if _, err := c.deleteSchedule(caller, &scheduler.DeleteScheduleInput{Name: aws.String("orders")}); err != nil {
		t.Fatal(err)
	}
	if timer.wait(time.Hour) {
		t.Error("the deleted schedule's timer still runs")
	}
	if _, err := c.getSchedule(caller, &scheduler.GetScheduleInput{Name: aws.String("orders")}); code(err) != "ResourceNotFoundException" {
		t.Errorf("the deleted schedule: %v", err)
	}
	for _, fired := range c.invocations(t, 1) {
		if strings.HasSuffix(fired.SourceARN, "/disabled") {
			t.Error("the disabled schedule fired")
		}
	}
}

func TestOneTimeScheduleIsDeletedAfterwards(t *testing.T) {
	c := newClock()
	if _, err := c.createSchedule(caller, minutely(func(in *scheduler.CreateScheduleInput) {
		in.ScheduleExpression, in.ActionAfterCompletion = aws.String("at(2026-01-01T00:00:00)"), types.ActionAfterCompletionDelete
	})); err != nil {
		t.Fatal(err)
	}
	c.invocations(t, 1)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		out, err := c.listSchedules(caller, &scheduler.ListSchedulesInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Schedules) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("still there")
		}
	}
}

func TestAtRestNoScheduleFires(t *testing.T) {
	c := newClock()
	c.Rest()
	if _, err := c.createSchedule(caller, minutely()); err != nil {
		t.Fatal(err)
	}
	c.fire(c.schedules[id{"111122223333", "default", "orders"}])
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.fired) > 0 {
		t.Error("a schedule fired")
	}
}

func TestAScheduleWhoseFunctionIsNotThroughPassesOver(t *testing.T) {
	c := newClock()
	c.stuck = true
	if _, err := c.createSchedule(caller, minutely()); err != nil {
		t.Fatal(err)
	}
	first := c.invocations(t, 1)[0]
	c.fire(c.schedules[id{"111122223333", "default", "orders"}])
	if n := len(c.invocations(t, 1)); n != 1 {
		t.Errorf("it invoked %d times", n)
	}
	first.Over()
	c.invocations(t, 2)
}

// UpdateSchedule replaces everything: API_UpdateSchedule.html.
func TestUpdateScheduleReplacesEverything(t *testing.T) {
	c := newClock()
	if _, err := c.createSchedule(caller, minutely(func(in *scheduler.CreateScheduleInput) {
		in.Description, in.State = aws.String("every minute"), types.ScheduleStateDisabled
		in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0), MaximumEventAgeInSeconds: aws.Int32(60)}
	})); err != nil {
		t.Fatal(err)
	}
	before, err := c.getSchedule(caller, &scheduler.GetScheduleInput{Name: aws.String("orders")})
	if err != nil {
		t.Fatal(err)
	}
	in := minutely()
	update := &scheduler.UpdateScheduleInput{Name: in.Name, ScheduleExpression: aws.String("rate(5 minutes)"), FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target}
	if _, err := c.updateSchedule(caller, update); err != nil {
		t.Fatal(err)
	}
	got, err := c.getSchedule(caller, &scheduler.GetScheduleInput{Name: aws.String("orders")})
	if err != nil {
		t.Fatal(err)
	}
	if *before.Target.RetryPolicy.MaximumRetryAttempts != 0 || got.Description != nil || got.State != types.ScheduleStateEnabled || *got.ScheduleExpression != "rate(5 minutes)" ||
		*got.Target.RetryPolicy.MaximumRetryAttempts != 185 || *got.Target.RetryPolicy.MaximumEventAgeInSeconds != 86400 || !got.CreationDate.Equal(*before.CreationDate) {
		t.Errorf("got %+v", got)
	}
	update.Name = aws.String("other")
	if _, err := c.updateSchedule(caller, update); code(err) != "ResourceNotFoundException" || !strings.Contains(err.Error(), "Schedule other does not exist.") {
		t.Errorf("of a schedule that is not there: %v", err)
	}
}

func TestClientTokens(t *testing.T) {
	c := newClock()
	withToken := func(in *scheduler.CreateScheduleInput) { in.ClientToken = aws.String("one") }
	first, err := c.createSchedule(caller, minutely(withToken))
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.createSchedule(caller, minutely(withToken))
	if err != nil || *again.ScheduleArn != *first.ScheduleArn {
		t.Errorf("the same request: %v", err)
	}
	_, err = c.createSchedule(caller, minutely(withToken, func(in *scheduler.CreateScheduleInput) { in.Description = aws.String("other") }))
	if code(err) != "ConflictException" {
		t.Errorf("another request: %v", err)
	}
	for range 2 {
		if _, err := c.deleteSchedule(caller, &scheduler.DeleteScheduleInput{Name: aws.String("orders"), ClientToken: aws.String("two")}); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if _, err := c.deleteSchedule(caller, &scheduler.DeleteScheduleInput{Name: aws.String("orders"), ClientToken: aws.String("three")}); code(err) != "ResourceNotFoundException" {
		t.Errorf("delete with a new token: %v", err)
	}
	if _, err := c.createSchedule(caller, minutely(withToken)); err != nil {
		t.Errorf("a token whose schedule is gone is answered as before: %v", err)
	}
	if len(c.schedules) != 0 {
		t.Error("a replayed token made a schedule")
	}
}

// Pages join to the whole list, in order, whatever their size and whatever is deleted in between.
func TestListSchedulesPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c]{1,3}`), 0, 20, rapid.ID[string]).Draw(t, "names")
		for _, name := range names {
			if _, err := c.createSchedule(caller, minutely(func(in *scheduler.CreateScheduleInput) { in.Name, in.State = &name, types.ScheduleStateDisabled })); err != nil {
				t.Fatal(err)
			}
		}
		prefix := rapid.SampledFrom([]string{"", "a", "bc"}).Draw(t, "prefix")
		in := &scheduler.ListSchedulesInput{NamePrefix: &prefix, MaxResults: aws.Int32(int32(rapid.IntRange(1, 5).Draw(t, "size")))}
		var got []string
		for {
			out, err := c.listSchedules(caller, in)
			if err != nil || len(out.Schedules) > int(*in.MaxResults) {
				t.Fatal(len(out.Schedules), err)
			}
			for _, found := range out.Schedules {
				got = append(got, *found.Name)
				if _, err := c.deleteSchedule(caller, &scheduler.DeleteScheduleInput{Name: found.Name}); err != nil {
					t.Fatal(err)
				}
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		want := slices.DeleteFunc(slices.Sorted(slices.Values(names)), func(name string) bool { return !strings.HasPrefix(name, prefix) })
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestSchedulesOfOthersDoNotExist(t *testing.T) {
	c := newClock()
	if _, err := c.createSchedule(caller, minutely()); err != nil {
		t.Fatal(err)
	}
	other := wire.WithCaller(context.Background(), wire.Caller{Account: "133737826969"})
	if _, err := c.getSchedule(other, &scheduler.GetScheduleInput{Name: aws.String("orders")}); code(err) != "ResourceNotFoundException" {
		t.Errorf("get: %v", err)
	}
	if out, _ := c.listSchedules(other, &scheduler.ListSchedulesInput{}); len(out.Schedules) != 0 {
		t.Errorf("list: %v", out.Schedules)
	}
}
