package ec2

import (
	"context"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// endpointService is a VPC endpoint service configuration.
type endpointService struct {
	ID, Account        string
	name               string
	state              types.ServiceState
	acceptanceRequired bool
	loadBalancers      []string // ARNs
	zoneIDs            []string // those of the load balancers when AWS last looked: at creation, and at each modification
	regions            []string // beside its own
	private            *privateName
	principals         table[*allowedPrincipal]
	common
}

func (svc *endpointService) identity() (id, account string) { return svc.ID, svc.Account }

// servedBy says whether the service holds the load balancer, as it does until it is deleted.
func (svc *endpointService) servedBy(lbARN string) bool {
	return svc.state != types.ServiceStateDeleted && slices.Contains(svc.loadBalancers, lbARN)
}

// endpointService is the caller's service with that id, unless it has been deleted.
func (s *Service) endpointService(ctx context.Context, id *string) (*endpointService, error) {
	svc, ok := s.services.of(wire.CallerOf(ctx).Account, aws.ToString(id))
	if !ok || !s.world.Visible(svc.ID, svc.created) || svc.state == types.ServiceStateDeleting || svc.state == types.ServiceStateDeleted {
		return nil, serviceKind.unknown(aws.ToString(id))
	}
	return svc, nil
}

func (s *Service) createEndpointService(
	ctx context.Context, in *ec2.CreateVpcEndpointServiceConfigurationInput,
) (*ec2.CreateVpcEndpointServiceConfigurationOutput, error) {
	account := wire.CallerOf(ctx).Account
	token := clientToken{account, "CreateVpcEndpointServiceConfiguration", aws.ToString(in.ClientToken)}
	svc, err := once(s, token, in, func() (*endpointService, error) { return s.newEndpointService(account, in) })
	if err != nil {
		return nil, err
	}
	return &ec2.CreateVpcEndpointServiceConfigurationOutput{ClientToken: in.ClientToken,
		ServiceConfiguration: new(s.serviceConfiguration(svc))}, nil
}

func (s *Service) newEndpointService(account string, in *ec2.CreateVpcEndpointServiceConfigurationInput) (*endpointService, error) {
	tags, err := specified(in.TagSpecifications, types.ResourceTypeVpcEndpointService)
	if err != nil {
		return nil, err
	}
	svc := &endpointService{
		ID: model.ID("vpce-svc"), Account: account, state: types.ServiceStatePending,
		acceptanceRequired: in.AcceptanceRequired == nil || *in.AcceptanceRequired, common: born(tags),
	}
	svc.name = "com.amazonaws.vpce." + s.region + "." + svc.ID
	if err := unmodelled(len(in.GatewayLoadBalancerArns) > 0 || slices.Contains(in.SupportedIpAddressTypes, "ipv6")); err != nil {
		return nil, err
	}
	if in.PrivateDnsName != nil {
		if svc.private, err = newPrivateName(*in.PrivateDnsName); err != nil {
			return nil, err
		}
	}
	for _, arn := range in.NetworkLoadBalancerArns {
		if err := s.addLoadBalancer(svc, arn); err != nil {
			return nil, err
		}
	}
	if len(svc.loadBalancers) == 0 {
		return nil, noLoadBalancer()
	}
	if err := s.addRegions(svc, in.SupportedRegions); err != nil {
		return nil, err
	}
	s.services.add(svc)
	s.world.After(s.world.Delays.EndpointService, func() {
		if svc.state == types.ServiceStatePending {
			svc.state = types.ServiceStateAvailable
		}
	})
	return svc, nil
}

func noLoadBalancer() error {
	return wire.Errorf("InvalidParameter", "exactly one of network_load_balancer_arn or gateway_load_balancer_arn is a required member")
}

// unmodelled refuses what AWS has and this local cloud does not.
func unmodelled(asked bool) error {
	if !asked {
		return nil
	}
	return wire.Errorf("InvalidParameter", "Gateway Load Balancers and IPv6 are not part of this local cloud")
}

// loadBalancerARN is of any type: which one it is comes after whether there is one.
var loadBalancerARN = regexp.MustCompile(
	`^arn:aws:elasticloadbalancing:[a-z0-9-]+:\d{12}:loadbalancer/(app|net|gwy)/[A-Za-z0-9-]+/[0-9a-f]{16}$`)

// addLoadBalancer puts a load balancer behind the service, and the service into its zones.
//
// No AWS page says what creating a service of a load balancer that is not yet active answers; HyperShift, which runs it in
// production, takes InvalidParameter as "most likely the NLB is not yet active" and tries again.
func (s *Service) addLoadBalancer(svc *endpointService, arn string) error {
	lb, ok := s.loadBalancers.LoadBalancer(arn)
	switch {
	case !loadBalancerARN.MatchString(arn):
		return wire.Errorf("InvalidNetworkLoadBalancerArn.Malformed", "The Network Load Balancer ARN '%s' is malformed", arn)
	case !ok || lb.Account != svc.Account:
		return wire.Errorf("InvalidNetworkLoadBalancerArn.NotFound", "The Network Load Balancer '%s' does not exist", arn)
	case lb.Type != "network":
		return wire.Errorf("InvalidParameter", "The load balancer '%s' is not a Network Load Balancer", arn)
	case lb.State != "active" && lb.State != "active_impaired":
		return wire.Errorf("InvalidParameter", "The load balancer '%s' is not active: its state is '%s'", arn, lb.State)
	}
	if _, inUse := s.ServiceOf(arn); inUse || slices.Contains(svc.loadBalancers, arn) {
		return wire.Errorf("InvalidParameter", "LBs are already associated with another VPC Endpoint Service Configuration")
	}
	svc.loadBalancers = append(svc.loadBalancers, arn)
	s.readZones(svc)
	return nil
}

// readZones takes over the zones that the load balancers now have, but for those where PrivateLink has no place. AWS does it
// when a service is created or modified, even without a change (privatelink/configure-endpoint-service.html), and at no
// other time.
func (s *Service) readZones(svc *endpointService) {
	svc.zoneIDs = nil
	for _, arn := range svc.loadBalancers {
		lb, _ := s.loadBalancers.LoadBalancer(arn)
		for _, n := range lb.Subnets {
			if s.world.Admits("vpce", n.Zone, n.ZoneID, n.ID) {
				svc.zoneIDs = append(svc.zoneIDs, n.ZoneID)
			}
		}
	}
	slices.Sort(svc.zoneIDs)
	svc.zoneIDs = slices.Compact(svc.zoneIDs)
}

// Zones without cross-Region access (privatelink/privatelink-share-your-services.html).
var zonesWithinRegion = []string{"use1-az3", "usw1-az2", "apne1-az3", "apne2-az2", "apne2-az4"}

// addRegions lets consumers of other Regions in. The rules are AWS's (privatelink-share-your-services.html, "Cross-Region
// access": opt-in Regions must be enabled), the wording is not.
func (s *Service) addRegions(svc *endpointService, regions []string) error {
	if len(regions) == 0 {
		return nil
	}
	if len(svc.zoneIDs) < 2 {
		return wire.Errorf("InvalidParameter", "Cross-Region access requires a service in at least two Availability Zones")
	}
	if slices.ContainsFunc(svc.zoneIDs, func(id string) bool { return slices.Contains(zonesWithinRegion, id) }) {
		return wire.Errorf("InvalidParameter", "Cross-Region access is not supported in the Availability Zones %v", zonesWithinRegion)
	}
	for _, region := range regions {
		switch {
		case slices.Contains(optInRegions, region):
			return wire.Errorf("InvalidParameter", "The Region %s is not enabled for this account", region)
		case !slices.Contains(openRegions, region):
			return wire.Errorf("InvalidParameter", "The Region %s does not exist", region)
		}
		if region != s.region && !slices.Contains(svc.regions, region) {
			svc.regions = append(svc.regions, region)
		}
	}
	return nil
}

var serviceFilters = filterable[*endpointService]{
	"service-id":    func(svc *endpointService) []string { return []string{svc.ID} },
	"service-name":  func(svc *endpointService) []string { return []string{svc.name} },
	"service-state": func(svc *endpointService) []string { return []string{string(svc.state)} },
	"supported-ip-address-types": func(*endpointService) []string {
		return []string{string(types.ServiceConnectivityTypeIpv4)}
	},
}

func (s *Service) describeEndpointServiceConfigurations(
	ctx context.Context, in *ec2.DescribeVpcEndpointServiceConfigurationsInput,
) (*ec2.DescribeVpcEndpointServiceConfigurationsOutput, error) {
	q := query{kind: serviceKind, ids: in.ServiceIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}
	found, next, err := list(ctx, s, s.services, q, serviceFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcEndpointServiceConfigurationsOutput{NextToken: next}
	for _, svc := range found {
		out.ServiceConfigurations = append(out.ServiceConfigurations, s.serviceConfiguration(svc))
	}
	return out, nil
}

func (s *Service) baseName(svc *endpointService) string {
	return svc.ID + "." + s.region + ".vpce.amazonaws.com"
}

var interfaceService = []types.ServiceTypeDetail{{ServiceType: types.ServiceTypeInterface}}

// serviceConfiguration names the zones and leaves their ids out: AvailabilityZoneIds is in the model, and no recording of a
// real answer shows it filled.
func (s *Service) serviceConfiguration(svc *endpointService) types.ServiceConfiguration {
	out := types.ServiceConfiguration{
		ServiceId: &svc.ID, ServiceName: &svc.name, ServiceState: svc.state, ServiceType: interfaceService,
		AcceptanceRequired: aws.Bool(svc.acceptanceRequired), ManagesVpcEndpoints: aws.Bool(false),
		AvailabilityZones:       s.zoneNames(svc.Account, svc.zoneIDs),
		NetworkLoadBalancerArns: slices.Clone(svc.loadBalancers), BaseEndpointDnsNames: []string{s.baseName(svc)},
		SupportedIpAddressTypes: []types.ServiceConnectivityType{types.ServiceConnectivityTypeIpv4},
		RemoteAccessEnabled:     aws.Bool(len(svc.regions) > 0), Tags: svc.tags,
	}
	out.PrivateDnsName, out.PrivateDnsNameConfiguration = svc.private.described()
	for _, region := range append([]string{s.region}, svc.regions...) {
		out.SupportedRegions = append(out.SupportedRegions,
			types.SupportedRegionDetail{Region: aws.String(region), ServiceState: aws.String(string(svc.state))})
	}
	return out
}

// modifyEndpointService changes everything that is asked for, or nothing.
func (s *Service) modifyEndpointService(
	ctx context.Context, in *ec2.ModifyVpcEndpointServiceConfigurationInput,
) (*ec2.ModifyVpcEndpointServiceConfigurationOutput, error) {
	svc, err := s.endpointService(ctx, in.ServiceId)
	if err != nil {
		return nil, err
	}
	ipv6 := slices.Contains(in.AddSupportedIpAddressTypes, "ipv6")
	if err := unmodelled(len(in.AddGatewayLoadBalancerArns) > 0 || ipv6); err != nil {
		return nil, err
	}
	changed := *svc
	changed.loadBalancers, changed.regions = slices.Clone(svc.loadBalancers), slices.Clone(svc.regions)
	if err := s.modifyLoadBalancers(&changed, s.hasConnections(svc), in); err != nil {
		return nil, err
	}
	if err := s.modifyRegions(&changed, in); err != nil {
		return nil, err
	}
	if err := modifyPrivateName(&changed, in); err != nil {
		return nil, err
	}
	if in.AcceptanceRequired != nil {
		changed.acceptanceRequired = *in.AcceptanceRequired
	}
	*svc = changed
	return &ec2.ModifyVpcEndpointServiceConfigurationOutput{Return: aws.Bool(true)}, nil
}

// modifyLoadBalancers cannot take a load balancer away while endpoints are attached
// (privatelink/configure-endpoint-service.html), nor the last one.
func (s *Service) modifyLoadBalancers(svc *endpointService, connected bool, in *ec2.ModifyVpcEndpointServiceConfigurationInput) error {
	if len(in.RemoveNetworkLoadBalancerArns) > 0 && connected {
		return existingConnections()
	}
	for _, arn := range in.AddNetworkLoadBalancerArns {
		if err := s.addLoadBalancer(svc, arn); err != nil {
			return err
		}
	}
	svc.loadBalancers = slices.DeleteFunc(svc.loadBalancers,
		func(arn string) bool { return slices.Contains(in.RemoveNetworkLoadBalancerArns, arn) })
	if len(svc.loadBalancers) == 0 {
		return noLoadBalancer()
	}
	s.readZones(svc)
	return nil
}

func (s *Service) modifyRegions(svc *endpointService, in *ec2.ModifyVpcEndpointServiceConfigurationInput) error {
	for _, region := range in.RemoveSupportedRegions {
		if !slices.Contains(svc.regions, region) { // its own Region cannot be removed either
			return wire.Errorf("InvalidParameter", "Cannot remove region %s", region)
		}
	}
	svc.regions = slices.DeleteFunc(svc.regions, func(region string) bool { return slices.Contains(in.RemoveSupportedRegions, region) })
	return s.addRegions(svc, in.AddSupportedRegions)
}

func existingConnections() *wire.Error {
	return wire.Errorf("ExistingVpcEndpointConnections", "Service has existing active VPC Endpoint connections!")
}

// hasConnections says whether an endpoint stands in the way of deleting the service: available or pending acceptance, as
// privatelink/delete-endpoint-service.html says, or on its way between the two, as the field found.
func (s *Service) hasConnections(svc *endpointService) bool {
	return slices.ContainsFunc(s.endpoints, func(e *endpoint) bool {
		return e.service == svc && (e.state == pendingAcceptance || e.state == pending || e.state == available)
	})
}

// deleteEndpointServices answers 200 also for what it could not delete, and names it.
func (s *Service) deleteEndpointServices(
	ctx context.Context, in *ec2.DeleteVpcEndpointServiceConfigurationsInput,
) (*ec2.DeleteVpcEndpointServiceConfigurationsOutput, error) {
	out := &ec2.DeleteVpcEndpointServiceConfigurationsOutput{}
	for _, id := range in.ServiceIds {
		if err := s.deleteEndpointService(ctx, id); err != nil {
			out.Unsuccessful = append(out.Unsuccessful, unsuccessful(id, err))
		}
	}
	return out, nil
}

func unsuccessful(id string, err *wire.Error) types.UnsuccessfulItem {
	return types.UnsuccessfulItem{ResourceId: aws.String(id), Error: &types.UnsuccessfulItemError{Code: &err.Code, Message: &err.Message}}
}

// deleteEndpointService leaves the service listed, first as Deleting and then as Deleted, before it is gone. AWS gives no
// figures; each is assumed to last as long as creation.
func (s *Service) deleteEndpointService(ctx context.Context, id string) *wire.Error {
	svc, err := s.endpointService(ctx, &id)
	if err != nil {
		return wire.Errorf("InvalidVpcEndpointService.NotFound", "The VpcEndpointService Id '%s' does not exist", id)
	}
	if s.hasConnections(svc) {
		return existingConnections()
	}
	svc.state = types.ServiceStateDeleting
	s.world.After(s.world.Delays.EndpointService, func() {
		svc.state = types.ServiceStateDeleted
		s.notifications = s.notifications.where(func(n *notification) bool { return n.service != svc.ID })
		s.world.After(s.world.Delays.EndpointService, func() { s.services.remove(svc.ID) })
	})
	return nil
}

func noServiceName(name string) error {
	return wire.Errorf("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", name)
}
