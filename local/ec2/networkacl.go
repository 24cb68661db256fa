package ec2

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/wire"
)

// networkACL stands before subnets. Every subnet has exactly one.
type networkACL struct {
	ID, Account, VPC string
	isDefault        bool
	entries          []aclEntry
	associations     []aclAssociation
	common
}

func (a *networkACL) identity() (id, account string) { return a.ID, a.Account }

type aclEntry struct {
	number         int32
	egress, allow  bool
	protocol       int32 // everyProtocol is all
	cidr           netip.Prefix
	from, to       int32
	hasPorts       bool
	icmpType, code *int32
}

type aclAssociation struct{ ID, subnet string }

const (
	everyProtocol = -1
	lastEntry     = 32767 // the * of the console, which nobody can take away
	// The quotas of amazon-vpc-limits.html, for each VPC and for each direction.
	aclsPerVPC    = 200
	entriesPerACL = 20
)

var everywhere = netip.MustParsePrefix(anywhere)

// closedACL denies everything, as one that was just made does (vpc/latest/userguide/custom-network-acl.html).
func closedACL(account, vpc string, c common) *networkACL {
	a := &networkACL{ID: model.ID("acl"), Account: account, VPC: vpc, common: c}
	for _, egress := range []bool{true, false} {
		a.entries = append(a.entries, aclEntry{number: lastEntry, egress: egress, protocol: everyProtocol, cidr: everywhere})
	}
	return a
}

// defaultACL lets everything through (vpc/latest/userguide/default-network-acl.html).
func defaultACL(v *vpc) *networkACL {
	a := closedACL(v.Account, v.ID, common{created: v.created})
	a.isDefault = true
	for _, egress := range []bool{true, false} {
		a.entries = append(a.entries, aclEntry{number: 100, egress: egress, allow: true, protocol: everyProtocol, cidr: everywhere})
	}
	a.sort()
	return a
}

func (a *networkACL) sort() {
	slices.SortFunc(a.entries, func(x, y aclEntry) int {
		if x.egress != y.egress {
			return cmp.Compare(boolean(y.egress)[0], boolean(x.egress)[0])
		}
		return cmp.Compare(x.number, y.number)
	})
}

// associate puts a new subnet behind its VPC's default network ACL.
func (s *Service) associate(n *Subnet) {
	i := slices.IndexFunc(s.networkACLs, func(a *networkACL) bool { return a.isDefault && a.VPC == n.VPC })
	a := s.networkACLs[i] // every VPC has one
	a.associations = append(a.associations, aclAssociation{model.ID("aclassoc"), n.ID})
	s.bound(n.VPC)
}

func (s *Service) dissociate(n *Subnet) {
	for _, a := range s.networkACLs {
		a.associations = slices.DeleteFunc(a.associations, func(with aclAssociation) bool { return with.subnet == n.ID })
	}
	s.bound(n.VPC)
}

// bound makes the kernel of a VPC judge as its network ACLs now say.
func (s *Service) bound(vpc string) {
	boundaries := s.boundaries(vpc)
	if len(boundaries) == 0 && !s.bounded[vpc] {
		return // as most VPCs are
	}
	s.bounded[vpc] = len(boundaries) > 0
	if err := s.addresses.SetBoundaries(vpc, boundaries); err != nil {
		slog.Error("set network ACLs", "vpc", vpc, "error", err)
	}
}

// boundaries are the network ACLs that deny anything. The kernel need not know the others.
func (s *Service) boundaries(vpc string) []network.Boundary {
	var boundaries []network.Boundary
	for _, a := range s.networkACLs {
		if a.VPC != vpc || a.open() {
			continue
		}
		for _, with := range a.associations {
			n, _ := s.subnets.find(with.subnet) // goes with its subnet
			boundaries = append(boundaries, network.Boundary{Subnet: n.CIDR, Ingress: a.compile(false), Egress: a.compile(true)})
		}
	}
	return boundaries
}

// open says whether the first entry of each direction lets everything through.
func (a *networkACL) open() bool {
	for _, egress := range []bool{true, false} {
		i := slices.IndexFunc(a.entries, func(e aclEntry) bool { return e.egress == egress }) // in order
		if e := a.entries[i]; !e.allow || e.protocol != everyProtocol || e.cidr != everywhere {
			return false
		}
	}
	return true
}

// compile leaves out what the local network does not have, as ICMP.
func (a *networkACL) compile(egress bool) []network.Entry {
	var entries []network.Entry
	for _, e := range a.entries {
		if e.egress != egress {
			continue
		}
		compiled := network.Entry{Allow: e.allow, Protocol: network.AnyProtocol, Peer: e.cidr, ToPort: 65535}
		switch {
		case e.protocol == everyProtocol:
		case e.hasPorts:
			compiled.Protocol, compiled.FromPort, compiled.ToPort = byte(e.protocol), uint16(e.from), uint16(e.to)
		default:
			continue
		}
		entries = append(entries, compiled)
	}
	return entries
}

func (s *Service) createNetworkACL(ctx context.Context, in *ec2.CreateNetworkAclInput) (*ec2.CreateNetworkAclOutput, error) {
	token := clientToken{wire.CallerOf(ctx).Account, "CreateNetworkAcl", aws.ToString(in.ClientToken)}
	a, err := once(s, token, in, func() (*networkACL, error) { return s.newNetworkACL(ctx, in) })
	if err != nil {
		return nil, err
	}
	return &ec2.CreateNetworkAclOutput{NetworkAcl: new(describedACL(a)), ClientToken: in.ClientToken}, nil
}

func (s *Service) newNetworkACL(ctx context.Context, in *ec2.CreateNetworkAclInput) (*networkACL, error) {
	v, err := s.vpc(ctx, in.VpcId)
	if err != nil {
		return nil, err
	}
	tags, err := specified(in.TagSpecifications, types.ResourceTypeNetworkAcl)
	if err != nil {
		return nil, err
	}
	if len(s.networkACLs.where(func(a *networkACL) bool { return a.VPC == v.ID })) >= aclsPerVPC {
		return nil, wire.Errorf("NetworkAclLimitExceeded", "The maximum number of network ACLs has been reached.")
	}
	a := closedACL(v.Account, v.ID, born(tags))
	s.networkACLs.add(a)
	return a, nil
}

var networkACLFilters = filterable[*networkACL]{
	"network-acl-id": func(a *networkACL) []string { return []string{a.ID} },
	"vpc-id":         func(a *networkACL) []string { return []string{a.VPC} },
	"owner-id":       func(a *networkACL) []string { return []string{a.Account} },
	"default":        func(a *networkACL) []string { return boolean(a.isDefault) },
	"association.association-id": func(a *networkACL) []string {
		return each(a.associations, func(with aclAssociation) string { return with.ID })
	},
	"association.network-acl-id": func(a *networkACL) []string {
		return each(a.associations, func(aclAssociation) string { return a.ID })
	},
	"association.subnet-id": func(a *networkACL) []string {
		return each(a.associations, func(with aclAssociation) string { return with.subnet })
	},
	"entry.cidr": func(a *networkACL) []string {
		return each(a.entries, func(e aclEntry) string { return e.cidr.String() })
	},
	"entry.egress": func(a *networkACL) []string {
		return each(a.entries, func(e aclEntry) string { return boolean(e.egress)[0] })
	},
	"entry.protocol": func(a *networkACL) []string {
		return each(a.entries, func(e aclEntry) string { return strconv.Itoa(int(e.protocol)) })
	},
	"entry.rule-action": func(a *networkACL) []string {
		return each(a.entries, func(e aclEntry) string { return string(e.action()) })
	},
	"entry.rule-number": func(a *networkACL) []string {
		return each(a.entries, func(e aclEntry) string { return strconv.Itoa(int(e.number)) })
	},
}

func each[T any](all []T, value func(T) string) []string {
	var values []string
	for _, one := range all {
		values = append(values, value(one))
	}
	return values
}

func (s *Service) describeNetworkACLs(ctx context.Context, in *ec2.DescribeNetworkAclsInput) (*ec2.DescribeNetworkAclsOutput, error) {
	q := query{kind: networkACLKind, ids: in.NetworkAclIds, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}
	found, next, err := list(ctx, s, s.networkACLs, q, networkACLFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkAclsOutput{NextToken: next}
	for _, a := range found {
		out.NetworkAcls = append(out.NetworkAcls, describedACL(a))
	}
	return out, nil
}

func describedACL(a *networkACL) types.NetworkAcl {
	out := types.NetworkAcl{
		NetworkAclId: &a.ID, OwnerId: &a.Account, VpcId: &a.VPC, IsDefault: &a.isDefault, Tags: shown(a.tags),
		Associations: []types.NetworkAclAssociation{},
	}
	for _, with := range a.associations {
		out.Associations = append(out.Associations, types.NetworkAclAssociation{
			NetworkAclAssociationId: aws.String(with.ID), NetworkAclId: &a.ID, SubnetId: aws.String(with.subnet)})
	}
	for _, e := range a.entries {
		described := types.NetworkAclEntry{
			RuleNumber: aws.Int32(e.number), Egress: aws.Bool(e.egress), RuleAction: e.action(),
			Protocol: aws.String(strconv.Itoa(int(e.protocol))), CidrBlock: aws.String(e.cidr.String()),
		}
		if e.hasPorts {
			described.PortRange = &types.PortRange{From: aws.Int32(e.from), To: aws.Int32(e.to)}
		}
		if e.icmpType != nil {
			described.IcmpTypeCode = &types.IcmpTypeCode{Type: e.icmpType, Code: e.code}
		}
		out.Entries = append(out.Entries, described)
	}
	return out
}

func (e aclEntry) action() types.RuleAction {
	if e.allow {
		return types.RuleActionAllow
	}
	return types.RuleActionDeny
}

// ownACL finds the caller's network ACL.
func (s *Service) ownACL(ctx context.Context, id *string) (*networkACL, error) {
	if aws.ToString(id) == "" {
		return nil, missing("networkAclId")
	}
	a, ok := s.networkACLs.of(wire.CallerOf(ctx).Account, *id)
	if !ok {
		return nil, networkACLKind.unknown(*id)
	}
	return a, nil
}

func (a *networkACL) find(number int32, egress bool) int {
	return slices.IndexFunc(a.entries, func(e aclEntry) bool { return e.number == number && e.egress == egress })
}

// change says that an ACL's entries are others.
func (s *Service) change(a *networkACL) {
	a.sort()
	s.bound(a.VPC)
}

func (s *Service) createNetworkACLEntry(ctx context.Context, in *ec2.CreateNetworkAclEntryInput) (*ec2.CreateNetworkAclEntryOutput, error) {
	a, err := s.ownACL(ctx, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	e, err := newEntry(in)
	if err != nil {
		return nil, err
	}
	if a.find(e.number, e.egress) >= 0 { // the words: ansible-collections/amazon.aws#2592
		return nil, wire.Errorf("NetworkAclEntryAlreadyExists", "The network acl entry identified by %d already exists.", e.number)
	}
	same := slices.DeleteFunc(slices.Clone(a.entries), func(other aclEntry) bool {
		return other.egress != e.egress || other.number == lastEntry
	})
	if len(same) >= entriesPerACL {
		return nil, wire.Errorf("NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached.")
	}
	a.entries = append(a.entries, e)
	s.change(a)
	return &ec2.CreateNetworkAclEntryOutput{}, nil
}

func (s *Service) replaceNetworkACLEntry(
	ctx context.Context, in *ec2.ReplaceNetworkAclEntryInput,
) (*ec2.ReplaceNetworkAclEntryOutput, error) {
	a, err := s.ownACL(ctx, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	e, err := newEntry(&ec2.CreateNetworkAclEntryInput{
		CidrBlock: in.CidrBlock, Ipv6CidrBlock: in.Ipv6CidrBlock, Egress: in.Egress, RuleNumber: in.RuleNumber, RuleAction: in.RuleAction,
		Protocol: in.Protocol, PortRange: in.PortRange, IcmpTypeCode: in.IcmpTypeCode,
	})
	if err != nil {
		return nil, err
	}
	i := a.find(e.number, e.egress)
	if i < 0 {
		return nil, noEntry(e.number)
	}
	a.entries[i] = e
	s.change(a)
	return &ec2.ReplaceNetworkAclEntryOutput{}, nil
}

func (s *Service) deleteNetworkACLEntry(ctx context.Context, in *ec2.DeleteNetworkAclEntryInput) (*ec2.DeleteNetworkAclEntryOutput, error) {
	a, err := s.ownACL(ctx, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	number, err := entryNumber(in.RuleNumber)
	if err != nil {
		return nil, err
	}
	i := a.find(number, aws.ToBool(in.Egress))
	if i < 0 {
		return nil, noEntry(number)
	}
	a.entries = slices.Delete(a.entries, i, i+1)
	s.change(a)
	return &ec2.DeleteNetworkAclEntryOutput{}, nil
}

func noEntry(number int32) error {
	return wire.Errorf("InvalidNetworkAclEntry.NotFound", "The network acl entry identified by %d does not exist.", number)
}

func entryNumber(number *int32) (int32, error) {
	if number == nil {
		return 0, missing("ruleNumber")
	}
	if *number < 1 || *number >= lastEntry { // API_CreateNetworkAclEntry: "1 to 32766"
		return 0, wire.Errorf("InvalidParameterValue",
			"Value (%d) for parameter ruleNumber is invalid. The rule number must be in the range 1-32766.", *number)
	}
	return *number, nil
}

// newEntry reads an entry as API_CreateNetworkAclEntry describes it.
func newEntry(in *ec2.CreateNetworkAclEntryInput) (aclEntry, error) {
	e := aclEntry{egress: aws.ToBool(in.Egress), allow: in.RuleAction == types.RuleActionAllow}
	var err error
	if e.number, err = entryNumber(in.RuleNumber); err != nil {
		return e, err
	}
	switch {
	case in.Ipv6CidrBlock != nil:
		return e, wire.Errorf("InvalidParameterValue", "IPv6 is not part of this local cloud")
	case in.CidrBlock == nil:
		return e, missing("cidrBlock")
	case in.RuleAction != types.RuleActionAllow && in.RuleAction != types.RuleActionDeny:
		return e, wire.Errorf("InvalidParameterValue", "Value (%s) for parameter ruleAction is invalid.", in.RuleAction)
	}
	block, err := netip.ParsePrefix(*in.CidrBlock)
	if err != nil || !block.Addr().Is4() {
		return e, wire.Errorf("InvalidParameterValue",
			"Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", *in.CidrBlock)
	}
	e.cidr = block.Masked()
	return e, e.readProtocol(in)
}

func (e *aclEntry) readProtocol(in *ec2.CreateNetworkAclEntryInput) error {
	const icmp, tcp, udp = 1, 6, 17
	names := map[string]int32{"tcp": tcp, "udp": udp, "icmp": icmp, "all": everyProtocol}
	named, ok := names[aws.ToString(in.Protocol)]
	if number, err := strconv.Atoi(aws.ToString(in.Protocol)); err == nil && number >= everyProtocol && number <= 255 {
		named, ok = int32(number), true
	}
	if !ok {
		return wire.Errorf("InvalidParameterValue",
			"Value (%s) for parameter protocol is invalid. Unrecognized protocol.", aws.ToString(in.Protocol))
	}
	e.protocol = named
	switch named {
	case tcp, udp: // "Required if specifying protocol 6 (TCP) or 17 (UDP)"
		r := in.PortRange
		if r == nil || r.From == nil || r.To == nil {
			return missing("portRange")
		}
		if *r.From < 0 || *r.To > 65535 || *r.From > *r.To {
			return wire.Errorf("InvalidParameterValue", "Value (%d-%d) for parameter portRange is invalid.", *r.From, *r.To)
		}
		e.from, e.to, e.hasPorts = *r.From, *r.To, true
	case icmp:
		if in.IcmpTypeCode == nil || in.IcmpTypeCode.Type == nil || in.IcmpTypeCode.Code == nil {
			return missing("icmpTypeCode")
		}
		e.icmpType, e.code = in.IcmpTypeCode.Type, in.IcmpTypeCode.Code
	}
	return nil
}

func (s *Service) replaceNetworkACLAssociation(
	ctx context.Context, in *ec2.ReplaceNetworkAclAssociationInput,
) (*ec2.ReplaceNetworkAclAssociationOutput, error) {
	to, err := s.ownACL(ctx, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	from, i := s.association(to.Account, aws.ToString(in.AssociationId))
	if from == nil {
		return nil, wire.Errorf("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", aws.ToString(in.AssociationId))
	}
	if from.VPC != to.VPC {
		return nil, wire.Errorf("InvalidParameterValue", "Network ACL %s and the subnet belong to different networks", to.ID)
	}
	with := aclAssociation{model.ID("aclassoc"), from.associations[i].subnet}
	from.associations = slices.Delete(from.associations, i, i+1)
	to.associations = append(to.associations, with)
	s.bound(to.VPC)
	return &ec2.ReplaceNetworkAclAssociationOutput{NewAssociationId: aws.String(with.ID)}, nil
}

func (s *Service) association(account, id string) (*networkACL, int) {
	for _, a := range s.networkACLs {
		i := slices.IndexFunc(a.associations, func(with aclAssociation) bool { return with.ID == id })
		if i >= 0 && a.Account == account {
			return a, i
		}
	}
	return nil, 0
}

// AssociatedSubnet is the subnet that an association of a network ACL is of.
func (s *Service) AssociatedSubnet(account, association string) (subnet string, ok bool) {
	a, i := s.association(account, association)
	if a == nil {
		return "", false
	}
	return a.associations[i].subnet, true
}

func (s *Service) deleteNetworkACL(ctx context.Context, in *ec2.DeleteNetworkAclInput) (*ec2.DeleteNetworkAclOutput, error) {
	a, err := s.ownACL(ctx, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	if a.isDefault { // the words of many who tidied up a VPC; no page has them
		return nil, wire.Errorf("InvalidParameterValue", "cannot delete default network ACL %s", a.ID)
	}
	if len(a.associations) > 0 {
		return nil, wire.Errorf("DependencyViolation", "The networkAcl '%s' has dependencies and cannot be deleted.", a.ID)
	}
	s.networkACLs.remove(a.ID)
	return &ec2.DeleteNetworkAclOutput{}, nil
}
