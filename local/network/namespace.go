package network

import (
	"fmt"
	"net"
	"runtime"
	"sync"

	"github.com/vishvananda/netns"
)

// namespace is a network namespace. Its keeper is a thread that lives there.
type namespace struct {
	calls chan func()
	done  chan struct{}

	mu     sync.RWMutex // guards handle against being closed, and its number reused, while a thread enters
	handle netns.NsHandle
}

func newNamespace() (*namespace, error) {
	ns := &namespace{calls: make(chan func()), done: make(chan struct{})}
	made := make(chan error)
	go ns.keep(made)
	if err := <-made; err != nil {
		return nil, fmt.Errorf("make network namespace: %w", err)
	}
	return ns, nil
}

// keep makes the namespace and runs calls in it. Its thread is never unlocked: it ends with the goroutine, so no other
// goroutine ever finds itself in this namespace.
func (ns *namespace) keep(made chan<- error) {
	runtime.LockOSThread()
	var err error
	ns.handle, err = netns.New()
	made <- err
	if err != nil {
		return
	}
	for {
		select {
		case call := <-ns.calls:
			call()
		case <-ns.done:
			return
		}
	}
}

// do runs f, which must not block, on the keeper. Sockets and processes that f makes belong to the namespace.
func (ns *namespace) do(f func() error) error {
	result := make(chan error, 1)
	select {
	case ns.calls <- func() { result <- f() }:
		return <-result
	case <-ns.done:
		return net.ErrClosed
	}
}

// doApart is do for an f that may block: it runs on a thread of its own, which ends with it.
func (ns *namespace) doApart(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := ns.enter(); err != nil {
			result <- err
			return
		}
		result <- f()
	}()
	return <-result
}

func (ns *namespace) enter() error {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	if !ns.handle.IsOpen() {
		return net.ErrClosed
	}
	if err := netns.Set(ns.handle); err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	return nil
}

// close gives the namespace up; the kernel removes it with its last socket and process.
func (ns *namespace) close() error {
	close(ns.done)
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.handle.Close()
}
