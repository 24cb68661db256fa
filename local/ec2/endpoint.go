package ec2

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// endpoint is an interface VPC endpoint: a consumer's side of a PrivateLink connection.
type endpoint struct {
	ID, Account  string
	VPC          string
	at           *Service // of its Region
	service      *endpointService
	connectionID string
	state        types.State
	groups       []string
	interfaces   []*Interface // one per subnet
	names        []string     // the regional one, then the zonal ones
	privateName  string       // of the service, while the endpoint's VPC answers by it
	gates        map[netip.AddrPort]*gate
	connections  int // that are open
	common
}

func (e *endpoint) identity() (id, account string) { return e.ID, e.Account }

const endpointInterface = "VPC Endpoint Interface "

func (s *Service) createEndpoint(ctx context.Context, in *ec2.CreateVpcEndpointInput) (*ec2.CreateVpcEndpointOutput, error) {
	token := clientToken{wire.CallerOf(ctx).Account, "CreateVpcEndpoint", aws.ToString(in.ClientToken)}
	e, err := once(s, token, in, func() (*endpoint, error) { return s.newEndpoint(ctx, in) })
	if err != nil {
		return nil, err
	}
	return &ec2.CreateVpcEndpointOutput{ClientToken: in.ClientToken, VpcEndpoint: new(s.describedEndpoint(e))}, nil
}

func (s *Service) newEndpoint(ctx context.Context, in *ec2.CreateVpcEndpointInput) (*endpoint, error) {
	if in.VpcEndpointType != types.VpcEndpointTypeInterface {
		return nil, wire.Errorf("InvalidParameter", "Only endpoints of type Interface are part of this local cloud")
	}
	if in.PolicyDocument != nil {
		// AWS's words are not known; that it is refused follows from vpcEndpointPolicySupported (serviceDetail).
		return nil, wire.Errorf("InvalidParameter", "The VPC endpoint service %s does not support endpoint policies",
			aws.ToString(in.ServiceName))
	}
	v, err := s.vpc(ctx, in.VpcId)
	if err != nil {
		return nil, err
	}
	svc, err := s.serviceFor(ctx, in)
	if err != nil {
		return nil, err
	}
	zones := svc.zoneIDs
	if s != s.home {
		zones = zonesAbroad(s.region, v.Account)
	}
	subnets, err := s.endpointSubnets(v, svc, zones, in.SubnetIds)
	if err != nil {
		return nil, err
	}
	tags, err := specified(in.TagSpecifications, types.ResourceTypeVpcEndpoint)
	if err != nil {
		return nil, err
	}
	e := &endpoint{
		ID: model.ID("vpce"), Account: v.Account, VPC: v.ID, at: s, service: svc, connectionID: model.ID("vpce-con"),
		state: pendingAcceptance, groups: in.SecurityGroupIds, gates: map[netip.AddrPort]*gate{}, common: born(tags),
	}
	if len(e.groups) == 0 {
		group, _ := s.DefaultSecurityGroup(v.ID) // every VPC has one
		e.groups = []string{group.ID}
	}
	if err := s.place(e, subnets); err != nil {
		return nil, err
	}
	if !svc.acceptanceRequired {
		e.state = pending
	}
	if aws.ToBool(in.PrivateDnsEnabled) {
		if err := s.enablePrivateName(e); err != nil {
			s.displace(e)
			return nil, err
		}
	}
	s.home.endpoints.add(e)
	s.publish(e)
	s.home.notify(connectEvent, e)
	if !svc.acceptanceRequired {
		s.connect(e)
	}
	return e, nil
}

// serviceFor finds the service that an endpoint is wanted for. To who is not allowed, it does not exist, nor does it in
// another Region than the one that is named, or for one that it does not support (API_CreateVpcEndpoint, ServiceRegion;
// privatelink/privatelink-share-your-services.html, "Cross-Region access").
func (s *Service) serviceFor(ctx context.Context, in *ec2.CreateVpcEndpointInput) (*endpointService, error) {
	name := aws.ToString(in.ServiceName)
	of := s.region
	if in.ServiceRegion != nil {
		of = *in.ServiceRegion
	}
	i := slices.IndexFunc(s.home.services, func(svc *endpointService) bool {
		return svc.name == name && svc.state == types.ServiceStateAvailable && svc.allows(wire.CallerOf(ctx)) &&
			of == s.home.region && (of == s.region || slices.Contains(svc.regions, s.region))
	})
	if i < 0 {
		return nil, noServiceName(name)
	}
	return s.home.services[i], unverified(s.home.services[i])
}

// zonesAbroad are those in which an endpoint to a service of another Region can be: AWS leads its connections to the zones
// of the service.
func zonesAbroad(region, account string) []string {
	var ids []string
	for _, z := range model.Zones(region, account) {
		if !slices.Contains(zonesWithinRegion, z.ID) {
			ids = append(ids, z.ID)
		}
	}
	return ids
}

// endpointSubnets checks that there is one subnet per zone, and only zones that the service is in.
func (s *Service) endpointSubnets(v *vpc, svc *endpointService, zones, ids []string) ([]*Subnet, error) {
	var subnets []*Subnet
	for _, id := range ids {
		n, err := s.Subnet(v.Account, id)
		switch {
		case err != nil:
			return nil, err
		case n.VPC != v.ID:
			return nil, wire.Errorf("InvalidParameter", "Subnet %s does not belong to VPC %s", id, v.ID)
		case !slices.Contains(zones, n.ZoneID):
			return nil, wire.Errorf("InvalidParameter",
				"The VPC endpoint service %s does not support the availability zone of the subnet: %s.", svc.name, id)
		case slices.ContainsFunc(subnets, func(other *Subnet) bool { return other.ZoneID == n.ZoneID }):
			return nil, wire.Errorf("DuplicateSubnetsInSameZone",
				"Found another VPC endpoint subnet in the availability zone of %s. "+
					"VPC endpoint subnets should be in different availability zones supported by the VPC endpoint service.", id)
		}
		subnets = append(subnets, n)
	}
	return subnets, nil
}

// place gives the endpoint an interface in each subnet, or none at all.
func (s *Service) place(e *endpoint, subnets []*Subnet) error {
	for _, n := range subnets {
		i, err := s.Attach(e.Account, n.ID, e.groups, endpointInterface+e.ID, netip.Addr{})
		if err != nil {
			s.displace(e)
			return err
		}
		e.interfaces = append(e.interfaces, i)
	}
	return nil
}

func (s *Service) displace(e *endpoint) {
	for _, i := range e.interfaces {
		s.Detach(i.ID)
	}
}

// endpointTTL is that of the names of VPC endpoints, in seconds.
const endpointTTL = 60

// publish names the endpoint in public DNS, which answers its private addresses to everyone. The names are of the service's
// Region (privatelink/privatelink-share-your-services.html, "DNS hostnames").
func (s *Service) publish(e *endpoint) {
	stem, base := e.ID+"-"+model.Hex(8), s.home.baseName(e.service)
	var all []netip.Addr
	e.names = []string{stem + "." + base}
	for _, i := range e.interfaces {
		zonal := stem + "-" + i.Zone + "." + base
		s.records.Set(zonal, nil, []netip.Addr{i.Address}, endpointTTL)
		e.names = append(e.names, zonal)
		all = append(all, i.Address)
	}
	s.records.Set(e.names[0], nil, all, endpointTTL)
}

// connect makes an accepted endpoint available, which takes AWS a few minutes and is announced by nothing.
func (s *Service) connect(e *endpoint) {
	e.state = pending
	s.world.Change(e.ID, s.world.Delays.EndpointAvailable, func() {
		if e.state == pending {
			e.state = available
			s.align(e)
		}
	})
}

var endpointFilters = filterable[*endpoint]{
	"vpc-endpoint-id":    func(e *endpoint) []string { return []string{e.ID} },
	"vpc-endpoint-state": func(e *endpoint) []string { return []string{string(e.state)} },
	"vpc-endpoint-type":  func(*endpoint) []string { return []string{string(types.VpcEndpointTypeInterface)} },
	"vpc-id":             func(e *endpoint) []string { return []string{e.VPC} },
	"service-name":       func(e *endpoint) []string { return []string{e.service.name} },
	"service-region":     func(e *endpoint) []string { return []string{e.at.home.region} },
	"ip-address-type":    func(*endpoint) []string { return []string{string(types.IpAddressTypeIpv4)} },
}

func (s *Service) describeEndpoints(ctx context.Context, in *ec2.DescribeVpcEndpointsInput) (*ec2.DescribeVpcEndpointsOutput, error) {
	q := query{kind: endpointKind, ids: in.VpcEndpointIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}
	found, next, err := list(ctx, s, s.ownEndpoints(), q, endpointFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcEndpointsOutput{NextToken: next}
	for _, e := range found {
		out.VpcEndpoints = append(out.VpcEndpoints, s.describedEndpoint(e))
	}
	return out, nil
}

// ownEndpoints are those of the Region.
func (s *Service) ownEndpoints() table[*endpoint] {
	return s.home.endpoints.where(func(e *endpoint) bool { return e.at == s })
}

// fullAccess is the policy of an endpoint that was given none (API_CreateVpcEndpoint, PolicyDocument).
const fullAccess = `{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}`

func (s *Service) describedEndpoint(e *endpoint) types.VpcEndpoint {
	out := types.VpcEndpoint{
		VpcEndpointId: &e.ID, VpcEndpointType: types.VpcEndpointTypeInterface, VpcId: &e.VPC, OwnerId: &e.Account, State: e.state,
		ServiceName: &e.service.name, ServiceRegion: &e.at.home.region, IpAddressType: types.IpAddressTypeIpv4, DnsEntries: e.dnsEntries(),
		PolicyDocument: aws.String(fullAccess), PrivateDnsEnabled: aws.Bool(e.privateName != ""), RequesterManaged: aws.Bool(false),
		CreationTimestamp: &e.created, Tags: shown(e.tags),
		RouteTableIds: []string{}, SubnetIds: []string{}, NetworkInterfaceIds: []string{},
	}
	for _, i := range e.interfaces {
		out.SubnetIds = append(out.SubnetIds, i.Subnet)
		out.NetworkInterfaceIds = append(out.NetworkInterfaceIds, i.ID)
	}
	for _, id := range e.groups {
		out.Groups = append(out.Groups, types.SecurityGroupIdentifier{GroupId: aws.String(id), GroupName: aws.String(s.groupName(id))})
	}
	return out
}

// endpointZone is the hosted zone that AWS keeps the names of endpoints in; one for the Region.
const endpointZone = "Z273ZU8SZ5RJPC"

func (e *endpoint) dnsEntries() []types.DnsEntry {
	var entries []types.DnsEntry
	for _, name := range e.names {
		entries = append(entries, types.DnsEntry{DnsName: aws.String(name), HostedZoneId: aws.String(endpointZone)})
	}
	return entries
}

// deleteEndpoints answers 200 also for what it could not delete, and names it.
func (s *Service) deleteEndpoints(ctx context.Context, in *ec2.DeleteVpcEndpointsInput) (*ec2.DeleteVpcEndpointsOutput, error) {
	out := &ec2.DeleteVpcEndpointsOutput{}
	for _, id := range in.VpcEndpointIds {
		e, ok := s.ownEndpoints().of(wire.CallerOf(ctx).Account, id)
		if !ok || e.state == deleted {
			out.Unsuccessful = append(out.Unsuccessful,
				unsuccessful(id, wire.Errorf("InvalidVpcEndpoint.NotFound", "The Vpc Endpoint Id '%s' does not exist", id)))
		} else if e.state != deleting {
			s.deleteEndpoint(e)
		}
	}
	return out, nil
}

// deleteEndpoint cuts the endpoint off at once. Its interfaces go later, and both sides see it deleting and then deleted for
// a while; AWS gives no figures, each is assumed to last as long as becoming available.
func (s *Service) deleteEndpoint(e *endpoint) {
	e.state = deleting
	s.disablePrivateName(e)
	s.align(e)
	s.home.notify(deleteEvent, e)
	s.world.After(s.world.Delays.EndpointAvailable, func() {
		e.state = deleted
		s.displace(e)
		for _, name := range e.names {
			s.records.Delete(name)
		}
		s.world.After(s.world.Delays.EndpointAvailable, func() { s.home.endpoints.remove(e.ID) })
	})
}
