package network_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdslink/rdslink/local/network"
)

// piped returns the two far ends of a pipe.
func piped(t *testing.T) (left, right *net.TCPConn) {
	t.Helper()
	left, a := connection(t)
	b, right := connection(t)
	go network.Pipe(a, b)
	return left, right
}

func connection(t *testing.T) (dialled, accepted *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{d, a} {
		_ = c.SetDeadline(time.Now().Add(generous))
		t.Cleanup(func() { _ = c.Close() })
	}
	return d.(*net.TCPConn), a.(*net.TCPConn)
}

func TestPipePassesOnTheEndOfOneDirectionAlone(t *testing.T) {
	left, right := piped(t)
	_, _ = io.WriteString(left, "question")
	_ = left.CloseWrite()
	if got, err := io.ReadAll(right); err != nil || string(got) != "question" {
		t.Fatalf("right got %q, %v", got, err)
	}
	_, _ = io.WriteString(right, "answer")
	_ = right.Close()
	if got, err := io.ReadAll(left); err != nil || string(got) != "answer" {
		t.Errorf("left got %q, %v", got, err)
	}
}

func TestPipePassesOnAReset(t *testing.T) {
	left, right := piped(t)
	_ = left.SetLinger(0)
	_ = left.Close()
	if _, err := right.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("got %v, want %v", err, unix.ECONNRESET)
	}
}
