package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	lookupTimeout = 2 * time.Second
	probeTimeout  = 3 * time.Second
	// dialTimeout is long enough for the packet that opens a connection to be sent again, after a second. What nobody answers
	// is what a tick waits for: see docs/limits.md.
	dialTimeout = 1500 * time.Millisecond
	// otherwiseTimeout is for those whom DNS does not name any more, after the answer of one whom it names. Within a VPC an
	// answer takes a few milliseconds.
	otherwiseTimeout = 300 * time.Millisecond
	// mostLookups is more than anybody needs, and ends before the function does.
	mostLookups = 100
)

// Run answers a request from where it runs.
func Run(ctx context.Context, r Request) Answer {
	return here.answer(ctx, r)
}

// Outside resolves from where ip-sync runs: the name of a database that is not
// public resolves to its private address anywhere, but that address cannot be
// reached from there, so that every probe is blocked.
func Outside() Resolver { return outside{here} }

type outside struct{ vantage }

func (o outside) Resolve(ctx context.Context, r Request) (Answer, error) {
	answer := o.lookUp(ctx, r)
	for _, address := range r.toProbe(answer) {
		answer.Probes = append(answer.Probes, Probe{Address: address, Result: Blocked, Detail: "not probed: outside the VPC"})
	}
	return answer, nil
}

// vantage is a place in the network: how names resolve and connections open there.
type vantage struct {
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

var here = vantage{
	lookup: net.DefaultResolver.LookupNetIP,
	dial:   new(net.Dialer).DialContext,
}

func (v vantage) answer(ctx context.Context, r Request) Answer {
	passages := make([]Probe, len(r.Path))
	var way sync.WaitGroup
	for i, listener := range r.Path { // beside the rest: whoever asks waits for all of it
		way.Go(func() { passages[i] = v.pass(ctx, listener, r) })
	}
	answer := v.lookUp(ctx, r)
	answer.Probes = v.probeAll(ctx, r, r.toProbe(answer), slices.Concat(answer.Lookups...))
	way.Wait()
	answer.Path = passages
	return answer
}

// probeAll probes all at once. Once everybody whom DNS names has been heard of, and one has answered, the others have little
// time left: a host that is gone holds up what takes its place.
func (v vantage) probeAll(ctx context.Context, r Request, addresses, named []string) []Probe {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	type probed struct {
		i int
		Probe
	}
	heard := make(chan probed, len(addresses))
	for i, address := range addresses {
		go func() { heard <- probed{i, v.probe(ctx, address, r)} }()
	}
	probes, open := make([]Probe, len(addresses)), false
	slices.Sort(named)
	left := len(slices.Compact(named))
	for range addresses {
		p := <-heard
		probes[p.i] = p.Probe
		if slices.Contains(named, p.Address) {
			left--
			open = open || p.Result == Open
		}
		if open && left == 0 {
			time.AfterFunc(otherwiseTimeout, enough)
		}
	}
	return probes
}

func (r Request) toProbe(found Answer) []string {
	addresses := slices.Clone(r.Probe)
	if r.ProbeFound {
		addresses = append(addresses, slices.Concat(found.Lookups...)...)
	}
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

func (v vantage) lookUp(ctx context.Context, r Request) Answer {
	answer := Answer{Lookups: [][]string{}, Errors: []string{}, Probes: []Probe{}}
	gone, lookups := 0, min(r.Lookups, mostLookups)
	for range lookups {
		addresses, err := v.addresses(ctx, r.Host)
		if err != nil {
			answer.Errors = append(answer.Errors, err.Error())
		}
		if notFound(err) {
			gone++
		}
		answer.Lookups = append(answer.Lookups, addresses)
	}
	answer.Gone = lookups > 0 && gone == lookups
	answer.Names = v.names(ctx, r.Names)
	return answer
}

func (v vantage) names(ctx context.Context, hosts []string) map[string][]string {
	found := make([][]string, len(hosts))
	var lookups sync.WaitGroup
	for i, host := range hosts {
		lookups.Go(func() { found[i], _ = v.addresses(ctx, host) }) // a failure is known by what is missing
	}
	lookups.Wait()
	names := map[string][]string{}
	for i, host := range hosts {
		if len(found[i]) > 0 {
			names[host] = found[i]
		}
	}
	return names
}

// addresses looks host up as an absolute name: the search list of the VPC's
// DHCP options must not answer for it.
func (v vantage) addresses(ctx context.Context, host string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	found, err := v.lookup(ctx, "ip4", host+".")
	addresses := []string{}
	if err != nil {
		return addresses, err
	}
	for _, a := range found {
		addresses = append(addresses, a.Unmap().String())
	}
	slices.Sort(addresses)
	return slices.Compact(addresses), nil
}

func notFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

func (v vantage) probe(ctx context.Context, address string, r Request) Probe {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	p := Probe{Address: address}
	dialing, answered := context.WithTimeout(ctx, dialTimeout)
	defer answered()
	conn, err := v.dial(dialing, "tcp", net.JoinHostPort(address, strconv.Itoa(r.Port)))
	if err != nil {
		p.Result, p.Detail = classify(err), err.Error()
		return p
	}
	defer conn.Close()
	p.Result = Open
	if r.TLS || mustFinish(r.Engine) {
		identify(ctx, conn, r, &p)
	}
	if !r.TLS {
		p.TLS = ""
	}
	return p
}

// classify reads only the one answer that a host itself gives; silence,
// unreachable networks and local limits all count as blocked.
func classify(err error) string {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return Refused
	}
	return Blocked
}
