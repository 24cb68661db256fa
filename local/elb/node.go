package elb

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/wire"
)

// node is a load balancer's presence in one Availability Zone: one address, from which it listens, checks and connects.
type node struct {
	subnet      *ec2.Subnet
	interfaceID string
	address     netip.Addr
	pinned      bool // SubnetMappings chose the address
}

// roomy is how many free addresses a subnet must have for an internal load balancer to choose its address there
// (elasticloadbalancing/latest/network/availability-zones.html, "Requirements"). ELB's words are those of
// aws/aws-rfdk#621.
const roomy = 8

// addNodes attaches a node in each of the subnets, or none.
func (s *Service) addNodes(lb *loadBalancer, subnets []*ec2.Subnet, pinned map[string]string) error {
	if err := s.checkZones(subnets); err != nil {
		return err
	}
	for _, subnet := range subnets {
		if pinned[subnet.ID] == "" && s.vpcs.Free(subnet) < roomy {
			return wire.Errorf("InvalidSubnet", "Not enough IP space available in %s. ELB requires at least %d free IP addresses in each subnet.",
				subnet.ID, roomy)
		}
	}
	var added []*node
	for _, subnet := range subnets {
		n, err := s.attach(lb, subnet, pinned[subnet.ID])
		if err != nil {
			for _, n := range added {
				s.interfaces.Detach(n.interfaceID)
			}
			return err
		}
		added = append(added, n)
	}
	lb.nodes = append(lb.nodes, added...)
	return nil
}

// checkZones refuses zones that ELB does not take for the account, in the words of widdix/mastodon-on-aws#13 and
// aws/copilot-cli#1298.
func (s *Service) checkZones(subnets []*ec2.Subnet) error {
	var closed []string
	for _, subnet := range subnets {
		if !s.world.Admits("elasticloadbalancing", subnet.Zone, subnet.ZoneID, subnet.ID) {
			closed = append(closed, subnet.Zone)
		}
	}
	if len(closed) == 0 {
		return nil
	}
	return wire.Errorf("ValidationError", "The following Availability Zones %s cannot be associated with a load balancer. "+
		"Please try a different Availability Zone.", strings.Join(closed, ", "))
}

func (s *Service) attach(lb *loadBalancer, subnet *ec2.Subnet, pinned string) (*node, error) {
	var wanted netip.Addr
	if pinned != "" {
		var err error
		if wanted, err = netip.ParseAddr(pinned); err != nil || !subnet.CIDR.Contains(wanted) {
			return nil, wire.Errorf("InvalidConfigurationRequest", "The private IP address '%s' is not in the subnet '%s'", pinned, subnet.ID)
		}
	}
	nic, err := s.interfaces.Attach(lb.account, subnet.ID, lb.groups, "ELB "+lb.id, wanted)
	if err != nil {
		return nil, wire.Errorf("InvalidSubnet", "The subnet '%s' cannot take a load balancer node: %v", subnet.ID, err)
	}
	return &node{subnet: subnet, interfaceID: nic.ID, address: nic.Address, pinned: pinned != ""}, nil
}

func (lb *loadBalancer) nodeIn(zone string) *node {
	for _, n := range lb.nodes {
		if n.subnet.Zone == zone {
			return n
		}
	}
	return nil
}

// nearest is the node of a zone, by the zone's id, or else any.
func (lb *loadBalancer) nearest(zoneID string) *node {
	for _, n := range lb.nodes {
		if n.subnet.ZoneID == zoneID {
			return n
		}
	}
	return lb.nodes[0]
}

// setSubnets adds zones and takes zones away, as far as elasticloadbalancing/latest/network/availability-zones.html lets it.
func (s *Service) setSubnets(ctx context.Context, in *elb.SetSubnetsInput) (*elb.SetSubnetsOutput, error) {
	lb, err := s.loadBalancer(ctx, *in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	subnets, err := s.subnets(lb.account, in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	if subnets[0].VPC != lb.vpc {
		return nil, wire.Errorf("InvalidSubnet", "All subnets must belong to the same VPC: '%s'", lb.vpc)
	}
	var leaving []*node
	for _, n := range lb.nodes {
		if !slices.ContainsFunc(subnets, func(subnet *ec2.Subnet) bool { return subnet.ID == n.subnet.ID }) {
			leaving = append(leaving, n)
		}
	}
	if err := s.mayLeave(lb, leaving, subnets); err != nil {
		return nil, err
	}
	fresh := slices.DeleteFunc(subnets, func(subnet *ec2.Subnet) bool { return lb.nodeIn(subnet.Zone) != nil })
	if err := s.addNodes(lb, fresh, pinned(in.SubnetMappings)); err != nil {
		return nil, err
	}
	for _, n := range leaving {
		s.leave(lb, n)
	}
	if lb.state == types.LoadBalancerStateEnumActive {
		s.activate(lb)
	}
	return &elb.SetSubnetsOutput{AvailabilityZones: lb.zones(), IpAddressType: types.IpAddressTypeIpv4}, nil
}

// mayLeave refuses to take subnets away from a load balancer that PrivateLink leads to, and to exchange a zone's subnet in
// one step. AWS documents the rules, not the words.
func (s *Service) mayLeave(lb *loadBalancer, leaving []*node, subnets []*ec2.Subnet) error {
	if len(leaving) == 0 {
		return nil
	}
	if service, inUse := s.services.ServiceOf(lb.arn); inUse {
		return wire.Errorf("InvalidConfigurationRequest",
			"Subnets cannot be removed from load balancer '%s' while it is associated with VPC endpoint service '%s'", lb.arn, service)
	}
	for _, n := range leaving {
		if slices.ContainsFunc(subnets, func(subnet *ec2.Subnet) bool { return subnet.Zone == n.subnet.Zone }) {
			return wire.Errorf("InvalidConfigurationRequest",
				"Subnet '%s' must be removed before another subnet of Availability Zone '%s' can be added", n.subnet.ID, n.subnet.Zone)
		}
	}
	return nil
}

// leave takes a node away. Its connections end, and so do those of other nodes with the targets of its zone, which are
// unused from then on.
func (s *Service) leave(lb *loadBalancer, n *node) {
	lb.nodes = slices.DeleteFunc(lb.nodes, func(other *node) bool { return other == n })
	for _, l := range lb.listeners {
		if socket := l.sockets[n]; socket != nil {
			_ = socket.Close()
			delete(l.sockets, n)
		}
	}
	lb.flows.resetWhere(func(f *flow) bool { return f.node == n || f.via.zone == n.subnet.Zone })
	s.names.Delete(n.subnet.Zone + "." + lb.dnsName)
	s.interfaces.Detach(n.interfaceID)
}

// setSecurityGroups replaces the groups. A load balancer that was born without can never have one
// (elasticloadbalancing/latest/network/load-balancer-security-groups.html).
func (s *Service) setSecurityGroups(ctx context.Context, in *elb.SetSecurityGroupsInput) (*elb.SetSecurityGroupsOutput, error) {
	lb, err := s.loadBalancer(ctx, *in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if len(lb.groups) == 0 {
		return nil, wire.Errorf("InvalidConfigurationRequest",
			"You cannot set security groups on a Network Load Balancer which was created without any security groups.")
	}
	if len(in.SecurityGroups) == 0 {
		return nil, wire.Errorf("InvalidConfigurationRequest", "At least one security group must be specified")
	}
	if err := s.validateGroups(lb.account, lb.vpc, in.SecurityGroups); err != nil {
		return nil, err
	}
	for _, n := range lb.nodes {
		if err := s.interfaces.SetGroups(n.interfaceID, in.SecurityGroups); err != nil {
			return nil, err
		}
	}
	lb.groups = in.SecurityGroups
	if e := in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic; e != "" {
		lb.enforce = e == types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOn
	}
	return &elb.SetSecurityGroupsOutput{
		SecurityGroupIds: slices.Clone(lb.groups),
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum(onOff(lb.enforce)),
	}, nil
}

func (lb *loadBalancer) addresses() []netip.Addr {
	var all []netip.Addr
	for _, n := range lb.nodes {
		all = append(all, n.address)
	}
	return all
}

func (lb *loadBalancer) crossZone(g *targetGroup) bool {
	own := g.attributes.get(targetGroupAttributes, crossZone)
	if own == useLoadBalancersConfiguration {
		own = lb.attributes.get(loadBalancerAttributes, crossZone)
	}
	return own == "true"
}
