package network

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// withdrawals are connections that servers have to take for ones that never came up, by both ends.
type withdrawals struct{ ends sync.Map }

type ends struct{ from, to netip.AddrPort }

func endsOf(from, to net.Addr) ends {
	end := func(a net.Addr) netip.AddrPort {
		if tcp, ok := a.(*net.TCPAddr); ok {
			return netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap(), tcp.AddrPort().Port())
		}
		return netip.AddrPort{}
	}
	return ends{end(from), end(to)}
}

// Withdraw ends a connection that was dialled for a client that did not come. What stands between the two in AWS passes the
// client's own packets on, so that its server hears of no connection: Withdrawn tells one here.
func (n *Network) Withdraw(c net.Conn) {
	key := endsOf(c.LocalAddr(), c.RemoteAddr())
	n.withdrawn.ends.Store(key, struct{}{})
	time.AfterFunc(courtesy, func() { n.withdrawn.ends.Delete(key) }) // its server has noticed, or does not ask
	reset(c)
}

// Withdrawn says of a connection that a server has accepted, and that has ended, whether it was withdrawn.
func (n *Network) Withdrawn(c net.Conn) bool {
	_, yes := n.withdrawn.ends.Load(endsOf(c.RemoteAddr(), c.LocalAddr()))
	return yes
}
