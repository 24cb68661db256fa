package e2e

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"golang.org/x/sync/errgroup"

	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/test/stage"
)

const someCells = 60 // that a run of all tests plays

// livesAtOnce is how many lives are led beside each other: beside the stories of a run of all tests few, or nobody would
// have any time.
func livesAtOnce() int {
	if os.Getenv("CELLS") != "" {
		return 24
	}
	return 5
}

// A cell is one thing that goes wrong in the life of an exposure.
type cell struct {
	Subject  string `json:"subject,omitempty"` // what is exposed, and how; empty: a PostgreSQL instance
	When     string `json:"when"`              // the part of its life
	Function string `json:"function"`          // without the deployment's name; empty: all of them, or the execution as a whole
	Action   string `json:"action"`            // service:Action; empty: the invocation itself
	Fault    string `json:"fault"`
	Then     string `json:"then,omitempty"` // what people do about an execution that failed; empty: one or the other
}

func (c cell) String() string {
	return strings.TrimSpace(strings.Join([]string{c.Subject, c.When, cmp.Or(c.Function, "all"), cmp.Or(c.Action, "invocation"), c.Fault, c.Then}, " "))
}

// The parts of an exposure's life. Between them are the connection's acceptance and the first sync.
const (
	setUp     = "set-up"
	between   = "between"
	takenAway = "removal"
)

// What goes wrong. Failing and denied last until the execution has ended, or until people look between set-up and removal.
const (
	failing   = "failing"       // the service has an error of its own, each time
	denied    = "denied"        // each time
	replyLost = "reply lost"    // it has happened, and the function does not hear of it
	killed    = "killed"        // it has happened, and the function ends before it hears of it
	unseen    = "unseen"        // what was made is missed by the next describes
	twice     = "invoked twice" // one after the other
	timedOut  = "timed out"     // the function hangs with its first call

	lost    = "lost"    // a delivery does not come
	doubled = "doubled" // it comes twice

	// Each call that the functions make goes wrong once: what the SDK's own retries are for.
	failsOnce     = "each fails once"
	throttledOnce = "each throttled once"
	lostOnce      = "each reply lost once"

	startedTwice = "started twice"      // at the same instant
	opposed      = "started, and ended" // a set-up and a removal at the same instant
	stopped      = "stopped"            // by somebody, at a random moment
)

// What people do about an execution that failed.
const (
	redriven     = "redriven"
	startedAgain = "started again"
)

// watchers are the functions that work for an exposure besides its executions.
var watchers = []string{"observer", "decision", "ip-sync"}

// changes says whether the call changes something.
func (c cell) changes() bool {
	_, action, _ := strings.Cut(c.Action, ":")
	return call{Action: action}.changes()
}

// whom a fault is for: an execution, or what an event is about.
func (c cell) faults(s story, whom string, sites []cell) (all []stage.Fault) {
	f := stage.Fault{For: whom, Action: c.Action, Count: 1}
	if c.Function != "" {
		f.Role = s.roleNamed(c.Function)
	}
	switch c.Fault {
	case failing:
		f.Kind, f.Count = "fail", 0
	case denied:
		f.Kind, f.Count = "deny", 0
	case replyLost:
		f.Kind = "reply-lost"
	case killed:
		f.Kind = "kill"
	case unseen:
		f.Kind, f.Delay = "late", "1s"
	case timedOut:
		f.Kind = "freeze"
	case twice:
		f.Kind, f.Role, f.Action, f.Resource = "duplicate", "", "Invoke", s.functionARN(s.stack.Function(c.Function))
	case lost:
		f.Kind, f.Role, f.Resource = "drop", "", s.functionARN(s.stack.Function(c.Function))
	case doubled:
		f.Kind, f.Role, f.Resource = "duplicate", "", s.functionARN(s.stack.Function(c.Function))
	case failsOnce, throttledOnce, lostOnce:
		kind := map[string]string{failsOnce: "fail", throttledOnce: "throttle", lostOnce: "reply-lost"}[c.Fault]
		for _, site := range sites {
			if site.Subject != "" {
				continue
			}
			all = append(all, stage.Fault{For: whom, Role: s.roleNamed(site.Function), Action: site.Action, Count: 1, Kind: kind})
		}
		return all
	}
	return []stage.Fault{f}
}

// matrix is what the cells have in common.
type matrix struct {
	story
	subjects map[string]subject
	partner  stage.VPC
	seed     uint64
	whole    map[string]map[string]int // by subject, how many there are of each kind of what belongs to a complete exposure
	took     map[string]time.Duration  // how long an execution takes when nothing goes wrong
	sites    map[string][]cell         // where functions call, by the part of the life; without a fault
	halves   []cell                    // where they change something of a link's, for one of its databases after the other

	mu        sync.Mutex
	results   map[cell]result
	exposures []string
	product   string   // what was played
	kept      *os.File // the results of every run
}

// A subject is what a life is the exposure of.
type subject struct {
	stage.Database        // of a link its first
	more           string // what else the input says, by the life's name
	zone           string // of the private DNS names, of those that have one
	linked         string // another database on the same link, on port 5433
}

func (m *matrix) input(of subject, name string) string {
	database := fmt.Sprintf(`"database": %q`, of.Identifier)
	if of.linked != "" {
		database = fmt.Sprintf(`"databases": [{%s, "listenerPort": 5432}, {"database": %q, "listenerPort": 5433}]`, database, of.linked)
	}
	more := strings.ReplaceAll(of.more, "NAME", name)
	return fmt.Sprintf(`{%s, "name": %q, "principals": [%q], "acceptance": {"mode": "expected-account"}%s}`, database, name, partner, more)
}

// result is what became of a cell.
type result struct {
	Of    string   `json:"of"`
	Cell  cell     `json:"cell"`
	Ended []string `json:"ended"` // how the executions ended, one after the other
	Unmet bool     `json:"unmet"` // what should have gone wrong never happened
	Wrong bool     `json:"wrong"`
}

// A fate is what goes wrong in the life of an exposure, from its set-up to its removal: at most one cell in each part.
type fate map[string]cell

func (l fate) String() string {
	var cells []string
	for _, when := range []string{setUp, between, takenAway} {
		if c, ok := l[when]; ok {
			cells = append(cells, c.String())
		}
	}
	return strings.Join(cells, ", ")
}

// Whatever fails, and wherever: what was begun is finished by redriving it or by starting again, as if nothing had been, and
// is then removed as if it had never been.
func TestWhateverFailsNothingIsLostAndNothingIsLeft(t *testing.T) {
	t.Parallel() // beside the stories, and in nobody's turn
	s := alone(t)
	s.ctx = t.Context() // each life has its own time
	m := &matrix{
		story: s, subjects: subjects(s), partner: s.vpc(partner), seed: seed(t),
		whole: map[string]map[string]int{}, took: map[string]time.Duration{}, sites: map[string][]cell{},
	}
	before := map[string][]string{}
	for _, kind := range slices.Sorted(maps.Keys(m.subjects)) { // the instance comes first
		before[kind] = s.inventory(m.subjects[kind].VPC)
		m.clean(kind)
	}
	all := m.cells()
	m.recall()
	chosen := m.choose(all)
	// Not as parallel tests, which would wait for all other stories.
	var beside errgroup.Group
	beside.SetLimit(livesAtOnce())
	for i, l := range fates(chosen) {
		beside.Go(func() error {
			t.Run(fmt.Sprintf("%d %s", i, l), func(t *testing.T) { m.lead(alone(t), l, i) })
			return nil
		})
	}
	_ = beside.Wait() // each has said for itself what is wrong
	m.report(all)
	if t.Failed() { // and so something may be left
		return
	}
	s = alone(t)
	for kind, of := range m.subjects {
		s.isGone(of.VPC, before[kind], m.exposures...)
		if of.zone == "" {
			continue
		}
		if left := s.texts(of.zone); len(left) > 0 {
			s.Errorf("left behind: TXT records %v", left)
		}
	}
}

// subjects are one of each kind that has calls of its own; a run of all tests has the first alone.
func subjects(s story) map[string]subject {
	all := map[string]subject{"": {Database: s.database("orders-matrix", singleAZ)}}
	if os.Getenv("CELLS") == "" {
		return all
	}
	add := func(kind string, database stage.Database, err error) {
		s.check(err)
		all[kind] = subject{Database: database}
	}
	aurora, err := cloud.NewAurora(s.ctx, s.vpc(stage.Customer), "orders-matrix-aurora")
	add("cluster", aurora, err)
	proxy, err := cloud.NewProxy(s.ctx, s.database("orders-matrix-behind", singleAZ), "orders-matrix-proxy")
	add("proxy", proxy, err)
	mysql, err := cloud.NewForgivingMySQL(s.ctx, s.vpc(stage.Customer), "orders-matrix-mysql")
	add("mysql", mysql, err)
	first := s.database("orders-matrix-first", singleAZ)
	second, err := cloud.NewDatabase(s.ctx, first.VPC, "orders-matrix-second", singleAZ)
	s.check(err)
	all["link"] = subject{Database: first, linked: second.Identifier}
	all["named"] = subject{
		Database: s.database("orders-matrix-named", singleAZ), zone: s.domain(stage.Customer, "life.example.com"),
		more: `, "flowLogs": true, "privateDnsName": "NAME.life.example.com"`,
	}
	return all
}

// seed is what a run is chosen by, and chooses the same again.
func seed(t *testing.T) uint64 {
	n, err := strconv.ParseUint(cmp.Or(os.Getenv("SEED"), fmt.Sprint(time.Now().UnixNano())), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("SEED=%d", n)
	return n
}

// clean leads a life in which nothing goes wrong, and sees which calls are made in it that are in no life before.
func (m *matrix) clean(kind string) {
	m.Helper()
	name, of := strings.TrimSuffix("life-clean-"+kind, "-"), m.subjects[kind]
	begun := time.Now()
	first := m.startsNamed(m.stack.StateMachine(), name+"-setup", m.input(of, name))
	p, _ := m.completes(m.story, first, of.Database, name, false, func(registry.Exposure) {})
	if p.Status != "SUCCEEDED" {
		m.Fatalf("without a fault the set-up ends %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	whole := time.Since(begun)
	begun = time.Now()
	o := m.story.asItShould(p)
	m.whole[kind] = m.kinds(m.story, o.Exposure)
	m.await("a sync", func() bool {
		return len(m.calls(0, func(c call) bool { return c.Session == m.stack.Function("ip-sync") && c.about(o.names()...) })) > 0
	})
	last := m.startsNamed(m.stack.RemovalMachine(), name+"-remove", removes(o.Exposure))
	if p := last.ends(); p.Status != "SUCCEEDED" {
		m.Fatalf("without a fault the removal ends %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	if kind == "" {
		m.took[setUp], m.took[takenAway] = whole, time.Since(begun)
	}
	m.exposures = append(m.exposures, o.ids()...)
	for when, calls := range map[string][]call{
		setUp: m.madeBy(first), takenAway: m.madeBy(last), between: m.calls(0, func(c call) bool {
			return slices.Contains(watchers, strings.TrimPrefix(c.Session, m.stack.Function(""))) && c.about(o.names()...)
		}),
	} {
		for _, site := range m.sitesOf(when, calls) {
			known := slices.Contains(m.sites[when], site) // of an instance
			site.Subject = kind
			switch {
			case !known:
				m.sites[when] = append(m.sites[when], site)
			case kind == "link" && when != between && site.changes():
				m.halves = append(m.halves, site)
			}
		}
	}
}

// madeBy are the calls that an execution's functions have made.
func (m *matrix) madeBy(e execution) []call {
	m.Helper()
	name := e.arn[strings.LastIndex(e.arn, ":")+1:]
	traces := map[string]bool{}
	for _, c := range m.calls(0, func(c call) bool { return c.Session == name && c.Action == "Invoke" }) {
		traces[c.Trace] = true
	}
	return m.calls(0, func(c call) bool { return traces[c.Trace] && c.Session != name })
}

// sitesOf are where calls are made, each once.
func (m *matrix) sitesOf(when string, calls []call) []cell {
	found := map[cell]bool{}
	for _, c := range calls {
		found[cell{When: when, Function: strings.TrimPrefix(c.Session, m.stack.Function("")), Action: c.Service + ":" + c.Action}] = true
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b cell) int { return cmp.Compare(a.String(), b.String()) })
}

// cells are all that can go wrong: at each call, with each invocation and delivery, and with an execution as a whole.
func (m *matrix) cells() []cell {
	found := map[cell]bool{}
	for when, sites := range m.sites {
		for _, site := range sites {
			at := func(action string, faults ...string) {
				for _, fault := range faults {
					found[cell{Subject: site.Subject, When: when, Function: site.Function, Action: action, Fault: fault}] = true
				}
			}
			for _, fault := range []string{failing, denied} {
				for _, then := range thens(when, site.Function) {
					found[cell{site.Subject, when, site.Function, site.Action, fault, then}] = true
				}
			}
			if site.changes() {
				at(site.Action, replyLost, killed)
			}
			_, action, _ := strings.Cut(site.Action, ":")
			if strings.HasPrefix(action, "Create") && (strings.HasPrefix(site.Action, "ec2:") || strings.HasPrefix(site.Action, "elasticloadbalancing:")) {
				at(site.Action, unseen)
			}
			switch {
			case site.Subject != "":
			case when == between:
				at("Deliver", lost, doubled)
				at("", killed)
			default:
				at("", twice, killed, timedOut)
			}
		}
		if when == between {
			continue
		}
		for _, fault := range []string{failsOnce, throttledOnce, lostOnce} {
			found[cell{When: when, Fault: fault}] = true
		}
		for n := range 20 {
			found[cell{When: when, Action: fmt.Sprintf("the %d.", n+1), Fault: startedTwice}] = true
		}
		for n := range 25 {
			found[cell{When: when, Action: fmt.Sprintf("the %d.", n+1), Fault: stopped}] = true
		}
	}
	for _, site := range m.halves {
		for _, fault := range []string{replyLost, killed} {
			site.Fault = fault
			found[site] = true
		}
	}
	for n := range 20 {
		found[cell{When: takenAway, Action: fmt.Sprintf("the %d.", n+1), Fault: opposed}] = true
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b cell) int { return cmp.Compare(a.String(), b.String()) })
}

// thens are what people do about an execution that failed: it is played both ways. Who may delete a resolver has a minute
// and a half for it: that is by the clock, and no retry waits for so long here, so another removal of it is not started.
func thens(when, function string) []string {
	switch {
	case when == between:
		return []string{""}
	case strings.Contains(function, "resolver"):
		return []string{redriven}
	}
	return []string{redriven, startedAgain}
}

// everyCell are CELLS of a run that goes on where an earlier one was broken off.
const everyCell = "."

// choose chooses the cells that are played: those that CELLS fits, or by default some, of which each function and each fault
// has one.
func (m *matrix) choose(all []cell) []cell {
	m.Helper()
	shuffled := slices.Clone(all)
	rand.New(rand.NewPCG(m.seed, 0)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if wanted := os.Getenv("CELLS"); wanted != "" {
		pattern, err := regexp.Compile(wanted)
		m.check(err)
		return slices.DeleteFunc(shuffled, func(c cell) bool {
			r, played := m.results[c]
			return !pattern.MatchString(c.String()) || wanted == everyCell && played && !r.Wrong
		})
	}
	// What watchers give up on ends in dead-letter queues, which other stories are about.
	shuffled = slices.DeleteFunc(shuffled, func(c cell) bool { return c.When == between && (c.Fault == failing || c.Fault == denied) })
	slices.SortStableFunc(shuffled, func(a, b cell) int { return cmp.Compare(a.lasts(), b.lasts()) })
	seen := map[string]bool{}
	var first, rest []cell
	for _, c := range shuffled {
		function, fault := c.When+c.Function, c.When+c.Fault+c.Then
		if !seen[function] || !seen[fault] {
			first = append(first, c)
		} else {
			rest = append(rest, c)
		}
		seen[function], seen[fault] = true, true
	}
	return append(first, rest...)[:min(someCells, len(all))]
}

// lasts is 1 of what takes a minute at the least: a function's time, until all retries are used up, a retry of each call.
func (c cell) lasts() int {
	if slices.Contains([]string{timedOut, failing, failsOnce, throttledOnce, lostOnce}, c.Fault) {
		return 1
	}
	return 0
}

// fates divide cells among exposures. Those that take a minute at the least come first, and are one in a life if they can.
func fates(cells []cell) (all []fate) {
	for _, kind := range []string{"given up", "alone in its VPC", "cluster", "proxy", "mysql", "link", "named", ""} {
		var some []fate
		for _, when := range []string{setUp, between, takenAway} {
			n := 0
			inOrder := slices.SortedStableFunc(slices.Values(cells), func(a, b cell) int { return cmp.Compare(b.lasts(), a.lasts()) })
			if when == takenAway {
				slices.Reverse(inOrder)
			}
			for _, c := range inOrder {
				if c.When != when || c.kind() != kind {
					continue
				}
				if n == len(some) {
					some = append(some, fate{})
				}
				some[n][when] = c
				n++
			}
		}
		all = append(all, some...)
	}
	slices.SortStableFunc(all, func(a, b fate) int { return cmp.Compare(b.lasts(), a.lasts()) })
	return all
}

// kind is which cells an exposure's life can have besides: none other where the set-up is given up half-way. Resolver and
// rules are made for the first exposure of a VPC, and taken away with the last.
func (c cell) kind() string {
	switch {
	case c.Subject != "":
		return c.Subject
	case c.When == setUp && c.Fault == stopped:
		return "given up"
	case strings.Contains(c.Function, "resolve") || strings.HasSuffix(c.Action, "SecurityGroupIngress"):
		return "alone in its VPC"
	}
	return ""
}

func (l fate) lasts() (n int) {
	for _, c := range l {
		n += c.lasts()
	}
	return n
}

func removes(exposure string) string {
	return fmt.Sprintf(`{"exposure": %q, "connections": "end"}`, exposure)
}

// startsNamed starts an execution whose name is known before: faults are for it.
func (s story) startsNamed(machine, name, input string) execution {
	s.Helper()
	e, err := s.tryNamed(machine, name, input)
	s.check(err)
	return e
}

func (s story) tryNamed(machine, name, input string) (execution, error) {
	starting.RLock()
	defer starting.RUnlock()
	arn := "arn:aws:states:" + stage.Region + ":" + stage.Customer + ":stateMachine:" + machine
	out, err := sfn.NewFromConfig(cloud.Config(stage.Customer)).StartExecution(s.ctx, &sfn.StartExecutionInput{StateMachineArn: &arn, Name: &name, Input: &input})
	if err != nil {
		return execution{}, err
	}
	return execution{s, *out.ExecutionArn}, nil
}

// completes follows a set-up to its end, and has the consumer connect as soon as it has the hand-off; prepare hears of the
// exposure before.
func (m *matrix) completes(
	s story, e execution, database stage.Database, name string, connected bool, prepare func(registry.Exposure),
) (p operator.Progress, endpoint string) {
	s.Helper()
	for {
		p, err := s.operator.Progress(s.ctx, e.arn)
		s.check(err)
		if p.Done() {
			return p, endpoint
		}
		if p.Waiting() != nil && !connected {
			x, _ := s.exposureFor(database, name)
			prepare(x)
			endpoint, connected = s.connects(m.partner, s.handedOver(x)).ID, true
		}
		select {
		case <-s.ctx.Done():
			s.Fatalf("%s did not end", e.arn)
		case <-time.After(2 * interval):
		}
	}
}

// exposureFor is a database's exposure for a consumer.
func (s story) exposureFor(database stage.Database, consumer string) (registry.Exposure, bool) {
	s.Helper()
	for _, e := range s.exposuresIn(database.VPC) {
		if e.Consumer == consumer && e.DatabaseIdentifier == database.Identifier {
			return e, true
		}
	}
	return registry.Exposure{}, false
}

// handedOver is what the consumer of an exposure was told of its database.
func (s story) handedOver(x registry.Exposure) stage.Handoff {
	s.Helper()
	if !x.OnLink() {
		handoff, err := stage.ReadHandoff(x.Handoff)
		s.check(err)
		return handoff
	}
	all, err := stage.ReadLinkHandoff(x.Handoff)
	s.check(err)
	return all[x.DatabaseIdentifier]
}

// kinds are how many there are of each kind of what belongs to an exposure.
func (m *matrix) kinds(s story, exposure string) map[string]int {
	s.Helper()
	found, err := s.operator.Belongings(s.ctx, exposure)
	s.check(err)
	kinds := map[string]int{}
	for _, thing := range found.Things {
		kinds[thing.Kind]++
	}
	return kinds
}

// living is a life that is being led.
type living struct {
	story
	m         *matrix
	cells     fate
	n         int
	name      string
	kind      string // of the subject
	alone     bool   // in its VPC
	subject   subject
	endpoints []string
	exposures []string            // of a link the link comes first
	ended     map[string][]string // how executions ended, by the part of the life
	unmet     map[string]bool
}

func (m *matrix) lead(s story, cells fate, n int) {
	l := &living{
		story: s, m: m, cells: cells, n: n, name: fmt.Sprintf("life-%03d", n),
		ended: map[string][]string{}, unmet: map[string]bool{},
	}
	defer l.keep()
	for _, c := range cells {
		l.kind, l.alone = c.Subject, c.kind() == "alone in its VPC"
	}
	var before []string
	if l.subject = m.subjects[l.kind]; l.alone {
		l.subject = subject{Database: s.database("orders-"+l.name, singleAZ)}
		before = s.inventory(l.subject.VPC)
	}
	exposure, whole := l.begin()
	if whole {
		l.goesOn(exposure)
	}
	l.end(exposure)
	for _, id := range l.endpoints {
		_, err := ec2.NewFromConfig(cloud.Config(partner)).DeleteVpcEndpoints(s.ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{id}})
		s.check(err)
	}
	if l.alone {
		s.isGone(l.subject.VPC, before, exposure)
	}
}

// begin sets an exposure up; it need not be whole if somebody gave it up.
func (l *living) begin() (exposure string, whole bool) {
	l.Helper()
	start := func(name string) (execution, error) {
		return l.tryNamed(l.m.stack.StateMachine(), name, l.m.input(l.subject, l.name))
	}
	giveUp := l.cells[setUp].Fault == stopped && l.n%2 == 1
	p := l.part(setUp, start, l.completes, giveUp)
	if giveUp && p.Status != "SUCCEEDED" {
		x, _ := l.exposureFor(l.subject.Database, l.name)
		return x.Entrance(), false
	}
	if p.Status != "SUCCEEDED" {
		l.Fatalf("the set-up ended %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	o := l.asItShould(p)
	l.exposures = o.ids()
	l.m.mu.Lock()
	l.m.exposures = append(l.m.exposures, l.exposures...)
	l.m.mu.Unlock()
	if kinds := l.m.kinds(l.story, o.Exposure); !maps.Equal(kinds, l.m.whole[l.kind]) {
		l.Errorf("there are %v, and %v where nothing goes wrong", kinds, l.m.whole[l.kind])
	}
	return o.Exposure, true
}

func (l *living) completes(e execution) operator.Progress {
	l.Helper()
	p, endpoint := l.m.completes(l.story, e, l.subject.Database, l.name, len(l.endpoints) > 0, func(x registry.Exposure) {
		if c, ok := l.cells[between]; ok && c.Function != "ip-sync" {
			whom := map[string]string{"observer": x.ServiceID, "decision": x.ID}[c.Function]
			for _, f := range c.faults(l.story, whom, nil) {
				l.check(cloud.Disturb(l.ctx, f))
			}
			l.Cleanup(func() { l.check(cloud.SettleFor(context.WithoutCancel(l.ctx), whom)) })
			if f := c.Fault; f == failing || f == denied {
				// Nobody's patience ends here, as it does with an execution: people hear of it, and put it right.
				time.AfterFunc(5*time.Second, func() { _ = cloud.SettleFor(context.WithoutCancel(l.ctx), whom) })
			}
		}
	})
	if endpoint != "" {
		l.endpoints = append(l.endpoints, endpoint)
	}
	return p
}

// goesOn has the exposure followed by its sync.
func (l *living) goesOn(exposure string) {
	l.Helper()
	c, ok := l.cells[between]
	if !ok {
		return
	}
	if c.Function != "ip-sync" {
		l.ended[between] = []string{"SUCCEEDED"}
		return
	}
	x, there := l.exposureFor(l.subject.Database, l.name)
	if !there {
		l.Fatalf("the registry does not know %s any more", exposure)
	}
	for _, f := range c.faults(l.story, exposure, nil) {
		l.check(cloud.Disturb(l.ctx, f))
	}
	looks := func() []call {
		return l.calls(0, func(c call) bool {
			return c.Session == l.stack.Function("ip-sync") && c.about(exposure, x.TargetGroupARN)
		})
	}
	seen := len(looks())
	l.await("the sync to be disturbed", func() bool {
		unmet, err := cloud.Unmet(l.ctx, exposure)
		l.check(err)
		l.unmet[between] = len(unmet) > 0
		return !l.unmet[between] || len(looks()) > seen+20 // it has been made often, and never so
	})
	l.check(cloud.SettleFor(l.ctx, exposure))
	l.ended[between] = []string{"SUCCEEDED"}
	seen = len(looks())
	l.await("another sync", func() bool { return len(looks()) > seen })
	l.isWhole(output{Exposure: x.ID}, nil)
}

// end removes the exposure; its id is empty where a set-up was given up before it had one.
func (l *living) end(exposure string) {
	l.Helper()
	input := removes(exposure)
	if exposure == "" {
		input = l.m.input(l.subject, l.name)
	}
	start := func(name string) (execution, error) { return l.tryNamed(l.m.stack.RemovalMachine(), name, input) }
	p := l.part(takenAway, start, execution.ends, false)
	if nothing := p.Error == "BadInput" && strings.Contains(p.Cause, "nothing is left"); p.Status != "SUCCEEDED" && !nothing {
		l.Fatalf("the removal ended %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	if exposure != "" && len(l.exposures) == 0 { // given up
		l.exposures = []string{exposure}
	}
	for _, id := range l.exposures {
		if kinds := l.m.kinds(l.story, id); len(kinds) > 0 || l.hasItem(id) || l.hasItem("life/"+id) {
			l.Errorf("left behind of %s: %v", id, kinds)
		}
	}
}

// part plays a part of the life that an execution makes, and what goes wrong in it: until it has succeeded, or somebody
// gives it up.
func (l *living) part(
	when string, start func(name string) (execution, error), follow func(execution) operator.Progress, giveUp bool,
) operator.Progress {
	l.Helper()
	name := l.name + "-" + when
	c := l.cells[when]
	starts := func(name string) execution {
		l.Helper()
		e, err := start(name)
		l.check(err)
		return e
	}
	ends := func(e execution) operator.Progress {
		l.Helper()
		p := follow(e)
		l.ended[when] = append(l.ended[when], cmp.Or(p.Error, string(p.Status)))
		return p
	}
	var p operator.Progress
	var e execution
	switch c.Fault {
	case "":
		return follow(starts(name))
	case startedTwice:
		e, p = l.two(when, start, start, ends)
	case opposed:
		e, p = l.two(when, start, func(name string) (execution, error) {
			return l.tryNamed(l.m.stack.StateMachine(), name, l.m.input(l.subject, l.name))
		}, ends)
	case stopped:
		e = starts(name)
		random := rand.New(rand.NewPCG(l.m.seed, uint64(l.n)+1))
		time.Sleep(time.Duration(random.Float64() * float64(l.m.took[when])))
		e.stop()
		p = ends(e)
	default:
		for _, f := range c.faults(l.story, name, l.m.sites[when]) {
			l.check(cloud.Disturb(l.ctx, f))
		}
		if c.Fault == denied && when == setUp && strings.HasPrefix(c.Action, "route53:") {
			// People are told which record is missing, and asked for three days: they put it right.
			time.AfterFunc(5*time.Second, func() { _ = cloud.SettleFor(context.WithoutCancel(l.ctx), name) })
		}
		e = starts(name)
		p = ends(e)
		unmet, err := cloud.Unmet(l.ctx, name)
		l.check(err)
		l.unmet[when] = len(unmet) > 0 && c.Function != ""
		l.check(cloud.SettleFor(l.ctx, name))
	}
	// What a set-up was denied and did without is there when it is started again.
	didWithout := p.Status == "SUCCEEDED" && when == setUp && c.Fault == denied
	if p.Status == "SUCCEEDED" && !didWithout || giveUp {
		return p
	}
	ways := thens(when, c.Function)
	then := cmp.Or(c.Then, ways[l.n%len(ways)])
	// One that succeeded is not redriven.
	if then == redriven && !didWithout {
		e.redrive()
	} else {
		e = starts(name + "-again")
	}
	return ends(e)
}

// two starts two executions at the same instant, and follows the first to its end. They do not both work on it: one at the
// least is told of the other.
func (l *living) two(
	when string, first, second func(name string) (execution, error), ends func(execution) operator.Progress,
) (execution, operator.Progress) {
	l.Helper()
	var others sync.WaitGroup
	var other execution
	var err error
	others.Go(func() { other, err = second(l.name + "-" + when + "-too") })
	e, failed := first(l.name + "-" + when)
	others.Wait()
	l.check(cmp.Or(failed, err))
	// A set-up that wins over a removal waits for people, or has nothing to wait for.
	over := func(e execution) operator.Progress {
		return e.follow(func(p operator.Progress) bool { return p.Waiting() != nil })
	}
	if when == setUp {
		winner, loser := e, other
		l.await("one of two to be told of the other", func() bool {
			for _, pair := range [][2]execution{{e, other}, {other, e}} {
				p, err := l.operator.Progress(l.ctx, pair[0].arn)
				l.check(err)
				if p.Done() {
					loser, winner = pair[0], pair[1]
					return true
				}
			}
			return false
		})
		p, err := l.operator.Progress(l.ctx, loser.arn)
		l.check(err)
		if p.Error != "Conflict" || !strings.Contains(p.Cause, winner.arn) {
			l.Errorf("of two set-ups one ended %s: %s: %s", p.Status, p.Error, p.Cause)
		}
		return winner, ends(winner)
	}
	p := ends(e)
	q := over(other)
	if p.Status != "SUCCEEDED" && q.Status == "FAILED" && q.Error == "Conflict" && p.Error == "Conflict" {
		l.Errorf("of two executions neither does anything: %s; %s", p.Cause, q.Cause)
	}
	if x, there := l.exposureFor(l.subject.Database, l.name); there { // the other one has won
		last, err := l.tryNamed(l.m.stack.RemovalMachine(), l.name+"-"+when+"-last", removes(x.ID))
		l.check(err)
		return last, ends(last)
	}
	if p.Status != "SUCCEEDED" {
		return other, q
	}
	return e, p
}

// keep keeps what became of the life's cells.
func (l *living) keep() {
	for when, c := range l.cells {
		l.m.keepResult(result{Of: l.m.product, Cell: c, Ended: l.ended[when], Unmet: l.unmet[when], Wrong: l.Failed()})
	}
}

func (m *matrix) keepResult(r result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results[r.Cell] = r
	line, err := json.Marshal(r)
	if err == nil {
		_, err = m.kept.Write(append(line, '\n'))
	}
	if err != nil {
		m.Error(err)
	}
}

// recall reads what earlier runs of the same product had for results, and opens the file for more.
func (m *matrix) recall() {
	m.Helper()
	files, err := filepath.Glob(filepath.Join(cloud.Root, "build/functions/*/bootstrap"))
	m.check(err)
	hash := sha256.New()
	for _, file := range append(files, filepath.Join(cloud.Root, "local/build/bin/local")) {
		content, err := os.ReadFile(file)
		m.check(err)
		hash.Write(content)
	}
	m.product, m.results = hex.EncodeToString(hash.Sum(nil))[:16], map[cell]result{}
	m.kept, err = os.OpenFile(filepath.Join(cloud.Root, "build/matrix.jsonl"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	m.check(err)
	m.Cleanup(func() { _ = m.kept.Close() })
	if os.Getenv("CELLS") != everyCell {
		return
	}
	for lines := bufio.NewScanner(m.kept); lines.Scan(); {
		var r result
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.Of == m.product { // a run may have been killed in the middle of one
			m.results[r.Cell] = r
		}
	}
}

// report prints what was planned, what was played, and what became of it, by the part of the life and the fault.
func (m *matrix) report(all []cell) {
	m.Helper()
	type row struct{ planned, played, unmet, once, again, wrong int }
	rows := map[string]*row{}
	of := func(c cell) *row {
		key := strings.TrimSpace(c.Subject + " " + c.When + ", " + c.Fault)
		if rows[key] == nil {
			rows[key] = &row{}
		}
		return rows[key]
	}
	total := row{planned: len(all)}
	for _, c := range all {
		of(c).planned++
	}
	for _, r := range m.results {
		for _, row := range []*row{of(r.Cell), &total} {
			row.played++
			switch {
			case r.Wrong:
				row.wrong++
			case r.Unmet:
				row.unmet++
			case len(r.Ended) == 1:
				row.once++
			default:
				row.again++
			}
		}
	}
	rows["total"] = &total
	var table strings.Builder
	fmt.Fprintf(&table, "%-30s %8s %8s %16s %22s %10s %6s\n", "", "planned", "played", "went on by itself", "redriven or once more", "never met", "wrong")
	for _, key := range append(slices.DeleteFunc(slices.Sorted(maps.Keys(rows)), func(k string) bool { return k == "total" }), "total") {
		r := rows[key]
		fmt.Fprintf(&table, "%-30s %8d %8d %16d %22d %10d %6d\n", key, r.planned, r.played, r.once, r.again, r.unmet, r.wrong)
	}
	m.Logf("SEED=%d\n%s", m.seed, table.String())
}
