package greeting

import (
	"net"
	"net/netip"
	"sync"
)

// hosts is MySQL's host cache as far as it blocks: "Some errors are considered 'blocking'. If too many of these occur
// successively from a given host without a successful connection, the server blocks further connections from that host"
// (dev.mysql.com/doc/refman/8.4/en/host-cache.html).
type hosts struct {
	most int // 0: nobody is blocked

	mu     sync.Mutex
	errors map[netip.Addr]int
}

func newHosts(most int) *hosts { return &hosts{most: most, errors: map[netip.Addr]int{}} }

func (h *hosts) blocked(a netip.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.most > 0 && h.errors[a] >= h.most
}

func (h *hosts) interrupted(a netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errors[a]++
}

func (h *hosts) connected(a netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.errors, a)
}

func (h *hosts) flush() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.errors)
}

func hostOf(conn net.Conn) netip.Addr {
	return conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
}
