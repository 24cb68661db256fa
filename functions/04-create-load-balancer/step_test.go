package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/securitygroup/securitygrouptest"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/steptest"
)

const (
	exposure    = "orders-acme-00000000"
	database    = "arn:aws:rds:eu-central-1:111122223333:db:orders"
	balancerARN = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/orders-acme-00000000/1"
	targetGroup = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/orders-acme-00000000/1"
)

type row = steptest.Row[*cloud, Input, Output]

func input() Input {
	return Input{
		Execution: "execution", Exposure: exposure, DatabaseARN: database, VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16"},
		SubnetIDs: []string{"subnet-a", "subnet-b"}, Port: 5432, ListenerPort: 5432, TargetGroupARN: targetGroup,
		ResolverSecurityGroupID: "sg-resolver",
	}
}

func TestRun(t *testing.T) {
	everything := []string{
		"CreateSecurityGroup rdslink-orders-acme-00000000",
		"AuthorizeSecurityGroupEgress sg-1 tcp 5432-5432 10.0.0.0/16",
		"RevokeSecurityGroupEgress sg-1 -1 -1--1 0.0.0.0/0",
		"AuthorizeSecurityGroupIngress sg-1 tcp 5432-5432 sg-resolver",
		"CreateLoadBalancer orders-acme-00000000 network internal subnet-a subnet-b sg-1",
		"ModifyLoadBalancerAttributes deletion_protection.enabled=true load_balancing.cross_zone.enabled=true",
		"SetSecurityGroups sg-1 off",
		"CreateListener TCP 5432 " + targetGroup,
		"Record",
	}
	steptest.Step[*cloud, Input, Output]{
		Cloud: newCloud,
		In:    input,
		Run:   func(c *cloud) step.Run[Input, Output] { return c.step().run },
		Output: func(c *cloud, _ Input) Output {
			return Output{balancerARN, *c.listenerARN(), "sg-1", c.subnets(), []string{}, []link.Listener{}}
		},
	}.Play(t, map[string]row{
		"the first run makes everything": {Want: everything},
		"a lost claim ends the step": {
			Drift: func(c *cloud) { c.Lost = outcome.Conflict("claim lost") }, Want: everything, Err: "Conflict",
		},
		"without a resolver nobody is let in": {
			In:   func(in *Input) { in.ResolverSecurityGroupID = "" },
			Want: slices.DeleteFunc(slices.Clone(everything), func(m string) bool { return strings.Contains(m, "Ingress") }),
		},
		"a rule by hand goes, and the resolver's follows the listener": {
			Again: true, Drift: func(c *cloud) { c.AddIngress("sg-1", 22, "", nil) }, In: func(in *Input) { in.ListenerPort = 6432 },
			Want: []string{"AuthorizeSecurityGroupIngress sg-1 tcp 6432-6432 sg-resolver", "RevokeSecurityGroupIngress sg-1 5432-5432", "RevokeSecurityGroupIngress sg-1 22-22",
				"ModifyListener TCP 6432 " + targetGroup, "Record"},
		},
		"a load balancer of someone else is a conflict": {
			Again: true, Drift: func(c *cloud) { c.tags = owned.ELBTags(map[string]string{"team": "data"}) }, Err: "Conflict",
		},
		"a load balancer that shows no tags yet may be ours": {
			Again: true, Drift: func(c *cloud) { c.tags = nil }, Err: "NotReady",
		},
		"a load balancer of another exposure is a conflict": {
			Again: true, Drift: func(c *cloud) { c.tags = owned.ELBTags(owned.Owner{}.ExposureTags("another", database)) }, Err: "Conflict",
		},
		"a load balancer that faces the internet is a conflict": {
			Again: true, Drift: func(c *cloud) { c.balancer.Scheme = types.LoadBalancerSchemeEnumInternetFacing }, Err: "Conflict",
		},
		"a load balancer in the VPC that the database left is a conflict": {
			Again: true, Drift: func(c *cloud) { c.balancer.VpcId = aws.String("vpc-2") }, Err: "Conflict",
		},
		"a load balancer that failed is told": {
			Again: true, Drift: func(c *cloud) { c.balancer.State.Code = types.LoadBalancerStateEnumFailed }, Err: "Failed",
		},
		"a subnet in a new AZ is added to those that are there": {
			Again: true, In: func(in *Input) { in.SubnetIDs = []string{"subnet-a", "subnet-b", "subnet-c"} },
			Want: []string{"SetSubnets subnet-a subnet-b subnet-c", "Record"},
		},
		"another subnet of an AZ that is served is left out": {
			Again: true, In: func(in *Input) { in.SubnetIDs = []string{"subnet-a2", "subnet-b"} },
		},
		"what ELB does not know yet is not changed": {
			Drift: func(c *cloud) { c.lag = true }, Want: everything[:5], Err: "NotReady",
		},
		"inbound enforcement that was turned on is turned off": {
			Again: true, Drift: func(c *cloud) { c.balancer.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic = aws.String("on") },
			Want: []string{"SetSecurityGroups sg-1 off"},
		},
		"an attribute that was changed is changed back, alone": {
			Again: true, Drift: func(c *cloud) { c.attributes["load_balancing.cross_zone.enabled"] = "false" },
			Want: []string{"ModifyLoadBalancerAttributes load_balancing.cross_zone.enabled=true"},
		},
		"a new listener port moves the listener": {
			Again: true, In: func(in *Input) { in.ListenerPort = 6432 },
			Want: []string{"AuthorizeSecurityGroupIngress sg-1 tcp 6432-6432 sg-resolver", "RevokeSecurityGroupIngress sg-1 5432-5432",
				"ModifyListener TCP 6432 " + targetGroup, "Record"},
		},
		"a listener without the target group gets it": {
			Again: true, Drift: func(c *cloud) { c.listener.DefaultActions = forwardTo("other") },
			Want: []string{"ModifyListener TCP 5432 " + targetGroup},
		},
		"a listener that was deleted is made again": {
			Again: true, Drift: func(c *cloud) { c.listener = nil },
			Want: []string{"CreateListener TCP 5432 " + targetGroup, "Record"},
		},
		"somebody else's listener is not touched": {
			Again: true, Drift: func(c *cloud) { c.strange(9999) },
		},
		"nor where ours moves": {
			Again: true, Drift: func(c *cloud) { c.strange(9999) }, In: func(in *Input) { in.ListenerPort = 6432 },
			Want: []string{"AuthorizeSecurityGroupIngress sg-1 tcp 6432-6432 sg-resolver", "RevokeSecurityGroupIngress sg-1 5432-5432",
				"ModifyListener TCP 6432 " + targetGroup, "Record"},
		},
		"nor where ours is gone": {
			Again: true, Drift: func(c *cloud) { c.strange(9999); c.listener = nil },
			Want: []string{"CreateListener TCP 5432 " + targetGroup, "Record"},
		},
		"in the place of ours it is in the way": {
			Again: true, Drift: func(c *cloud) { c.strange(5432); c.listener = nil }, Err: "Conflict",
			Says: "listener " + strangersListener + " has port 5432 of the exposure's load balancer and does not carry our tags: delete it",
		},
		"on the port that ours should move to as well": {
			Again: true, Drift: func(c *cloud) { c.strange(5432); c.listener.Port = aws.Int32(5433) }, Err: "Conflict", Says: "aws elbv2 delete-listener",
		},
		"a listener that appears meanwhile is looked at again": {
			Again: true, Drift: func(c *cloud) { c.racing = true; c.listener = nil }, Err: "NotReady",
		},
		"a describe that does not know the new load balancer yet is asked again": {
			Again: true, Drift: func(c *cloud) { c.lag = true }, Err: "NotReady",
		},
		"a group that ELB does not know yet is waited for": {
			Drift: func(c *cloud) { c.strangers = true }, Want: everything[:4], Err: "NotReady", Says: "InvalidSecurityGroup",
		},
		"also where the load balancer is there": {
			Again: true, Drift: func(c *cloud) { c.balancer.SecurityGroups, c.strangers = []string{"sg-0"}, true }, Err: "NotReady",
		},
		"subnets that others have filled since step 1": {
			Drift: func(c *cloud) { c.full = "subnet-b" }, Want: everything[:4], Err: "BadInput", Says: "8 free addresses",
		},
		"a further subnet that is full": {
			Again: true, Drift: func(c *cloud) { c.full = "subnet-c" },
			In: func(in *Input) { in.SubnetIDs = []string{"subnet-a", "subnet-b", "subnet-c"} }, Err: "BadInput", Says: "subnet-c",
		},
	})
}

// Some accounts get no load balancer in some zones. Two of three are such ones here.
func TestZonesThatELBDoesNotTakeAreLeftOut(t *testing.T) {
	abc := []string{"subnet-a", "subnet-b", "subnet-c"}
	without := func(zones ...string) func(*cloud) { return func(c *cloud) { c.closed = zones } }
	in := func(change func(*Input)) func(*Input) {
		return func(in *Input) {
			in.SubnetIDs, in.DatabaseZoneSubnetIDs = abc, []string{"subnet-a"}
			if change != nil {
				change(in)
			}
		}
	}
	prepare := []string{
		"CreateSecurityGroup rdslink-orders-acme-00000000",
		"AuthorizeSecurityGroupEgress sg-1 tcp 5432-5432 10.0.0.0/16",
		"RevokeSecurityGroupEgress sg-1 -1 -1--1 0.0.0.0/0",
		"AuthorizeSecurityGroupIngress sg-1 tcp 5432-5432 sg-resolver",
	}
	made := func(subnets string) []string {
		return append(prepare[:len(prepare):len(prepare)], "CreateLoadBalancer orders-acme-00000000 network internal "+subnets+" sg-1",
			"ModifyLoadBalancerAttributes deletion_protection.enabled=true load_balancing.cross_zone.enabled=true", "SetSecurityGroups sg-1 off",
			"CreateListener TCP 5432 "+targetGroup, "Record")
	}
	out := func(subnets []string, leftOut ...string) *Output {
		return &Output{balancerARN, balancerARN + "/listener/1", "sg-1", subnets, leftOut, []link.Listener{}}
	}
	steptest.Step[*cloud, Input, Output]{
		Cloud:  newCloud,
		In:     input,
		Run:    func(c *cloud) step.Run[Input, Output] { return c.step().run },
		Output: func(c *cloud, _ Input) Output { return *out(c.subnets(), []string{}...) },
	}.Play(t, map[string]row{
		"one": {Drift: without("c"), In: in(nil), Want: made("subnet-a subnet-b"), Output: out(abc[:2], "euc1-c")},
		"two, named one after the other": {
			Drift: func(c *cloud) { c.closed, c.oneByOne = []string{"b", "c"}, true }, In: in(nil), Want: made("subnet-a"), Output: out(abc[:1], "euc1-b", "euc1-c"),
		},
		"said in the other code": {
			Drift: func(c *cloud) { c.closed, c.unsupported = []string{"c"}, true }, In: in(nil), Want: made("subnet-a subnet-b"), Output: out(abc[:2], "euc1-c"),
		},
		"where the load balancer is there already": {
			Again: true, Drift: without("c"), In: in(nil), Output: out(abc[:2], "euc1-c"),
		},
		"where the load balancer could have entered two": {
			Again: true, Drift: without("c"), In: in(func(in *Input) { in.SubnetIDs = slices.Concat(abc[:3], []string{"subnet-d"}) }),
			Want: []string{"SetSubnets subnet-a subnet-b subnet-d", "Record"}, Output: out([]string{"subnet-a", "subnet-b", "subnet-d"}, "euc1-c"),
		},
		"the database's own": {
			Drift: without("a"), In: in(nil), Want: prepare, Err: "BadInput", Says: "in zone euc1-a (eu-central-1a), and the database is there",
		},
		"that of its standby, where the load balancer is there already": {
			Again: true, Drift: without("c"), In: in(func(in *Input) { in.DatabaseZoneSubnetIDs = []string{"subnet-a", "subnet-c"} }),
			Err: "BadInput", Says: "or fails over to it",
		},
		"every one": {
			Drift: without("a", "b", "c"), In: in(func(in *Input) { in.DatabaseZoneSubnetIDs = nil }), Want: prepare, Err: "BadInput", Says: "no other is left",
		},
		"the only one of the vendor": {
			Drift: without("c"), In: in(func(in *Input) { in.VendorZoneSubnetIDs = []string{"subnet-c"} }), Want: prepare, Err: "BadInput",
			Says: "the consumer makes endpoints in no other zone of it",
		},
		"one of the vendor's two": {
			Drift: without("c"), In: in(func(in *Input) { in.VendorZoneSubnetIDs = []string{"subnet-b", "subnet-c"} }),
			Want: made("subnet-a subnet-b"), Output: out(abc[:2], "euc1-c"),
		},
		"one of the two that other regions need": {
			Drift: without("b", "c"), In: in(func(in *Input) { in.SupportedRegions = []string{"us-east-1"} }), Want: prepare, Err: "BadInput",
			Says: "only from two zones or more",
		},
		"one that the refusal does not name": {
			Drift: func(c *cloud) { c.closed, c.unsupported, c.nameless = []string{"c"}, true, true }, In: in(nil), Want: prepare, Err: "BadInput", Says: "euc1-c (eu-central-1c)",
		},
		"another invalid value is no zone": {
			Drift: func(c *cloud) { c.invalid = true }, In: in(nil), Want: prepare, Err: "Failed", Says: "name cannot be longer",
		},
	})
}

// Those that changed reach what exists.
func TestFlowsAreRecordedAtEachNodeAsLongAsTheInputWantsIt(t *testing.T) {
	prepare := []string{
		"CreateSecurityGroup rdslink-orders-acme-00000000",
		"AuthorizeSecurityGroupEgress sg-1 tcp 5432-5432 10.0.0.0/16",
		"RevokeSecurityGroupEgress sg-1 -1 -1--1 0.0.0.0/0",
		"AuthorizeSecurityGroupIngress sg-1 tcp 5432-5432 sg-resolver",
		"CreateLoadBalancer orders-acme-00000000 network internal subnet-a subnet-b sg-1",
		"ModifyLoadBalancerAttributes deletion_protection.enabled=true load_balancing.cross_zone.enabled=true",
		"SetSecurityGroups sg-1 off",
		"CreateListener TCP 5432 " + targetGroup,
	}
	logging := []string{"CreateFlowLogs eni-a ALL /flows arn:flows", "CreateFlowLogs eni-b ALL /flows arn:flows", "Record"}
	steptest.Step[*cloud, Input, Output]{
		Cloud: newCloud,
		In: func() Input {
			in := input()
			in.FlowLogs = true
			return in
		},
		Run: func(c *cloud) step.Run[Input, Output] { return c.step().run },
		Output: func(c *cloud, _ Input) Output {
			return Output{balancerARN, *c.listenerARN(), "sg-1", c.subnets(), []string{}, []link.Listener{}}
		},
	}.Play(t, map[string]row{
		"each node has one": {Want: slices.Concat(prepare, logging)},
		"a node without an interface is waited for": {
			Drift: func(c *cloud) { c.unborn = 1 }, Want: prepare, Err: "NotReady", Says: "1 of 2 nodes have an address yet",
		},
		"one that is deleted is made again": {
			Again: true, Drift: func(c *cloud) { c.flowLogs = c.flowLogs[1:] }, Want: logging[:1],
		},
		"a node in a new zone gets one": {
			Again: true, In: func(in *Input) { in.SubnetIDs = []string{"subnet-a", "subnet-b", "subnet-c"} },
			Want: []string{"SetSubnets subnet-a subnet-b subnet-c", "CreateFlowLogs eni-c ALL /flows arn:flows", "Record"},
		},
		"one of another format or place is replaced": {
			Again: true, Drift: func(c *cloud) {
				c.flowLogs[0].LogFormat, c.flowLogs[1].LogGroupName = aws.String("${srcaddr}"), aws.String("/other")
			},
			Want: []string{"DeleteFlowLogs fl-a fl-b", logging[0], logging[1]},
		},
		"one that is not described yet is waited for": {
			Again: true, Drift: func(c *cloud) { c.unseen = true }, Err: "NotReady", Says: "FlowLogAlreadyExists",
		},
		"somebody else's stays": {
			Again: true, Drift: func(c *cloud) {
				c.flowLogs = append(c.flowLogs, ec2types.FlowLog{FlowLogId: aws.String("fl-x"), ResourceId: aws.String("eni-a")})
			},
		},
		"none is left when they are not wanted any more": {
			Again: true, In: func(in *Input) { in.FlowLogs, in.FlowLogIDs = false, []string{"fl-a", "fl-b"} },
			Want: []string{"DeleteFlowLogs fl-a fl-b", "Record"},
		},
	})
}

func TestTheDeployersTagsAreOnEverything(t *testing.T) {
	c := newCloud()
	for _, center := range []string{"42", "43"} {
		s := c.step()
		s.owner.Tags = map[string]string{"cost-center": center}
		for range 2 {
			c.Mutations = nil
			if _, err := s.run(t.Context(), input()); err != nil {
				t.Fatal(err)
			}
		}
		if len(c.Mutations) > 0 {
			t.Errorf("a second run makes %v", c.Mutations)
		}
		all := map[string]map[string]string{"load balancer": owned.FromELB(c.tags), "listener": owned.FromELB(c.listenerTags), "group": owned.FromEC2(c.Groups[0].Tags)}
		for _, rule := range c.Rules {
			all[*rule.SecurityGroupRuleId] = owned.FromEC2(rule.Tags)
		}
		for what, tags := range all {
			if tags["cost-center"] != center || !(owned.Owner{}).Has(tags, exposure) {
				t.Errorf("%s carries %v", what, tags)
			}
		}
	}
}

// cloud is ELB with room for one load balancer and its listener, EC2's security groups, and the registry.
type cloud struct {
	steptest.Fake
	securitygrouptest.EC2
	balancer     *types.LoadBalancer
	tags         []types.Tag
	attributes   map[string]string
	listener     *types.Listener
	stranger     *types.Listener // somebody else's
	racing       bool            // somebody takes every port after it was described
	listenerTags []types.Tag
	listeners    int
	lag          bool // describes of attributes and tags do not know the load balancer yet
	strangers    bool // nor does ELB know the security group
	full         string
	closed       []string // zones that ELB does not take
	oneByOne     bool     // it names one at a time
	unsupported  bool     // it says so in the code that is made for it
	nameless     bool     // without a name
	invalid      bool
	flowLogs     []ec2types.FlowLog
	unborn       int  // nodes without an interface
	unseen       bool // describes do not know flow logs yet
}

func newCloud() *cloud {
	c := &cloud{attributes: map[string]string{"deletion_protection.enabled": "false", "load_balancing.cross_zone.enabled": "false"}}
	c.OnChange = func(mutation string) { c.Mutate("%s", mutation) }
	return c
}

func (c *cloud) step() createLoadBalancer {
	return createLoadBalancer{groups: c, subnets: c, balancers: c, attributes: c, listeners: c, flows: c, logs: logPlace{"/flows", "arn:flows"}, registry: c}
}

func (c *cloud) DescribeNetworkInterfaces(_ context.Context, in *ec2.DescribeNetworkInterfacesInput, _ ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	out := &ec2.DescribeNetworkInterfacesOutput{}
	if in.Filters[0].Values[0] != "ELB net/orders-acme-00000000/1" {
		return out, nil
	}
	for _, subnet := range c.subnets()[c.unborn:] {
		out.NetworkInterfaces = append(out.NetworkInterfaces, ec2types.NetworkInterface{NetworkInterfaceId: aws.String(strings.Replace(subnet, "subnet", "eni", 1))})
	}
	return out, nil
}

func (c *cloud) DescribeFlowLogs(context.Context, *ec2.DescribeFlowLogsInput, ...func(*ec2.Options)) (*ec2.DescribeFlowLogsOutput, error) {
	if c.unseen {
		return &ec2.DescribeFlowLogsOutput{}, nil
	}
	return &ec2.DescribeFlowLogsOutput{FlowLogs: c.flowLogs}, nil
}

func (c *cloud) CreateFlowLogs(_ context.Context, in *ec2.CreateFlowLogsInput, _ ...func(*ec2.Options)) (*ec2.CreateFlowLogsOutput, error) {
	out := &ec2.CreateFlowLogsOutput{}
	for _, id := range in.ResourceIds {
		if slices.ContainsFunc(c.flowLogs, func(l ec2types.FlowLog) bool { return *l.ResourceId == id && *l.LogFormat == *in.LogFormat }) {
			out.Unsuccessful = append(out.Unsuccessful, ec2types.UnsuccessfulItem{ResourceId: &id, Error: &ec2types.UnsuccessfulItemError{Code: aws.String("FlowLogAlreadyExists")}})
			continue
		}
		c.Mutate("CreateFlowLogs %s %s %s %s", id, in.TrafficType, *in.LogGroupName, *in.DeliverLogsPermissionArn)
		made := strings.Replace(id, "eni", "fl", 1)
		c.flowLogs = append(c.flowLogs, ec2types.FlowLog{FlowLogId: &made, ResourceId: &id, LogGroupName: in.LogGroupName, LogFormat: in.LogFormat,
			DeliverLogsPermissionArn: in.DeliverLogsPermissionArn, Tags: in.TagSpecifications[0].Tags})
		out.FlowLogIds = append(out.FlowLogIds, made)
	}
	return out, nil
}

func (c *cloud) DeleteFlowLogs(_ context.Context, in *ec2.DeleteFlowLogsInput, _ ...func(*ec2.Options)) (*ec2.DeleteFlowLogsOutput, error) {
	c.Mutate("DeleteFlowLogs %s", strings.Join(in.FlowLogIds, " "))
	c.flowLogs = slices.DeleteFunc(c.flowLogs, func(l ec2types.FlowLog) bool { return slices.Contains(in.FlowLogIds, *l.FlowLogId) })
	return &ec2.DeleteFlowLogsOutput{}, nil
}

func (c *cloud) listenerARN() *string {
	return aws.String(fmt.Sprintf("%s/listener/%d", balancerARN, c.listeners))
}

func (c *cloud) DescribeSubnets(_ context.Context, in *ec2.DescribeSubnetsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	var out ec2.DescribeSubnetsOutput
	for _, id := range in.SubnetIds {
		out.Subnets = append(out.Subnets, ec2types.Subnet{SubnetId: &id, AvailabilityZone: zoneOf(id),
			AvailabilityZoneId: aws.String(strings.Replace(*zoneOf(id), "eu-central-1", "euc1-", 1))})
	}
	return &out, nil
}

// zoneOf reads the AZ from a subnet's name: subnet-a and subnet-a2 are both in a.
func zoneOf(subnet string) *string {
	return aws.String("eu-central-1" + strings.TrimPrefix(subnet, "subnet-")[:1])
}

func (c *cloud) DescribeLoadBalancers(_ context.Context, in *elb.DescribeLoadBalancersInput, _ ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error) {
	if c.balancer == nil || *c.balancer.LoadBalancerName != in.Names[0] {
		return nil, &types.LoadBalancerNotFoundException{}
	}
	return &elb.DescribeLoadBalancersOutput{LoadBalancers: []types.LoadBalancer{*c.balancer}}, nil
}

func (c *cloud) DescribeTags(_ context.Context, in *elb.DescribeTagsInput, _ ...func(*elb.Options)) (*elb.DescribeTagsOutput, error) {
	if c.lag {
		return nil, &types.LoadBalancerNotFoundException{}
	}
	var out elb.DescribeTagsOutput
	for _, arn := range in.ResourceArns {
		tags := c.tags
		switch {
		case arn == strangersListener:
			tags = nil
		case arn != balancerARN:
			tags = c.listenerTags
		}
		out.TagDescriptions = append(out.TagDescriptions, types.TagDescription{ResourceArn: &arn, Tags: tags})
	}
	return &out, nil
}

func (c *cloud) AddTags(_ context.Context, in *elb.AddTagsInput, _ ...func(*elb.Options)) (*elb.AddTagsOutput, error) {
	c.Mutate("AddTags %s", strings.Join(in.ResourceArns, " "))
	for _, arn := range in.ResourceArns {
		if arn == balancerARN {
			c.tags = in.Tags
		} else {
			c.listenerTags = in.Tags
		}
	}
	return &elb.AddTagsOutput{}, nil
}

const strangersListener = balancerARN + "/listener/strangers"

// strange puts somebody else's listener on the load balancer, before ours.
func (c *cloud) strange(port int32) {
	c.stranger = &types.Listener{ListenerArn: aws.String(strangersListener), Protocol: types.ProtocolEnumTcp, Port: &port, DefaultActions: forwardTo("other")}
}

func (c *cloud) CreateLoadBalancer(_ context.Context, in *elb.CreateLoadBalancerInput, _ ...func(*elb.Options)) (*elb.CreateLoadBalancerOutput, error) {
	if err := c.refuse(in.Subnets, true); err != nil {
		return nil, err
	}
	c.Mutate("CreateLoadBalancer %s %s %s %s %s", *in.Name, in.Type, in.Scheme, strings.Join(in.Subnets, " "), in.SecurityGroups[0])
	c.tags = in.Tags
	c.balancer = &types.LoadBalancer{
		LoadBalancerArn: aws.String(balancerARN), LoadBalancerName: in.Name, Type: in.Type, Scheme: in.Scheme, VpcId: aws.String("vpc-1"),
		SecurityGroups: in.SecurityGroups, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: aws.String("on"),
		State: &types.LoadBalancerState{Code: types.LoadBalancerStateEnumProvisioning},
	}
	c.setSubnets(in.Subnets)
	return &elb.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{*c.balancer}}, nil
}

func (c *cloud) SetSubnets(_ context.Context, in *elb.SetSubnetsInput, _ ...func(*elb.Options)) (*elb.SetSubnetsOutput, error) {
	if err := c.refuse(in.Subnets, false); err != nil {
		return nil, err
	}
	c.Mutate("SetSubnets %s", strings.Join(in.Subnets, " "))
	c.setSubnets(in.Subnets)
	return &elb.SetSubnetsOutput{}, nil
}

// refuse is ELB's refusal of subnets, and of the group where one is named.
func (c *cloud) refuse(subnets []string, grouped bool) error {
	var closed []string
	for _, id := range subnets {
		if id == c.full {
			return &types.InvalidSubnetException{Message: aws.String("Not enough IP space available in " + id + ". ELB requires at least 8 free IP addresses in each subnet.")}
		}
		if slices.Contains(c.closed, strings.TrimPrefix(*zoneOf(id), "eu-central-1")) {
			closed = append(closed, *zoneOf(id))
		}
	}
	if c.oneByOne {
		closed = closed[:min(1, len(closed))]
	}
	names := strings.Join(closed, ", ")
	if c.nameless {
		names = ""
	}
	switch {
	case c.invalid:
		return &smithy.GenericAPIError{Code: "ValidationError", Message: "The load balancer name cannot be longer than '32' characters"}
	case len(closed) > 0 && c.unsupported:
		return &types.AvailabilityZoneNotSupportedException{Message: aws.String("The specified Availability Zone " + names + " is not supported.")}
	case len(closed) > 0:
		return &smithy.GenericAPIError{Code: "ValidationError", Message: "The following Availability Zones " + names +
			" cannot be associated with a load balancer. Please try a different Availability Zone."}
	case grouped && c.strangers:
		return unknownGroup()
	}
	return nil
}

func unknownGroup() error {
	return &types.InvalidSecurityGroupException{Message: aws.String("The security group 'sg-1' does not exist")}
}

// subnets are where the load balancer is.
func (c *cloud) subnets() []string {
	var ids []string
	for _, zone := range c.balancer.AvailabilityZones {
		ids = append(ids, *zone.SubnetId)
	}
	return ids
}

func (c *cloud) setSubnets(subnets []string) {
	c.balancer.AvailabilityZones = nil
	for _, id := range subnets {
		c.balancer.AvailabilityZones = append(c.balancer.AvailabilityZones, types.AvailabilityZone{SubnetId: &id, ZoneName: zoneOf(id)})
	}
}

func (c *cloud) SetSecurityGroups(_ context.Context, in *elb.SetSecurityGroupsInput, _ ...func(*elb.Options)) (*elb.SetSecurityGroupsOutput, error) {
	if c.strangers {
		return nil, unknownGroup()
	}
	c.Mutate("SetSecurityGroups %s %s", strings.Join(in.SecurityGroups, " "), in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic)
	c.balancer.SecurityGroups = in.SecurityGroups
	c.balancer.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic = aws.String(string(in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic))
	return &elb.SetSecurityGroupsOutput{}, nil
}

func (c *cloud) DescribeLoadBalancerAttributes(context.Context, *elb.DescribeLoadBalancerAttributesInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancerAttributesOutput, error) {
	if c.lag {
		return nil, &types.LoadBalancerNotFoundException{}
	}
	var out elb.DescribeLoadBalancerAttributesOutput
	for key, value := range c.attributes {
		out.Attributes = append(out.Attributes, types.LoadBalancerAttribute{Key: &key, Value: &value})
	}
	return &out, nil
}

func (c *cloud) ModifyLoadBalancerAttributes(_ context.Context, in *elb.ModifyLoadBalancerAttributesInput, _ ...func(*elb.Options)) (*elb.ModifyLoadBalancerAttributesOutput, error) {
	mutation := "ModifyLoadBalancerAttributes"
	for _, attribute := range in.Attributes {
		mutation += fmt.Sprintf(" %s=%s", *attribute.Key, *attribute.Value)
		c.attributes[*attribute.Key] = *attribute.Value
	}
	c.Mutate("%s", mutation)
	return &elb.ModifyLoadBalancerAttributesOutput{}, nil
}

func (c *cloud) DescribeListeners(context.Context, *elb.DescribeListenersInput, ...func(*elb.Options)) (*elb.DescribeListenersOutput, error) {
	var out elb.DescribeListenersOutput
	for _, listener := range []*types.Listener{c.stranger, c.listener} {
		if listener != nil {
			out.Listeners = append(out.Listeners, *listener)
		}
	}
	return &out, nil
}

// taken refuses a port that another listener has.
func (c *cloud) taken(port int32) error {
	if c.racing || c.stranger != nil && *c.stranger.Port == port {
		return &types.DuplicateListenerException{Message: aws.String("A listener already exists on this port for this load balancer")}
	}
	return nil
}

func (c *cloud) CreateListener(_ context.Context, in *elb.CreateListenerInput, _ ...func(*elb.Options)) (*elb.CreateListenerOutput, error) {
	if err := c.taken(*in.Port); err != nil {
		return nil, err
	}
	c.Mutate("CreateListener %s %d %s", in.Protocol, *in.Port, *in.DefaultActions[0].TargetGroupArn)
	c.listeners++
	c.listenerTags = in.Tags
	c.listener = &types.Listener{ListenerArn: c.listenerARN(), Protocol: in.Protocol, Port: in.Port, DefaultActions: in.DefaultActions}
	return &elb.CreateListenerOutput{Listeners: []types.Listener{*c.listener}}, nil
}

func (c *cloud) ModifyListener(_ context.Context, in *elb.ModifyListenerInput, _ ...func(*elb.Options)) (*elb.ModifyListenerOutput, error) {
	if *in.ListenerArn == strangersListener {
		return nil, &smithy.GenericAPIError{Code: "AccessDenied"}
	}
	if err := c.taken(*in.Port); err != nil {
		return nil, err
	}
	c.Mutate("ModifyListener %s %d %s", in.Protocol, *in.Port, *in.DefaultActions[0].TargetGroupArn)
	c.listener.Port, c.listener.Protocol, c.listener.DefaultActions = in.Port, in.Protocol, in.DefaultActions
	return &elb.ModifyListenerOutput{}, nil
}
