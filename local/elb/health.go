package elb

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// leastTimeout bounds a check's timeout from below: however fast the world's clock runs, a connection takes this machine's
// time.
const leastTimeout = time.Second

func targetHealth(state types.TargetHealthStateEnum, reason types.TargetHealthReasonEnum, description string) types.TargetHealth {
	return types.TargetHealth{State: state, Reason: reason, Description: &description}
}

var (
	notRegistered = targetHealth(types.TargetHealthStateEnumUnused, types.TargetHealthReasonEnumNotRegistered,
		"Target is not registered to the target group")
	notUsed = targetHealth(types.TargetHealthStateEnumUnused, types.TargetHealthReasonEnumNotInUse,
		"Target group is not configured to receive traffic from the load balancer")
	zoneDisabled = targetHealth(types.TargetHealthStateEnumUnused, types.TargetHealthReasonEnumNotInUse,
		"Target is in an Availability Zone that is not enabled for the load balancer")
	registering = targetHealth(types.TargetHealthStateEnumInitial, types.TargetHealthReasonEnumRegistrationInProgress,
		"Target registration is in progress")
	firstChecks = targetHealth(types.TargetHealthStateEnumInitial, types.TargetHealthReasonEnumInitialHealthChecking,
		"Initial health checks in progress")
	failedChecks  = targetHealth(types.TargetHealthStateEnumUnhealthy, types.TargetHealthReasonEnumFailedHealthChecks, "Health checks failed")
	deregistering = targetHealth(types.TargetHealthStateEnumDraining, types.TargetHealthReasonEnumDeregistrationInProgress,
		"Target deregistration is in progress")
)

// healthOf is a target's health as DescribeTargetHealth tells it.
func (s *Service) healthOf(g *targetGroup, t *target) types.TargetHealth {
	lb := s.user(g)
	switch {
	case lb == nil:
		return notUsed
	case t.draining:
		return deregistering
	case !lb.reaches(t):
		return zoneDisabled
	case !t.known:
		return registering
	case t.health == types.TargetHealthStateEnumInitial:
		return firstChecks
	case t.health == types.TargetHealthStateEnumUnhealthy:
		return failedChecks
	}
	return types.TargetHealth{State: t.health}
}

// reaches says whether the zone of t is enabled; cross-zone balancing does not make up for a zone that is not.
func (lb *loadBalancer) reaches(t *target) bool {
	return t.zone == anyZone || lb.nodeIn(t.zone) != nil
}

// checkedBy is the load balancer that checks t, nil while there is no use in it.
func (s *Service) checkedBy(g *targetGroup, t *target) *loadBalancer {
	lb := s.user(g)
	if lb == nil || lb.state != types.LoadBalancerStateEnumActive || !lb.reaches(t) || t.closed || !slices.Contains(g.targets, t) {
		return nil
	}
	return lb
}

// watch starts the registration of t with the nodes, and its checks, unless they run already.
func (s *Service) watch(g *targetGroup, t *target) {
	if t.watched || s.checkedBy(g, t) == nil {
		return
	}
	t.watched = true
	s.world.After(s.world.Delays.TargetRegistration, func() { s.checkTarget(g, t) })
}

// checkTarget runs one round of checks and schedules the next.
func (s *Service) checkTarget(g *targetGroup, t *target) {
	lb := s.checkedBy(g, t)
	if lb == nil {
		t.watched, t.known, t.health = false, false, types.TargetHealthStateEnumInitial
		return
	}
	t.known = true
	c, from := g.check, lb.addresses()
	go func() {
		reached := s.reach(g.vpc, from, c.at(t.at), max(s.world.Scale(time.Duration(c.timeout)*time.Second), leastTimeout))
		s.world.Lock()
		defer s.world.Unlock()
		s.observe(g, t, reached)
		s.world.After(s.interval(c), func() { s.checkTarget(g, t) })
	}()
}

func (s *Service) interval(c healthCheck) time.Duration {
	return max(time.Duration(c.interval)*time.Second, s.world.Delays.HealthCheckInterval)
}

// reach says whether most nodes can connect. AWS says that the nodes find a consensus, not how
// (elasticloadbalancing/latest/network/target-group-health-checks.html).
func (s *Service) reach(vpc string, from []netip.Addr, to netip.AddrPort, timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	reached := make(chan bool)
	for _, node := range from {
		go func() {
			conn, err := s.sockets.Dial(ctx, vpc, node, to)
			if err == nil {
				reset(conn) // the target notices, and may log it or count it against the node
			}
			reached <- err == nil
		}()
	}
	yes := 0
	for range from {
		if <-reached {
			yes++
		}
	}
	return 2*yes > len(from)
}

// observe counts one round's result. A new target is in service after one success
// (elasticloadbalancing/latest/network/load-balancer-troubleshooting.html).
func (s *Service) observe(g *targetGroup, t *target, reached bool) {
	if t.last != reached {
		t.streak = 0
	}
	t.last, t.streak = reached, t.streak+1
	switch {
	case reached && (t.health == types.TargetHealthStateEnumInitial || t.streak >= int(g.check.healthy)):
		t.health = types.TargetHealthStateEnumHealthy
	case !reached && t.health != types.TargetHealthStateEnumUnhealthy && t.streak >= int(g.check.unhealthy):
		t.health = types.TargetHealthStateEnumUnhealthy
		g.terminate(t)
	}
}

// terminate resets the connections of a target that became unhealthy, unless all are: then the load balancer fails open
// (elasticloadbalancing/latest/network/target-group-health-checks.html).
func (g *targetGroup) terminate(t *target) {
	on := g.attributes.get(targetGroupAttributes, unhealthyTerminates) == "true"
	if on && slices.ContainsFunc(g.targets, (*target).healthy) {
		t.flows.reset()
	}
}

func (t *target) healthy() bool { return t.health == types.TargetHealthStateEnumHealthy && !t.closed }

// at is where a target is checked.
func (c healthCheck) at(t netip.AddrPort) netip.AddrPort {
	if c.port == 0 {
		return t
	}
	return netip.AddrPortFrom(t.Addr(), c.port)
}
