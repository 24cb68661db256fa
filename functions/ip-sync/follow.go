package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/targets"
)

// Databases move together when a zone fails, and an account may have no more than ten functions at once, which the minute's
// ticks share. So one invocation in the whole stack follows all of them, and looks at a few at a time, who waits longest
// first: it is one function, and a resolver for each of its looks.
const (
	looksAtOnce = 3
	// lookEvery is how far apart the looks at an exposure are, at the least, and how often marks are read.
	lookEvery = 2 * time.Second
	// slowLook is what a look takes whose probes and lookups all time out.
	slowLook = 10 * time.Second
	// calmFor is how long all must be well before a failover counts as over: RDS announces one before DNS moves, whose
	// records live 5 s.
	calmFor = 20 * time.Second
	// followAtMost is since the last event: from then on the minute's tick is enough.
	followAtMost = 6 * time.Minute
	// leaseTime is how long nobody can follow after a follower has died.
	leaseTime = 20 * time.Second
	// margin is what is left of the function's time for the looks under way to end.
	margin = 15 * time.Second
)

// following is what the follower and those who start it need of the registry.
type following interface {
	exposures
	AddMarks(ctx context.Context, marks []registry.Mark) error
	Marks(ctx context.Context) ([]registry.Mark, error)
	RemoveMarks(ctx context.Context, marks []registry.Mark) error
	Lease(ctx context.Context, id, holder string, d time.Duration) (leased registry.Exposure, ok bool, err error)
	Release(ctx context.Context, id, holder string) error
	ReleaseUnmarked(ctx context.Context, holder string) (ok bool, err error)
}

// look is one look at an exposure whose database moves. A full one goes through the load balancer, too.
type look func(ctx context.Context, b registry.Binding, full bool) (targets.Report, error)

// resume follows what is marked and followed by nobody: whoever did has died, or its function's time was over.
func (s ipSync) resume(ctx context.Context) {
	marks, err := s.registry.Marks(ctx)
	if err == nil && len(marks) > 0 {
		err = s.followAll(ctx)
	}
	if err != nil {
		slog.WarnContext(ctx, "nobody follows", "error", err.Error())
	}
}

// followAll follows whatever is marked, until nothing is or its function's time is over. It leaves everything to whoever
// follows already.
func (s ipSync) followAll(ctx context.Context) error {
	f := &follower{ipSync: s, holder: rand.Text(), moving: map[string]*mover{}, seen: make(chan sight, looksAtOnce)}
	if held, err := f.lease(ctx); err != nil || !held {
		return err
	}
	return f.follow(ctx)
}

// follower is one loop. Its lease bounds the work and protects nothing: who looks at an exposure holds that one's own.
type follower struct {
	ipSync
	holder string
	until  time.Time         // of the lease
	read   time.Time         // when the marks were last read
	moving map[string]*mover // by exposure
	seen   chan sight
	busy   int // looks under way
}

// mover is an exposure whose database may move.
type mover struct {
	exposure string
	marks    []registry.Mark // that were read of it
	event    time.Time       // the latest
	waits    time.Time       // since when nobody looks
	due      time.Time       // not before
	looking  bool
	owed     bool      // a full look
	calm     time.Time // since when all is well, zero while it is not
}

// sight is what came of a look.
type sight struct {
	*mover
	last    bool // if it is calm
	unbound bool // there is nothing to look at
	report  targets.Report
	err     error
}

func (f *follower) lease(ctx context.Context) (held bool, err error) {
	asked := f.now()
	if _, held, err = f.registry.Lease(ctx, registry.Following, f.holder, leaseTime); held {
		f.until = asked.Add(leaseTime)
	}
	return held, err
}

var errOvertaken = errors.New("someone else follows")

func (f *follower) follow(ctx context.Context) error {
	defer f.drain(ctx)
	for {
		err := f.refresh(ctx)
		switch {
		case f.timeIsOver(ctx):
			f.drain(ctx)
			return f.handOver(ctx)
		case errors.Is(err, errOvertaken):
			slog.WarnContext(ctx, "following ends", "error", err.Error())
			return nil
		case err != nil && !f.now().Before(f.until):
			return err
		case err != nil:
			slog.WarnContext(ctx, "marks not read", "error", err.Error())
		case len(f.moving) == 0:
			if over, err := f.registry.ReleaseUnmarked(ctx, f.holder); over || err != nil {
				return err
			}
			f.read = time.Time{} // something was marked meanwhile, or someone else follows
			if err := f.renew(ctx); err != nil {
				return err
			}
			continue
		}
		f.begin(ctx)
		f.await(ctx)
	}
}

func (f *follower) timeIsOver(ctx context.Context) bool {
	deadline, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && f.now().After(deadline.Add(-margin))
}

func (f *follower) renew(ctx context.Context) error {
	held, err := f.lease(ctx)
	if err == nil && !held {
		err = errOvertaken
	}
	return err
}

// refresh renews the lease in time, and learns of marks.
func (f *follower) refresh(ctx context.Context) error {
	if f.until.Sub(f.now()) < leaseTime/2 {
		if err := f.renew(ctx); err != nil {
			return err
		}
	}
	if f.now().Sub(f.read) < lookEvery {
		return nil
	}
	marks, err := f.registry.Marks(ctx)
	if err != nil {
		return err
	}
	f.read = f.now()
	f.take(marks)
	return nil
}

// take learns of those that have come, and forgets those whose marks somebody else has taken away.
func (f *follower) take(marks []registry.Mark) {
	for _, m := range f.moving {
		m.marks = nil
	}
	for _, mark := range marks {
		m := f.moving[mark.Exposure]
		if m == nil {
			m = &mover{exposure: mark.Exposure, waits: mark.Since, calm: mark.Since}
			f.moving[mark.Exposure] = m
		}
		m.marks = append(m.marks, mark)
		if mark.Since.After(m.event) {
			m.event = mark.Since
		}
		if !m.calm.IsZero() && m.calm.Before(m.event) {
			m.calm = m.event // what the event announces has its time to show
		}
	}
	maps.DeleteFunc(f.moving, func(_ string, m *mover) bool { return len(m.marks) == 0 && !m.looking })
}

// begin looks at those who wait longest, as far as there is room.
func (f *follower) begin(ctx context.Context) {
	now := f.now()
	for _, m := range slices.SortedFunc(maps.Values(f.moving), func(a, b *mover) int {
		return cmp.Or(a.waits.Compare(b.waits), cmp.Compare(a.exposure, b.exposure))
	}) {
		if f.busy == looksAtOnce {
			return
		}
		if m.looking || now.Before(m.due) {
			continue
		}
		m.looking = true
		f.busy++
		last := !m.calm.IsZero() && now.Sub(m.calm) >= calmFor
		full := last || m.owed
		go func() { f.seen <- f.lookAt(ctx, m, last, full) }()
	}
}

func (f *follower) lookAt(ctx context.Context, m *mover, last, full bool) sight {
	exposure, err := f.registry.Get(ctx, m.exposure)
	switch {
	case errors.Is(err, registry.ErrNotFound), err == nil && exposure.Binding == nil:
		return sight{mover: m, unbound: true}
	case err != nil:
		return sight{mover: m, err: err}
	}
	report, err := f.look(ctx, *exposure.Binding, full)
	return sight{mover: m, last: last, report: report, err: err}
}

// await waits until a look has ended, or it is time to see whether another may begin.
func (f *follower) await(ctx context.Context) {
	next := time.NewTimer(lookEvery / 4)
	defer next.Stop()
	select {
	case seen := <-f.seen:
		f.judge(ctx, seen)
	case <-next.C:
	case <-ctx.Done():
	}
}

// drain waits for the looks under way.
func (f *follower) drain(ctx context.Context) {
	for f.busy > 0 {
		f.judge(ctx, <-f.seen)
	}
}

// judge takes in what was seen.
func (f *follower) judge(ctx context.Context, seen sight) {
	m, now := seen.mover, f.now()
	f.busy--
	m.looking, m.waits, m.due = false, now, now.Add(lookEvery)
	if seen.err != nil {
		slog.WarnContext(ctx, "look failed", "exposure", m.exposure, "error", seen.err.Error())
	}
	if f.over(ctx, seen) {
		f.unmark(ctx, seen)
		return
	}
	m.owed = seen.report.Owed
	switch {
	case seen.report.State == targets.Busy, seen.report.State == targets.Missed, outcome.Name(seen.err) == outcome.NameThrottled:
		// Nobody has seen anything.
	case seen.err != nil || !seen.report.Calm():
		m.calm = time.Time{}
	case m.calm.IsZero():
		m.calm = now
	}
}

// over reports whether there is nothing to follow any more.
func (f *follower) over(ctx context.Context, seen sight) bool {
	if seen.unbound || seen.err == nil && (seen.report.State == targets.Stopped || seen.last && seen.report.Calm()) {
		return true
	}
	late := f.now().Sub(seen.event) >= followAtMost
	if late {
		slog.WarnContext(ctx, "still not calm: from now on every minute", "exposure", seen.exposure, "since", seen.event,
			"state", seen.report.State)
	}
	return late
}

func (f *follower) unmark(ctx context.Context, seen sight) {
	if len(seen.marks) > 0 {
		if err := f.registry.RemoveMarks(ctx, seen.marks); err != nil {
			slog.WarnContext(ctx, "not unmarked", "exposure", seen.exposure, "error", err.Error())
			return
		}
	}
	delete(f.moving, seen.exposure)
	if !seen.unbound {
		_ = f.tell(ctx, seen.exposure, seen.report, seen.err) // it is in the log
	}
}

// handOver leaves what is marked to the next event, or to the next tick that is not settled.
func (f *follower) handOver(ctx context.Context) error {
	slog.WarnContext(ctx, "the function's time is over", "marked", len(f.moving))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := f.registry.Release(ctx, registry.Following, f.holder); err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	return nil
}

func shuffled(all []string) []string {
	all = slices.Clone(all)
	mathrand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
