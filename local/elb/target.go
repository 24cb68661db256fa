package elb

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// target is a registered address. A target that is registered again while it drains is a new one, with the old one's flows.
type target struct {
	at       netip.AddrPort
	zone     string // of its subnet; anyZone for an address outside the VPC
	health   types.TargetHealthStateEnum
	watched  bool // checks are scheduled
	known    bool // the nodes know it: registration is over
	draining bool
	closed   bool // draining, and the nodes know
	last     bool // the last check's result
	streak   int  // how many checks in a row had it
	flows    flows
}

// anyZone is the zone of targets that every enabled zone reaches.
const anyZone = "all"

func (s *Service) registerTargets(ctx context.Context, in *elb.RegisterTargetsInput) (*elb.RegisterTargetsOutput, error) {
	g, err := s.targetGroup(ctx, *in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	var fresh []*target
	for _, d := range in.Targets {
		t, err := s.newTarget(g, d)
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, t)
	}
	for _, t := range fresh {
		s.register(g, t)
	}
	return &elb.RegisterTargetsOutput{}, nil
}

// newTarget finds out where an address is. It is the subnets that count, not the VPC's CIDR blocks
// (kubernetes-sigs/aws-load-balancer-controller#3714).
func (s *Service) newTarget(g *targetGroup, d types.TargetDescription) (*target, error) {
	at, err := g.addrPort(d)
	if err != nil {
		return nil, err
	}
	t := &target{at: at, zone: aws.ToString(d.AvailabilityZone), health: types.TargetHealthStateEnumInitial, flows: flows{}}
	subnet, inside := s.vpcs.SubnetAt(g.vpc, at.Addr())
	switch {
	case inside && t.zone != "" && t.zone != subnet.Zone:
		return nil, wire.Errorf("ValidationError",
			"The IP address '%s' is within the VPC, and cannot have its Availability Zone overridden to '%s' from '%s'",
			at.Addr(), t.zone, subnet.Zone)
	case inside:
		t.zone = subnet.Zone
	case !private(at.Addr()):
		return nil, wire.Errorf("InvalidTarget", "The IP address '%s' is neither within the VPC nor a private address", at.Addr())
	case t.zone == "":
		return nil, wire.Errorf("ValidationError",
			"The Availability Zone is required for IP address '%s' because it is not in the VPC", at.Addr())
	}
	return t, nil
}

// private is RFC 1918 and RFC 6598, the ranges of targets outside the VPC (API_TargetDescription).
func private(a netip.Addr) bool {
	return a.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(a)
}

func (s *Service) register(g *targetGroup, t *target) {
	if i := g.find(t.at); i < 0 {
		g.targets = append(g.targets, t)
	} else if old := g.targets[i]; old.draining {
		t.flows = old.flows
		g.targets[i] = t
	} else {
		return // registered already
	}
	s.watch(g, t)
}

// deregisterTargets starts draining. A target that is not registered on exactly that port is passed over in silence
// (API_DeregisterTargets: "If the specified target does not exist, the action returns successfully").
func (s *Service) deregisterTargets(ctx context.Context, in *elb.DeregisterTargetsInput) (*elb.DeregisterTargetsOutput, error) {
	g, err := s.targetGroup(ctx, *in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	for _, d := range in.Targets {
		at, err := g.addrPort(d)
		if err != nil {
			return nil, err
		}
		if i := g.find(at); i >= 0 && !g.targets[i].draining {
			s.drain(g, g.targets[i])
		}
	}
	return &elb.DeregisterTargetsOutput{}, nil
}

// drain lists the target as draining until the nodes have heard of it and the deregistration delay is over. Until they have
// heard of it, new connections still go there (aws/containers-roadmap#470).
func (s *Service) drain(g *targetGroup, t *target) {
	if s.user(g) == nil {
		g.remove(t)
		return
	}
	t.draining = true
	seconds, _ := strconv.Atoi(g.attributes.get(targetGroupAttributes, deregistrationDelay))
	heard := s.world.Delays.TargetDeregistration
	s.world.After(heard, func() { t.closed = true })
	s.world.After(heard+time.Duration(seconds)*time.Second, func() {
		if !g.remove(t) {
			return // registered again
		}
		if g.attributes.get(targetGroupAttributes, deregistrationTerminates) == "true" {
			t.flows.reset()
		}
	})
}

func (s *Service) describeTargetHealth(ctx context.Context, in *elb.DescribeTargetHealthInput) (*elb.DescribeTargetHealthOutput, error) {
	g, err := s.targetGroup(ctx, *in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	out := &elb.DescribeTargetHealthOutput{}
	if len(in.Targets) == 0 {
		for _, t := range g.targets {
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, g.describeTarget(t, s.healthOf(g, t)))
		}
	}
	for _, d := range in.Targets {
		at, err := g.addrPort(d)
		if err != nil {
			return nil, err
		}
		t, health := &target{at: at}, notRegistered
		if i := g.find(at); i >= 0 {
			t, health = g.targets[i], s.healthOf(g, g.targets[i])
		}
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, g.describeTarget(t, health))
	}
	return out, nil
}

func (g *targetGroup) describeTarget(t *target, health types.TargetHealth) types.TargetHealthDescription {
	d := types.TargetHealthDescription{
		Target:          &types.TargetDescription{Id: aws.String(t.at.Addr().String()), Port: aws.Int32(int32(t.at.Port()))},
		HealthCheckPort: aws.String(strconv.Itoa(int(g.check.at(t.at).Port()))),
		TargetHealth:    &health,
	}
	if t.zone != "" {
		d.Target.AvailabilityZone = &t.zone
	}
	return d
}

// addrPort is the address that a description means: the port is the group's unless it is overridden.
func (g *targetGroup) addrPort(d types.TargetDescription) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(aws.ToString(d.Id))
	if err != nil || !a.Is4() {
		return netip.AddrPort{}, wire.Errorf("ValidationError", "The IP address '%s' is not a valid IPv4 address", aws.ToString(d.Id))
	}
	port := g.port
	if d.Port != nil {
		port = *d.Port
	}
	return netip.AddrPortFrom(a, uint16(port)), nil
}

func (g *targetGroup) find(at netip.AddrPort) int {
	return slices.IndexFunc(g.targets, func(t *target) bool { return t.at == at })
}

// remove takes t out of the group and says whether it was in it.
func (g *targetGroup) remove(t *target) bool {
	before := len(g.targets)
	g.targets = slices.DeleteFunc(g.targets, func(other *target) bool { return other == t })
	return len(g.targets) < before
}
