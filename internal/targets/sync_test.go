package targets

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
		change = slices.Concat(closer, []string{"Lease", "Get"}, study)
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
			fails: map[string]error{"SaveSync": outcome.Conflict("overtaken")},
			want:  slices.Concat(change, []string{"SaveSync"}, ended), state: Failing, class: "Conflict"},
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

// TestFollow runs in a bubble whose time stands still but for waiting.
func TestFollow(t *testing.T) {
	follow := func(w *world, ctx context.Context) (*client, Report, error) {
		c := newClient(w)
		d := c.deps()
		d.clock = func() time.Time { w.now = time.Now(); return w.now }
		w.history, w.now = nil, time.Now()
		w.record()
		report, err := d.Follow(ctx, binding)
		return c, report, err
	}
	// after has something happen so long after the event: odd seconds, for the
	// passes come at even ones.
	after := func(d time.Duration, w *world, happen func()) {
		time.AfterFunc(d, func() { w.now = time.Now(); happen() })
	}

	t.Run("until the new target is healthy", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := steadyWorld(func(w *world) { w.status = "rebooting" })
			after(41*time.Second, w, func() { w.primary, w.status = green, "available" })
			after(131*time.Second, w, w.checkAll)
			c, report, err := follow(w, t.Context())
			if err != nil || !report.calm() || report.Address != green {
				t.Errorf("got %+v, %v", report, err)
			}
			if want := []string{"register " + at(green).String(), "deregister " + at(blue).String()}; !slices.Equal(c.changes, want) {
				t.Errorf("changes %v, want %v", c.changes, want)
			}
			if w.holder != "" {
				t.Error("the lease was kept")
			}
		})
	})
	t.Run("not for ever", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			_, report, err := follow(steadyWorld(func(w *world) { w.status = "rebooting" }), t.Context())
			if took := time.Since(begin); took > followAtMost || took < followAtMost-time.Minute {
				t.Errorf("took %v: %+v, %v", took, report, err)
			}
		})
	})
	t.Run("within the function's time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c, _, _ := follow(steadyWorld(func(w *world) { w.status = "rebooting" }), ctx)
			if ctx.Err() != nil || c.calls[len(c.calls)-1] != "Release" {
				t.Errorf("ended with %v, last call %s", ctx.Err(), c.calls[len(c.calls)-1])
			}
		})
	})
	t.Run("once another's lease has ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := steadyWorld(func(w *world) { w.holder, w.until, w.primary = "someone", time.Now().Add(30*time.Second), green })
			c, _, _ := follow(w, t.Context())
			if len(c.changes) == 0 {
				t.Error("the event was dropped, because someone else held the lease when it came")
			}
		})
	})
	t.Run("with one look, when another's loop has followed for long enough since the event", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := steadyWorld(func(w *world) { w.holder, w.until = "someone", time.Now().Add(calmFor+time.Second) })
			begin := time.Now()
			c, report, err := follow(w, t.Context())
			looks := 0
			for _, call := range c.calls {
				if call == "DescribeTargetHealth" {
					looks++
				}
			}
			if took := time.Since(begin); err != nil || !report.calm() || looks != 1 || took < calmFor {
				t.Errorf("%d looks in %v: %+v, %v", looks, took, report, err)
			}
		})
	})
	t.Run("a stopped database ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			w := steadyWorld(func(w *world) {
				w.status, w.dns = "stopped", func() resolve.Answer { return resolve.Answer{Lookups: [][]string{{}, {}}} }
			})
			if _, report, err := follow(w, t.Context()); err != nil || report.State != Stopped || time.Since(begin) > 0 {
				t.Errorf("got %+v, %v after %v", report, err, time.Since(begin))
			}
		})
	})
	t.Run("a pass that fails does not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(steadyWorld(func(w *world) { w.primary = green }))
			d := c.deps()
			d.clock = func() time.Time { c.now = time.Now(); return c.now }
			c.history, c.now = nil, time.Now()
			c.record()
			throttled := 5
			c.before = func(operation string) error {
				if throttled--; throttled >= 0 && operation == "DescribeTargetHealth" {
					return outcome.Throttled("slow down")
				}
				c.checkAll()
				return nil
			}
			if report, err := d.Follow(t.Context(), binding); err != nil || !report.calm() || report.Address != green {
				t.Errorf("got %+v, %v", report, err)
			}
		})
	})
}
