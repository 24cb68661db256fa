package targets

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
)

// plan is what to do: first every registration, then every deregistration.
type plan struct {
	register   []target
	deregister []removal
	report     Report
	err        error
}

// removal is a target to deregister, and why.
type removal struct {
	target
	reason string
}

func (p plan) empty() bool { return len(p.register) == 0 && len(p.deregister) == 0 }

// quiet reports whether there is nothing to do, from what a glance shows: the
// endpoint's addresses, and nothing else, are registered, and one serves. Targets
// of which none does have nothing to be exchanged for, but that is no good sync:
// how long it lasts is what alarms.
func quiet(b registry.Binding, o observation) bool {
	wanted, err := o.wanted(b)
	return err == nil && slices.Equal(o.registered(memory{}), wanted) && slices.ContainsFunc(wanted, o.serves) && !o.misled() &&
		!slices.ContainsFunc(wanted, func(t target) bool { return o.probe(t.Address).TLS == resolve.Mismatch })
}

// decide is the whole logic. It never looks at anything but its arguments.
func decide(b registry.Binding, o observation, m memory) (plan, memory) {
	wanted, err := o.wanted(b)
	registered := o.registered(m)

	m, nowhere := o.absence(m, registered)
	var p plan
	for _, t := range registered {
		if proof := o.foreign(t, nowhere, err == nil); proof != "" {
			p.deregister = append(p.deregister, removal{t, proof})
		}
	}
	if err == nil {
		if several(b) {
			m = m.missing(drift.Without(registered, wanted), o.begun, o.ended)
		}
		m = o.misnaming(b, m, drift.Without(wanted, registered))
		var accepted []target
		accepted, err = o.accept(b, m, wanted)
		p.exchange(b, o, m, accepted, registered, err)
	}
	p.conclude(b, o, wanted, registered, err)

	return p, m.deregistering(p.taken(), o.ended)
}

// failed is the decision when an observation failed: nothing.
func failed(b registry.Binding, m memory, err error) (plan, memory) {
	err = fmt.Errorf("sync %s: %w", b.Exposure, err)
	report := Report{State: Failing, Detail: err.Error()}
	if outcome.Name(err) == outcome.NameThrottled {
		report.State = Missed
	}
	return plan{report: report, err: err}, m
}

// exchange registers what is wanted and not there and, once one of it serves,
// takes the others away: at once where the endpoint has one address, when they
// were missing for a while where it has several. A target that is unused (no
// listener yet, or its zone is not enabled) is registered all the same:
// registering it again would change nothing.
func (p *plan) exchange(b registry.Binding, o observation, m memory, wanted, registered []target, err error) {
	p.register = drift.Without(wanted, registered)
	serving := slices.IndexFunc(wanted, func(t target) bool { return o.serves(t) && !m.doubts(t, o.begun) })
	if len(p.register) > 0 || serving < 0 || err != nil {
		return
	}
	for _, t := range drift.Without(drift.Without(registered, wanted), p.taken()) {
		switch {
		case !several(b):
			p.deregister = append(p.deregister, removal{t, "replaced by " + wanted[serving].String()})
		case m.missed(t):
			p.deregister = append(p.deregister, removal{t, fmt.Sprintf("DNS has not named it on %d ticks", missesBeforeRemoval)})
		}
	}
}

func (p plan) taken() []target {
	taken := []target{}
	for _, r := range p.deregister {
		taken = append(taken, r.target)
	}
	return taken
}

// conclude says where the plan leaves the target group.
func (p *plan) conclude(b registry.Binding, o observation, wanted, registered []target, err error) {
	after := append(drift.Without(registered, p.taken()), p.register...)
	p.report = Report{
		Address:    addressesOf(wanted),
		Registered: len(wanted) > 0 && len(drift.Without(wanted, after)) == 0,
		Available:  o.topology.Status == "available",
		Misnamed:   o.misnamed(wanted, after),
	}
	switch {
	case len(after) == 0 && len(registered) > 0:
		p.report.State, p.err = Failing, fmt.Errorf("sync %s: the last target is not the database any more: %s",
			b.Exposure, p.deregister[0].reason)
	case o.stopped() && p.empty():
		p.report.State, p.report.Detail = Stopped, "the database is "+o.topology.Status
	case errors.Is(err, errMoving):
		p.report.State, p.report.Detail = Moving, err.Error()
	case err != nil:
		p.report.State, p.err = Failing, fmt.Errorf("sync %s: %w", b.Exposure, err)
	case len(after) == len(wanted) && len(p.register) == 0 && slices.ContainsFunc(wanted, o.serves):
		p.report.State = Settled
	default:
		p.report.State = Settling
		p.report.Detail = o.describe(wanted)
		p.report.Coming = !slices.ContainsFunc(wanted, o.checked)
	}
	if p.err != nil {
		p.report.Detail = p.err.Error()
	}
	p.report.walk(b, o)
}

// wanted are the targets that the endpoint's name stands for now. Everything
// that is not clear is an error, and changes nothing.
func (o observation) wanted(b registry.Binding) ([]target, error) {
	addresses, err := o.resolved(b)
	if err != nil {
		return nil, err
	}
	if roles(b) && o.topology.Exists {
		if err := o.writes(addresses[0]); err != nil {
			return nil, err
		}
	}
	wanted := []target{}
	for _, address := range addresses {
		if !resolve.Within(address, b.VPCCIDRs) {
			return nil, fmt.Errorf("look up %s: %s is outside the VPC (%s): is the database public, and resolved from outside?",
				b.Host, address, strings.Join(b.VPCCIDRs, ", "))
		}
		wanted = append(wanted, target{address, b.Port})
	}
	slices.SortFunc(wanted, inOrder)
	return wanted, nil
}

// resolved are the addresses that DNS gives the endpoint: one, or for a proxy
// all that were answered.
func (o observation) resolved(b registry.Binding) ([]string, error) {
	if o.answer.Gone {
		return nil, fmt.Errorf("look up %s: the name does not exist", b.Host)
	}
	if len(o.answer.Lookups) < lookups || slices.ContainsFunc(o.answer.Lookups, func(found []string) bool { return len(found) == 0 }) {
		return nil, fmt.Errorf("look up %s: no answer: %s", b.Host, strings.Join(o.answer.Errors, "; "))
	}
	first := o.answer.Lookups[0]
	switch {
	case several(b):
		all := slices.Concat(o.answer.Lookups...)
		slices.Sort(all)
		return slices.Compact(all), nil
	case slices.ContainsFunc(o.answer.Lookups, func(found []string) bool { return !slices.Equal(found, first) }):
		return nil, fmt.Errorf("%w: lookups disagree", errMoving)
	case len(first) != 1:
		return nil, fmt.Errorf("look up %s: %d addresses for an endpoint that has one: %s", b.Host, len(first), strings.Join(first, ", "))
	}
	return first, nil
}

var errMoving = errors.New("the endpoint is moving")

// writes reports, as an error, an address that is not that of the member which
// RDS calls the writer. After a failover the old writer is a reader, whose TCP
// port and certificate look as good.
func (o observation) writes(address string) error {
	writer, found := o.topology.Writer()
	if !found {
		return fmt.Errorf("%w: RDS names no writer", errMoving)
	}
	if at := o.answer.Names[writer.Host]; !slices.Equal(at, []string{address}) {
		return fmt.Errorf("%w: it resolves to %s, and the writer %s to %s", errMoving, address, writer.Identifier, strings.Join(at, ", "))
	}
	return nil
}

// addressesOf are the addresses of targets, for people.
func addressesOf(targets []target) string {
	addresses := make([]string, len(targets))
	for i, t := range targets {
		addresses[i] = t.Address
	}
	return strings.Join(addresses, ", ")
}

// registered are the targets that count: not draining, and not among those that
// were deregistered so recently that the describe may be older.
func (o observation) registered(m memory) []target {
	found := []target{}
	for t, h := range o.health {
		if h.state != elbtypes.TargetHealthStateEnumDraining &&
			h.state != elbtypes.TargetHealthStateEnumUnhealthyDraining && !m.doubts(t, o.begun) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, inOrder)
	return found
}

func inOrder(a, b target) int { return strings.Compare(a.String(), b.String()) }

// serves: the load balancer's check passes or, where it is blind, our own.
func (o observation) serves(t target) bool {
	h := o.health[t]
	if h.state == elbtypes.TargetHealthStateEnumHealthy {
		return true
	}
	return h.blind && h.state == elbtypes.TargetHealthStateEnumUnhealthy && o.probe(t.Address).Result == resolve.Open
}

// someTargetMayServe: there is somebody to answer through the load balancer, as far as its checks can tell.
func (o observation) someTargetMayServe() bool {
	for _, h := range o.health {
		if h.state == elbtypes.TargetHealthStateEnumHealthy || h.blind && h.state == elbtypes.TargetHealthStateEnumUnhealthy {
			return true
		}
	}
	return false
}

// checked says whether the load balancer has come to a judgement about a target.
func (o observation) checked(t target) bool {
	h, found := o.health[t]
	return found && h.state != elbtypes.TargetHealthStateEnumInitial
}

// describe says how the wanted targets are.
func (o observation) describe(wanted []target) string {
	var states []string
	for _, t := range wanted {
		state := "being registered"
		if h, found := o.health[t]; found {
			state = strings.TrimSpace(string(h.state) + " " + h.reason)
		}
		states = append(states, t.String()+" is "+state)
	}
	return strings.Join(states, ", ")
}

// stopped: a state that people chose, in which nothing is wrong.
func (o observation) stopped() bool {
	return o.deep && o.topology.Exists && database.Stopped(o.topology.Status)
}

// absence remembers a database that is not found and whose name is gone, and
// reports when it stayed so.
func (o observation) absence(m memory, registered []target) (memory, bool) {
	if !o.deep || !o.answer.Gone || o.topology.Exists {
		return m.there(), false
	}
	if len(registered) == 0 {
		return m, false
	}
	return m.gone(o.begun, o.ended)
}

// foreign is the proof that a target is not the database, or empty. Neither
// network interfaces nor a certificate prove anything against DNS's own answer:
// two describes of different age, or a database that is being renamed and has
// its certificate renewed, would cut a working database off. clear says that DNS
// gave an answer to go by.
func (o observation) foreign(t target, nowhere, clear bool) string {
	if nowhere {
		return "the database is not found and its name is gone"
	}
	if !o.deep || o.named(t.Address) {
		return ""
	}
	groups, found := o.groups[t.Address]
	if !found {
		return fmt.Sprintf("no network interface has the address of %s", t)
	}
	if o.topology.Exists && len(o.topology.SecurityGroupIDs) > 0 && !o.carries(groups) {
		return fmt.Sprintf("the network interface of %s carries none of the database's security groups", t)
	}
	if p := o.probe(t.Address); clear && p.TLS == resolve.Mismatch {
		return fmt.Sprintf("DNS names another address than %s, and its certificate another server: %s", t, p.Detail)
	}
	return ""
}

func (o observation) named(address string) bool {
	return slices.ContainsFunc(o.answer.Lookups, func(found []string) bool { return slices.Contains(found, address) })
}

func (o observation) carries(groups []string) bool {
	return slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(o.topology.SecurityGroupIDs, g) })
}

// misnaming starts the clock of each newcomer that DNS, RDS and EC2 confirm and
// whose certificate names another server. It forgets those that need none any
// more: whose certificate fits, that are registered, or that are not wanted.
func (o observation) misnaming(b registry.Binding, m memory, newcomers []target) memory {
	since := map[string]int64{}
	for _, t := range newcomers {
		begun, waits := m.misnamedSince(t, o.begun)
		switch tls := o.probe(t.Address).TLS; {
		case tls == resolve.Match:
		case waits:
			since[t.String()] = begun.Unix()
		case tls == resolve.Mismatch && o.refusal(b, t.Address) == nil:
			since[t.String()] = o.ended.Unix()
		}
	}
	m.Misnamed = since
	return m
}

// accept are the wanted targets that may be registered, and why another may
// not, or not yet. Once a newcomer's certificate named another server, only one
// that fits or the end of the wait lets it in: one that is not shown for a
// moment, because the server restarts, does not.
func (o observation) accept(b registry.Binding, m memory, wanted []target) (accepted []target, err error) {
	var wait error
	for _, t := range wanted {
		if refusal := o.refusal(b, t.Address); refusal != nil {
			err = refusal
			continue
		}
		if begun, waits := m.misnamedSince(t, o.begun); waits && o.begun.Sub(begun) < renamedWithin {
			wait = fmt.Errorf("%w: the certificate at %s names another server, which is waited for until %s: %s", errMoving, t,
				begun.Add(renamedWithin).UTC().Format(time.TimeOnly), o.probe(t.Address).Detail)
			continue
		}
		accepted = append(accepted, t)
	}
	if err == nil {
		err = wait
	}
	return accepted, err
}

// refusal is why DNS's answer must not be acted on, or nil. A certificate that
// names another server is no reason by itself.
func (o observation) refusal(b registry.Binding, address string) error {
	err := o.contradiction(b, address)
	if p := o.probe(address); err != nil && p.TLS == resolve.Mismatch {
		return fmt.Errorf("%w; and its certificate names another server: %s", err, p.Detail)
	}
	return err
}

func (o observation) contradiction(b registry.Binding, address string) error {
	switch groups, found := o.groups[address]; {
	case !o.topology.Exists:
		return fmt.Errorf("describe database %s: not found, though %s resolves to %s", b.DatabaseARN, b.Host, address)
	case !strings.EqualFold(o.topology.Host, b.Host) || o.topology.Port != b.Port:
		return fmt.Errorf("describe database %s: its endpoint is %s:%d, not %s:%d", b.DatabaseARN, o.topology.Host,
			o.topology.Port, b.Host, b.Port)
	case !found:
		return fmt.Errorf("look up %s: no network interface has the address %s", b.Host, address)
	case !o.carries(groups):
		return fmt.Errorf("look up %s: the network interface of %s carries none of the database's security groups", b.Host, address)
	}
	return nil
}

// misnamed says which of the wanted targets that are registered present a
// certificate of another name.
func (o observation) misnamed(wanted, registered []target) string {
	var found []string
	for _, t := range wanted {
		if p := o.probe(t.Address); p.TLS == resolve.Mismatch && slices.Contains(registered, t) {
			found = append(found, t.String()+": "+p.Detail)
		}
	}
	return strings.Join(found, "; ")
}
