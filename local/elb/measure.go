package elb

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
)

// The metrics that are reported of each minute in which something went through the load balancer
// (elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html): without traffic there is none. Bytes are
// those of TCP's payload; AWS counts headers, too.
const (
	activeFlows     = "ActiveFlowCount"
	newFlows        = "NewFlowCount"
	processedBytes  = "ProcessedBytes"
	rejectedFlows   = "RejectedFlowCount"
	clientResets    = "TCP_Client_Reset_Count"
	targetResets    = "TCP_Target_Reset_Count"
	balancerResets  = "TCP_ELB_Reset_Count"
	portErrors      = "PortAllocationErrorCount" // never: flows are real connections, and the kernel finds their ports
	healthyHosts    = "HealthyHostCount"
	unhealthyHosts  = "UnHealthyHostCount"
	zoneDimension   = "AvailabilityZone"
	groupDimension  = "TargetGroup"
	balancerMetrics = "AWS/NetworkELB"
)

var counters = []string{newFlows, processedBytes, rejectedFlows, clientResets, targetResets, balancerResets, portErrors}

func (lb *loadBalancer) metric(name string) model.Metric {
	unit := "Count"
	if name == processedBytes {
		unit = "Bytes"
	}
	return model.Metric{Namespace: balancerMetrics, Name: name, Unit: unit, Dimensions: map[string]string{"LoadBalancer": lb.id}}
}

func in(zone string, m model.Metric) model.Metric {
	m.Dimensions[zoneDimension] = zone
	return m
}

// tally adds to a counter of the load balancer, and to that of the zone of a node.
func (s *Service) tally(lb *loadBalancer, n *node, name string, value int) {
	s.world.Meter.Measure(lb.account, lb.metric(name), float64(value))
	s.world.Meter.Measure(lb.account, in(n.subnet.Zone, lb.metric(name)), float64(value))
}

// meter counts a side of a flow, and whoever ends it with a reset.
func (s *Service) meter(f *flow, to *passing, resets string) network.Meter {
	return network.Meter{
		Received: func(bytes int) {
			s.tally(f.loadBalancer, f.node, processedBytes, bytes)
			to.bytes.Add(int64(bytes))
			to.packets.Add(1)
		},
		Sent:     func(int) {}, // which the other side has received
		WasReset: func() { s.tally(f.loadBalancer, f.node, resets, 1) },
		Resets:   func() {}, // the other side's, passed on
	}
}

// passing is what has gone in one direction of a flow, and how much of it flow logs have.
type passing struct {
	bytes, packets atomic.Int64
	logged         ec2.Amount
}

// since is what flow logs do not have yet.
func (p *passing) since() ec2.Amount {
	all := ec2.Amount{Bytes: int(p.bytes.Load()), Packets: int(p.packets.Load())}
	more := ec2.Amount{Bytes: all.Bytes - p.logged.Bytes, Packets: all.Packets - p.logged.Packets}
	p.logged = all
	return more
}

// aggregation is how long flow logs gather before they write: the shortest that there is, and never all the time.
const aggregation = time.Minute

// pass has the flow logs of a node have what has gone through it in a flow.
func (s *Service) pass(f *flow) {
	now := time.Now()
	s.interfaces.Pass(f.node.interfaceID, ec2.Passed{
		Client: f.from, Listener: netip.AddrPortFrom(f.node.address, f.port), Source: addrPort(f.target.LocalAddr()), Target: f.via.at,
		ToTarget: f.toTarget.since(), ToClient: f.toClient.since(), Start: f.logged, End: now,
	})
	f.logged = now
}

// addrPort is none where a test has a connection of another kind.
func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}

// report says how a load balancer is that something goes through.
func (s *Service) report(lb *loadBalancer) {
	perZone := map[string]int{}
	for _, n := range lb.nodes {
		perZone[n.subnet.Zone] = 0
	}
	for f := range lb.flows {
		perZone[f.node.subnet.Zone]++
	}
	s.world.Meter.Measure(lb.account, lb.metric(activeFlows), float64(len(lb.flows)))
	for zone, flows := range perZone {
		s.world.Meter.Measure(lb.account, in(zone, lb.metric(activeFlows)), float64(flows))
	}
	for _, name := range counters {
		s.world.Meter.Measure(lb.account, lb.metric(name), 0)
	}
	for _, l := range lb.listeners {
		s.reportHosts(lb, l.group)
	}
}

// reportHosts is for groups that have targets.
func (s *Service) reportHosts(lb *loadBalancer, g *targetGroup) {
	healthy, unhealthy := 0, 0
	for _, t := range g.targets {
		switch {
		case t.draining:
		case t.healthy():
			healthy++
		default:
			unhealthy++
		}
	}
	if healthy+unhealthy == 0 {
		return
	}
	for name, hosts := range map[string]int{healthyHosts: healthy, unhealthyHosts: unhealthy} {
		m := lb.metric(name)
		m.Dimensions[groupDimension] = g.id()
		s.world.Meter.Measure(lb.account, m, float64(hosts))
	}
}

// Measure reports of every load balancer that has open connections. The world's lock guards it.
func (s *Service) Measure() {
	for _, lb := range s.loadBalancers {
		if len(lb.flows) > 0 {
			s.report(lb)
		}
		for f := range lb.flows {
			if time.Since(f.logged) >= max(s.world.Scale(aggregation), time.Second) {
				s.pass(f)
			}
		}
	}
}
