package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/test/stage"
)

// ticks is how many steady ticks are measured of each sync.
const ticks = 50

// ticking is a sync that follows the set-up's database, and what its ticks took.
type ticking struct {
	process *process
	event   []byte
	session string

	took   durations
	served float64 // resident MB after its first tick
	calls  calls   // of all ticks
}

// tick lets both syncs tick in turn, on the same target group, in the same harness.
func (b *bench) tick(ctx context.Context) error {
	binding, err := b.binding(ctx)
	if err != nil {
		return err
	}
	theirs, err := b.sampleOfExposure(ctx)
	if err != nil {
		return err
	}
	ours := b.sync()
	b.ours, b.theirs = ticking{event: []byte(binding), session: session(ours.name())}, ticking{event: []byte("{}"), session: session("sample")}
	if err := b.ours.begin(ctx, ours.program); err != nil {
		return err
	}
	defer b.ours.process.stop()
	if err := b.theirs.begin(ctx, theirs); err != nil {
		return err
	}
	defer b.theirs.process.stop()
	all, err := b.callsDuring(ctx, func() error { return b.takeTurns(ctx) })
	if err != nil {
		return err
	}
	return errors.Join(b.ours.keep(all), b.theirs.keep(all))
}

// binding is what the exposure's schedule sends with every tick.
func (b *bench) binding(ctx context.Context) (string, error) {
	schedule, err := scheduler.NewFromConfig(b.cloud.Config(stage.Customer)).GetSchedule(ctx,
		&scheduler.GetScheduleInput{Name: &b.exposure, GroupName: aws.String(deployment.Unnamed.ScheduleGroup())})
	if err != nil {
		return "", fmt.Errorf("get schedule %s: %w", b.exposure, err)
	}
	return aws.ToString(schedule.Target.Input), nil
}

// begin starts a sync. Its first tick opens connections and is not counted.
func (t *ticking) begin(ctx context.Context, p program) (err error) {
	if t.process, err = p.start(ctx); err != nil {
		return err
	}
	if _, err = t.process.invoke(ctx, t.event); err == nil {
		t.served, err = t.process.memory()
	}
	if err != nil {
		t.process.stop()
	}
	return err
}

func (b *bench) takeTurns(ctx context.Context) error {
	for range ticks {
		for _, t := range []*ticking{&b.ours, &b.theirs} {
			took, err := t.process.invoke(ctx, t.event)
			if err != nil {
				return err
			}
			t.took = append(t.took, took)
		}
	}
	return nil
}

// keep keeps the sync's own calls, which must all be reads: the database has not moved.
func (t *ticking) keep(all calls) error {
	t.calls = all.by(t.session)
	for _, c := range t.calls {
		if c.Action == "RegisterTargets" || c.Action == "DeregisterTargets" {
			return fmt.Errorf("the ticks of %s are not steady: %s", t.session, t.calls.actions(ticks))
		}
	}
	return nil
}
