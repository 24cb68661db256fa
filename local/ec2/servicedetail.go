package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/wire"
)

var serviceDetailFilters = filterable[*endpointService]{
	"service-name": func(svc *endpointService) []string { return []string{svc.name} },
	"service-type": func(*endpointService) []string { return []string{string(types.ServiceTypeInterface)} },
	"supported-ip-address-types": func(*endpointService) []string {
		return []string{string(types.ServiceConnectivityTypeIpv4)}
	},
}

// describeEndpointServices are the services that the caller may make an endpoint to: to who is not let in the others do not
// exist. AWS's own services are no part of this cloud.
func (s *Service) describeEndpointServices(
	ctx context.Context, in *ec2.DescribeVpcEndpointServicesInput,
) (*ec2.DescribeVpcEndpointServicesOutput, error) {
	if len(in.ServiceRegions) > 0 {
		return nil, wire.Errorf("InvalidParameter", "Services of other Regions are not part of this local cloud")
	}
	caller := wire.CallerOf(ctx)
	seen := s.services.where(func(svc *endpointService) bool {
		return svc.state == types.ServiceStateAvailable && svc.allows(caller)
	})
	if len(in.ServiceNames) > 0 {
		named := table[*endpointService]{}
		for _, name := range in.ServiceNames {
			of := seen.where(func(svc *endpointService) bool { return svc.name == name })
			if len(of) == 0 {
				return nil, noServiceName(name)
			}
			named = append(named, of...)
		}
		seen = named
	}
	for _, f := range in.Filters {
		match, err := serviceDetailFilters.match(f)
		if err != nil {
			return nil, err
		}
		seen = seen.where(match)
	}
	seen, next, err := page(seen, query{maxResults: in.MaxResults, nextToken: in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcEndpointServicesOutput{NextToken: next, ServiceNames: []string{}}
	for _, svc := range seen {
		out.ServiceNames = append(out.ServiceNames, svc.name)
		out.ServiceDetails = append(out.ServiceDetails, s.serviceDetail(caller.Account, svc))
	}
	return out, nil
}

// serviceDetail names the zones as the account does, and leaves their ids out, as serviceConfiguration does. Services of
// customers take no endpoint policy: aquasecurity/cloudsploit and other projects have recorded it.
func (s *Service) serviceDetail(account string, svc *endpointService) types.ServiceDetail {
	return types.ServiceDetail{
		ServiceId: &svc.ID, ServiceName: &svc.name, ServiceType: interfaceService, ServiceRegion: &s.world.Region, Owner: &svc.Account,
		AvailabilityZones: s.zoneNames(account, svc.zoneIDs), BaseEndpointDnsNames: []string{s.baseName(svc)},
		AcceptanceRequired: aws.Bool(svc.acceptanceRequired), ManagesVpcEndpoints: aws.Bool(false),
		VpcEndpointPolicySupported: aws.Bool(false),
		SupportedIpAddressTypes:    []types.ServiceConnectivityType{types.ServiceConnectivityTypeIpv4},
	}
}
