package ec2

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// Interface is an elastic network interface. Without groups it is unguarded, as the node of a load balancer that was born
// without a security group is.
type Interface struct {
	ID, Account, VPC, Subnet, Zone string
	Address                        netip.Addr
	Groups                         []string
	Description                    string
	common
}

func (i *Interface) identity() (id, account string) { return i.ID, i.Account }

// Attach makes a network interface in a subnet of account. A zero address takes a free one.
func (s *Service) Attach(account, subnet string, groups []string, description string, address netip.Addr) (*Interface, error) {
	in, err := s.Subnet(account, subnet)
	if err != nil {
		return nil, err
	}
	if err := s.checkGroups(account, in, groups); err != nil {
		return nil, err
	}
	if address, err = s.allocate(in, address); err != nil {
		return nil, err
	}
	if err := s.addresses.AddAddress(in.VPC, address); err != nil {
		return nil, fmt.Errorf("add address %s to %s: %w", address, in.VPC, err)
	}
	i := &Interface{
		ID: model.ID("eni"), Account: account, VPC: in.VPC, Subnet: in.ID, Zone: in.Zone,
		Address: address, Groups: slices.Clone(groups), Description: description, common: born(nil),
	}
	s.interfaces.add(i)
	s.guard(in.VPC)
	return i, nil
}

// Detach deletes a network interface; its address is free at once.
func (s *Service) Detach(interfaceID string) {
	i, ok := s.interfaces.find(interfaceID)
	if !ok {
		return
	}
	s.interfaces.remove(interfaceID)
	s.guard(i.VPC)
	s.addresses.RemoveAddress(i.VPC, i.Address)
}

// SetGroups changes the security groups of a network interface.
func (s *Service) SetGroups(interfaceID string, groups []string) error {
	i, ok := s.interfaces.find(interfaceID)
	if !ok {
		return interfaceKind.unknown(interfaceID)
	}
	subnet, err := s.Subnet(i.Account, i.Subnet)
	if err != nil {
		return err
	}
	if err := s.checkGroups(i.Account, subnet, groups); err != nil {
		return err
	}
	i.Groups = slices.Clone(groups)
	s.guard(i.VPC)
	return nil
}

func (s *Service) checkGroups(account string, subnet *Subnet, groups []string) error {
	for _, id := range groups {
		group, err := s.securityGroup(account, id)
		if err != nil {
			return err
		}
		if group.VPC != subnet.VPC {
			return wire.Errorf("InvalidParameter", "Security group %s and subnet %s belong to different networks.", id, subnet.ID)
		}
	}
	return nil
}

// requester is the AWS service that asked for an interface, known by the description that it gives its interfaces.
type requester struct {
	description string // prefix
	id          string
	kind        types.NetworkInterfaceType
}

var requesters = []requester{
	{"ELB ", "amazon-elb", types.NetworkInterfaceTypeNetworkLoadBalancer},
	{"RDSNetworkInterface", "amazon-rds", types.NetworkInterfaceTypeInterface},
	{"Network interface for DBProxy ", "amazon-rds", types.NetworkInterfaceTypeInterface},
	{"AWS Lambda VPC ENI", "amazon-lambda", types.NetworkInterfaceTypeLambda},
	{endpointInterface, "amazon-vpce", types.NetworkInterfaceTypeVpcEndpoint},
}

// requester is the service that made i; none made one that a person attached.
func (i *Interface) requester() (requester, bool) {
	n := slices.IndexFunc(requesters, func(r requester) bool { return strings.HasPrefix(i.Description, r.description) })
	if n < 0 {
		return requester{kind: types.NetworkInterfaceTypeInterface}, false
	}
	return requesters[n], true
}

func (s *Service) describeNetworkInterfaces(
	ctx context.Context, in *ec2.DescribeNetworkInterfacesInput,
) (*ec2.DescribeNetworkInterfacesOutput, error) {
	q := query{kind: interfaceKind, ids: in.NetworkInterfaceIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}
	found, next, err := list(ctx, s, s.interfaces, q, interfaceFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkInterfacesOutput{NextToken: next}
	for _, i := range found {
		out.NetworkInterfaces = append(out.NetworkInterfaces, s.networkInterface(i))
	}
	return out, nil
}

var interfaceFilters = filterable[*Interface]{
	"network-interface-id":         func(i *Interface) []string { return []string{i.ID} },
	"subnet-id":                    func(i *Interface) []string { return []string{i.Subnet} },
	"vpc-id":                       func(i *Interface) []string { return []string{i.VPC} },
	"availability-zone":            func(i *Interface) []string { return []string{i.Zone} },
	"group-id":                     func(i *Interface) []string { return i.Groups },
	"description":                  func(i *Interface) []string { return []string{i.Description} },
	"private-ip-address":           func(i *Interface) []string { return []string{i.Address.String()} },
	"addresses.private-ip-address": func(i *Interface) []string { return []string{i.Address.String()} },
	"owner-id":                     func(i *Interface) []string { return []string{i.Account} },
	"status":                       func(*Interface) []string { return []string{string(types.NetworkInterfaceStatusInUse)} },
	"attachment.status":            func(*Interface) []string { return []string{string(types.AttachmentStatusAttached)} },
	"attachment.instance-owner-id": func(i *Interface) []string { r, _ := i.requester(); return []string{r.id} },
	"requester-id":                 func(i *Interface) []string { r, _ := i.requester(); return []string{r.id} },
	"requester-managed":            func(i *Interface) []string { _, managed := i.requester(); return boolean(managed) },
	"interface-type":               func(i *Interface) []string { r, _ := i.requester(); return []string{string(r.kind)} },
	"addresses.primary":            func(*Interface) []string { return boolean(true) },
}

func (s *Service) networkInterface(i *Interface) types.NetworkInterface {
	by, managed := i.requester()
	address, name := i.Address.String(), i.privateDNSName(s.region)
	out := types.NetworkInterface{
		NetworkInterfaceId: &i.ID, OwnerId: &i.Account, VpcId: &i.VPC, SubnetId: &i.Subnet,
		AvailabilityZone: &i.Zone, AvailabilityZoneId: aws.String(s.zoneIDAt(i.VPC, i.Address)),
		Description: &i.Description, InterfaceType: by.kind,
		PrivateIpAddress: &address, PrivateDnsName: &name, MacAddress: aws.String(i.macAddress()),
		PrivateIpAddresses: []types.NetworkInterfacePrivateIpAddress{
			{Primary: aws.Bool(true), PrivateIpAddress: &address, PrivateDnsName: &name},
		},
		RequesterManaged: &managed, SourceDestCheck: aws.Bool(!managed), Status: types.NetworkInterfaceStatusInUse,
		Attachment: &types.NetworkInterfaceAttachment{
			AttachmentId: aws.String(strings.Replace(i.ID, "eni-", "eni-attach-", 1)), AttachTime: &i.created,
			DeviceIndex: aws.Int32(1), DeleteOnTermination: aws.Bool(false), Status: types.AttachmentStatusAttached,
		},
		TagSet: shown(i.tags), Groups: []types.GroupIdentifier{}, Ipv6Addresses: []types.NetworkInterfaceIpv6Address{},
	}
	if managed {
		out.RequesterId = aws.String(by.id)
		out.Attachment.InstanceOwnerId = aws.String(by.id)
	}
	for _, id := range i.Groups {
		out.Groups = append(out.Groups, types.GroupIdentifier{GroupId: aws.String(id), GroupName: aws.String(s.groupName(id))})
	}
	return out
}

func (i *Interface) privateDNSName(region string) string {
	return "ip-" + strings.ReplaceAll(i.Address.String(), ".", "-") + "." + region + ".compute.internal"
}

// macAddress is a locally administered address that ends with the IP address.
func (i *Interface) macAddress() string {
	a := i.Address.As4()
	return fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3])
}
