package network_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
)

func TestFirewall(t *testing.T) {
	guarded := func(client, database network.Guard) network.Firewall {
		return network.Firewall{clientAddress: client, databaseAddress: database}
	}
	inbound := func(rules ...network.Rule) network.Guard { return network.Guard{Inbound: rules} }
	outbound := func(rules ...network.Rule) network.Guard { return network.Guard{Outbound: rules} }
	tests := map[string]struct {
		firewall network.Firewall
		from, to netip.Addr
		refused  bool
	}{
		"both directions allow": {firewall: guarded(open, open)},
		"the client by its address, on the port": {
			firewall: guarded(outbound(onPort("10.0.1.15/32", 5432)), inbound(onPort("10.0.1.200/32", 5432))),
		},
		"the client by its network, on the last port of a range": {
			firewall: guarded(open, inbound(network.Rule{Peer: netip.MustParsePrefix("10.0.1.0/24"), FromPort: 5400, ToPort: 5432})),
		},
		"rules that overlap": {
			firewall: guarded(open, inbound(onPort("10.0.0.0/8", 5432), all("10.0.1.200/32"), onPort("10.0.1.0/24", 5432), onPort("10.0.1.200/32", 5432))),
		},
		"no rule outbound":                      {firewall: guarded(inbound(anyone...), open), refused: true},
		"no rule inbound":                       {firewall: guarded(open, outbound(anyone...)), refused: true},
		"another client's rule":                 {firewall: guarded(open, inbound(onPort("10.0.2.50/32", 5432))), refused: true},
		"another port's rule":                   {firewall: guarded(open, inbound(onPort("0.0.0.0/0", 5433))), refused: true},
		"a range that ends before":              {firewall: guarded(open, inbound(network.Rule{Peer: netip.MustParsePrefix("0.0.0.0/0"), ToPort: 5431})), refused: true},
		"a destination without an entry":        {firewall: network.Firewall{clientAddress: open}, refused: true},
		"a source without an entry":             {firewall: network.Firewall{databaseAddress: open}, refused: true},
		"no firewall at all":                    {refused: true},
		"an address to itself, without entries": {from: databaseAddress},
		"loopback, without entries":             {from: loopback, to: loopback},
	}
	n := networktest.New(t)
	vpc(t, n, provider, databaseAddress, clientAddress)
	for _, at := range []netip.Addr{databaseAddress, loopback} {
		serve(t, n, provider, netip.AddrPortFrom(at, 5432), "database")
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := n.SetFirewall(provider, test.firewall); err != nil {
				t.Fatal(err)
			}
			from, to := test.from, test.to
			if !from.IsValid() {
				from = clientAddress
			}
			if !to.IsValid() {
				to = databaseAddress
			}
			if test.refused {
				mustTimeOut(t, n, provider, from, netip.AddrPortFrom(to, 5432))
				return
			}
			if got, want := greeting(t, mustDial(t, n, provider, from, netip.AddrPortFrom(to, 5432))), "database "+from.String(); got != want {
				t.Errorf("got %q, want %q: the server sees the true source", got, want)
			}
		})
	}
}

// A security group tracks connections: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
func TestChangedFirewallLeavesConnections(t *testing.T) {
	n := networktest.New(t)
	vpc(t, n, provider, databaseAddress, clientAddress)
	at := netip.AddrPortFrom(databaseAddress, 5432)
	serve(t, n, provider, at, "database")
	c := mustDial(t, n, provider, clientAddress, at)
	greeting(t, c)
	if err := n.SetFirewall(provider, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "still there"); err != nil {
		t.Fatal(err)
	}
	if got := greeting(t, c); got != "still there" {
		t.Errorf("got %q", got)
	}
	mustTimeOut(t, n, provider, clientAddress, at)
}

func TestAddressAddedLaterFollowsTheFirewall(t *testing.T) {
	n := networktest.New(t)
	vpc(t, n, provider, databaseAddress)
	if err := n.SetFirewall(provider, network.Firewall{databaseAddress: open, clientAddress: open}); err != nil {
		t.Fatal(err)
	}
	for _, a := range []netip.Addr{clientAddress, otherAddress} {
		if err := n.AddAddress(provider, a); err != nil {
			t.Fatal(err)
		}
	}
	at := netip.AddrPortFrom(databaseAddress, 5432)
	itself := netip.AddrPortFrom(otherAddress, 5432)
	serve(t, n, provider, at, "database")
	serve(t, n, provider, itself, "other")
	mustDial(t, n, provider, clientAddress, at)
	mustDial(t, n, provider, otherAddress, itself)
	mustTimeOut(t, n, provider, otherAddress, at)
}

// AWS's default quota is 60 rules per direction: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
func TestLargeFirewall(t *testing.T) {
	const addresses, rules = 40, 60
	n := networktest.New(t)
	vpc(t, n, provider)
	firewall := network.Firewall{}
	a := netip.MustParseAddr("10.0.3.1")
	for range addresses {
		var guard network.Guard
		for i := range rules {
			peer := fmt.Sprintf("10.0.%d.0/%d", i, 16+i%17)
			guard.Inbound = append(guard.Inbound, onPort(peer, uint16(5000+i)))
			guard.Outbound = append(guard.Outbound, onPort(peer, uint16(5000+i)))
		}
		firewall[a] = guard
		a = a.Next()
	}
	if err := n.SetFirewall(provider, firewall); err != nil {
		t.Fatal(err)
	}
	for a := range firewall {
		if err := n.AddAddress(provider, a); err != nil {
			t.Fatal(err)
		}
	}
	at := netip.MustParseAddrPort("10.0.3.40:5003") // rule 3 is 10.0.3.0/19
	serve(t, n, provider, at, "database")
	mustDial(t, n, provider, netip.MustParseAddr("10.0.3.1"), at)
	mustTimeOut(t, n, provider, netip.MustParseAddr("10.0.3.1"), netip.MustParseAddrPort("10.0.3.40:5060"))
}

func mustTimeOut(t *testing.T, n *network.Network, id string, from netip.Addr, to netip.AddrPort) {
	t.Helper()
	c, err := dial(n, id, from, to, brief)
	if err == nil {
		_ = c.Close()
		t.Errorf("%s reached %s", from, to)
		return
	}
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
		t.Errorf("%s to %s: got %v, want a timeout", from, to, err)
	}
}

// A packet that is lost while rules change is sent again, but for a reset: whoever waits for one that is lost waits for
// ever.
func TestRulesThatChangeDisturbNothingThatGoesOn(t *testing.T) {
	n := networktest.New(t)
	vpc(t, n, provider, databaseAddress, clientAddress)
	serve(t, n, provider, netip.AddrPortFrom(databaseAddress, 5432), "database")
	l, err := n.Listen(provider, netip.AddrPortFrom(databaseAddress, 5433))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}()
	c := mustDial(t, n, provider, clientAddress, netip.AddrPortFrom(databaseAddress, 5432))
	greeting(t, c)

	over := make(chan struct{})
	go func() {
		defer close(over)
		everything := []network.Entry{entry(true, "0.0.0.0/0", 0, 65535)}
		boundary := network.Boundary{Subnet: netip.MustParsePrefix("10.0.1.0/24"), Ingress: everything, Egress: everything}
		for range 100 {
			if err := errors.Join(
				n.SetFirewall(provider, network.Firewall{clientAddress: open, databaseAddress: open}),
				n.SetBoundaries(provider, []network.Boundary{boundary}),
			); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	changing := func() bool {
		select {
		case <-over:
			return false
		default:
			return true
		}
	}
	for changing() {
		if _, err := io.WriteString(c, "?"); err != nil {
			t.Fatal(err)
		}
		greeting(t, c)
		cut, err := dial(n, provider, clientAddress, netip.AddrPortFrom(databaseAddress, 5433), generous)
		if err == nil {
			_ = cut.SetReadDeadline(time.Now().Add(generous))
			_, err = cut.Read(make([]byte, 1))
			_ = cut.Close()
		}
		if !errors.Is(err, unix.ECONNRESET) {
			t.Fatalf("a client that was reset hears %v", err)
		}
	}
	if again := retransmitted(t, n, provider); again != "0" {
		t.Errorf("%s packets had to be sent again", again)
	}
}

// retransmitted is how many packets were sent again in a VPC, as the kernel counts.
func retransmitted(t *testing.T, n *network.Network, id string) string {
	t.Helper()
	var text []byte
	if err := n.Within(id, func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/snmp")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if fields[0] != "Tcp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "RetransSegs" {
				return fields[i]
			}
		}
	}
	t.Fatal("the kernel does not count them")
	return ""
}
