package targets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// How long things are believed.
const (
	// describeLag is how long a describe may show what was before a change that
	// was remembered: the change itself may come as late as the lease ends, and
	// describes are given another minute. AWS calls its APIs eventually
	// consistent and gives no bound.
	describeLag = leaseTime + time.Minute
	// A name that is gone must still be gone at the next tick, a minute later. A
	// first time that is longer ago proves nothing: the steady tick in between
	// read no registry and could not strike it out.
	goneAtLeast = 45 * time.Second
	goneAtMost  = 100 * time.Second
	// missesBeforeRemoval is on how many ticks DNS must not have named an address
	// of a proxy: an answer may hold some of its addresses only. The ticks are as
	// far apart as those of a name that is gone.
	missesBeforeRemoval = 3
	// renamedWithin is how long a new address whose certificate names another
	// server is waited for. RDS issues certificates anew when a switchover renames
	// databases (aws/aws-advanced-go-wrapper#230) and says nowhere when; a new DNS
	// name takes "about 10 minutes" (RDS guide, "Renaming a DB instance"). A wait
	// that began misnamedForgotten ago is another one's.
	renamedWithin     = 10 * time.Minute
	misnamedForgotten = 25 * time.Minute
)

// memory is what outlives a tick. It is kept in the registry, and written on
// change only. Times are Unix seconds.
type memory struct {
	GoneSince int64 `json:"goneSince,omitempty"`
	// Missing holds the targets that DNS did not name, with how often and when
	// last.
	Missing map[string]misses `json:"missing,omitempty"`
	// Misnamed holds the targets that would be registered if their certificates
	// did not name another server, with since when they are waited for.
	Misnamed map[string]int64 `json:"misnamed,omitempty"`
	// Deregistered holds the targets taken away within the last describeLag. It
	// is written before the call, so that whoever comes next does not count on
	// a target that a late describe still shows.
	Deregistered map[string]int64 `json:"deregistered,omitempty"`
}

type misses struct {
	Count int   `json:"count"`
	Seen  int64 `json:"seen"`
}

func parseMemory(state json.RawMessage) (memory, error) {
	var m memory
	if len(state) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(state, &m); err != nil {
		return m, fmt.Errorf("decode sync state: %w", err)
	}
	return m, nil
}

func (m memory) encode() (json.RawMessage, error) {
	state, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode sync state: %w", err)
	}
	return state, nil
}

func (m memory) equal(other memory) bool {
	a, errA := m.encode()
	b, errB := other.encode()
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// gone starts the clock of a name that does not exist, when the first look has
// ended; it is gone for good if a look that begins long enough after that does
// not find it either. there stops the clock.
func (m memory) gone(begun, ended time.Time) (next memory, forGood bool) {
	age := begun.Sub(time.Unix(m.GoneSince, 0))
	if m.GoneSince == 0 || age > goneAtMost {
		m.GoneSince = ended.Unix()
		return m, false
	}
	return m, age >= goneAtLeast
}

func (m memory) there() memory {
	m.GoneSince = 0
	return m
}

// missing counts a tick for the targets that DNS did not name, and forgets all
// others.
func (m memory) missing(unnamed []target, begun, ended time.Time) memory {
	counted := map[string]misses{}
	for _, t := range unnamed {
		before := m.Missing[t.String()]
		switch age := begun.Sub(time.Unix(before.Seen, 0)); {
		case before.Count == 0 || age > goneAtMost:
			counted[t.String()] = misses{1, ended.Unix()}
		case age >= goneAtLeast:
			counted[t.String()] = misses{min(before.Count+1, missesBeforeRemoval), ended.Unix()}
		default:
			counted[t.String()] = before
		}
	}
	m.Missing = counted
	return m
}

func (m memory) missed(t target) bool { return m.Missing[t.String()].Count >= missesBeforeRemoval }

// misnamedSince is since when t is waited for, if it is.
func (m memory) misnamedSince(t target, now time.Time) (since time.Time, waits bool) {
	at, found := m.Misnamed[t.String()]
	since = time.Unix(at, 0)
	return since, found && now.Sub(since) <= misnamedForgotten
}

// deregistering remembers targets, and forgets those that no describe shows any
// more.
func (m memory) deregistering(taken []target, now time.Time) memory {
	if len(taken) == 0 {
		return m
	}
	kept := maps.Clone(m.Deregistered)
	maps.DeleteFunc(kept, func(_ string, at int64) bool { return !recent(at, now) })
	if kept == nil {
		kept = map[string]int64{}
	}
	for _, t := range taken {
		kept[t.String()] = now.Unix()
	}
	m.Deregistered = kept
	return m
}

// doubts reports whether the describe that shows t may be older than its
// deregistration.
func (m memory) doubts(t target, now time.Time) bool {
	at, found := m.Deregistered[t.String()]
	return found && recent(at, now)
}

func recent(at int64, now time.Time) bool {
	return now.Sub(time.Unix(at, 0)) <= describeLag
}
