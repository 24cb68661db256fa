package elb

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

type targetGroup struct {
	arn, account, name string
	vpc                string
	created            time.Time
	port               int32
	check              healthCheck
	attributes         attributes
	tags               tags
	targets            []*target // registered and draining
}

func (s *Service) createTargetGroup(ctx context.Context, in *elb.CreateTargetGroupInput) (*elb.CreateTargetGroupOutput, error) {
	account := wire.CallerOf(ctx).Account
	if err := s.validateTargetGroup(in); err != nil {
		return nil, err
	}
	check, err := defaultHealthCheck.with(healthCheckFields{
		in.HealthCheckProtocol, in.HealthCheckPort, in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds,
		in.HealthyThresholdCount, in.UnhealthyThresholdCount,
	})
	if err != nil {
		return nil, err
	}
	if g := s.targetGroupNamed(account, *in.Name); g != nil {
		if g.vpc != *in.VpcId || g.port != *in.Port || g.check != check {
			return nil, wire.Errorf("DuplicateTargetGroupName",
				"A target group with the same name '%s' exists, but with different settings", *in.Name)
		}
		return &elb.CreateTargetGroupOutput{TargetGroups: []types.TargetGroup{s.describeTargetGroup(g)}}, nil
	}
	t, err := tags(nil).with(in.Tags)
	if err != nil {
		return nil, err
	}
	g := &targetGroup{
		arn:     s.arn(account, "targetgroup/%s/%s", *in.Name, model.Hex(16)),
		account: account, name: *in.Name, vpc: *in.VpcId, created: time.Now(), port: *in.Port,
		check: check, attributes: attributes{}, tags: t,
	}
	s.targetGroups[g.arn] = g
	return &elb.CreateTargetGroupOutput{TargetGroups: []types.TargetGroup{s.describeTargetGroup(g)}}, nil
}

func (s *Service) validateTargetGroup(in *elb.CreateTargetGroupInput) error {
	if err := validateName("target group", aws.ToString(in.Name)); err != nil {
		return err
	}
	switch {
	case in.TargetType != types.TargetTypeEnumIp: // the default is instance
		return wire.Errorf("ValidationError", "The local cloud has target groups of type 'ip' only")
	case in.Protocol == "":
		return wire.Errorf("ValidationError", "A protocol must be specified")
	case in.Protocol != types.ProtocolEnumTcp:
		return wire.Errorf("UnsupportedProtocol", "The local cloud has TCP target groups only, not '%s'", in.Protocol)
	case in.Port == nil:
		return wire.Errorf("ValidationError", "A port must be specified")
	case aws.ToString(in.VpcId) == "":
		return wire.Errorf("ValidationError", "A VPC ID must be specified")
	case len(s.vpcs.CIDRs(*in.VpcId)) == 0:
		return wire.Errorf("ValidationError", "The VPC ID '%s' is not found", *in.VpcId)
	case !aws.ToBool(in.HealthCheckEnabled) && in.HealthCheckEnabled != nil:
		return wire.Errorf("InvalidConfigurationRequest", "Health check enabled must be true for target groups with target type 'ip'")
	}
	return nil
}

func (s *Service) modifyTargetGroup(ctx context.Context, in *elb.ModifyTargetGroupInput) (*elb.ModifyTargetGroupOutput, error) {
	g, err := s.targetGroup(ctx, *in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	check, err := g.check.with(healthCheckFields{
		in.HealthCheckProtocol, in.HealthCheckPort, in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds,
		in.HealthyThresholdCount, in.UnhealthyThresholdCount,
	})
	if err != nil {
		return nil, err
	}
	g.check = check
	return &elb.ModifyTargetGroupOutput{TargetGroups: []types.TargetGroup{s.describeTargetGroup(g)}}, nil
}

func (s *Service) deleteTargetGroup(ctx context.Context, in *elb.DeleteTargetGroupInput) (*elb.DeleteTargetGroupOutput, error) {
	if err := s.validate(ctx, targetGroupKind, *in.TargetGroupArn); err != nil {
		return nil, err
	}
	g := s.targetGroups[*in.TargetGroupArn]
	if g == nil { // deleting what is gone succeeds, as with load balancers; the API's errors list only ResourceInUse
		return &elb.DeleteTargetGroupOutput{}, nil
	}
	if s.user(g) != nil {
		return nil, wire.Errorf("ResourceInUse", "Target group '%s' is currently in use by a listener or a rule", g.arn)
	}
	for _, t := range g.targets {
		t.flows.reset()
	}
	g.targets = nil
	delete(s.targetGroups, g.arn)
	return &elb.DeleteTargetGroupOutput{}, nil
}

func (s *Service) describeTargetGroups(ctx context.Context, in *elb.DescribeTargetGroupsInput) (*elb.DescribeTargetGroupsOutput, error) {
	found, err := s.findTargetGroups(ctx, in)
	if err != nil {
		return nil, err
	}
	found, next := page(found, func(g *targetGroup) string { return g.arn }, in.Marker, in.PageSize)
	out := &elb.DescribeTargetGroupsOutput{NextMarker: next}
	for _, g := range found {
		out.TargetGroups = append(out.TargetGroups, s.describeTargetGroup(g))
	}
	return out, nil
}

func (s *Service) findTargetGroups(ctx context.Context, in *elb.DescribeTargetGroupsInput) ([]*targetGroup, error) {
	account := wire.CallerOf(ctx).Account
	var found []*targetGroup
	for _, arn := range in.TargetGroupArns {
		g, err := s.targetGroup(ctx, arn)
		if err != nil {
			return nil, err
		}
		found = append(found, g)
	}
	for _, name := range in.Names {
		g := s.targetGroupNamed(account, name)
		if g == nil || !s.world.Visible(g.arn, g.created) {
			return nil, targetGroupNotFound()
		}
		found = append(found, g)
	}
	if len(found) > 0 {
		return found, nil
	}
	var of *loadBalancer
	if in.LoadBalancerArn != nil {
		var err error
		if of, err = s.loadBalancer(ctx, *in.LoadBalancerArn); err != nil {
			return nil, err
		}
	}
	for _, g := range s.targetGroups {
		if g.account == account && s.world.Visible(g.arn, g.created) && (of == nil || s.user(g) == of) {
			found = append(found, g)
		}
	}
	return found, nil
}

func (s *Service) describeTargetGroup(g *targetGroup) types.TargetGroup {
	d := types.TargetGroup{
		TargetGroupArn: &g.arn, TargetGroupName: &g.name, VpcId: &g.vpc, Port: aws.Int32(g.port),
		Protocol: types.ProtocolEnumTcp, TargetType: types.TargetTypeEnumIp, IpAddressType: types.TargetGroupIpAddressTypeEnumIpv4,
		HealthCheckEnabled: aws.Bool(true), HealthCheckProtocol: types.ProtocolEnumTcp, HealthCheckPort: aws.String(g.check.portName()),
		HealthCheckIntervalSeconds: aws.Int32(g.check.interval), HealthCheckTimeoutSeconds: aws.Int32(g.check.timeout),
		HealthyThresholdCount: aws.Int32(g.check.healthy), UnhealthyThresholdCount: aws.Int32(g.check.unhealthy),
	}
	if lb := s.user(g); lb != nil {
		d.LoadBalancerArns = []string{lb.arn}
	}
	return d
}

// user is the load balancer that forwards to the group: one at most.
func (s *Service) user(g *targetGroup) *loadBalancer {
	for _, l := range s.listeners {
		if l.group == g {
			return l.loadBalancer
		}
	}
	return nil
}

// id is the group as metrics have it: targetgroup/NAME/0123456789abcdef, the last part of its ARN.
func (g *targetGroup) id() string { return g.arn[strings.LastIndex(g.arn, ":")+1:] }

// targetGroup finds the caller's target group.
func (s *Service) targetGroup(ctx context.Context, arn string) (*targetGroup, error) {
	return find(ctx, s, targetGroupKind, s.targetGroups, arn, targetGroupNotFound())
}

func (g *targetGroup) born() time.Time { return g.created }

func (s *Service) targetGroupNamed(account, name string) *targetGroup {
	for _, g := range s.targetGroups {
		if g.account == account && g.name == name {
			return g
		}
	}
	return nil
}

func targetGroupNotFound() error {
	return wire.Errorf("TargetGroupNotFound", "One or more target groups not found")
}

// healthCheck is how a group's targets are checked. Port 0 is the traffic port.
type healthCheck struct {
	port               uint16
	interval, timeout  int32 // seconds
	healthy, unhealthy int32 // consecutive checks
}

// The defaults of API_CreateTargetGroup for TCP.
var defaultHealthCheck = healthCheck{interval: 30, timeout: 10, healthy: 5, unhealthy: 2}

// healthCheckFields are the fields that CreateTargetGroup and ModifyTargetGroup share.
type healthCheckFields struct {
	protocol                              types.ProtocolEnum
	port                                  *string
	interval, timeout, healthy, unhealthy *int32
}

// with is the check with the given fields changed, if they are in API_CreateTargetGroup's ranges.
func (c healthCheck) with(f healthCheckFields) (healthCheck, error) {
	if f.protocol != "" && f.protocol != types.ProtocolEnumTcp {
		return c, wire.Errorf("UnsupportedProtocol", "The local cloud has TCP health checks only, not '%s'", f.protocol)
	}
	if f.port != nil {
		port, err := checkPort(*f.port)
		if err != nil {
			return c, err
		}
		c.port = port
	}
	for _, field := range []struct {
		name        string
		value       *int32
		into        *int32
		least, most int32
	}{
		{"interval", f.interval, &c.interval, 5, 300},
		{"timeout", f.timeout, &c.timeout, 2, 120},
		{"healthy threshold count", f.healthy, &c.healthy, 2, 10},
		{"unhealthy threshold count", f.unhealthy, &c.unhealthy, 2, 10},
	} {
		if field.value == nil {
			continue
		}
		if *field.value < field.least || *field.value > field.most {
			return c, wire.Errorf("ValidationError", "Health check %s '%d' must be between '%d' and '%d'", field.name, *field.value,
				field.least, field.most)
		}
		*field.into = *field.value
	}
	if c.timeout > c.interval {
		return c, wire.Errorf("ValidationError",
			"Health check timeout '%d' must be smaller than or equal to the interval '%d'", c.timeout, c.interval)
	}
	return c, nil
}

func checkPort(port string) (uint16, error) {
	if port == "traffic-port" {
		return 0, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return 0, wire.Errorf("ValidationError", "Health check port '%s' must be 'traffic-port' or in the range 1-65535", port)
	}
	return uint16(n), nil
}

func (c healthCheck) portName() string {
	if c.port == 0 {
		return "traffic-port"
	}
	return strconv.Itoa(int(c.port))
}
