package network_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
)

// records are addresses by VPC ("" outside) and name.
type records map[string]map[string][]netip.Addr

func (r records) Lookup(vpc, name string) ([]netip.Addr, uint32, bool) {
	addrs, found := r[vpc][name]
	return addrs, 5, found
}

const endpoint = "orders-prod.c9akciq32.eu-central-1.rds.amazonaws.com."

func TestDNSAnswersEachVPCItsOwn(t *testing.T) {
	name := endpoint[:len(endpoint)-1]
	tests := map[string]struct {
		vpc, name string
		kind      uint16
		want      []netip.Addr
		rcode     int
	}{
		"inside the provider":     {vpc: provider, name: endpoint, kind: dns.TypeA, want: []netip.Addr{databaseAddress, otherAddress}},
		"inside the consumer":     {vpc: consumer, name: endpoint, kind: dns.TypeA, want: []netip.Addr{clientAddress}},
		"outside":                 {name: endpoint, kind: dns.TypeA, want: []netip.Addr{loopback}},
		"in upper case":           {vpc: provider, name: "ORDERS-prod" + endpoint[len("orders-prod"):], kind: dns.TypeA, want: []netip.Addr{databaseAddress, otherAddress}},
		"a type that it has none": {vpc: provider, name: endpoint, kind: dns.TypeAAAA},
		"a name that nobody has":  {vpc: provider, name: "nobody.example.", kind: dns.TypeA, rcode: dns.RcodeNameError},
	}
	n := networktest.New(t)
	n.SetResolver(records{
		provider: {name: {databaseAddress, otherAddress}},
		consumer: {name: {clientAddress}},
		"":       {name: {loopback}},
	})
	vpc(t, n, provider, databaseAddress)
	vpc(t, n, consumer, clientAddress)
	for id, source := range map[string]netip.Addr{provider: databaseAddress, consumer: clientAddress} {
		if err := errors.Join(n.SetDefaultSource(id, source), n.SetFirewall(id, nil)); err != nil { // DNS needs no rule
			t.Fatal(err)
		}
	}
	for name, test := range tests {
		for _, transport := range []string{"udp", "tcp"} {
			t.Run(name+" over "+transport, func(t *testing.T) {
				reply := ask(t, n, test.vpc, transport, new(dns.Msg).SetQuestion(test.name, test.kind))
				if reply.Rcode != test.rcode || !slices.Equal(addresses(reply), test.want) {
					t.Errorf("got %s %v, want %s %v", dns.RcodeToString[reply.Rcode], addresses(reply), dns.RcodeToString[test.rcode], test.want)
				}
			})
		}
	}
}

// Servers that are not the VPC's own answer as they do to everybody, and only those who have a way out to them.
func TestOtherServersAreAskedByThoseWhoMay(t *testing.T) {
	n := networktest.New(t)
	name := endpoint[:len(endpoint)-1]
	n.SetResolver(records{provider: {name: {databaseAddress}}, "": {name: {loopback}}})
	vpc(t, n, provider, clientAddress)
	server := netip.MustParseAddr("192.168.7.53")
	if err := errors.Join(n.SetDNS(provider, []netip.Addr{server}), n.SetDefaultSource(provider, clientAddress)); err != nil {
		t.Fatal(err)
	}
	query := func(transport string, patience time.Duration) (reply *dns.Msg, err error) {
		err = n.Within(provider, func() (err error) {
			client := &dns.Client{Net: transport, Timeout: patience}
			reply, _, err = client.Exchange(new(dns.Msg).SetQuestion(endpoint, dns.TypeA), server.String()+":53")
			return err
		})
		return reply, err
	}
	way := []network.Rule{onPort("192.168.7.53/32", 53)}
	for name, test := range map[string]struct {
		client network.Guard
		udp    bool
		tcp    bool
	}{
		"no way out":      {},
		"a way over UDP":  {client: network.Guard{Queries: way}, udp: true},
		"a way over TCP":  {client: network.Guard{Outbound: way}, tcp: true},
		"another address": {client: network.Guard{Queries: []network.Rule{onPort("192.168.7.54/32", 53)}, Outbound: []network.Rule{onPort("192.168.7.54/32", 53)}}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := n.SetFirewall(provider, network.Firewall{clientAddress: test.client, server: open}); err != nil {
				t.Fatal(err)
			}
			for transport, may := range map[string]bool{"udp": test.udp, "tcp": test.tcp} {
				patience := brief
				if may {
					patience = generous
				}
				reply, err := query(transport, patience)
				if (err == nil) != may {
					t.Errorf("over %s: %v, want an answer: %t", transport, err, may)
				}
				if err == nil && !slices.Equal(addresses(reply), []netip.Addr{loopback}) {
					t.Errorf("over %s it answers %v", transport, addresses(reply))
				}
			}
		})
	}
	if err := n.SetDNS(provider, nil); err != nil {
		t.Fatal(err)
	}
	if reply := ask(t, n, provider, "udp", new(dns.Msg).SetQuestion(endpoint, dns.TypeA)); !slices.Equal(addresses(reply), []netip.Addr{databaseAddress}) {
		t.Errorf("the VPC's own answers %v", addresses(reply))
	}
}

// ask sends a query as a process in the VPC would.
func ask(t *testing.T, n *network.Network, id, transport string, query *dns.Msg) (reply *dns.Msg) {
	t.Helper()
	exchange := func(server string) (err error) {
		reply, _, err = (&dns.Client{Net: transport, Timeout: generous}).Exchange(query, server)
		return err
	}
	var err error
	if id == "" {
		err = exchange("127.0.0.53:53")
	} else {
		err = n.Within(id, func() error { return exchange("10.0.0.2:53") })
	}
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func addresses(reply *dns.Msg) []netip.Addr {
	var addrs []netip.Addr
	for _, record := range reply.Answer {
		a, _ := netip.AddrFromSlice(record.(*dns.A).A.To4())
		addrs = append(addrs, a)
	}
	return addrs
}

func TestProgramsOutsideAskTheOutsideDNS(t *testing.T) {
	n := networktest.New(t)
	n.SetResolver(records{"": {"bucket.s3.amazonaws.com": {loopback}}})
	got, err := new(net.Resolver).LookupHost(context.Background(), "bucket.s3.amazonaws.com")
	if err != nil || !slices.Equal(got, []string{"127.0.0.1"}) {
		t.Errorf("got %v, %v", got, err)
	}
}
