package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/registry"
)

func (w *world) sweep(t *testing.T, p *watcher) error {
	t.Helper()
	_, err := p.handle(t.Context(), Input{Sweep: sweepExposures})
	return err
}

func (w *world) hears(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(w.said, want) {
		t.Errorf("operators heard %q, want %q", w.said, want)
	}
}

func unserve(v view) view {
	bad(-time.Minute, -30*time.Second)(&v)
	v.exposure.Life.Good = noon.Add(-6 * time.Minute)
	v.exposure.Life.Bad = noon.Add(-5 * time.Minute)
	return v
}

func TestASteadySweepWritesAndSaysNothing(t *testing.T) {
	w := newWorld(finished(), named("billing", finished()))
	if err := w.sweep(t, w.process()); err != nil {
		t.Fatal(err)
	}
	w.hears(t)
	if w.writes != 0 || len(w.invoked) != 0 {
		t.Errorf("%d writes, invoked %q", w.writes, w.invoked)
	}
}

func TestEachExposureIsToldOfByItselfAndOnce(t *testing.T) {
	w := newWorld(unserve(finished()), finished2("billing"))
	p := w.process()
	for range 3 {
		if err := w.sweep(t, p); err != nil {
			t.Fatal(err)
		}
	}
	w.hears(t, "rdslink: not served: orders")
	w.exposures["billing"].Life = w.exposures["orders"].Life
	if err := w.sweep(t, w.process()); err != nil { // a process that remembers nothing
		t.Fatal(err)
	}
	w.exposures["orders"].Life = finished().exposure.Life
	if err := w.sweep(t, p); err != nil {
		t.Fatal(err)
	}
	if err := w.sweep(t, p); err != nil {
		t.Fatal(err)
	}
	w.hears(t, "rdslink: not served: orders", "rdslink: not served: billing", "rdslink: well again: orders")
}

func finished2(id string) view { return named(id, finished()) }

func TestTwoSweepsAtOnceTellOnce(t *testing.T) {
	w := newWorld(unserve(finished()))
	w.publish = func() {
		w.publish = nil
		if err := w.sweep(t, w.process()); err != nil {
			t.Error(err)
		}
	}
	if err := w.sweep(t, w.process()); err != nil {
		t.Fatal(err)
	}
	w.hears(t, "rdslink: not served: orders")
}

func TestWhatCouldNotBeSentComesWithTheNextSweep(t *testing.T) {
	w := newWorld(unserve(finished()))
	w.publishError = errors.New("throttled")
	if err := w.sweep(t, w.process()); err == nil {
		t.Error("no error")
	}
	w.publishError = nil
	for range 2 {
		if err := w.sweep(t, w.process()); err != nil {
			t.Fatal(err)
		}
	}
	w.hears(t, "rdslink: not served: orders")
}

// A process that dies after it has said that it tells leaves the message to another.
func TestAProcessThatDiesWhileItTellsIsSucceeded(t *testing.T) {
	v := unserve(finished())
	v.exposure.Watch = &registry.Watch{Version: 1, Telling: noon.Add(telling)}
	w := newWorld(v)
	if err := w.sweep(t, w.process()); err != nil {
		t.Fatal(err)
	}
	w.hears(t)
	w.clock = noon.Add(telling)
	if err := w.sweep(t, w.process()); err != nil {
		t.Fatal(err)
	}
	w.hears(t, "rdslink: not served: orders")
}

func TestWhatCannotBeRecordedIsToldAllTheSameAndOnceByAProcess(t *testing.T) {
	w := newWorld(unserve(finished()))
	w.writeError = errors.New("access denied")
	p := w.process()
	for range 3 {
		if err := w.sweep(t, p); err == nil {
			t.Error("no error")
		}
	}
	w.writeError = nil
	if err := w.sweep(t, p); err != nil {
		t.Fatal(err)
	}
	w.hears(t, "rdslink: not served: orders")
	if told := w.exposures["orders"].Watch.Told; len(told) != 1 {
		t.Errorf("recorded is %v", told)
	}
}

func TestARegistryThatCannotBeReadIsToldOnceForTheStack(t *testing.T) {
	w := newWorld(unserve(finished()))
	w.readError = errors.New("the key is disabled")
	p := w.process()
	var failed int
	for range 10 {
		if w.sweep(t, p) != nil {
			failed++
		}
		w.clock = w.clock.Add(time.Minute)
	}
	if failed != 2 {
		t.Errorf("%d sweeps failed: the alarm on three is to stay quiet when the operators have been told", failed)
	}
	w.hears(t, "rdslink: nothing is watched: rdslink")
	if !strings.Contains(w.texts[0], "the key is disabled") {
		t.Errorf("the message does not say why: %s", w.texts[0])
	}
	w.readError = nil
	for range 2 {
		if err := w.sweep(t, p); err != nil {
			t.Fatal(err)
		}
	}
	w.hears(t, "rdslink: nothing is watched: rdslink", "rdslink: watched again: rdslink", "rdslink: not served: orders")
}

func TestARegistryThatCannotBeReadAndCannotBeToldIsAnErrorAsLongAsItLasts(t *testing.T) {
	w := newWorld()
	w.readError, w.publishError = errors.New("no"), errors.New("nor this")
	p := w.process()
	for range 10 {
		if w.sweep(t, p) == nil {
			t.Fatal("no error, and nobody was told")
		}
		w.clock = w.clock.Add(time.Minute)
	}
}

func TestOneThatCannotBeReadHindersNoOther(t *testing.T) {
	w := newWorld(unserve(finished()))
	w.exposures["broken"] = &registry.Exposure{ID: "broken", Unreadable: errors.New("decode exposure: no")}
	w.schedules["lost"] = ticking("lost")
	w.schedules["broken"] = ticking("broken")
	p := w.process()
	for range 3 {
		if err := w.sweep(t, p); err != nil {
			t.Fatal(err)
		}
		w.clock = w.clock.Add(time.Minute)
	}
	w.hears(t, "rdslink: not served: orders", "rdslink: unreadable in the registry: broken")
	for _, want := range []string{"decode exposure: no", "The schedule lost goes on", "delete-schedule --region eu-central-1 --group-name rdslink --name lost"} {
		if !strings.Contains(w.texts[1], want) {
			t.Errorf("the message does not say %q: %s", want, w.texts[1])
		}
	}
	delete(w.schedules, "lost")
	if err := w.sweep(t, p); err != nil {
		t.Fatal(err)
	}
	w.hears(t, "rdslink: not served: orders", "rdslink: unreadable in the registry: broken", "rdslink: well again: lost")
}

func TestSchedulesThatCannotBeListedHinderNoJudgement(t *testing.T) {
	w := newWorld(unserve(finished()))
	w.listError = errors.New("throttled")
	if err := w.sweep(t, w.process()); err == nil {
		t.Error("no error")
	}
	w.hears(t, "rdslink: not served: orders")
}

func TestWhatAnExecutionWorksOnIsNotTold(t *testing.T) {
	gone := finished()
	gone.schedule = nil
	w := newWorld(gone)
	w.reports["orders"] = inspect.Report{Drift: []inspect.Finding{{Key: "tags"}}}
	w.runs = true
	p := w.process()
	for range 3 {
		if err := w.sweep(t, p); err != nil {
			t.Fatal(err)
		}
		w.clock = w.clock.Add(time.Minute)
	}
	w.hears(t)
	w.runs = false
	if err := w.sweep(t, p); err != nil {
		t.Fatal(err)
	}
	w.hears(t, "rdslink: nobody follows the database: orders")
	if want := "not as it was made"; !strings.Contains(w.texts[0], "is not as it was made") {
		t.Errorf("the message does not say %q: %s", want, w.texts[0])
	}
	w.runs = true // started again: over is what the schedule ends
	if err := w.sweep(t, p); err != nil {
		t.Fatal(err)
	}
	w.hears(t, "rdslink: nobody follows the database: orders")
}

// An execution that has ended between the list and the question whether it runs has made the schedule.
func TestAScheduleThatWasMadeMeanwhileIsNotMissed(t *testing.T) {
	w := newWorld(finished())
	list := w.schedules
	w.schedules = map[string]*types.ScheduleSummary{}
	p := w.process()
	p.schedules = &lagging{world: w, real: list}
	if err := w.sweep(t, p); err != nil {
		t.Fatal(err)
	}
	w.hears(t)
}

type lagging struct {
	*world
	real map[string]*types.ScheduleSummary
}

func (l *lagging) GetSchedule(ctx context.Context, in *scheduler.GetScheduleInput, o ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error) {
	l.schedules = l.real
	return l.world.GetSchedule(ctx, in, o...)
}

func TestEachIsInspectedInItsTurnAndAtOnceInTrouble(t *testing.T) {
	for _, exposures := range []int{1, 5, 60, 192} {
		t.Run(fmt.Sprint(exposures), func(t *testing.T) { inspectedInTurn(t, exposures) })
	}
}

// inspectedInTurn plays a look period: each exposure is inspected in it, one in trouble by each sweep, and no sweep does
// much more than another.
func inspectedInTurn(t *testing.T, exposures int) {
	var views []view
	for i := range exposures {
		views = append(views, finished2(fmt.Sprintf("e%02d", i)))
	}
	w := newWorld(views...)
	p := w.process()
	for range sweepsPerLook {
		for _, e := range w.exposures {
			e.Life.Looked, e.Life.Ticked = w.clock, w.clock
		}
		w.exposures["e00"].Life.Bad, w.exposures["e00"].Life.Good = w.clock, w.clock
		before := len(w.inspected)
		if err := w.sweep(t, p); err != nil {
			t.Fatal(err)
		}
		if most := 1 + (exposures+sweepsPerLook-1)/sweepsPerLook; len(w.inspected)-before > most {
			t.Errorf("a sweep inspects %d", len(w.inspected)-before)
		}
		w.clock = w.clock.Add(time.Minute)
	}
	count := map[string]int{}
	for _, id := range w.inspected {
		count[id]++
	}
	for id := range w.exposures {
		want := 1
		if id == "e00" {
			want = sweepsPerLook
		}
		if count[id] < want {
			t.Errorf("%s was inspected %d times", id, count[id])
		}
	}
}

func TestNudges(t *testing.T) {
	well, late, ill, gone, young := finished(), finished2("late"), finished2("ill"), finished2("gone"), finished2("young")
	late.exposure.Life.Looked = noon.Add(-4 * time.Minute)
	ill.exposure.Life.Bad = noon
	gone.schedule = nil
	unfinished("pendingAcceptance")(&young)
	w := newWorld(well, late, ill, gone, young)
	if err := w.sweep(t, w.process()); err != nil {
		t.Fatal(err)
	}
	if got, want := w.nudged(), []string{"gone", "ill", "late"}; !slices.Equal(got, want) {
		t.Errorf("nudged are %q, want %q", got, want)
	}
}

// What does not fit into a sweep comes in the next, and nobody twice before another once.
func TestNudgesAreBoundedAndStarveNobody(t *testing.T) {
	var views []view
	for i := range 25 {
		v := finished2(fmt.Sprintf("e%02d", i))
		v.exposure.Life.Bad = noon
		views = append(views, v)
	}
	w := newWorld(views...)
	p := w.process()
	for i := range 3 {
		if err := w.sweep(t, p); err != nil {
			t.Fatal(err)
		}
		if got := len(w.nudged()); got != (i+1)*nudgedPerSweep || len(w.invoked) != i+1 {
			t.Errorf("%d nudges in %d invocations after %d sweeps", got, len(w.invoked), i+1)
		}
		w.clock = w.clock.Add(time.Minute)
	}
	seen := map[string]bool{}
	for _, id := range w.nudged()[:25] {
		seen[id] = true
	}
	if len(seen) != 25 {
		t.Errorf("%d of 25 were nudged", len(seen))
	}
}

const decided = `{"id":"e1","detail-type":"ConnectionDecision","detail":{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"accept","by":"olga"}}`

func TestLettersAreToldOnceAndReplayedByTheirOwnBody(t *testing.T) {
	w := newWorld()
	w.letter("observer", "m0", `{"sweep":"awaited"}`)
	w.letter("decision", "m1", decided)
	p := w.process()
	for range 3 {
		if err := w.sweep(t, p); err != nil {
			t.Fatal(err)
		}
		w.clock = w.clock.Add(time.Minute)
	}
	w.hears(t, "rdslink: given up on: events of rdslink")
	for _, want := range []string{`rdslink-decision gave up on the decision "accept" about exposure "orders", endpoint "vpce-1", by "olga"`, `"not authorized"`, "make replay\n"} {
		if !strings.Contains(w.texts[0], want) {
			t.Errorf("the message does not say %s: %s", want, w.texts[0])
		}
	}
	if len(w.queues["observer"]) != 0 {
		t.Error("the letter of a sweep is kept")
	}
	w.letter("decision", "m2", decided)
	if err := w.sweep(t, w.process()); err != nil {
		t.Fatal(err)
	}
	w.hears(t, "rdslink: given up on: events of rdslink", "rdslink: given up on: events of rdslink")

	w.invokeError = errors.New("throttled")
	if done, err := p.handle(t.Context(), Input{Replay: true}); err != nil || len(done.Failed) != 2 || len(w.queues["decision"]) != 2 {
		t.Errorf("replay: %v, %v, left %d", done, err, len(w.queues["decision"]))
	}
	w.invokeError = nil
	w.clock = w.clock.Add(time.Minute)
	for range 2 {
		if _, err := p.handle(t.Context(), Input{Replay: true}); err != nil {
			t.Fatal(err)
		}
	}
	if want := "rdslink-decision Event " + decided; !slices.Equal(w.invoked, []string{want, want}) || len(w.queues["decision"]) != 0 {
		t.Errorf("replayed are %q, left %d", w.invoked, len(w.queues["decision"]))
	}
}

func TestManyLettersAreAllTold(t *testing.T) {
	w := newWorld()
	for i := range 35 {
		w.letter("decision", fmt.Sprint("m", i), strings.Replace(decided, "vpce-1", fmt.Sprint("vpce-", i), 1))
	}
	p := w.process()
	for range 2 {
		if err := w.sweep(t, p); err != nil {
			t.Fatal(err)
		}
	}
	w.hears(t, "rdslink: given up on: events of rdslink")
	for i := range 35 {
		if want := fmt.Sprintf(`"vpce-%d"`, i); !strings.Contains(w.texts[0], want) {
			t.Errorf("the message does not name %s", want)
		}
	}
}

// What is remembered of letters does not grow for ever, and ends when the queues forget them.
func TestLettersAreForgotten(t *testing.T) {
	w := newWorld()
	w.own.Told = map[string]registry.Tale{"letter/old": {At: noon.Add(-lettersKept)}, "letter/new": {At: noon.Add(-lettersKept + time.Hour)}}
	if err := w.sweep(t, w.process()); err != nil {
		t.Fatal(err)
	}
	w.hears(t)
	if len(w.own.Told) != 1 {
		t.Errorf("remembered are %v", w.own.Told)
	}
	w.own.Told = map[string]registry.Tale{}
	for i := range lettersTold {
		w.own.Told[fmt.Sprint("letter/", i)] = registry.Tale{At: noon}
	}
	w.letter("decision", "one-more", decided)
	if err := w.sweep(t, w.process()); err != nil {
		t.Fatal(err)
	}
	if len(w.own.Told) != lettersTold {
		t.Errorf("%d letters are remembered", len(w.own.Told))
	}
}

func TestWhatTheWatchDoesNotUnderstandIsAnError(t *testing.T) {
	w := newWorld(unserve(finished()))
	for _, in := range []Input{{}, {Sweep: "all"}} {
		if _, err := w.process().handle(t.Context(), in); err == nil {
			t.Errorf("%v: no error", in)
		}
	}
	w.hears(t)

}
