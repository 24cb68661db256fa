package network_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

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
