package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	servicequotastypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

const (
	account      = "111122223333"
	ourExecution = "arn:aws:states:eu-central-1:111122223333:execution:rdslink-setup:first"
)

// fakeAWS is an account with one database in a VPC of two zones. It lists one thing a page.
type fakeAWS struct {
	instances   []rdstypes.DBInstance
	clusters    []rdstypes.DBCluster
	proxies     []rdstypes.DBProxy
	globals     []rdstypes.GlobalCluster
	subnets     []ec2types.Subnet
	groups      []ec2types.SecurityGroup
	rules       []ec2types.SecurityGroupRule
	lists       []ec2types.ManagedPrefixList
	balancers   []elbtypes.LoadBalancer
	vpcOwner    string
	logsNoFlows bool // the deployment has no role for flow logs
	tagged      bool // the deployment asks for owned.IngressTag
	nlbLimit    string
	limitName   string // as ELB spells it
	ruleLimit   float64
	noQuota     bool                     // the account has no value of its own
	denied      string                   // the operation that nobody may call
	status      sfntypes.ExecutionStatus // of any execution but ours; empty for one that is forgotten
	recorded    []registry.Exposure
	claimed     []registry.Exposure
	stopped     []string // executions, each with its error
	holder      string
	made        registry.Made    // of the exposure, by earlier executions
	listeners   map[string]int32 // their ports, by ARN

	connectErrors      string   // max_connect_errors that somebody has set
	dnsServers         []string // in the VPC's DHCP options
	noDNS, noHostnames bool     // attributes of the VPC
	attributes         []string // that were asked for
	regionsAsked       int

	services []ec2types.ServiceConfiguration
	requests []ec2types.VpcEndpointConnection
}

func newFake() *fakeAWS {
	return &fakeAWS{
		instances: []rdstypes.DBInstance{instance("orders-prod")},
		subnets:   []ec2types.Subnet{subnet("subnet-a", "euc1-az1", 100), subnet("subnet-b", "euc1-az2", 100)},
		groups:    []ec2types.SecurityGroup{{GroupId: aws.String("sg-db"), OwnerId: aws.String(account)}},
		vpcOwner:  account,
		nlbLimit:  "50",

		dnsServers: []string{"AmazonProvidedDNS"},
		ruleLimit:  60,
		limitName:  "network-load-balancers",
	}
}

// step is step 1 against the fake.
func (f *fakeAWS) step() gatherRDSDetails {
	return gatherRDSDetails{databases: f, network: f, balancers: f, quotas: f, executions: f, registry: f, tagged: f.tagged, logsFlows: !f.logsNoFlows}
}

func instance(identifier string) rdstypes.DBInstance {
	return rdstypes.DBInstance{
		DBInstanceIdentifier: &identifier,
		DBInstanceArn:        aws.String("arn:aws:rds:eu-central-1:111122223333:db:" + identifier),
		DBInstanceStatus:     aws.String("available"),
		Engine:               aws.String("postgres"),
		MultiAZ:              aws.Bool(true),
		Endpoint: &rdstypes.Endpoint{
			Address: aws.String(identifier + ".c0ffee.eu-central-1.rds.amazonaws.com"), Port: aws.Int32(5432)},
		DBSubnetGroup: &rdstypes.DBSubnetGroup{VpcId: aws.String("vpc-1"), Subnets: []rdstypes.Subnet{
			{SubnetIdentifier: aws.String("subnet-b")}, {SubnetIdentifier: aws.String("subnet-a")}}},
		VpcSecurityGroups: []rdstypes.VpcSecurityGroupMembership{
			{VpcSecurityGroupId: aws.String("sg-db"), Status: aws.String("active")},
			{VpcSecurityGroupId: aws.String("sg-leaving"), Status: aws.String("removing")}},
	}
}

func subnet(id, zone string, free int32) ec2types.Subnet {
	return ec2types.Subnet{SubnetId: &id, AvailabilityZoneId: &zone, AvailableIpAddressCount: &free,
		CidrBlock: aws.String("10.0." + strconv.Itoa(int(id[len(id)-1])) + ".0/24")}
}

func page[T any](all []T, token *string) (items []T, next *string) {
	at, _ := strconv.Atoi(aws.ToString(token))
	if at+1 < len(all) {
		next = aws.String(strconv.Itoa(at + 1))
	}
	return all[min(at, len(all)):min(at+1, len(all))], next
}

// deny refuses one operation, as a service control policy would.
func (f *fakeAWS) deny(operation string) error {
	if f.denied != operation {
		return nil
	}
	return &smithy.OperationError{ServiceID: "EC2", OperationName: operation, Err: &smithy.GenericAPIError{Code: "UnauthorizedOperation"}}
}

func (f *fakeAWS) DescribeDBInstances(_ context.Context, in *rds.DescribeDBInstancesInput, _ ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error) {
	if in.DBInstanceIdentifier == nil {
		items, next := page(f.membersOf(in.Filters), in.Marker)
		return &rds.DescribeDBInstancesOutput{DBInstances: items, Marker: next}, nil
	}
	for _, i := range f.instances {
		if *i.DBInstanceIdentifier == *in.DBInstanceIdentifier {
			return &rds.DescribeDBInstancesOutput{DBInstances: []rdstypes.DBInstance{i}}, nil
		}
	}
	return nil, &rdstypes.DBInstanceNotFoundFault{}
}

// membersOf are a cluster's instances, or all without a filter.
func (f *fakeAWS) membersOf(filters []rdstypes.Filter) []rdstypes.DBInstance {
	return slices.DeleteFunc(slices.Clone(f.instances), func(d rdstypes.DBInstance) bool {
		return len(filters) > 0 && aws.ToString(d.DBClusterIdentifier) != filters[0].Values[0]
	})
}

func (f *fakeAWS) DescribeDBClusters(_ context.Context, in *rds.DescribeDBClustersInput, _ ...func(*rds.Options)) (*rds.DescribeDBClustersOutput, error) {
	if in.DBClusterIdentifier == nil {
		items, next := page(f.clusters, in.Marker)
		return &rds.DescribeDBClustersOutput{DBClusters: items, Marker: next}, nil
	}
	for _, c := range f.clusters {
		if *c.DBClusterIdentifier == *in.DBClusterIdentifier {
			return &rds.DescribeDBClustersOutput{DBClusters: []rdstypes.DBCluster{c}}, nil
		}
	}
	return nil, &rdstypes.DBClusterNotFoundFault{}
}

func (f *fakeAWS) DescribeDBProxies(_ context.Context, in *rds.DescribeDBProxiesInput, _ ...func(*rds.Options)) (*rds.DescribeDBProxiesOutput, error) {
	items, next := page(f.proxies, in.Marker)
	return &rds.DescribeDBProxiesOutput{DBProxies: items, Marker: next}, nil
}

func (f *fakeAWS) DescribeDBSubnetGroups(context.Context, *rds.DescribeDBSubnetGroupsInput, ...func(*rds.Options)) (*rds.DescribeDBSubnetGroupsOutput, error) {
	return &rds.DescribeDBSubnetGroupsOutput{DBSubnetGroups: []rdstypes.DBSubnetGroup{*instance("").DBSubnetGroup}}, nil
}

func (f *fakeAWS) DescribeGlobalClusters(context.Context, *rds.DescribeGlobalClustersInput, ...func(*rds.Options)) (*rds.DescribeGlobalClustersOutput, error) {
	return &rds.DescribeGlobalClustersOutput{GlobalClusters: f.globals}, nil
}

func (f *fakeAWS) DescribeDBParameters(
	_ context.Context, in *rds.DescribeDBParametersInput, _ ...func(*rds.Options),
) (*rds.DescribeDBParametersOutput, error) {
	if err := f.deny("DescribeDBParameters"); err != nil {
		return nil, err
	}
	out := &rds.DescribeDBParametersOutput{}
	if f.connectErrors != "" {
		out.Parameters = []rdstypes.Parameter{{ParameterName: aws.String("max_connect_errors"), ParameterValue: &f.connectErrors}}
	}
	return out, nil
}

func (f *fakeAWS) DescribeDBClusterParameters(
	context.Context, *rds.DescribeDBClusterParametersInput, ...func(*rds.Options),
) (*rds.DescribeDBClusterParametersOutput, error) {
	return &rds.DescribeDBClusterParametersOutput{}, nil
}

func (f *fakeAWS) DescribeVpcs(_ context.Context, in *ec2.DescribeVpcsInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcsOutput, error) {
	block := func(cidr string, state ec2types.VpcCidrBlockStateCode) ec2types.VpcCidrBlockAssociation {
		return ec2types.VpcCidrBlockAssociation{CidrBlock: &cidr, CidrBlockState: &ec2types.VpcCidrBlockState{State: state}}
	}
	return &ec2.DescribeVpcsOutput{Vpcs: []ec2types.Vpc{{VpcId: &in.VpcIds[0], OwnerId: &f.vpcOwner, DhcpOptionsId: aws.String("dopt-1"),
		CidrBlock: aws.String("10.0.0.0/16"), CidrBlockAssociationSet: []ec2types.VpcCidrBlockAssociation{
			block("10.1.0.0/16", ec2types.VpcCidrBlockStateCodeAssociated),
			block("10.0.0.0/16", ec2types.VpcCidrBlockStateCodeAssociated),
			block("10.9.0.0/16", ec2types.VpcCidrBlockStateCodeDisassociated),
		}}}}, nil
}

func (f *fakeAWS) DescribeDhcpOptions(context.Context, *ec2.DescribeDhcpOptionsInput, ...func(*ec2.Options)) (*ec2.DescribeDhcpOptionsOutput, error) {
	if err := f.deny("DescribeDhcpOptions"); err != nil {
		return nil, err
	}
	option := ec2types.DhcpConfiguration{Key: aws.String("domain-name-servers")}
	for _, server := range f.dnsServers {
		option.Values = append(option.Values, ec2types.AttributeValue{Value: &server})
	}
	domain := ec2types.DhcpConfiguration{Key: aws.String("domain-name"), Values: []ec2types.AttributeValue{{Value: aws.String("eu-central-1.compute.internal")}}}
	return &ec2.DescribeDhcpOptionsOutput{DhcpOptions: []ec2types.DhcpOptions{{DhcpConfigurations: []ec2types.DhcpConfiguration{domain, option}}}}, nil
}

// DescribeVpcAttribute tells one attribute in a call.
func (f *fakeAWS) DescribeVpcAttribute(_ context.Context, in *ec2.DescribeVpcAttributeInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcAttributeOutput, error) {
	if err := f.deny("DescribeVpcAttribute"); err != nil {
		return nil, err
	}
	f.attributes = append(f.attributes, string(in.Attribute))
	if in.Attribute == ec2types.VpcAttributeNameEnableDnsHostnames {
		return &ec2.DescribeVpcAttributeOutput{EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: aws.Bool(!f.noHostnames)}}, nil
	}
	return &ec2.DescribeVpcAttributeOutput{EnableDnsSupport: &ec2types.AttributeBooleanValue{Value: aws.Bool(!f.noDNS)}}, nil
}

func (f *fakeAWS) DescribeSubnets(_ context.Context, in *ec2.DescribeSubnetsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	if err := f.deny("DescribeSubnets"); err != nil {
		return nil, err
	}
	items, next := page(f.subnets, in.NextToken)
	return &ec2.DescribeSubnetsOutput{Subnets: items, NextToken: next}, nil
}

func (f *fakeAWS) DescribeVpcEndpointServiceConfigurations(_ context.Context, in *ec2.DescribeVpcEndpointServiceConfigurationsInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServiceConfigurationsOutput, error) {
	if err := f.deny("DescribeVpcEndpointServiceConfigurations"); err != nil {
		return nil, err
	}
	items, next := page(f.services, in.NextToken)
	return &ec2.DescribeVpcEndpointServiceConfigurationsOutput{ServiceConfigurations: items, NextToken: next}, nil
}

func (f *fakeAWS) DescribeVpcEndpointConnections(_ context.Context, in *ec2.DescribeVpcEndpointConnectionsInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionsOutput, error) {
	out := &ec2.DescribeVpcEndpointConnectionsOutput{}
	for _, c := range f.requests {
		if *c.ServiceId == in.Filters[0].Values[0] {
			out.VpcEndpointConnections = append(out.VpcEndpointConnections, c)
		}
	}
	return out, nil
}

// served adds an endpoint service with a private DNS name, and the state of a connection to it; with neither where they are
// empty. Ours is that of the usual exposure.
func served(id, name, state string, ours bool) func(*fakeAWS) {
	return func(f *fakeAWS) {
		service := ec2types.ServiceConfiguration{ServiceId: &id, ServiceState: "Available"}
		if name != "" {
			service.PrivateDnsName = &name
		}
		if ours {
			service.Tags = owned.EC2Tags(owned.Owner{}.ExposureTags(ourID(f), *f.instances[0].DBInstanceArn))
		}
		f.services = append(f.services, service)
		if state != "" {
			f.requests = append(f.requests, ec2types.VpcEndpointConnection{ServiceId: &id, VpcEndpointId: aws.String("vpce-1"), VpcEndpointState: ec2types.State(state)})
		}
	}
}

func (f *fakeAWS) DescribeRegions(_ context.Context, in *ec2.DescribeRegionsInput, _ ...func(*ec2.Options)) (*ec2.DescribeRegionsOutput, error) {
	f.regionsAsked++
	if err := f.deny("DescribeRegions"); err != nil {
		return nil, err
	}
	out := &ec2.DescribeRegionsOutput{}
	for name, status := range map[string]string{
		"eu-central-1": "opt-in-not-required", "eu-west-1": "opt-in-not-required", "us-east-1": "opt-in-not-required",
		"eu-south-1": "not-opted-in", "eu-central-2": "opted-in",
	} {
		if status != "not-opted-in" || aws.ToBool(in.AllRegions) {
			out.Regions = append(out.Regions, ec2types.Region{RegionName: &name, OptInStatus: &status})
		}
	}
	slices.SortFunc(out.Regions, func(a, b ec2types.Region) int { return cmp.Compare(*a.RegionName, *b.RegionName) })
	return out, nil
}

func (f *fakeAWS) DescribeAvailabilityZones(context.Context, *ec2.DescribeAvailabilityZonesInput, ...func(*ec2.Options)) (*ec2.DescribeAvailabilityZonesOutput, error) {
	zone := func(id, kind string) ec2types.AvailabilityZone {
		return ec2types.AvailabilityZone{ZoneId: &id, ZoneType: &kind}
	}
	return &ec2.DescribeAvailabilityZonesOutput{AvailabilityZones: []ec2types.AvailabilityZone{
		zone("euc1-az1", "availability-zone"), zone("euc1-az2", "availability-zone"), zone("euc1-az3", "availability-zone"),
		zone("euc1-ham1-az1", "local-zone"), zone("use1-az3", "availability-zone"),
	}}, nil
}

func (f *fakeAWS) DescribeSecurityGroups(_ context.Context, in *ec2.DescribeSecurityGroupsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	out := &ec2.DescribeSecurityGroupsOutput{}
	for _, group := range f.groups {
		if slices.Contains(in.Filters[0].Values, *group.GroupId) {
			out.SecurityGroups = append(out.SecurityGroups, group)
		}
	}
	return out, nil
}

func (f *fakeAWS) DescribeSecurityGroupRules(_ context.Context, in *ec2.DescribeSecurityGroupRulesInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	if err := f.deny("DescribeSecurityGroupRules"); err != nil {
		return nil, err
	}
	items, next := page(f.rules, in.NextToken)
	return &ec2.DescribeSecurityGroupRulesOutput{SecurityGroupRules: items, NextToken: next}, nil
}

func (f *fakeAWS) DescribeManagedPrefixLists(_ context.Context, in *ec2.DescribeManagedPrefixListsInput, _ ...func(*ec2.Options)) (*ec2.DescribeManagedPrefixListsOutput, error) {
	if err := f.deny("DescribeManagedPrefixLists"); err != nil {
		return nil, err
	}
	asked := slices.DeleteFunc(slices.Clone(f.lists), func(l ec2types.ManagedPrefixList) bool {
		return !slices.Contains(in.Filters[0].Values, *l.PrefixListId)
	})
	items, next := page(asked, in.NextToken)
	return &ec2.DescribeManagedPrefixListsOutput{PrefixLists: items, NextToken: next}, nil
}

// listed adds a rule with a prefix list to the database's group. Without a maximum of entries it is one of AWS's.
func (f *fakeAWS) listed(name, family string, most int32) {
	list := ec2types.ManagedPrefixList{PrefixListId: aws.String("pl-" + strconv.Itoa(len(f.lists))), PrefixListName: &name, AddressFamily: &family}
	if most > 0 {
		list.MaxEntries = &most
	}
	f.lists = append(f.lists, list)
	rule := otherRules(1)[0]
	rule.CidrIpv4, rule.PrefixListId = nil, list.PrefixListId
	f.rules = append(f.rules, rule)
}

func (f *fakeAWS) DescribeLoadBalancers(_ context.Context, in *elb.DescribeLoadBalancersInput, _ ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error) {
	items, next := page(f.balancers, in.Marker)
	return &elb.DescribeLoadBalancersOutput{LoadBalancers: items, NextMarker: next}, nil
}

func (f *fakeAWS) DescribeAccountLimits(context.Context, *elb.DescribeAccountLimitsInput, ...func(*elb.Options)) (*elb.DescribeAccountLimitsOutput, error) {
	if err := f.deny("DescribeAccountLimits"); err != nil {
		return nil, err
	}
	return &elb.DescribeAccountLimitsOutput{Limits: []elbtypes.Limit{{Name: &f.limitName, Max: &f.nlbLimit}}}, nil
}

func (f *fakeAWS) GetServiceQuota(context.Context, *servicequotas.GetServiceQuotaInput, ...func(*servicequotas.Options)) (*servicequotas.GetServiceQuotaOutput, error) {
	if err := f.deny("GetServiceQuota"); err != nil {
		return nil, err
	}
	if f.noQuota {
		return nil, &servicequotastypes.NoSuchResourceException{}
	}
	quota := &servicequotastypes.ServiceQuota{Value: &f.ruleLimit}
	if f.ruleLimit == 0 {
		quota.ErrorReason = &servicequotastypes.ErrorReason{ErrorCode: servicequotastypes.ErrorCodeDependencyAccessDeniedError}
	}
	return &servicequotas.GetServiceQuotaOutput{Quota: quota}, nil
}

func (f *fakeAWS) DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	if f.status == "" {
		return nil, &sfntypes.ExecutionDoesNotExist{}
	}
	return &sfn.DescribeExecutionOutput{Status: f.status}, nil
}

func (f *fakeAWS) StopExecution(_ context.Context, in *sfn.StopExecutionInput, _ ...func(*sfn.Options)) (*sfn.StopExecutionOutput, error) {
	f.stopped = append(f.stopped, aws.ToString(in.ExecutionArn)+" "+aws.ToString(in.Error))
	return &sfn.StopExecutionOutput{}, nil
}

func (f *fakeAWS) Get(_ context.Context, id string) (registry.Exposure, error) {
	for _, e := range f.recorded {
		if e.ID == id {
			return e, nil
		}
	}
	return registry.Exposure{}, registry.ErrNotFound
}

func (f *fakeAWS) On(_ context.Context, link string) ([]registry.Exposure, error) {
	return slices.DeleteFunc(slices.Clone(f.recorded), func(e registry.Exposure) bool { return e.Link != link || e.ID == link }), nil
}

func (f *fakeAWS) Claim(ctx context.Context, seed registry.Exposure, execution string, running func(context.Context, string) (bool, error)) (registry.Exposure, error) {
	if f.holder != "" {
		runs, err := running(ctx, f.holder)
		if err != nil {
			return registry.Exposure{}, err
		}
		if runs {
			return registry.Exposure{}, errHeld
		}
	}
	f.claimed = append(f.claimed, seed)
	seed.Made = f.made
	return seed, nil
}

func (f *fakeAWS) DescribeListeners(_ context.Context, in *elb.DescribeListenersInput, _ ...func(*elb.Options)) (*elb.DescribeListenersOutput, error) {
	if err := f.deny("DescribeListeners"); err != nil {
		return nil, err
	}
	if port := f.listeners[in.ListenerArns[0]]; port != 0 {
		return &elb.DescribeListenersOutput{Listeners: []elbtypes.Listener{{Port: &port}}}, nil
	}
	return nil, &elbtypes.ListenerNotFoundException{}
}

// otherRules are n rules of somebody else's in the database's group.
func otherRules(n int) []ec2types.SecurityGroupRule {
	var rules []ec2types.SecurityGroupRule
	for i := range n {
		rules = append(rules, ec2types.SecurityGroupRule{GroupId: aws.String("sg-db"), IsEgress: aws.Bool(false), IpProtocol: aws.String("tcp"),
			FromPort: aws.Int32(5432), ToPort: aws.Int32(5432), CidrIpv4: aws.String("192.168." + strconv.Itoa(i) + ".0/24")})
	}
	return rules
}

// sharedRules are the rules that another exposure of the same database has, tagged for n exposures. Each carries one tag
// more, which says that rdslink made it.
func sharedRules(n int) []ec2types.SecurityGroupRule {
	tags := map[string]string{owned.ManagedTag: "true"}
	for i := range n {
		tags[owned.RuleTag("other-"+strconv.Itoa(i))] = "true"
	}
	rules := otherRules(3)
	for i := range rules {
		rules[i].SecurityGroupRuleId, rules[i].Tags = aws.String("sgr-shared"), owned.EC2Tags(tags)
	}
	rules[0].CidrIpv4, rules[1].CidrIpv4 = subnet("subnet-a", "", 0).CidrBlock, subnet("subnet-b", "", 0).CidrBlock
	rules[2].CidrIpv4, rules[2].ReferencedGroupInfo = nil, &ec2types.ReferencedSecurityGroup{GroupId: aws.String("sg-resolver")}
	return rules
}

// fiftyBalancers are as many load balancers of a type as a region may have.
func fiftyBalancers(kind elbtypes.LoadBalancerTypeEnum) []elbtypes.LoadBalancer {
	var all []elbtypes.LoadBalancer
	for i := range 50 {
		all = append(all, elbtypes.LoadBalancer{LoadBalancerName: aws.String("lb" + strconv.Itoa(i)), Type: kind})
	}
	return all
}

// withCluster adds the Aurora cluster ledger, and changes it. Its members are ledger-1, which writes, and ledger-2.
func withCluster(changes ...func(*rdstypes.DBCluster)) func(*fakeAWS) {
	return func(f *fakeAWS) {
		cluster := rdstypes.DBCluster{
			DBClusterIdentifier: aws.String("ledger"),
			DBClusterArn:        aws.String("arn:aws:rds:eu-central-1:111122223333:cluster:ledger"),
			Status:              aws.String("available"),
			Engine:              aws.String("aurora-postgresql"),
			Endpoint:            aws.String("ledger.cluster-c0ffee.eu-central-1.rds.amazonaws.com"),
			Port:                aws.Int32(5432),
			DBSubnetGroup:       aws.String("group"),
			VpcSecurityGroups:   instance("").VpcSecurityGroups,
		}
		for _, id := range []string{"ledger-1", "ledger-2"} {
			member := instance(id)
			member.DBClusterIdentifier, member.Engine = cluster.DBClusterIdentifier, cluster.Engine
			f.instances = append(f.instances, member)
			cluster.DBClusterMembers = append(cluster.DBClusterMembers,
				rdstypes.DBClusterMember{DBInstanceIdentifier: &id, IsClusterWriter: aws.Bool(id == "ledger-1")})
		}
		for _, change := range changes {
			change(&cluster)
		}
		f.clusters = append(f.clusters, cluster)
	}
}

// withMember adds the cluster ledger, one of whose members is in another status.
func withMember(id, status string) func(*fakeAWS) {
	return func(f *fakeAWS) {
		withCluster()(f)
		for i := range f.instances {
			if *f.instances[i].DBInstanceIdentifier == id {
				f.instances[i].DBInstanceStatus = &status
			}
		}
	}
}

// withServerless adds the cluster ledger with a capacity, one of whose members is of another class.
func withServerless(least float64, class string) func(*fakeAWS) {
	return func(f *fakeAWS) {
		withCluster(func(c *rdstypes.DBCluster) {
			c.ServerlessV2ScalingConfiguration = &rdstypes.ServerlessV2ScalingConfigurationInfo{MinCapacity: &least, MaxCapacity: aws.Float64(8)}
		})(f)
		f.instances[len(f.instances)-1].DBInstanceClass = &class
	}
}

// withProxy adds the proxy pool, and changes it.
func withProxy(changes ...func(*rdstypes.DBProxy)) func(*fakeAWS) {
	return func(f *fakeAWS) {
		proxy := rdstypes.DBProxy{
			DBProxyName:         aws.String("pool"),
			DBProxyArn:          aws.String("arn:aws:rds:eu-central-1:111122223333:db-proxy:prx-0a1b"),
			Status:              rdstypes.DBProxyStatusAvailable,
			EngineFamily:        aws.String("POSTGRESQL"),
			Endpoint:            aws.String("pool.proxy-c0ffee.eu-central-1.rds.amazonaws.com"),
			VpcId:               aws.String("vpc-1"),
			VpcSubnetIds:        []string{"subnet-b", "subnet-a"},
			VpcSecurityGroupIds: []string{"sg-db"},
		}
		for _, change := range changes {
			change(&proxy)
		}
		f.proxies = append(f.proxies, proxy)
	}
}

// with changes the database.
func with(change func(*rdstypes.DBInstance)) func(*fakeAWS) {
	return func(f *fakeAWS) { change(&f.instances[0]) }
}
