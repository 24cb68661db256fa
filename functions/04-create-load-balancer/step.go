package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/securitygroup"
	"github.com/rdslink/rdslink/internal/wanted"
)

// Input is what the state machine passes.
type Input struct {
	Execution             string   `json:"execution"`
	Exposure              string   `json:"exposure"`
	DatabaseARN           string   `json:"databaseArn"`
	VPCID                 string   `json:"vpcId"`
	VPCCIDRs              []string `json:"vpcCidrs"`
	SubnetIDs             []string `json:"subnetIds"`
	DatabaseZoneSubnetIDs []string `json:"databaseZoneSubnetIds"`
	VendorZoneSubnetIDs   []string `json:"vendorZoneSubnetIds"`
	SupportedRegions      []string `json:"supportedRegions"`
	Port                  int32    `json:"port"`
	ListenerPort          int32    `json:"listenerPort"`
	TargetGroupARN        string   `json:"targetGroupArn"`

	ResolverSecurityGroupID string `json:"resolverSecurityGroupId"`
}

// Output is what later steps need.
type Output struct {
	LoadBalancerARN string   `json:"loadBalancerArn"`
	ListenerARN     string   `json:"listenerArn"`
	SecurityGroupID string   `json:"securityGroupId"`
	SubnetIDs       []string `json:"subnetIds"`      // where the load balancer is
	ZoneIDsLeftOut  []string `json:"zoneIdsLeftOut"` // where the plan has it, and ELB does not take it
}

type balancerAPI interface {
	owned.ELBTagAPI
	DescribeLoadBalancers(context.Context, *elb.DescribeLoadBalancersInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error)
	CreateLoadBalancer(context.Context, *elb.CreateLoadBalancerInput, ...func(*elb.Options)) (*elb.CreateLoadBalancerOutput, error)
	SetSubnets(context.Context, *elb.SetSubnetsInput, ...func(*elb.Options)) (*elb.SetSubnetsOutput, error)
	SetSecurityGroups(context.Context, *elb.SetSecurityGroupsInput, ...func(*elb.Options)) (*elb.SetSecurityGroupsOutput, error)
}

type attributeAPI interface {
	DescribeLoadBalancerAttributes(context.Context, *elb.DescribeLoadBalancerAttributesInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancerAttributesOutput, error)
	ModifyLoadBalancerAttributes(context.Context, *elb.ModifyLoadBalancerAttributesInput, ...func(*elb.Options)) (*elb.ModifyLoadBalancerAttributesOutput, error)
}

type listenerAPI interface {
	DescribeListeners(context.Context, *elb.DescribeListenersInput, ...func(*elb.Options)) (*elb.DescribeListenersOutput, error)
	CreateListener(context.Context, *elb.CreateListenerInput, ...func(*elb.Options)) (*elb.CreateListenerOutput, error)
	ModifyListener(context.Context, *elb.ModifyListenerInput, ...func(*elb.Options)) (*elb.ModifyListenerOutput, error)
}

type subnetAPI interface {
	DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
}

type recorder interface {
	Record(ctx context.Context, id, execution string, made func(*registry.Made)) error
}

type createLoadBalancer struct {
	groups     securitygroup.API
	subnets    subnetAPI
	balancers  balancerAPI
	attributes attributeAPI
	listeners  listenerAPI
	registry   recorder
	owner      owned.Owner
}

func (s createLoadBalancer) run(ctx context.Context, in Input) (Output, error) {
	// The group comes first: a load balancer born without one can never get one
	// (load-balancer-security-groups in the NLB guide).
	group, err := securitygroup.Ensure(ctx, s.groups, s.group(in))
	if err != nil {
		return Output{}, err
	}
	balancer, placed, listeners, err := s.loadBalancer(ctx, in, group)
	if err != nil {
		return Output{}, err
	}
	if err := s.correct(ctx, balancer, group); err != nil {
		return Output{}, err
	}
	listener, err := s.listener(ctx, in, *balancer.LoadBalancerArn, listeners)
	if err != nil {
		return Output{}, err
	}
	out := Output{*balancer.LoadBalancerArn, listener, group, placed.subnetIDs, placed.leftOut}
	return out, s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) {
		m.LoadBalancerARN, m.LoadBalancerSecurityGroupID, m.ListenerARN = out.LoadBalancerARN, out.SecurityGroupID, out.ListenerARN
		m.ListenerPort, m.LoadBalancerSubnetIDs = in.ListenerPort, slices.Sorted(slices.Values(out.SubnetIDs))
	})
}

func (s createLoadBalancer) group(in Input) securitygroup.Group {
	return wanted.Balancer{
		Owner: s.owner, Exposure: in.Exposure, DatabaseARN: in.DatabaseARN, VPCID: in.VPCID, VPCCIDRs: in.VPCCIDRs, Port: in.Port,
		ListenerPort: in.ListenerPort, ResolverGroup: in.ResolverSecurityGroupID,
	}.Group()
}

// loadBalancer finds or creates the load balancer, in the subnets of the plan as far as ELB lets it.
// With it come its listeners.
func (s createLoadBalancer) loadBalancer(ctx context.Context, in Input, group string) (types.LoadBalancer, placement, listeners, error) {
	none := listeners{}
	balancer, found, err := s.find(ctx, in.Exposure)
	if err != nil {
		return types.LoadBalancer{}, placement{}, none, err
	}
	if !found {
		made, placed, err := s.create(ctx, in, group)
		return made, placed, none, err
	}
	all, err := s.verify(ctx, in, balancer)
	if err != nil {
		return types.LoadBalancer{}, placement{}, none, err
	}
	placed, err := s.addSubnets(ctx, in, balancer)
	return balancer, placed, all, err
}

func (s createLoadBalancer) find(ctx context.Context, name string) (types.LoadBalancer, bool, error) {
	out, err := s.balancers.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{name}})
	if _, missing := errors.AsType[*types.LoadBalancerNotFoundException](err); missing {
		return types.LoadBalancer{}, false, nil
	}
	if err != nil {
		return types.LoadBalancer{}, false, fmt.Errorf("describe load balancer %s: %w", name, err)
	}
	if len(out.LoadBalancers) == 0 {
		return types.LoadBalancer{}, false, nil
	}
	return out.LoadBalancers[0], true, nil
}

func (s createLoadBalancer) create(ctx context.Context, in Input, group string) (made types.LoadBalancer, _ placement, _ error) {
	placed, err := s.place(ctx, in, nil, in.SubnetIDs, func(subnets []string) error {
		slog.InfoContext(ctx, "create load balancer", "name", in.Exposure, "subnetIds", subnets)
		out, err := s.balancers.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
			Name:           &in.Exposure,
			Type:           types.LoadBalancerTypeEnumNetwork,
			Scheme:         types.LoadBalancerSchemeEnumInternal,
			IpAddressType:  types.IpAddressTypeIpv4,
			Subnets:        subnets,
			SecurityGroups: []string{group},
			Tags:           owned.ELBTags(s.owner.ExposureTags(in.Exposure, in.DatabaseARN)),
		})
		if err != nil {
			return fmt.Errorf("create load balancer %s: %w", in.Exposure, outcome.Unseen(err))
		}
		made = out.LoadBalancers[0]
		slog.InfoContext(ctx, "created load balancer", "loadBalancerArn", *made.LoadBalancerArn)
		return nil
	})
	return made, placed, err
}

// verify decides whether what carries our name may be adopted, and puts tags on it and its listener that they lack.
func (s createLoadBalancer) verify(ctx context.Context, in Input, balancer types.LoadBalancer) (listeners, error) {
	arn := *balancer.LoadBalancerArn
	found, tags, err := s.describeListeners(ctx, in, arn)
	if err != nil {
		return listeners{}, err
	}
	if !s.owner.Has(tags[arn], in.Exposure) {
		return listeners{}, owned.Stranger("load balancer "+arn, tags[arn])
	}
	if balancer.Type != types.LoadBalancerTypeEnumNetwork || balancer.Scheme != types.LoadBalancerSchemeEnumInternal ||
		aws.ToString(balancer.VpcId) != in.VPCID {
		return listeners{}, outcome.Conflict("load balancer %s is %s %s in %s, and should be internal network in %s: "+
			"tear the exposure down first (docs/removing.md), then start again",
			arn, balancer.Scheme, balancer.Type, aws.ToString(balancer.VpcId), in.VPCID)
	}
	if balancer.State != nil && balancer.State.Code == types.LoadBalancerStateEnumFailed {
		return listeners{}, outcome.Failed("load balancer %s failed: %s; delete it and start again", arn, aws.ToString(balancer.State.Reason))
	}
	return found, owned.RetagELB(ctx, s.balancers, append(found.arns(), arn), tags, s.owner.ExposureTags(in.Exposure, in.DatabaseARN))
}

func (s createLoadBalancer) correct(ctx context.Context, balancer types.LoadBalancer, group string) error {
	if err := s.admitPrivateLink(ctx, balancer, group); err != nil {
		return err
	}
	return s.setAttributes(ctx, *balancer.LoadBalancerArn)
}

// admitPrivateLink turns inbound enforcement off. With it on, which is AWS's default, the group's inbound rules are held
// against the consumer's own addresses, which nobody here knows. CreateLoadBalancer has no parameter for it.
func (s createLoadBalancer) admitPrivateLink(ctx context.Context, balancer types.LoadBalancer, group string) error {
	off := types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOff
	enforced := aws.ToString(balancer.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic)
	if enforced == string(off) && slices.Equal(balancer.SecurityGroups, []string{group}) {
		return nil
	}
	slog.InfoContext(ctx, "set security groups", "loadBalancerArn", *balancer.LoadBalancerArn, "securityGroupId", group, "enforce", off)
	_, err := s.balancers.SetSecurityGroups(ctx, &elb.SetSecurityGroupsInput{
		LoadBalancerArn: balancer.LoadBalancerArn,
		SecurityGroups:  []string{group},
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: off,
	})
	if err != nil {
		return fmt.Errorf("set security groups of load balancer %s: %w", *balancer.LoadBalancerArn, outcome.Unseen(err))
	}
	return nil
}

func (s createLoadBalancer) setAttributes(ctx context.Context, arn string) error {
	out, err := s.attributes.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &arn})
	if err != nil {
		return fmt.Errorf("describe attributes of load balancer %s: %w", arn, outcome.Unseen(err))
	}
	change := drift.Attributes(wanted.LoadBalancerAttributes, out.Attributes)
	if len(change) == 0 {
		return nil
	}
	slog.InfoContext(ctx, "modify load balancer attributes", "loadBalancerArn", arn, "attributes", change)
	_, err = s.attributes.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &arn, Attributes: change})
	if err != nil {
		return fmt.Errorf("modify attributes of load balancer %s: %w", arn, outcome.Unseen(err))
	}
	return nil
}
