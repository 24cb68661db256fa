package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	servicequotastypes "github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
)

type balancersAPI interface {
	DescribeLoadBalancers(context.Context, *elb.DescribeLoadBalancersInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error)
	DescribeListeners(context.Context, *elb.DescribeListenersInput, ...func(*elb.Options)) (*elb.DescribeListenersOutput, error)
	DescribeAccountLimits(context.Context, *elb.DescribeAccountLimitsInput, ...func(*elb.Options)) (*elb.DescribeAccountLimitsOutput, error)
}

type quotasAPI interface {
	GetServiceQuota(context.Context, *servicequotas.GetServiceQuotaInput, ...func(*servicequotas.Options)) (*servicequotas.GetServiceQuotaOutput, error)
}

const (
	balancersLimit = "network-load-balancers" // as DescribeAccountLimits names it
	rulesPerGroup  = 60                       // unless the account's quota was raised
	tagsPerRule    = 50                       // which no quota raises; a rule has one for each exposure that it serves
	rulesQuotaCode = "L-0EA8095F"             // Inbound or outbound rules per security group
)

// balancerSubnets are the subnets of the exposure's load balancer, if it has one already. If not, one more must fit into the
// account.
func balancerSubnets(ctx context.Context, api balancersAPI, id string) ([]string, error) {
	count := 0
	pages := elb.NewDescribeLoadBalancersPaginator(api, &elb.DescribeLoadBalancersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe load balancers: %w", err)
		}
		for _, balancer := range page.LoadBalancers {
			if aws.ToString(balancer.LoadBalancerName) == id {
				return zoneSubnets(balancer), nil
			}
			if balancer.Type == elbtypes.LoadBalancerTypeEnumNetwork {
				count++
			}
		}
	}
	return nil, checkBalancers(ctx, api, count)
}

func zoneSubnets(balancer elbtypes.LoadBalancer) []string {
	var ids []string
	for _, zone := range balancer.AvailabilityZones {
		ids = append(ids, aws.ToString(zone.SubnetId))
	}
	return ids
}

func checkBalancers(ctx context.Context, api balancersAPI, count int) error {
	out, err := api.DescribeAccountLimits(ctx, &elb.DescribeAccountLimitsInput{})
	if outcome.DoWithout(ctx, err, "whether one more load balancer fits into the account") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("describe ELB account limits: %w", err)
	}
	i := slices.IndexFunc(out.Limits, func(l elbtypes.Limit) bool { return aws.ToString(l.Name) == balancersLimit })
	if i < 0 {
		slog.WarnContext(ctx, "ELB does not name the limit: step 4 will find out", "limit", balancersLimit)
		return nil
	}
	limit, err := strconv.Atoi(aws.ToString(out.Limits[i].Max))
	if err != nil {
		slog.WarnContext(ctx, "ELB's limit is no number: step 4 will find out", "limit", balancersLimit, "max", aws.ToString(out.Limits[i].Max))
		return nil //nolint:nilerr // what cannot be read is no reason to refuse
	}
	if count >= limit {
		return outcome.BadInput("this region has %d Network Load Balancers and its limit is %d: "+
			"raise the quota (Service Quotas, Elastic Load Balancing), or delete one", count, limit)
	}
	return nil
}

// usableGroups are the database's security groups that can take the exposure's rules, those with room first. With the rules
// of other databases of the same link, which will be there, come those that will be there then.
func (s gatherRDSDetails) usableGroups(
	ctx context.Context, db database.Database, home database.Home, want ingress.Need, earlier []ec2types.SecurityGroupRule,
) (groups []string, future []ec2types.SecurityGroupRule, err error) {
	own, err := s.ownGroups(ctx, db, home)
	if err != nil {
		return nil, nil, err
	}
	rules, err := s.countedRules(ctx, own)
	if outcome.DoWithout(ctx, err, "whether the database's security groups have room") {
		return own, earlier, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if groups, err = s.withRoom(ctx, db, own, want, append(slices.Clip(rules), earlier...)); err != nil {
		return nil, nil, err
	}
	return groups, want.Future(groups[0], rules, earlier), nil
}

// withRoom are those of a database's own groups that can take what is wanted besides the rules that they have, first.
func (s gatherRDSDetails) withRoom(
	ctx context.Context, db database.Database, own []string, want ingress.Need, rules []ec2types.SecurityGroupRule,
) ([]string, error) {
	counts, err := s.countRules(ctx, own, want, rules)
	if err != nil {
		return nil, err
	}
	limit := rulesPerGroup
	fits := func(id string) bool {
		room := counts[id].missing == 0 || counts[id].present+counts[id].missing <= limit
		return room && counts[id].tagged == ""
	}
	if i := slices.IndexFunc(own, func(id string) bool { return counts[id].tagged == "" }); i < 0 {
		return nil, outcome.BadInput("security group rule %s of database %s serves as many exposures as a resource can have tags, which is %d: "+
			"attach another security group to the database, or remove an exposure", counts[own[0]].tagged, db.Identifier, tagsPerRule)
	}
	if !slices.ContainsFunc(own, fits) {
		known := false
		if limit, known, err = s.raised(ctx); err != nil || !known {
			return own, err
		}
	}
	if !slices.ContainsFunc(own, fits) {
		return nil, outcome.BadInput("no security group of database %s (%s) has room for %d more rules, the limit is %d, "+
			"and a rule with a prefix list counts as the most entries that the list can have: merge rules, "+
			"or raise the quota (Service Quotas, Amazon VPC)",
			db.Identifier, strings.Join(own, ", "), counts[own[0]].missing, limit)
	}
	slices.SortStableFunc(own, func(a, b string) int { return first(fits(a), fits(b)) })
	return own, nil
}

// ownGroups are the database's security groups that rdslink may change, in the database's order.
func (s gatherRDSDetails) ownGroups(ctx context.Context, db database.Database, home database.Home) ([]string, error) {
	// By filter: a group that another account does not show us is then missing, and not an error for all of them.
	out, err := s.network.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: db.SecurityGroupIDs}},
	})
	if err != nil {
		return nil, fmt.Errorf("describe security groups %s: %w", strings.Join(db.SecurityGroupIDs, ", "), err)
	}
	var own, allowed []string
	for _, id := range db.SecurityGroupIDs {
		i := slices.IndexFunc(out.SecurityGroups, func(g ec2types.SecurityGroup) bool {
			return aws.ToString(g.GroupId) == id && aws.ToString(g.OwnerId) == home.Account
		})
		if i < 0 {
			continue
		}
		own = append(own, id)
		if owned.FromEC2(out.SecurityGroups[i].Tags)[owned.IngressTag] == owned.IngressAllowed {
			allowed = append(allowed, id)
		}
	}
	if len(own) == 0 {
		return nil, outcome.BadInput("the security groups of database %s (%s) belong to another account, so rdslink cannot add rules: "+
			"attach one of account %s to it",
			db.Identifier, strings.Join(db.SecurityGroupIDs, ", "), home.Account)
	}
	if !s.tagged {
		return own, nil
	}
	if len(allowed) == 0 {
		return nil, outcome.BadInput("no security group of database %s (%s) carries the tag %s=%s, "+
			"and this deployment lets rdslink change no other: put the tag on the one that may be opened (aws ec2 create-tags --resources %s "+
			"--tags Key=%s,Value=%s)",
			db.Identifier, strings.Join(own, ", "), owned.IngressTag, owned.IngressAllowed, own[0], owned.IngressTag, owned.IngressAllowed)
	}
	return allowed, nil
}

// need is what step 7 will want of a group of the database.
func (s gatherRDSDetails) need(r request, id string, port int, subnets []ec2types.Subnet) ingress.Need {
	want := ingress.Need{Owner: s.owner, Exposure: id, Port: int32(port)}
	for _, subnet := range subnets {
		source := ingress.Source{CIDR: aws.ToString(subnet.CidrBlock)}
		if r.ingress == ingress.Addresses {
			source = ingress.FutureNode
		}
		want.Sources = append(want.Sources, source)
	}
	if r.resolver == resolverVPC {
		want.Sources = append(want.Sources, ingress.FutureResolver)
	}
	return want
}

// ruleCount is what a group has of the rules that count, what it needs besides, and a rule that it would need and that can
// take no further tag.
type ruleCount struct {
	present, missing int
	tagged           string
}

// countedRules are the rules of groups that count as ours do: IPv4 and IPv6 have a quota each, and ours are IPv4 (VPC guide,
// "Amazon VPC quotas").
func (s gatherRDSDetails) countedRules(ctx context.Context, groups []string) ([]ec2types.SecurityGroupRule, error) {
	all, err := ingress.Rules(ctx, s.network, groups)
	return slices.DeleteFunc(all, func(r ec2types.SecurityGroupRule) bool { return r.CidrIpv6 != nil }), err
}

func (s gatherRDSDetails) countRules(
	ctx context.Context, groups []string, want ingress.Need, all []ec2types.SecurityGroupRule,
) (map[string]ruleCount, error) {
	lists, err := s.listWeights(ctx, all)
	if err != nil {
		return nil, err
	}
	counts := map[string]ruleCount{}
	for _, id := range groups {
		counts[id] = count(want, id, all, lists)
	}
	return counts, nil
}

// count holds the wanted rules against those that are present: what is there already, for whomever, needs no room. A rule
// counts as one, unless it names a prefix list: then as lists says.
func count(want ingress.Need, groupID string, rules []ec2types.SecurityGroupRule, lists map[string]int) ruleCount {
	serving, missing := want.Match(groupID, rules)
	count := ruleCount{missing: len(missing)}
	for _, rule := range rules {
		if aws.ToString(rule.GroupId) != groupID {
			continue
		}
		weight, listed := lists[aws.ToString(rule.PrefixListId)]
		if !listed {
			weight = 1
		}
		count.present += weight
	}
	for _, rule := range serving {
		if want.Ours(rule) && !want.Serves(rule) && len(rule.Tags) >= tagsPerRule {
			count.tagged = aws.ToString(rule.SecurityGroupRuleId)
		}
	}
	return count
}

// raised is the quota of rules, where it may be asked for.
func (s gatherRDSDetails) raised(ctx context.Context) (limit int, known bool, err error) {
	limit, err = s.rulesQuota(ctx)
	if outcome.DoWithout(ctx, err, "whether the quota of rules per security group was raised") {
		return 0, false, nil
	}
	return limit, err == nil, err
}

// rulesQuota is the account's own value, if it has one: for some quotas Service Quotas knows AWS's default only, and answers
// as if there were none (API_ListServiceQuotas).
func (s gatherRDSDetails) rulesQuota(ctx context.Context) (int, error) {
	out, err := s.quotas.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{
		ServiceCode: aws.String("vpc"), QuotaCode: aws.String(rulesQuotaCode),
	})
	if _, none := errors.AsType[*servicequotastypes.NoSuchResourceException](err); none {
		return rulesPerGroup, nil
	}
	if err != nil {
		return 0, fmt.Errorf("get quota of rules per security group: %w", err)
	}
	// Where Service Quotas may not ask the service, it gives a reason and the value 0: hashicorp/terraform-provider-aws#19719.
	if out.Quota == nil || out.Quota.Value == nil || out.Quota.ErrorReason != nil {
		return rulesPerGroup, nil
	}
	return int(*out.Quota.Value), nil
}
