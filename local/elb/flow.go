package elb

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/network"
)

// dialTimeout is how long a node tries a target that does not answer.
const dialTimeout = 10 * time.Second

// flow is one connection through a node.
type flow struct{ client, target net.Conn }

// flows are the open connections of a target or of a load balancer.
type flows map[*flow]struct{}

// reset ends all of them at once.
func (f flows) reset() {
	for flow := range f {
		reset(flow.client)
		reset(flow.target)
	}
}

// reset closes a connection with RST where it can: a client that waits for an answer must learn that none will come.
func reset(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// serve makes the nodes of an active load balancer listen for l, and has the targets behind it checked.
func (s *Service) serve(l *listener) {
	lb := l.loadBalancer
	if lb.state != types.LoadBalancerStateEnumActive {
		return
	}
	for _, n := range lb.nodes {
		if l.sockets[n] == nil {
			s.listen(l, n)
		}
	}
	for _, t := range l.group.targets {
		s.watch(l.group, t)
	}
}

func (s *Service) listen(l *listener, n *node) {
	socket, err := s.sockets.Listen(l.loadBalancer.vpc, netip.AddrPortFrom(n.address, uint16(l.port)))
	if err != nil {
		slog.Error("load balancer node cannot listen", "listener", l.arn, "zone", n.subnet.Zone, "error", err)
		return
	}
	l.sockets[n] = socket
	go func() {
		for {
			client, err := socket.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go s.relay(context.Background(), l, n, client)
			}
		}
	}()
}

// close stops listening. Connections live on.
func (l *listener) close() {
	for n, socket := range l.sockets {
		_ = socket.Close()
		delete(l.sockets, n)
	}
}

// LoadBalancer tells what endpoint services need to know of a load balancer.
func (s *Service) LoadBalancer(arn string) (ec2.LoadBalancer, bool) {
	lb := s.loadBalancers[arn]
	if lb == nil {
		return ec2.LoadBalancer{}, false
	}
	told := ec2.LoadBalancer{
		ARN: lb.arn, Account: lb.account, VPC: lb.vpc, State: string(lb.state),
		Type: string(types.LoadBalancerTypeEnumNetwork), Scheme: string(types.LoadBalancerSchemeEnumInternal),
	}
	for _, n := range lb.nodes {
		told.Subnets = append(told.Subnets, n.subnet)
	}
	for _, l := range lb.listeners {
		told.Ports = append(told.Ports, uint16(l.port))
	}
	return told, true
}

// Forward takes a connection that came through PrivateLink for a zone's node to a target, and returns when it is over. It
// must be called without the world's lock.
func (s *Service) Forward(ctx context.Context, arn, zoneID string, port uint16, client netip.Addr, conn net.Conn) {
	l, n := s.entrance(arn, zoneID, port, client)
	if l == nil {
		reset(conn)
		return
	}
	s.relay(ctx, l, n, conn)
}

// entrance is where a PrivateLink connection enters a load balancer, nil if it is not let in.
func (s *Service) entrance(arn, zoneID string, port uint16, client netip.Addr) (*listener, *node) {
	s.world.Lock()
	defer s.world.Unlock()
	lb := s.loadBalancers[arn]
	if lb == nil || lb.state != types.LoadBalancerStateEnumActive || lb.enforce && !s.vpcs.Admits(lb.groups, client, port) {
		return nil, nil
	}
	return lb.listenerOn(int32(port)), lb.nearest(zoneID)
}

// relay connects a client with one of the targets, from the node's address.
func (s *Service) relay(ctx context.Context, l *listener, n *node, client net.Conn) {
	t := s.choose(l, n)
	if t == nil {
		reset(client)
		return
	}
	dialling, cancel := context.WithTimeout(ctx, dialTimeout)
	server, err := s.sockets.Dial(dialling, l.loadBalancer.vpc, n.address, t.at)
	cancel()
	if err != nil {
		reset(client)
		return
	}
	f := &flow{client, server}
	if !s.track(l, t, f) {
		reset(client)
		reset(server)
		return
	}
	stop := context.AfterFunc(ctx, func() { reset(client); reset(server) })
	network.Pipe(client, server)
	stop()
	s.untrack(l.loadBalancer, t, f)
}

// choose picks the target of a new connection at a node: a healthy one, or any if none is (the load balancer fails open), in
// the node's zone unless balancing crosses zones. nil if there is none.
func (s *Service) choose(l *listener, n *node) *target {
	s.world.Lock()
	defer s.world.Unlock()
	lb, g := l.loadBalancer, l.group
	failOpen := !slices.ContainsFunc(g.targets, func(t *target) bool { return t.healthy() && lb.reaches(t) })
	var able []*target
	for _, t := range g.targets {
		near := lb.crossZone(g) || t.zone == n.subnet.Zone || t.zone == anyZone
		if t.known && !t.closed && lb.reaches(t) && near && (failOpen || t.healthy()) {
			able = append(able, t)
		}
	}
	if len(able) == 0 {
		return nil
	}
	return able[rand.IntN(len(able))]
}

// track records a flow, unless its target or its listener went while it was being dialled.
func (s *Service) track(l *listener, t *target, f *flow) bool {
	s.world.Lock()
	defer s.world.Unlock()
	if s.listeners[l.arn] != l || l.group.find(t.at) < 0 {
		return false
	}
	l.loadBalancer.flows[f], t.flows[f] = struct{}{}, struct{}{}
	return true
}

func (s *Service) untrack(lb *loadBalancer, t *target, f *flow) {
	s.world.Lock()
	defer s.world.Unlock()
	delete(lb.flows, f)
	delete(t.flows, f)
}
