package targets

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/resolve"
)

// steadyWorld has blue registered and healthy.
func steadyWorld(changes ...func(*world)) *world {
	w := newWorld()
	w.set(at(blue), healthy)
	offSlot(w)
	for _, change := range changes {
		change(w)
	}
	return w
}

// slotOf is a moment when the exposure is looked at fully, the first from noon on.
func slotOf(exposure string) time.Time {
	for at := noon; ; at = at.Add(time.Minute) {
		if (pulse{looked: noon.Add(-time.Hour)}).due(exposure, at) {
			return at
		}
	}
}

// offSlot has the tick fall between two slots.
func offSlot(w *world) { w.now = slotOf(w.bound.Exposure).Add(2 * time.Minute) }

// atSlot has the tick fall into the exposure's slot.
func atSlot(w *world) { w.now = slotOf(w.bound.Exposure) }

func TestSyncCalls(t *testing.T) {
	var (
		glance = []string{"DescribeTargetHealth", "Invoke"}
		deeper = []string{"DescribeDBInstances", "DescribeNetworkInterfaces"}
		study  = slices.Concat(glance, deeper)
		closer = slices.Concat(glance, []string{"Get"}, deeper)
		change = slices.Concat(closer, []string{"Lease"}, study)
		ended  = []string{"Release", "RecordLife"}
		alone  = append(slices.Clone(study), "RegisterTargets") // without the registry
		refuse = func(operations ...string) map[string]error {
			fails := map[string]error{}
			for _, operation := range operations {
				fails[operation] = errors.New("the key is disabled")
			}
			return fails
		}
	)
	for name, test := range map[string]struct {
		world *world
		fails map[string]error
		want  []string
		state State
		class string
	}{
		"steady":                  {world: steadyWorld(), want: glance, state: Settled},
		"steady, at its slot":     {world: steadyWorld(atSlot), want: append(slices.Clone(glance), "RecordLife"), state: Settled},
		"steady without registry": {world: steadyWorld(atSlot), fails: refuse("Get", "Lease", "RecordLife"), want: append(slices.Clone(glance), "RecordLife"), state: Settled},
		"a cluster's roles are read on every tick": {world: func() *world { w := newCluster(); w.set(at(blue), healthy); offSlot(w); return w }(),
			want: []string{"DescribeTargetHealth", "DescribeDBClusters", "DescribeDBInstances", "Invoke"}, state: Settled},
		"unhealthy: recorded, and nothing is changed": {world: steadyWorld(func(w *world) { w.set(at(blue), unhealthy) }),
			want: append(slices.Clone(closer), "RecordLife"), state: Settling},
		"a node that does not lead to the database: recorded": {world: steadyWorld(atSlot, func(w *world) { w.cut = map[string]string{nodeA + ":5433": resolve.Blocked} }),
			want: slices.Concat(glance, []string{"Get", "RecordLife"}), state: Cut},
		"failed over": {world: steadyWorld(func(w *world) { w.primary = green }),
			want: slices.Concat(change, []string{"RegisterTargets"}, ended), state: Settling},
		"stopped, and DNS silent: no lease, no write": {world: steadyWorld(func(w *world) {
			w.status, w.dns = "stopped", func() resolve.Answer { return resolve.Answer{Lookups: [][]string{{}, {}}} }
		}), want: closer, state: Stopped},
		"someone else holds the lease: the tick is recorded": {world: steadyWorld(func(w *world) {
			w.primary, w.holder, w.until = green, "someone", w.now.Add(time.Minute)
		}), want: append(slices.Clone(closer), "Lease", "RecordLife"), state: Busy},
		"ELB throttles: recorded as a look that was missed": {world: steadyWorld(),
			fails: map[string]error{"DescribeTargetHealth": outcome.Throttled("slow down")},
			want:  []string{"DescribeTargetHealth", "Get", "RecordLife"},
			state: Missed, class: "Throttled"},
		"overtaken: nothing is changed": {world: steadyWorld(func(w *world) {
			w.primary, w.several, w.targets[at(green)] = green, nil, &registered{healthy, w.now}
			w.record()
		}),
			fails: map[string]error{"SaveSync": outcome.NotReady("overtaken")},
			want:  slices.Concat(change, []string{"SaveSync"}, ended), state: Failing, class: "NotReady"},
		"registration fails": {world: steadyWorld(func(w *world) { w.primary = green }),
			fails: map[string]error{"RegisterTargets": errors.New("InvalidTarget")},
			want:  slices.Concat(change, []string{"RegisterTargets"}, ended), state: Failing, class: "Failed"},
		"failed over, and the registry does not answer": {world: steadyWorld(func(w *world) { w.primary = green }), fails: refuse("Get", "Lease", "SaveSync", "RecordLife"),
			want: slices.Concat(glance, []string{"Get"}, alone), state: Failing, class: "Failed"},
		"failed over, and there is no lease to be had": {world: steadyWorld(func(w *world) { w.primary = green }), fails: refuse("Lease"),
			want: slices.Concat(closer, []string{"Lease"}, alone), state: Failing, class: "Failed"},
		"to be taken away, and the registry does not answer: nothing is": {world: steadyWorld(func(w *world) {
			w.primary, w.targets[at(green)] = green, &registered{healthy, w.now}
			w.record()
		}), fails: refuse("Get"), want: slices.Concat(glance, []string{"Get"}, study), state: Failing, class: "Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(test.world)
			c.process.change(binding.Exposure, func(p *pulse) { p.looked, p.good = c.now.Add(-time.Minute), c.now.Add(-time.Minute) })
			c.before = func(operation string) error { return test.fails[operation] }
			report, err := c.sync()
			if got := outcome.Name(err); got != test.class {
				t.Errorf("error %v is %q, want %q", err, got, test.class)
			}
			if report.State != test.state {
				t.Errorf("state %s (%s), want %s", report.State, report.Detail, test.state)
			}
			if !slices.Equal(c.calls, test.want) {
				t.Errorf("calls\n%v, want\n%v", c.calls, test.want)
			}
		})
	}
}

// A new address whose certificate names another server is looked at every minute without a lease and without a write,
// until its certificate fits or for ten minutes, and a database that has such a certificate for good stays as it is.
func TestACertificateIsWaitedForWithoutAWriteEachTick(t *testing.T) {
	for name, test := range map[string]struct {
		world   *world
		renewed time.Duration // after the move; never, if 0
		want    time.Duration
	}{
		"renewed after three minutes":              {newWorld(), 3 * time.Minute, 3 * time.Minute},
		"never renewed":                            {newWorld(), 0, 10 * time.Minute},
		"of a cluster, renewed after nine minutes": {newCluster(), 9 * time.Minute, 9 * time.Minute},
		"of a cluster, never renewed":              {newCluster(), 0, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			log := captured(t)
			c := newClient(test.world)
			c.set(at(blue), healthy)
			c.primary, c.misnames[green] = green, true
			for tick := range 16 {
				if tick > 0 && test.renewed == time.Duration(tick)*time.Minute {
					delete(c.misnames, green)
				}
				before := len(c.calls)
				report, err := c.sync()
				if err != nil {
					t.Fatal(err)
				}
				registered := slices.Contains(c.changes, "register "+at(green).String())
				if waited := time.Duration(tick) * time.Minute; registered != (waited >= test.want) {
					t.Fatalf("registered after %v: %t, %+v", waited, registered, report)
				}
				calls := c.calls[before:]
				writes := slices.ContainsFunc(calls, func(call string) bool { return call == "Lease" || call == "SaveSync" })
				if !registered && writes != (tick == 0) {
					t.Errorf("tick %d, which only waits, makes the calls %v", tick, calls)
				}
				c.now = c.now.Add(time.Minute)
				c.checkAll()
			}
			if want := []string{"register " + at(green).String(), "deregister " + at(blue).String()}; !slices.Equal(c.changes, want) {
				t.Errorf("changes %v, want %v", c.changes, want)
			}
			alarms := strings.Contains(log.String(), `"msg":"certificate names another server","exposure":"`+binding.Exposure+`","detail":"`+at(green).String()) &&
				strings.Contains(log.String(), `"Misnamed":1,"_aws":`)
			if alarms != (test.renewed == 0) {
				t.Errorf("the alarm goes off: %t, by\n%s", alarms, log)
			}
		})
	}
}

// People exchange databases by renaming them: for some minutes there is none of the name, and then another
// (AmazonRDS/latest/UserGuide/USER_RenameInstance.html, "Renaming to replace an existing DB instance").
func TestAnExchangeOfNamesByHandIsFollowed(t *testing.T) {
	for name, w := range map[string]*world{"an instance": newWorld(), "a cluster": newCluster()} {
		t.Run(name, func(t *testing.T) {
			c := newClient(w)
			c.set(at(blue), healthy)
			tick := func() (Report, error) {
				report, err := c.sync()
				c.now = c.now.Add(time.Minute)
				c.checkAll()
				return report, err
			}
			answered := c.dns
			c.hidden, c.dns = true, func() resolve.Answer { return resolve.Answer{Lookups: [][]string{{}, {}}, Gone: true} }
			for range 3 {
				_, _ = tick()
			}
			if got := c.counted(); len(got) > 0 {
				t.Errorf("without a database of the name, %v is registered", got)
			}
			c.hidden, c.dns, c.primary = false, answered, green
			c.misnames[green] = true // until RDS has issued another
			_, _ = tick()
			delete(c.misnames, green)
			for range 3 {
				_, _ = tick()
			}
			report, err := tick()
			if got := c.counted(); err != nil || report.State != Settled || !slices.Equal(got, []target{at(green)}) {
				t.Errorf("%v is registered: %+v, %v", got, report, err)
			}
		})
	}
}

func captured(t *testing.T) *bytes.Buffer {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &log
}

// What an RDS event starts looks again and again, and nothing in it waits.
func TestLook(t *testing.T) {
	loop := func(t *testing.T, c *client, most int, ends func(Report, error) bool) (Report, error) {
		t.Helper()
		d := c.deps()
		for range most {
			report, err := d.Look(t.Context(), binding, false)
			if c.world.holder != "" {
				t.Fatal("the lease was kept")
			}
			if ends(report, err) {
				return report, err
			}
			c.now = c.now.Add(2 * time.Second)
		}
		t.Fatalf("never, in %d looks", most)
		return Report{}, nil
	}
	calm := func(report Report, err error) bool { return err == nil && report.Calm() }

	t.Run("registers the new address, and takes the old one away when it serves", func(t *testing.T) {
		c := newClient(steadyWorld(func(w *world) { w.status = "rebooting" }))
		moves, checks := c.now.Add(41*time.Second), c.now.Add(131*time.Second)
		c.before = func(string) error {
			if c.now.After(moves) {
				c.primary, c.status = green, "available"
			}
			if c.now.After(checks) {
				c.checkAll()
			}
			return nil
		}
		report, _ := loop(t, c, 100, calm)
		if want := []string{"register " + at(green).String(), "deregister " + at(blue).String()}; !slices.Equal(c.changes, want) || report.Address != green {
			t.Errorf("changes %v, want %v; %+v", c.changes, want, report)
		}
		// The way through the nodes is another one now.
		if full, err := c.deps().Look(t.Context(), binding, true); err != nil || !full.Calm() || full.Owed {
			t.Errorf("got %+v, %v", full, err)
		}
	})
	t.Run("leaves an exposure to another who is at it", func(t *testing.T) {
		w := steadyWorld(func(w *world) { w.primary = green })
		w.holder, w.until = "someone", w.now.Add(30*time.Second)
		c := newClient(w)
		if report, err := c.deps().Look(t.Context(), binding, false); err != nil || report.State != Busy || len(c.changes) > 0 {
			t.Errorf("got %+v, %v; %v", report, err, c.changes)
		}
	})
	t.Run("is content with a stopped database", func(t *testing.T) {
		c := newClient(steadyWorld(func(w *world) {
			w.status, w.dns = "stopped", func() resolve.Answer { return resolve.Answer{Lookups: [][]string{{}, {}}} }
		}))
		if report, err := c.deps().Look(t.Context(), binding, false); err != nil || report.State != Stopped {
			t.Errorf("got %+v, %v", report, err)
		}
	})
	t.Run("has nothing to say of what AWS would not let it see", func(t *testing.T) {
		c := newClient(steadyWorld(func(w *world) { w.primary = green }))
		throttled := 5
		c.before = func(operation string) error {
			if throttled--; throttled >= 0 && operation == "DescribeTargetHealth" {
				return outcome.Throttled("slow down")
			}
			c.checkAll()
			return nil
		}
		missed := 0
		report, _ := loop(t, c, 20, func(report Report, err error) bool {
			if report.State == Missed {
				missed++
			}
			return calm(report, err)
		})
		if missed == 0 || report.Address != green {
			t.Errorf("missed %d, got %+v", missed, report)
		}
	})
	t.Run("owes a full look after a trouble", func(t *testing.T) {
		c := newClient(steadyWorld(func(w *world) { w.primary = green }))
		c.before = func(string) error { c.checkAll(); return nil }
		d := c.deps()
		for _, step := range []struct{ full, owed bool }{{false, false}, {false, true}, {true, false}, {false, false}} {
			report, err := d.Look(t.Context(), binding, step.full)
			if err != nil || report.State.Good() && report.Owed != step.owed {
				t.Errorf("a look (full: %v) owes one: %v; %+v, %v", step.full, report.Owed, report, err)
			}
			c.now = c.now.Add(2 * time.Second)
		}
	})
}

// Whoever waits until there is room for a function takes the room of another.
func TestNoRoomForAFunctionIsNotWaitedFor(t *testing.T) {
	retryer := retry.NewStandard(unlessFull)
	for _, row := range []struct {
		err   error
		again bool
	}{
		{&lambdatypes.TooManyRequestsException{}, false},
		{fmt.Errorf("invoke: %w", &lambdatypes.TooManyRequestsException{}), false},
		{&smithy.GenericAPIError{Code: "RequestTimeout"}, true},
		{&smithy.GenericAPIError{Code: "ThrottlingException"}, true},
		{&smithy.GenericAPIError{Code: "AccessDeniedException"}, false},
	} {
		if got := retryer.IsErrorRetryable(row.err); got != row.again {
			t.Errorf("%v is asked again: %v", row.err, got)
		}
	}
}
