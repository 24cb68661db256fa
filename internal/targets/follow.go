package targets

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/rdslink/rdslink/internal/registry"
)

const (
	followEvery  = 2 * time.Second
	followAtMost = 6 * time.Minute
	// followMargin is what is left of the function's time to release the lease
	// and to report.
	followMargin = 15 * time.Second
	// calmFor is how long all must be well before a failover counts as over: RDS
	// announces one before DNS moves, whose records live 5 s.
	calmFor = 20 * time.Second
)

// Follow syncs again and again, under one lease, until the database is
// available, DNS points to it, and its target has been healthy for a while. It
// is what an RDS event starts, and the one place that waits inside a function.
func (d Deps) Follow(ctx context.Context, b registry.Binding) (Report, error) {
	begun := d.now()
	end := begun.Add(followAtMost)
	if deadline, ok := ctx.Deadline(); ok && deadline.Add(-followMargin).Before(end) {
		end = deadline.Add(-followMargin)
	}
	for {
		report, err := d.underLease(ctx, b, func(h *hold) (Report, error) { return h.follow(ctx, begun, end) })
		d.warn(ctx, b, report)
		if _, broken := errors.AsType[*registryError](err); broken {
			report, err = d.protect(ctx, b, err)
			d.live(ctx, b, Asked{}, &report, false, false)
			return report, err
		}
		// A minute's tick holds the lease for seconds, and a loop that an earlier
		// event started may end before this event's change shows: wait for both.
		if err != nil || report.State != Busy || !pause(ctx, d, end) {
			return report, err
		}
	}
}

// follow looks until all has been calm since the event for long enough. One failover has several events: a loop that had to
// wait for another's lease finds that what its own event announced has had its time to show, and is over after a look. The
// last look is a full one: what the failover moved is proven as consumers use it.
func (h *hold) follow(ctx context.Context, event, end time.Time) (Report, error) {
	calmSince, owed := event, false
	for {
		last := !calmSince.IsZero() && h.now().Sub(calmSince) >= calmFor
		report, err := h.pass(ctx, last || owed)
		if err != nil {
			slog.WarnContext(ctx, "sync pass failed", "exposure", h.binding.Exposure, "error", err.Error())
		}
		h.live(ctx, h.binding, Asked{Full: last, Record: true}, &report, last || owed, true)
		switch {
		case err == nil && (report.State == Stopped || last && report.calm()):
			return report, nil
		case err != nil || !report.calm():
			calmSince = time.Time{}
		case calmSince.IsZero():
			calmSince = h.now()
		}
		owed = report.State.Good() && h.pulses.get(h.binding.Exposure).trouble // which nothing else ends
		if !pause(ctx, h.Deps, end) {
			return report, err
		}
		if err := h.keep(ctx); errors.Is(err, errLeaseLost) {
			return Report{State: Busy, Detail: err.Error()}, nil
		} else if err != nil {
			return report, err
		}
	}
}

// calm: DNS and role agree, and the target serves, whatever is in the way of the load balancer.
func (r Report) calm() bool { return (r.State == Settled || r.State == Cut) && r.Available }

// keep renews the lease while a pass still fits into it.
func (h *hold) keep(ctx context.Context) error {
	if h.left() > leaseTime/4 {
		return nil
	}
	return h.renew(ctx)
}

// pause waits for the next pass, and reports whether there is time for one.
func pause(ctx context.Context, d Deps, end time.Time) bool {
	if d.now().Add(followEvery).After(end) {
		return false
	}
	timer := time.NewTimer(followEvery)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
