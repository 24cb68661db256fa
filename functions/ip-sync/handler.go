package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/metric"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/targets"
)

// input is one of four: a binding (a schedule's tick), an exposure's id alone (somebody wants to know), the ids of several
// (the observer's tick, while they have no schedules yet; those that the watch has doubts about), or an RDS event. Unknown
// fields are no error: EventBridge sends many.
type input struct {
	registry.Binding
	Full      bool     `json:"full"` // with ids: through each node of the load balancer, too
	Exposures []string `json:"exposures"`
	Source    string   `json:"source"`
	Detail    struct {
		EventID   string `json:"EventID"`
		SourceARN string `json:"SourceArn"`
	} `json:"detail"`
}

type exposures interface {
	Get(ctx context.Context, id string) (registry.Exposure, error)
	ByDatabase(ctx context.Context, databaseARN string) ([]registry.Exposure, error)
}

type ipSync struct {
	name     deployment.Name
	registry following
	meant    func(ctx context.Context, sourceARN string) (databaseARNs []string, err error) // beside an event's source itself
	sync     func(context.Context, registry.Binding, targets.Asked) (targets.Report, error) // one tick
	look     look
	now      func() time.Time
}

func (s ipSync) handle(ctx context.Context, in input) error {
	switch {
	case in.Source == "aws.rds":
		return s.event(ctx, in)
	case in.TargetGroupARN != "":
		return s.tick(ctx, in.Binding)
	case in.Exposure != "":
		return s.recorded(ctx, in.Exposure, in.Full)
	case len(in.Exposures) > 0:
		return s.several(ctx, in.Exposures, in.Full)
	}
	return outcome.BadInput("neither a binding nor exposures nor an RDS event")
}

// event marks every exposure of the databases that RDS speaks of, and follows what is marked unless somebody does. Most
// databases of an account have no exposure. Those that are found are marked, whatever hinders others.
func (s ipSync) event(ctx context.Context, in input) error {
	if in.Detail.SourceARN == "" {
		return outcome.BadInput("RDS event %q names no source", in.Detail.EventID)
	}
	found, unread := s.exposuresOf(ctx, in.Detail.SourceARN)
	var marks []registry.Mark
	bindings := map[string]registry.Binding{}
	for _, exposure := range found {
		if exposure.Binding == nil {
			continue // its target group does not exist yet
		}
		slog.InfoContext(ctx, "database moves", "exposure", exposure.ID, "event", in.Detail.EventID)
		marks = append(marks, registry.Mark{Exposure: exposure.ID, Since: s.now()})
		bindings[exposure.ID] = *exposure.Binding
	}
	if len(marks) == 0 {
		return unread
	}
	if err := s.registry.AddMarks(ctx, marks); err != nil {
		// Nobody can follow. The ticks do, which need no registry, and begin now.
		for id, binding := range bindings {
			report, err := s.look(ctx, binding, false)
			_ = s.tell(ctx, id, report, err) // it is in the log
		}
		return errors.Join(unread, err)
	}
	return errors.Join(unread, s.followAll(ctx))
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

// tick syncs. One that is not settled sees to it that what is marked is followed.
func (s ipSync) tick(ctx context.Context, b registry.Binding) error {
	good, err := s.run(ctx, b, targets.Asked{Tick: true, Record: true})
	if !good {
		s.resume(ctx)
	}
	return err
}

// recorded passes over an exposure without a binding: its target group does not exist yet.
func (s ipSync) recorded(ctx context.Context, id string, full bool) error {
	exposure, err := s.registry.Get(ctx, id)
	if err != nil || exposure.Binding == nil {
		return err
	}
	_, err = s.run(ctx, *exposure.Binding, targets.Asked{Full: full, Record: true})
	return err
}

// several syncs one after the other, so that it takes no more than two of the functions that the account may run, within the
// minute until somebody asks again. Whom there is no time for is left to chance, so that nobody always is. What is marked is
// left to whoever follows it.
func (s ipSync) several(ctx context.Context, ids []string, full bool) error {
	end := s.now().Add(time.Minute - slowLook)
	marks, unread := s.registry.Marks(ctx)
	errs := []error{unread}
	ids = slices.DeleteFunc(shuffled(ids), func(id string) bool {
		return slices.ContainsFunc(marks, func(m registry.Mark) bool { return m.Exposure == id })
	})
	for i, id := range ids {
		if s.now().After(end) {
			slog.WarnContext(ctx, "sync left to the next minute", "exposures", len(ids)-i, "of", len(ids))
			break
		}
		errs = append(errs, s.recorded(ctx, id, full))
	}
	if len(marks) > 0 {
		s.resume(ctx)
	}
	return errors.Join(errs...)
}

func (s ipSync) run(ctx context.Context, b registry.Binding, asked targets.Asked) (good bool, err error) {
	report, err := s.sync(ctx, b, asked)
	return report.State.Good(), s.tell(ctx, b.Exposure, report, err)
}

// tell is silent about a steady tick, but for its metric: there are 43,000 of them a month. A look that AWS asked to put off
// is skipped: the next tick comes in a minute. What failed has been judged, and is recorded or at least told by its age: it
// is no error of the function, whose alarm is for what nobody would hear of otherwise.
func (s ipSync) tell(ctx context.Context, exposure string, report targets.Report, err error) error {
	told := s.measure(ctx, exposure, report)
	switch {
	case report.State == targets.Missed:
		slog.WarnContext(ctx, "sync skipped", "exposure", exposure, "detail", report.Detail)
	case err != nil:
		slog.ErrorContext(ctx, "sync failed", "exposure", exposure, "state", report.State, "error", err.Error())
	case report.State != targets.Settled:
		slog.InfoContext(ctx, "sync not settled", "exposure", exposure, "state", report.State, "address", report.Address,
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
