package targets

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/lockout"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
)

// Asked says who asks for a sync, and how much is looked at.
type Asked struct {
	Tick   bool // the exposure's schedule
	Full   bool // through each node of the load balancer, too
	Record bool // what was seen is recorded in the registry, where it is due
}

// Good: nothing is wrong.
func (s State) Good() bool { return s == Settled || s == Stopped }

// Proven reports whether the database itself has answered through every node of the load balancer.
func (r Report) Proven() bool {
	return len(r.Path) > 0 && !slices.ContainsFunc(r.Path, func(p registry.Passage) bool { return p.Result != resolve.Served })
}

// path are the listeners to go through, of a binding that names them: none where no function is in the VPC, or where no
// target is there to answer.
func (o observation) path(b registry.Binding) []string {
	if b.ResolverFunction == "" || b.ListenerPort == 0 || !o.someTargetMayServe() {
		return nil
	}
	listeners := make([]string, len(b.Nodes))
	for i, node := range b.Nodes {
		listeners[i] = net.JoinHostPort(node, strconv.Itoa(b.ListenerPort))
	}
	return listeners
}

// walk says how the way through the nodes is, of a report that is settled but for it. It takes no target away: a way that is
// cut is none of the targets' fault. Who has a certificate of another name proves nothing; but where a target shows such a
// one itself, the way leads to it, and the name is what is told.
func (r *Report) walk(b registry.Binding, o observation) {
	var cut, lockouts []string
	for _, p := range o.answer.Path {
		node, _, err := net.SplitHostPort(p.Address)
		if err != nil {
			node = p.Address
		}
		r.Path = append(r.Path, registry.Passage{Node: node, Result: p.Result, Detail: p.Detail, Code: p.Code})
		if p.Result != resolve.Served && (p.TLS != resolve.Mismatch || r.Misnamed == "") {
			cut = append(cut, strings.TrimSuffix("node "+node+": "+p.Result+": "+p.Detail, ": "))
			if l, is := lockout.Explain(b.Engine, p.Code); is && !slices.Contains(lockouts, l.String()) {
				lockouts = append(lockouts, l.String())
			}
		}
	}
	if r.State == Settled && len(cut) > 0 {
		r.State = Cut
		r.Detail = "the database does not answer through the load balancer: " + strings.Join(append(cut, lockouts...), "; ")
	}
}

// misled: somebody with a certificate of another name answers through the load balancer. Whether a target has it too is for
// a closer look.
func (o observation) misled() bool {
	return slices.ContainsFunc(o.answer.Path, func(p resolve.Probe) bool { return p.TLS == resolve.Mismatch })
}

// pulses are what this process knows of exposures' lives. The registry knows only what was recorded, which a steady tick
// neither reads nor, most often, writes.
type pulses struct {
	lock sync.Mutex
	of   map[string]pulse
}

type pulse struct {
	looked time.Time // when this process last looked
	good   time.Time // its last good look
	full   time.Time // the last of them that was a full one
	signed time.Time // its last record of one
	owed   bool      // a full look and its record: the targets changed, or a record of a good look failed
	// trouble: the last look was not good. Since then looks are full until one is good: no other ends a failure of the path.
	trouble bool
	since   time.Time // in trouble: the last good look before, as far as anybody knows
	guessed bool      // since is a guess: the registry did not answer
	begun   time.Time // in trouble: the first look that was not good
	told    State     // in trouble: the state that was recorded last,
	written time.Time // and when
	life    registry.Life
	read    time.Time // when life was read
}

func newPulses() *pulses { return &pulses{of: map[string]pulse{}} }

func (p *pulses) get(exposure string) pulse {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.of[exposure]
}

func (p *pulses) change(exposure string, change func(*pulse)) pulse {
	p.lock.Lock()
	defer p.lock.Unlock()
	changed := p.of[exposure]
	change(&changed)
	p.of[exposure] = changed
	return changed
}

// due reports whether a full look, and a sign of life, are due. A process that has not looked before cannot know whether the
// last look was bad, and records that it is over. Who has made all looks of late knows when the last sign was left.
// Everybody else goes by the exposure's slot, which begins a little before its schedule ticks: a schedule may be up to a
// minute late, and is never early.
func (p pulse) due(exposure string, now time.Time) bool {
	tick := deployment.Tick()
	switch {
	case p.looked.IsZero(), p.owed:
		return true
	case !p.signed.IsZero() && now.Sub(p.looked) < tick*3/2:
		return now.Sub(p.signed) > deployment.LookPeriod()-tick/2
	}
	phase := tick*time.Duration(owned.Slot(exposure, 60))/60 - tick/12
	slots := int64(deployment.LookPeriod() / tick)
	return now.Add(-phase).UnixNano()/int64(tick)%slots == int64(owned.Slot(exposure, uint32(slots)))
}

// bad is what a look that ended at a time and found trouble makes of a pulse. Good looks are recorded once in a look period,
// and another process may have made the latest: where a trouble begins and nothing says otherwise, the look before was good,
// a tick earlier, or at the latest when the sign of life after the last one did not come. Of a path that is cut nothing but
// a full look says that it was there, and each of those is recorded.
func (p *pulse) bad(ended time.Time, cut bool) {
	tick, period := deployment.Tick(), deployment.LookPeriod()
	fresh := !p.read.IsZero() && ended.Sub(p.read) <= tick // else the registry does not answer
	well := fresh && State(p.life.State).Good()
	lasts := p.trouble && (!well || !p.life.Looked.After(p.looked))
	if !lasts {
		p.begun, p.guessed = ended, false
	}
	seen := latest(p.good, p.life.Good)
	switch {
	case lasts && (!p.guessed || !fresh):
		p.since = latest(p.since, seen)
	case cut && !fresh && ended.Sub(p.full) > 2*period:
		p.since, p.good, p.guessed = p.begun.Add(-period), time.Time{}, true
	case cut:
		p.since, p.guessed = latest(p.full, p.life.Good), false
		p.good = p.since
	case !fresh && ended.Sub(p.good) > period:
		p.since, p.guessed = p.begun.Add(-tick), true
	case well:
		presumed := p.begun.Add(-tick)
		if next := p.life.Good.Add(period - tick); next.Before(presumed) {
			presumed = next
		}
		p.since, p.guessed = latest(seen, presumed), false
	default:
		p.since, p.guessed = seen, false
	}
	p.looked, p.trouble = ended, true
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// live keeps what a look found: in this process, in the report's Since and, of a full look and of one that is not good, in
// the registry, if it answers.
func (d Deps) live(ctx context.Context, b registry.Binding, asked Asked, report *Report, full, answers bool) {
	now := d.now()
	if report.State.Good() {
		d.thrives(ctx, b, asked, *report, full, now)
		return
	}
	p := d.pulses.change(b.Exposure, func(p *pulse) { p.bad(now, report.State == Cut) })
	if report.Since = p.since; p.since.IsZero() {
		report.Since = p.begun
	}
	// A loop that follows a failover looks every two seconds.
	again := p.told == report.State && now.Sub(p.written) < deployment.Tick()/2
	if !asked.Record || !answers || again {
		return
	}
	seen := registry.Life{Good: p.since, Bad: p.life.Bad, State: string(report.State), Detail: shortened(report.Detail), Path: report.Path}
	switch report.State {
	case Missed: // nobody looked
	case Busy: // whoever is at it records what it sees
		seen = registry.Life{}
		if !asked.Tick {
			return
		}
	default:
		seen.Looked = now
		if seen.Bad.IsZero() {
			seen.Bad = p.begun
		}
	}
	d.record(ctx, b.Exposure, asked, now, seen)
}

// thrives keeps a good look. A failure of the path is ended by a full one alone, and so is any other: what it rests on is
// looked at with it.
func (d Deps) thrives(ctx context.Context, b registry.Binding, asked Asked, report Report, full bool, now time.Time) {
	d.pulses.change(b.Exposure, func(p *pulse) {
		p.looked = now
		if full || !p.trouble {
			p.good, p.trouble, p.owed = now, false, report.changed
		}
		if full {
			p.full = now
		}
	})
	if !asked.Record || !full {
		return
	}
	seen := registry.Life{Looked: now, Good: now, State: string(report.State), Path: report.Path}
	if report.Proven() {
		seen.Proven = now
	}
	recorded := d.record(ctx, b.Exposure, asked, now, seen)
	d.pulses.change(b.Exposure, func(p *pulse) {
		p.owed = p.owed || !recorded
		if recorded && asked.Tick { // what others ask for must not put the next tick's sign off
			p.signed = now
		}
	})
}

// record writes best effort: that it cannot is no failure of the look.
func (d Deps) record(ctx context.Context, exposure string, asked Asked, ended time.Time, seen registry.Life) bool {
	if asked.Tick {
		seen.Ticked = ended
	}
	if err := d.Registry.RecordLife(ctx, exposure, ended, seen); err != nil {
		slog.WarnContext(ctx, "sign of life not recorded", "exposure", exposure, "error", err.Error())
		return false
	}
	d.pulses.change(exposure, func(p *pulse) {
		p.told, p.written = State(seen.State), ended
		if seen.State != "" {
			p.life.Looked, p.life.Good = latest(p.life.Looked, seen.Looked), latest(p.life.Good, seen.Good)
			p.life.Bad, p.life.State = seen.Bad, seen.State
		}
	})
	return true
}

// shortened keeps an item, and a message made from it, small.
func shortened(detail string) string {
	const most = 1000
	if len(detail) > most {
		return strings.ToValidUTF8(detail[:most], "") + "…"
	}
	return detail
}
