package ec2

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
)

// gate is a port of an endpoint's interface that takes connections to the service.
type gate struct {
	listener net.Listener
	ctx      context.Context // ends the connections that came through
	cut      context.CancelFunc
	forward  func(ctx context.Context, client netip.Addr, conn net.Conn)
}

// align makes an endpoint listen, when it is available, on its load balancer's ports and on no others. What has come through
// a port that is no longer open is cut.
func (s *Service) align(e *endpoint) {
	wanted := s.gatesOf(e)
	for at, g := range e.gates {
		if !slices.Contains(wanted, at) {
			g.close()
			delete(e.gates, at)
		}
	}
	for _, at := range wanted {
		if e.gates[at] == nil {
			s.open(e, at)
		}
	}
}

// gatesOf are the places where an endpoint ought to listen.
func (s *Service) gatesOf(e *endpoint) []netip.AddrPort {
	if e.state != available {
		return nil
	}
	var all []netip.AddrPort
	lb, _ := s.loadBalancers.LoadBalancer(e.service.loadBalancers[0])
	for _, i := range e.interfaces {
		for _, port := range lb.Ports {
			all = append(all, netip.AddrPortFrom(i.Address, port))
		}
	}
	return all
}

func (s *Service) open(e *endpoint, at netip.AddrPort) {
	listener, err := s.addresses.Listen(e.VPC, at)
	if err != nil {
		slog.Error("listen at endpoint", "endpoint", e.ID, "address", at, "error", err)
		return
	}
	ctx, cut := context.WithCancel(context.Background())
	arn, zoneID, balancers := e.service.loadBalancers[0], s.zoneIDAt(e.VPC, at.Addr()), s.loadBalancers
	g := &gate{listener: listener, ctx: ctx, cut: cut, forward: func(ctx context.Context, client netip.Addr, conn net.Conn) {
		balancers.Forward(ctx, arn, zoneID, at.Port(), client, conn)
	}}
	e.gates[at] = g
	go g.serve()
}

func (s *Service) zoneIDAt(vpc string, address netip.Addr) string {
	n, _ := s.SubnetAt(vpc, address) // an interface's subnet cannot be deleted
	return n.ZoneID
}

func (g *gate) serve() {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return // closed
		}
		go g.carry(conn)
	}
}

// carry holds a connection until it is over, and cuts it when the gate closes, whatever the load balancer does about that.
func (g *gate) carry(conn net.Conn) {
	stop := context.AfterFunc(g.ctx, func() { reset(conn) })
	client, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	g.forward(g.ctx, client.Addr(), conn)
	if stop() {
		conn.Close()
	}
}

func (g *gate) close() {
	g.listener.Close()
	g.cut()
}

// reset ends a connection without the goodbye that would make its client believe that it got everything.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}
