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

// dhcpOptions are what a VPC tells its machines, of which DNS servers matter here
// (docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSetConcepts.html).
type dhcpOptions struct {
	ID, Account string
	values      []types.NewDhcpConfiguration
	common
}

func (o *dhcpOptions) identity() (id, account string) { return o.ID, o.Account }

const (
	dnsServers = "domain-name-servers"
	amazonDNS  = "AmazonProvidedDNS"
	noOptions  = "default" // of a VPC that has none
	mostNames  = 4         // of servers in a set
)

// linkLocalDNS is Amazon's DNS, too, in every VPC.
var linkLocalDNS = netip.MustParseAddr("169.254.169.253")

// defaultOptions are the set that an account has for its new VPCs.
func (s *Service) defaultOptions(account string) string {
	for _, o := range s.options {
		if o.Account == account && o.created.IsZero() {
			return o.ID
		}
	}
	o := &dhcpOptions{ID: model.ID("dopt"), Account: account, values: []types.NewDhcpConfiguration{
		{Key: aws.String("domain-name"), Values: []string{s.region + ".compute.internal"}},
		{Key: aws.String(dnsServers), Values: []string{amazonDNS}},
	}}
	s.options.add(o)
	return o.ID
}

func (s *Service) createDHCPOptions(ctx context.Context, in *ec2.CreateDhcpOptionsInput) (*ec2.CreateDhcpOptionsOutput, error) {
	if len(in.DhcpConfigurations) == 0 {
		return nil, missing("dhcpConfiguration")
	}
	for _, option := range in.DhcpConfigurations {
		if err := checkOption(option); err != nil {
			return nil, err
		}
	}
	tags, err := specified(in.TagSpecifications, types.ResourceTypeDhcpOptions)
	if err != nil {
		return nil, err
	}
	o := &dhcpOptions{ID: model.ID("dopt"), Account: wire.CallerOf(ctx).Account, values: in.DhcpConfigurations, common: born(tags)}
	s.options.add(o)
	return &ec2.CreateDhcpOptionsOutput{DhcpOptions: new(describedOptions(o))}, nil
}

func checkOption(option types.NewDhcpConfiguration) error {
	key := aws.ToString(option.Key)
	if !slices.Contains([]string{"domain-name", dnsServers, "ntp-servers", "netbios-name-servers", "netbios-node-type"}, key) {
		return wire.Errorf("InvalidParameterValue", "Value (%s) for parameter key is invalid. Unknown DHCP option", key)
	}
	if key != dnsServers {
		return nil
	}
	if len(option.Values) > mostNames {
		return wire.Errorf("InvalidParameterValue", "Value (%v) for parameter value is invalid. Too many domain name servers", option.Values)
	}
	for _, server := range option.Values {
		if _, err := netip.ParseAddr(server); err != nil && server != amazonDNS {
			return wire.Errorf("InvalidParameterValue", "Value (%s) for parameter value is invalid. Invalid IPv4 address", server)
		}
	}
	return nil
}

var optionsFilters = filterable[*dhcpOptions]{
	"dhcp-options-id": func(o *dhcpOptions) []string { return []string{o.ID} },
	"owner-id":        func(o *dhcpOptions) []string { return []string{o.Account} },
}

func (s *Service) describeDHCPOptions(ctx context.Context, in *ec2.DescribeDhcpOptionsInput) (*ec2.DescribeDhcpOptionsOutput, error) {
	s.defaultOptions(wire.CallerOf(ctx).Account)
	q := query{kind: optionsKind, ids: in.DhcpOptionsIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}
	found, next, err := list(ctx, s, s.options, q, optionsFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeDhcpOptionsOutput{NextToken: next}
	for _, o := range found {
		out.DhcpOptions = append(out.DhcpOptions, describedOptions(o))
	}
	return out, nil
}

func describedOptions(o *dhcpOptions) types.DhcpOptions {
	out := types.DhcpOptions{DhcpOptionsId: &o.ID, OwnerId: &o.Account, Tags: o.tags}
	for _, option := range o.values {
		described := types.DhcpConfiguration{Key: option.Key}
		for _, value := range option.Values {
			described.Values = append(described.Values, types.AttributeValue{Value: &value})
		}
		out.DhcpConfigurations = append(out.DhcpConfigurations, described)
	}
	return out
}

// associateDHCPOptions makes the machines of a VPC ask other DNS servers: those that start from then on, and the others
// when their lease ends.
func (s *Service) associateDHCPOptions(ctx context.Context, in *ec2.AssociateDhcpOptionsInput) (*ec2.AssociateDhcpOptionsOutput, error) {
	v, err := s.vpc(ctx, in.VpcId)
	if err != nil {
		return nil, err
	}
	id := aws.ToString(in.DhcpOptionsId)
	var servers []netip.Addr
	if id != noOptions {
		o, ok := s.options.of(v.Account, id)
		if !ok {
			return nil, optionsKind.unknown(id)
		}
		servers = o.servers(v)
	}
	if err := s.namespaces.SetDNS(v.ID, servers); err != nil {
		return nil, err
	}
	v.options, v.servers = id, servers
	s.guard(v.ID)
	return &ec2.AssociateDhcpOptionsOutput{}, nil
}

// servers are the DNS servers of a VPC that are not Amazon's.
func (o *dhcpOptions) servers(v *vpc) []netip.Addr {
	var servers []netip.Addr
	amazons := v.blocks[0].cidr.Addr().Next().Next()
	for _, option := range o.values {
		if *option.Key != dnsServers {
			continue
		}
		for _, value := range option.Values {
			if a, err := netip.ParseAddr(value); err == nil && a != amazons && a != linkLocalDNS {
				servers = append(servers, a)
			}
		}
	}
	return servers
}

// describeVPCAttribute tells one attribute in a call
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcAttribute.html).
func (s *Service) describeVPCAttribute(ctx context.Context, in *ec2.DescribeVpcAttributeInput) (*ec2.DescribeVpcAttributeOutput, error) {
	v, err := s.seenVPC(ctx, in.VpcId)
	if err != nil {
		return nil, err
	}
	if in.Attribute == "" {
		return nil, missing("attribute")
	}
	out := &ec2.DescribeVpcAttributeOutput{VpcId: &v.ID}
	switch in.Attribute {
	case types.VpcAttributeNameEnableDnsSupport:
		out.EnableDnsSupport = &types.AttributeBooleanValue{Value: &v.dns.support}
	case types.VpcAttributeNameEnableDnsHostnames:
		out.EnableDnsHostnames = &types.AttributeBooleanValue{Value: &v.dns.hostnames}
	case types.VpcAttributeNameEnableNetworkAddressUsageMetrics:
		out.EnableNetworkAddressUsageMetrics = &types.AttributeBooleanValue{Value: aws.Bool(false)}
	default:
		return nil, wire.Errorf("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}
