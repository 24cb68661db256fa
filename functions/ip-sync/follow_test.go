package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/targets"
)

// book is a registry in memory, with marks and the follower's lease.
type book struct {
	table
	clock   func() time.Time
	lock    sync.Mutex
	marks   []registry.Mark
	holder  string
	until   time.Time
	reads   int    // of the marks
	refused error  // what it says to marks and leases
	before  func() // once, ahead of the next release
}

func (b *book) AddMarks(_ context.Context, marks []registry.Mark) error {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.refused == nil {
		b.marks = append(b.marks, marks...)
	}
	return b.refused
}

func (b *book) Marks(context.Context) ([]registry.Mark, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.reads++
	return slices.Clone(b.marks), b.refused
}

func (b *book) RemoveMarks(_ context.Context, marks []registry.Mark) error {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.marks = slices.DeleteFunc(b.marks, func(m registry.Mark) bool { return slices.Contains(marks, m) })
	return b.refused
}

func (b *book) Lease(_ context.Context, id, holder string, d time.Duration) (registry.Exposure, bool, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if id != registry.Following || b.refused != nil || b.holder != "" && b.holder != holder && b.clock().Before(b.until) {
		return registry.Exposure{}, false, b.refused
	}
	b.holder, b.until = holder, b.clock().Add(d)
	return registry.Exposure{Fence: 1}, true, nil
}

func (b *book) Release(_ context.Context, _, holder string) error {
	_, err := b.release(holder, true)
	return err
}

func (b *book) ReleaseUnmarked(_ context.Context, holder string) (bool, error) {
	if before := b.before; before != nil {
		b.before = nil
		before()
	}
	return b.release(holder, false)
}

func (b *book) release(holder string, marked bool) (bool, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.holder != holder || !marked && len(b.marks) > 0 {
		return false, b.refused
	}
	b.holder = ""
	return true, b.refused
}

// followed is a stack whose exposures are looked at in a bubble of time.
type followed struct {
	*book
	function ipSync
	sees     func(id string) (targets.Report, error)
	looks    map[string][]time.Duration // since the beginning
	full     map[string]int             // of the looks
	atOnce   int                        // the most
	under    int
}

var calm = targets.Report{State: targets.Settled, Available: true}

// follows makes a stack. A look takes a tenth of a second.
func follows(ids ...string) *followed {
	begun := time.Now()
	f := &followed{book: &book{clock: time.Now}, looks: map[string][]time.Duration{}, full: map[string]int{},
		sees: func(string) (targets.Report, error) { return calm, nil }}
	for _, id := range ids {
		f.table = append(f.table, exposure(id, "arn:aws:rds:eu-central-1:111122223333:db:"+id))
	}
	f.function = ipSync{meant: meant, registry: f.book, now: time.Now,
		look: func(_ context.Context, b registry.Binding, full bool) (targets.Report, error) {
			f.book.lock.Lock()
			f.looks[b.Exposure] = append(f.looks[b.Exposure], time.Since(begun))
			if full {
				f.full[b.Exposure]++
			}
			f.under++
			f.atOnce = max(f.atOnce, f.under)
			f.book.lock.Unlock()
			time.Sleep(100 * time.Millisecond)
			f.book.lock.Lock()
			f.under--
			f.book.lock.Unlock()
			return f.sees(b.Exposure)
		},
		sync: func(context.Context, registry.Binding, targets.Asked) (targets.Report, error) {
			return targets.Report{State: targets.Moving, Since: begun}, nil
		}}
	return f
}

// event is RDS's, in an invocation that lasts as long as the function may.
func (f *followed) event(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 7*time.Minute)
	defer cancel()
	in := input{Source: "aws.rds"}
	in.Detail.SourceARN = "arn:aws:rds:eu-central-1:111122223333:db:" + id
	return f.function.handle(ctx, in)
}

// spans are how far apart the looks at an exposure are.
func (f *followed) spans(id string) (spans []time.Duration) {
	for i := 1; i < len(f.looks[id]); i++ {
		spans = append(spans, f.looks[id][i]-f.looks[id][i-1])
	}
	return spans
}

func TestFollow(t *testing.T) {
	const look = 100 * time.Millisecond
	for name, test := range map[string]func(*testing.T){
		"at once, every two seconds, until all has been calm for long enough since the event": func(t *testing.T) {
			f, begun := follows("a"), time.Now()
			if err := f.event("a"); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took < calmFor || took > calmFor+2*lookEvery {
				t.Errorf("took %v", took)
			}
			if f.looks["a"][0] != 0 || f.full["a"] != 1 || slices.Max(f.spans("a")) > lookEvery+look+lookEvery/4 || slices.Min(f.spans("a")) < lookEvery {
				t.Errorf("looked at %v, %d times in full", f.looks["a"], f.full["a"])
			}
			if f.holder != "" || len(f.marks) > 0 {
				t.Errorf("%q holds %v", f.holder, f.marks)
			}
		},
		"until a database that moved is calm": func(t *testing.T) {
			f, begun := follows("a"), time.Now()
			f.sees = func(string) (targets.Report, error) {
				switch since := time.Since(begun); {
				case since < 30*time.Second:
					return targets.Report{State: targets.Moving}, nil
				case since < 40*time.Second:
					return targets.Report{}, errors.New("a look that fails")
				case since < 50*time.Second:
					return targets.Report{State: targets.Settled}, nil // RDS calls it something else than available
				}
				return calm, nil
			}
			if err := f.event("a"); err != nil || time.Since(begun) < 50*time.Second+calmFor || time.Since(begun) > 54*time.Second+calmFor {
				t.Errorf("took %v, %v", time.Since(begun), err)
			}
		},
		"not for ever": func(t *testing.T) {
			f, begun := follows("a"), time.Now()
			f.sees = func(string) (targets.Report, error) { return targets.Report{State: targets.Moving}, nil }
			if err := f.event("a"); err != nil || time.Since(begun) < followAtMost || time.Since(begun) > followAtMost+2*lookEvery || len(f.marks) > 0 {
				t.Errorf("took %v, %v; marked are %v", time.Since(begun), err, f.marks)
			}
		},
		"a stopped database no more": func(t *testing.T) {
			f := follows("a")
			f.sees = func(string) (targets.Report, error) { return targets.Report{State: targets.Stopped}, nil }
			if err := f.event("a"); err != nil || len(f.looks["a"]) != 1 || len(f.marks) > 0 {
				t.Errorf("%v, %v; marked are %v", f.looks, err, f.marks)
			}
		},
		"what nobody saw does not count, for or against": func(t *testing.T) {
			f, begun := follows("a"), time.Now()
			f.sees = func(string) (targets.Report, error) {
				switch since := time.Since(begun); {
				case since > calmFor/2 && since < calmFor*3/4:
					return targets.Report{State: targets.Busy}, nil
				case since > calmFor*3/4 && since < calmFor*2:
					return targets.Report{State: targets.Missed}, outcome.Throttled("slow down")
				}
				return calm, nil
			}
			if err := f.event("a"); err != nil || time.Since(begun) < 2*calmFor || time.Since(begun) > 2*calmFor+2*lookEvery {
				t.Errorf("took %v, %v", time.Since(begun), err)
			}
		},
		"a full look is made where one is owed": func(t *testing.T) {
			f := follows("a")
			f.sees = func(string) (targets.Report, error) {
				report := calm
				report.Owed = len(f.looks["a"]) < 3
				return report, nil
			}
			if err := f.event("a"); err != nil || f.full["a"] != 3 {
				t.Errorf("%d full looks, %v", f.full["a"], err)
			}
		},
		"another event of the same failover begins no second loop, and has its time to show": func(t *testing.T) {
			f, begun := follows("a"), time.Now()
			time.AfterFunc(calmFor/2, func() {
				if err := f.event("a"); err != nil || time.Since(begun) != calmFor/2 {
					t.Errorf("the second event's function ended after %v, %v", time.Since(begun), err)
				}
			})
			if err := f.event("a"); err != nil || time.Since(begun) < calmFor*3/2 || slices.Min(f.spans("a")) < lookEvery {
				t.Errorf("took %v, %v; looks %v", time.Since(begun), err, f.looks)
			}
		},
		"an event that comes when the follower ends is not lost": func(t *testing.T) {
			f, begun := follows("a", "b"), time.Now()
			f.before = func() {
				if err := f.event("b"); err != nil {
					t.Error(err)
				}
			}
			if err := f.event("a"); err != nil || len(f.looks["b"]) == 0 || time.Since(begun) < 2*calmFor || len(f.marks) > 0 || f.holder != "" {
				t.Errorf("%v after %v, %v", f.looks, time.Since(begun), err)
			}
		},
		"an exposure that is gone, or has no targets yet, holds nobody up": func(t *testing.T) {
			f := follows("a")
			f.table = append(f.table, registry.Exposure{ID: "young"})
			f.marks = []registry.Mark{{Exposure: "gone", Since: time.Now()}, {Exposure: "young", Since: time.Now()}}
			if err := f.event("a"); err != nil || len(f.marks) > 0 || len(f.looks) != 1 {
				t.Errorf("%v, %v; marked are %v", f.looks, err, f.marks)
			}
		},
		"within the function's time, and a tick that is not settled goes on": func(t *testing.T) {
			f, begun := follows("a", "b"), time.Now()
			f.sees = func(string) (targets.Report, error) { return targets.Report{State: targets.Moving}, nil }
			time.AfterFunc(5*time.Minute, func() { _ = f.event("b") })
			if err := f.event("a"); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took > 7*time.Minute || took < 7*time.Minute-margin || f.holder != "" {
				t.Errorf("took %v, and %q holds the lease", took, f.holder)
			}
			before := len(f.looks["b"])
			if err := f.function.tick(t.Context(), *f.table[1].Binding); err != nil || len(f.looks["b"]) == before || len(f.marks) > 0 {
				t.Errorf("%d looks, then %d, %v; marked are %v", before, len(f.looks["b"]), err, f.marks)
			}
			if took := time.Since(begun); took < 11*time.Minute || took > 11*time.Minute+2*lookEvery {
				t.Errorf("b was followed until %v", took)
			}
		},
		"a follower whose lease another has by now ends": func(t *testing.T) {
			f := follows("a")
			time.AfterFunc(5*time.Second, func() {
				f.book.lock.Lock()
				defer f.book.lock.Unlock()
				f.holder, f.until = "another", time.Now().Add(time.Hour)
			})
			begun := time.Now()
			if err := f.event("a"); err != nil || time.Since(begun) > leaseTime || f.holder != "another" {
				t.Errorf("took %v, %v; %q holds the lease", time.Since(begun), err, f.holder)
			}
		},
		"a registry that breaks ends it, within the lease": func(t *testing.T) {
			f := follows("a")
			time.AfterFunc(5*time.Second, func() {
				f.book.lock.Lock()
				defer f.book.lock.Unlock()
				f.refused = errors.New("no table")
			})
			begun := time.Now()
			if err := f.event("a"); err == nil || time.Since(begun) > leaseTime+lookEvery {
				t.Errorf("took %v, %v", time.Since(begun), err)
			}
		},
		"a steady tick asks nothing": func(t *testing.T) {
			f := follows("a")
			f.function.sync = func(context.Context, registry.Binding, targets.Asked) (targets.Report, error) { return calm, nil }
			f.marks = []registry.Mark{{Exposure: "a", Since: time.Now()}}
			if err := f.function.tick(t.Context(), *f.table[0].Binding); err != nil || len(f.looks) > 0 || f.reads > 0 {
				t.Errorf("%v, %d reads, %v", f.looks, f.reads, err)
			}
		},
		"several are looked at one by one, within a minute, and in an order that leaves nobody out for good": func(t *testing.T) {
			ids := make([]string, 30)
			for i := range ids {
				ids[i] = string(rune('a' + i))
			}
			f, ran := follows(ids...), map[string]int{}
			under := 0
			f.function.sync = func(_ context.Context, b registry.Binding, _ targets.Asked) (targets.Report, error) {
				if under++; under > 1 {
					t.Error("two at once")
				}
				time.Sleep(4 * time.Second)
				under--
				ran[b.Exposure]++
				return calm, nil
			}
			for range 40 {
				begun := time.Now()
				if err := f.function.handle(t.Context(), input{Exposures: ids}); err != nil || time.Since(begun) > time.Minute {
					t.Errorf("within %v, %v", time.Since(begun), err)
				}
			}
			if len(ran) != len(ids) {
				t.Errorf("%d of %d were looked at", len(ran), len(ids))
			}
		},
		"of several, what is marked is left to who follows": func(t *testing.T) {
			f, ran := follows("a", "b"), []string{}
			f.function.sync = func(_ context.Context, b registry.Binding, _ targets.Asked) (targets.Report, error) {
				ran = append(ran, b.Exposure)
				return calm, nil
			}
			f.marks = []registry.Mark{{Exposure: "a", Since: time.Now()}}
			if err := f.function.handle(t.Context(), input{Exposures: []string{"a", "b"}}); err != nil || !slices.Equal(ran, []string{"b"}) {
				t.Errorf("%v, %v", ran, err)
			}
			if len(f.marks) > 0 || len(f.looks["a"]) == 0 || len(f.looks["b"]) > 0 { // nobody did
				t.Errorf("marked are %v, looked at %v", f.marks, f.looks)
			}
		},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
}
