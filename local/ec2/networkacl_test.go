package ec2

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// acl describes one network ACL of the provider by a filter.
func (c *cloud) acl(filter, value string) types.NetworkAcl {
	c.t.Helper()
	found := must(c, provider, c.describeNetworkACLs, ec2.DescribeNetworkAclsInput{
		Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{c.providerVPC}}, {Name: &filter, Values: []string{value}}},
	}).NetworkAcls
	if len(found) != 1 {
		c.t.Fatalf("%d network ACLs of %s %s", len(found), filter, value)
	}
	return found[0]
}

// written is an entry as the console has it.
func written(a types.NetworkAcl) (entries []string) {
	for _, e := range a.Entries {
		way := map[bool]string{true: "out", false: "in"}[*e.Egress]
		line := fmt.Sprintf("%s %d %s %s %s", way, *e.RuleNumber, *e.Protocol, *e.CidrBlock, e.RuleAction)
		if e.PortRange != nil {
			line += fmt.Sprintf(" %d-%d", *e.PortRange.From, *e.PortRange.To)
		}
		entries = append(entries, line)
	}
	return entries
}

func tcpEntry(acl *string, number int32, action types.RuleAction) ec2.CreateNetworkAclEntryInput {
	return ec2.CreateNetworkAclEntryInput{
		NetworkAclId: acl, RuleNumber: &number, Egress: aws.Bool(false), Protocol: aws.String("6"), RuleAction: action,
		CidrBlock: aws.String("10.0.2.7/24"), PortRange: &types.PortRange{From: aws.Int32(5432), To: aws.Int32(5433)},
	}
}

func TestNetworkACLs(t *testing.T) {
	c := newCloud(t)
	standard := c.acl("default", "true")
	want := []string{"out 100 -1 0.0.0.0/0 allow", "out 32767 -1 0.0.0.0/0 deny", "in 100 -1 0.0.0.0/0 allow", "in 32767 -1 0.0.0.0/0 deny"}
	if got := written(standard); fmt.Sprint(got) != fmt.Sprint(want) || len(standard.Associations) != 3 {
		t.Errorf("a VPC begins with %v and %d subnets", got, len(standard.Associations))
	}
	made := must(c, provider, c.createNetworkACL, ec2.CreateNetworkAclInput{VpcId: &c.providerVPC}).NetworkAcl
	if got := written(*made); fmt.Sprint(got) != fmt.Sprint([]string{want[1], want[3]}) {
		t.Errorf("a new one has %v", got)
	}
	must(c, provider, c.createNetworkACLEntry, tcpEntry(made.NetworkAclId, 90, types.RuleActionAllow))
	with := c.acl("association.subnet-id", c.providerSubnets[1])
	if *with.NetworkAclId != *standard.NetworkAclId {
		t.Errorf("a subnet begins behind %s", *with.NetworkAclId)
	}
	var association *string
	for _, a := range with.Associations {
		if *a.SubnetId == c.providerSubnets[1] {
			association = a.NetworkAclAssociationId
		}
	}
	replaced := must(c, provider, c.replaceNetworkACLAssociation, ec2.ReplaceNetworkAclAssociationInput{AssociationId: association, NetworkAclId: made.NetworkAclId})
	with = c.acl("association.subnet-id", c.providerSubnets[1])
	if *with.NetworkAclId != *made.NetworkAclId || *with.Associations[0].NetworkAclAssociationId != *replaced.NewAssociationId || *replaced.NewAssociationId == *association {
		t.Errorf("after it was replaced: %+v", with)
	}
	if got := written(with); fmt.Sprint(got) != "[out 32767 -1 0.0.0.0/0 deny in 90 6 10.0.2.0/24 allow 5432-5433 in 32767 -1 0.0.0.0/0 deny]" {
		t.Errorf("with an entry: %v", got)
	}
	changed := tcpEntry(made.NetworkAclId, 90, types.RuleActionDeny)
	must(c, provider, c.replaceNetworkACLEntry, ec2.ReplaceNetworkAclEntryInput{
		NetworkAclId: changed.NetworkAclId, RuleNumber: changed.RuleNumber, Egress: changed.Egress, Protocol: aws.String("-1"),
		RuleAction: changed.RuleAction, CidrBlock: changed.CidrBlock,
	})
	if got := written(c.acl("network-acl-id", *made.NetworkAclId))[1]; got != "in 90 -1 10.0.2.0/24 deny" {
		t.Errorf("after it was changed: %s", got)
	}
	must(c, provider, c.deleteNetworkACLEntry, ec2.DeleteNetworkAclEntryInput{NetworkAclId: made.NetworkAclId, RuleNumber: aws.Int32(90), Egress: aws.Bool(false)})
	if got := written(c.acl("network-acl-id", *made.NetworkAclId)); len(got) != 2 {
		t.Errorf("after it was deleted: %v", got)
	}
	must(c, provider, c.replaceNetworkACLAssociation, ec2.ReplaceNetworkAclAssociationInput{AssociationId: replaced.NewAssociationId, NetworkAclId: standard.NetworkAclId})
	must(c, provider, c.deleteNetworkACL, ec2.DeleteNetworkAclInput{NetworkAclId: made.NetworkAclId})
	if got := must(c, consumer, c.describeNetworkACLs, ec2.DescribeNetworkAclsInput{Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{c.providerVPC}}}}).NetworkAcls; len(got) != 0 {
		t.Errorf("another account sees %v", got)
	}
}

func TestRefusedNetworkACLs(t *testing.T) {
	const page = "API_CreateNetworkAclEntry"
	standard := func(c *cloud) *string { return c.acl("default", "true").NetworkAclId }
	entry := func(change func(*ec2.CreateNetworkAclEntryInput)) func(*cloud) error {
		return func(c *cloud) error {
			in := tcpEntry(standard(c), 90, types.RuleActionDeny)
			change(&in)
			return try(c, provider, c.createNetworkACLEntry, in)
		}
	}
	checkRefusals(t, map[string]refusal{
		"a number that is taken": {code: "NetworkAclEntryAlreadyExists", words: "The network acl entry identified by 100 already exists", source: "ansible-collections/amazon.aws#2592",
			do: entry(func(in *ec2.CreateNetworkAclEntryInput) { in.RuleNumber = aws.Int32(100) })},
		"the number of the last entry": {code: "InvalidParameterValue", words: "ruleNumber", source: page, do: entry(func(in *ec2.CreateNetworkAclEntryInput) { in.RuleNumber = aws.Int32(32767) })},
		"TCP without ports":            {code: "MissingParameter", words: "portRange", source: page, do: entry(func(in *ec2.CreateNetworkAclEntryInput) { in.PortRange = nil })},
		"ports in the wrong order":     {code: "InvalidParameterValue", words: "portRange", source: page, do: entry(func(in *ec2.CreateNetworkAclEntryInput) { in.PortRange.From = aws.Int32(6000) })},
		"ICMP without a type":          {code: "MissingParameter", words: "icmpTypeCode", source: page, do: entry(func(in *ec2.CreateNetworkAclEntryInput) { in.Protocol = aws.String("1") })},
		"a protocol that nobody has": {code: "InvalidParameterValue", words: "Unrecognized protocol", source: page,
			do: entry(func(in *ec2.CreateNetworkAclEntryInput) { in.Protocol = aws.String("tls") })},
		"an address that is none": {code: "InvalidParameterValue", words: "cidrBlock", source: page, do: entry(func(in *ec2.CreateNetworkAclEntryInput) { in.CidrBlock = aws.String("10.0.0.0") })},
		"more entries than the quota": {code: "NetworkAclEntryLimitExceeded", words: "maximum number", source: "amazon-vpc-limits.html", do: func(c *cloud) error {
			for i := range int32(19) { // 100 is there
				must(c, provider, c.createNetworkACLEntry, tcpEntry(standard(c), i+1, types.RuleActionAllow))
			}
			return try(c, provider, c.createNetworkACLEntry, tcpEntry(standard(c), 99, types.RuleActionAllow))
		}},
		"replacing an entry that is not there": {code: "InvalidNetworkAclEntry.NotFound", words: "identified by 90", source: "errors-overview.html", do: func(c *cloud) error {
			in := tcpEntry(standard(c), 90, types.RuleActionDeny)
			return try(c, provider, c.replaceNetworkACLEntry, ec2.ReplaceNetworkAclEntryInput{NetworkAclId: in.NetworkAclId, RuleNumber: in.RuleNumber,
				Egress: in.Egress, Protocol: in.Protocol, RuleAction: in.RuleAction, CidrBlock: in.CidrBlock, PortRange: in.PortRange})
		}},
		"deleting the last entry": {code: "InvalidParameterValue", words: "ruleNumber", source: "vpc-network-acls.html", do: func(c *cloud) error {
			return try(c, provider, c.deleteNetworkACLEntry, ec2.DeleteNetworkAclEntryInput{NetworkAclId: standard(c), RuleNumber: aws.Int32(32767), Egress: aws.Bool(true)})
		}},
		"another account's": {code: "InvalidNetworkAclID.NotFound", words: "does not exist", source: "errors-overview.html", do: func(c *cloud) error {
			return try(c, consumer, c.deleteNetworkACL, ec2.DeleteNetworkAclInput{NetworkAclId: standard(c)})
		}},
		"deleting the default one": {code: "InvalidParameterValue", words: "cannot delete default network ACL", source: "default-network-acl.html", do: func(c *cloud) error {
			return try(c, provider, c.deleteNetworkACL, ec2.DeleteNetworkAclInput{NetworkAclId: standard(c)})
		}},
		"deleting one that stands before a subnet": {code: "DependencyViolation", words: "has dependencies", source: "delete-network-acl.html", do: func(c *cloud) error {
			made := must(c, provider, c.createNetworkACL, ec2.CreateNetworkAclInput{VpcId: &c.providerVPC}).NetworkAcl.NetworkAclId
			must(c, provider, c.replaceNetworkACLAssociation, ec2.ReplaceNetworkAclAssociationInput{
				AssociationId: c.acl("default", "true").Associations[0].NetworkAclAssociationId, NetworkAclId: made})
			return try(c, provider, c.deleteNetworkACL, ec2.DeleteNetworkAclInput{NetworkAclId: made})
		}},
		"an association that does not exist": {code: "InvalidAssociationID.NotFound", words: "aclassoc-1", source: "errors-overview.html", do: func(c *cloud) error {
			return try(c, provider, c.replaceNetworkACLAssociation, ec2.ReplaceNetworkAclAssociationInput{AssociationId: aws.String("aclassoc-1"), NetworkAclId: standard(c)})
		}},
	})
}
