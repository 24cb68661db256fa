package network_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
)

// far is the half of a connection that reaches the database.
type far struct {
	conn      net.Conn
	abandoned chan struct{}
}

func (f far) Carry(near net.Conn) { network.Pipe(near, f.conn) }
func (f far) Abandon()            { _ = f.conn.Close(); close(f.abandoned) }

// behind has what comes to nodeAddress go on to the database, from the node's own address.
type behind struct {
	asked     atomic.Int32
	abandoned chan struct{}
	wait      chan struct{} // if there is one, asking ends with it
}

var (
	nodeAddress = netip.MustParseAddr("10.0.1.77")
	node        = netip.AddrPortFrom(nodeAddress, 5432)
	database    = netip.AddrPortFrom(databaseAddress, 5432)
)

func (b *behind) open(t *testing.T, n *network.Network) io.Closer {
	t.Helper()
	b.abandoned = make(chan struct{})
	entrance, err := n.Answer(provider, node, func(ctx context.Context, client netip.AddrPort) (network.Far, error) {
		b.asked.Add(1)
		if client.Addr() != clientAddress {
			t.Errorf("asked for %s, not for the client", client)
		}
		if b.wait != nil {
			<-b.wait
		}
		conn, err := n.Dial(ctx, provider, nodeAddress, database)
		if err != nil {
			return nil, err
		}
		return far{conn, b.abandoned}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = entrance.Close() })
	return entrance
}

func entranceVPC(t *testing.T) *network.Network {
	t.Helper()
	n := networktest.New(t)
	vpc(t, n, provider, databaseAddress, clientAddress, nodeAddress)
	return n
}

func TestAnEntranceAnswersAsWhatLiesBehindIt(t *testing.T) {
	n := entranceVPC(t)
	b := &behind{}
	entrance := b.open(t, n)
	if _, err := dial(n, provider, clientAddress, node, generous); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("while nobody listens behind it: got %v, want it refused", err)
	}
	serve(t, n, provider, database, "database")
	if got, want := greeting(t, mustDial(t, n, provider, clientAddress, node)), "database "+nodeAddress.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := b.asked.Load(); got != 2 {
		t.Errorf("asked %d times for two connections", got)
	}
	// A changed firewall keeps entrances and connections.
	c := mustDial(t, n, provider, clientAddress, node)
	greeting(t, c)
	closed := network.Firewall{clientAddress: open, nodeAddress: open}
	if err := n.SetFirewall(provider, closed); err != nil {
		t.Fatal(err)
	}
	mustTimeOut(t, n, provider, clientAddress, node) // the node is open, what lies behind is silent
	if _, err := io.WriteString(c, "still there"); err != nil {
		t.Fatal(err)
	}
	if got := greeting(t, c); got != "still there" {
		t.Errorf("got %q", got)
	}
	closed[databaseAddress] = open
	if err := n.SetFirewall(provider, closed); err != nil {
		t.Fatal(err)
	}
	if err := entrance.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(n, provider, clientAddress, node, generous); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("after it closed: got %v, want it refused", err)
	}
	if _, err := io.WriteString(c, "even now"); err != nil {
		t.Fatal(err)
	}
	if got := greeting(t, c); got != "even now" {
		t.Errorf("got %q", got)
	}
	again := b.open(t, n)
	greeting(t, mustDial(t, n, provider, clientAddress, node))
	_ = again.Close()
}

func TestASYNThatIsSentAgainAsksOnce(t *testing.T) {
	n := entranceVPC(t)
	serve(t, n, provider, database, "database")
	b := &behind{wait: make(chan struct{})}
	b.open(t, n)
	time.AfterFunc(1500*time.Millisecond, func() { close(b.wait) }) // Linux sends a SYN again after one second
	greeting(t, mustDial(t, n, provider, clientAddress, node))
	if got := b.asked.Load(); got != 1 {
		t.Errorf("asked %d times for one connection", got)
	}
}

func TestAClientThatGaveUpLeavesNothingBehind(t *testing.T) {
	n := entranceVPC(t)
	serve(t, n, provider, database, "database")
	b := &behind{wait: make(chan struct{})}
	b.open(t, n)
	mustTimeOut(t, n, provider, clientAddress, node)
	close(b.wait)
	select {
	case <-b.abandoned:
	case <-time.After(generous):
		t.Error("the far half was never given up")
	}
}

// What gives up the far half of a client that went away does as if the server had never heard of it.
func TestAServerIsToldOfAConnectionWhoseClientNeverCame(t *testing.T) {
	n := entranceVPC(t)
	l, err := n.Listen(provider, database)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, withdrawn := range []bool{true, false} {
		c := mustDial(t, n, provider, nodeAddress, database)
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if withdrawn {
			n.Withdraw(c)
		} else {
			_ = c.Close()
		}
		if _, err := accepted.Read(make([]byte, 1)); err == nil || n.Withdrawn(accepted) != withdrawn {
			t.Errorf("withdrawn: %v, and the server is told %v (%v)", withdrawn, n.Withdrawn(accepted), err)
		}
		_ = accepted.Close()
	}
}

func TestEntrancesLeakNothing(t *testing.T) {
	n := entranceVPC(t)
	serve(t, n, provider, database, "database")
	count := func() (goroutines []string, files int) {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		stacks := make([]byte, 1<<22)
		for one := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(one, "local/network.") { // the runtime has some of its own now and then
				goroutines = append(goroutines, one)
			}
		}
		return goroutines, len(open)
	}
	visit := func() {
		b := &behind{}
		entrance := b.open(t, n)
		c := mustDial(t, n, provider, clientAddress, node)
		greeting(t, c)
		_ = c.Close()
		_ = entrance.Close()
	}
	visit() // what begins with the first and stays
	goroutines, files := count()
	for range 20 {
		visit()
	}
	var g []string
	var f int
	for deadline := time.Now().Add(generous); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if g, f = count(); len(g) <= len(goroutines) && f <= files {
			return
		}
	}
	t.Errorf("%d goroutines and %d files more than before:\n%s", len(g)-len(goroutines), f-files, strings.Join(g, "\n\n"))
}
