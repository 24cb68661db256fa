package network_test

import (
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
)

func entry(allow bool, cidr string, from, to uint16) network.Entry {
	return network.Entry{Allow: allow, Protocol: network.AnyProtocol, Peer: netip.MustParsePrefix(cidr), FromPort: from, ToPort: to}
}

// The client is in 10.0.2.0/24, the database in 10.0.1.0/24, with a neighbour.
func TestNetworkACLs(t *testing.T) {
	everything := []network.Entry{entry(true, "0.0.0.0/0", 0, 65535)}
	tcp := func(e network.Entry) network.Entry { e.Protocol = 6; return e }
	tests := map[string]struct {
		client, database network.Boundary
		refused          bool
	}{
		"all allowed": {client: network.Boundary{Ingress: everything, Egress: everything}, database: network.Boundary{Ingress: everything, Egress: everything}},
		"the port in, and answers out": {
			client:   network.Boundary{Ingress: everything, Egress: everything},
			database: network.Boundary{Ingress: []network.Entry{tcp(entry(true, "10.0.2.0/24", 5432, 5432))}, Egress: []network.Entry{tcp(entry(true, "10.0.2.0/24", 1024, 65535))}},
		},
		"a deny after the allow does not count": {
			client:   network.Boundary{Ingress: everything, Egress: everything},
			database: network.Boundary{Ingress: []network.Entry{entry(true, "10.0.2.50/32", 5432, 5432), entry(false, "10.0.2.0/24", 0, 65535)}, Egress: everything},
		},
		"a deny before the allow": {
			client:   network.Boundary{Ingress: everything, Egress: everything},
			database: network.Boundary{Ingress: []network.Entry{entry(false, "10.0.2.50/32", 5432, 5432), entry(true, "0.0.0.0/0", 0, 65535)}, Egress: everything}, refused: true,
		},
		"a deny of somebody else before the allow": {
			client:   network.Boundary{Ingress: everything, Egress: everything},
			database: network.Boundary{Ingress: []network.Entry{entry(false, "10.0.2.51/32", 0, 65535), entry(true, "0.0.0.0/0", 0, 65535)}, Egress: everything},
		},
		"another protocol's allow": {
			client:   network.Boundary{Ingress: everything, Egress: everything},
			database: network.Boundary{Ingress: []network.Entry{{Allow: true, Protocol: 17, Peer: netip.MustParsePrefix("0.0.0.0/0"), ToPort: 65535}}, Egress: everything}, refused: true,
		},
		"no entry at the client's way out": {client: network.Boundary{Ingress: everything}, database: network.Boundary{Ingress: everything, Egress: everything}, refused: true},
		"answers may not leave": {
			client:   network.Boundary{Ingress: everything, Egress: everything},
			database: network.Boundary{Ingress: everything, Egress: []network.Entry{entry(true, "0.0.0.0/0", 5432, 5432)}}, refused: true,
		},
		"answers may not come back": {
			client:   network.Boundary{Ingress: []network.Entry{entry(true, "0.0.0.0/0", 5432, 5432)}, Egress: everything},
			database: network.Boundary{Ingress: everything, Egress: everything}, refused: true,
		},
	}
	n := networktest.New(t)
	neighbour := netip.MustParseAddr("10.0.1.16")
	vpc(t, n, provider, databaseAddress, neighbour, otherAddress)
	serve(t, n, provider, database, "database")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.client.Subnet, test.database.Subnet = netip.MustParsePrefix("10.0.2.0/24"), netip.MustParsePrefix("10.0.1.0/24")
			if err := n.SetBoundaries(provider, []network.Boundary{test.client, test.database}); err != nil {
				t.Fatal(err)
			}
			mustDial(t, n, provider, neighbour, database) // within a subnet no ACL is asked
			if test.refused {
				mustTimeOut(t, n, provider, otherAddress, database)
				return
			}
			greeting(t, mustDial(t, n, provider, otherAddress, database))
		})
	}
}

// Unlike a security group a network ACL tracks nothing (vpc/latest/userguide/vpc-network-acls.html).
func TestAChangedNetworkACLStopsConnections(t *testing.T) {
	n := networktest.New(t)
	vpc(t, n, provider, databaseAddress, otherAddress)
	serve(t, n, provider, database, "database")
	c := mustDial(t, n, provider, otherAddress, database)
	greeting(t, c)
	if err := n.SetBoundaries(provider, []network.Boundary{{Subnet: netip.MustParsePrefix("10.0.1.0/24")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "anybody there?"); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(brief))
	if heard, err := c.Read(make([]byte, 64)); err == nil {
		t.Errorf("heard %d bytes", heard)
	}
	if err := n.SetBoundaries(provider, nil); err != nil {
		t.Fatal(err)
	}
	if got := greeting(t, c); got != "anybody there?" {
		t.Errorf("got %q", got)
	}
}
