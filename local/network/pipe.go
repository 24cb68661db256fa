package network

import (
	"io"
	"net"
	"sync"
)

// Pipe joins two connections until both directions have ended, and closes them. The end of one direction is passed on alone,
// as a half-closed connection; an error resets both, so that no side takes a broken stream for a finished one.
func Pipe(a, b net.Conn) {
	var directions sync.WaitGroup
	directions.Go(func() { forward(a, b) })
	directions.Go(func() { forward(b, a) })
	directions.Wait()
	_ = a.Close()
	_ = b.Close()
}

func forward(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		reset(to)
		reset(from)
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
}

func reset(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0) // closing sends RST instead of FIN
	}
	_ = c.Close()
}
