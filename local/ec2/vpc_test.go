package ec2

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const errorCodes = "AWSEC2/latest/APIReference/errors-overview.html"

func TestNetworkRefusals(t *testing.T) {
	subnet := func(cidr string) func(*cloud) error {
		return func(c *cloud) error {
			return try(c, provider, c.createSubnet, ec2.CreateSubnetInput{VpcId: &c.providerVPC, CidrBlock: &cidr})
		}
	}
	at := func(address string) func(*cloud) error {
		return func(c *cloud) error {
			c.attach(provider, c.providerSubnets[0])
			_, err := c.Attach(provider, c.providerSubnets[0], nil, "", netip.MustParseAddr(address))
			return err
		}
	}
	checkRefusals(t, map[string]refusal{
		"a VPC's block is between /16 and /28": {
			source: "API_CreateVpc.html", code: "InvalidVpc.Range",
			do: func(c *cloud) error {
				return try(c, provider, c.createVPC, ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/15")})
			},
		},
		"the VPC does not exist for another account": {
			source: errorCodes, code: "InvalidVpcID.NotFound", words: "does not exist",
			do: func(c *cloud) error {
				return try(c, consumer, c.describeVPCs, ec2.DescribeVpcsInput{VpcIds: []string{c.providerVPC}})
			},
		},
		"a VPC with subnets cannot be deleted": {
			source: errorCodes, code: "DependencyViolation", words: "has dependencies",
			do: func(c *cloud) error {
				return try(c, provider, c.deleteVPC, ec2.DeleteVpcInput{VpcId: &c.providerVPC})
			},
		},
		"a second block must not overlap the first": {
			source: "vpc/latest/userguide/vpc-cidr-blocks.html", code: "InvalidVpc.Range",
			do: func(c *cloud) error {
				return try(c, provider, c.associateVPCCIDRBlock, ec2.AssociateVpcCidrBlockInput{VpcId: &c.providerVPC, CidrBlock: aws.String("10.0.128.0/17")})
			},
		},
		"one attribute at a time": {
			source: "API_ModifyVpcAttribute.html", code: "InvalidParameterCombination",
			do: func(c *cloud) error {
				on := &types.AttributeBooleanValue{Value: aws.Bool(true)}
				return try(c, provider, c.modifyVPCAttribute, ec2.ModifyVpcAttributeInput{VpcId: &c.providerVPC, EnableDnsSupport: on, EnableDnsHostnames: on})
			},
		},
		"a subnet lies in its VPC":             {source: errorCodes, code: "InvalidSubnet.Range", do: subnet("10.1.0.0/24")},
		"a subnet conflicts with no other one": {source: errorCodes, code: "InvalidSubnet.Conflict", do: subnet("10.0.1.128/25")},
		"a subnet's zone is one of the account's": {
			source: "aws-samples/saas-reference-architecture-ecs issue 12", code: "InvalidParameterValue",
			words: "Subnets can currently only be created in the following availability zones: eu-central-1a, eu-central-1b, eu-central-1c.",
			do: func(c *cloud) error {
				in := ec2.CreateSubnetInput{VpcId: &c.providerVPC, CidrBlock: aws.String("10.0.9.0/24"), AvailabilityZone: aws.String("eu-central-1d")}
				return try(c, provider, c.createSubnet, in)
			},
		},
		"a subnet with an interface cannot be deleted": {
			source: errorCodes, code: "DependencyViolation",
			do: func(c *cloud) error {
				c.attach(provider, c.providerSubnets[0])
				return try(c, provider, c.deleteSubnet, ec2.DeleteSubnetInput{SubnetId: &c.providerSubnets[0]})
			},
		},
		"the subnet does not exist for another account": {
			source: errorCodes, code: "InvalidSubnetID.NotFound",
			do: func(c *cloud) error {
				_, err := c.Attach(consumer, c.providerSubnets[0], nil, "", netip.Addr{})
				return err
			},
		},
		"an interface's groups are its VPC's": {
			source: errorCodes, code: "InvalidParameter", words: "belong to different networks",
			do: func(c *cloud) error {
				other, _ := c.makeVPC(provider)
				_, err := c.Attach(provider, c.providerSubnets[0], []string{c.group(provider, other, "other")}, "", netip.Addr{})
				return err
			},
		},
		"AWS reserves the first four addresses": {source: "vpc/latest/userguide/subnet-sizing.html", code: "InvalidParameterValue", words: "reserved", do: at("10.0.1.3")},
		"and the last":                          {source: "vpc/latest/userguide/subnet-sizing.html", code: "InvalidParameterValue", words: "reserved", do: at("10.0.1.255")},
		"an address belongs to one interface":   {source: errorCodes, code: "InvalidIPAddress.InUse", do: at("10.0.1.4")},
		"an address lies in its subnet":         {source: errorCodes, code: "InvalidParameterValue", words: "range", do: at("10.0.2.4")},
		"a subnet runs out of addresses": {
			source: errorCodes, code: "InsufficientFreeAddressesInSubnet",
			do: func(c *cloud) error {
				in := ec2.CreateSubnetInput{VpcId: &c.providerVPC, CidrBlock: aws.String("10.0.200.0/28")}
				small := *must(c, provider, c.createSubnet, in).Subnet.SubnetId
				for range 11 { // of sixteen addresses, five are reserved
					c.attach(provider, small)
				}
				_, err := c.Attach(provider, small, nil, "", netip.Addr{})
				return err
			},
		},
	})
}

func TestAddressesAreCountedAndGivenOutAgain(t *testing.T) {
	c := newCloud(t)
	free := func() int32 {
		in := ec2.DescribeSubnetsInput{SubnetIds: c.providerSubnets[:1]}
		return *must(c, provider, c.describeSubnets, in).Subnets[0].AvailableIpAddressCount
	}
	before := free()
	first, second := c.attach(provider, c.providerSubnets[0]), c.attach(provider, c.providerSubnets[0])
	if before != 251 || free() != 249 {
		t.Errorf("%d addresses, %d after two interfaces, want 251 and 249", before, free())
	}
	c.Detach(first.ID)
	if third := c.attach(provider, c.providerSubnets[0]); third.Address != first.Address || third.Address == second.Address {
		t.Errorf("got %s, want the freed %s", third.Address, first.Address)
	}
	if want := []netip.Addr{second.Address, first.Address}; !slices.Equal(c.network.addresses[c.providerVPC], want) {
		t.Errorf("the network has %s, want %s", c.network.addresses[c.providerVPC], want)
	}
}

func TestZoneNamesAreTheAccountsOwnAndIDsEveryones(t *testing.T) {
	c := newCloud(t)
	zone := func(account string) string {
		in := ec2.DescribeAvailabilityZonesInput{ZoneIds: []string{"euc1-az2"}}
		return *must(c, account, c.describeAvailabilityZones, in).AvailabilityZones[0].ZoneName
	}
	if zone(provider) == zone(consumer) {
		t.Errorf("both call euc1-az2 %s", zone(provider))
	}
}

// Regions that the account has not enabled are left out, unless it asks for all (API_DescribeRegions).
func TestRegionsAreThoseOfTheAccountOrAll(t *testing.T) {
	c := newCloud(t)
	found := func(in ec2.DescribeRegionsInput) map[string]string {
		all := map[string]string{}
		for _, r := range must(c, provider, c.describeRegions, in).Regions {
			all[*r.RegionName] = *r.OptInStatus
		}
		return all
	}
	ours, all := found(ec2.DescribeRegionsInput{}), found(ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
	if ours["eu-west-1"] != "opt-in-not-required" || ours["eu-south-1"] != "" {
		t.Errorf("the account's are %v", ours)
	}
	if all["eu-west-1"] != "opt-in-not-required" || all["eu-south-1"] != "not-opted-in" {
		t.Errorf("all are %v", all)
	}
	if one := found(ec2.DescribeRegionsInput{RegionNames: []string{"us-east-1"}}); len(one) != 1 || one["us-east-1"] == "" {
		t.Errorf("one is %v", one)
	}
	if err := try(c, provider, c.describeRegions, ec2.DescribeRegionsInput{RegionNames: []string{"eu-west-9"}}); err == nil {
		t.Error("a Region that does not exist is described")
	}
}

func TestDescribesPage(t *testing.T) {
	c := newCloud(t)
	for i := range 9 {
		c.group(provider, c.providerVPC, fmt.Sprint("group ", i))
	}
	var found []string
	var token *string
	for range 3 {
		out := must(c, provider, c.describeSecurityGroups, ec2.DescribeSecurityGroupsInput{MaxResults: aws.Int32(5), NextToken: token})
		for _, g := range out.SecurityGroups {
			found = append(found, *g.GroupId)
		}
		if token = out.NextToken; token == nil {
			break
		}
	}
	slices.Sort(found)
	if len(slices.Compact(found)) != 10 || token != nil { // nine and the default one
		t.Errorf("found %d groups, next token %v, want 10 and none", len(found), token)
	}
}

func TestFilters(t *testing.T) {
	tags := []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroup, Tags: []types.Tag{{Key: aws.String("owner"), Value: aws.String("somebody")}}}}
	for sentence, row := range map[string]struct {
		name   string
		values []string
		want   int
	}{
		"any of the values":              {"group-name", []string{"orders", "default", "nobody"}, 2},
		"* stands for any text":          {"group-name", []string{"ord*"}, 1},
		"? stands for a character":       {"group-name", []string{"?rders"}, 1},
		"case matters":                   {"group-name", []string{"Orders"}, 0},
		"by the value of a tag":          {"tag:owner", []string{"somebody"}, 1},
		"by another value of a tag":      {"tag:owner", []string{"nobody"}, 0},
		"by a tag's key":                 {"tag-key", []string{"owner"}, 1},
		"an escaped * stands for itself": {"group-name", []string{`ord\*`}, 0},
	} {
		t.Run(sentence, func(t *testing.T) {
			c := newCloud(t)
			in := ec2.CreateSecurityGroupInput{VpcId: &c.providerVPC, GroupName: aws.String("orders"), Description: aws.String("-"), TagSpecifications: tags}
			must(c, provider, c.createSecurityGroup, in)
			filter := types.Filter{Name: &row.name, Values: row.values}
			out := must(c, provider, c.describeSecurityGroups, ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{filter}})
			if len(out.SecurityGroups) != row.want {
				t.Errorf("found %d, want %d", len(out.SecurityGroups), row.want)
			}
		})
	}
}

func TestDescribeRefusals(t *testing.T) {
	groups := func(in ec2.DescribeSecurityGroupsInput) func(*cloud) error {
		return func(c *cloud) error { return try(c, provider, c.describeSecurityGroups, in) }
	}
	checkRefusals(t, map[string]refusal{
		"a filter that does not exist": {
			source: errorCodes, code: "InvalidParameterValue", words: "The filter 'colour' is invalid",
			do: groups(ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{{Name: aws.String("colour")}}}),
		},
		"fewer results than five a page": {
			source: "API_DescribeSecurityGroups.html", code: "InvalidParameterValue", words: "maxResults",
			do: groups(ec2.DescribeSecurityGroupsInput{MaxResults: aws.Int32(1)}),
		},
		"a token that AWS did not give": {
			source: errorCodes, code: "InvalidNextToken",
			do: groups(ec2.DescribeSecurityGroupsInput{NextToken: aws.String("!")}),
		},
	})
}

func TestADescribeMayMissWhatIsYoung(t *testing.T) {
	c := newCloud(t)
	c.world.Delays.Visibility = time.Hour
	fresh := c.group(provider, c.providerVPC, "fresh")
	if err := try(c, provider, c.describeSecurityGroups, ec2.DescribeSecurityGroupsInput{GroupIds: []string{fresh}}); err == nil {
		t.Error("seen by its id")
	}
	if out := must(c, provider, c.describeSecurityGroups, ec2.DescribeSecurityGroupsInput{}); len(out.SecurityGroups) != 0 {
		t.Error("seen in a list")
	}
}

func TestDNSFollowsTheVPCsAttributes(t *testing.T) {
	private, public := netip.MustParseAddr("10.0.1.9"), netip.MustParseAddr("203.0.113.9")
	for sentence, row := range map[string]struct {
		attributes dnsAttributes
		want       []netip.Addr
	}{
		"with hostnames, the private address":   {dnsAttributes{support: true, hostnames: true}, []netip.Addr{private}},
		"without hostnames, the public address": {dnsAttributes{support: true}, []netip.Addr{public}},
		"without support, nothing":              {dnsAttributes{}, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			r := newRecords()
			r.Set("db.example", map[string][]netip.Addr{"vpc-1": {private}}, []netip.Addr{public}, 5)
			r.setVPC("vpc-1", row.attributes)
			if got, _, found := r.Lookup("vpc-1", "db.example"); !slices.Equal(got, row.want) || found != (row.want != nil) {
				t.Errorf("got %s, %v", got, found)
			}
			if got, _, _ := r.Lookup("", "db.example"); !slices.Equal(got, []netip.Addr{public}) {
				t.Errorf("outside it is %s", got)
			}
		})
	}
}

func TestTagsOfEveryKind(t *testing.T) {
	c := newCloud(t)
	svc, e := c.connected()
	group := c.group(provider, c.providerVPC, "orders")
	rule := must(c, provider, c.authorizeIngress, ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: tcp("10.0.0.0/16")}).SecurityGroupRules[0]
	owned := types.Tag{Key: aws.String("owner"), Value: aws.String("somebody")}
	for account, ids := range map[string][]string{provider: {*svc.ServiceId, group, *rule.SecurityGroupRuleId, c.providerVPC, c.providerSubnets[0]},
		consumer: {*e.VpcEndpointId, e.NetworkInterfaceIds[0]}} {
		must(c, account, c.createTags, ec2.CreateTagsInput{Resources: ids, Tags: []types.Tag{owned, {Key: aws.String("gone"), Value: aws.String("")}}})
		must(c, account, c.deleteTags, ec2.DeleteTagsInput{Resources: ids, Tags: []types.Tag{{Key: aws.String("gone")}, {Key: owned.Key, Value: aws.String("nobody")}}})
		out := must(c, account, c.describeTags, ec2.DescribeTagsInput{})
		if len(out.Tags) != len(ids) {
			t.Errorf("%s has %d tags, want one for each of %v", account, len(out.Tags), ids)
		}
		for _, tag := range out.Tags {
			if *tag.Key != "owner" || *tag.Value != "somebody" || !slices.Contains(ids, *tag.ResourceId) || tag.ResourceType == "" {
				t.Errorf("tag %s=%s of %s %s", *tag.Key, *tag.Value, tag.ResourceType, *tag.ResourceId)
			}
		}
	}
}

func TestInterfacesTellWhoAskedForThem(t *testing.T) {
	c := newCloud(t)
	_, e := c.connected()
	in := ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{{Name: aws.String("description"), Values: []string{"VPC Endpoint Interface " + *e.VpcEndpointId}}}}
	out := must(c, consumer, c.describeNetworkInterfaces, in)
	if len(out.NetworkInterfaces) != 2 {
		t.Fatalf("found %d interfaces, want one in each of two subnets", len(out.NetworkInterfaces))
	}
	if i := out.NetworkInterfaces[0]; !*i.RequesterManaged || i.InterfaceType != types.NetworkInterfaceTypeVpcEndpoint || *i.OwnerId != consumer {
		t.Errorf("%s, managed %v, owner %s", i.InterfaceType, *i.RequesterManaged, *i.OwnerId)
	}
}

func TestAVPCWithoutSubnetsGoesWithItsDefaultGroup(t *testing.T) {
	c := newCloud(t)
	empty := *must(c, provider, c.createVPC, ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")}).Vpc.VpcId
	must(c, provider, c.deleteVPC, ec2.DeleteVpcInput{VpcId: &empty})
	if _, left := c.DefaultSecurityGroup(empty); left || c.CIDRs(empty) != nil {
		t.Error("something of it is left")
	}
}

func TestASubnetMayLieInASecondBlock(t *testing.T) {
	c := newCloud(t)
	second := aws.String("10.9.0.0/16")
	must(c, provider, c.associateVPCCIDRBlock, ec2.AssociateVpcCidrBlockInput{VpcId: &c.providerVPC, CidrBlock: second})
	must(c, provider, c.createSubnet, ec2.CreateSubnetInput{VpcId: &c.providerVPC, CidrBlock: aws.String("10.9.1.0/24")})
	if v := must(c, provider, c.describeVPCs, ec2.DescribeVpcsInput{VpcIds: []string{c.providerVPC}}).Vpcs[0]; len(v.CidrBlockAssociationSet) != 2 || *v.CidrBlock != "10.0.0.0/16" {
		t.Errorf("%d blocks, the first %s", len(v.CidrBlockAssociationSet), *v.CidrBlock)
	}
	if n, ok := c.SubnetAt(c.providerVPC, netip.MustParseAddr("10.9.1.77")); !ok || n.CIDR.String() != "10.9.1.0/24" {
		t.Errorf("its address lies in %v", n)
	}
}

func TestVPCAttributes(t *testing.T) {
	c := newCloud(t)
	on := &types.AttributeBooleanValue{Value: aws.Bool(true)}
	must(c, provider, c.modifyVPCAttribute, ec2.ModifyVpcAttributeInput{VpcId: &c.providerVPC, EnableDnsHostnames: on})
	for _, id := range []string{c.providerVPC, c.consumerVPC} {
		if v, _ := c.vpcs.find(id); v.dns.hostnames != (id == c.providerVPC) {
			t.Errorf("%s has DNS hostnames: %v", v.Account, v.dns.hostnames)
		}
	}
}
