package network_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
)

func TestMain(m *testing.M) { networktest.TestMain(m) }

const (
	provider = "vpc-provider"
	consumer = "vpc-consumer"
)

var (
	database = netip.MustParseAddr("10.0.1.15")
	client   = netip.MustParseAddr("10.0.1.200")
	other    = netip.MustParseAddr("10.0.2.50")
	unused   = netip.Addr{}
)

func all(cidr string) network.Rule {
	return network.Rule{Peer: netip.MustParsePrefix(cidr), ToPort: 65535}
}

func onPort(cidr string, port uint16) network.Rule {
	return network.Rule{Peer: netip.MustParsePrefix(cidr), FromPort: port, ToPort: port}
}

var (
	anyone = []network.Rule{all("0.0.0.0/0")}
	open   = network.Guard{Inbound: anyone, Outbound: anyone}
)

// vpc makes a VPC of 10.0.0.0/16 whose addresses may all talk to each other.
func vpc(t *testing.T, n *network.Network, id string, addresses ...netip.Addr) {
	t.Helper()
	if err := n.CreateVPC(id, netip.MustParsePrefix("10.0.0.0/16")); err != nil {
		t.Fatal(err)
	}
	firewall := network.Firewall{}
	for _, a := range addresses {
		if err := n.AddAddress(id, a); err != nil {
			t.Fatal(err)
		}
		firewall[a] = open
	}
	if err := n.SetFirewall(id, firewall); err != nil {
		t.Fatal(err)
	}
}

// serve answers each connection with greeting and whom it sees, then echoes.
func serve(t *testing.T, n *network.Network, id string, at netip.AddrPort, greeting string) {
	t.Helper()
	l, err := n.Listen(id, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				peer := c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
				_, _ = io.WriteString(c, greeting+" "+peer.String()+"\n")
				_, _ = io.Copy(c, c)
			}()
		}
	}()
}

func dial(n *network.Network, id string, from netip.Addr, to netip.AddrPort, patience time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return n.Dial(ctx, id, from, to)
}

const (
	generous = 20 * time.Second       // for what must succeed
	brief    = 150 * time.Millisecond // for what must not
)

func mustDial(t *testing.T, n *network.Network, id string, from netip.Addr, to netip.AddrPort) net.Conn {
	t.Helper()
	c, err := dial(n, id, from, to, generous)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func greeting(t *testing.T, c net.Conn) string {
	t.Helper()
	line := make([]byte, 256)
	_ = c.SetReadDeadline(time.Now().Add(generous))
	n, err := c.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(line[:n]))
}

func TestVPCsOfTheSameCIDRAndAddressAreApart(t *testing.T) {
	n := networktest.New(t)
	vpc(t, n, provider, database, client)
	vpc(t, n, consumer, database, client)
	at := netip.AddrPortFrom(database, 5432)
	serve(t, n, provider, at, "provider")
	serve(t, n, consumer, at, "consumer")
	for _, id := range []string{provider, consumer} {
		want := strings.TrimPrefix(id, "vpc-") + " " + client.String()
		if got := greeting(t, mustDial(t, n, id, client, at)); got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}

func TestAnAddressOfAnotherVPCIsSilent(t *testing.T) {
	n := networktest.New(t)
	vpc(t, n, provider, database)
	vpc(t, n, consumer, client)
	at := netip.AddrPortFrom(database, 5432)
	serve(t, n, provider, at, "provider")
	_, err := dial(n, consumer, client, at, brief)
	if timeout := net.Error(nil); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v, want a timeout", err)
	}
}

func TestStartedProcessLivesInVPC(t *testing.T) {
	n := networktest.New(t)
	vpc(t, n, provider, database)
	links := exec.Command("cat", "/proc/self/net/fib_trie")
	var out strings.Builder
	links.Stdout = &out
	if err := n.Start(provider, links); err != nil {
		t.Fatal(err)
	}
	if err := links.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), database.String()) {
		t.Errorf("the process does not see %s", database)
	}
}
