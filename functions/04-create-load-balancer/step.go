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
	"github.com/rdslink/rdslink/internal/link"
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

	// Of a link, instead of one database, listener and target group.
	Databases  []link.Database    `json:"databases"`
	Bindings   []registry.Binding `json:"bindings"`
	NotListed  []link.Kept        `json:"notListed"` // what else the load balancer serves
	FlowLogs   bool               `json:"flowLogs"`
	FlowLogIDs []string           `json:"flowLogIds"` // that the exposure has
}

// Output is what later steps need: of a link the listeners of its databases, in their order.
type Output struct {
	LoadBalancerARN string          `json:"loadBalancerArn"`
	ListenerARN     string          `json:"listenerArn"`
	SecurityGroupID string          `json:"securityGroupId"`
	SubnetIDs       []string        `json:"subnetIds"`      // where the load balancer is
	ZoneIDsLeftOut  []string        `json:"zoneIdsLeftOut"` // where the plan has it, and ELB does not take it
	Listeners       []link.Listener `json:"listeners"`
}

// each is the input as it would be for each of a link's databases by itself.
func (in Input) each() ([]Input, error) {
	if len(in.Databases) == 0 {
		return []Input{in}, nil
	}
	var all []Input
	for _, d := range in.Databases {
		i := slices.IndexFunc(in.Bindings, func(b registry.Binding) bool { return b.Exposure == d.Exposure })
		if i < 0 {
			return nil, outcome.Failed("step 3 has no target group of exposure %s: start again with the same input", d.Exposure)
		}
		one := in
		one.Exposure, one.DatabaseARN, one.Port, one.ListenerPort = d.Exposure, d.DatabaseARN, d.Port, d.ListenerPort
		one.TargetGroupARN = in.Bindings[i].TargetGroupARN
		all = append(all, one)
	}
	return all, nil
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
	flows      flowLogAPI
	logs       logPlace
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
	out := Output{LoadBalancerARN: *balancer.LoadBalancerArn, SecurityGroupID: group, SubnetIDs: placed.subnetIDs,
		ZoneIDsLeftOut: placed.leftOut, Listeners: []link.Listener{}}
	all, err := in.each()
	if err != nil {
		return Output{}, err
	}
	for _, one := range all {
		if err := s.listen(ctx, one, listeners, &out); err != nil {
			return Output{}, err
		}
	}
	if len(in.Databases) == 0 {
		out.ListenerARN, out.Listeners = out.Listeners[0].ListenerARN, []link.Listener{}
	}
	flowLogs, err := s.recordFlows(ctx, in, *balancer.LoadBalancerArn, len(placed.subnetIDs))
	if err != nil {
		return Output{}, err
	}
	return out, s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) {
		m.LoadBalancerARN, m.LoadBalancerSecurityGroupID = out.LoadBalancerARN, out.SecurityGroupID
		m.LoadBalancerSubnetIDs, m.FlowLogIDs = slices.Sorted(slices.Values(out.SubnetIDs)), flowLogs
		if len(in.Databases) == 0 {
			m.ListenerARN, m.ListenerPort = out.ListenerARN, in.ListenerPort
		}
	})
}

// listen sees to the listener of one exposure. That of a link's is recorded as soon as it is there: its port is what
// consumers configure.
func (s createLoadBalancer) listen(ctx context.Context, in Input, all listeners, out *Output) error {
	arn, err := s.listener(ctx, in, out.LoadBalancerARN, all.of(in.Exposure))
	if err != nil {
		return err
	}
	out.Listeners = append(out.Listeners, link.Listener{Exposure: in.Exposure, ListenerARN: arn})
	if len(in.Databases) == 0 {
		return nil
	}
	return s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) { m.ListenerARN, m.ListenerPort = arn, in.ListenerPort })
}

// group lets out and in for all that the load balancer serves, also what the list of a link's databases names no more.
func (s createLoadBalancer) group(in Input) securitygroup.Group {
	ways := []registry.Way{}
	for _, d := range in.Databases {
		ways = append(ways, registry.Way{ListenerPort: d.ListenerPort, Port: d.Port})
	}
	for _, kept := range in.NotListed {
		ways = append(ways, registry.Way{ListenerPort: kept.ListenerPort, Port: kept.Port})
	}
	if len(in.Databases) == 0 {
		ways = []registry.Way{{ListenerPort: in.ListenerPort, Port: in.Port}}
	}
	return wanted.Balancer{
		Owner: s.owner, Exposure: in.Exposure, DatabaseARN: in.DatabaseARN, VPCID: in.VPCID, VPCCIDRs: in.VPCCIDRs, Ways: ways,
		ResolverGroup: in.ResolverSecurityGroupID,
	}.Group()
}

// loadBalancer finds or creates the load balancer, in the subnets of the plan as far as ELB lets it.
// With it come its listeners.
func (s createLoadBalancer) loadBalancer(ctx context.Context, in Input, group string) (types.LoadBalancer, placement, listeners, error) {
	var none listeners
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
	found, tags, err := s.describeListeners(ctx, arn)
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
	all, err := in.each()
	if err != nil {
		return listeners{}, err
	}
	bare := []string{arn}
	for _, one := range all {
		own := found.of(one.Exposure).arns()
		if one.Exposure == in.Exposure {
			bare = append(bare, own...)
			continue
		}
		if err := owned.RetagELB(ctx, s.balancers, own, tags, s.owner.ExposureTags(one.Exposure, one.DatabaseARN)); err != nil {
			return listeners{}, err
		}
	}
	return found, owned.RetagELB(ctx, s.balancers, bare, tags, s.owner.ExposureTags(in.Exposure, in.DatabaseARN))
}

// correct describes first: what was just made ELB may not know yet, nor IAM its tags, by which a change is judged.
func (s createLoadBalancer) correct(ctx context.Context, balancer types.LoadBalancer, group string) error {
	if err := s.setAttributes(ctx, *balancer.LoadBalancerArn); err != nil {
		return err
	}
	return s.admitPrivateLink(ctx, balancer, group)
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
