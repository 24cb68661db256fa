package targets

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"pgregory.net/rapid"

	"github.com/rdslink/rdslink/internal/resolve"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	os.Exit(m.Run())
}

const (
	foreignAddress = "10.0.9.9"
	// believed is how old what an actor acts on may be: a pass's time under its
	// lease, and a describe that lags.
	believed = leaseTime + maxLag
	maxLag   = 30 * time.Second
)

var pool = []string{blue, green, "10.0.3.3", "10.0.3.4"}

// trace is a world in which things happen, two actors that sync in it, each
// suspended ahead of every call, and the judge of their changes.
type trace struct {
	*world
	t          *rapid.T
	previous   string               // the address that stale DNS still gives
	movedAt    time.Time            // when it last moved
	lastOurs   map[string]time.Time // when an address was last the database's
	lastAlien  map[string]time.Time // when an address was last proven not to be
	lastServed map[target]time.Time // when a target was last healthy
	actors     [2]*actor
	wrong      []string
}

type actor struct {
	client *client
	next   func() (string, bool)
	stop   func()
}

func TestInvariantsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := newTrace(t)
		for range rapid.IntRange(20, 150).Draw(t, "steps") {
			tr.step()
			tr.judge()
		}
		tr.finish()
		tr.judge()
		tr.recover()
		tr.judge()
	})
}

func newTrace(t *rapid.T) *trace {
	tr := &trace{
		world: newWorld(), t: t, previous: blue, movedAt: noon,
		lastOurs: map[string]time.Time{}, lastAlien: map[string]time.Time{}, lastServed: map[target]time.Time{},
	}
	tr.owners[foreignAddress] = "other"
	tr.listener = rapid.Bool().Draw(t, "listener")
	tr.dns = tr.unreliableDNS
	for _, registered := range rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 0, 2, rapid.ID).Draw(t, "registered") {
		port := rapid.SampledFrom([]int{5432, 5432, 5432, 5433}).Draw(t, "port")
		tr.set(target{registered, port}, initial)
	}
	for i := range tr.actors {
		tr.actors[i] = &actor{client: tr.newActorClient()}
	}
	tr.note()
	return tr
}

// newActorClient is an actor's client in a bad world: calls fail before or
// after their effect, and describes lag.
func (tr *trace) newActorClient() *client {
	c := newClient(tr.world)
	c.lag = func() time.Duration {
		return time.Duration(rapid.IntRange(0, int(maxLag/time.Second)).Draw(tr.t, "lag")) * time.Second
	}
	c.after = func(string) error { return tr.fault("reply lost") }
	c.changing = func(operation string, t elbtypes.TargetDescription) { tr.examine(c, operation, t) }
	return c
}

func (tr *trace) fault(name string) error {
	if rapid.IntRange(0, 19).Draw(tr.t, name) == 0 {
		return errors.New(name)
	}
	return nil
}

// step lets one thing happen.
func (tr *trace) step() {
	switch rapid.SampledFrom([]string{
		"actor 0", "actor 1", "actor 0", "actor 1", "actor 0", "actor 1", "time", "time", "checks", "checks",
		"failover", "replaced", "status", "deleted", "listener", "killed", "taken", "long",
	}).Draw(tr.t, "what") {
	case "actor 0":
		tr.resume(tr.actors[0])
	case "actor 1":
		tr.resume(tr.actors[1])
	case "time":
		tr.pass(rapid.IntRange(1, 20).Draw(tr.t, "seconds"))
	case "long":
		tr.pass(rapid.IntRange(20, 90).Draw(tr.t, "seconds"))
	case "checks":
		for _, t := range slices.SortedFunc(maps.Keys(tr.targets), func(a, b target) int { return aCompare(a, b) }) {
			if rapid.Bool().Draw(tr.t, "checked") {
				tr.check(t)
			}
		}
	case "failover":
		tr.move(rapid.SampledFrom(pool).Draw(tr.t, "to"))
	case "replaced":
		old := tr.primary
		tr.move(rapid.SampledFrom(pool).Draw(tr.t, "to"))
		if old != tr.primary {
			delete(tr.owners, old)
		}
	case "taken":
		if a := rapid.SampledFrom(pool).Draw(tr.t, "address"); tr.owners[a] == "" {
			tr.owners[a] = "other"
		}
	case "status":
		tr.status = rapid.SampledFrom([]string{"available", "rebooting", "stopped", "starting"}).Draw(tr.t, "status")
	case "deleted":
		if rapid.IntRange(0, 3).Draw(tr.t, "really") == 0 {
			tr.exists = false
		}
	case "listener":
		tr.listener = true
	case "killed":
		a := tr.actors[rapid.IntRange(0, 1).Draw(tr.t, "actor")]
		if a.stop != nil {
			a.stop()
			a.next, a.stop = nil, nil
		}
	}
	tr.note()
}

func aCompare(a, b target) int {
	if a.String() < b.String() {
		return -1
	}
	return 1
}

func (tr *trace) pass(seconds int) { tr.now = tr.now.Add(time.Duration(seconds) * time.Second) }

func (tr *trace) move(to string) {
	if tr.owners[to] == "other" {
		return
	}
	tr.owners[to] = "database"
	if to != tr.primary {
		tr.previous, tr.primary, tr.movedAt = tr.primary, to, tr.now
	}
}

// unreliableDNS fails, lies, and is late.
func (tr *trace) unreliableDNS() resolve.Answer {
	if !tr.exists && rapid.IntRange(0, 4).Draw(tr.t, "gone") > 0 {
		return resolve.Answer{Lookups: [][]string{{}, {}}, Gone: true}
	}
	switch rapid.IntRange(0, 11).Draw(tr.t, "dns") {
	case 0:
		return resolve.Answer{Lookups: [][]string{{}, {}}, Errors: []string{"timeout"}}
	case 1:
		return resolve.Answer{Lookups: [][]string{{tr.primary}, {}}, Errors: []string{"timeout"}}
	case 2:
		return answers(public)
	case 3:
		return answers(foreignAddress)
	case 4:
		return answers(tr.primary, tr.previous)
	case 5:
		return resolve.Answer{Lookups: [][]string{{}, {}}, Gone: true}
	case 6, 7:
		return resolve.Answer{Lookups: [][]string{{tr.late()}, {tr.late()}}}
	default:
		return answers(tr.late())
	}
}

func (tr *trace) late() string {
	if tr.now.Sub(tr.movedAt) < time.Minute && rapid.Bool().Draw(tr.t, "late") {
		return tr.previous
	}
	return tr.primary
}

// note keeps what was true when.
func (tr *trace) note() {
	for _, a := range append(slices.Clone(pool), foreignAddress) {
		if tr.owners[a] == "database" && tr.exists {
			tr.lastOurs[a] = tr.now
		}
		if tr.owners[a] != "database" || !tr.exists {
			tr.lastAlien[a] = tr.now
		}
	}
	for t, r := range tr.targets {
		if r.state == healthy {
			tr.lastServed[t] = tr.now
		}
	}
}

// resume starts the actor's sync, or lets it make its next call. A call that
// takes longer than the lease's margin has timed out and has no effect.
func (tr *trace) resume(a *actor) {
	if a.next == nil {
		a.next, a.stop = iter.Pull(func(yield func(string) bool) {
			a.client.before = func(operation string) error {
				asked := tr.now
				if !yield(operation) {
					return errors.New("killed")
				}
				if tr.now.Sub(asked) >= leaseMargin {
					return errors.New("timeout")
				}
				return tr.fault("refused")
			}
			_, _ = a.client.sync()
		})
	}
	if _, running := a.next(); !running {
		a.next, a.stop = nil, nil
	}
}

// examine judges one change ahead of its effect.
func (tr *trace) examine(c *client, operation string, described elbtypes.TargetDescription) {
	t := target{aws.ToString(described.Id), int(aws.ToInt32(described.Port))}
	complain := func(format string, args ...any) {
		tr.wrong = append(tr.wrong, fmt.Sprintf("%s %s: %s", operation, t, fmt.Sprintf(format, args...)))
	}
	if described.Port == nil {
		complain("without its port (4)")
	}
	if c.holder != tr.world.holder || tr.now.After(tr.until) {
		complain("without the lease (6)")
	}
	if operation == "register" {
		tr.examineRegistration(c, t, complain)
		return
	}
	tr.examineDeregistration(c, t, complain)
}

func (tr *trace) examineRegistration(c *client, t target, complain func(string, ...any)) {
	if !binding.contains(t.Address) {
		complain("outside the VPC (3)")
	}
	if tr.now.Sub(tr.lastOurs[t.Address]) > believed {
		complain("it is not the database's (3)")
	}
	if r := tr.targets[t]; r != nil && r.state == unused && tr.now.Sub(r.since) > maxLag {
		complain("it is registered, though unused (4)")
	}
	if !slices.EqualFunc(c.lastAnswer.Lookups, answers(t.Address).Lookups, slices.Equal[[]string]) {
		complain("DNS answered %v (5)", c.lastAnswer.Lookups)
	}
}

func (tr *trace) examineDeregistration(c *client, t target, complain func(string, ...any)) {
	if tr.now.Sub(tr.lastAlien[t.Address]) <= believed {
		return // proven, or so close that the proof may have been read
	}
	left := slices.DeleteFunc(tr.counted(), func(other target) bool { return other == t })
	if len(left) == 0 {
		complain("nothing is left (1)")
	}
	if !slices.ContainsFunc(left, func(other target) bool {
		return tr.now.Sub(tr.lastServed[other]) <= believed && !tr.lastServed[other].IsZero()
	}) {
		complain("none of %v serves (2)", left)
	}
	if len(c.lastAnswer.Lookups) != 2 || len(c.lastAnswer.Lookups[0]) != 1 || !slices.Equal(c.lastAnswer.Lookups[0], c.lastAnswer.Lookups[1]) {
		complain("DNS answered %v (5)", c.lastAnswer.Lookups)
	}
}

func (tr *trace) judge() {
	for _, w := range tr.wrong {
		tr.t.Error(w)
	}
	if len(tr.wrong) > 0 {
		tr.t.FailNow()
	}
}

func (tr *trace) finish() {
	for _, a := range tr.actors {
		for a.next != nil {
			tr.resume(a)
		}
	}
}

// recover ends all trouble, and expects the targets to be right after some
// ticks, and the tick after those to touch nothing.
func (tr *trace) recover() {
	tr.status, tr.listener = "available", true
	tr.dns = func() resolve.Answer {
		if !tr.exists {
			return resolve.Answer{Lookups: [][]string{{}, {}}, Gone: true}
		}
		return answers(tr.primary)
	}
	c := newClient(tr.world)
	c.changing = func(operation string, t elbtypes.TargetDescription) { tr.examine(c, operation, t) }
	for range 8 {
		tr.pass(60)
		tr.checkAll()
		tr.note()
		_, _ = c.sync()
	}
	want := []target{}
	if tr.exists {
		want = append(want, at(tr.primary))
	}
	if got := tr.counted(); !slices.Equal(got, want) {
		tr.t.Fatalf("in the end %v is registered, want %v", got, want)
	}
	c.calls = nil
	report, err := c.sync()
	if tr.exists && (err != nil || report.State != Settled || !slices.Equal(c.calls, []string{"DescribeTargetHealth", "Invoke"})) {
		tr.t.Fatalf("a steady tick is %+v, %v, and makes the calls %v", report, err, c.calls)
	}
	if slices.Contains(c.calls, "Lease") {
		tr.t.Fatalf("a tick with nothing to do takes a lease: %v", c.calls)
	}
}
