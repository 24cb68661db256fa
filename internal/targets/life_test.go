package targets

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
)

// An exposure that is steady for two hours makes two calls a tick, and one write more in four ticks.
func TestASteadyExposureLeavesASignInFourTicks(t *testing.T) {
	c := newClient(steadyWorld())
	var signs []int
	for tick := range 120 {
		c.calls = nil
		if report, err := c.sync(); err != nil || report.State != Settled {
			t.Fatalf("tick %d: %+v, %v", tick, report, err)
		}
		switch calls := strings.Join(c.calls, " "); calls {
		case "DescribeTargetHealth Invoke":
		case "DescribeTargetHealth Invoke RecordLife":
			signs = append(signs, tick)
			if want := (registry.Life{
				Looked: c.now, Ticked: c.now, Good: c.now, State: "settled", Path: []registry.Passage{{Node: nodeA, Result: "served"}, {Node: nodeB, Result: "served"}},
				Proven: c.now,
			}); fmt.Sprint(c.life) != fmt.Sprint(want) {
				t.Errorf("recorded\n%+v, want\n%+v", c.life, want)
			}
		default:
			t.Fatalf("tick %d makes the calls %s", tick, calls)
		}
		c.now = c.now.Add(time.Minute + time.Duration(tick%5-2)*2*time.Second) // schedules are not exact
		c.record()
	}
	if len(signs) != 30 {
		t.Errorf("%d signs in 120 ticks: %v", len(signs), signs)
	}
	for i := 1; i < len(signs); i++ {
		if signs[i]-signs[i-1] != 4 {
			t.Errorf("signs at %v: two of them are not four ticks apart", signs)
		}
	}
}

// Where ticks of one exposure go to processes as it comes, each of them goes by the slot.
func TestProcessesThatTakeTurnsLeaveASignInTheSlot(t *testing.T) {
	c := newClient(steadyWorld())
	processes := []*pulses{newPulses(), newPulses(), newPulses()}
	for _, p := range processes { // none is new
		p.change(binding.Exposure, func(p *pulse) { p.looked = noon.Add(-time.Hour) })
	}
	for tick := range 120 {
		c.process = processes[tick*7%3]
		_, _ = c.sync()
		c.now = c.now.Add(time.Minute)
		c.record()
	}
	if signs := len(c.calls) - 240; signs < 29 || signs > 31 {
		t.Errorf("%d signs in 120 ticks", signs)
	}
}

// A look that begins in the slot and ends behind it has been a full one, and leaves its sign.
func TestASlowLookLeavesItsSign(t *testing.T) {
	c := newClient(steadyWorld())
	c.process.change(binding.Exposure, func(p *pulse) { p.looked = noon.Add(-time.Hour) })
	inSlot := func(at time.Time) bool { return (pulse{looked: noon.Add(-time.Hour)}).due(binding.Exposure, at) }
	for !inSlot(c.now) || inSlot(c.now.Add(time.Second)) {
		c.now = c.now.Add(time.Second)
	}
	c.record()
	c.after = func(operation string) error {
		if operation == "Invoke" {
			c.now = c.now.Add(2 * time.Second)
		}
		return nil
	}
	if report, err := c.sync(); err != nil || !report.Proven() || c.life.Looked.IsZero() {
		t.Errorf("got %+v, %v, recorded %+v", report, err, c.life)
	}
}

// A slot is the exposure's own, and begins before its schedule's second, so that a tick that is late is in it all the same.
func TestEachExposureHasASlotThatItsTicksFallInto(t *testing.T) {
	slots := map[int]int{}
	for i := range 200 {
		id := fmt.Sprintf("exposure-%d", i)
		second := time.Duration(owned.Slot(id, 60)) * time.Second
		for _, late := range []time.Duration{0, 5 * time.Second, 54 * time.Second} {
			in := []int{}
			for tick := range 4 {
				at := noon.Add(time.Duration(tick)*time.Minute + second + late)
				if (pulse{looked: noon.Add(-time.Hour)}).due(id, at) {
					in = append(in, tick)
				}
			}
			if len(in) != 1 {
				t.Fatalf("%s, %v late: ticks %v of four are in its slot", id, late, in)
			}
			if late == 0 {
				slots[in[0]]++
			} else if at := noon.Add(time.Duration(in[0])*time.Minute + second); !(pulse{looked: noon.Add(-time.Hour)}).due(id, at) {
				t.Errorf("%s: a tick that is %v late is in another slot", id, late)
			}
		}
	}
	if len(slots) != 4 || slices.Max(slices.Collect(maps.Values(slots))) > 80 {
		t.Errorf("200 exposures are in slots %v", slots)
	}
}

// What a full look finds, and what it makes of the state. Nothing of it touches the targets.
func TestThePathIsJudged(t *testing.T) {
	const listenerA = nodeA + ":5433"
	for name, row := range map[string]struct {
		change func(*world)
		state  State
		says   string
		path   []registry.Passage
		proven bool
	}{
		"served by each node": {func(*world) {}, Settled, "", []registry.Passage{{Node: nodeA, Result: "served"}, {Node: nodeB, Result: "served"}}, true},
		"one node refuses": {func(w *world) { w.cut = map[string]string{listenerA: resolve.Refused} }, Cut,
			"the database does not answer through the load balancer: node " + nodeA + ": refused: i/o timeout",
			[]registry.Passage{{Node: nodeA, Result: "refused", Detail: "i/o timeout"}, {Node: nodeB, Result: "served"}}, false},
		"the target's own certificate has another name": {func(w *world) { w.misnames[blue] = true }, Settled, "",
			[]registry.Passage{{Node: nodeA, Result: "answered", Detail: "another name"}, {Node: nodeB, Result: "answered", Detail: "another name"}}, false},
		"through one node somebody else answers": {func(w *world) { w.cut = map[string]string{listenerA: "another name"} }, Cut,
			"node " + nodeA + ": answered: another name", []registry.Passage{{Node: nodeA, Result: "answered", Detail: "another name"}, {Node: nodeB, Result: "served"}}, false},
		"a server that has blocked the nodes": {func(w *world) {
			w.bound.Engine, w.cut = "mysql", map[string]string{listenerA: "1129", nodeB + ":5433": "1129"}
		}, Cut, "node " + nodeB + ": answered: 1129 Host is blocked; the server has blocked the node's address, after max_connect_errors", []registry.Passage{
			{Node: nodeA, Result: "answered", Detail: "1129 Host is blocked", Code: "1129"}, {Node: nodeB, Result: "answered", Detail: "1129 Host is blocked", Code: "1129"}}, false},
		"a binding of before":       {func(w *world) { w.bound.ListenerPort, w.bound.Nodes = 0, nil }, Settled, "", nil, false},
		"a resolver of before":      {func(w *world) { w.pathless = true }, Settled, "", nil, false},
		"nobody is there to answer": {func(w *world) { w.set(at(blue), unhealthy); w.cut = map[string]string{listenerA: resolve.Blocked} }, Settling, "unhealthy", nil, false},
		"the database has moved": {func(w *world) { w.primary, w.cut = green, map[string]string{listenerA: resolve.Blocked} }, Settling, "",
			[]registry.Passage{{Node: nodeA, Result: "blocked", Detail: "i/o timeout"}, {Node: nodeB, Result: "served"}}, false},
		"stopped, nobody is to serve": {func(w *world) { w.status = "stopped"; w.checkAll() }, Stopped, "", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(steadyWorld(row.change))
			report, err := c.deps().Sync(t.Context(), c.bound, Asked{Full: true, Record: true})
			if err != nil || report.State != row.state || !strings.Contains(report.Detail, row.says) || report.Proven() != row.proven {
				t.Errorf("got %+v, %v", report, err)
			}
			if fmt.Sprint(report.Path) != fmt.Sprint(row.path) || fmt.Sprint(c.life.Path) != fmt.Sprint(row.path) {
				t.Errorf("the path is %+v, recorded %+v, want %+v", report.Path, c.life.Path, row.path)
			}
			if row.state == Cut && len(c.changes) > 0 {
				t.Errorf("a path that is cut has changed %v", c.changes)
			}
			if got := !c.life.Proven.IsZero(); got != row.proven {
				t.Errorf("proven: %v", c.life.Proven)
			}
		})
	}
}

func TestNobodyGoesThroughNodesFromOutside(t *testing.T) {
	o, b := seen(), binding
	if got := o.path(b); !slices.Equal(got, []string{nodeA + ":5433", nodeB + ":5433"}) {
		t.Errorf("from inside, the path is %v", got)
	}
	if b.ResolverFunction = ""; o.path(b) != nil {
		t.Errorf("from outside, the path is %v", o.path(b))
	}
}

// A path that is cut is looked at on each tick until it is well, and a plain look does not end it.
func TestAPathThatIsCutEndsByAFullLookAlone(t *testing.T) {
	c := newClient(steadyWorld())
	tick := func() Report {
		t.Helper()
		report, err := c.sync()
		if err != nil {
			t.Fatal(err)
		}
		c.now = c.now.Add(time.Minute)
		c.record()
		return report
	}
	tick()
	good := c.life.Good
	c.cut = map[string]string{nodeB + ":5433": resolve.Blocked}
	for c.life.Bad.IsZero() { // until the slot
		tick()
		if c.now.Sub(good) > deployment.LookPeriod()+deployment.Tick() {
			t.Fatal("nobody noticed")
		}
	}
	begun := c.life.Bad
	if !c.life.Good.Equal(good) || begun.Sub(good) != deployment.LookPeriod() {
		t.Errorf("cut since %v, seen at %v: the last look that proved the path was at %v", c.life.Good, begun, good)
	}
	for range 3 {
		if report := tick(); report.State != Cut || !c.life.Bad.Equal(begun) {
			t.Errorf("got %+v, recorded %+v", report, c.life)
		}
	}
	c.restart()
	c.process.change(binding.Exposure, func(p *pulse) { p.looked = c.now.Add(-time.Hour) }) // one that knows nothing of it
	for c.process.get(binding.Exposure).due(binding.Exposure, c.now) {
		c.now = c.now.Add(time.Minute)
	}
	if tick(); c.life.Bad.IsZero() {
		t.Error("a plain look has ended it")
	}
	c.cut = nil
	for range 4 {
		tick()
	}
	if !c.life.Bad.IsZero() || c.life.State != "settled" || c.life.Proven.Before(begun) {
		t.Errorf("recorded is %+v", c.life)
	}
}

// A change of targets owes a full look.
func TestAfterAChangeOfTargetsThePathIsProven(t *testing.T) {
	c := newClient(steadyWorld())
	_, _ = c.sync()
	c.primary = green
	for range 4 {
		c.now = c.now.Add(time.Minute)
		c.checkAll()
		c.record()
		_, _ = c.sync()
	}
	if len(c.changes) != 2 || c.life.Proven.IsZero() || !c.life.Proven.Equal(c.life.Good) || c.life.Good.Before(c.now.Add(-2*time.Minute)) {
		t.Errorf("changes %v, recorded %+v, now %v", c.changes, c.life, c.now)
	}
}

// A registry that does not answer hides nothing: the age is told from what the process knows.
func TestAnAgeIsToldWithoutTheRegistry(t *testing.T) {
	c := newClient(steadyWorld())
	_, _ = c.sync()
	good := c.now
	c.before = func(operation string) error {
		if slices.Contains([]string{"Get", "Lease", "SaveSync", "RecordLife"}, operation) {
			return fmt.Errorf("%s: the key is disabled", operation)
		}
		return nil
	}
	c.set(at(blue), unhealthy)
	for minutes := 1; minutes < 8; minutes++ {
		c.now = c.now.Add(time.Minute)
		c.calls = nil
		report, err := c.sync()
		if err == nil || !strings.Contains(err.Error(), "the key is disabled") || !report.Since.Equal(good) {
			t.Errorf("after %d minutes: %+v, %v", minutes, report, err)
		}
		if slices.Contains(c.calls, "RecordLife") {
			t.Errorf("what does not answer is written to: %v", c.calls)
		}
	}
	c.restart()
	first := c.now.Add(time.Minute)
	for range 3 {
		c.now = c.now.Add(time.Minute)
		if report, _ := c.sync(); !report.Since.Equal(first.Add(-time.Minute)) {
			t.Errorf("another process tells %v, want a tick before it first looked", report.Since)
		}
	}
}

// TestTheAgeToldIsTrue plays ticks that are good, bad, throttled or never come, records that fail, and processes that end.
// The age told is at most that of the last good look, unless signs of life were missed: then what the missing signs would
// have told comes on top. It is less only by what may have been good and unrecorded, three ticks; and it never falls while
// looks are bad. Of a path that is cut it is the age of the last full look.
func TestTheAgeToldIsTrue(t *testing.T) {
	const tick = time.Minute
	rapid.Check(t, func(t *rapid.T) {
		c := newClient(steadyWorld())
		_, _ = c.sync()
		var (
			good  = c.now   // the last good look
			full  = c.now   // the last of them that was full
			since time.Time // told at the last bad one in a row
			cut   bool
			wrong string
		)
		kinds := []string{"good", "good", "good", "good", "bad", "bad", "cut", "throttled", "lost", "unrecorded", "unread", "restart"}
		for range rapid.IntRange(5, 80).Draw(t, "ticks") {
			kind := rapid.SampledFrom(kinds).Draw(t, "kind")
			if kind == "restart" {
				c.restart()
				since = time.Time{} // what a process knew that could not record it
				continue
			}
			c.now = c.now.Add(tick)
			if kind == "lost" {
				continue
			}
			c.play(kind)
			recorded := c.life
			c.lastAnswer.Path = nil
			report, _ := c.sync()
			if report.State.Good() {
				if c.process.get(binding.Exposure).trouble {
					wrong = "a good look leaves trouble"
				}
				good, since, cut = c.now, time.Time{}, false
				if len(c.lastAnswer.Path) > 0 {
					full = c.now
				}
				switch {
				case !report.Since.IsZero():
					wrong = "a good look has an age"
				case kind != "unrecorded" && (!c.life.Bad.IsZero() || !State(c.life.State).Good()):
					wrong = "a good look after a bad one is not recorded"
				}
			} else {
				missing := max(0, good.Sub(recorded.Good.Add(3*tick)))
				if !State(recorded.State).Good() { // its end could not be recorded
					missing = good.Sub(recorded.Good)
				}
				told, age := c.now.Sub(report.Since), c.now.Sub(good)
				if cut = cut || report.State == Cut; cut {
					// The looks since the last full one say nothing of the path: it may have been cut as long.
					missing += good.Sub(full) + max(0, full.Sub(recorded.Good))
				}
				switch {
				case report.Since.IsZero():
					wrong = "no age is told"
				case told > age+missing:
					wrong = fmt.Sprintf("%v is told, and it is %v; signs of %v are missing", told, age, missing)
				case told < min(age-3*tick, tick):
					wrong = fmt.Sprintf("%v is told, and it is %v", told, age)
				case kind != "unread" && told < age-3*tick:
					wrong = fmt.Sprintf("%v is told, and it is %v", told, age)
				case !since.IsZero() && report.Since.After(since):
					wrong = fmt.Sprintf("the age falls: it was told since %v, and is since %v", since, report.Since)
				}
				since = report.Since
			}
			if wrong != "" {
				t.Fatalf("%s: %s; recorded before %+v", kind, wrong, recorded)
			}
		}
	})
}

// play makes the next tick one of a kind.
func (c *client) play(kind string) {
	c.set(at(blue), healthy)
	c.cut, c.before = nil, func(string) error { return nil }
	fail := func(err error, operations ...string) {
		c.before = func(operation string) error {
			if slices.Contains(operations, operation) {
				return err
			}
			return nil
		}
	}
	switch kind {
	case "bad":
		c.set(at(blue), unhealthy)
	case "cut":
		c.cut = map[string]string{nodeA + ":5433": resolve.Blocked}
	case "throttled":
		fail(outcome.Throttled("slow down"), "DescribeTargetHealth")
	case "unrecorded":
		fail(outcome.Throttled("slow down"), "RecordLife")
	case "unread":
		c.set(at(blue), unhealthy)
		fail(errors.New("the key is disabled"), "Get", "Lease", "SaveSync", "RecordLife")
	}
	c.record()
}
