package elb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sys/unix"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/network"
)

// dialTimeout is how long a node tries a target that does not answer: less than it takes a client, and the node, to send a
// SYN again. Each of the client's is passed on once. Otherwise a target that comes back would see the connections of clients
// that have long given up, and break off, which a MySQL server counts against the node.
const dialTimeout = 900 * time.Millisecond

// flow is one connection through a node: first to the target, then with the client.
type flow struct {
	service        *Service
	loadBalancer   *loadBalancer
	via            *target
	node           *node
	from           netip.AddrPort // the client
	port           uint16         // that it has connected to
	client, target net.Conn

	toTarget, toClient passing
	logged             time.Time // until when flow logs have it
}

// flows are the open connections of a target or of a load balancer.
type flows map[*flow]struct{}

// reset ends all of them at once. What has no client yet ends when the client comes.
func (f flows) reset() {
	f.resetWhere(func(*flow) bool { return true })
}

func (f flows) resetWhere(matches func(*flow) bool) {
	for flow := range f {
		if !matches(flow) {
			continue
		}
		if flow.client != nil {
			flow.resets(flow.client)
		}
		flow.resets(flow.target)
	}
}

// resets is the load balancer's own.
func (f *flow) resets(c net.Conn) {
	f.service.tally(f.loadBalancer, f.node, balancerResets, 1)
	reset(c)
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
	at := netip.AddrPortFrom(n.address, uint16(l.port))
	socket, err := s.sockets.Answer(l.loadBalancer.vpc, at, func(ctx context.Context, client netip.AddrPort) (network.Far, error) {
		return s.dial(ctx, l, n, client, client.Addr())
	})
	if err != nil {
		slog.Error("load balancer node cannot listen", "listener", l.arn, "zone", n.subnet.Zone, "error", err)
		return
	}
	l.sockets[n] = socket
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

// Through opens the far half of a connection that comes through PrivateLink: from a zone's node to a target. It must be
// called without the world's lock.
func (s *Service) Through(ctx context.Context, arn, zoneID string, port uint16, client netip.AddrPort) (network.Far, error) {
	l, n := s.entrance(arn, zoneID, port, client.Addr())
	if l == nil {
		return nil, errNotAdmitted
	}
	return s.dial(ctx, l, n, client, n.address) // whose clients' addresses are never preserved
}

// errNotAdmitted leaves a client without an answer, as security groups do.
var errNotAdmitted = errors.New("the load balancer does not let the client in")

// errHairpin is why a target that comes back to itself gets no answer: it would answer itself, with an address that it did
// not connect to (elasticloadbalancing/latest/network/load-balancer-troubleshooting.html, "Connections time out for requests
// from a target to its load balancer").
var errHairpin = errors.New("the client is the target")

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

// dial connects with one of the targets: from the node's address, or if the target group preserves that of a client in the
// VPC, from the client's (elasticloadbalancing/latest/network/edit-target-group-attributes.html, "Client IP preservation").
// The kernel then asks the client's groups, too, whether they let it out to the target; AWS does not.
//
// A network load balancer passes the client's SYN on and the
// target's answer back, so that a target which refuses refuses the client, and a silent one leaves it without an answer.
func (s *Service) dial(ctx context.Context, l *listener, n *node, client netip.AddrPort, preserved netip.Addr) (network.Far, error) {
	t, preserves := s.choose(l, n)
	if t == nil {
		s.tally(l.loadBalancer, n, rejectedFlows, 1)
		return nil, fmt.Errorf("no target: %w", unix.ECONNREFUSED)
	}
	from := n.address
	if preserves {
		from = preserved
	}
	if from == t.at.Addr() {
		return nil, errHairpin
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	server, err := s.sockets.Dial(ctx, l.loadBalancer.vpc, from, t.at)
	if errors.Is(err, unix.ECONNREFUSED) {
		s.tally(l.loadBalancer, n, targetResets, 1)
	}
	if err != nil {
		return nil, err
	}
	f := &flow{
		service: s, loadBalancer: l.loadBalancer, via: t, node: n, from: client, port: uint16(l.port), target: server, logged: time.Now(),
	}
	if !s.track(l, f) {
		s.sockets.Withdraw(server)
		return nil, fmt.Errorf("the target is gone: %w", unix.ECONNREFUSED)
	}
	return f, nil
}

// Carry joins the client's half, and returns when the connection is over.
func (f *flow) Carry(client net.Conn) {
	f.service.world.Lock()
	f.client = client
	f.service.tally(f.loadBalancer, f.node, newFlows, 1)
	f.service.world.Unlock()
	network.Pipe(network.Metered(client, f.service.meter(f, &f.toTarget, clientResets)),
		network.Metered(f.target, f.service.meter(f, &f.toClient, targetResets)))
	f.service.untrack(f)
}

// Abandon ends a flow whose client did not come.
func (f *flow) Abandon() {
	f.service.untrack(f)
	f.service.sockets.Withdraw(f.target)
}

// choose picks the target of a new connection at a node: a healthy one, or any if none is (the load balancer fails open), in
// the node's zone unless balancing crosses zones. nil if there is none. It also tells whether the group preserves clients'
// addresses.
func (s *Service) choose(l *listener, n *node) (t *target, preserves bool) {
	s.world.Lock()
	defer s.world.Unlock()
	lb, g := l.loadBalancer, l.group
	s.report(lb)
	failOpen := !slices.ContainsFunc(g.targets, func(t *target) bool { return t.healthy() && lb.reaches(t) })
	var able []*target
	for _, t := range g.targets {
		near := lb.crossZone(g) || t.zone == n.subnet.Zone || t.zone == anyZone
		if t.known && !t.closed && lb.reaches(t) && near && (failOpen || t.healthy()) {
			able = append(able, t)
		}
	}
	if len(able) == 0 {
		return nil, false
	}
	return able[rand.IntN(len(able))], g.attributes.get(targetGroupAttributes, preserveClientIP) == "true"
}

// track records a flow, unless its target or its listener went while it was being dialled.
func (s *Service) track(l *listener, f *flow) bool {
	s.world.Lock()
	defer s.world.Unlock()
	if s.listeners[l.arn] != l || l.group.find(f.via.at) < 0 {
		return false
	}
	f.loadBalancer.flows[f], f.via.flows[f] = struct{}{}, struct{}{}
	s.report(f.loadBalancer)
	return true
}

func (s *Service) untrack(f *flow) {
	s.world.Lock()
	defer s.world.Unlock()
	delete(f.loadBalancer.flows, f)
	delete(f.via.flows, f)
	s.pass(f)
}
