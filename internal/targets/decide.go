package targets

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

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
// endpoint's address, and nothing else, is registered, and it serves. A single
// target that does not has nothing to be exchanged for, but it is no good sync:
// how long that lasts is what alarms.
func quiet(b Binding, o observation) bool {
	address, err := endpointAddress(b, o.answer)
	if err != nil {
		return false
	}
	registered := o.registered(memory{})
	return len(registered) == 1 && registered[0] == target{address, b.Port} && o.serves(registered[0]) &&
		o.probe(address).TLS != resolve.Mismatch
}

// decide is the whole logic. It never looks at anything but its arguments.
func decide(b Binding, o observation, m memory) (plan, memory) {
	address, err := endpointAddress(b, o.answer)
	wanted := target{address, b.Port}
	registered := o.registered(m)

	m, nowhere := o.absence(m, registered)
	var p plan
	for _, t := range registered {
		if proof := o.foreign(t, nowhere); proof != "" {
			p.deregister = append(p.deregister, removal{t, proof})
		}
	}
	if err == nil {
		err = o.refusal(b, address)
	}
	if err == nil {
		p.exchange(o, m, wanted, registered)
	}
	p.conclude(b, o, wanted, registered, err)

	m = m.deregistering(p.taken(), o.ended)
	if p.report.State == Settled || p.report.State == Stopped {
		m = m.good()
	} else {
		m = m.failing(o.ended)
	}
	p.report.FailingSince = m.since()
	return p, m
}

// failed is the decision when an observation failed: nothing.
func failed(b Binding, now time.Time, m memory, err error) (plan, memory) {
	m = m.failing(now)
	err = fmt.Errorf("sync %s: %w", b.Exposure, err)
	return plan{report: Report{State: Failing, Detail: err.Error(), FailingSince: m.since()}, err: err}, m
}

// exchange registers wanted and, once it serves, takes the others away. A
// target that is unused (no listener yet, or its zone is not enabled) is
// registered all the same: registering it again would change nothing.
func (p *plan) exchange(o observation, m memory, wanted target, registered []target) {
	if !slices.Contains(registered, wanted) {
		p.register = append(p.register, wanted)
		return
	}
	if !o.serves(wanted) || m.doubts(wanted, o.begun) {
		return
	}
	for _, t := range registered {
		if t != wanted && !slices.Contains(p.taken(), t) {
			p.deregister = append(p.deregister, removal{t, "replaced by " + wanted.String()})
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
func (p *plan) conclude(b Binding, o observation, wanted target, registered []target, err error) {
	after := slices.DeleteFunc(slices.Clone(registered), func(t target) bool { return slices.Contains(p.taken(), t) })
	after = append(after, p.register...)
	p.report = Report{
		Address:    wanted.Address,
		Registered: slices.Contains(after, wanted),
		Available:  o.topology.Status == "available",
	}
	switch {
	case len(after) == 0 && len(registered) > 0:
		p.report.State, p.err = Failing, fmt.Errorf("sync %s: the last target is not the database any more: %s", b.Exposure, p.deregister[0].reason)
	case o.stopped() && p.empty():
		p.report.State, p.report.Detail = Stopped, "the database is "+o.topology.Status
	case errors.Is(err, errMoving):
		p.report.State, p.report.Detail = Moving, err.Error()
	case err != nil:
		p.report.State, p.err = Failing, fmt.Errorf("sync %s: %w", b.Exposure, err)
	case len(after) == 1 && len(p.register) == 0 && o.serves(wanted):
		p.report.State = Settled
	default:
		p.report.State = Settling
		p.report.Detail = fmt.Sprintf("%s is %s", wanted, o.describe(wanted))
	}
	if p.err != nil {
		p.report.Detail = p.err.Error()
	}
}

// endpointAddress is the one address that DNS gives the endpoint. Everything
// else is an error, and changes nothing.
func endpointAddress(b Binding, answer resolve.Answer) (string, error) {
	if answer.Gone {
		return "", fmt.Errorf("look up %s: the name does not exist", b.Host)
	}
	if len(answer.Lookups) < lookups || slices.ContainsFunc(answer.Lookups, func(found []string) bool { return len(found) == 0 }) {
		return "", fmt.Errorf("look up %s: no answer: %s", b.Host, strings.Join(answer.Errors, "; "))
	}
	first := answer.Lookups[0]
	if slices.ContainsFunc(answer.Lookups, func(found []string) bool { return !slices.Equal(found, first) }) {
		return "", errMoving
	}
	if len(first) != 1 {
		return "", fmt.Errorf("look up %s: %d addresses for an endpoint that has one: %s", b.Host, len(first), strings.Join(first, ", "))
	}
	if !b.contains(first[0]) {
		return "", fmt.Errorf("look up %s: %s is outside the VPC (%s): is the database public, and resolved from outside?",
			b.Host, first[0], strings.Join(b.VPCCIDRs, ", "))
	}
	return first[0], nil
}

var errMoving = errors.New("lookups disagree: the endpoint is moving")

// registered are the targets that count: not draining, and not among those that
// were deregistered so recently that the describe may be older.
func (o observation) registered(m memory) []target {
	found := []target{}
	for t, h := range o.health {
		if h.state != elbtypes.TargetHealthStateEnumDraining && h.state != elbtypes.TargetHealthStateEnumUnhealthyDraining && !m.doubts(t, o.begun) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b target) int { return strings.Compare(a.String(), b.String()) })
	return found
}

// serves: the load balancer's check passes or, where it is blind, our own.
func (o observation) serves(t target) bool {
	h := o.health[t]
	if h.state == elbtypes.TargetHealthStateEnumHealthy {
		return true
	}
	return h.blind && h.state == elbtypes.TargetHealthStateEnumUnhealthy && o.probe(t.Address).Result == resolve.Open
}

func (o observation) describe(t target) string {
	h, found := o.health[t]
	if !found {
		return "being registered"
	}
	return strings.TrimSpace(string(h.state) + " " + h.reason)
}

// stopped: a state that people chose, in which nothing is wrong.
func (o observation) stopped() bool {
	return o.deep && o.topology.Exists && slices.Contains([]string{"stopping", "stopped", "starting"}, o.topology.Status)
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

// foreign is the proof that a target is not the database, or empty. Network
// interfaces prove nothing against DNS's own answer: two describes of different
// age would cut a working database off.
func (o observation) foreign(t target, nowhere bool) string {
	if nowhere {
		return "the database is not found and its name is gone"
	}
	if p := o.probe(t.Address); p.TLS == resolve.Mismatch {
		return fmt.Sprintf("TLS at %s names another server: %s", t, p.Detail)
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
	return ""
}

func (o observation) named(address string) bool {
	return slices.ContainsFunc(o.answer.Lookups, func(found []string) bool { return slices.Contains(found, address) })
}

func (o observation) carries(groups []string) bool {
	return slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(o.topology.SecurityGroupIDs, g) })
}

// refusal is why DNS's answer must not be acted on, or nil.
func (o observation) refusal(b Binding, address string) error {
	switch groups, found := o.groups[address]; {
	case !o.topology.Exists:
		return fmt.Errorf("describe database %s: not found, though %s resolves to %s", b.DatabaseARN, b.Host, address)
	case !strings.EqualFold(o.topology.Host, b.Host) || o.topology.Port != b.Port:
		return fmt.Errorf("describe database %s: its endpoint is %s:%d, not %s:%d", b.DatabaseARN, o.topology.Host, o.topology.Port, b.Host, b.Port)
	case o.probe(address).TLS == resolve.Mismatch:
		return fmt.Errorf("probe %s: TLS names another server: %s", address, o.probe(address).Detail)
	case !found:
		return fmt.Errorf("look up %s: no network interface has the address %s", b.Host, address)
	case !o.carries(groups):
		return fmt.Errorf("look up %s: the network interface of %s carries none of the database's security groups", b.Host, address)
	}
	return nil
}
