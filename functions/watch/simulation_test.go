package main

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/targets"
)

// What can break, as the sync and the watch can see it.
const (
	plainly   = "every look sees it"
	onTheWay  = "only a look through the load balancer sees it"
	described = "only AWS's descriptions show it"
	unlooked  = "nothing looks any more"
	unticking = "the schedule ticks no more, and the sync itself works"
)

// play is a day of an exposure, and of another that is well, second by second: ticks and sweeps each minute, full looks in
// the exposure's slot, probes that run into their time-outs.
type play struct {
	*world
	process *watcher
	id      string
	second  int // at which the schedule ticks

	what         string
	from, until  time.Time // when it is broken
	missedTick   int       // how many ticks after it broke one is missed; -1: none
	missedSweep  int
	remembers    bool // whether the sync knows the last good look, beside the recorded one
	lastGood     time.Time
	coming       []func() // looks that end at a later moment
	comingAt     []time.Time
	ticks, sweep int
	heard        map[string]bool
}

const probeTimeout = 8 * time.Second

func (p *play) broken() bool { return !p.clock.Before(p.from) && p.clock.Before(p.until) }

// look is what ip-sync does, and records.
func (p *play) look(full, ofTheSchedule bool) {
	bad := p.broken() && (p.what == plainly || p.what == onTheWay && full)
	begun, took := p.clock, time.Second
	if bad {
		took = probeTimeout
	}
	p.coming, p.comingAt = append(p.coming, func() {
		life := &p.exposures[p.id].Life
		wayFails := life.State == string(targets.Cut)
		switch {
		case bad:
			if life.Bad.IsZero() {
				life.Bad = p.clock
			}
			if life.State = "settling"; p.what == onTheWay {
				life.State = string(targets.Cut)
			}
			if p.remembers && p.lastGood.After(life.Good) {
				life.Good = p.lastGood
			}
			if full {
				life.Path = []registry.Passage{{Node: "10.0.0.4", Result: resolve.Blocked}}
			}
		case wayFails && !full:
			return // what ends it is a look through the load balancer
		default:
			p.lastGood = begun
			if !full && life.Bad.IsZero() {
				return // steady: nothing is written
			}
			life.State, life.Bad, life.Good = "settled", time.Time{}, begun
			if full {
				life.Proven, life.Path = begun, []registry.Passage{{Node: "10.0.0.4", Result: resolve.Served}}
			}
		}
		if life.Looked = p.clock; ofTheSchedule {
			life.Ticked = p.clock
		}
	}), append(p.comingAt, begun.Add(took))
}

func (p *play) tick() {
	after := p.clock.Sub(p.from)
	if after >= 0 {
		p.ticks++
	}
	if after >= 0 && p.ticks-1 == p.missedTick || p.broken() && (p.what == unlooked || p.what == unticking) {
		return
	}
	p.look(int(p.clock.Unix()/60)%4 == owned.Slot(p.id, 4), true)
}

// told plays, and says how long after the break, and after its end, the operators were told.
func (p *play) told(t *rapid.T, length time.Duration) (first, well time.Duration) {
	first, well = -1, -1
	for end := p.clock.Add(length); p.clock.Before(end); p.clock = p.clock.Add(time.Second) {
		for i := 0; i < len(p.coming); i++ {
			if !p.comingAt[i].After(p.clock) {
				end := p.coming[i]
				p.coming, p.comingAt = append(p.coming[:i:i], p.coming[i+1:]...), append(p.comingAt[:i:i], p.comingAt[i+1:]...)
				i--
				end()
			}
		}
		other := &p.exposures["other"].Life
		other.Looked, other.Ticked, other.Good = p.clock, p.clock, p.clock
		if p.clock.Second() == p.second {
			p.tick()
		}
		if p.clock.Second() != 30 {
			continue
		}
		if !p.clock.Before(p.from) {
			if p.sweep++; p.sweep-1 == p.missedSweep {
				continue
			}
		}
		report := inspect.Report{}
		if p.what == described && p.broken() {
			report.Hops = []inspect.Hop{{Name: inspect.Enforcement, State: inspect.Broken}}
		}
		p.reports[p.id] = report
		if _, err := p.process.handle(t.Context(), Input{Sweep: sweepExposures}); err != nil {
			t.Fatal(err)
		}
		for range p.nudged() {
			if !p.broken() || p.what != unlooked {
				p.look(true, false)
			}
		}
		p.invoked = nil
		for i, subject := range p.said {
			if !strings.HasSuffix(subject, p.id) {
				t.Fatalf("operators heard %q", subject)
			}
			if p.heard[p.texts[i]] || p.heard[subject] && !strings.Contains(subject, "well again") {
				t.Fatalf("operators heard %q once more", subject)
			}
			p.heard[p.texts[i]] = true
			if p.heard[subject] = true; strings.Contains(subject, "well again") {
				well = p.clock.Sub(p.until)
			} else if first < 0 {
				first = p.clock.Sub(p.from)
			}
		}
		p.said, p.texts = nil, nil
	}
	return first, well
}

func newPlay(t *rapid.T, what string) *play {
	id := rapid.SampledFrom([]string{"orders", "billing", "events", "users", "ledger", "carts"}).Draw(t, "exposure")
	w := newWorld(finished2(id), finished2("other"))
	return &play{
		world: w, process: w.process(), id: id, what: what, second: rapid.IntRange(0, 59).Draw(t, "second"), lastGood: noon,
		from:      noon.Add(20*time.Minute + time.Duration(rapid.IntRange(0, 300).Draw(t, "breaks"))*time.Second),
		remembers: rapid.Bool().Draw(t, "the sync remembers"), missedTick: -1, missedSweep: -1,
		heard: map[string]bool{},
	}
}

// Whatever breaks, and whenever: the operators hear within six minutes, where patience is five, and once; and once that it
// is over. A tick that is missed delays nothing, a sweep that is missed by itself.
func TestFromTheBreakToTheMessage(t *testing.T) {
	for what, within := range map[string]time.Duration{
		plainly: 6 * time.Minute, onTheWay: 6 * time.Minute, described: 6 * time.Minute, unlooked: 6 * time.Minute,
		unticking: 10 * time.Minute, // it is served, and looked at by the sweep's request
	} {
		t.Run(what, func(t *testing.T) {
			var longest time.Duration
			rapid.Check(t, func(t *rapid.T) {
				p := newPlay(t, what)
				p.until = p.from.Add(30 * time.Minute)
				limit := within
				switch rapid.IntRange(0, 2).Draw(t, "missed") {
				case 1:
					p.missedTick = rapid.IntRange(0, 5).Draw(t, "tick")
				case 2:
					p.missedSweep = rapid.IntRange(0, 5).Draw(t, "sweep")
					limit += time.Minute
				}
				first, well := p.told(t, 70*time.Minute)
				if first < 0 || first > limit {
					t.Fatalf("told %v after the break", first)
				}
				if well < 0 || well > 6*time.Minute {
					t.Fatalf("well again told %v after the end", well)
				}
				longest = max(longest, first)
			})
			t.Logf("at most %v from the break to the message", longest)
		})
	}
}

// A failover is over before anybody is told.
func TestAFailoverIsNotTold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay(t, plainly)
		p.until = p.from.Add(time.Duration(rapid.IntRange(1, 85).Draw(t, "lasts")) * time.Second)
		if first, _ := p.told(t, 40*time.Minute); first >= 0 {
			t.Fatalf("told after %v", first)
		}
	})
}

// Looks that are missed now and then are not told: the sweep has the next one made.
func TestATickThatIsMissedIsNotTold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay(t, "nothing")
		p.missedTick = rapid.IntRange(0, 9).Draw(t, "tick")
		if first, _ := p.told(t, 50*time.Minute); first >= 0 {
			t.Fatalf("told after %v", first)
		}
	})
}
