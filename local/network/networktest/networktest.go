// Package networktest lets the tests of any package run inside the namespaces that package network needs.
package networktest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rdslink/rdslink/local/network"
)

const insideVariable = "LOCAL_NETWORKTEST_INSIDE"

// TestMain is a package's TestMain: it runs the test binary again inside, with the same arguments, and ends with its status.
func TestMain(m *testing.M) {
	if os.Getenv(insideVariable) == "" {
		os.Exit(runInside())
	}
	if err := network.Enter(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func runInside() int {
	if err := network.Check(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	runtime.LockOSThread() // the inner process ends with this thread
	cmd, err := network.Enclose(os.Args[1:], append(os.Environ(), insideVariable+"=1"), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// TempDir is t.TempDir in memory, where a run's data lies: initdb writes a thousand files.
func TempDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// New makes a network that ends with the test. One at a time: a process has one DNS server of the outside.
func New(t *testing.T) *network.Network {
	t.Helper()
	return NewIn(t, t.TempDir())
}

// NewIn is New with the directory that the network publishes in.
func NewIn(t *testing.T, dir string) *network.Network {
	t.Helper()
	n, err := network.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// Answer does at a listener what network.Answer does in a VPC, as far as that goes without a kernel that waits: whom it does
// not let in, it resets. It returns when the listener closes.
func Answer(l net.Listener, ask network.Ask) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			client, _ := netip.ParseAddrPort(near.RemoteAddr().String())
			far, err := ask(context.Background(), client)
			if err != nil {
				Reset(near)
				return
			}
			far.Carry(near)
		}()
	}
}

// Reset ends a connection without the goodbye that would make its peer believe that it got everything.
func Reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
