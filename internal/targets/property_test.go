package targets

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"pgregory.net/rapid"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/resolve"
)

// TestMain asks for more worlds than rapid's 100, unless the command line says
// otherwise: the faults that matter need several things to happen in a row.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "1000"); err != nil {
		panic(err)
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	os.Exit(m.Run())
}

const (
	maxLag = 30 * time.Second
	// believed is how old what an actor acts on may be: its time under the
	// lease, and a describe that lags.
	believed = leaseTime + maxLag
)

// pool holds the addresses that the database may have, next those of others.
var (
	pool   = []string{blue, green, "10.0.3.3"}
	others = map[string]owner{"10.0.9.8": neighbour, "10.0.9.9": stranger}
)

// trace is a world in which things happen, and two actors that sync in it, each
// suspended ahead of every call. Every change is judged when it takes effect.
type trace struct {
	*world
	t          *rapid.T
	faulty     bool          // calls fail
	lag        time.Duration // of describes, at most
	lie        int           // which wrong answer DNS gives now
	previous   string        // the address that the database had before, or a proxy gained or lost
	earlier    []string      // what late DNS still gives
	lateTill   time.Time
	hiddenTill time.Time
	ownedSince map[string]time.Time
	lastOurs   map[string]time.Time // when an address was last the database's
	lastWriter map[string]time.Time // when it last took writes
	lastAlien  map[string]time.Time // when it last was not
	lastNear   map[string]time.Time // when it was last another database's that carries the same groups
	lastServed map[target]time.Time // when a target was last healthy
	actors     [2]*actor
	wrong      []string
}

// actor is one sync at a time. next lets it make its next call.
type actor struct {
	client *client
	next   func() (string, bool)
	stop   func()
}

func TestInvariantsHold(t *testing.T) {
	for kind, world := range map[string]func() *world{
		database.Instance: newWorld, database.Cluster: newCluster, database.Proxy: newProxy,
	} {
		t.Run(kind, func(t *testing.T) { holdInvariants(t, world) })
	}
}

func holdInvariants(t *testing.T, world func() *world) {
	rapid.Check(t, func(t *rapid.T) {
		tr := newTrace(t, world())
		for range rapid.IntRange(10, 120).Draw(t, "steps") {
			tr.step()
			tr.judge()
		}
		tr.finish()
		tr.recover()
		tr.judge()
	})
}

func newTrace(t *rapid.T, w *world) *trace {
	tr := &trace{
		world: w, t: t, previous: blue, earlier: []string{blue},
		faulty:     rapid.IntRange(0, 2).Draw(t, "faulty") == 0,
		lag:        rapid.SampledFrom([]time.Duration{0, 5 * time.Second, maxLag}).Draw(t, "most lag"),
		ownedSince: map[string]time.Time{}, lastOurs: map[string]time.Time{}, lastWriter: map[string]time.Time{},
		lastAlien: map[string]time.Time{}, lastNear: map[string]time.Time{}, lastServed: map[target]time.Time{},
	}
	maps.Copy(tr.owners, others)
	tr.listener = rapid.IntRange(0, 3).Draw(t, "listener") > 0
	tr.dns = tr.unreliableDNS
	if rapid.Bool().Draw(t, "registered") {
		tr.set(target{blue, rapid.SampledFrom([]int{5432, 5432, 5433}).Draw(t, "port")}, initial)
	}
	for i := range tr.actors {
		tr.actors[i] = &actor{client: tr.newActorClient()}
	}
	tr.note()
	return tr
}

// newActorClient is an actor's client in a bad world: describes lag, and calls
// lose their reply.
func (tr *trace) newActorClient() *client {
	c := newClient(tr.world)
	c.lag = tr.someLag
	c.visible = func(address string) bool { return tr.now.Sub(tr.ownedSince[address]) >= tr.someLag() }
	c.after = func(string) error { return tr.fault("reply lost") }
	c.changing = func(operation string, t elbtypes.TargetDescription) { tr.examine(c, operation, t) }
	return c
}

func (tr *trace) someLag() time.Duration {
	return time.Duration(rapid.IntRange(0, int(tr.lag/time.Second)).Draw(tr.t, "lag")) * time.Second
}

func (tr *trace) fault(name string) error {
	if tr.faulty && rapid.IntRange(0, 19).Draw(tr.t, name) == 0 {
		return errors.New(name)
	}
	return nil
}

// step lets one thing happen: most often that an actor goes on.
func (tr *trace) step() {
	switch rapid.SampledFrom([]string{
		"failover", "replace", "status", "vanish", "listener", "lie", "wait", "wait", "check", "check", "kill",
		"run", "run", "run", "run", "crawl", "turn", "turn and back", "back",
		"certificate", "switch over",
	}).Draw(tr.t, "what") {
	case "failover":
		tr.failover(rapid.SampledFrom(pool).Draw(tr.t, "to"))
	case "back":
		tr.failover(tr.previous)
	case "replace":
		tr.replace()
	case "certificate":
		address := rapid.SampledFrom(pool).Draw(tr.t, "of")
		tr.misnames[address] = !tr.misnames[address]
	case "switch over":
		tr.switchOver()
	case "status":
		tr.status = rapid.SampledFrom([]string{"available", "available", "rebooting", "stopped", "starting"}).Draw(tr.t, "status")
	case "vanish":
		tr.vanish()
	case "lie":
		tr.lie = rapid.IntRange(0, 9).Draw(tr.t, "lie")
	case "kill":
		tr.kill(tr.someActor())
	case "listener":
		tr.listener = true
	case "wait":
		tr.wait(rapid.IntRange(1, 120).Draw(tr.t, "seconds"))
	case "check":
		tr.checkSome()
	case "run":
		tr.run(tr.someActor(), rapid.SampledFrom([]int{1, 3, 9, 30}).Draw(tr.t, "calls"))
	case "crawl":
		tr.crawl(tr.someActor())
	case "turn":
		tr.turn(tr.someActor())
	case "turn and back":
		tr.turn(tr.someActor())
		tr.failover(tr.previous)
		tr.run(tr.someActor(), 30)
	}
	tr.note()
}

func (tr *trace) someActor() *actor {
	return tr.actors[rapid.IntRange(0, len(tr.actors)-1).Draw(tr.t, "actor")]
}

// turn is what should happen: the database moves, a tick registers, the checks
// pass, and a tick deregisters, unless it dies around that call.
func (tr *trace) turn(a *actor) {
	tr.failover(rapid.SampledFrom(pool).Draw(tr.t, "to"))
	tr.run(a, 30)
	tr.wait(rapid.IntRange(0, 60).Draw(tr.t, "seconds"))
	tr.checkAll()
	tr.note()
	tr.wait(rapid.IntRange(0, 10).Draw(tr.t, "seconds"))
	tr.run(a, rapid.SampledFrom([]int{3, 11, 12, 13, 14, 30, 30, 30}).Draw(tr.t, "calls"))
	if rapid.Bool().Draw(tr.t, "dies") {
		tr.kill(a)
		tr.wait(int(leaseTime/time.Second) * rapid.IntRange(0, 1).Draw(tr.t, "lease ends"))
	}
}

// crawl makes calls each of which takes nearly as long as it may.
func (tr *trace) crawl(a *actor) {
	for range rapid.IntRange(2, 12).Draw(tr.t, "calls") {
		tr.run(a, 1)
		tr.wait(int(leaseMargin/time.Second) - 1)
		tr.note()
	}
}

// failover moves the database; a proxy gains the address, or loses it.
func (tr *trace) failover(to string) {
	if owner, taken := tr.owners[to]; taken && owner != ours || to == tr.primary {
		return
	}
	if tr.owners[to] == "" {
		tr.owners[to], tr.ownedSince[to] = ours, tr.now
	}
	tr.earlier = tr.truth()
	if several(tr.bound) {
		tr.rescale(to)
	} else {
		tr.previous, tr.primary = tr.primary, to
	}
	tr.lateTill = tr.now.Add(rapid.SampledFrom([]time.Duration{0, 5 * time.Second, time.Minute, 5 * time.Minute}).Draw(tr.t, "DNS late for"))
	tr.note()
}

func (tr *trace) rescale(address string) {
	tr.previous = address
	if !slices.Contains(tr.several, address) {
		tr.several = unique(append(slices.Clone(tr.several), address))
	} else if len(tr.several) > 1 {
		tr.several = slices.DeleteFunc(slices.Clone(tr.several), func(a string) bool { return a == address })
	}
}

// truth are the addresses that the endpoint has.
func (tr *trace) truth() []string {
	if several(tr.bound) {
		return slices.Clone(tr.several)
	}
	return []string{tr.primary}
}

// replace moves the database to another host, and gives its address away.
func (tr *trace) replace() {
	tr.failover(rapid.SampledFrom(pool).Draw(tr.t, "to"))
	if !slices.Contains(tr.truth(), tr.previous) && tr.owners[tr.previous] == ours {
		delete(tr.owners, tr.previous)
		if taker := rapid.SampledFrom([]owner{"", neighbour, stranger}).Draw(tr.t, "taker"); taker != "" {
			tr.owners[tr.previous] = taker
		}
	}
}

// switchOver moves the database as a blue/green deployment does: the new host's certificate has the name that the host had
// before, and the old host's has the old name or a new one. Most often syncs run every minute until the wait is over.
func (tr *trace) switchOver() {
	before := tr.primary
	tr.failover(rapid.SampledFrom(pool).Draw(tr.t, "to"))
	if several(tr.bound) || tr.primary == before {
		return
	}
	tr.misnames[tr.primary], tr.misnames[before] = true, rapid.Bool().Draw(tr.t, "old name taken")
	for range rapid.IntRange(0, 12).Draw(tr.t, "minutes") {
		tr.run(tr.someActor(), 30)
		tr.wait(60)
		tr.checkAll()
		tr.note()
	}
	tr.misnames[tr.primary] = rapid.IntRange(0, 2).Draw(tr.t, "renewed") == 0
}

// vanish deletes the database or, more often, hides it for a while, as a rename
// does: shorter than from one tick to the next, and not on two in a row.
func (tr *trace) vanish() {
	if rapid.IntRange(0, 7).Draw(tr.t, "deleted") == 0 {
		tr.exists = false
		return
	}
	if tr.now.Before(tr.hiddenTill.Add(goneAtMost + leaseTime)) {
		return
	}
	tr.hidden, tr.hiddenTill = true, tr.now.Add(goneAtLeast-time.Second)
}

func (tr *trace) wait(seconds int) {
	tr.now = tr.now.Add(time.Duration(seconds) * time.Second)
	tr.hidden = tr.hidden && tr.now.Before(tr.hiddenTill)
}

func (tr *trace) checkSome() {
	for _, t := range slices.SortedFunc(maps.Keys(tr.targets), inOrder) {
		if rapid.Bool().Draw(tr.t, "checked") {
			tr.check(t)
		}
	}
}

// unreliableDNS is late after a move, and lies while lie says so.
func (tr *trace) unreliableDNS() resolve.Answer {
	if !tr.exists || tr.hidden {
		return resolve.Answer{Lookups: [][]string{{}, {}}, Gone: true}
	}
	switch tr.lie {
	case 1:
		return resolve.Answer{Lookups: [][]string{{}, {}}, Errors: []string{"timeout"}}
	case 2:
		return resolve.Answer{Lookups: [][]string{tr.truth(), {}}, Errors: []string{"timeout"}}
	case 3:
		return resolve.Answer{Lookups: [][]string{{}, {}}, Gone: true}
	case 4:
		return answers(public)
	case 5:
		return answers(rapid.SampledFrom(slices.Sorted(maps.Keys(others))).Draw(tr.t, "other"))
	case 6:
		return answers(unique(append(tr.truth(), tr.previous))...)
	case 7:
		return resolve.Answer{Lookups: [][]string{tr.some(), tr.some()}}
	default:
		return resolve.Answer{Lookups: [][]string{tr.late(), tr.late()}}
	}
}

func (tr *trace) late() []string {
	if tr.now.Before(tr.lateTill) && rapid.Bool().Draw(tr.t, "late") {
		return tr.earlier
	}
	return tr.truth()
}

// some is an answer that is true, and not whole.
func (tr *trace) some() []string {
	return []string{rapid.SampledFrom(tr.truth()).Draw(tr.t, "some")}
}

// note keeps what was true when.
func (tr *trace) note() {
	tr.lastWriter[tr.writerAsOf(0)] = tr.now
	for _, a := range slices.Concat(pool, slices.Collect(maps.Keys(others))) {
		if tr.owners[a] == ours && tr.exists {
			tr.lastOurs[a] = tr.now
		} else {
			tr.lastAlien[a] = tr.now
		}
		if tr.owners[a] == neighbour {
			tr.lastNear[a] = tr.now
		}
	}
	for t, r := range tr.targets {
		if r.state == healthy {
			tr.lastServed[t] = tr.now
		}
	}
}

// run lets the actor make some calls of a sync, or start one.
func (tr *trace) run(a *actor, calls int) {
	for range calls {
		if a.next == nil {
			a.next, a.stop = iter.Pull(tr.sync(a))
		}
		if _, running := a.next(); !running {
			a.next, a.stop = nil, nil
			return
		}
	}
}

// sync is one sync, as the sequence of its calls. A call that takes longer than
// the lease's margin times out, and has no effect.
func (tr *trace) sync(a *actor) iter.Seq[string] {
	return func(yield func(string) bool) {
		a.client.calls, a.client.refused = nil, 0
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
	}
}

func (tr *trace) kill(a *actor) {
	if a.stop != nil {
		a.stop()
		a.next, a.stop = nil, nil
		a.client.restart()
	}
}

// topologyCalls are what it takes to observe a database, by its kind; the first tells whether it exists.
var topologyCalls = map[string][]string{
	database.Instance: {"DescribeDBInstances"},
	database.Cluster:  {"DescribeDBClusters", "DescribeDBInstances"},
	database.Proxy:    {"DescribeDBProxies"},
}

// examine judges one change ahead of its effect.
func (tr *trace) examine(c *client, operation string, described elbtypes.TargetDescription) {
	t := target{aws.ToString(described.Id), int(aws.ToInt32(described.Port))}
	complain := func(invariant int, format string, args ...any) {
		tr.wrong = append(tr.wrong, fmt.Sprintf("%s %s: %s (invariant %d)", operation, t, fmt.Sprintf(format, args...), invariant))
	}
	if described.Port == nil {
		complain(4, "without its port")
	}
	since := slices.Index(c.calls, "Lease") + 1
	if c.holder != tr.world.holder || tr.now.After(tr.until) {
		if operation == "deregister" || c.refused == 0 {
			complain(6, "without the lease")
		}
		since = c.refused // while the registry does not answer, what is confirmed since then is registered
	}
	underLease := c.calls[since:]
	for _, seen := range []string{"DescribeTargetHealth", "Invoke", "DescribeNetworkInterfaces", topologyCalls[tr.bound.DatabaseKind][0]} {
		if !slices.Contains(underLease, seen) {
			complain(6, "without %s under the lease", seen)
		}
	}
	if operation == "register" {
		tr.examineRegistration(c, t, complain)
	} else {
		tr.examineDeregistration(c, t, complain)
	}
}

func (tr *trace) examineRegistration(c *client, t target, complain func(int, string, ...any)) {
	if slices.Contains(c.calls, "DeregisterTargets") {
		complain(2, "after a deregistration")
	}
	if !resolve.Within(t.Address, binding.VPCCIDRs) {
		complain(3, "outside the VPC")
	}
	mistaken := tr.now.Sub(tr.lastNear[t.Address]) <= believed && tr.waited(t.Address) // nothing but its certificate tells
	if tr.now.Sub(tr.lastOurs[t.Address]) > believed && !mistaken {
		complain(3, "not the database's")
	}
	if presents(c.lastAnswer.Probes, t.Address, resolve.Mismatch) && !tr.waited(t.Address) {
		complain(1, "its certificate has not named another server for long enough")
	}
	if roles(tr.bound) && tr.now.Sub(tr.lastWriter[t.Address]) > believed {
		complain(3, "a reader's")
	}
	if r := tr.targets[t]; r != nil && r.state == unused && tr.now.Sub(r.since) > believed && !tr.doubted(t) {
		complain(4, "it is registered, though unused")
	}
	l := c.lastAnswer.Lookups
	named := slices.EqualFunc(l, answers(t.Address).Lookups, slices.Equal[[]string])
	if several(tr.bound) {
		named = whole(l) && names(l, t.Address)
	}
	if !named {
		complain(5, "DNS answered %v", l)
	}
}

// waited: the certificate at the address was seen to name another server so long ago that the wait for it is over.
func (tr *trace) waited(address string) bool {
	return slices.ContainsFunc(tr.answered, func(p past) bool {
		return tr.now.Sub(p.at) >= renamedWithin && presents(p.probes, address, resolve.Mismatch)
	})
}

// presents reports whether a probe found a certificate that fits, or one that does not.
func presents(probes []resolve.Probe, address, fit string) bool {
	return slices.ContainsFunc(probes, func(p resolve.Probe) bool { return p.Address == address && p.TLS == fit })
}

// doubted: a deregistration of t is remembered, which may have failed. Then
// registering it again is right.
func (tr *trace) doubted(t target) bool {
	m, err := parseMemory(tr.world.sync)
	return err == nil && m.doubts(t, tr.now.Add(-believed))
}

func (tr *trace) examineDeregistration(c *client, t target, complain func(int, string, ...any)) {
	l := c.lastAnswer.Lookups
	if names(l, t.Address) && t.Port == binding.Port {
		complain(5, "DNS names it")
	}
	if tr.now.Sub(tr.lastAlien[t.Address]) <= believed {
		return // it is foreign, or was when the actor looked
	}
	if presents(c.lastAnswer.Probes, t.Address, resolve.Mismatch) && whole(l) && !names(l, public) {
		return // its certificate and DNS say that it is foreign
	}
	left := slices.DeleteFunc(tr.counted(), func(other target) bool { return other == t })
	if len(left) == 0 {
		complain(1, "nothing is left")
	}
	serves := func(other target) bool { return tr.now.Sub(tr.lastServed[other]) <= believed }
	if !slices.ContainsFunc(left, serves) {
		complain(2, "none of %v serves", left)
	}
	if c.lastShown[t] == draining {
		complain(4, "it is draining already")
	}
	switch {
	case !whole(l):
		complain(5, "DNS answered %v", l)
	case several(tr.bound) && t.Port == binding.Port && tr.misses(t.Address) < 3:
		complain(5, "DNS named it lately")
	case !several(tr.bound) && (len(l) != 2 || len(l[0]) != 1 || !slices.Equal(l[0], l[1])):
		complain(5, "DNS answered %v", l)
	}
}

// whole reports whether every lookup was answered.
func whole(lookups [][]string) bool {
	return len(lookups) > 0 && !slices.ContainsFunc(lookups, func(found []string) bool { return len(found) == 0 })
}

func names(lookups [][]string, address string) bool {
	return slices.ContainsFunc(lookups, func(found []string) bool { return slices.Contains(found, address) })
}

// misses counts answers, a tick apart, that did not name the address.
func (tr *trace) misses(address string) int {
	count, next := 0, tr.now.Add(goneAtLeast)
	for _, past := range slices.Backward(tr.answered) {
		if whole(past.lookups) && !names(past.lookups, address) && next.Sub(past.at) >= goneAtLeast {
			count, next = count+1, past.at
		}
	}
	return count
}

func (tr *trace) judge() {
	if len(tr.wrong) > 0 {
		tr.t.Fatal(strings.Join(tr.wrong, "\n"))
	}
}

func (tr *trace) finish() {
	for _, a := range tr.actors {
		for a.next != nil {
			tr.run(a, 1)
			tr.judge()
		}
	}
}

// recover ends all trouble, and expects the targets to be right after some
// ticks, and the ticks after those to touch nothing.
func (tr *trace) recover() {
	tr.status, tr.listener = "available", true
	tr.dns = func() resolve.Answer {
		if !tr.exists {
			return resolve.Answer{Lookups: [][]string{{}, {}}, Gone: true}
		}
		return answers(tr.truth()...)
	}
	c := newClient(tr.world)
	c.changing = func(operation string, t elbtypes.TargetDescription) { tr.examine(c, operation, t) }
	ticks := 8
	if slices.ContainsFunc(tr.truth(), func(address string) bool { return tr.misnames[address] }) {
		ticks += int(renamedWithin / time.Minute)
	}
	for range ticks {
		tr.wait(60)
		tr.checkAll()
		tr.note()
		c.calls = nil
		_, _ = c.sync()
	}
	want := []target{}
	if tr.exists {
		for _, address := range tr.truth() {
			want = append(want, at(address))
		}
	}
	if got := slices.SortedFunc(slices.Values(tr.counted()), inOrder); !slices.Equal(got, want) {
		tr.t.Fatalf("in the end %v is registered, want %v", got, want)
	}
	if identityDue(tr.bound.Exposure, tr.now) { // looks at certificates, and may find one that it has to study
		tr.wait(60)
	}
	c.calls = nil
	due := c.process.get(tr.bound.Exposure).due(tr.bound.Exposure, tr.now)
	report, err := c.sync()
	glance := []string{"DescribeTargetHealth", "Invoke"}
	if roles(tr.bound) {
		glance = slices.Insert(glance, 1, topologyCalls[database.Cluster]...)
	}
	if due {
		glance = append(glance, "RecordLife")
	}
	// A full look sees certificates, too: one that names another server is studied.
	if tr.exists && (err != nil || report.State != Settled || report.Misnamed == "" && !slices.Equal(c.calls, glance)) {
		tr.t.Fatalf("a steady tick is %+v, %v, and makes the calls %v", report, err, c.calls)
	}
	if slices.Contains(c.calls, "Lease") {
		tr.t.Fatalf("a tick with nothing to do takes a lease: %v", c.calls)
	}
}
