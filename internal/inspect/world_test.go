package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/rdslink/rdslink/internal/hostedzone/hostedzonetest"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/resolver"
	"github.com/rdslink/rdslink/internal/wanted"
)

var (
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	owner = owned.Owner{Tags: map[string]string{"CostCenter": "4711"}}
)

const (
	id          = "orders-acme-00000000"
	databaseARN = "arn:aws:rds:eu-central-1:111122223333:db:orders"
	prefix      = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:"
	balancerARN = prefix + "loadbalancer/net/orders-acme-00000000/1"
	groupARN    = prefix + "targetgroup/orders-acme-00000000/1"
	listenerARN = prefix + "listener/net/orders-acme-00000000/1/1"
	functionARN = "arn:aws:lambda:eu-central-1:111122223333:function:rdslink-resolver-vpc-1"
	topicARN    = "arn:aws:sns:eu-central-1:111122223333:connections"
	host        = "orders.abc.eu-central-1.rds.amazonaws.com"
)

// world is an account with one exposure in two zones, and its resolver. Each call is counted.
type world struct {
	exposure registry.Exposure
	resolver registry.Resolver

	balancer      *elbtypes.LoadBalancer
	balancerAttrs map[string]string
	listeners     []elbtypes.Listener
	group         *elbtypes.TargetGroup
	groupAttrs    map[string]string
	health        []elbtypes.TargetHealthDescription
	elbTags       map[string]map[string]string
	service       *ec2types.ServiceConfiguration
	principals    []string
	connections   []ec2types.VpcEndpointConnection
	notifications []ec2types.ConnectionNotification
	flowLogs      []ec2types.FlowLog
	groups        []ec2types.SecurityGroup
	rules         []ec2types.SecurityGroupRule
	interfaces    []ec2types.NetworkInterface
	subnets       []ec2types.Subnet
	acls          []ec2types.NetworkAcl
	instance      *rdstypes.DBInstance
	function      *lambda.GetFunctionConfigurationOutput
	functionTags  map[string]string
	schedule      *scheduler.GetScheduleOutput

	refused string // what may not be called
	calls   []string
	zones   hostedzonetest.Zones
}

var errRefused = errors.New("refused")

func (w *world) called(name string) error {
	w.calls = append(w.calls, name)
	if name == w.refused {
		return errRefused
	}
	return nil
}

func rule(id, group string, egress bool, port int32, cidr, from string, tags map[string]string) ec2types.SecurityGroupRule {
	r := ec2types.SecurityGroupRule{
		SecurityGroupRuleId: &id, GroupId: &group, IsEgress: &egress, IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port,
		Tags: owned.EC2Tags(tags),
	}
	if cidr != "" {
		r.CidrIpv4 = &cidr
	}
	if from != "" {
		r.ReferencedGroupInfo = &ec2types.ReferencedSecurityGroup{GroupId: &from}
	}
	return r
}

func acl(id string, subnets ...string) ec2types.NetworkAcl {
	a := ec2types.NetworkAcl{NetworkAclId: &id}
	for _, s := range subnets {
		a.Associations = append(a.Associations, ec2types.NetworkAclAssociation{SubnetId: &s})
	}
	for _, egress := range []bool{true, false} {
		a.Entries = append(a.Entries, entry(egress, 100, ec2types.RuleActionAllow, "0.0.0.0/0", 0, 0), entry(egress, 32767, ec2types.RuleActionDeny, "0.0.0.0/0", 0, 0))
	}
	return a
}

// entry is of TCP to ports or, without them, of everything.
func entry(egress bool, number int32, action ec2types.RuleAction, cidr string, first, last int32) ec2types.NetworkAclEntry {
	e := ec2types.NetworkAclEntry{Egress: &egress, RuleNumber: &number, RuleAction: action, CidrBlock: &cidr, Protocol: aws.String("-1")}
	if first != 0 {
		e.Protocol, e.PortRange = aws.String("6"), &ec2types.PortRange{From: &first, To: &last}
	}
	return e
}

func networkInterface(id, subnet, address, description string, groups ...string) ec2types.NetworkInterface {
	i := ec2types.NetworkInterface{
		NetworkInterfaceId: &id, SubnetId: &subnet, VpcId: aws.String("vpc-1"), PrivateIpAddress: &address, Description: &description,
		PrivateIpAddresses: []ec2types.NetworkInterfacePrivateIpAddress{{PrivateIpAddress: &address}},
	}
	for _, g := range groups {
		i.Groups = append(i.Groups, ec2types.GroupIdentifier{GroupId: &g})
	}
	return i
}

// healthy is a world as the steps leave it, of PostgreSQL or MySQL.
func healthy(engine string, port int32) *world {
	tags := owner.ExposureTags(id, databaseARN)
	binding := &registry.Binding{
		Exposure: id, DatabaseARN: databaseARN, DatabaseKind: "instance", Endpoint: "writer", Engine: engine, Host: host, Port: int(port),
		VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16"}, ResolverFunction: "rdslink-resolver-vpc-1", TargetGroupARN: groupARN,
		ListenerPort: 6000, Nodes: []string{"10.0.1.10", "10.0.2.10"},
	}
	text, _ := json.Marshal(binding)
	state, reason := elbtypes.TargetHealthStateEnumHealthy, ""
	if wanted.CheckPort("instance", engine) == wanted.BlindPort {
		state, reason = elbtypes.TargetHealthStateEnumUnhealthy, "Health checks failed"
	}
	w := &world{
		exposure: registry.Exposure{
			ID: id, DatabaseARN: databaseARN, VPCID: "vpc-1", Claim: "arn:execution", Made: registry.Made{
				Generation: 1, ResolverFunction: "rdslink-resolver-vpc-1", TargetGroupARN: groupARN, Binding: binding, LoadBalancerARN: balancerARN,
				LoadBalancerSecurityGroupID: "sg-lb", ListenerARN: listenerARN, ServiceID: "vpce-svc-1", ServiceName: "com.amazonaws.vpce.vpce-svc-1",
				Principals: []string{"arn:aws:iam::222233334444:root"}, DatabaseSecurityGroupID: "sg-db", ScheduleName: id, ListenerPort: 6000,
				LoadBalancerSubnetIDs: []string{"subnet-a", "subnet-b"}, SupportedRegions: []string{"us-east-1"}, Ingress: ingress.Subnets,
				ConnectionsTopicARN: topicARN, ScheduleRoleARN: "arn:role", IPSyncFunctionARN: "arn:ip-sync",
				FlowLogIDs: []string{"fl-1"},
			},
			Life: registry.Life{
				Looked: noon.Add(-time.Minute), Ticked: noon.Add(-time.Minute), Good: noon.Add(-time.Minute), State: "settled", Proven: noon.Add(-time.Minute),
				Path: []registry.Passage{{Node: "10.0.1.10", Result: resolve.Served}, {Node: "10.0.2.10", Result: resolve.Served}},
			},
		},
		resolver: registry.Resolver{
			VPCID: "vpc-1", FunctionName: "rdslink-resolver-vpc-1", SecurityGroupID: "sg-resolver", SubnetIDs: []string{"subnet-r"}, RoleARN: "arn:resolver",
		},
		balancer: &elbtypes.LoadBalancer{
			LoadBalancerArn: aws.String(balancerARN), State: &elbtypes.LoadBalancerState{Code: elbtypes.LoadBalancerStateEnumActive},
			SecurityGroups:    []string{"sg-lb"},
			AvailabilityZones: []elbtypes.AvailabilityZone{{ZoneName: aws.String("a"), SubnetId: aws.String("subnet-a")}, {ZoneName: aws.String("b"), SubnetId: aws.String("subnet-b")}},
			EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: aws.String("off"),
		},
		balancerAttrs: map[string]string{},
		flowLogs: []ec2types.FlowLog{{FlowLogId: aws.String("fl-1"), DeliverLogsStatus: aws.String("SUCCESS"), LogGroupName: aws.String("flows"),
			DeliverLogsPermissionArn: aws.String("arn:flows")}},
		listeners: []elbtypes.Listener{listener(listenerARN, 6000, groupARN)},
		group: &elbtypes.TargetGroup{
			TargetGroupArn: aws.String(groupARN), Protocol: elbtypes.ProtocolEnumTcp, TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String("vpc-1"),
			HealthCheckProtocol: elbtypes.ProtocolEnumTcp, HealthCheckPort: aws.String(wanted.CheckPort("instance", engine)),
			HealthCheckIntervalSeconds: aws.Int32(wanted.CheckInterval), HealthyThresholdCount: aws.Int32(wanted.CheckThreshold),
			UnhealthyThresholdCount: aws.Int32(wanted.CheckThreshold),
		},
		groupAttrs: map[string]string{crossZone: "use_load_balancer_configuration"},
		health: []elbtypes.TargetHealthDescription{{
			Target:       &elbtypes.TargetDescription{Id: aws.String("10.0.3.5"), Port: aws.Int32(port)},
			TargetHealth: &elbtypes.TargetHealth{State: state, Description: &reason},
		}},
		elbTags: map[string]map[string]string{balancerARN: tags, groupARN: tags, listenerARN: tags},
		service: &ec2types.ServiceConfiguration{
			ServiceId: aws.String("vpce-svc-1"), ServiceState: ec2types.ServiceStateAvailable, AcceptanceRequired: aws.Bool(true),
			NetworkLoadBalancerArns: []string{balancerARN}, AvailabilityZones: []string{"a", "b"}, Tags: owned.EC2Tags(tags),
			SupportedRegions: []ec2types.SupportedRegionDetail{{Region: aws.String("us-east-1"), ServiceState: aws.String("Available")}},
		},
		principals: []string{"arn:aws:iam::222233334444:root"},
		connections: []ec2types.VpcEndpointConnection{{
			ServiceId: aws.String("vpce-svc-1"), VpcEndpointId: aws.String("vpce-1"), VpcEndpointOwner: aws.String("222233334444"), VpcEndpointState: "available",
		}},
		notifications: []ec2types.ConnectionNotification{{
			ConnectionNotificationId: aws.String("vpce-nfn-1"), ServiceId: aws.String("vpce-svc-1"), ConnectionNotificationArn: aws.String(topicARN),
			ConnectionEvents: slices.Clone(wanted.ConnectionEvents), ConnectionNotificationState: ec2types.ConnectionNotificationStateEnabled,
		}},
		groups: []ec2types.SecurityGroup{
			{GroupId: aws.String("sg-lb"), Tags: owned.EC2Tags(tags)}, {GroupId: aws.String("sg-resolver"), Tags: owned.EC2Tags(owner.VPCTags("vpc-1"))}, {GroupId: aws.String("sg-db")},
		},
		rules: []ec2types.SecurityGroupRule{
			rule("sgr-lb-out", "sg-lb", true, port, "10.0.0.0/16", "", tags),
			rule("sgr-lb-in", "sg-lb", false, 6000, "", "sg-resolver", tags),
			rule("sgr-a", "sg-db", false, port, "10.0.1.0/24", "", owner.RuleTags(id)),
			rule("sgr-b", "sg-db", false, port, "10.0.2.0/24", "", owner.RuleTags(id)),
			rule("sgr-r", "sg-db", false, port, "", "sg-resolver", owner.RuleTags(id)),
			rule("sgr-nodes", "sg-resolver", true, 6000, "10.0.0.0/16", "", owner.VPCTags("vpc-1")),
		},
		interfaces: []ec2types.NetworkInterface{
			networkInterface("eni-a", "subnet-a", "10.0.1.10", ingress.NodesDescription(balancerARN), "sg-lb"),
			networkInterface("eni-b", "subnet-b", "10.0.2.10", ingress.NodesDescription(balancerARN), "sg-lb"),
			networkInterface("eni-db", "subnet-db", "10.0.3.5", "RDSNetworkInterface", "sg-db"),
		},
		subnets: []ec2types.Subnet{
			{SubnetId: aws.String("subnet-a"), CidrBlock: aws.String("10.0.1.0/24"), AvailabilityZoneId: aws.String("euc1-az1")},
			{SubnetId: aws.String("subnet-b"), CidrBlock: aws.String("10.0.2.0/24"), AvailabilityZoneId: aws.String("euc1-az2")},
			{SubnetId: aws.String("subnet-r"), CidrBlock: aws.String("10.0.4.0/24"), AvailabilityZoneId: aws.String("euc1-az1")},
			{SubnetId: aws.String("subnet-db"), CidrBlock: aws.String("10.0.3.0/24"), AvailabilityZoneId: aws.String("euc1-az3")},
		},
		acls: []ec2types.NetworkAcl{acl("acl-lb", "subnet-a", "subnet-b"), acl("acl-db", "subnet-db"), acl("acl-r", "subnet-r")},
		instance: &rdstypes.DBInstance{
			DBInstanceIdentifier: aws.String("orders"), DBInstanceStatus: aws.String("available"), Endpoint: &rdstypes.Endpoint{Address: aws.String(host), Port: aws.Int32(port)},
			VpcSecurityGroups: []rdstypes.VpcSecurityGroupMembership{{VpcSecurityGroupId: aws.String("sg-db"), Status: aws.String("active")}},
		},
		function: &lambda.GetFunctionConfigurationOutput{
			FunctionArn: aws.String(functionARN), State: lambdatypes.StateActive, Role: aws.String("arn:resolver"), Timeout: aws.Int32(resolver.Timeout), MemorySize: aws.Int32(resolver.Memory),
			LoggingConfig: &lambdatypes.LoggingConfig{LogGroup: aws.String("/aws/lambda/rdslink-resolver")},
			VpcConfig:     &lambdatypes.VpcConfigResponse{SubnetIds: []string{"subnet-r"}, SecurityGroupIds: []string{"sg-resolver"}},
		},
		functionTags: owner.VPCTags("vpc-1"),
	}
	for _, e := range (resolver.Resolver{VPCID: "vpc-1", Owner: owner}).Group(binding.VPCCIDRs, nil, port).Egress {
		r := rule("sgr-out", "sg-resolver", true, e.Port, e.CIDR, "", owner.VPCTags("vpc-1"))
		r.IpProtocol = &e.Protocol
		w.rules = append(w.rules, r)
	}
	for key, value := range wanted.LoadBalancerAttributes {
		w.balancerAttrs[key] = value
	}
	for key, value := range wanted.TargetGroupAttributes("instance", engine) {
		w.groupAttrs[key] = value
	}
	made := wanted.Schedule{Exposure: id, Group: "rdslink", Role: "arn:role", Function: "arn:ip-sync", Binding: string(text)}.Request(noon)
	w.schedule = &scheduler.GetScheduleOutput{
		Name: made.Name, ScheduleExpression: made.ScheduleExpression, State: made.State, FlexibleTimeWindow: made.FlexibleTimeWindow, Target: made.Target,
	}
	return w
}

func listener(arn string, port int32, group string) elbtypes.Listener {
	return elbtypes.Listener{ListenerArn: &arn, Port: &port, Protocol: elbtypes.ProtocolEnumTcp, DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: &group}}}
}

func (w *world) inspector() Inspector {
	return Inspector{
		ELB: w, EC2: w, RDS: w, Lambda: w, Schedules: w, Zones: w, Resolvers: w, Owner: owner, Patience: 5 * time.Minute, Now: func() time.Time { return noon },
	}
}

func (w *world) ListResourceRecordSets(ctx context.Context, in *route53.ListResourceRecordSetsInput, _ ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error) {
	if err := w.called("ListResourceRecordSets"); err != nil {
		return nil, err
	}
	return w.zones.ListResourceRecordSets(ctx, in)
}

func (w *world) Resolver(context.Context, string) (registry.Resolver, bool, error) {
	return w.resolver, true, w.called("Resolver")
}

func (w *world) DescribeLoadBalancers(context.Context, *elb.DescribeLoadBalancersInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error) {
	if w.balancer == nil {
		return nil, &elbtypes.LoadBalancerNotFoundException{}
	}
	return &elb.DescribeLoadBalancersOutput{LoadBalancers: []elbtypes.LoadBalancer{*w.balancer}}, w.called("DescribeLoadBalancers")
}

func (w *world) DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error) {
	if w.group == nil {
		return nil, &elbtypes.TargetGroupNotFoundException{}
	}
	return &elb.DescribeTargetGroupsOutput{TargetGroups: []elbtypes.TargetGroup{*w.group}}, w.called("DescribeTargetGroups")
}

func (w *world) DescribeTags(_ context.Context, in *elb.DescribeTagsInput, _ ...func(*elb.Options)) (*elb.DescribeTagsOutput, error) {
	out := &elb.DescribeTagsOutput{}
	for _, arn := range in.ResourceArns {
		out.TagDescriptions = append(out.TagDescriptions, elbtypes.TagDescription{ResourceArn: &arn, Tags: owned.ELBTags(w.elbTags[arn])})
	}
	return out, w.called("DescribeTags")
}

func (w *world) DescribeListeners(context.Context, *elb.DescribeListenersInput, ...func(*elb.Options)) (*elb.DescribeListenersOutput, error) {
	return &elb.DescribeListenersOutput{Listeners: w.listeners}, w.called("DescribeListeners")
}

func (w *world) DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error) {
	return &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: w.health}, w.called("DescribeTargetHealth")
}

func (w *world) DescribeLoadBalancerAttributes(context.Context, *elb.DescribeLoadBalancerAttributesInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancerAttributesOutput, error) {
	out := &elb.DescribeLoadBalancerAttributesOutput{}
	for key, value := range w.balancerAttrs {
		out.Attributes = append(out.Attributes, elbtypes.LoadBalancerAttribute{Key: &key, Value: &value})
	}
	return out, w.called("DescribeLoadBalancerAttributes")
}

func (w *world) DescribeTargetGroupAttributes(context.Context, *elb.DescribeTargetGroupAttributesInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupAttributesOutput, error) {
	out := &elb.DescribeTargetGroupAttributesOutput{}
	for key, value := range w.groupAttrs {
		out.Attributes = append(out.Attributes, elbtypes.TargetGroupAttribute{Key: &key, Value: &value})
	}
	return out, w.called("DescribeTargetGroupAttributes")
}

func (w *world) DescribeVpcEndpointServiceConfigurations(context.Context, *ec2.DescribeVpcEndpointServiceConfigurationsInput,
	...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServiceConfigurationsOutput, error) {
	out := &ec2.DescribeVpcEndpointServiceConfigurationsOutput{}
	if w.service != nil {
		out.ServiceConfigurations = append(out.ServiceConfigurations, *w.service)
	}
	return out, w.called("DescribeVpcEndpointServiceConfigurations")
}

func (w *world) DescribeVpcEndpointConnections(context.Context, *ec2.DescribeVpcEndpointConnectionsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionsOutput, error) {
	return &ec2.DescribeVpcEndpointConnectionsOutput{VpcEndpointConnections: w.connections}, w.called("DescribeVpcEndpointConnections")
}

func (w *world) DescribeVpcEndpointConnectionNotifications(context.Context, *ec2.DescribeVpcEndpointConnectionNotificationsInput,
	...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionNotificationsOutput, error) {
	return &ec2.DescribeVpcEndpointConnectionNotificationsOutput{ConnectionNotificationSet: w.notifications}, w.called("DescribeVpcEndpointConnectionNotifications")
}

func (w *world) DescribeFlowLogs(context.Context, *ec2.DescribeFlowLogsInput, ...func(*ec2.Options)) (*ec2.DescribeFlowLogsOutput, error) {
	return &ec2.DescribeFlowLogsOutput{FlowLogs: w.flowLogs}, w.called("DescribeFlowLogs")
}

func (w *world) DescribeVpcEndpointServicePermissions(context.Context, *ec2.DescribeVpcEndpointServicePermissionsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServicePermissionsOutput,
	error) {
	out := &ec2.DescribeVpcEndpointServicePermissionsOutput{}
	for _, p := range w.principals {
		out.AllowedPrincipals = append(out.AllowedPrincipals, ec2types.AllowedPrincipal{Principal: &p})
	}
	return out, w.called("DescribeVpcEndpointServicePermissions")
}

func (w *world) DescribeSecurityGroups(_ context.Context, in *ec2.DescribeSecurityGroupsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	out := &ec2.DescribeSecurityGroupsOutput{}
	for _, g := range w.groups {
		if slices.Contains(in.Filters[0].Values, *g.GroupId) {
			out.SecurityGroups = append(out.SecurityGroups, g)
		}
	}
	return out, w.called("DescribeSecurityGroups")
}

func (w *world) DescribeSecurityGroupRules(_ context.Context, in *ec2.DescribeSecurityGroupRulesInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	out := &ec2.DescribeSecurityGroupRulesOutput{}
	filter := in.Filters[0]
	for _, r := range w.rules {
		byGroup := *filter.Name == "group-id" && slices.Contains(filter.Values, *r.GroupId)
		byTag := slices.ContainsFunc(r.Tags, func(t ec2types.Tag) bool { // there is no filter for the key alone
			return *filter.Name == "tag:"+*t.Key && slices.Contains(filter.Values, *t.Value)
		})
		if byGroup || byTag {
			out.SecurityGroupRules = append(out.SecurityGroupRules, r)
		}
	}
	return out, w.called("DescribeSecurityGroupRules")
}

func (w *world) DescribeNetworkInterfaces(_ context.Context, in *ec2.DescribeNetworkInterfacesInput, _ ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	out := &ec2.DescribeNetworkInterfacesOutput{}
	filter := in.Filters[0]
	for _, i := range w.interfaces {
		if slices.Contains(filter.Values, map[string]string{"description": *i.Description, "addresses.private-ip-address": *i.PrivateIpAddress}[*filter.Name]) {
			out.NetworkInterfaces = append(out.NetworkInterfaces, i)
		}
	}
	return out, w.called("DescribeNetworkInterfaces")
}

func (w *world) DescribeSubnets(_ context.Context, in *ec2.DescribeSubnetsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	out := &ec2.DescribeSubnetsOutput{}
	for _, s := range w.subnets {
		if slices.Contains(in.Filters[0].Values, *s.SubnetId) {
			out.Subnets = append(out.Subnets, s)
		}
	}
	return out, w.called("DescribeSubnets")
}

func (w *world) DescribeNetworkAcls(context.Context, *ec2.DescribeNetworkAclsInput, ...func(*ec2.Options)) (*ec2.DescribeNetworkAclsOutput, error) {
	return &ec2.DescribeNetworkAclsOutput{NetworkAcls: w.acls}, w.called("DescribeNetworkAcls")
}

func (w *world) DescribeDBInstances(context.Context, *rds.DescribeDBInstancesInput, ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error) {
	if w.instance == nil {
		return nil, &rdstypes.DBInstanceNotFoundFault{}
	}
	return &rds.DescribeDBInstancesOutput{DBInstances: []rdstypes.DBInstance{*w.instance}}, w.called("DescribeDBInstances")
}

func (w *world) DescribeDBClusters(context.Context, *rds.DescribeDBClustersInput, ...func(*rds.Options)) (*rds.DescribeDBClustersOutput, error) {
	return &rds.DescribeDBClustersOutput{}, nil
}

func (w *world) DescribeDBProxies(context.Context, *rds.DescribeDBProxiesInput, ...func(*rds.Options)) (*rds.DescribeDBProxiesOutput, error) {
	return &rds.DescribeDBProxiesOutput{}, nil
}

func (w *world) GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error) {
	if w.function == nil {
		return nil, &lambdatypes.ResourceNotFoundException{}
	}
	return w.function, w.called("GetFunctionConfiguration")
}

func (w *world) ListTags(context.Context, *lambda.ListTagsInput, ...func(*lambda.Options)) (*lambda.ListTagsOutput, error) {
	return &lambda.ListTagsOutput{Tags: w.functionTags}, w.called("ListTags")
}

func (w *world) GetSchedule(context.Context, *scheduler.GetScheduleInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error) {
	if w.schedule == nil {
		return nil, &schedulertypes.ResourceNotFoundException{}
	}
	return w.schedule, w.called("GetSchedule")
}

// drop takes the rules away whose id begins so.
func (w *world) drop(id string) {
	w.rules = slices.DeleteFunc(w.rules, func(r ec2types.SecurityGroupRule) bool { return strings.HasPrefix(*r.SecurityGroupRuleId, id) })
}
