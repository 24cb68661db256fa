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

// byAWS owns the prefix lists of AWS's services.
const byAWS = "AWS"

// prefixList is a managed prefix list of IPv4 blocks.
type prefixList struct {
	ID, Account string
	name        string
	weight      int // what a rule that names it counts as: the most entries that it can have; AWS's have a weight
	entries     []netip.Prefix
	common
}

func (l *prefixList) identity() (id, account string) { return l.ID, l.Account }

// listsOfAWS are some of the AWS-managed prefix lists, with their weights. What is in them nobody here needs
// (docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html).
func listsOfAWS(region string) table[*prefixList] {
	var lists table[*prefixList]
	for _, of := range []struct {
		name   string
		weight int
	}{
		{"com.amazonaws.global.cloudfront.origin-facing", 55},
		{"com.amazonaws." + region + ".route53-healthchecks", 25},
		{"com.amazonaws." + region + ".vpc-lattice", 10},
		{"com.amazonaws." + region + ".s3", 1},
	} {
		lists.add(&prefixList{ID: model.ID("pl"), Account: byAWS, name: of.name, weight: of.weight})
	}
	return lists
}

// mostEntries is the quota of a list's maximum of entries (docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
const mostEntries = 1000

func (s *Service) createPrefixList(ctx context.Context, in *ec2.CreateManagedPrefixListInput) (*ec2.CreateManagedPrefixListOutput, error) {
	most := int(aws.ToInt32(in.MaxEntries))
	switch {
	case aws.ToString(in.PrefixListName) == "":
		return nil, missing("PrefixListName")
	case aws.ToString(in.AddressFamily) != "IPv4":
		return nil, wire.Errorf("InvalidParameterValue", "IPv6 is not part of this local cloud")
	case most < 1 || most > mostEntries || len(in.Entries) > most:
		return nil, wire.Errorf("InvalidParameterValue", "Invalid value '%d' for MaxEntries", most)
	}
	tags, err := specified(in.TagSpecifications, types.ResourceTypePrefixList)
	if err != nil {
		return nil, err
	}
	l := &prefixList{ID: model.ID("pl"), Account: wire.CallerOf(ctx).Account, name: *in.PrefixListName, weight: most, common: born(tags)}
	for _, e := range in.Entries {
		block, err := netip.ParsePrefix(aws.ToString(e.Cidr))
		if err != nil || !block.Addr().Is4() {
			return nil, wire.Errorf("InvalidParameterValue", "CIDR block %s is malformed", aws.ToString(e.Cidr))
		}
		l.entries = append(l.entries, block.Masked())
	}
	s.prefixLists.add(l)
	return &ec2.CreateManagedPrefixListOutput{PrefixList: s.describedPrefixList(l)}, nil
}

var prefixListFilters = filterable[*prefixList]{
	"owner-id":         func(l *prefixList) []string { return []string{l.Account} },
	"prefix-list-id":   func(l *prefixList) []string { return []string{l.ID} },
	"prefix-list-name": func(l *prefixList) []string { return []string{l.name} },
}

func (s *Service) describePrefixLists(
	ctx context.Context, in *ec2.DescribeManagedPrefixListsInput,
) (*ec2.DescribeManagedPrefixListsOutput, error) {
	if len(in.PrefixListIds) > 0 {
		return nil, wire.Errorf("InvalidParameterValue", "PrefixListIds are not part of this local cloud: filter by prefix-list-id")
	}
	account := wire.CallerOf(ctx).Account
	seen := s.prefixLists.where(func(l *prefixList) bool { return ownedBy(l, account) || ownedBy(l, byAWS) })
	for _, f := range in.Filters {
		match, err := prefixListFilters.match(f)
		if err != nil {
			return nil, err
		}
		seen = seen.where(match)
	}
	found, next, err := page(seen, query{maxResults: in.MaxResults, nextToken: in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeManagedPrefixListsOutput{NextToken: next}
	for _, l := range found {
		out.PrefixLists = append(out.PrefixLists, *s.describedPrefixList(l))
	}
	return out, nil
}

func (s *Service) describedPrefixList(l *prefixList) *types.ManagedPrefixList {
	out := &types.ManagedPrefixList{
		PrefixListId: &l.ID, PrefixListName: &l.name, OwnerId: &l.Account, AddressFamily: aws.String("IPv4"),
		PrefixListArn: aws.String(s.arn(l.Account, "prefix-list/"+l.ID)), State: types.PrefixListStateCreateComplete, Tags: l.tags,
	}
	if l.Account != byAWS { // AWS does not tell how many entries its own may have
		out.MaxEntries, out.Version = aws.Int32(int32(l.weight)), aws.Int64(1)
	}
	return out
}

// listed is the prefix list that a rule of the account's names.
func (s *Service) listed(account, id string) (*prefixList, error) {
	l, ok := s.prefixLists.find(id)
	if !ok || !ownedBy(l, account) && !ownedBy(l, byAWS) {
		return nil, wire.Errorf("InvalidPrefixListID.NotFound", "The prefix list ID '%s' does not exist", id)
	}
	return l, nil
}

// counts is how many rules a permission counts as. Blocks and security groups count as one
// (docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html, "Security group size").
func (s *Service) counts(p permission) int {
	if l, ok := s.prefixLists.find(p.list); ok {
		return l.weight
	}
	return 1
}

// blocks are those that a rule's peer stands for.
func (s *Service) blocks(p permission) []netip.Prefix {
	if l, ok := s.prefixLists.find(p.list); ok {
		return slices.Clone(l.entries)
	}
	return []netip.Prefix{netip.MustParsePrefix(p.cidr)}
}
