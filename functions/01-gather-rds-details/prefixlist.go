package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// weights are what a rule with a prefix list of AWS's counts as, by the end of the list's name (VPC guide, "AWS-managed
// prefix lists"). No API tells them.
var weights = map[string]int{
	"cloudfront.origin-facing": 55,
	"dynamodb":                 1,
	"ec2-instance-connect":     2,
	"groundstation":            5,
	"route53-healthchecks":     25,
	"s3":                       1,
	"s3express":                6,
	"vpc-lattice":              10,
}

// listWeights are what the rules' prefix lists count as against a group's quota of IPv4 rules, by id (VPC guide, "Security
// group size"). What cannot be known counts as one: then step 7 finds out.
func (s gatherRDSDetails) listWeights(ctx context.Context, rules []types.SecurityGroupRule) (map[string]int, error) {
	found := map[string]int{}
	var ids []string
	for _, rule := range rules {
		if id := aws.ToString(rule.PrefixListId); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return found, nil
	}
	// By filter: a list that another account does not share any more is then missing, and not an error for all of them.
	pages := ec2.NewDescribeManagedPrefixListsPaginator(s.network, &ec2.DescribeManagedPrefixListsInput{
		Filters: []types.Filter{{Name: aws.String("prefix-list-id"), Values: ids}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if outcome.DoWithout(ctx, err, "what the prefix lists in the database's security groups count as") {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("describe prefix lists %s: %w", strings.Join(ids, ", "), err)
		}
		for _, list := range page.PrefixLists {
			if weight, known := weigh(list); known {
				found[aws.ToString(list.PrefixListId)] = weight
			}
		}
	}
	for _, id := range ids {
		if _, known := found[id]; !known {
			slog.WarnContext(ctx, "prefix list counts as an unknown number of rules", "prefixListId", id)
		}
	}
	return found, nil
}

// weigh is what a list counts as: a customer's as the most entries that it can have, if these are IPv4; AWS's as its weight,
// and as one rule at least for either kind of address (VPC guide, "Amazon VPC quotas").
func weigh(list types.ManagedPrefixList) (weight int, known bool) {
	ipv6 := aws.ToString(list.AddressFamily) == "IPv6"
	if list.MaxEntries != nil {
		if ipv6 {
			return 0, true
		}
		return int(*list.MaxEntries), true
	}
	if ipv6 {
		return 1, true
	}
	// com.amazonaws.REGION.SERVICE, com.amazonaws.global.SERVICE
	parts := strings.SplitN(aws.ToString(list.PrefixListName), ".", 4)
	weight, known = weights[parts[len(parts)-1]]
	return weight, known
}
