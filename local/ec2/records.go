package ec2

import (
	"net/netip"
	"sync"
)

// Records are the names that Amazon's DNS answers. They have a lock of their own: DNS servers ask while the world's is held.
type Records struct {
	mu     sync.RWMutex
	byName map[string]record
	vpcs   map[string]dnsAttributes
}

type record struct {
	inside  map[string][]netip.Addr
	outside []netip.Addr
	ttl     uint32
}

// dnsAttributes are enableDnsSupport and enableDnsHostnames of a VPC.
type dnsAttributes struct{ support, hostnames bool }

func newRecords() *Records {
	return &Records{byName: map[string]record{}, vpcs: map[string]dnsAttributes{}}
}

// Set makes name answer inside's addresses in the VPCs that it lists, and outside everywhere else. A database that is not
// public, and a VPC endpoint, answer their private addresses everywhere.
func (r *Records) Set(name string, inside map[string][]netip.Addr, outside []netip.Addr, ttl uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byName[name] = record{inside, outside, ttl}
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
	return rec.outside, rec.ttl, found
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
}
