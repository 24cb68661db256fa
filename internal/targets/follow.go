package targets

import (
	"context"
	"errors"

	"github.com/rdslink/rdslink/internal/registry"
)

// Look is one look of the loop that follows a database that moves: it studies,
// decides and acts under the exposure's lease, where a tick is content with a
// glance. A full one goes through the load balancer, too.
func (d Deps) Look(ctx context.Context, b registry.Binding, full bool) (Report, error) {
	report, err := d.underLease(ctx, b, func(h *hold) (Report, error) { return h.pass(ctx, full) })
	d.warn(ctx, b, report)
	if _, broken := errors.AsType[*registryError](err); broken {
		report, err = d.protect(ctx, b, err)
		d.live(ctx, b, Asked{}, &report, false, false)
		return report, err
	}
	if report.State == Busy { // whoever is at it keeps what it sees
		return report, err
	}
	d.live(ctx, b, Asked{Full: full, Record: true}, &report, full, true)
	report.Owed = report.State.Good() && d.pulses.get(b.Exposure).trouble
	return report, err
}

// Calm reports whether DNS and role agree, and the target serves, whatever is
// in the way of the load balancer.
func (r Report) Calm() bool { return (r.State == Settled || r.State == Cut) && r.Available }
