package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/targets"
)

// What AWS takes, of which docs/limits.md speaks.
const (
	room          = 10 // functions that a new account of AWS may run at once
	awsCall       = 50 * time.Millisecond
	registryCall  = 10 * time.Millisecond
	answerTakes   = 60 * time.Millisecond   // of a resolver whose database answers
	besideTakes   = 360 * time.Millisecond  // where the host before it is a target still, and silent: internal/resolve
	silenceTakes  = 1600 * time.Millisecond // of one whose database does not answer
	healthyAfter  = 2 * time.Minute         // a target's registration: ELB takes 90 to 180 s
	functionLasts = 7 * time.Minute
	eventLasts    = time.Minute // in Lambda's queue: infra/functions.go
)

// burst is an account with a stack in which databases fail at once. Time is a bubble's.
type burst struct {
	t         *testing.T
	book      *book
	databases map[string]*failing
	begun     time.Time
	dies      time.Duration // since then: whoever follows then; 0 nobody

	lock                   sync.Mutex
	running, most          int // functions in the account
	followers, mostFollows int // of those, followers and the resolvers of their looks
	ticks, missed, expired int
	late                   time.Duration // the longest that a tick waited in the queue
	invocations            sync.WaitGroup
}

// failing is a database that is gone for a while and comes back at another address.
type failing struct {
	fails, back time.Time
	registered  time.Time // its new address, as a target
	event       time.Time // the first that was not lost
	looks       []time.Time
	looking     int
	seen        string // of the last look
}

func (b *burst) healthy(d *failing) bool {
	now := time.Now()
	return now.Before(d.fails) || !d.registered.IsZero() && now.Sub(d.registered) >= healthyAfter
}

// take takes room for a function, if there is any.
func (b *burst) take(follows bool) (free func(), ok bool) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.running >= room {
		return nil, false
	}
	b.count(1, follows)
	return func() {
		b.lock.Lock()
		defer b.lock.Unlock()
		b.count(-1, follows)
	}, true
}

func (b *burst) count(n int, follows bool) {
	b.running += n
	if follows {
		b.followers += n
	}
	b.most, b.mostFollows = max(b.most, b.running), max(b.mostFollows, b.followers)
}

// process is an invocation of ip-sync.
type process struct {
	*burst
	*book
	follows bool
	dead    bool
	kill    func()
}

var errDead = errors.New("the process is dead")

func (p *process) call(d time.Duration) error {
	time.Sleep(d)
	p.burst.lock.Lock()
	defer p.burst.lock.Unlock()
	if p.dead {
		return errDead
	}
	return nil
}

func (p *process) ByDatabase(ctx context.Context, database string) ([]registry.Exposure, error) {
	if err := p.call(registryCall); err != nil {
		return nil, err
	}
	return p.book.ByDatabase(ctx, database)
}

func (p *process) Get(ctx context.Context, id string) (registry.Exposure, error) {
	if err := p.call(registryCall); err != nil {
		return registry.Exposure{}, err
	}
	return p.book.Get(ctx, id)
}

func (p *process) AddMarks(ctx context.Context, marks []registry.Mark) error {
	if err := p.call(registryCall); err != nil {
		return err
	}
	return p.book.AddMarks(ctx, marks)
}

func (p *process) Marks(ctx context.Context) ([]registry.Mark, error) {
	if err := p.call(registryCall); err != nil {
		return nil, err
	}
	return p.book.Marks(ctx)
}

func (p *process) RemoveMarks(ctx context.Context, marks []registry.Mark) error {
	if err := p.call(registryCall); err != nil {
		return err
	}
	return p.book.RemoveMarks(ctx, marks)
}

func (p *process) Lease(ctx context.Context, id, holder string, d time.Duration) (registry.Exposure, bool, error) {
	if err := p.call(registryCall); err != nil {
		return registry.Exposure{}, false, err
	}
	leased, held, err := p.book.Lease(ctx, id, holder, d)
	p.burst.lock.Lock()
	defer p.burst.lock.Unlock()
	if held && !p.follows {
		p.follows = true
		p.followers++
		p.mostFollows = max(p.mostFollows, p.followers)
	}
	return leased, held, err
}

func (p *process) Release(ctx context.Context, id, holder string) error {
	if err := p.call(registryCall); err != nil {
		return err
	}
	return p.book.Release(ctx, id, holder)
}

func (p *process) ReleaseUnmarked(ctx context.Context, holder string) (bool, error) {
	if err := p.call(registryCall); err != nil {
		return false, err
	}
	return p.book.ReleaseUnmarked(ctx, holder)
}

// resolve invokes the resolver.
func (p *process) resolve(d *failing) error {
	if err := p.call(awsCall); err != nil { // the targets' health
		return err
	}
	free, ok := p.take(p.follows)
	if !ok {
		return outcome.Throttled("invoke the resolver")
	}
	defer free()
	switch now := time.Now(); {
	case p.healthy(d):
		time.Sleep(answerTakes)
	case now.Before(d.back):
		time.Sleep(silenceTakes)
	default:
		time.Sleep(besideTakes)
	}
	return nil
}

// look is what a look of a loop does, and a tick that finds something to do.
func (p *process) look(_ context.Context, b registry.Binding, _ bool) (targets.Report, error) {
	d := p.databases[b.Exposure]
	p.burst.lock.Lock()
	d.looking++
	if d.looking > 1 {
		d.looking--
		p.burst.lock.Unlock()
		return targets.Report{State: targets.Busy}, nil
	}
	p.burst.lock.Unlock()
	defer func() {
		p.burst.lock.Lock()
		d.looking--
		p.burst.lock.Unlock()
	}()
	if err := p.resolve(d); err != nil {
		return targets.Report{State: targets.Missed}, err
	}
	if err := p.call(2*awsCall + 3*registryCall); err != nil { // database and interfaces; lease and memory
		return targets.Report{State: targets.Failing}, err
	}
	p.burst.lock.Lock()
	defer p.burst.lock.Unlock()
	now := time.Now()
	d.looks = append(d.looks, now)
	if !now.Before(d.back) && d.registered.IsZero() {
		d.registered = now
	}
	if d.seen = "down"; p.healthy(d) {
		d.seen = "calm"
		return calm, nil
	}
	return targets.Report{State: targets.Settling, Since: d.fails}, nil
}

func (p *process) sync(ctx context.Context, b registry.Binding, _ targets.Asked) (targets.Report, error) {
	d := p.databases[b.Exposure]
	if err := p.resolve(d); err != nil {
		p.burst.lock.Lock()
		defer p.burst.lock.Unlock()
		p.missed++
		return targets.Report{State: targets.Missed, Since: d.fails}, err
	}
	if p.healthy(d) {
		return calm, nil
	}
	if err := p.call(2*awsCall + registryCall); err != nil {
		return targets.Report{State: targets.Failing, Since: d.fails}, err
	}
	p.burst.lock.Lock()
	news := d.seen == "" || !time.Now().Before(d.back) && d.registered.IsZero() // is written down, or acted upon
	p.burst.lock.Unlock()
	if !news {
		return targets.Report{State: targets.Settling, Since: d.fails}, nil
	}
	return p.look(ctx, b, false)
}

// invoke puts an event into Lambda's queue, which tries for a minute.
func (b *burst) invoke(in input) {
	b.invocations.Go(func() {
		accepted := time.Now()
		for backoff := time.Second; ; backoff *= 2 {
			free, ok := b.take(false)
			if ok {
				b.run(in, time.Since(accepted))
				free()
				return
			}
			if time.Since(accepted)+backoff > eventLasts {
				b.lock.Lock()
				defer b.lock.Unlock()
				if in.TargetGroupARN != "" {
					b.expired++
				}
				return
			}
			time.Sleep(backoff)
		}
	})
}

func (b *burst) run(in input, waited time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), functionLasts)
	defer cancel()
	p := &process{burst: b, book: b.book, kill: cancel}
	b.lock.Lock()
	if in.TargetGroupARN != "" {
		b.ticks++
		b.late = max(b.late, waited)
	}
	b.lock.Unlock()
	s := ipSync{meant: meant, registry: p, sync: p.sync, look: p.look, now: time.Now}
	stop := b.mayDie(p)
	err := s.handle(ctx, in)
	stop()
	b.lock.Lock()
	defer b.lock.Unlock()
	if p.follows {
		b.followers--
	}
	if err != nil && !p.dead && outcome.Name(err) != outcome.NameThrottled {
		b.t.Errorf("%+v: %v", in, err)
	}
}

// mayDie kills a process that follows when it is time.
func (b *burst) mayDie(p *process) (stop func()) {
	if b.dies == 0 {
		return func() {}
	}
	timer := time.AfterFunc(time.Until(b.begun.Add(b.dies)), func() {
		b.lock.Lock()
		defer b.lock.Unlock()
		if p.follows {
			p.dead = true
			p.kill()
		}
	})
	return func() { timer.Stop() }
}

const crowd = 50

// play has all databases fail half a minute from now, and ticks go on for a quarter of an hour, with what the observer and
// the watch ask for every minute. deliver says how often an event comes.
func (b *burst) play(deliver func(n, event int) int) {
	zone := b.begun.Add(30 * time.Second)
	expose := func(id string, d *failing) registry.Exposure {
		e := exposure(id, "arn:aws:rds:eu-central-1:111122223333:db:"+id)
		b.book.table, b.databases[id] = append(b.book.table, e), d
		return e
	}
	var those []registry.Exposure
	var awaited, doubted []string
	for n := range crowd {
		those = append(those, expose(fmt.Sprintf("d%02d", n),
			&failing{fails: zone, back: zone.Add(time.Minute + time.Duration(n*17%60)*time.Second)})) // RDS: 60 to 120 s
	}
	for n := range crowd / 5 {
		awaited = append(awaited, fmt.Sprintf("w%02d", n)) // in another zone, and not connected yet
		expose(awaited[n], &failing{fails: zone.Add(24 * time.Hour)})
		doubted = append(doubted, those[n].ID)
	}
	for n, e := range those {
		d, in := b.databases[e.ID], input{Source: "aws.rds"}
		in.Detail.SourceARN = e.DatabaseARN
		for event, at := range []time.Time{zone.Add(2*time.Second + time.Duration(n)*7*time.Millisecond), d.back.Add(time.Second)} {
			for range deliver(n, event) {
				if d.event.IsZero() {
					d.event = at
				}
				time.AfterFunc(time.Until(at), func() { b.invoke(in) })
			}
		}
		tick := time.Duration(n+1) * (time.Minute/crowd + time.Millisecond)
		for minute := range 15 {
			time.AfterFunc(time.Duration(minute)*time.Minute+tick, func() { b.invoke(input{Binding: *e.Binding}) })
		}
	}
	for minute := range 15 {
		time.AfterFunc(time.Duration(minute)*time.Minute+9*time.Second, func() {
			b.invoke(input{Exposures: awaited})
			b.invoke(input{Exposures: doubted, Full: true})
		})
	}
	time.Sleep(16 * time.Minute)
	b.invocations.Wait()
}

// waits are, sorted, how long the exposures waited from their event to the first look after it, and how long at the most
// from one look to the next until their databases were well.
func (b *burst) waits() (first, between []time.Duration) {
	for _, d := range b.databases {
		if d.event.IsZero() {
			continue
		}
		before, longest := d.event, time.Duration(0)
		for _, at := range d.looks {
			if at.Before(d.event) || before.After(d.registered.Add(healthyAfter)) && !d.registered.IsZero() {
				continue
			}
			if before.Equal(d.event) {
				first = append(first, at.Sub(d.event))
			} else {
				longest = max(longest, at.Sub(before))
			}
			before = at
		}
		between = append(between, longest)
	}
	slices.Sort(first)
	slices.Sort(between)
	return first, between
}

// Fifty databases move at once, in an account that may run ten functions: docs/limits.md has the figures that this prints.
func TestFiftyDatabasesMoveAtOnceInAnAccountOfTenFunctions(t *testing.T) {
	const (
		look  = registryCall + awsCall + silenceTakes + 2*awsCall + 3*registryCall // the longest
		round = (crowd+looksAtOnce-1)/looksAtOnce*look + lookEvery + lookEvery/4   // who waits longest is next
		queue = 2 * time.Second                                                    // an event finds no room, and comes back
		// A follower that dies leaves whom it would have looked at next to the end of the next one's round.
		death = leaseTime + time.Minute/crowd + 2*look + round
	)
	once := func(int, int) int { return 1 }
	var table strings.Builder
	fmt.Fprintf(&table, "%-36s %7s %7s  %7s %7s  %12s %6s  %7s %9s  %s\n",
		"", "event to look", "", "look to look", "", "ticks missed", "late", "at once", "follower", "all well after")
	for _, row := range []struct {
		name    string
		deliver func(n, event int) int
		dies    time.Duration
		bound   time.Duration // of the wait from event to look, and from look to look
	}{
		{"every event comes once", once, 0, queue + round},
		{"every other event comes twice", func(n, event int) int { return 1 + (n+event)%2 }, 0, queue + round},
		{"every third event is lost", func(n, event int) int { return min(1, (n+event)%3) }, 0, queue + round},
		{"no event comes: the ticks alone", func(int, int) int { return 0 }, 0, 0},
		{"the follower dies after a minute", once, 90 * time.Second, queue + round + death},
		{"the follower dies while events come", once, 33 * time.Second, queue + round + death},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &burst{t: t, begun: time.Now(), dies: row.dies, book: &book{clock: time.Now}, databases: map[string]*failing{}}
				b.play(row.deliver)
				well := time.Duration(0)
				for id, d := range b.databases {
					if time.Now().Before(d.fails) {
						continue
					}
					if d.registered.IsZero() || !b.healthy(d) || d.registered.Sub(d.back) > time.Minute+2*look {
						t.Errorf("%s was back after %v, and was registered %v later", id, d.back.Sub(d.fails), d.registered.Sub(d.back))
					}
					well = max(well, d.registered.Add(healthyAfter).Sub(d.fails))
				}
				if len(b.book.marks) > 0 || b.book.holder != "" && time.Now().Before(b.book.until) || b.running != 0 {
					t.Errorf("marked are %v, %q follows, %d functions run", b.book.marks, b.book.holder, b.running)
				}
				if b.mostFollows > 1+looksAtOnce || b.most > room {
					t.Errorf("followers took %d of the account's functions, all together %d", b.mostFollows, b.most)
				}
				first, between := b.waits()
				if most(first) > row.bound || most(between) > row.bound {
					t.Errorf("waited %v from the event and %v between looks, at most %v", first, between, row.bound)
				}
				if lost := b.missed + b.expired; b.ticks+b.expired != 15*crowd || lost > 15*crowd/20 || b.late > 7*time.Second {
					t.Errorf("%d ticks of %d came, up to %v late, %d saw nothing, %d were too old", b.ticks, 15*crowd, b.late, b.missed, b.expired)
				}
				fmt.Fprintf(&table, "%-36s %6.1fs %6.1fs  %6.1fs %6.1fs  %5d of %3d %5.1fs  %7d %9d  %.0fs\n", row.name,
					median(first).Seconds(), most(first).Seconds(), median(between).Seconds(), most(between).Seconds(),
					b.missed+b.expired, 15*crowd, b.late.Seconds(), b.most, b.mostFollows, well.Seconds())
			})
		})
	}
	t.Log("\n" + table.String())
}

func median(sorted []time.Duration) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

func most(sorted []time.Duration) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)-1]
}
