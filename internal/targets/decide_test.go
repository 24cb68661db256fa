package targets

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
)

const (
	blue   = "10.0.1.5"
	green  = "10.0.2.7"
	public = "203.0.113.9"
	group  = "sg-database"

	nodeA, nodeB = "10.0.1.100", "10.0.2.100"
)

var (
	binding = registry.Binding{
		Exposure: "orders-pushmetrics-1a2b3c4d", DatabaseARN: "arn:aws:rds:eu-central-1:111122223333:db:orders",
		DatabaseKind: database.Instance, Endpoint: database.Writer, Engine: "postgres",
		Host: "orders.abc.eu-central-1.rds.amazonaws.com", Port: 5432,
		VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16"}, ResolverFunction: "rdslink-resolver-vpc-1", TargetGroupARN: "arn:targets",
		ListenerPort: 5433, Nodes: []string{nodeA, nodeB},
	}
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

const (
	initial   = elbtypes.TargetHealthStateEnumInitial
	healthy   = elbtypes.TargetHealthStateEnumHealthy
	unhealthy = elbtypes.TargetHealthStateEnumUnhealthy
	draining  = elbtypes.TargetHealthStateEnumDraining
	unused    = elbtypes.TargetHealthStateEnumUnused
)

// at is the target at address on the database's port.
func at(address string) target { return target{address, 5432} }

// seen is the observation of an available database, whose name resolves to blue
// and whose target is blue and healthy, after changes.
func seen(changes ...func(*observation)) observation {
	o := observation{
		begun: noon, ended: noon, deep: true,
		answer:   resolve.Answer{Lookups: [][]string{{blue}, {blue}}},
		health:   map[target]health{at(blue): {state: healthy}},
		topology: database.Topology{Exists: true, Status: "available", Host: binding.Host, Port: 5432, SecurityGroupIDs: []string{group}},
		groups:   map[string][]string{blue: {group}, green: {group}},
	}
	for _, change := range changes {
		change(&o)
	}
	return o
}

func dns(lookups ...[]string) func(*observation) {
	return func(o *observation) { o.answer.Lookups = lookups }
}

func resolvesTo(address string) func(*observation) { return dns([]string{address}, []string{address}) }

func nameGone(o *observation) { o.answer = resolve.Answer{Lookups: [][]string{{}, {}}, Gone: true} }

func notFound(o *observation) { o.topology = database.Topology{} }

func status(s string) func(*observation) { return func(o *observation) { o.topology.Status = s } }

func targets(states map[target]elbtypes.TargetHealthStateEnum) func(*observation) {
	return func(o *observation) {
		o.health = map[target]health{}
		for t, s := range states {
			o.health[t] = health{state: s}
		}
	}
}

func probed(address, result, tls string) func(*observation) {
	return func(o *observation) {
		o.answer.Probes = append(o.answer.Probes, resolve.Probe{Address: address, Result: result, TLS: tls})
	}
}

func noInterface(address string) func(*observation) {
	return func(o *observation) { delete(o.groups, address) }
}

func foreignGroup(address string) func(*observation) {
	return func(o *observation) { o.groups[address] = []string{"sg-other"} }
}

func blind(t target) func(*observation) {
	return func(o *observation) {
		h := o.health[t]
		h.blind = true
		o.health[t] = h
	}
}

type states = map[target]elbtypes.TargetHealthStateEnum

func TestDecide(t *testing.T) {
	for name, test := range map[string]struct {
		observed   observation
		memory     memory
		register   []target
		deregister []target
		state      State
		err        string
	}{
		"steady": {observed: seen(), state: Settled},
		"the first registration": {observed: seen(targets(nil)),
			register: []target{at(blue)}, state: Settling},
		"moved: register, and keep the old one": {observed: seen(resolvesTo(green)),
			register: []target{at(green)}, state: Settling},
		"the new one is not healthy yet": {observed: seen(resolvesTo(green), targets(states{at(blue): unhealthy, at(green): initial})), state: Settling},
		"the new one is unhealthy":       {observed: seen(resolvesTo(green), targets(states{at(blue): healthy, at(green): unhealthy})), state: Settling},
		"the new one is healthy": {observed: seen(resolvesTo(green), targets(states{at(blue): unhealthy, at(green): healthy})),
			deregister: []target{at(blue)}, state: Settled},
		"back to a draining one: register it again": {observed: seen(resolvesTo(green), targets(states{at(blue): healthy, at(green): draining})),
			register: []target{at(green)}, state: Settling},
		"a draining one is no work":               {observed: seen(targets(states{at(blue): healthy, at(green): draining})), state: Settled},
		"unused is registered: no listener yet":   {observed: seen(targets(states{at(blue): unused})), state: Settling},
		"unused serves nobody: the old one stays": {observed: seen(resolvesTo(green), targets(states{at(blue): unhealthy, at(green): unused})), state: Settling},
		"right address, wrong port": {observed: seen(targets(states{{blue, 5433}: unhealthy})),
			register: []target{at(blue)}, state: Settling},
		"wrong port goes with its port": {observed: seen(targets(states{{blue, 5433}: unhealthy, at(blue): healthy})),
			deregister: []target{{blue, 5433}}, state: Settled},
		"blind check, probe open": {observed: seen(resolvesTo(green), targets(states{at(blue): unhealthy, at(green): unhealthy}), blind(at(green)), probed(green, resolve.Open, "")),
			deregister: []target{at(blue)}, state: Settled},
		"blind check, probe blocked proves nothing": {observed: seen(resolvesTo(green), targets(states{at(blue): unhealthy, at(green): unhealthy}), blind(at(green)), probed(green, resolve.Blocked, "")),
			state: Settling},
		"probe open does not replace a check that sees": {observed: seen(resolvesTo(green), targets(states{at(blue): unhealthy, at(green): unhealthy}), probed(green, resolve.Open, "")), state: Settling},

		"lookups disagree":           {observed: seen(dns([]string{blue}, []string{green})), state: Moving},
		"no answer":                  {observed: seen(dns(nil, nil)), state: Failing, err: "no answer"},
		"one of two fails":           {observed: seen(dns([]string{green}, nil)), state: Failing, err: "no answer"},
		"several addresses":          {observed: seen(dns([]string{blue, green}, []string{blue, green})), state: Failing, err: "2 addresses"},
		"outside the VPC":            {observed: seen(resolvesTo(public)), state: Failing, err: "outside the VPC"},
		"RDS knows another endpoint": {observed: seen(resolvesTo(green), func(o *observation) { o.topology.Host = "payroll" }), state: Failing, err: "payroll"},
		"RDS knows another port":     {observed: seen(resolvesTo(green), func(o *observation) { o.topology.Port = 5433 }), state: Failing, err: "5433"},
		"not found, but it resolves": {observed: seen(resolvesTo(green), notFound), state: Failing, err: "not found"},
		"an address of nobody":       {observed: seen(resolvesTo(green), noInterface(green)), state: Failing, err: "no network interface"},
		"an address of another":      {observed: seen(resolvesTo(green), foreignGroup(green)), state: Failing, err: "none of the database's security groups"},

		"stopped":                {observed: seen(dns(nil, nil), status("stopped"), targets(states{at(blue): unhealthy})), state: Stopped},
		"stopped, and name gone": {observed: seen(nameGone, status("stopped"), targets(states{at(blue): unhealthy})), state: Stopped},
		"started on a new address": {observed: seen(resolvesTo(green), status("starting")),
			register: []target{at(green)}, state: Settling},

		"gone, first seen":                {observed: seen(nameGone, notFound), state: Failing, err: "does not exist"},
		"gone, but seconds ago":           {observed: seen(nameGone, notFound), memory: memory{GoneSince: noon.Unix() - 4}, state: Failing, err: "does not exist"},
		"gone, but the last was long ago": {observed: seen(nameGone, notFound), memory: memory{GoneSince: noon.Unix() - 3600}, state: Failing, err: "does not exist"},
		"gone on two ticks": {observed: seen(nameGone, notFound), memory: memory{GoneSince: noon.Unix() - 60},
			deregister: []target{at(blue)}, state: Failing, err: "last target"},
		"name gone, database found": {observed: seen(nameGone), memory: memory{GoneSince: noon.Unix() - 60}, state: Failing, err: "does not exist"},
		"gone, nothing registered":  {observed: seen(nameGone, notFound, targets(nil)), state: Failing, err: "does not exist"},

		"a certificate alone takes nothing away": {observed: seen(probed(blue, resolve.Open, resolve.Mismatch)), state: Settled},
		"nor does it where DNS does not answer": {observed: seen(dns(nil, nil), probed(blue, resolve.Open, resolve.Mismatch)),
			state: Failing, err: "no answer"},
		"nor where lookups disagree": {observed: seen(dns([]string{public}, []string{green}), probed(blue, resolve.Open, resolve.Mismatch)), state: Moving},
		"foreign by certificate and DNS": {observed: seen(resolvesTo(green), probed(blue, resolve.Open, resolve.Mismatch)),
			register: []target{at(green)}, deregister: []target{at(blue)}, state: Settling},
		"foreign by certificate and DNS, the last one": {observed: seen(resolvesTo(green), noInterface(green), probed(blue, resolve.Open, resolve.Mismatch)),
			deregister: []target{at(blue)}, state: Failing, err: "last target"},
		"foreign by interface, DNS silent": {observed: seen(dns(nil, nil), noInterface(blue)),
			deregister: []target{at(blue)}, state: Failing, err: "last target"},
		"foreign by group: exchange at once": {observed: seen(resolvesTo(green), foreignGroup(blue)),
			register: []target{at(green)}, deregister: []target{at(blue)}, state: Settling},
		"DNS names it: interfaces prove nothing":   {observed: seen(foreignGroup(blue)), state: Failing, err: "none of the database's security groups"},
		"one lookup names it: nothing is proven":   {observed: seen(dns([]string{blue}, []string{green}), foreignGroup(blue)), state: Moving},
		"no groups known: no interface is foreign": {observed: seen(dns(nil, nil), foreignGroup(blue), func(o *observation) { o.topology.SecurityGroupIDs = nil }), state: Failing, err: "no answer"},

		"late describe: a deregistered one does not count": {observed: seen(resolvesTo(green), targets(states{at(blue): healthy, at(green): healthy})),
			memory: memory{Deregistered: map[string]int64{at(green).String(): noon.Unix() - 10}}, register: []target{at(green)}, state: Settling},
		"no longer late": {observed: seen(resolvesTo(green), targets(states{at(blue): healthy, at(green): healthy})),
			memory: memory{Deregistered: map[string]int64{at(green).String(): noon.Unix() - 200}}, deregister: []target{at(blue)}, state: Settled},
	} {
		t.Run(name, func(t *testing.T) {
			p, next := decide(binding, test.observed, test.memory)
			if !slices.Equal(p.register, test.register) || !slices.Equal(p.taken(), test.deregister) {
				t.Errorf("register %v, deregister %v; want %v, %v", p.register, p.deregister, test.register, test.deregister)
			}
			if p.report.State != test.state {
				t.Errorf("state %s (%s), want %s", p.report.State, p.report.Detail, test.state)
			}
			if got := p.err != nil; got != (test.err != "") || got && !strings.Contains(p.err.Error(), test.err) {
				t.Errorf("error %v, want %q", p.err, test.err)
			}
			for _, taken := range p.taken() {
				if next.Deregistered[taken.String()] != noon.Unix() {
					t.Errorf("deregisters %s without remembering it: %+v", taken, next)
				}
			}
		})
	}
}

// A new address whose certificate names another server is waited for, and the wait is remembered once.
// Nothing can be said of a target that the load balancer has not checked.
func TestATargetIsComingUntilItIsChecked(t *testing.T) {
	for name, row := range map[string]struct {
		observed observation
		want     bool
	}{
		"being registered": {seen(targets(nil)), true},
		"initial":          {seen(targets(states{at(blue): initial})), true},
		"unhealthy":        {seen(targets(states{at(blue): unhealthy})), false},
		"healthy":          {seen(), false},
	} {
		if p, _ := decide(binding, row.observed, memory{}); p.report.Coming != row.want {
			t.Errorf("%s: coming is %v", name, p.report.Coming)
		}
	}
}

func TestDecideAboutACertificate(t *testing.T) {
	const other = resolve.Mismatch
	since := func(ago time.Duration) map[string]int64 {
		return map[string]int64{at(green).String(): noon.Add(-ago).Unix()}
	}
	moved := func(changes ...func(*observation)) observation { return seen(append(changes, resolvesTo(green))...) }
	now := map[string]int64{at(green).String(): noon.Unix()}
	for name, test := range map[string]struct {
		observed observation
		since    map[string]int64
		register []target
		state    State
		says     string // the report's detail
		next     map[string]int64
		misnamed bool
	}{
		"first seen":               {observed: moved(probed(green, resolve.Open, other)), state: Moving, says: "waited for until 12:10:00", next: now},
		"still":                    {observed: moved(probed(green, resolve.Open, other)), since: since(9 * time.Minute), state: Moving, says: "another server", next: since(9 * time.Minute)},
		"not shown for a moment":   {observed: moved(probed(green, resolve.Open, resolve.Unavailable)), since: since(9 * time.Minute), state: Moving, next: since(9 * time.Minute)},
		"not reached for a moment": {observed: moved(probed(green, resolve.Blocked, "")), since: since(9 * time.Minute), state: Moving, next: since(9 * time.Minute)},
		"it fits by now":           {observed: moved(probed(green, resolve.Open, resolve.Match)), since: since(time.Minute), register: []target{at(green)}, state: Settling},
		"after ten minutes": {observed: moved(probed(green, resolve.Open, other)), since: since(10 * time.Minute),
			register: []target{at(green)}, state: Settling, next: since(10 * time.Minute), misnamed: true},
		"and not shown just then": {observed: moved(probed(green, resolve.Blocked, "")), since: since(10 * time.Minute),
			register: []target{at(green)}, state: Settling, next: since(10 * time.Minute)},
		"registered":          {observed: moved(probed(green, resolve.Open, other), targets(states{at(green): healthy})), since: since(12 * time.Minute), state: Settled, misnamed: true},
		"registered long ago": {observed: moved(probed(green, resolve.Open, other), targets(states{at(green): healthy})), state: Settled, misnamed: true},
		"a wait of long ago":  {observed: moved(probed(green, resolve.Open, other)), since: since(time.Hour), state: Moving, next: now},
		"DNS turned back":     {observed: seen(probed(green, resolve.Open, other)), since: since(time.Minute), state: Settled},
		"DNS does not answer": {observed: seen(dns(nil, nil)), since: since(time.Minute), state: Failing, says: "no answer", next: since(time.Minute)},
		"EC2 contradicts": {observed: moved(probed(green, resolve.Open, other), noInterface(green)), state: Failing,
			says: "no network interface has the address 10.0.2.7; and its certificate"},
		"EC2 contradicts after ten minutes": {observed: moved(probed(green, resolve.Open, other), foreignGroup(green)), since: since(10 * time.Minute), state: Failing,
			says: "security groups; and its certificate", next: since(10 * time.Minute)},
		"RDS contradicts":                     {observed: moved(probed(green, resolve.Open, other), notFound), state: Failing, says: "not found"},
		"RDS has another endpoint":            {observed: moved(probed(green, resolve.Open, other), func(o *observation) { o.topology.Host = "payroll" }), state: Failing, says: "payroll"},
		"nobody offers TLS: nothing is known": {observed: moved(probed(green, resolve.Open, resolve.Unavailable)), register: []target{at(green)}, state: Settling},
	} {
		t.Run(name, func(t *testing.T) {
			p, next := decide(binding, test.observed, memory{Misnamed: test.since})
			if !slices.Equal(p.register, test.register) || len(p.deregister) > 0 || p.report.State != test.state {
				t.Errorf("register %v, deregister %v, %+v", p.register, p.deregister, p.report)
			}
			if !strings.Contains(p.report.Detail, test.says) {
				t.Errorf("says %q, want %q", p.report.Detail, test.says)
			}
			if !maps.Equal(next.Misnamed, test.next) {
				t.Errorf("remembers %v, want %v", next.Misnamed, test.next)
			}
			if got := p.report.Misnamed != ""; got != test.misnamed {
				t.Errorf("misnamed: %q", p.report.Misnamed)
			}
		})
	}
}

func TestQuiet(t *testing.T) {
	for name, test := range map[string]struct {
		observed observation
		want     bool
	}{
		"steady":                     {seen(), true},
		"unhealthy, but all we have": {seen(targets(states{at(blue): unhealthy})), false},
		"another one draining":       {seen(targets(states{at(blue): healthy, at(green): draining})), true},
		"moved":                      {seen(resolvesTo(green)), false},
		"draining itself":            {seen(targets(states{at(blue): draining})), false},
		"wrong port":                 {seen(targets(states{{blue, 5433}: healthy})), false},
		"one too many":               {seen(targets(states{at(blue): healthy, at(green): healthy})), false},
		"nothing registered":         {seen(targets(nil)), false},
		"no answer":                  {seen(dns(nil, nil)), false},
		"TLS names another server":   {seen(probed(blue, resolve.Open, resolve.Mismatch)), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := quiet(binding, test.observed); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// inCluster makes the observation one of a cluster: its writer is on one address, a reader on another.
func inCluster(writes, reads string) func(*observation) {
	return func(o *observation) {
		o.topology.Members = []database.Member{{Identifier: "orders-1", Host: "orders-1.example", Writer: true}, {Identifier: "orders-2", Host: "orders-2.example"}}
		o.answer.Names = map[string][]string{"orders-1.example": {writes}, "orders-2.example": {reads}}
	}
}

func TestDecideForACluster(t *testing.T) {
	cluster := newCluster().bound
	for name, test := range map[string]struct {
		observed   observation
		register   []target
		deregister []target
		state      State
	}{
		"steady": {observed: seen(inCluster(blue, green)), state: Settled},
		"failed over": {observed: seen(resolvesTo(green), inCluster(green, blue)),
			register: []target{at(green)}, state: Settling},
		"the old writer reads, and answers": {observed: seen(resolvesTo(green), inCluster(green, blue), targets(states{at(blue): healthy, at(green): healthy})),
			deregister: []target{at(blue)}, state: Settled},
		"DNS is late":                            {observed: seen(inCluster(green, blue)), state: Moving},
		"RDS is late":                            {observed: seen(resolvesTo(green), inCluster(blue, green)), state: Moving},
		"RDS names no writer":                    {observed: seen(inCluster(blue, green), func(o *observation) { o.topology.Members[0].Writer = false }), state: Moving},
		"the writer's own name does not resolve": {observed: seen(inCluster(blue, green), func(o *observation) { o.answer.Names = nil }), state: Moving},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := decide(cluster, test.observed, memory{})
			if !slices.Equal(p.register, test.register) || !slices.Equal(p.taken(), test.deregister) || p.report.State != test.state {
				t.Errorf("register %v, deregister %v, %+v", p.register, p.taken(), p.report)
			}
		})
	}
}

func TestDecideForAProxy(t *testing.T) {
	const third = "10.0.3.3"
	proxy := newProxy().bound
	both := states{at(blue): healthy, at(green): healthy}
	missing := func(count int, ago time.Duration) memory {
		return memory{Missing: map[string]misses{at(green).String(): {count, noon.Add(-ago).Unix()}}}
	}
	for name, test := range map[string]struct {
		observed   observation
		memory     memory
		register   []target
		deregister []target
		state      State
		misses     int // of green, afterwards
	}{
		"steady": {observed: seen(dns([]string{blue, green}, []string{blue, green}), targets(both)), state: Settled},
		"the first registration takes all that lookups name": {observed: seen(dns([]string{blue}, []string{green}), targets(nil)),
			register: []target{at(blue), at(green)}, state: Settling},
		"lookups that name some of them each": {observed: seen(dns([]string{blue}, []string{green}), targets(both)), state: Settled},
		"one of them serves":                  {observed: seen(dns([]string{blue, green}, []string{blue, green}), targets(states{at(blue): unhealthy, at(green): healthy})), state: Settled},
		"an address without an interface is not registered, the other is": {observed: seen(dns([]string{blue, third}, []string{blue, third}), targets(nil)),
			register: []target{at(blue)}, state: Failing},
		"an address is missing once":   {observed: seen(targets(both)), state: Settling, misses: 1},
		"in the same tick once more":   {observed: seen(targets(both)), memory: missing(1, 2*time.Second), state: Settling, misses: 1},
		"on the next tick":             {observed: seen(targets(both)), memory: missing(1, time.Minute), state: Settling, misses: 2},
		"long after the first time":    {observed: seen(targets(both)), memory: missing(2, 10*time.Minute), state: Settling, misses: 1},
		"on the third tick it goes":    {observed: seen(targets(both)), memory: missing(2, time.Minute), deregister: []target{at(green)}, state: Settled, misses: 3},
		"unless nothing else serves":   {observed: seen(targets(states{at(blue): unhealthy, at(green): healthy})), memory: missing(2, time.Minute), state: Settling, misses: 3},
		"it came back":                 {observed: seen(dns([]string{blue, green}, []string{blue}), targets(both)), memory: missing(2, time.Minute), state: Settled},
		"one lookup without an answer": {observed: seen(dns([]string{blue}, []string{}), targets(both)), memory: missing(2, time.Minute), state: Failing, misses: 2},
	} {
		t.Run(name, func(t *testing.T) {
			p, m := decide(proxy, test.observed, test.memory)
			if !slices.Equal(p.register, test.register) || !slices.Equal(p.taken(), test.deregister) || p.report.State != test.state {
				t.Errorf("register %v, deregister %v, %+v", p.register, p.taken(), p.report)
			}
			if got := m.Missing[at(green).String()].Count; got != test.misses {
				t.Errorf("missed %d times, want %d", got, test.misses)
			}
		})
	}
}

func TestMemory(t *testing.T) {
	after := noon.Add
	m := memory{}.deregistering([]target{at(blue)}, noon)
	m = m.deregistering([]target{at(green)}, after(3*time.Minute))
	if len(m.Deregistered) != 1 || !m.doubts(at(green), after(4*time.Minute)) {
		t.Errorf("got %+v, want only %s remembered", m, at(green))
	}
	state, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := parseMemory(state); err != nil || !back.equal(m) {
		t.Errorf("%s read back as %+v, %v", state, back, err)
	}
}
