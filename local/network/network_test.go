package network_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
)

func TestMain(m *testing.M) { networktest.TestMain(m) }

const (
	provider = "vpc-provider"
	consumer = "vpc-consumer"
)

var (
	databaseAddress = netip.MustParseAddr("10.0.1.15")
	clientAddress   = netip.MustParseAddr("10.0.1.200")
	otherAddress    = netip.MustParseAddr("10.0.2.50")
	loopback        = netip.MustParseAddr("127.0.0.1")
	unbound         = netip.Addr{}
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
	vpc(t, n, provider, databaseAddress, clientAddress)
	vpc(t, n, consumer, databaseAddress, clientAddress)
	at := netip.AddrPortFrom(databaseAddress, 5432)
	serve(t, n, provider, at, "provider")
	serve(t, n, consumer, at, "consumer")
	for _, id := range []string{provider, consumer} {
		want := strings.TrimPrefix(id, "vpc-") + " " + clientAddress.String()
		if got := greeting(t, mustDial(t, n, id, clientAddress, at)); got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}

func TestAnAddressOfAnotherVPCIsSilent(t *testing.T) {
	n := networktest.New(t)
	vpc(t, n, provider, databaseAddress)
	vpc(t, n, consumer, clientAddress)
	at := netip.AddrPortFrom(databaseAddress, 5432)
	serve(t, n, provider, at, "provider")
	mustTimeOut(t, n, consumer, clientAddress, at)
}

func TestStartedProcessLivesInVPC(t *testing.T) {
	n := networktest.New(t)
	vpc(t, n, provider, databaseAddress)
	got := outputIn(t, n, provider, exec.Command("cat", "/proc/self/net/fib_trie"))
	if !strings.Contains(got, databaseAddress.String()) {
		t.Errorf("the process does not see %s:\n%s", databaseAddress, got)
	}
}

func outputIn(t *testing.T, n *network.Network, id string, cmd *exec.Cmd) string {
	t.Helper()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := n.Start(id, cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// MiniStack's functions join a VPC in this way.
func TestPublishedSubnetOpensAsTheVPC(t *testing.T) {
	dir := t.TempDir()
	n := networktest.NewIn(t, dir)
	vpc(t, n, provider, databaseAddress)
	if err := n.PublishSubnet(provider, "subnet-1"); err != nil {
		t.Fatal(err)
	}
	published := filepath.Join(dir, "subnets", "subnet-1")
	got := outputIn(t, n, provider, exec.Command("stat", "-L", "-c", "%i", filepath.Join(published, "net"), "/proc/self/ns/net"))
	if inodes := strings.Fields(got); len(inodes) != 2 || inodes[0] != inodes[1] {
		t.Errorf("inodes of the published namespace and the VPC's: %q", got)
	}
	servers, err := os.ReadFile(filepath.Join(published, "resolv.conf"))
	if err != nil || string(servers) != "nameserver 10.0.0.2\n" {
		t.Errorf("resolv.conf: %q, %v", servers, err)
	}
	n.WithdrawSubnet("subnet-1")
	if _, err := os.Stat(published); !os.IsNotExist(err) {
		t.Errorf("after withdrawal: %v", err)
	}
}

func TestDefaultSource(t *testing.T) {
	n := networktest.New(t)
	vpc(t, n, provider, databaseAddress, clientAddress)
	at, later := netip.AddrPortFrom(databaseAddress, 5432), netip.AddrPortFrom(otherAddress, 5432)
	serve(t, n, provider, at, "database")
	if err := n.SetDefaultSource(provider, clientAddress); err != nil {
		t.Fatal(err)
	}
	if err := n.AddAddress(provider, otherAddress); err != nil {
		t.Fatal(err)
	}
	if err := n.SetFirewall(provider, network.Firewall{databaseAddress: open, clientAddress: open, otherAddress: open}); err != nil {
		t.Fatal(err)
	}
	serve(t, n, provider, later, "database")
	for _, to := range []netip.AddrPort{at, later} {
		if got, want := greeting(t, mustDial(t, n, provider, unbound, to)), "database "+clientAddress.String(); got != want {
			t.Errorf("%s: got %q, want %q", to, got, want)
		}
	}
	n.RemoveAddress(provider, clientAddress)
	for _, to := range []netip.AddrPort{at, later} {
		if got, want := greeting(t, mustDial(t, n, provider, unbound, to)), "database "+to.Addr().String(); got != want {
			t.Errorf("%s, after the source was removed: got %q, want %q", to, got, want)
		}
	}
	if err := n.SetDefaultSource(provider, clientAddress); err == nil {
		t.Error("an address that the VPC lacks became its source")
	}
}

func TestRemovedAddressIsSilentAndItsConnectionsEnd(t *testing.T) {
	n := networktest.New(t)
	vpc(t, n, provider, databaseAddress, clientAddress)
	if err := n.SetDefaultSource(provider, clientAddress); err != nil { // a route of its own must not keep it alive
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(databaseAddress, 5432)
	serve(t, n, provider, at, "database")
	c := mustDial(t, n, provider, clientAddress, at)
	greeting(t, c)
	n.RemoveAddress(provider, databaseAddress)
	_ = c.SetReadDeadline(time.Now().Add(generous))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNABORTED) {
		t.Errorf("the client's end: got %v, want %v", err, unix.ECONNABORTED)
	}
	mustTimeOut(t, n, provider, clientAddress, at)

	if err := n.AddAddress(provider, databaseAddress); err != nil {
		t.Fatal(err)
	}
	serve(t, n, provider, at, "successor")
	if got, want := greeting(t, mustDial(t, n, provider, clientAddress, at)), "successor "+clientAddress.String(); got != want {
		t.Errorf("after the address came back: got %q, want %q", got, want)
	}
}

func TestRefusals(t *testing.T) {
	n := networktest.New(t)
	vpc(t, n, provider, databaseAddress)
	ctx := context.Background()
	at := netip.AddrPortFrom(databaseAddress, 5432)
	tests := map[string]struct {
		do   func() error
		want string
	}{
		"a VPC made twice":          {func() error { return n.CreateVPC(provider, netip.MustParsePrefix("10.0.0.0/16")) }, "create VPC vpc-provider: it exists"},
		"an address added twice":    {func() error { return n.AddAddress(provider, databaseAddress) }, "add address 10.0.1.15 to VPC vpc-provider: it is there already"},
		"an address of no VPC":      {func() error { return n.AddAddress(consumer, databaseAddress) }, "add address 10.0.1.15: VPC vpc-consumer does not exist"},
		"listening in no VPC":       {func() error { _, err := n.Listen(consumer, at); return err }, "listen on 10.0.1.15:5432: VPC vpc-consumer does not exist"},
		"dialling in no VPC":        {func() error { _, err := n.Dial(ctx, consumer, unbound, at); return err }, "dial 10.0.1.15:5432: VPC vpc-consumer does not exist"},
		"listening on what is gone": {func() error { _, err := n.Listen(provider, netip.AddrPortFrom(otherAddress, 1)); return err }, "cannot assign requested address"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := test.do(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
