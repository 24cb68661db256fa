package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/flowlog"
	"github.com/rdslink/rdslink/internal/hostedzone"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// An answer is what AWS describes, or why it could not be read.
type answer[T any] struct {
	value T
	err   error
}

func ask[T any](value T, err error) answer[T] { return answer[T]{value, err} }

// view is what AWS describes of all exposures that are looked at, each thing by its id or ARN.
type view struct {
	Inspector
	subjects []*subject

	balancers     answer[map[string]elbtypes.LoadBalancer]
	targetGroups  answer[map[string]elbtypes.TargetGroup]
	elbTags       answer[map[string]map[string]string]
	services      answer[map[string]ec2types.ServiceConfiguration]
	connections   answer[map[string][]connection.Connection]
	notifications answer[map[string][]ec2types.ConnectionNotification]
	flowLogs      answer[map[string]ec2types.FlowLog]
	interfaces    answer[[]ec2types.NetworkInterface]
	groups        answer[map[string]ec2types.SecurityGroup]
	rules         answer[map[string][]ec2types.SecurityGroupRule] // by group
	tagged        answer[[]ec2types.SecurityGroupRule]            // that are the owner's, wherever they are
	subnets       answer[map[string]ec2types.Subnet]
	acls          answer[map[string]ec2types.NetworkAcl] // by subnet
	resolvers     map[string]*resolverFacts              // by VPC
}

// subject is one exposure, and what AWS describes of it alone.
type subject struct {
	registry.Exposure
	*view
	topology           answer[database.Topology]
	principals         answer[[]string]
	listeners          answer[[]elbtypes.Listener]
	balancerAttributes answer[[]elbtypes.LoadBalancerAttribute]
	groupAttributes    answer[[]elbtypes.TargetGroupAttribute]
	health             answer[[]elbtypes.TargetHealthDescription]
	schedule           answer[*scheduler.GetScheduleOutput]
	proven             answer[bool] // the record that proves the service's private DNS name is in its zone
	errs               []error
}

// resolverFacts are a VPC's resolver, as it is recorded and as it is.
type resolverFacts struct {
	recorded answer[registry.Resolver]
	function answer[*lambda.GetFunctionConfigurationOutput] // nil: there is none
	tags     answer[map[string]string]
}

// gather asks for everything. What fails is what the hops that rest on it cannot tell.
func (i Inspector) gather(ctx context.Context, exposures []registry.Exposure) *view {
	v := &view{Inspector: i, resolvers: map[string]*resolverFacts{}}
	for _, e := range exposures {
		s := &subject{Exposure: e, view: v}
		v.subjects = append(v.subjects, s)
		s.gather(ctx)
	}
	v.balancers = ask(v.describeBalancers(ctx))
	v.targetGroups = ask(v.describeTargetGroups(ctx))
	v.services = ask(v.describeServices(ctx))
	v.connections = ask(v.describeConnections(ctx))
	v.notifications = ask(v.describeNotifications(ctx))
	v.flowLogs = ask(v.describeFlowLogs(ctx))
	v.interfaces = ask(v.describeInterfaces(ctx))
	v.elbTags = ask(v.describeELBTags(ctx))
	v.groups = ask(v.describeGroups(ctx))
	v.rules = ask(v.describeRules(ctx))
	v.tagged = ask(v.describeTaggedRules(ctx))
	v.subnets = ask(v.describeSubnets(ctx))
	v.acls = ask(v.describeACLs(ctx))
	return v
}

// gather asks what only one exposure can be asked for.
func (s *subject) gather(ctx context.Context) {
	s.topology = ask(s.observe(ctx))
	if s.ServiceID != "" {
		s.principals = ask(s.describePrincipals(ctx))
	}
	if s.LoadBalancerARN != "" {
		s.listeners = ask(s.describeListeners(ctx))
		out, err := s.ELB.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &s.LoadBalancerARN})
		if err == nil {
			s.balancerAttributes.value = out.Attributes
		}
		s.balancerAttributes.err = missingIsNone[*elbtypes.LoadBalancerNotFoundException](err)
	}
	if s.TargetGroupARN != "" {
		out, err := s.ELB.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: &s.TargetGroupARN})
		if err == nil {
			s.groupAttributes.value = out.Attributes
		}
		s.groupAttributes.err = missingIsNone[*elbtypes.TargetGroupNotFoundException](err)
		health, err := s.ELB.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &s.TargetGroupARN})
		if err == nil {
			s.health.value = health.TargetHealthDescriptions
		}
		s.health.err = missingIsNone[*elbtypes.TargetGroupNotFoundException](err)
	}
	if s.ScheduleName != "" {
		group := s.Owner.Name.ScheduleGroup()
		out, err := s.Schedules.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &s.ScheduleName, GroupName: &group})
		if err != nil {
			out = nil
		}
		s.schedule = ask(out, missingIsNone[*schedulertypes.ResourceNotFoundException](err))
	}
	if name := s.PrivateName; name != nil && name.ZoneID != "" {
		s.proven = ask(hostedzone.TXT{ZoneID: name.ZoneID, Name: name.Record, Value: name.Value}.There(ctx, s.Zones))
	}
	if s.ResolverFunction != "" && s.resolvers[s.VPCID] == nil {
		s.resolvers[s.VPCID] = s.gatherResolver(ctx)
	}
}

// missingIsNone takes away an error that says that something does not exist: that is an answer.
func missingIsNone[E error](err error) error {
	if _, missing := errors.AsType[E](err); missing {
		return nil
	}
	return err
}

func (s *subject) observe(ctx context.Context) (database.Topology, error) {
	if s.Binding == nil {
		return database.Topology{}, nil
	}
	return database.Observe(ctx, s.RDS, s.DatabaseARN, s.Binding.DatabaseKind, s.Binding.Endpoint)
}

func (s *subject) describePrincipals(ctx context.Context) ([]string, error) {
	pages := ec2.NewDescribeVpcEndpointServicePermissionsPaginator(s.EC2,
		&ec2.DescribeVpcEndpointServicePermissionsInput{ServiceId: &s.ServiceID})
	var all []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe permissions of endpoint service %s: %w", s.ServiceID, err)
		}
		for _, principal := range page.AllowedPrincipals {
			all = append(all, aws.ToString(principal.Principal))
		}
	}
	return all, nil
}

func (s *subject) describeListeners(ctx context.Context) ([]elbtypes.Listener, error) {
	pages := elb.NewDescribeListenersPaginator(s.ELB, &elb.DescribeListenersInput{LoadBalancerArn: &s.LoadBalancerARN})
	var all []elbtypes.Listener
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if _, missing := errors.AsType[*elbtypes.LoadBalancerNotFoundException](err); missing {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("describe listeners of load balancer %s: %w", s.LoadBalancerARN, err)
		}
		all = append(all, page.Listeners...)
	}
	return all, nil
}

func (s *subject) gatherResolver(ctx context.Context) *resolverFacts {
	facts := &resolverFacts{}
	recorded, _, err := s.Resolvers.Resolver(ctx, s.VPCID)
	facts.recorded = ask(recorded, err)
	out, err := s.Lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &s.ResolverFunction})
	if err != nil {
		facts.function = ask[*lambda.GetFunctionConfigurationOutput](nil, missingIsNone[*lambdatypes.ResourceNotFoundException](err))
		return facts
	}
	facts.function.value = out
	tags, err := s.Lambda.ListTags(ctx, &lambda.ListTagsInput{Resource: out.FunctionArn})
	if err == nil {
		facts.tags.value = tags.Tags
	}
	facts.tags.err = err
	return facts
}

// most is how many values EC2 takes in a filter (Amazon EC2 guide, "Filter resources using the console and the CLI").
const most = 200

// of are the different values, without the empty one, that pick finds in the subjects.
func (v *view) of(pick func(*subject) []string) []string {
	var all []string
	for _, s := range v.subjects {
		all = append(all, pick(s)...)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(one string) bool { return one == "" })
}

// describeBalancers asks for one by its ARN, and for several without: a describe by ARNs fails for all when one is missing,
// and takes 20.
func (v *view) describeBalancers(ctx context.Context) (map[string]elbtypes.LoadBalancer, error) {
	found := map[string]elbtypes.LoadBalancer{}
	wanted := v.of(func(s *subject) []string { return []string{s.LoadBalancerARN} })
	in := &elb.DescribeLoadBalancersInput{}
	switch len(wanted) {
	case 0:
		return found, nil
	case 1:
		in.LoadBalancerArns = wanted
	}
	pages := elb.NewDescribeLoadBalancersPaginator(v.ELB, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if _, missing := errors.AsType[*elbtypes.LoadBalancerNotFoundException](err); missing {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("describe load balancers: %w", err)
		}
		for _, one := range page.LoadBalancers {
			found[aws.ToString(one.LoadBalancerArn)] = one
		}
	}
	return found, nil
}

func (v *view) describeTargetGroups(ctx context.Context) (map[string]elbtypes.TargetGroup, error) {
	found := map[string]elbtypes.TargetGroup{}
	wanted := v.of(func(s *subject) []string { return []string{s.TargetGroupARN} })
	in := &elb.DescribeTargetGroupsInput{}
	switch len(wanted) {
	case 0:
		return found, nil
	case 1:
		in.TargetGroupArns = wanted
	}
	pages := elb.NewDescribeTargetGroupsPaginator(v.ELB, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if _, missing := errors.AsType[*elbtypes.TargetGroupNotFoundException](err); missing {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("describe target groups: %w", err)
		}
		for _, one := range page.TargetGroups {
			found[aws.ToString(one.TargetGroupArn)] = one
		}
	}
	return found, nil
}

// describeELBTags asks for the tags of what there is.
func (v *view) describeELBTags(ctx context.Context) (map[string]map[string]string, error) {
	arns := v.of(func(s *subject) []string {
		var there []string
		if _, found := v.balancers.value[s.LoadBalancerARN]; found {
			there = append(there, s.LoadBalancerARN)
		}
		if _, found := v.targetGroups.value[s.TargetGroupARN]; found {
			there = append(there, s.TargetGroupARN)
		}
		for _, listener := range s.listeners.value {
			if aws.ToString(listener.ListenerArn) == s.ListenerARN {
				there = append(there, s.ListenerARN)
			}
		}
		return there
	})
	return owned.ELBTagsOfExisting(ctx, v.ELB, arns)
}

// filtered asks EC2 for what a filter finds, as many of its values at a time as one takes.
func filtered(name string, values []string, ask func([]ec2types.Filter) error) error {
	for some := range slices.Chunk(values, most) {
		if err := ask([]ec2types.Filter{{Name: &name, Values: some}}); err != nil {
			return err
		}
	}
	return nil
}

func (v *view) serviceIDs() []string {
	return v.of(func(s *subject) []string { return []string{s.ServiceID} })
}

func (v *view) describeServices(ctx context.Context) (map[string]ec2types.ServiceConfiguration, error) {
	found := map[string]ec2types.ServiceConfiguration{}
	err := filtered("service-id", v.serviceIDs(), func(filters []ec2types.Filter) error {
		pages := ec2.NewDescribeVpcEndpointServiceConfigurationsPaginator(v.EC2,
			&ec2.DescribeVpcEndpointServiceConfigurationsInput{Filters: filters})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("describe endpoint services: %w", err)
			}
			for _, one := range page.ServiceConfigurations {
				found[aws.ToString(one.ServiceId)] = one
			}
		}
		return nil
	})
	return found, err
}

func (v *view) describeConnections(ctx context.Context) (map[string][]connection.Connection, error) {
	found := map[string][]connection.Connection{}
	ids := v.serviceIDs()
	if len(ids) == 0 {
		return found, nil
	}
	all, err := connection.All(ctx, v.EC2)
	if len(ids) == 1 {
		all, err = connection.To(ctx, v.EC2, ids[0])
	}
	for _, one := range all {
		found[one.ServiceID] = append(found[one.ServiceID], one)
	}
	return found, err
}

func (v *view) describeNotifications(ctx context.Context) (map[string][]ec2types.ConnectionNotification, error) {
	found := map[string][]ec2types.ConnectionNotification{}
	err := filtered("service-id", v.serviceIDs(), func(filters []ec2types.Filter) error {
		pages := ec2.NewDescribeVpcEndpointConnectionNotificationsPaginator(v.EC2,
			&ec2.DescribeVpcEndpointConnectionNotificationsInput{Filters: filters})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("describe connection notifications: %w", err)
			}
			for _, one := range page.ConnectionNotificationSet {
				found[aws.ToString(one.ServiceId)] = append(found[aws.ToString(one.ServiceId)], one)
			}
		}
		return nil
	})
	return found, err
}

func (v *view) describeFlowLogs(ctx context.Context) (map[string]ec2types.FlowLog, error) {
	var ids []string
	for _, s := range v.subjects {
		ids = append(ids, s.FlowLogIDs...)
	}
	return flowlog.ByID(ctx, v.EC2, ids)
}

// describeInterfaces are the load balancers' nodes and whatever has the targets' addresses.
func (v *view) describeInterfaces(ctx context.Context) ([]ec2types.NetworkInterface, error) {
	var all []ec2types.NetworkInterface
	describe := func(filters []ec2types.Filter) error {
		pages := ec2.NewDescribeNetworkInterfacesPaginator(v.EC2, &ec2.DescribeNetworkInterfacesInput{Filters: filters})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("describe network interfaces: %w", err)
			}
			all = append(all, page.NetworkInterfaces...)
		}
		return nil
	}
	nodes := v.of(func(s *subject) []string {
		if s.LoadBalancerARN == "" {
			return nil
		}
		return []string{ingress.NodesDescription(s.LoadBalancerARN)}
	})
	if err := filtered("description", nodes, describe); err != nil {
		return nil, err
	}
	addresses := v.of(func(s *subject) []string {
		var ids []string
		for _, t := range s.health.value {
			if t.Target != nil {
				ids = append(ids, aws.ToString(t.Target.Id))
			}
		}
		return ids
	})
	return all, filtered("addresses.private-ip-address", addresses, describe)
}

// groupIDs are those of load balancers, databases and resolvers, as they are and as they are recorded.
func (v *view) groupIDs() []string {
	return v.of(func(s *subject) []string {
		ids := []string{s.LoadBalancerSecurityGroupID, s.DatabaseSecurityGroupID}
		ids = append(ids, v.balancers.value[s.LoadBalancerARN].SecurityGroups...)
		ids = append(ids, s.topology.value.SecurityGroupIDs...)
		if r := v.resolvers[s.VPCID]; r != nil && s.ResolverFunction != "" {
			ids = append(ids, r.recorded.value.SecurityGroupID)
			ids = append(ids, r.groups()...)
		}
		return ids
	})
}

func (v *view) describeGroups(ctx context.Context) (map[string]ec2types.SecurityGroup, error) {
	found := map[string]ec2types.SecurityGroup{}
	err := filtered("group-id", v.groupIDs(), func(filters []ec2types.Filter) error {
		pages := ec2.NewDescribeSecurityGroupsPaginator(v.EC2, &ec2.DescribeSecurityGroupsInput{Filters: filters})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("describe security groups: %w", err)
			}
			for _, one := range page.SecurityGroups {
				found[aws.ToString(one.GroupId)] = one
			}
		}
		return nil
	})
	return found, err
}

func (v *view) listRules(ctx context.Context, filter string, values []string) ([]ec2types.SecurityGroupRule, error) {
	var all []ec2types.SecurityGroupRule
	err := filtered(filter, values, func(filters []ec2types.Filter) error {
		pages := ec2.NewDescribeSecurityGroupRulesPaginator(v.EC2, &ec2.DescribeSecurityGroupRulesInput{Filters: filters})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("describe rules of security groups: %w", err)
			}
			all = append(all, page.SecurityGroupRules...)
		}
		return nil
	})
	return all, err
}

func (v *view) describeRules(ctx context.Context) (map[string][]ec2types.SecurityGroupRule, error) {
	all, err := v.listRules(ctx, "group-id", v.groupIDs())
	found := map[string][]ec2types.SecurityGroupRule{}
	for _, rule := range all {
		found[aws.ToString(rule.GroupId)] = append(found[aws.ToString(rule.GroupId)], rule)
	}
	return found, err
}

func (v *view) describeTaggedRules(ctx context.Context) ([]ec2types.SecurityGroupRule, error) {
	return v.listRules(ctx, "tag:"+owned.ManagedTag, v.of(func(s *subject) []string { return []string{s.Owner.Name.Managed()} }))
}

// subnetIDs are those of load balancers, targets and resolvers.
func (v *view) subnetIDs() []string {
	return v.of(func(s *subject) []string {
		var ids []string
		for _, zone := range v.balancers.value[s.LoadBalancerARN].AvailabilityZones {
			ids = append(ids, aws.ToString(zone.SubnetId))
		}
		for _, t := range s.health.value {
			if it := s.interfaceOf(t); it != nil {
				ids = append(ids, aws.ToString(it.SubnetId))
			}
		}
		if r := v.resolvers[s.VPCID]; r != nil && s.ResolverFunction != "" {
			ids = append(ids, r.subnets()...)
		}
		return ids
	})
}

func (v *view) describeSubnets(ctx context.Context) (map[string]ec2types.Subnet, error) {
	found := map[string]ec2types.Subnet{}
	err := filtered("subnet-id", v.subnetIDs(), func(filters []ec2types.Filter) error {
		pages := ec2.NewDescribeSubnetsPaginator(v.EC2, &ec2.DescribeSubnetsInput{Filters: filters})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("describe subnets: %w", err)
			}
			for _, one := range page.Subnets {
				found[aws.ToString(one.SubnetId)] = one
			}
		}
		return nil
	})
	return found, err
}

func (v *view) describeACLs(ctx context.Context) (map[string]ec2types.NetworkAcl, error) {
	found := map[string]ec2types.NetworkAcl{}
	err := filtered("association.subnet-id", v.subnetIDs(), func(filters []ec2types.Filter) error {
		pages := ec2.NewDescribeNetworkAclsPaginator(v.EC2, &ec2.DescribeNetworkAclsInput{Filters: filters})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("describe network ACLs: %w", err)
			}
			for _, one := range page.NetworkAcls {
				for _, association := range one.Associations {
					found[aws.ToString(association.SubnetId)] = one
				}
			}
		}
		return nil
	})
	return found, err
}
