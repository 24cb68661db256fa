package ec2

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/wire"
)

// tcp is permission to connect to PostgreSQL from each of the blocks.
func tcp(cidrs ...string) []types.IpPermission {
	p := types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432)}
	for _, cidr := range cidrs {
		p.IpRanges = append(p.IpRanges, types.IpRange{CidrIp: &cidr})
	}
	return []types.IpPermission{p}
}

// from is permission to connect to PostgreSQL for the members of a group.
func from(group string) []types.IpPermission {
	p := tcp()
	p[0].UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: &group}}
	return p
}

// listed is permission to connect to PostgreSQL from the blocks of a prefix list.
func listed(list string) []types.IpPermission {
	p := tcp()
	p[0].PrefixListIds = []types.PrefixListId{{PrefixListId: &list}}
	return p
}

func (c *cloud) prefixList(account string, most int32, cidrs ...string) string {
	c.t.Helper()
	in := ec2.CreateManagedPrefixListInput{PrefixListName: aws.String("office"), AddressFamily: aws.String("IPv4"), MaxEntries: &most}
	for _, cidr := range cidrs {
		in.Entries = append(in.Entries, types.AddPrefixListEntry{Cidr: &cidr})
	}
	return *must(c, account, c.createPrefixList, in).PrefixList.PrefixListId
}

func (c *cloud) listOfAWS(name string) string {
	c.t.Helper()
	in := ec2.DescribeManagedPrefixListsInput{Filters: []types.Filter{{Name: aws.String("prefix-list-name"), Values: []string{name}}}}
	found := must(c, provider, c.describePrefixLists, in).PrefixLists
	if len(found) != 1 || *found[0].OwnerId != "AWS" || found[0].MaxEntries != nil {
		c.t.Fatalf("%s: %+v", name, found)
	}
	return *found[0].PrefixListId
}

func (c *cloud) tryPermit(group string, permissions []types.IpPermission) error {
	return try(c, provider, c.authorizeIngress, ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: permissions})
}

func (c *cloud) permit(group string, permissions []types.IpPermission) {
	c.t.Helper()
	if err := c.tryPermit(group, permissions); err != nil {
		c.t.Fatal(err)
	}
}

func TestSecurityGroupRefusals(t *testing.T) {
	authorize := func(permissions ...[]types.IpPermission) func(*cloud) error {
		return func(c *cloud) error {
			group := c.group(provider, c.providerVPC, "orders")
			for _, p := range permissions[:len(permissions)-1] {
				c.permit(group, p)
			}
			return c.tryPermit(group, permissions[len(permissions)-1])
		}
	}
	var sixty []string
	for i := range 60 {
		sixty = append(sixty, fmt.Sprintf("10.0.%d.0/24", i))
	}
	withoutPorts := tcp("10.0.0.0/16")
	withoutPorts[0].FromPort = nil
	checkRefusals(t, map[string]refusal{
		"a rule exists once, whatever its description": {
			source: "hashicorp/terraform issue 1874", code: "InvalidPermission.Duplicate",
			words: `the specified rule "peer: 10.0.0.0/16, TCP, from port: 5432, to port: 5432, ALLOW" already exists`,
			do:    authorize(tcp("10.0.0.0/16"), tcp("10.0.9.9/16")),
		},
		"a permission appears once in a call": {
			source: "hashicorp/terraform-provider-aws issue 2587", code: "InvalidParameterValue", words: "must not appear multiple times",
			do: authorize(tcp("10.0.0.0/16", "10.0.0.0/16")),
		},
		"sixty rules for a direction": {
			source: "vpc/latest/userguide/amazon-vpc-limits.html", code: "RulesPerSecurityGroupLimitExceeded",
			do: authorize(tcp(sixty...), tcp("10.1.0.0/24")),
		},
		"a prefix list counts as the most entries that it can have": {
			source: "vpc/latest/userguide/security-group-rules.html, Security group size", code: "RulesPerSecurityGroupLimitExceeded",
			do: func(c *cloud) error {
				group := c.group(provider, c.providerVPC, "orders")
				c.permit(group, listed(c.prefixList(provider, 58)))
				c.permit(group, tcp("10.1.0.0/24", "10.2.0.0/24"))
				return c.tryPermit(group, tcp("10.3.0.0/24"))
			},
		},
		"AWS's prefix lists count with their weight": {
			source: "vpc/latest/userguide/working-with-aws-managed-prefix-lists.html", code: "RulesPerSecurityGroupLimitExceeded",
			do: func(c *cloud) error {
				group := c.group(provider, c.providerVPC, "orders")
				c.permit(group, listed(c.listOfAWS("com.amazonaws.global.cloudfront.origin-facing")))
				c.permit(group, tcp(sixty[:5]...))
				return c.tryPermit(group, listed(c.listOfAWS("com.amazonaws.eu-central-1.s3")))
			},
		},
		"a prefix list is the account's own, or AWS's": {
			source: errorCodes, code: "InvalidPrefixListID.NotFound",
			do: func(c *cloud) error {
				return c.tryPermit(c.group(provider, c.providerVPC, "orders"), listed(c.prefixList(consumer, 1)))
			},
		},
		"TCP has ports":          {source: errorCodes, code: "InvalidParameterValue", words: "Must specify both from and to ports", do: authorize(withoutPorts)},
		"a rule has a source":    {source: errorCodes, code: "MissingParameter", words: "source", do: authorize(tcp())},
		"a rule's block is one":  {source: errorCodes, code: "InvalidParameterValue", words: "malformed", do: authorize(tcp("10.0.0.0"))},
		"a rule's group exists":  {source: errorCodes, code: "InvalidGroup.NotFound", do: authorize(from("sg-00000000000000000"))},
		"a call has permissions": {source: errorCodes, code: "MissingParameter", do: authorize(nil)},
		"a rule that does not exist": {
			source: "API_RevokeSecurityGroupIngress.html", code: "InvalidPermission.NotFound", words: "The specified rule does not exist in this security group.",
			do: func(c *cloud) error {
				group := c.group(provider, c.providerVPC, "orders")
				c.permit(group, tcp("10.0.0.0/16"))
				in := ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: tcp("10.0.0.0/16", "10.1.0.0/16")}
				err := try(c, provider, c.revokeIngress, in)
				if g, _ := c.securityGroups.find(group); len(g.sources(func(r *rule) string { return r.cidr })) != 1 {
					c.t.Error("the rule that exists was revoked")
				}
				return err
			},
		},
		"a rule id that does not exist": {
			source: errorCodes, code: "InvalidSecurityGroupRuleId.NotFound",
			do: func(c *cloud) error {
				group := c.group(provider, c.providerVPC, "orders")
				return try(c, provider, c.revokeIngress, ec2.RevokeSecurityGroupIngressInput{GroupId: &group, SecurityGroupRuleIds: []string{"sgr-00000000000000000"}})
			},
		},
		"a name exists once in a VPC": {
			source: errorCodes, code: "InvalidGroup.Duplicate",
			do: func(c *cloud) error {
				c.group(provider, c.providerVPC, "orders")
				in := ec2.CreateSecurityGroupInput{VpcId: &c.providerVPC, GroupName: aws.String("orders"), Description: aws.String("-")}
				return try(c, provider, c.createSecurityGroup, in)
			},
		},
		"a group that an interface carries": {
			source: errorCodes, code: "DependencyViolation", words: "has a dependent object",
			do: func(c *cloud) error {
				group := c.group(provider, c.providerVPC, "orders")
				c.attach(provider, c.providerSubnets[0], group)
				return try(c, provider, c.deleteSecurityGroup, ec2.DeleteSecurityGroupInput{GroupId: &group})
			},
		},
		"a group that another group's rule names": {
			source: errorCodes, code: "DependencyViolation",
			do: func(c *cloud) error {
				group := c.group(provider, c.providerVPC, "orders")
				c.permit(c.group(provider, c.providerVPC, "other"), from(group))
				return try(c, provider, c.deleteSecurityGroup, ec2.DeleteSecurityGroupInput{GroupId: &group})
			},
		},
		"the default group stays": {
			source: errorCodes, code: "CannotDelete",
			do: func(c *cloud) error {
				g, _ := c.DefaultSecurityGroup(c.providerVPC)
				return try(c, provider, c.deleteSecurityGroup, ec2.DeleteSecurityGroupInput{GroupId: &g.ID})
			},
		},
		"tags are specified for what is made": {
			source: "API_TagSpecification.html", code: "InvalidParameterValue", words: "taggable",
			do: func(c *cloud) error {
				group := c.group(provider, c.providerVPC, "orders")
				specs := []types.TagSpecification{{ResourceType: types.ResourceTypeVpc}}
				in := ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: tcp("10.0.0.0/16"), TagSpecifications: specs}
				return try(c, provider, c.authorizeIngress, in)
			},
		},
	})
}

func TestARuleIsFoundByItsGroupAndTags(t *testing.T) {
	c := newCloud(t)
	group := c.group(provider, c.providerVPC, "orders")
	tag := types.Tag{Key: aws.String("exposure"), Value: aws.String("orders-1")}
	made := must(c, provider, c.authorizeIngress, ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &group, IpPermissions: tcp("10.0.1.0/24", "10.0.2.0/24"),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroupRule, Tags: []types.Tag{tag}}},
	}).SecurityGroupRules
	filters := []types.Filter{{Name: aws.String("group-id"), Values: []string{group}}, {Name: aws.String("tag:exposure"), Values: []string{"orders-1"}}}
	rules := func() []types.SecurityGroupRule {
		return must(c, provider, c.describeSecurityGroupRules, ec2.DescribeSecurityGroupRulesInput{Filters: filters}).SecurityGroupRules
	}
	if found := rules(); len(found) != 2 || *found[0].GroupId != group || *found[0].IsEgress || len(found[0].Tags) != 1 {
		t.Fatalf("found %d rules", len(found))
	}
	must(c, provider, c.revokeIngress, ec2.RevokeSecurityGroupIngressInput{GroupId: &group, SecurityGroupRuleIds: []string{*made[0].SecurityGroupRuleId}})
	if found := rules(); len(found) != 1 || *found[0].CidrIpv4 != *made[1].CidrIpv4 {
		t.Errorf("found %d rules after one of two was revoked", len(found))
	}
}

func TestARuleIsNotFoundByATagsKeyAlone(t *testing.T) { // API_DescribeSecurityGroupRules, Filter.N
	c := newCloud(t)
	err := try(c, provider, c.describeSecurityGroupRules, ec2.DescribeSecurityGroupRulesInput{
		Filters: []types.Filter{{Name: aws.String("tag-key"), Values: []string{"exposure"}}},
	})
	if refusal, ok := errors.AsType[*wire.Error](err); !ok || refusal.Code != "InvalidParameterValue" {
		t.Errorf("error %v", err)
	}
}

func TestAGroupShowsOnePermissionForThePeersOfAPort(t *testing.T) {
	c := newCloud(t)
	group := c.group(provider, c.providerVPC, "orders")
	c.permit(group, tcp("10.0.1.0/24"))
	c.permit(group, tcp("10.0.2.0/24"))
	c.permit(group, from(group))
	g := must(c, provider, c.describeSecurityGroups, ec2.DescribeSecurityGroupsInput{GroupIds: []string{group}}).SecurityGroups[0]
	if len(g.IpPermissions) != 1 || len(g.IpPermissions[0].IpRanges) != 2 || *g.IpPermissions[0].UserIdGroupPairs[0].GroupId != group {
		t.Errorf("%d permissions", len(g.IpPermissions))
	}
	if out := g.IpPermissionsEgress; len(out) != 1 || *out[0].IpProtocol != "-1" || out[0].FromPort != nil {
		t.Errorf("egress %v", out)
	}
}

func TestFirewallFollowsGroups(t *testing.T) {
	all := network.Rule{Peer: netip.MustParsePrefix("0.0.0.0/0"), ToPort: 65535}
	port := func(peer string) network.Rule {
		return network.Rule{Peer: netip.MustParsePrefix(peer), FromPort: 5432, ToPort: 5432}
	}
	const database, client = "10.0.1.4", "10.0.2.4"
	for sentence, row := range map[string]struct {
		change  func(c *cloud, group string, member *Interface)
		inbound []network.Rule
	}{
		"nothing comes in at first": {func(*cloud, string, *Interface) {}, nil},
		"an address block comes in": {func(c *cloud, group string, _ *Interface) { c.permit(group, tcp("10.0.2.0/24")) }, []network.Rule{port("10.0.2.0/24")}},
		"a group is its members": {
			func(c *cloud, group string, member *Interface) { c.permit(group, from(member.Groups[0])) },
			[]network.Rule{port(client + "/32")},
		},
		"a member that leaves is a member no more": {
			func(c *cloud, group string, member *Interface) {
				c.permit(group, from(member.Groups[0]))
				c.Detach(member.ID)
			}, nil,
		},
		"a member that changes groups is one no more": {
			func(c *cloud, group string, member *Interface) {
				c.permit(group, from(member.Groups[0]))
				if err := c.SetGroups(member.ID, []string{group}); err != nil {
					c.t.Fatal(err)
				}
			}, nil,
		},
		"a revoked rule is gone": {
			func(c *cloud, group string, _ *Interface) {
				c.permit(group, tcp("10.0.2.0/24"))
				must(c, provider, c.revokeIngress, ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: tcp("10.0.2.0/24")})
			}, nil,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			c := newCloud(t)
			group := c.group(provider, c.providerVPC, "database")
			c.attach(provider, c.providerSubnets[0], group)
			row.change(c, group, c.attach(provider, c.providerSubnets[1], c.group(provider, c.providerVPC, "client")))
			guard := c.network.firewalls[c.providerVPC][netip.MustParseAddr(database)]
			if !slices.Equal(guard.Inbound, row.inbound) || !slices.Equal(guard.Outbound, []network.Rule{all}) {
				t.Errorf("guard %+v, want inbound %v and all outbound", guard, row.inbound)
			}
		})
	}
}

func TestMembersOfTheDefaultGroupTalkToEachOther(t *testing.T) {
	c := newCloud(t)
	group, _ := c.DefaultSecurityGroup(c.providerVPC)
	one, other := c.attach(provider, c.providerSubnets[0], group.ID), c.attach(provider, c.providerSubnets[1], group.ID)
	inbound := c.network.firewalls[c.providerVPC][one.Address].Inbound
	want := network.Rule{Peer: netip.PrefixFrom(other.Address, 32), ToPort: 65535}
	if !slices.Contains(inbound, want) {
		t.Errorf("%v does not hold %v", inbound, want)
	}
}

func TestAdmits(t *testing.T) {
	c := newCloud(t)
	group := c.group(provider, c.providerVPC, "balancer")
	c.permit(group, tcp("172.31.0.0/16"))
	for client, want := range map[string]bool{"172.31.0.9": true, "10.0.0.9": false} {
		if got := c.Admits([]string{group}, netip.MustParseAddr(client), 5432); got != want {
			t.Errorf("%s admitted: %v", client, got)
		}
	}
	if c.Admits([]string{group}, netip.MustParseAddr("172.31.0.9"), 5433) {
		t.Error("admitted at another port")
	}
}

func TestEgressCanBeNarrowed(t *testing.T) {
	c := newCloud(t)
	group := c.group(provider, c.providerVPC, "balancer")
	everywhere := []types.IpPermission{{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}
	must(c, provider, c.revokeEgress, ec2.RevokeSecurityGroupEgressInput{GroupId: &group, IpPermissions: everywhere})
	must(c, provider, c.authorizeEgress, ec2.AuthorizeSecurityGroupEgressInput{GroupId: &group, IpPermissions: tcp("10.0.0.0/16")})
	i := c.attach(provider, c.providerSubnets[0], group)
	want := []network.Rule{{Peer: netip.MustParsePrefix("10.0.0.0/16"), FromPort: 5432, ToPort: 5432}}
	if got := c.network.firewalls[c.providerVPC][i.Address].Outbound; !slices.Equal(got, want) {
		t.Errorf("outbound %v, want %v", got, want)
	}
}

func TestARuleWithAPrefixListLetsItsBlocksIn(t *testing.T) {
	c := newCloud(t)
	group := c.group(provider, c.providerVPC, "orders")
	list := c.prefixList(provider, 3, "10.1.0.0/16", "10.2.0.0/16")
	c.permit(group, listed(list))
	for client, want := range map[string]bool{"10.1.0.9": true, "10.2.0.9": true, "10.3.0.9": false} {
		if c.Admits([]string{group}, netip.MustParseAddr(client), 5432) != want {
			t.Errorf("%s is not right", client)
		}
	}
	rules := must(c, provider, c.describeSecurityGroupRules, ec2.DescribeSecurityGroupRulesInput{
		Filters: []types.Filter{{Name: aws.String("group-id"), Values: []string{group}}},
	}).SecurityGroupRules
	if !slices.ContainsFunc(rules, func(r types.SecurityGroupRule) bool { return aws.ToString(r.PrefixListId) == list && r.CidrIpv4 == nil }) {
		t.Errorf("%+v", rules)
	}
}

// API_ListServiceQuotas: for some quotas only the default values are available.
func TestAQuotaMayHaveNoValueOfTheAccountsOwn(t *testing.T) {
	w := &model.World{}
	ask := func() error {
		_, err := Quotas(w)["GetServiceQuota"](t.Context(), func(in any) error {
			*in.(*servicequotas.GetServiceQuotaInput) = servicequotas.GetServiceQuotaInput{ServiceCode: aws.String("vpc"), QuotaCode: aws.String(rulesQuota)}
			return nil
		})
		return err
	}
	if err := ask(); err != nil {
		t.Error(err)
	}
	w.Without = []string{"servicequotas:" + rulesQuota}
	if e, ok := errors.AsType[*wire.Error](ask()); !ok || e.Code != "NoSuchResourceException" {
		t.Error(e)
	}
}

// A group that EC2 has just made is unknown to EC2's own operations for a while (boto/boto3#620), and longer to other
// services.
func TestAFreshGroupIsUnknownToOthersLongerThanToEC2(t *testing.T) {
	c := newCloud(t)
	c.world.Speed, c.world.Delays.Visibility, c.world.Delays.Propagation = 1, time.Hour, 2*time.Hour
	made := must(c, provider, c.createSecurityGroup,
		ec2.CreateSecurityGroupInput{GroupName: aws.String("fresh"), Description: aws.String("fresh"), VpcId: &c.providerVPC})
	unknown := func(err error) bool {
		refused, _ := errors.AsType[*wire.Error](err)
		return refused != nil && refused.Code == "InvalidGroup.NotFound"
	}
	known := func() (own, others bool) {
		_, elsewhere := c.SecurityGroup(provider, *made.GroupId)
		return !unknown(c.tryPermit(*made.GroupId, tcp("10.0.0.0/16"))), !unknown(elsewhere)
	}
	if own, others := known(); own || others {
		t.Error("a group is known at once")
	}
	c.world.Delays.Visibility = 0
	if own, others := known(); !own || others {
		t.Error("what EC2 knows, every service knows")
	}
	c.world.Delays.Propagation = 0
	if _, others := known(); !others {
		t.Error("the others never know")
	}
}
