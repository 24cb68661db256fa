// Package belongings finds what belongs to one exposure by the names and tags that its steps gave it: whatever execution
// made it, and whether or not the registry knows of it.
package belongings

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
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/flowlog"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/securitygroup"
)

// A Thing is one resource.
type Thing struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

func (t Thing) String() string { return t.Kind + " " + t.ID }

// Left is a thing that stays, and why.
type Left struct {
	Thing
	Why string `json:"why"`
}

// The kinds of things.
const (
	Schedule      = "schedule"
	Service       = "endpoint service"
	Connection    = "connection"
	Notification  = "connection notification"
	TXTRecord     = "TXT record"
	FlowLog       = "flow log"
	LoadBalancer  = "load balancer"
	TargetGroup   = "target group"
	SecurityGroup = "security group"
	Rule          = "security group rule"
	Resolver      = "resolver"
	Subscription  = "subscription"
	Item          = "registry item"
)

// NetworkAPI is what EC2 has to answer.
type NetworkAPI interface {
	connection.API
	ingress.API
	flowlog.API
	DescribeVpcEndpointServiceConfigurations(context.Context, *ec2.DescribeVpcEndpointServiceConfigurationsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServiceConfigurationsOutput, error)
	DescribeVpcEndpointConnectionNotifications(context.Context, *ec2.DescribeVpcEndpointConnectionNotificationsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionNotificationsOutput, error)
	DescribeSecurityGroups(context.Context, *ec2.DescribeSecurityGroupsInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error)
}

// BalancingAPI is what ELB has to answer.
type BalancingAPI interface {
	DescribeLoadBalancers(context.Context, *elb.DescribeLoadBalancersInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error)
	DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error)
	owned.ELBTagsAPI
}

// ScheduleAPI is what EventBridge Scheduler has to answer.
type ScheduleAPI interface {
	GetSchedule(context.Context, *scheduler.GetScheduleInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error)
}

// Cloud is where an owner's exposures have their belongings.
type Cloud struct {
	Owner     owned.Owner
	Network   NetworkAPI
	Balancing BalancingAPI
	Schedules ScheduleAPI
}

// Found is all that belongs to an exposure, but for what it shares with others.
type Found struct {
	Things      []Thing
	Live        []connection.Connection
	VPCID       string // of what lies in one
	DatabaseARN string // as tags say
}

// All finds everything.
func (c Cloud) All(ctx context.Context, id string) (found Found, err error) {
	add := func(kind string, ids ...string) {
		for _, id := range ids {
			found.Things = append(found.Things, Thing{kind, id})
		}
	}
	note := func(vpcID string, tags map[string]string) {
		found.VPCID, found.DatabaseARN = orElse(found.VPCID, vpcID), orElse(found.DatabaseARN, tags[owned.DatabaseTag])
	}
	there, err := c.HasSchedule(ctx, id)
	if err != nil {
		return found, err
	}
	if there {
		add(Schedule, id)
	}
	if err := c.services(ctx, id, &found, add, note); err != nil {
		return found, err
	}
	flowLogs, err := c.FlowLogs(ctx, id)
	if err != nil {
		return found, err
	}
	add(FlowLog, flowLogs...)
	balancer, tags, err := c.LoadBalancer(ctx, id)
	if err != nil {
		return found, err
	}
	if balancer != nil && c.Owner.Has(tags, id) {
		add(LoadBalancer, aws.ToString(balancer.LoadBalancerArn))
		note(aws.ToString(balancer.VpcId), tags)
	}
	group, tags, err := c.TargetGroup(ctx, id)
	if err != nil {
		return found, err
	}
	if group != nil && c.Owner.Has(tags, id) {
		add(TargetGroup, aws.ToString(group.TargetGroupArn))
		note(aws.ToString(group.VpcId), tags)
	}
	rules, err := c.Rules(ctx, id)
	if err != nil {
		return found, err
	}
	for _, r := range rules {
		add(Rule, aws.ToString(r.SecurityGroupRuleId))
	}
	groups, err := c.SecurityGroups(ctx, id)
	if err != nil {
		return found, err
	}
	for _, g := range groups {
		add(SecurityGroup, aws.ToString(g.GroupId))
		note(aws.ToString(g.VpcId), owned.FromEC2(g.Tags))
	}
	return found, nil
}

// With is what a removal goes through: the exposures of a link, and it last; what is no link alone.
func With(id string, members []string) []string { return append(slices.Clone(members), id) }

// Each is All of several.
func (c Cloud) Each(ctx context.Context, ids []string) (found Found, err error) {
	for _, id := range ids {
		one, err := c.All(ctx, id)
		if err != nil {
			return found, err
		}
		found.Things, found.Live = append(found.Things, one.Things...), append(found.Live, one.Live...)
		found.VPCID, found.DatabaseARN = orElse(found.VPCID, one.VPCID), one.DatabaseARN
	}
	return found, nil
}

// Proven adds the TXT record that proves the service's private DNS name, where a set-up made one: it carries no tags, and
// only the item of whose service that is tells of it. It is the last of what gives access.
func (f *Found) Proven(e registry.Exposure) {
	if e.OnLink() || e.PrivateName == nil || e.PrivateName.ZoneID == "" {
		return
	}
	at := 0
	for i, t := range f.Things {
		if slices.Contains([]string{Schedule, Connection, Notification, Service}, t.Kind) {
			at = i + 1
		}
	}
	f.Things = slices.Insert(f.Things, at, Thing{TXTRecord, e.PrivateName.Record})
}

// Live are the connections to an exposure's or a link's services that are not over.
func (c Cloud) Live(ctx context.Context, id string) (live []connection.Connection, err error) {
	services, err := c.Services(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, service := range services {
		all, err := connection.To(ctx, c.Network, aws.ToString(service.ServiceId))
		if err != nil {
			return nil, err
		}
		live = append(live, slices.DeleteFunc(all, func(one connection.Connection) bool { return !one.Live() })...)
	}
	return live, nil
}

func (c Cloud) services(
	ctx context.Context, id string, found *Found, add func(kind string, ids ...string), note func(vpcID string, tags map[string]string),
) error {
	services, err := c.Services(ctx, id)
	if err != nil {
		return err
	}
	for _, s := range services {
		serviceID := aws.ToString(s.ServiceId)
		connections, err := connection.To(ctx, c.Network, serviceID)
		if err != nil {
			return err
		}
		for _, one := range connections {
			if one.Live() {
				add(Connection, one.VPCEndpointID)
				found.Live = append(found.Live, one)
			}
		}
		notifications, err := c.Notifications(ctx, serviceID)
		if err != nil {
			return err
		}
		add(Notification, notifications...)
		add(Service, serviceID)
		note("", owned.FromEC2(s.Tags))
	}
	return nil
}

func orElse(known, other string) string {
	if known != "" {
		return known
	}
	return other
}

// HasSchedule says whether the exposure has a schedule.
func (c Cloud) HasSchedule(ctx context.Context, id string) (bool, error) {
	group := c.Owner.Name.ScheduleGroup()
	_, err := c.Schedules.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &id, GroupName: &group})
	if _, missing := errors.AsType[*schedulertypes.ResourceNotFoundException](err); missing {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("get schedule %s: %w", id, err)
	}
	return true, nil
}

// Services are the exposure's endpoint services, one that is being deleted included.
func (c Cloud) Services(ctx context.Context, id string) (all []ec2types.ServiceConfiguration, err error) {
	pages := ec2.NewDescribeVpcEndpointServiceConfigurationsPaginator(c.Network, &ec2.DescribeVpcEndpointServiceConfigurationsInput{
		Filters: c.tagged(owned.ExposureTag, id),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe endpoint services of exposure %s: %w", id, err)
		}
		for _, s := range page.ServiceConfigurations {
			if c.Owner.Has(owned.FromEC2(s.Tags), id) && !strings.EqualFold(string(s.ServiceState), string(ec2types.ServiceStateDeleted)) {
				all = append(all, s)
			}
		}
	}
	return all, nil
}

// Notifications are the ids of a service's connection notifications.
func (c Cloud) Notifications(ctx context.Context, serviceID string) (ids []string, err error) {
	pages := ec2.NewDescribeVpcEndpointConnectionNotificationsPaginator(c.Network, &ec2.DescribeVpcEndpointConnectionNotificationsInput{
		Filters: []ec2types.Filter{{Name: aws.String("service-id"), Values: []string{serviceID}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe connection notifications of endpoint service %s: %w", serviceID, err)
		}
		for _, n := range page.ConnectionNotificationSet {
			ids = append(ids, aws.ToString(n.ConnectionNotificationId))
		}
	}
	return ids, nil
}

// FlowLogs are the ids of the flow logs of the load balancer's nodes.
func (c Cloud) FlowLogs(ctx context.Context, id string) (ids []string, err error) {
	found, err := flowlog.Of(ctx, c.Network, c.Owner, id)
	for _, l := range found {
		ids = append(ids, aws.ToString(l.FlowLogId))
	}
	return ids, err
}

// LoadBalancer is the load balancer that has the exposure's name, and its tags: it need not be ours.
func (c Cloud) LoadBalancer(ctx context.Context, id string) (*elbtypes.LoadBalancer, map[string]string, error) {
	out, err := c.Balancing.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{id}})
	if _, missing := errors.AsType[*elbtypes.LoadBalancerNotFoundException](err); missing || err == nil && len(out.LoadBalancers) == 0 {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("describe load balancer %s: %w", id, err)
	}
	tags, err := c.tags(ctx, aws.ToString(out.LoadBalancers[0].LoadBalancerArn))
	return &out.LoadBalancers[0], tags, err
}

// TargetGroup is the target group that has the exposure's name, and its tags: it need not be ours.
func (c Cloud) TargetGroup(ctx context.Context, id string) (*elbtypes.TargetGroup, map[string]string, error) {
	out, err := c.Balancing.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Names: []string{id}})
	if _, missing := errors.AsType[*elbtypes.TargetGroupNotFoundException](err); missing || err == nil && len(out.TargetGroups) == 0 {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("describe target group %s: %w", id, err)
	}
	tags, err := c.tags(ctx, aws.ToString(out.TargetGroups[0].TargetGroupArn))
	return &out.TargetGroups[0], tags, err
}

// tags are those of what may be gone since it was described.
func (c Cloud) tags(ctx context.Context, arn string) (map[string]string, error) {
	all, err := owned.ELBTagsOf(ctx, c.Balancing, []string{arn})
	return all[arn], err
}

// Rules are the rules of ours that serve the exposure, in whichever groups they are.
func (c Cloud) Rules(ctx context.Context, id string) ([]ec2types.SecurityGroupRule, error) {
	rules, err := ingress.Tagged(ctx, c.Network, id)
	need := ingress.Need{Owner: c.Owner, Exposure: id}
	return slices.DeleteFunc(rules, func(r ec2types.SecurityGroupRule) bool { return !need.Serves(r) }), err
}

// SecurityGroups are the load balancer's, one usually.
func (c Cloud) SecurityGroups(ctx context.Context, id string) ([]ec2types.SecurityGroup, error) {
	return c.groups(ctx, owned.ExposureTag, id)
}

// ResolverGroups are those of a VPC's resolver, one usually.
func (c Cloud) ResolverGroups(ctx context.Context, vpcID string) ([]ec2types.SecurityGroup, error) {
	return c.groups(ctx, owned.VPCTag, vpcID)
}

func (c Cloud) groups(ctx context.Context, tag, value string) (all []ec2types.SecurityGroup, err error) {
	pages := ec2.NewDescribeSecurityGroupsPaginator(c.Network, &ec2.DescribeSecurityGroupsInput{Filters: c.tagged(tag, value)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe security groups of %s: %w", value, err)
		}
		for _, g := range page.SecurityGroups {
			if tags := owned.FromEC2(g.Tags); c.Owner.Manages(tags) && tags[tag] == value {
				all = append(all, g)
			}
		}
	}
	return all, nil
}

// DeleteGroups deletes security groups, and tells which of them stay, and why.
func DeleteGroups(ctx context.Context, api securitygroup.DeleteAPI, groups []ec2types.SecurityGroup) (left []Left, err error) {
	for _, group := range groups {
		id := aws.ToString(group.GroupId)
		why, err := securitygroup.Delete(ctx, api, id)
		if err != nil {
			return left, err
		}
		if why != "" {
			left = append(left, Left{Thing{SecurityGroup, id}, why})
		}
	}
	return left, nil
}

func (c Cloud) tagged(tag, value string) []ec2types.Filter {
	return []ec2types.Filter{{Name: aws.String("tag:" + tag), Values: []string{value}}}
}
