package network_test

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rdslink/rdslink/local/network"
)

// counts are what a Meter was told.
type counts struct{ received, sent, wasReset, resets atomic.Int64 }

func (c *counts) meter() network.Meter {
	return network.Meter{
		Received: func(n int) { c.received.Add(int64(n)) }, Sent: func(n int) { c.sent.Add(int64(n)) },
		WasReset: func() { c.wasReset.Add(1) }, Resets: func() { c.resets.Add(1) },
	}
}

// counted is a pipe whose two connections are counted, with its far ends.
func counted(t *testing.T) (left, right *net.TCPConn, a, b *counts, over chan struct{}) {
	t.Helper()
	a, b, over = new(counts), new(counts), make(chan struct{})
	left, near := connection(t)
	far, right := connection(t)
	go func() {
		network.Pipe(network.Metered(near, a.meter()), network.Metered(far, b.meter()))
		close(over)
	}()
	return left, right, a, b, over
}

func TestAMeterCountsBothDirectionsAndNoResetWhereNoneIs(t *testing.T) {
	left, right, a, b, over := counted(t)
	_, _ = io.WriteString(left, "question")
	_ = left.CloseWrite()
	if got, err := io.ReadAll(right); err != nil || string(got) != "question" {
		t.Fatalf("right got %q, %v", got, err)
	}
	_, _ = io.WriteString(right, "an answer")
	_ = right.Close()
	if got, err := io.ReadAll(left); err != nil || string(got) != "an answer" {
		t.Fatalf("left got %q, %v", got, err)
	}
	<-over
	if a.received.Load() != 8 || b.sent.Load() != 8 || b.received.Load() != 9 || a.sent.Load() != 9 {
		t.Errorf("%d and %d bytes one way, %d and %d the other", a.received.Load(), b.sent.Load(), b.received.Load(), a.sent.Load())
	}
	if a.wasReset.Load()+b.wasReset.Load()+a.resets.Load()+b.resets.Load() != 0 {
		t.Error("resets are counted that nobody sent")
	}
}

func TestAMeterCountsAResetWhereItComesFromAndWhereItGoes(t *testing.T) {
	left, right, a, b, over := counted(t)
	_, _ = io.WriteString(left, "question")
	_, _ = io.ReadFull(right, make([]byte, 8))
	_ = left.SetLinger(0)
	_ = left.Close()
	select {
	case <-over:
	case <-time.After(generous):
		t.Fatal("the pipe goes on")
	}
	if a.wasReset.Load() != 1 || b.resets.Load() != 1 || b.wasReset.Load() != 0 || a.resets.Load() != 0 {
		t.Errorf("left was reset %d times and resets %d times, right %d and %d", a.wasReset.Load(), a.resets.Load(), b.wasReset.Load(), b.resets.Load())
	}
}
