package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/test/stage"
)

// found is what the customer's account holds after the execution, asked from AWS's own APIs and not from rdslink.
type found struct {
	targetGroup types.TargetGroup
	targets     []types.TargetHealthDescription
	balancer    types.LoadBalancer
	listeners   []types.Listener
	crossZone   string
	service     ec2types.ServiceConfiguration
	principals  []string
	rules       []ec2types.SecurityGroupRule
	connections []ec2types.VpcEndpointConnection
	schedule    string
}

// checklist holds the account against the summary checklist of the documented procedure, line by line.
func (d *demo) checklist(ctx context.Context) error {
	f, err := d.look(ctx)
	if err != nil {
		return err
	}
	allowed := f.admitted()
	lines := []struct {
		text  string
		holds bool
		seen  string
	}{
		{"Gather RDS details", d.handoff.ServerName == d.database.Host, d.database.Host},
		{"Resolve RDS private IP from within the VPC", len(f.targets) > 0 && f.private(), f.target()},
		{"Create NLB target group (IP type, TCP, database port)",
			f.targetGroup.TargetType == types.TargetTypeEnumIp && f.targetGroup.Protocol == types.ProtocolEnumTcp &&
				int(aws.ToInt32(f.targetGroup.Port)) == d.database.Port,
			fmt.Sprintf("%s %s %d", f.targetGroup.TargetType, f.targetGroup.Protocol, aws.ToInt32(f.targetGroup.Port))},
		{"Register RDS IP as a target", f.registered(d.kind.Health), f.target() + " " + f.health()},
		{"Create internal NLB with TCP listener forwarding to the target group",
			f.balancer.Scheme == types.LoadBalancerSchemeEnumInternal && f.forwards(),
			fmt.Sprintf("%s, %d zones", f.balancer.Scheme, len(f.balancer.AvailabilityZones))},
		{"Enable cross-zone load balancing on the NLB", f.crossZone == "true", "load_balancing.cross_zone.enabled=" + f.crossZone},
		{"Create VPC endpoint service (with acceptance required)", aws.ToBool(f.service.AcceptanceRequired),
			fmt.Sprintf("acceptance required: %t", aws.ToBool(f.service.AcceptanceRequired))},
		{"Copy the service name", aws.ToString(f.service.ServiceName) == d.handoff.ServiceName, aws.ToString(f.service.ServiceName)},
		{"Whitelist " + d.consumer.Name + " account", slices.Equal(f.principals, []string{d.consumer.Principal()}),
			strings.Join(f.principals, ", ")},
		{"Update RDS security group to allow traffic from NLB subnets",
			slices.Equal(allowed, []string{"10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"}), strings.Join(allowed, ", ")},
		{"Share VPC endpoint service name with " + d.consumer.Name, true, "its endpoint was made from the hand-off alone"},
		{"Accept the " + d.consumer.Name + " endpoint connection request",
			len(f.connections) == 1 && strings.EqualFold(string(f.connections[0].VpcEndpointState), "available"),
			d.endpoint.ID + " " + f.connectionStates()},
		{"Deploy Lambda for automatic IP sync", f.schedule == "rate(1 minute)", "schedule " + d.exposure + " " + f.schedule},
	}
	var missing []string
	for _, line := range lines {
		mark := "✓"
		if !line.holds {
			mark = "✗"
			missing = append(missing, line.text)
		}
		fmt.Printf("  %s %-70s %s\n", mark, line.text, line.seen)
	}
	if len(missing) > 0 {
		return errors.New("not as the document says: " + strings.Join(missing, "; "))
	}
	return nil
}

// look asks the customer's account.
func (d *demo) look(ctx context.Context) (f found, err error) {
	config := d.cloud.Config(stage.Customer)
	if err := f.lookAtLoadBalancing(ctx, elb.NewFromConfig(config), d.exposure); err != nil {
		return found{}, err
	}
	if err := f.lookAtNetwork(ctx, ec2.NewFromConfig(config), d); err != nil {
		return found{}, err
	}
	schedule, err := scheduler.NewFromConfig(config).GetSchedule(ctx,
		&scheduler.GetScheduleInput{Name: &d.exposure, GroupName: aws.String(deployment.Unnamed.ScheduleGroup())})
	if err != nil {
		return found{}, fmt.Errorf("get schedule %s: %w", d.exposure, err)
	}
	f.schedule = aws.ToString(schedule.ScheduleExpression)
	return f, nil
}

func (f *found) lookAtLoadBalancing(ctx context.Context, client *elb.Client, name string) error {
	groups, err := client.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Names: []string{name}})
	if err != nil {
		return fmt.Errorf("describe target group %s: %w", name, err)
	}
	f.targetGroup = groups.TargetGroups[0]
	health, err := client.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: f.targetGroup.TargetGroupArn})
	if err != nil {
		return fmt.Errorf("describe targets of %s: %w", name, err)
	}
	f.targets = health.TargetHealthDescriptions
	balancers, err := client.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{name}})
	if err != nil {
		return fmt.Errorf("describe load balancer %s: %w", name, err)
	}
	f.balancer = balancers.LoadBalancers[0]
	listeners, err := client.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: f.balancer.LoadBalancerArn})
	if err != nil {
		return fmt.Errorf("describe listeners of %s: %w", name, err)
	}
	f.listeners = listeners.Listeners
	attributes, err := client.DescribeLoadBalancerAttributes(ctx,
		&elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: f.balancer.LoadBalancerArn})
	if err != nil {
		return fmt.Errorf("describe attributes of %s: %w", name, err)
	}
	for _, a := range attributes.Attributes {
		if aws.ToString(a.Key) == "load_balancing.cross_zone.enabled" {
			f.crossZone = aws.ToString(a.Value)
		}
	}
	return nil
}

func (f *found) lookAtNetwork(ctx context.Context, client *ec2.Client, d *demo) error {
	services, err := client.DescribeVpcEndpointServiceConfigurations(ctx, &ec2.DescribeVpcEndpointServiceConfigurationsInput{})
	if err != nil {
		return fmt.Errorf("describe endpoint services: %w", err)
	}
	if len(services.ServiceConfigurations) != 1 {
		return fmt.Errorf("%d endpoint services, want one", len(services.ServiceConfigurations))
	}
	f.service = services.ServiceConfigurations[0]
	permissions, err := client.DescribeVpcEndpointServicePermissions(ctx,
		&ec2.DescribeVpcEndpointServicePermissionsInput{ServiceId: f.service.ServiceId})
	if err != nil {
		return fmt.Errorf("describe principals: %w", err)
	}
	for _, p := range permissions.AllowedPrincipals {
		f.principals = append(f.principals, aws.ToString(p.Principal))
	}
	rules, err := client.DescribeSecurityGroupRules(ctx, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{d.database.SecurityGroup}}},
	})
	if err != nil {
		return fmt.Errorf("describe rules of %s: %w", d.database.SecurityGroup, err)
	}
	f.rules = rules.SecurityGroupRules
	connections, err := client.DescribeVpcEndpointConnections(ctx, &ec2.DescribeVpcEndpointConnectionsInput{
		Filters: []ec2types.Filter{{Name: aws.String("service-id"), Values: []string{aws.ToString(f.service.ServiceId)}}},
	})
	if err != nil {
		return fmt.Errorf("describe connections: %w", err)
	}
	f.connections = connections.VpcEndpointConnections
	return nil
}

func (f *found) target() string {
	var ids []string
	for _, t := range f.targets {
		ids = append(ids, aws.ToString(t.Target.Id))
	}
	return strings.Join(ids, ", ")
}

// private says whether every target is in the customer's VPC.
func (f *found) private() bool {
	return !slices.ContainsFunc(f.targets, func(t types.TargetHealthDescription) bool {
		return !strings.HasPrefix(aws.ToString(t.Target.Id), "10.0.")
	})
}

// registered says whether there are targets, and all of them in the state that they are to have.
func (f *found) registered(want types.TargetHealthStateEnum) bool {
	return len(f.targets) > 0 && !slices.ContainsFunc(f.targets, func(t types.TargetHealthDescription) bool {
		return t.TargetHealth.State != want
	})
}

func (f *found) health() string {
	var states []string
	for _, t := range f.targets {
		states = append(states, string(t.TargetHealth.State))
	}
	return strings.Join(states, ", ")
}

// forwards says whether the only listener is TCP and forwards to the target group.
func (f *found) forwards() bool {
	return len(f.listeners) == 1 && f.listeners[0].Protocol == types.ProtocolEnumTcp &&
		aws.ToString(f.listeners[0].DefaultActions[0].TargetGroupArn) == aws.ToString(f.targetGroup.TargetGroupArn)
}

// admitted are the CIDRs from which the database's group admits traffic, sorted.
func (f *found) admitted() []string {
	var cidrs []string
	for _, r := range f.rules {
		if !aws.ToBool(r.IsEgress) && r.CidrIpv4 != nil {
			cidrs = append(cidrs, *r.CidrIpv4)
		}
	}
	slices.Sort(cidrs)
	return cidrs
}

func (f *found) connectionStates() string {
	var states []string
	for _, c := range f.connections {
		states = append(states, string(c.VpcEndpointState))
	}
	return strings.Join(states, ", ")
}
