package ec2

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/network/networktest"
)

func serversOf(servers ...string) ec2.CreateDhcpOptionsInput {
	return ec2.CreateDhcpOptionsInput{DhcpConfigurations: []types.NewDhcpConfiguration{{Key: aws.String("domain-name-servers"), Values: servers}}}
}

func TestDHCPRefusals(t *testing.T) {
	checkRefusals(t, map[string]refusal{
		"an option that DHCP has not": {source: "API_CreateDhcpOptions.html", code: "InvalidParameterValue", do: func(c *cloud) error {
			return try(c, provider, c.createDHCPOptions, ec2.CreateDhcpOptionsInput{DhcpConfigurations: []types.NewDhcpConfiguration{{Key: aws.String("colour"), Values: []string{"red"}}}})
		}},
		"a server by name": {source: "API_CreateDhcpOptions.html", code: "InvalidParameterValue", do: func(c *cloud) error {
			return try(c, provider, c.createDHCPOptions, serversOf("ns.example.com"))
		}},
		"five servers": {source: "API_CreateDhcpOptions.html", code: "InvalidParameterValue", do: func(c *cloud) error {
			return try(c, provider, c.createDHCPOptions, serversOf("10.9.0.1", "10.9.0.2", "10.9.0.3", "10.9.0.4", "10.9.0.5"))
		}},
		"another account's set": {source: errorCodes, code: "InvalidDhcpOptionID.NotFound", do: func(c *cloud) error {
			made := must(c, provider, c.createDHCPOptions, serversOf("10.9.0.1"))
			return try(c, consumer, c.associateDHCPOptions, ec2.AssociateDhcpOptionsInput{VpcId: &c.consumerVPC, DhcpOptionsId: made.DhcpOptions.DhcpOptionsId})
		}},
		"no attribute": {source: "API_DescribeVpcAttribute.html", code: "MissingParameter", do: func(c *cloud) error {
			return try(c, provider, c.describeVPCAttribute, ec2.DescribeVpcAttributeInput{VpcId: &c.providerVPC})
		}},
		"another account's VPC": {source: errorCodes, code: "InvalidVpcID.NotFound", do: func(c *cloud) error {
			return try(c, consumer, c.describeVPCAttribute, ec2.DescribeVpcAttributeInput{VpcId: &c.providerVPC, Attribute: types.VpcAttributeNameEnableDnsSupport})
		}},
	})
}

func TestAVPCTellsItsDNS(t *testing.T) {
	c := newCloud(t)
	attribute := func(name types.VpcAttributeName) *ec2.DescribeVpcAttributeOutput {
		return must(c, provider, c.describeVPCAttribute, ec2.DescribeVpcAttributeInput{VpcId: &c.providerVPC, Attribute: name})
	}
	if !*attribute(types.VpcAttributeNameEnableDnsSupport).EnableDnsSupport.Value || *attribute(types.VpcAttributeNameEnableDnsHostnames).EnableDnsHostnames.Value {
		t.Error("a new VPC has DNS support and no DNS hostnames")
	}
	servers := func() (values []string) {
		v := must(c, provider, c.describeVPCs, ec2.DescribeVpcsInput{VpcIds: []string{c.providerVPC}}).Vpcs[0]
		options := must(c, provider, c.describeDHCPOptions, ec2.DescribeDhcpOptionsInput{DhcpOptionsIds: []string{*v.DhcpOptionsId}}).DhcpOptions[0]
		for _, option := range options.DhcpConfigurations {
			for _, value := range option.Values {
				if *option.Key == "domain-name-servers" {
					values = append(values, *value.Value)
				}
			}
		}
		return values
	}
	if got := servers(); !slices.Equal(got, []string{"AmazonProvidedDNS"}) {
		t.Errorf("a new VPC asks %v", got)
	}
	made := must(c, provider, c.createDHCPOptions, serversOf("192.168.7.53", "10.9.0.2"))
	must(c, provider, c.associateDHCPOptions, ec2.AssociateDhcpOptionsInput{VpcId: &c.providerVPC, DhcpOptionsId: made.DhcpOptions.DhcpOptionsId})
	if got := servers(); !slices.Equal(got, []string{"192.168.7.53", "10.9.0.2"}) {
		t.Errorf("the VPC asks %v", got)
	}
}

// What lies in a VPC with DNS servers of its own needs a rule to ask them; Amazon's needs none.
func TestAServerElsewhereIsAskedByThoseWhoMay(t *testing.T) {
	n := networktest.New(t)
	c := newCloudIn(t, n, n)
	n.SetResolver(c.Records())
	made := must(c, provider, c.createDHCPOptions, serversOf("192.168.7.53"))
	must(c, provider, c.associateDHCPOptions, ec2.AssociateDhcpOptionsInput{VpcId: &c.providerVPC, DhcpOptionsId: made.DhcpOptions.DhcpOptionsId})
	server := netip.MustParseAddrPort("192.168.7.53:53")
	open, closed := c.group(provider, c.providerVPC, "open"), c.group(provider, c.providerVPC, "closed")
	all := []types.IpPermission{{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}
	must(c, provider, c.revokeEgress, ec2.RevokeSecurityGroupEgressInput{GroupId: &closed, IpPermissions: all})
	mayAsk, mayNot := c.attach(provider, c.providerSubnets[0], open), c.attach(provider, c.providerSubnets[0], closed)
	if conn, err := dial(t, n, c.providerVPC, mayAsk.Address, server.String(), 10*time.Second); err != nil {
		t.Error(err)
	} else {
		_ = conn.Close()
	}
	if _, err := dial(t, n, c.providerVPC, mayNot.Address, server.String(), dropped); err == nil {
		t.Error("who has no way out asks a server elsewhere")
	}
}
