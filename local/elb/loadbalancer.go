package elb

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

type loadBalancer struct {
	arn, account, name string
	id                 string // net/NAME/0123456789abcdef, as its ARN and its interfaces' descriptions have it
	dnsName            string
	vpc                string
	created            time.Time
	state              types.LoadBalancerStateEnum
	groups             []string
	enforce            bool // inbound rules on PrivateLink traffic
	attributes         attributes
	tags               tags
	nodes              []*node
	listeners          []*listener
	flows              flows
}

// interfaceRelease is how long the interfaces of a deleted load balancer stay, and hold its security groups. AWS documents
// that they stay, not how long.
const interfaceRelease = 20 * time.Second

// hostedZones are where AWS keeps the names of Network Load Balancers, by Region (general/latest/gr/elb.html).
var hostedZones = map[string]string{"eu-central-1": "Z3F0SRJ5LGBH90", "us-east-1": "Z26RNL4JYFTOTI"}

// dnsTTL is the TTL of a load balancer's record (elasticloadbalancing/latest/network/network-load-balancers.html).
const dnsTTL = 60

func (s *Service) createLoadBalancer(ctx context.Context, in *elb.CreateLoadBalancerInput) (*elb.CreateLoadBalancerOutput, error) {
	account := wire.CallerOf(ctx).Account
	subnets, err := s.validateLoadBalancer(account, in)
	if err != nil {
		return nil, err
	}
	if lb := s.loadBalancerNamed(account, *in.Name); lb != nil {
		if !lb.bornAs(in, subnets) {
			return nil, wire.Errorf("DuplicateLoadBalancerName",
				"A load balancer with the same name '%s' exists, but with different settings", *in.Name)
		}
		return &elb.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{s.describe(lb)}}, nil
	}
	if s.count(account) >= s.most() {
		return nil, wire.Errorf("TooManyLoadBalancers", "The maximum number of load balancers has been reached")
	}
	t, err := tags(nil).with(in.Tags)
	if err != nil {
		return nil, err
	}
	lb := &loadBalancer{
		account: account, name: *in.Name, vpc: subnets[0].VPC, created: time.Now(), state: types.LoadBalancerStateEnumProvisioning,
		groups: in.SecurityGroups, enforce: len(in.SecurityGroups) > 0, attributes: attributes{}, tags: t, flows: flows{},
	}
	hex := model.Hex(16)
	lb.id = "net/" + lb.name + "/" + hex
	lb.arn = s.arn(account, "loadbalancer/%s", lb.id)
	lb.dnsName = strings.ToLower(lb.name) + "-" + hex + ".elb." + s.world.Region + ".amazonaws.com"
	if err := s.addNodes(lb, subnets, pinned(in.SubnetMappings)); err != nil {
		return nil, err
	}
	s.loadBalancers[lb.arn] = lb
	s.world.After(s.world.Delays.LoadBalancerProvisioning, func() { s.activate(lb) })
	return &elb.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{s.describe(lb)}}, nil
}

// validateLoadBalancer refuses what AWS refuses and what this package does not have, and resolves the subnets.
func (s *Service) validateLoadBalancer(account string, in *elb.CreateLoadBalancerInput) ([]*ec2.Subnet, error) {
	if err := validateName("load balancer", aws.ToString(in.Name)); err != nil {
		return nil, err
	}
	if strings.HasPrefix(*in.Name, "internal-") {
		return nil, wire.Errorf("ValidationError", "The load balancer name '%s' cannot begin with 'internal-'", *in.Name)
	}
	if in.Type != types.LoadBalancerTypeEnumNetwork { // the default is application
		return nil, wire.Errorf("ValidationError", "The local cloud has load balancers of type 'network' only")
	}
	if in.IpAddressType != "" && in.IpAddressType != types.IpAddressTypeIpv4 {
		return nil, wire.Errorf("InvalidConfigurationRequest", "The local cloud has the IP address type 'ipv4' only")
	}
	subnets, err := s.subnets(account, in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	if in.Scheme != types.LoadBalancerSchemeEnumInternal { // the default is internet-facing, and no VPC here has an internet gateway
		return nil, wire.Errorf("InvalidSubnet", "VPC %s has no internet gateway", subnets[0].VPC)
	}
	return subnets, s.validateGroups(account, subnets[0].VPC, in.SecurityGroups)
}

// subnets resolves Subnets and SubnetMappings: one VPC, one subnet per zone.
func (s *Service) subnets(account string, ids []string, mappings []types.SubnetMapping) ([]*ec2.Subnet, error) {
	if len(ids) > 0 && len(mappings) > 0 {
		return nil, wire.Errorf("ValidationError", "You can specify either subnets or subnet mappings, but not both")
	}
	ids = slices.Clone(ids)
	for _, m := range mappings {
		ids = append(ids, aws.ToString(m.SubnetId))
	}
	if len(ids) == 0 {
		return nil, wire.Errorf("ValidationError", "At least one subnet must be specified")
	}
	zones := map[string]bool{}
	var subnets []*ec2.Subnet
	for _, id := range ids {
		subnet, err := s.vpcs.Subnet(account, id)
		if err != nil {
			return nil, wire.Errorf("SubnetNotFound", "The subnet ID '%s' does not exist", id)
		}
		if zones[subnet.Zone] {
			return nil, wire.Errorf("InvalidConfigurationRequest",
				"A load balancer cannot be attached to multiple subnets in the same Availability Zone")
		}
		zones[subnet.Zone] = true
		if len(subnets) > 0 && subnet.VPC != subnets[0].VPC {
			return nil, wire.Errorf("InvalidSubnet", "All subnets must belong to the same VPC: '%s'", subnets[0].VPC)
		}
		subnets = append(subnets, subnet)
	}
	return subnets, nil
}

func (s *Service) validateGroups(account, vpc string, groups []string) error {
	for _, id := range groups {
		group, err := s.vpcs.SecurityGroup(account, id)
		if err != nil {
			return wire.Errorf("InvalidSecurityGroup", "The security group '%s' does not exist", id)
		}
		if group.VPC != vpc {
			return wire.Errorf("InvalidConfigurationRequest", "One or more security groups are invalid")
		}
	}
	return nil
}

// pinned are the addresses that SubnetMappings ask for, by subnet.
func pinned(mappings []types.SubnetMapping) map[string]string {
	addresses := map[string]string{}
	for _, m := range mappings {
		addresses[aws.ToString(m.SubnetId)] = aws.ToString(m.PrivateIPv4Address)
	}
	return addresses
}

// bornAs says whether a create asks for what the load balancer is. Tags are not settings: AWS does not say whether they
// count.
func (lb *loadBalancer) bornAs(in *elb.CreateLoadBalancerInput, subnets []*ec2.Subnet) bool {
	same := len(subnets) == len(lb.nodes)
	for _, subnet := range subnets {
		same = same && lb.nodeIn(subnet.Zone) != nil && lb.nodeIn(subnet.Zone).subnet.ID == subnet.ID
	}
	return same && slices.Equal(slices.Sorted(slices.Values(in.SecurityGroups)), slices.Sorted(slices.Values(lb.groups)))
}

// activate ends provisioning: the name resolves, the listeners listen, the health checks start.
func (s *Service) activate(lb *loadBalancer) {
	if s.loadBalancers[lb.arn] != lb {
		return
	}
	lb.state = types.LoadBalancerStateEnumActive
	s.publishNames(lb)
	for _, l := range lb.listeners {
		s.serve(l)
	}
}

// publishNames makes the name of the load balancer, and of each of its zones, resolve to its nodes. An internal load
// balancer's name resolves to private addresses everywhere
// (elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html).
func (s *Service) publishNames(lb *loadBalancer) {
	for _, n := range lb.nodes {
		s.names.Set(n.subnet.Zone+"."+lb.dnsName, nil, []netip.Addr{n.address}, dnsTTL)
	}
	s.names.Set(lb.dnsName, nil, lb.addresses(), dnsTTL)
}

func (s *Service) deleteLoadBalancer(ctx context.Context, in *elb.DeleteLoadBalancerInput) (*elb.DeleteLoadBalancerOutput, error) {
	if err := s.validate(ctx, loadBalancerKind, *in.LoadBalancerArn); err != nil {
		return nil, err
	}
	lb := s.loadBalancers[*in.LoadBalancerArn]
	if lb == nil { // "If the load balancer does not exist or has already been deleted, the call succeeds" (API_DeleteLoadBalancer)
		return &elb.DeleteLoadBalancerOutput{}, nil
	}
	if lb.attributes.get(loadBalancerAttributes, deletionProtection) == "true" {
		return nil, wire.Errorf("OperationNotPermitted", "Load balancer '%s' cannot be deleted because deletion protection is enabled", lb.arn)
	}
	if _, inUse := s.services.ServiceOf(lb.arn); inUse {
		return nil, wire.Errorf("ResourceInUse",
			"Load balancer '%s' cannot be deleted because it is currently associated with another service", lb.arn)
	}
	for _, l := range slices.Clone(lb.listeners) {
		s.removeListener(l)
	}
	delete(s.loadBalancers, lb.arn)
	s.names.Delete(lb.dnsName)
	for _, n := range lb.nodes {
		s.names.Delete(n.subnet.Zone + "." + lb.dnsName)
	}
	lb.flows.reset()
	s.world.After(interfaceRelease, func() {
		for _, n := range lb.nodes {
			s.interfaces.Detach(n.interfaceID)
		}
	})
	return &elb.DeleteLoadBalancerOutput{}, nil
}

func (s *Service) describeLoadBalancers(ctx context.Context, in *elb.DescribeLoadBalancersInput) (*elb.DescribeLoadBalancersOutput, error) {
	found, err := s.findLoadBalancers(ctx, in)
	if err != nil {
		return nil, err
	}
	found, next := page(found, func(lb *loadBalancer) string { return lb.arn }, in.Marker, in.PageSize)
	out := &elb.DescribeLoadBalancersOutput{NextMarker: next}
	for _, lb := range found {
		out.LoadBalancers = append(out.LoadBalancers, s.describe(lb))
	}
	return out, nil
}

func (s *Service) findLoadBalancers(ctx context.Context, in *elb.DescribeLoadBalancersInput) ([]*loadBalancer, error) {
	if len(in.Names) > 0 && len(in.LoadBalancerArns) > 0 {
		return nil, wire.Errorf("ValidationError", "Load balancer names and load balancer ARNs cannot be specified at the same time")
	}
	account := wire.CallerOf(ctx).Account
	var found []*loadBalancer
	for _, arn := range in.LoadBalancerArns {
		lb, err := s.loadBalancer(ctx, arn)
		if err != nil {
			return nil, err
		}
		found = append(found, lb)
	}
	for _, name := range in.Names {
		lb := s.loadBalancerNamed(account, name)
		if lb == nil || !s.world.Visible(lb.arn, lb.created) {
			return nil, noLoadBalancer(name)
		}
		found = append(found, lb)
	}
	if len(found) > 0 {
		return found, nil
	}
	for _, lb := range s.loadBalancers {
		if lb.account == account && s.world.Visible(lb.arn, lb.created) {
			found = append(found, lb)
		}
	}
	return found, nil
}

func (s *Service) describe(lb *loadBalancer) types.LoadBalancer {
	d := types.LoadBalancer{
		LoadBalancerArn: &lb.arn, LoadBalancerName: &lb.name, VpcId: &lb.vpc,
		DNSName: &lb.dnsName, CanonicalHostedZoneId: aws.String(hostedZones[s.world.Region]),
		Type: types.LoadBalancerTypeEnumNetwork, Scheme: types.LoadBalancerSchemeEnumInternal, IpAddressType: types.IpAddressTypeIpv4,
		State: &types.LoadBalancerState{Code: lb.state}, CreatedTime: &lb.created,
		SecurityGroups: slices.Clone(lb.groups), AvailabilityZones: lb.zones(),
	}
	if len(lb.groups) > 0 {
		d.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic = aws.String(onOff(lb.enforce))
	}
	return d
}

func (lb *loadBalancer) zones() []types.AvailabilityZone {
	var zones []types.AvailabilityZone
	for _, n := range lb.nodes {
		zone := types.AvailabilityZone{ZoneName: &n.subnet.Zone, SubnetId: &n.subnet.ID}
		if n.pinned { // addresses that AWS chose are not described
			zone.LoadBalancerAddresses = []types.LoadBalancerAddress{{PrivateIPv4Address: aws.String(n.address.String())}}
		}
		zones = append(zones, zone)
	}
	return zones
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// loadBalancer finds the caller's load balancer.
func (s *Service) loadBalancer(ctx context.Context, arn string) (*loadBalancer, error) {
	return find(ctx, s, loadBalancerKind, s.loadBalancers, arn, noLoadBalancer(arn))
}

func noLoadBalancer(nameOrARN string) error {
	return wire.Errorf("LoadBalancerNotFound", "Load balancers '[%s]' not found", nameOrARN)
}

func (lb *loadBalancer) born() time.Time { return lb.created }

func (s *Service) loadBalancerNamed(account, name string) *loadBalancer {
	for _, lb := range s.loadBalancers {
		if lb.account == account && lb.name == name {
			return lb
		}
	}
	return nil
}

func (s *Service) count(account string) int {
	n := 0
	for _, lb := range s.loadBalancers {
		if lb.account == account {
			n++
		}
	}
	return n
}
