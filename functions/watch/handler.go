package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/execution"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/metric"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// Input is a sweep of a schedule, or a replay of dead letters that a person asks for.
type Input struct {
	Sweep  string `json:"sweep"`
	Replay bool   `json:"replay"`
}

const sweepExposures = "exposures"

type registryAPI interface {
	Survey(ctx context.Context) ([]registry.Exposure, registry.Watch, error)
	WriteWatch(ctx context.Context, id string, before, after registry.Watch) (ok bool, err error)
}

type scheduleAPI interface {
	scheduler.ListSchedulesAPIClient
	GetSchedule(context.Context, *scheduler.GetScheduleInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error)
}

type functionAPI interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

type inspector interface {
	Inspect(ctx context.Context, exposures []registry.Exposure) []inspect.Report
}

type watcher struct {
	name       deployment.Name
	registry   registryAPI
	schedules  scheduleAPI
	executions execution.API
	functions  functionAPI
	inspector  inspector
	topic      topicAPI
	operators  arn.ARN // of their topic
	queues     queueAPI
	// deadLetters are the URLs of the queues of letters, by the function that gave up on them.
	deadLetters map[string]string
	sync        string
	patience    time.Duration
	now         func() time.Time

	memory memory
}

// memory is what a process remembers from sweep to sweep, and what another may have to find out again.
type memory struct {
	sync.Mutex
	inspected map[string]time.Time // when each exposure was looked at in detail
	nudged    map[string]time.Time
	said      map[string]string // what was published and could not be recorded
	blind     blindness
}

// What a sweep does at most. An inspection makes some eight calls for each exposure, one after the other, in about half a
// second: four of them of ELB, which allows an account about ten a second for all that it does.
const (
	inTurnPerSweep   = 48
	troubledPerSweep = 12 // beside them
	nudgedPerSweep   = 10
	sweepsPerLook    = 4
)

func (w *watcher) handle(ctx context.Context, in Input) (Replayed, error) {
	switch {
	case in.Replay:
		return w.replay(ctx)
	case in.Sweep == sweepExposures:
		return Replayed{}, w.sweep(ctx)
	}
	return Replayed{}, outcome.BadInput("watch: neither a replay nor a sweep that is known (%q)", in.Sweep)
}

// sweep judges every exposure. What goes wrong with one of them, or with a part of the sweep, is an error at its end and
// keeps nothing else from being told.
func (w *watcher) sweep(ctx context.Context) error {
	exposures, own, err := w.registry.Survey(ctx)
	if err != nil {
		return w.cannotRead(ctx, err)
	}
	w.canRead(ctx)
	schedules, listErr := w.list(ctx)
	errs := []error{listErr}
	var views []view
	for _, exposure := range exposures {
		if exposure.Unreadable == nil && !exposure.IsLink() { // a link is judged with each of the exposures that are on it
			views = append(views, view{exposure: exposure, schedule: schedules[exposure.ID], listed: listErr == nil, sync: w.sync})
		}
	}
	w.inspect(ctx, views)
	for _, v := range views {
		errs = append(errs, w.judge(ctx, v))
	}
	letters, lettersErr := w.letters(ctx, own)
	errs = append(errs, lettersErr, w.nudge(ctx, views), w.strangers(ctx, others{
		watch: own, exposures: exposures, schedules: schedules, listed: listErr == nil, letters: letters,
	}))
	if listErr == nil {
		slog.InfoContext(ctx, "watched", "exposures", len(exposures), metric.Watched.Value(w.name, 1, w.now()))
	}
	return errors.Join(errs...)
}

// list lists the schedules of exposures, by their names.
func (w *watcher) list(ctx context.Context) (map[string]*types.ScheduleSummary, error) {
	group := w.name.ScheduleGroup()
	found := map[string]*types.ScheduleSummary{}
	pages := scheduler.NewListSchedulesPaginator(w.schedules, &scheduler.ListSchedulesInput{GroupName: &group})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list schedules of %s: %w", group, err)
		}
		for _, s := range page.Schedules {
			found[aws.ToString(s.Name)] = &s
		}
	}
	return found, nil
}

// inspect has those exposures looked at in detail that are in trouble, and of the others those that have waited longest: a
// sweep's share of all, so that each has its turn once in a look period, as long as they are no more than fit into it.
func (w *watcher) inspect(ctx context.Context, views []view) {
	w.memory.Lock()
	defer w.memory.Unlock()
	now := w.now()
	var troubled, due []int
	for i, v := range views {
		waited := now.Sub(w.memory.inspected[v.exposure.ID])
		switch {
		case !v.judged():
		case v.inTrouble(now, w.patience):
			troubled = append(troubled, i)
		case waited >= lookPeriod(w.patience)-w.patience/10:
			due = append(due, i)
		}
	}
	byWait := func(a, b int) int {
		return w.memory.inspected[views[a].exposure.ID].Compare(w.memory.inspected[views[b].exposure.ID])
	}
	slices.SortStableFunc(troubled, byWait)
	slices.SortStableFunc(due, byWait)
	share := min((len(views)+sweepsPerLook-1)/sweepsPerLook, inTurnPerSweep)
	// However many are in trouble, the others have their turn, too.
	due = slices.Concat(troubled[:min(len(troubled), troubledPerSweep)], due[:min(len(due), share)])
	if len(due) == 0 {
		return
	}
	exposures := make([]registry.Exposure, len(due))
	if w.memory.inspected == nil {
		w.memory.inspected = map[string]time.Time{}
	}
	for n, i := range due {
		exposures[n] = views[i].exposure
		w.memory.inspected[exposures[n].ID] = now
	}
	for _, report := range w.inspector.Inspect(ctx, exposures) {
		if report.Err != nil {
			slog.WarnContext(ctx, "not inspected whole", "exposure", report.Exposure, "error", report.Err.Error())
		}
		for _, i := range due {
			if views[i].exposure.ID == report.Exposure {
				views[i].report = &report
			}
		}
	}
}

// judge judges one exposure, and tells what is to be told.
func (w *watcher) judge(ctx context.Context, v view) error {
	if v.exposure.Removing != "" {
		return nil
	}
	now := w.now()
	verdict := judge(v, now, w.patience)
	verdict.troubles = slices.DeleteFunc(verdict.troubles, func(t trouble) bool { return w.passing(ctx, v, t) })
	var before registry.Watch
	if v.exposure.Watch != nil {
		before = *v.exposure.Watch
	}
	after, fresh, over := verdict.next(before, now)
	var messages []told
	for _, t := range fresh {
		messages = append(messages, w.message(v.exposure, t))
	}
	if len(over) > 0 {
		messages = append(messages, w.wellAgain(v.exposure, before, after, over))
	}
	return w.tell(ctx, v.exposure.ID, before, after, messages)
}

// passing says whether a trouble that is about to be told is only what an execution is working on. What cannot be found out
// is told.
func (w *watcher) passing(ctx context.Context, v view, t trouble) bool {
	if t.kind != unfollowed && t.kind != drift && t.kind != unadmitted {
		return false
	}
	if watch := v.exposure.Watch; watch != nil {
		if _, told := watch.Told[t.key]; told {
			return false
		}
	}
	if v.exposure.Claim != "" {
		runs, err := execution.Running(ctx, w.executions, v.exposure.Claim)
		if err != nil {
			slog.WarnContext(ctx, "not known whether an execution runs", "exposure", v.exposure.ID, "error", err.Error())
		}
		if runs {
			return true
		}
	}
	// The execution may have made the schedule since the list, and ended.
	return t.kind == unfollowed && v.schedule == nil && w.hasSchedule(ctx, v.exposure.ID)
}

func (w *watcher) hasSchedule(ctx context.Context, id string) bool {
	group := w.name.ScheduleGroup()
	_, err := w.schedules.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &id, GroupName: &group})
	return err == nil
}

// nudge has ip-sync look at those exposures of which there is no good sign, the ones that have waited longest first. It says
// nothing of itself: what it finds it records.
func (w *watcher) nudge(ctx context.Context, views []view) error {
	w.memory.Lock()
	defer w.memory.Unlock()
	now := w.now()
	var ids []string
	for _, v := range views {
		needs := !v.exposure.Life.Bad.IsZero() || v.overdue(now, w.patience) || v.listed && v.schedule == nil
		if needs && v.judged() && v.exposure.Binding != nil {
			ids = append(ids, v.exposure.ID)
		}
	}
	slices.SortStableFunc(ids, func(a, b string) int {
		return cmp.Or(w.memory.nudged[a].Compare(w.memory.nudged[b]), cmp.Compare(a, b))
	})
	if w.memory.nudged == nil {
		w.memory.nudged = map[string]time.Time{}
	}
	if ids = ids[:min(len(ids), nudgedPerSweep)]; len(ids) == 0 {
		return nil
	}
	for _, id := range ids {
		w.memory.nudged[id] = now
	}
	// One invocation looks at them one after the other. One for each would take all that a small account may run, and leave
	// nothing to the resolvers that they need.
	payload, err := json.Marshal(map[string]any{"exposures": ids, "full": true})
	if err == nil {
		_, err = w.functions.Invoke(ctx, &lambda.InvokeInput{
			FunctionName: &w.sync, InvocationType: lambdatypes.InvocationTypeEvent, Payload: payload,
		})
	}
	if err != nil {
		return fmt.Errorf("invoke %s for exposures %s: %w", w.sync, strings.Join(ids, ", "), err)
	}
	return nil
}
