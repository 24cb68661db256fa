// Package belongingstest is an account in which an exposure has left something, as the steps of a removal meet it. It keeps
// what they change, in order.
package belongingstest

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/steptest"
)

// Exposure is whose things they are, and VPC and Database where they lie and what they are for.
const (
	Exposure = "orders-pushmetrics-17ac466a"
	VPC      = "vpc-1"
	Database = "arn:aws:rds:eu-central-1:111122223333:db:orders"
)

// Cloud is the account. Fields are what is there; an empty one is not.
type Cloud struct {
	steptest.Fake
	Schedule      bool
	Service       types.ServiceState
	Principals    []string
	Connections   map[string]string // states by endpoint
	Stubborn      bool              // connections stay when they are rejected
	Notifications []string
	FlowLogs      []string
	Balancer      map[string]string // its tags
	Protected     bool
	Listeners     map[string]map[string]string // tags by ARN
	TargetGroup   map[string]string            // its tags
	BalancerInUse bool
	Rules         map[string][]string // whose exposures' tags, by id
	Groups        map[string]map[string]string
	Interfaces    []string // of groups
	Naming        []string // groups whose rules name ours
}

// Whole is an exposure that has everything.
func Whole() *Cloud {
	tags := owned.Owner{}.ExposureTags(Exposure, Database)
	return &Cloud{
		Schedule: true, Service: types.ServiceStateAvailable, Principals: []string{"arn:aws:iam::1:root"},
		Connections: map[string]string{"vpce-1": "available"}, Notifications: []string{"vpce-nfn-1"},
		FlowLogs: []string{"fl-1", "fl-2"},
		Balancer: tags, Protected: true, Listeners: map[string]map[string]string{"listener-1": tags, "listener-2": {}}, TargetGroup: tags,
		Rules: map[string][]string{"sgr-1": {Exposure}, "sgr-2": {Exposure, "other"}}, Groups: map[string]map[string]string{"sg-1": tags},
	}
}

// Found is the account for who finds things in it.
func (c *Cloud) Found() belongings.Cloud {
	return belongings.Cloud{Network: c, Balancing: c, Schedules: c}
}

// Names of what there is one of.
const (
	ServiceID   = "vpce-svc-1"
	BalancerARN = "balancer-1"
	GroupARN    = "targets-1"
)

// GetSchedule is Scheduler's.
func (c *Cloud) GetSchedule(context.Context, *scheduler.GetScheduleInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error) {
	if !c.Schedule {
		return nil, &schedulertypes.ResourceNotFoundException{}
	}
	return &scheduler.GetScheduleOutput{}, nil
}

// DeleteSchedule is Scheduler's.
func (c *Cloud) DeleteSchedule(_ context.Context, in *scheduler.DeleteScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.DeleteScheduleOutput, error) {
	c.Mutate("delete schedule %s/%s", *in.GroupName, *in.Name)
	c.Schedule = false
	return &scheduler.DeleteScheduleOutput{}, nil
}

// DescribeVpcEndpointServiceConfigurations is EC2's, as all from here on.
func (c *Cloud) DescribeVpcEndpointServiceConfigurations(context.Context, *ec2.DescribeVpcEndpointServiceConfigurationsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServiceConfigurationsOutput, error) {
	out := &ec2.DescribeVpcEndpointServiceConfigurationsOutput{}
	if c.Service != "" {
		out.ServiceConfigurations = []types.ServiceConfiguration{{
			ServiceId: aws.String(ServiceID), ServiceState: c.Service, Tags: owned.EC2Tags(owned.Owner{}.ExposureTags(Exposure, Database)),
		}}
	}
	return out, nil
}

// DescribeVpcEndpointServicePermissions tells the principals.
func (c *Cloud) DescribeVpcEndpointServicePermissions(context.Context, *ec2.DescribeVpcEndpointServicePermissionsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServicePermissionsOutput, error) {
	out := &ec2.DescribeVpcEndpointServicePermissionsOutput{}
	for _, p := range c.Principals {
		out.AllowedPrincipals = append(out.AllowedPrincipals, types.AllowedPrincipal{Principal: &p})
	}
	return out, nil
}

// ModifyVpcEndpointServicePermissions takes principals away.
func (c *Cloud) ModifyVpcEndpointServicePermissions(_ context.Context, in *ec2.ModifyVpcEndpointServicePermissionsInput, _ ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointServicePermissionsOutput, error) {
	c.Mutate("remove principals %v", in.RemoveAllowedPrincipals)
	c.Principals = nil
	return &ec2.ModifyVpcEndpointServicePermissionsOutput{}, nil
}

// DescribeVpcEndpointConnections tells the connections.
func (c *Cloud) DescribeVpcEndpointConnections(context.Context, *ec2.DescribeVpcEndpointConnectionsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionsOutput, error) {
	out := &ec2.DescribeVpcEndpointConnectionsOutput{}
	for id, state := range c.Connections {
		out.VpcEndpointConnections = append(out.VpcEndpointConnections, types.VpcEndpointConnection{
			VpcEndpointId: &id, ServiceId: aws.String(ServiceID), VpcEndpointState: types.State(state), VpcEndpointOwner: aws.String("133737826969"),
		})
	}
	return out, nil
}

// DescribeFlowLogs tells the flow logs.
func (c *Cloud) DescribeFlowLogs(context.Context, *ec2.DescribeFlowLogsInput, ...func(*ec2.Options)) (*ec2.DescribeFlowLogsOutput, error) {
	out := &ec2.DescribeFlowLogsOutput{}
	for _, id := range c.FlowLogs {
		out.FlowLogs = append(out.FlowLogs, types.FlowLog{FlowLogId: &id, Tags: owned.EC2Tags(owned.Owner{}.ExposureTags(Exposure, Database))})
	}
	return out, nil
}

// DeleteFlowLogs deletes flow logs.
func (c *Cloud) DeleteFlowLogs(_ context.Context, in *ec2.DeleteFlowLogsInput, _ ...func(*ec2.Options)) (*ec2.DeleteFlowLogsOutput, error) {
	c.Mutate("delete flow logs %v", in.FlowLogIds)
	c.FlowLogs = nil
	return &ec2.DeleteFlowLogsOutput{}, nil
}

// RejectVpcEndpointConnections ends connections.
func (c *Cloud) RejectVpcEndpointConnections(_ context.Context, in *ec2.RejectVpcEndpointConnectionsInput, _ ...func(*ec2.Options)) (*ec2.RejectVpcEndpointConnectionsOutput, error) {
	c.Mutate("reject %v", in.VpcEndpointIds)
	if len(c.Principals) > 0 {
		c.Mutate("and the consumer asks again")
	}
	for _, id := range in.VpcEndpointIds {
		if !c.Stubborn {
			c.Connections[id] = "rejected"
		}
	}
	return &ec2.RejectVpcEndpointConnectionsOutput{}, nil
}

// DescribeVpcEndpointConnectionNotifications tells the notifications.
func (c *Cloud) DescribeVpcEndpointConnectionNotifications(context.Context, *ec2.DescribeVpcEndpointConnectionNotificationsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionNotificationsOutput, error) {
	out := &ec2.DescribeVpcEndpointConnectionNotificationsOutput{}
	for _, id := range c.Notifications {
		out.ConnectionNotificationSet = append(out.ConnectionNotificationSet, types.ConnectionNotification{ConnectionNotificationId: &id})
	}
	return out, nil
}

// DeleteVpcEndpointConnectionNotifications deletes notifications.
func (c *Cloud) DeleteVpcEndpointConnectionNotifications(_ context.Context, in *ec2.DeleteVpcEndpointConnectionNotificationsInput, _ ...func(*ec2.Options)) (*ec2.DeleteVpcEndpointConnectionNotificationsOutput, error) {
	c.Mutate("delete notifications %v", in.ConnectionNotificationIds)
	c.Notifications = nil
	return &ec2.DeleteVpcEndpointConnectionNotificationsOutput{}, nil
}

// DeleteVpcEndpointServiceConfigurations refuses while a connection is live.
func (c *Cloud) DeleteVpcEndpointServiceConfigurations(_ context.Context, in *ec2.DeleteVpcEndpointServiceConfigurationsInput, _ ...func(*ec2.Options)) (*ec2.DeleteVpcEndpointServiceConfigurationsOutput, error) {
	c.Mutate("delete services %v", in.ServiceIds)
	c.Service = types.ServiceStateDeleting
	return &ec2.DeleteVpcEndpointServiceConfigurationsOutput{}, nil
}

// DescribeSecurityGroupRules tells the rules that carry the exposure's tag, or have an id.
func (c *Cloud) DescribeSecurityGroupRules(_ context.Context, in *ec2.DescribeSecurityGroupRulesInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	out := &ec2.DescribeSecurityGroupRulesOutput{}
	for _, id := range sorted(c.Rules) {
		tags := owned.Owner{}.RuleTags(Exposure)
		delete(tags, owned.RuleTag(Exposure))
		for _, exposure := range c.Rules[id] {
			tags[owned.RuleTag(exposure)] = owned.RuleServes
		}
		byID := *in.Filters[0].Name == "security-group-rule-id"
		if byID && slices.Contains(in.Filters[0].Values, id) || !byID && slices.Contains(c.Rules[id], Exposure) {
			out.SecurityGroupRules = append(out.SecurityGroupRules, types.SecurityGroupRule{
				SecurityGroupRuleId: &id, GroupId: aws.String("sg-database"), IsEgress: aws.Bool(false), Tags: owned.EC2Tags(tags),
			})
		}
	}
	return out, nil
}

// RevokeSecurityGroupIngress takes rules away.
func (c *Cloud) RevokeSecurityGroupIngress(_ context.Context, in *ec2.RevokeSecurityGroupIngressInput, _ ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	c.Mutate("revoke %v of %s", in.SecurityGroupRuleIds, *in.GroupId)
	delete(c.Rules, in.SecurityGroupRuleIds[0])
	return &ec2.RevokeSecurityGroupIngressOutput{}, nil
}

// RevokeSecurityGroupEgress takes ways out away.
func (c *Cloud) RevokeSecurityGroupEgress(_ context.Context, in *ec2.RevokeSecurityGroupEgressInput, _ ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	c.Mutate("revoke egress %v of %s", in.SecurityGroupRuleIds, *in.GroupId)
	return &ec2.RevokeSecurityGroupEgressOutput{}, nil
}

// CreateTags says by the exposure's tag on a rule that it is being given up.
func (c *Cloud) CreateTags(_ context.Context, in *ec2.CreateTagsInput, _ ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error) {
	c.Mutate("leave %v", in.Resources)
	return &ec2.CreateTagsOutput{}, nil
}

// DeleteTags takes a rule's tag away.
func (c *Cloud) DeleteTags(_ context.Context, in *ec2.DeleteTagsInput, _ ...func(*ec2.Options)) (*ec2.DeleteTagsOutput, error) {
	c.Mutate("untag %v", in.Resources)
	c.Rules[in.Resources[0]] = slices.DeleteFunc(c.Rules[in.Resources[0]], func(e string) bool { return e == Exposure })
	return &ec2.DeleteTagsOutput{}, nil
}

// DescribeSecurityGroups tells groups by their tags, or those whose rules name another.
func (c *Cloud) DescribeSecurityGroups(_ context.Context, in *ec2.DescribeSecurityGroupsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	out := &ec2.DescribeSecurityGroupsOutput{}
	filter := in.Filters[0]
	key, byTag := strings.CutPrefix(*filter.Name, "tag:")
	if !byTag {
		for _, id := range c.Naming {
			out.SecurityGroups = append(out.SecurityGroups, types.SecurityGroup{GroupId: &id})
		}
		return out, nil
	}
	for _, id := range sorted(c.Groups) {
		if c.Groups[id][key] == filter.Values[0] {
			out.SecurityGroups = append(out.SecurityGroups,
				types.SecurityGroup{GroupId: &id, VpcId: aws.String(VPC), Tags: owned.EC2Tags(c.Groups[id])})
		}
	}
	return out, nil
}

// DescribeNetworkInterfaces tells those that carry a group.
func (c *Cloud) DescribeNetworkInterfaces(context.Context, *ec2.DescribeNetworkInterfacesInput, ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	out := &ec2.DescribeNetworkInterfacesOutput{}
	for _, id := range c.Interfaces {
		out.NetworkInterfaces = append(out.NetworkInterfaces, types.NetworkInterface{NetworkInterfaceId: &id})
	}
	return out, nil
}

// DeleteSecurityGroup refuses while something uses the group.
func (c *Cloud) DeleteSecurityGroup(_ context.Context, in *ec2.DeleteSecurityGroupInput, _ ...func(*ec2.Options)) (*ec2.DeleteSecurityGroupOutput, error) {
	if len(c.Interfaces)+len(c.Naming) > 0 {
		return nil, &smithy.GenericAPIError{Code: "DependencyViolation"}
	}
	c.Mutate("delete group %s", *in.GroupId)
	delete(c.Groups, *in.GroupId)
	return &ec2.DeleteSecurityGroupOutput{}, nil
}

// DescribeLoadBalancers is ELB's, as all from here on.
func (c *Cloud) DescribeLoadBalancers(context.Context, *elb.DescribeLoadBalancersInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error) {
	if c.Balancer == nil {
		return nil, &elbtypes.LoadBalancerNotFoundException{}
	}
	return &elb.DescribeLoadBalancersOutput{
		LoadBalancers: []elbtypes.LoadBalancer{{LoadBalancerArn: aws.String(BalancerARN), VpcId: aws.String(VPC)}},
	}, nil
}

// DescribeTargetGroups tells the target group.
func (c *Cloud) DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error) {
	if c.TargetGroup == nil {
		return nil, &elbtypes.TargetGroupNotFoundException{}
	}
	return &elb.DescribeTargetGroupsOutput{
		TargetGroups: []elbtypes.TargetGroup{{TargetGroupArn: aws.String(GroupARN), VpcId: aws.String(VPC)}},
	}, nil
}

// DescribeTags tells tags.
func (c *Cloud) DescribeTags(_ context.Context, in *elb.DescribeTagsInput, _ ...func(*elb.Options)) (*elb.DescribeTagsOutput, error) {
	out := &elb.DescribeTagsOutput{}
	for _, arn := range in.ResourceArns {
		tags := map[string]map[string]string{BalancerARN: c.Balancer, GroupARN: c.TargetGroup}[arn]
		if of, is := c.Listeners[arn]; is {
			tags = of
		}
		out.TagDescriptions = append(out.TagDescriptions, elbtypes.TagDescription{ResourceArn: &arn, Tags: owned.ELBTags(tags)})
	}
	return out, nil
}

// DescribeLoadBalancerAttributes tells whether the load balancer is protected.
func (c *Cloud) DescribeLoadBalancerAttributes(context.Context, *elb.DescribeLoadBalancerAttributesInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancerAttributesOutput, error) {
	value := "false"
	if c.Protected {
		value = "true"
	}
	return &elb.DescribeLoadBalancerAttributesOutput{Attributes: []elbtypes.LoadBalancerAttribute{
		{Key: aws.String("deletion_protection.enabled"), Value: &value},
	}}, nil
}

// ModifyLoadBalancerAttributes lifts the protection.
func (c *Cloud) ModifyLoadBalancerAttributes(_ context.Context, in *elb.ModifyLoadBalancerAttributesInput, _ ...func(*elb.Options)) (*elb.ModifyLoadBalancerAttributesOutput, error) {
	c.Mutate("%s=%s", *in.Attributes[0].Key, *in.Attributes[0].Value)
	c.Protected = false
	return &elb.ModifyLoadBalancerAttributesOutput{}, nil
}

// DescribeListeners tells the listeners.
func (c *Cloud) DescribeListeners(context.Context, *elb.DescribeListenersInput, ...func(*elb.Options)) (*elb.DescribeListenersOutput, error) {
	out := &elb.DescribeListenersOutput{}
	for _, arn := range sorted(c.Listeners) {
		out.Listeners = append(out.Listeners, elbtypes.Listener{ListenerArn: &arn})
	}
	return out, nil
}

// DeleteListener deletes a listener.
func (c *Cloud) DeleteListener(_ context.Context, in *elb.DeleteListenerInput, _ ...func(*elb.Options)) (*elb.DeleteListenerOutput, error) {
	c.Mutate("delete %s", *in.ListenerArn)
	delete(c.Listeners, *in.ListenerArn)
	return &elb.DeleteListenerOutput{}, nil
}

// DeleteLoadBalancer refuses while it is protected, or in front of a service.
func (c *Cloud) DeleteLoadBalancer(_ context.Context, in *elb.DeleteLoadBalancerInput, _ ...func(*elb.Options)) (*elb.DeleteLoadBalancerOutput, error) {
	switch {
	case c.Protected:
		return nil, &elbtypes.OperationNotPermittedException{}
	case c.BalancerInUse:
		return nil, &elbtypes.ResourceInUseException{}
	}
	c.Mutate("delete %s", *in.LoadBalancerArn)
	c.Balancer, c.Listeners = nil, nil
	return &elb.DeleteLoadBalancerOutput{}, nil
}

// DeleteTargetGroup refuses while a load balancer uses it.
func (c *Cloud) DeleteTargetGroup(_ context.Context, in *elb.DeleteTargetGroupInput, _ ...func(*elb.Options)) (*elb.DeleteTargetGroupOutput, error) {
	if len(c.Listeners) > 0 {
		return nil, &elbtypes.ResourceInUseException{}
	}
	c.Mutate("delete %s", *in.TargetGroupArn)
	c.TargetGroup = nil
	return &elb.DeleteTargetGroupOutput{}, nil
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
