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

type syncFunc func(context.Context, registry.Binding) (targets.Report, error)

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
		return s.run(ctx, s.sync, in.Binding)
	case in.Exposure != "":
		return s.recorded(ctx, in.Exposure)
	}
	return outcome.BadInput("neither a binding nor an exposure nor an RDS event")
}

// event follows every exposure of the databases that RDS speaks of. Most databases of an account have none.
func (s ipSync) event(ctx context.Context, in input) error {
	if in.Detail.SourceARN == "" {
		return outcome.BadInput("RDS event %q names no source", in.Detail.EventID)
	}
	found, err := s.exposuresOf(ctx, in.Detail.SourceARN)
	if err != nil {
		return err
	}
	errs := make([]error, len(found))
	var loops sync.WaitGroup
	for i, exposure := range found {
		loops.Go(func() {
			slog.InfoContext(ctx, "database moves", "exposure", exposure.ID, "event", in.Detail.EventID)
			errs[i] = s.runRecorded(ctx, s.follow, exposure)
		})
	}
	loops.Wait()
	return errors.Join(errs...)
}

// exposuresOf looks for what the source stands for only when it is not exposed itself: a member of a cluster may be younger
// than the exposure, and a blue/green deployment is none.
func (s ipSync) exposuresOf(ctx context.Context, sourceARN string) ([]registry.Exposure, error) {
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
		if err != nil {
			return nil, err
		}
		found = append(found, exposures...)
	}
	return found, nil
}

func (s ipSync) recorded(ctx context.Context, id string) error {
	exposure, err := s.registry.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.runRecorded(ctx, s.sync, exposure)
}

// runRecorded passes over an exposure without a binding: its target group does not exist yet.
func (s ipSync) runRecorded(ctx context.Context, f syncFunc, exposure registry.Exposure) error {
	if exposure.Binding == nil {
		return nil
	}
	return s.run(ctx, f, *exposure.Binding)
}

// run is silent about a steady tick, but for its metric: there are 43,000 of them a month. A throttled tick is skipped: the
// next one comes in a minute, and what alarms is the age of the last good sync.
func (s ipSync) run(ctx context.Context, f syncFunc, b registry.Binding) error {
	report, err := f(ctx, b)
	s.measure(ctx, b.Exposure, report)
	switch {
	case outcome.Name(err) == outcome.NameThrottled:
		slog.WarnContext(ctx, "sync skipped", "exposure", b.Exposure, "error", err.Error())
		return nil
	case err != nil:
		slog.ErrorContext(ctx, "sync failed", "exposure", b.Exposure, "error", err.Error())
		return err
	case report.State != targets.Settled:
		slog.InfoContext(ctx, "sync not settled", "exposure", b.Exposure, "state", report.State, "address", report.Address,
			"detail", report.Detail)
	}
	return nil
}

// measure tells how long ago the last good sync was.
func (s ipSync) measure(ctx context.Context, exposure string, report targets.Report) {
	good := report.State == targets.Settled || report.State == targets.Stopped
	if !good && report.FailingSince.IsZero() {
		return
	}
	age := 0.0
	if !good {
		age = s.now().Sub(report.FailingSince).Seconds()
	}
	slog.InfoContext(ctx, "synced", "exposure", exposure, "address", report.Address, metric.SyncAge.Value(s.name, age, s.now()))
}
