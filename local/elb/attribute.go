package elb

import (
	"context"
	"slices"
	"strconv"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// attributes are the attributes that were set; the others have their defaults.
type attributes map[string]string

// attribute is one key that a kind of resource knows, and the values that it takes.
type attribute struct {
	key, byDefault string
	accepts        func(value string) bool
}

const (
	deletionProtection            = "deletion_protection.enabled"
	crossZone                     = "load_balancing.cross_zone.enabled"
	deregistrationDelay           = "deregistration_delay.timeout_seconds"
	deregistrationTerminates      = "deregistration_delay.connection_termination.enabled"
	preserveClientIP              = "preserve_client_ip.enabled"
	unhealthyTerminates           = "target_health_state.unhealthy.connection_termination.enabled"
	useLoadBalancersConfiguration = "use_load_balancer_configuration"
)

// The keys, defaults and ranges of the API reference's LoadBalancerAttribute and TargetGroupAttribute. What
// would change the data plane in a way that this package does not have is accepted at its default only.
var (
	loadBalancerAttributes = []attribute{
		{deletionProtection, "false", oneOf("true", "false")},
		{crossZone, "false", oneOf("true", "false")},
		{"access_logs.s3.enabled", "false", oneOf("false")},
		{"access_logs.s3.bucket", "", oneOf("")},
		{"access_logs.s3.prefix", "", oneOf("")},
		{"dns_record.client_routing_policy", "any_availability_zone", oneOf("any_availability_zone")},
		{"ipv6.deny_all_igw_traffic", "true", oneOf("true", "false")},
		{"secondary_ips.auto_assigned.per_subnet", "0", oneOf("0")},
		{"zonal_shift.config.enabled", "false", oneOf("true", "false")},
	}
	targetGroupAttributes = []attribute{
		{deregistrationDelay, "300", between(0, 3600)},
		{deregistrationTerminates, "false", oneOf("true", "false")},
		{crossZone, useLoadBalancersConfiguration, oneOf("true", "false", useLoadBalancersConfiguration)},
		{preserveClientIP, "false", oneOf("true", "false")},
		{"proxy_protocol_v2.enabled", "false", oneOf("false")},
		{"stickiness.enabled", "false", oneOf("false")},
		{"stickiness.type", "source_ip", oneOf("source_ip")},
		{"target_group_health.dns_failover.minimum_healthy_targets.count", "1", oneOf("1", "off")},
		{"target_group_health.dns_failover.minimum_healthy_targets.percentage", "off", oneOf("off")},
		{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", oneOf("1")},
		{"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off", oneOf("off")},
		{unhealthyTerminates, "true", oneOf("true", "false")},
		{"target_health_state.unhealthy.draining_interval_seconds", "0", oneOf("0")},
	}
)

func oneOf(values ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(values, v) }
}

func between(least, most int) func(string) bool {
	return func(v string) bool {
		n, err := strconv.Atoi(v)
		return err == nil && least <= n && n <= most
	}
}

// get is the value of a key that known has.
func (a attributes) get(known []attribute, key string) string {
	if v, ok := a[key]; ok {
		return v
	}
	i := slices.IndexFunc(known, func(k attribute) bool { return k.key == key })
	return known[i].byDefault
}

// set changes all the given keys, or none.
func (a attributes) set(known []attribute, changes attributes) error {
	for key, value := range changes {
		i := slices.IndexFunc(known, func(k attribute) bool { return k.key == key })
		if i < 0 {
			return wire.Errorf("InvalidConfigurationRequest", "Attribute key '%s' is not recognized", key)
		}
		if !known[i].accepts(value) {
			return wire.Errorf("InvalidConfigurationRequest", "Attribute value '%s' is not valid for attribute key '%s'", value, key)
		}
	}
	for key, value := range changes {
		a[key] = value
	}
	return nil
}

func (s *Service) describeLoadBalancerAttributes(
	ctx context.Context, in *elb.DescribeLoadBalancerAttributesInput,
) (*elb.DescribeLoadBalancerAttributesOutput, error) {
	lb, err := s.loadBalancer(ctx, *in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	return &elb.DescribeLoadBalancerAttributesOutput{Attributes: lb.describeAttributes()}, nil
}

func (s *Service) modifyLoadBalancerAttributes(
	ctx context.Context, in *elb.ModifyLoadBalancerAttributesInput,
) (*elb.ModifyLoadBalancerAttributesOutput, error) {
	lb, err := s.loadBalancer(ctx, *in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	changes := attributes{}
	for _, a := range in.Attributes {
		changes[*a.Key] = *a.Value
	}
	if err := lb.attributes.set(loadBalancerAttributes, changes); err != nil {
		return nil, err
	}
	return &elb.ModifyLoadBalancerAttributesOutput{Attributes: lb.describeAttributes()}, nil
}

func (lb *loadBalancer) describeAttributes() []types.LoadBalancerAttribute {
	var all []types.LoadBalancerAttribute
	for _, known := range loadBalancerAttributes {
		value := lb.attributes.get(loadBalancerAttributes, known.key)
		all = append(all, types.LoadBalancerAttribute{Key: &known.key, Value: &value})
	}
	return all
}

func (s *Service) describeTargetGroupAttributes(
	ctx context.Context, in *elb.DescribeTargetGroupAttributesInput,
) (*elb.DescribeTargetGroupAttributesOutput, error) {
	g, err := s.targetGroup(ctx, *in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	return &elb.DescribeTargetGroupAttributesOutput{Attributes: g.describeAttributes()}, nil
}

func (s *Service) modifyTargetGroupAttributes(
	ctx context.Context, in *elb.ModifyTargetGroupAttributesInput,
) (*elb.ModifyTargetGroupAttributesOutput, error) {
	g, err := s.targetGroup(ctx, *in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	changes := attributes{}
	for _, a := range in.Attributes {
		changes[*a.Key] = *a.Value
	}
	if err := g.attributes.set(targetGroupAttributes, changes); err != nil {
		return nil, err
	}
	return &elb.ModifyTargetGroupAttributesOutput{Attributes: g.describeAttributes()}, nil
}

func (g *targetGroup) describeAttributes() []types.TargetGroupAttribute {
	var all []types.TargetGroupAttribute
	for _, known := range targetGroupAttributes {
		value := g.attributes.get(targetGroupAttributes, known.key)
		all = append(all, types.TargetGroupAttribute{Key: &known.key, Value: &value})
	}
	return all
}
