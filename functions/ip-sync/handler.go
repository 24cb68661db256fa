package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/metric"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/targets"
)

// input is one of three: a binding (a schedule's tick), an exposure's id alone (the observer's tick, while the exposure has
// no schedule yet), or an RDS event. Unknown fields are no error: EventBridge sends many.
type input struct {
	registry.Binding
	Full   bool   `json:"full"` // with an exposure's id: through each node of the load balancer, too
	Source string `json:"source"`
	Detail struct {
		EventID   string `json:"EventID"`
		SourceARN string `json:"SourceArn"`
	} `json:"detail"`
}

type exposures interface {
	Get(ctx context.Context, id string) (registry.Exposure, error)
	ByDatabase(ctx context.Context, databaseARN string) ([]registry.Exposure, error)
}

type syncFunc func(context.Context, registry.Binding, targets.Asked) (targets.Report, error)

type ipSync struct {
	name     deployment.Name
	registry exposures
	meant    func(ctx context.Context, sourceARN string) (databaseARNs []string, err error) // beside an event's source itself
	sync     syncFunc                                                                       // one tick
	follow   syncFunc                                                                       // a loop, until a failover is over
	now      func() time.Time
}

func (s ipSync) handle(ctx context.Context, in input) error {
	switch {
	case in.Source == "aws.rds":
		return s.event(ctx, in)
	case in.TargetGroupARN != "":
		return s.run(ctx, s.sync, in.Binding, targets.Asked{Tick: true, Record: true})
	case in.Exposure != "":
		return s.recorded(ctx, in.Exposure, in.Full)
	}
	return outcome.BadInput("neither a binding nor an exposure nor an RDS event")
}

// event follows every exposure of the databases that RDS speaks of. Most databases of an account have none. Those that are
// found are followed, whatever hinders others.
func (s ipSync) event(ctx context.Context, in input) error {
	if in.Detail.SourceARN == "" {
		return outcome.BadInput("RDS event %q names no source", in.Detail.EventID)
	}
	found, err := s.exposuresOf(ctx, in.Detail.SourceARN)
	errs := make([]error, len(found), len(found)+1)
	var loops sync.WaitGroup
	for i, exposure := range found {
		loops.Go(func() {
			slog.InfoContext(ctx, "database moves", "exposure", exposure.ID, "event", in.Detail.EventID)
			errs[i] = s.runRecorded(ctx, s.follow, exposure, false)
		})
	}
	loops.Wait()
	return errors.Join(append(errs, err)...)
}

// exposuresOf looks for what the source stands for only when it is not exposed itself: a member of a cluster may be younger
// than the exposure, and a blue/green deployment is none.
func (s ipSync) exposuresOf(ctx context.Context, sourceARN string) (found []registry.Exposure, unread error) {
	found, err := s.registry.ByDatabase(ctx, sourceARN)
	if err != nil || len(found) > 0 {
		return found, err
	}
	databases, err := s.meant(ctx, sourceARN)
	if err != nil {
		return nil, err
	}
	for _, database := range databases {
		exposures, err := s.registry.ByDatabase(ctx, database)
		found, unread = append(found, exposures...), errors.Join(unread, err)
	}
	return found, unread
}

func (s ipSync) recorded(ctx context.Context, id string, full bool) error {
	exposure, err := s.registry.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.runRecorded(ctx, s.sync, exposure, full)
}

// runRecorded passes over an exposure without a binding: its target group does not exist yet.
func (s ipSync) runRecorded(ctx context.Context, f syncFunc, exposure registry.Exposure, full bool) error {
	if exposure.Binding == nil {
		return nil
	}
	return s.run(ctx, f, *exposure.Binding, targets.Asked{Full: full, Record: true})
}

// run is silent about a steady tick, but for its metric: there are 43,000 of them a month. A look that AWS asked to put off
// is skipped: the next tick comes in a minute. What failed has been judged, and is recorded or at least told by its age: it
// is no error of the function, whose alarm is for what nobody would hear of otherwise.
func (s ipSync) run(ctx context.Context, f syncFunc, b registry.Binding, asked targets.Asked) error {
	report, err := f(ctx, b, asked)
	told := s.measure(ctx, b.Exposure, report)
	switch {
	case report.State == targets.Missed:
		slog.WarnContext(ctx, "sync skipped", "exposure", b.Exposure, "detail", report.Detail)
	case err != nil:
		slog.ErrorContext(ctx, "sync failed", "exposure", b.Exposure, "state", report.State, "error", err.Error())
	case report.State != targets.Settled:
		slog.InfoContext(ctx, "sync not settled", "exposure", b.Exposure, "state", report.State, "address", report.Address,
			"detail", report.Detail)
	}
	if told {
		return nil
	}
	return err
}

// measure tells how long ago the last good sync was, if anybody knows.
func (s ipSync) measure(ctx context.Context, exposure string, report targets.Report) (told bool) {
	age := 0.0
	switch {
	case report.State.Good():
	case report.Since.IsZero():
		return false
	default:
		age = s.now().Sub(report.Since).Seconds()
	}
	slog.InfoContext(ctx, "synced", "exposure", exposure, "address", report.Address, metric.SyncAge.Value(s.name, age, s.now()))
	return true
}
