package network

import (
	"errors"
	"net"
	"sync"

	"golang.org/x/sys/unix"
)

// Meter counts what goes over a connection, and is told of it while it goes. Bytes are those of TCP's payload.
type Meter struct {
	Received, Sent func(bytes int)
	WasReset       func() // by the other side
	Resets         func() // this side sends a reset
}

// Metered has a connection counted.
func Metered(c net.Conn, m Meter) net.Conn { return &metered{Conn: c, meter: m} }

type metered struct {
	net.Conn // not *net.TCPConn, which would copy past Read and Write
	meter    Meter

	mu                     sync.Mutex
	abrupt, closed, broken bool
}

func (c *metered) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.meter.Received(n)
	}
	c.mu.Lock()
	first := errors.Is(err, unix.ECONNRESET) && !c.broken
	c.broken = c.broken || first
	c.mu.Unlock()
	if first {
		c.meter.WasReset()
	}
	return n, err
}

func (c *metered) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.meter.Sent(n)
	}
	return n, err
}

// CloseWrite ends one direction.
func (c *metered) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// SetLinger says how the connection ends: of no seconds, with a reset.
func (c *metered) SetLinger(seconds int) error {
	c.mu.Lock()
	c.abrupt = seconds == 0
	c.mu.Unlock()
	if tcp, ok := c.Conn.(interface{ SetLinger(seconds int) error }); ok {
		return tcp.SetLinger(seconds)
	}
	return nil
}

func (c *metered) Close() error {
	c.mu.Lock()
	resets := c.abrupt && !c.closed && !c.broken // what was reset is not answered
	c.closed = true
	c.mu.Unlock()
	if resets {
		c.meter.Resets()
	}
	return c.Conn.Close()
}
