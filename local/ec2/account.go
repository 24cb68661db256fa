package ec2

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// zone is an Availability Zone as an account sees it, filterable like a resource.
type zone struct {
	model.Zone
	account string
	common
}

func (z *zone) identity() (id, account string) { return z.ID, z.account }

func (s *Service) zones(account string) table[*zone] {
	var zones table[*zone]
	for _, z := range model.Zones(s.region, account) {
		zones.add(&zone{Zone: z, account: account})
	}
	return zones
}

// zoneNames are the names that account has for zone ids.
func (s *Service) zoneNames(account string, ids []string) []string {
	var names []string
	for _, z := range model.Zones(s.region, account) {
		if slices.Contains(ids, z.ID) {
			names = append(names, z.Name)
		}
	}
	return names
}

const zoneType = "availability-zone" // there are no Local Zones here

var zoneFilters = filterable[*zone]{
	"zone-name":   func(z *zone) []string { return []string{z.Name} },
	"zone-id":     func(z *zone) []string { return []string{z.ID} },
	"zone-type":   func(*zone) []string { return []string{zoneType} },
	"region-name": func(z *zone) []string { return []string{regionOf(z)} },
	"state":       func(*zone) []string { return []string{string(types.AvailabilityZoneStateAvailable)} },
	"opt-in-status": func(*zone) []string {
		return []string{string(types.AvailabilityZoneOptInStatusOptInNotRequired)}
	},
}

func regionOf(z *zone) string { return z.Name[:len(z.Name)-1] }

func (s *Service) describeAvailabilityZones(
	ctx context.Context, in *ec2.DescribeAvailabilityZonesInput,
) (*ec2.DescribeAvailabilityZonesOutput, error) {
	zones := s.zones(wire.CallerOf(ctx).Account)
	for _, name := range in.ZoneNames {
		if !slices.ContainsFunc(zones, func(z *zone) bool { return z.Name == name }) {
			return nil, wire.Errorf("InvalidParameterValue", "Invalid availability zone: [%s]", name)
		}
	}
	if len(in.ZoneNames) > 0 {
		zones = zones.where(func(z *zone) bool { return slices.Contains(in.ZoneNames, z.Name) })
	}
	q := query{kind: zoneKind, ids: in.ZoneIds, filters: in.Filters}
	found, _, err := list(ctx, s, zones, q, zoneFilters)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b *zone) int { return strings.Compare(a.Name, b.Name) })
	out := &ec2.DescribeAvailabilityZonesOutput{}
	for _, z := range found {
		out.AvailabilityZones = append(out.AvailabilityZones, types.AvailabilityZone{
			ZoneName: &z.Name, ZoneId: &z.ID, ZoneType: aws.String(zoneType), RegionName: aws.String(regionOf(z)),
			GroupName: aws.String(regionOf(z)), NetworkBorderGroup: aws.String(regionOf(z)),
			State: types.AvailabilityZoneStateAvailable, OptInStatus: types.AvailabilityZoneOptInStatusOptInNotRequired,
		})
	}
	return out, nil
}

// describeAccountAttributes answers what Elastic Load Balancing asks for: the account has no EC2-Classic.
func (s *Service) describeAccountAttributes(
	ctx context.Context, in *ec2.DescribeAccountAttributesInput,
) (*ec2.DescribeAccountAttributesOutput, error) {
	values := map[types.AccountAttributeName]string{
		types.AccountAttributeNameSupportedPlatforms: "VPC",
		types.AccountAttributeNameDefaultVpc:         s.defaultVPCName(wire.CallerOf(ctx).Account),
	}
	names := in.AttributeNames
	if len(names) == 0 {
		names = []types.AccountAttributeName{types.AccountAttributeNameSupportedPlatforms, types.AccountAttributeNameDefaultVpc}
	}
	out := &ec2.DescribeAccountAttributesOutput{}
	for _, name := range names {
		out.AccountAttributes = append(out.AccountAttributes, types.AccountAttribute{
			AttributeName:   aws.String(string(name)),
			AttributeValues: []types.AccountAttributeValue{{AttributeValue: aws.String(values[name])}},
		})
	}
	return out, nil
}

// describeInternetGateways finds none: no VPC here reaches the internet.
func (s *Service) describeInternetGateways(
	context.Context, *ec2.DescribeInternetGatewaysInput,
) (*ec2.DescribeInternetGatewaysOutput, error) {
	return &ec2.DescribeInternetGatewaysOutput{}, nil
}

// describeAddresses finds none: nothing here has an Elastic IP address.
func (s *Service) describeAddresses(context.Context, *ec2.DescribeAddressesInput) (*ec2.DescribeAddressesOutput, error) {
	return &ec2.DescribeAddressesOutput{}, nil
}
