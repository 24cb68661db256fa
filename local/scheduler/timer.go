package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/local/delivery"
	"github.com/rdslink/rdslink/local/model"
)

// shortest is the least time between two invocations, however fast the world runs: functions are real processes.
const shortest = 500 * time.Millisecond

// timer invokes a schedule's target when it is due.
type timer struct {
	ctx  context.Context
	stop context.CancelFunc
}

func (s *Service) scale(d time.Duration) time.Duration {
	if s.Speed > 0 {
		return time.Duration(float64(d) / s.Speed)
	}
	return s.world.Scale(d)
}

// start runs a schedule's timer. A rate without a start date is due at once:
// docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html.
func (s *Service) start(c *schedule, d due) *timer {
	ctx, stop := context.WithCancel(context.Background())
	if c.EndDate != nil {
		ctx, stop = context.WithTimeout(context.Background(), s.scale(time.Until(*c.EndDate)))
	}
	t := &timer{ctx, stop}
	if c.State == types.ScheduleStateDisabled {
		return t
	}
	var first time.Duration
	switch {
	case d.period == 0:
		first = s.scale(time.Until(d.at))
	case c.StartDate != nil:
		first = s.scale(time.Until(*c.StartDate))
	}
	go s.tick(t, c, first, max(s.scale(d.period), shortest), d.period == 0)
	return t
}

// tick fires after first and then every period, unless once.
func (s *Service) tick(t *timer, c *schedule, first, period time.Duration, once bool) {
	next := time.NewTimer(first)
	defer next.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-next.C:
		}
		next.Reset(period)
		if !t.wait(s.window(c.FlexibleTimeWindow)) {
			return
		}
		s.fire(c)
		if once {
			s.complete(c)
			return
		}
	}
}

// window is how much later than due a flexible schedule fires.
func (s *Service) window(w *types.FlexibleTimeWindow) time.Duration {
	if w.Mode != types.FlexibleTimeWindowModeFlexible {
		return 0
	}
	return rand.N(s.scale(time.Duration(*w.MaximumWindowInMinutes)*time.Minute) + 1)
}

// wait waits for d; false if the timer has been stopped.
func (t *timer) wait(d time.Duration) bool {
	select {
	case <-t.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// complete deletes a one-time schedule that asks for it.
func (s *Service) complete(c *schedule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.ActionAfterCompletion == types.ActionAfterCompletionDelete && s.schedules[c.id] == c {
		delete(s.schedules, c.id)
	}
}

// fire hands the target's input over. Retry policy and event age are about handing over to Lambda, which accepts at once or
// refuses for good; failures of the function are for Lambda's own queue.
func (s *Service) fire(c *schedule) {
	// In a fast world it is due again before a function, which is a real process, is through on a busy
	// machine: then it passes over.
	if s.atRest.Load() || c.busy.Swap(true) {
		return
	}
	i := delivery.Invocation{
		Account: c.id.account, FunctionARN: *c.Target.Arn, Payload: []byte(s.input(c)),
		Principal: "scheduler.amazonaws.com", SourceARN: *c.Arn, Role: *c.Target.RoleArn,
		Over: func() { c.busy.Store(false) },
	}
	if c.Target.DeadLetterConfig != nil {
		i.DeadLetterARN = aws.ToString(c.Target.DeadLetterConfig.Arn)
	}
	s.invoke(i)
}

// input is the target's input with its context attributes filled in
// (docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html), or the event that
// AWS sends instead of none.
func (s *Service) input(c *schedule) string {
	now, execution := time.Now().UTC().Format(time.RFC3339), model.Hex(32)
	if c.Target.Input == nil {
		return s.scheduledEvent(c, now)
	}
	return strings.NewReplacer(
		"<aws.scheduler.schedule-arn>", *c.Arn,
		"<aws.scheduler.scheduled-time>", now,
		"<aws.scheduler.execution-id>", execution,
		"<aws.scheduler.attempt-number>", "1",
	).Replace(*c.Target.Input)
}

func (s *Service) scheduledEvent(c *schedule, now string) string {
	resources, _ := json.Marshal([]string{*c.Arn}) // strings cannot fail
	return fmt.Sprintf(`{"version":"0","id":"%s","detail-type":"Scheduled Event","source":"aws.scheduler","account":"%s",`+
		`"time":"%s","region":"%s","resources":%s,"detail":"{}"}`,
		model.Hex(32), c.id.account, now, s.world.Region, resources)
}
