package ec2

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"

	"github.com/rdslink/rdslink/local/network"
)

// gate is a port of an endpoint's interface that takes connections to the service.
type gate struct {
	entrance io.Closer
	ctx      context.Context // ends the connections that came through
	cut      context.CancelFunc
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
	lb, _ := s.home.loadBalancers.LoadBalancer(e.service.loadBalancers[0])
	for _, i := range e.interfaces {
		for _, port := range lb.Ports {
			all = append(all, netip.AddrPortFrom(i.Address, port))
		}
	}
	return all
}

func (s *Service) open(e *endpoint, at netip.AddrPort) {
	ctx, cut := context.WithCancel(context.Background())
	g := &gate{ctx: ctx, cut: cut}
	arn, zoneID, balancers := e.service.loadBalancers[0], e.at.zoneIDAt(e.VPC, at.Addr()), s.home.loadBalancers
	entrance, err := s.addresses.Answer(e.VPC, at, func(ctx context.Context, client netip.AddrPort) (network.Far, error) {
		far, err := balancers.Through(ctx, arn, zoneID, at.Port(), client)
		if err != nil {
			return nil, err
		}
		return &passage{far, g, s, e}, nil
	})
	if err != nil {
		cut()
		slog.Error("listen at endpoint", "endpoint", e.ID, "address", at, "error", err)
		return
	}
	g.entrance = entrance
	e.gates[at] = g
}

func (s *Service) zoneIDAt(vpc string, address netip.Addr) string {
	n, _ := s.SubnetAt(vpc, address) // an interface's subnet cannot be deleted
	return n.ZoneID
}

// passage is a connection through a gate.
type passage struct {
	network.Far
	gate     *gate
	service  *Service
	endpoint *endpoint
}

// Carry cuts the connection when the gate closes, whatever the load balancer does about that.
func (p *passage) Carry(near net.Conn) {
	near = network.Metered(near, p.service.meter(p.endpoint))
	stop := context.AfterFunc(p.gate.ctx, func() { reset(near) })
	defer stop()
	p.count(1)
	p.service.tally(p.endpoint, newConnections, 1)
	p.Far.Carry(near)
	p.count(-1)
}

// count keeps the number of connections, which is measured whenever it is another.
func (p *passage) count(more int) {
	p.service.world.Lock()
	defer p.service.world.Unlock()
	p.endpoint.connections += more
	p.service.Measure()
}

func (g *gate) close() {
	g.entrance.Close()
	g.cut()
}

// reset ends a connection without the goodbye that would make its client believe that it got everything.
func reset(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}
