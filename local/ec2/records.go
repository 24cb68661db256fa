package ec2

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Records are the names that Amazon's DNS answers. They have a lock of their own: DNS servers ask while the world's is held.
type Records struct {
	mu     sync.RWMutex
	byName map[string]record
	vpcs   map[string]dnsAttributes
	within map[string]map[string][]netip.Addr // private names of endpoints, by VPC
}

type record struct {
	inside  map[string][]netip.Addr
	outside []netip.Addr
	ttl     uint32
	turn    *turn // nil: every answer is whole
}

// turn is whose turn it is among addresses that do not all fit in one answer.
type turn struct {
	most  int
	asked atomic.Uint32
}

// of are the addresses whose turn it is, and the next time the ones after the first.
func (t *turn) of(all []netip.Addr) []netip.Addr {
	if t == nil || len(all) == 0 {
		return all
	}
	first, some := int(t.asked.Add(1)-1), make([]netip.Addr, min(t.most, len(all)))
	for i := range some {
		some[i] = all[(first+i)%len(all)]
	}
	return some
}

// dnsAttributes are enableDnsSupport and enableDnsHostnames of a VPC.
type dnsAttributes struct{ support, hostnames bool }

func newRecords() *Records {
	return &Records{byName: map[string]record{}, vpcs: map[string]dnsAttributes{}, within: map[string]map[string][]netip.Addr{}}
}

// Set makes name answer inside's addresses in the VPCs that it lists, and outside everywhere else. A database that is not
// public, and a VPC endpoint, answer their private addresses everywhere.
func (r *Records) Set(name string, inside map[string][]netip.Addr, outside []netip.Addr, ttl uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byName[name] = record{inside: inside, outside: outside, ttl: ttl}
}

// Rotate makes name answer, everywhere, at most so many of the addresses at a time, and others the next time.
func (r *Records) Rotate(name string, among []netip.Addr, most int, ttl uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byName[name] = record{outside: among, ttl: ttl, turn: &turn{most: most}}
}

// Delete forgets name.
func (r *Records) Delete(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byName, name)
}

// Lookup answers as the DNS server of a VPC does, or as public DNS when vpc is "". A VPC without DNS support has no server;
// in one without DNS hostnames a public name keeps its public answer
// (docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html, "DNS attributes in your VPC").
func (r *Records) Lookup(vpc, name string) (addrs []netip.Addr, ttl uint32, found bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	dns, known := r.vpcs[vpc]
	if known && !dns.support {
		return nil, 0, false
	}
	rec, found := r.byName[name]
	if private, ok := rec.inside[vpc]; ok && dns.hostnames {
		return private, rec.ttl, true
	}
	return rec.turn.of(rec.outside), rec.ttl, found
}

// Private says whether a VPC answers by private hosted zones, for which it needs both attributes
// (docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html), and what it answers to the
// private name of an endpoint.
func (r *Records) Private(vpc, name string) (zones bool, addrs []netip.Addr) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	dns := r.vpcs[vpc]
	if zones = dns.support && dns.hostnames; zones {
		addrs = r.within[vpc][name]
	}
	return zones, addrs
}

func (r *Records) private(vpc, name string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.within[vpc][name]) > 0
}

// setPrivate makes a VPC answer a private name of an endpoint; without addresses it does not any more.
func (r *Records) setPrivate(vpc, name string, addrs []netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.within[vpc] == nil {
		r.within[vpc] = map[string][]netip.Addr{}
	}
	r.within[vpc][name] = addrs
}

func (r *Records) setVPC(vpc string, dns dnsAttributes) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vpcs[vpc] = dns
}

func (r *Records) deleteVPC(vpc string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.vpcs, vpc)
	delete(r.within, vpc)
}
