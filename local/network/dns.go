package network

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/miekg/dns"
)

// Resolver knows the names: lower case, without the final dot. vpc is who asks; "" is outside every VPC.
type Resolver interface {
	Lookup(vpc, name string) (addrs []netip.Addr, ttl uint32, found bool)
}

// names answers DNS queries from a Resolver that may come later.
type names struct{ resolver atomic.Pointer[Resolver] }

// serve answers, over UDP and TCP, queries that come from vpc.
func (n *names) serve(vpc string, at netip.AddrPort) ([]io.Closer, error) {
	packets, err := net.ListenPacket("udp4", at.String())
	if err != nil {
		return nil, fmt.Errorf("serve DNS: %w", err)
	}
	streams, err := net.Listen("tcp4", at.String())
	if err != nil {
		_ = packets.Close()
		return nil, fmt.Errorf("serve DNS: %w", err)
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		_ = w.WriteMsg(n.answer(vpc, query)) // who asked may be gone
	})
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: streams, Handler: handler}} {
		go func() { _ = server.ActivateAndServe() }() // ends when its socket closes
	}
	return []io.Closer{packets, streams}, nil
}

func (n *names) answer(vpc string, query *dns.Msg) *dns.Msg {
	reply := new(dns.Msg).SetReply(query)
	reply.Authoritative, reply.RecursionAvailable = true, true
	if len(query.Question) != 1 {
		return reply.SetRcode(query, dns.RcodeFormatError)
	}
	question := query.Question[0]
	addrs, ttl, found := n.lookup(vpc, strings.ToLower(strings.TrimSuffix(question.Name, ".")))
	if !found {
		return reply.SetRcode(query, dns.RcodeNameError)
	}
	if question.Qtype != dns.TypeA && question.Qtype != dns.TypeANY {
		return reply // the name exists, without such records
	}
	for _, a := range addrs {
		reply.Answer = append(reply.Answer, &dns.A{
			Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl},
			A:   a.AsSlice(),
		})
	}
	return reply
}

func (n *names) lookup(vpc, name string) ([]netip.Addr, uint32, bool) {
	if r := n.resolver.Load(); r != nil {
		return (*r).Lookup(vpc, name)
	}
	return nil, 0, false
}
