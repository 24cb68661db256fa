// Package ingress is the rules by which a security group of the database admits an exposure. Step 1 counts whether they fit,
// step 7 makes them.
package ingress

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
)

// How the load balancer is let in: by its subnets, as the documented procedure says, or by the addresses of its nodes.
const (
	Subnets   = "subnets"
	Addresses = "addresses"
)

// Source is who is let in: a block of addresses, or what carries a security group.
type Source struct {
	CIDR    string `json:"cidr,omitempty"`
	GroupID string `json:"securityGroupId,omitempty"`
}

// The sources that step 1 counts before they are made.
var (
	FutureNode     = Source{CIDR: "a node's address"}
	FutureResolver = Source{GroupID: "the resolver's group"}
)

// Need is what an exposure needs of a group: that the sources reach the port.
type Need struct {
	Owner    owned.Owner
	Exposure string
	Port     int32
	Sources  []Source
}

// Match finds the group's rule for each source, and the sources without one. No rule serves two sources: EC2 keeps one rule
// per (group, protocol, port, source), whoever asks.
func (n Need) Match(groupID string, rules []types.SecurityGroupRule) (present []types.SecurityGroupRule, missing []Source) {
	rest := slices.Clone(rules)
	for _, s := range n.Sources {
		i := slices.IndexFunc(rest, func(r types.SecurityGroupRule) bool { return aws.ToString(r.GroupId) == groupID && n.Admits(r, s) })
		if i < 0 {
			missing = append(missing, s)
			continue
		}
		present = append(present, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return present, missing
}

// Future are the rules that will be in a group when another exposure's need of it is met, beside the rules that are there:
// those of earlier needs, and what is missing of this one.
func (n Need) Future(groupID string, there, earlier []types.SecurityGroupRule) []types.SecurityGroupRule {
	present, missing := n.Match(groupID, slices.Concat(there, earlier))
	future := slices.Clone(earlier)
	for i, rule := range future {
		if slices.ContainsFunc(present, func(p types.SecurityGroupRule) bool { return p.SecurityGroupRuleId == rule.SecurityGroupRuleId }) {
			future[i].Tags = append(slices.Clip(rule.Tags), owned.EC2Tags(map[string]string{owned.RuleTag(n.Exposure): owned.RuleServes})...)
		}
	}
	for _, s := range missing {
		rule := types.SecurityGroupRule{
			SecurityGroupRuleId: aws.String("that is to be made"), GroupId: &groupID,
			IpProtocol: aws.String("tcp"), FromPort: &n.Port, ToPort: &n.Port,
			Tags: owned.EC2Tags(n.Owner.RuleTags(n.Exposure)),
		}
		if s.GroupID != "" {
			rule.ReferencedGroupInfo = &types.ReferencedSecurityGroup{GroupId: &s.GroupID}
		} else {
			rule.CidrIpv4 = &s.CIDR
		}
		future = append(future, rule)
	}
	return future
}

// Admits tells a rule that lets the source reach the port.
func (n Need) Admits(rule types.SecurityGroupRule, s Source) bool {
	if aws.ToString(rule.IpProtocol) != "tcp" || aws.ToInt32(rule.FromPort) != n.Port || aws.ToInt32(rule.ToPort) != n.Port {
		return false
	}
	switch {
	case s == FutureResolver: // a VPC has one resolver, so a rule of ours that names a group names the resolver's
		return rule.ReferencedGroupInfo != nil && n.Ours(rule)
	case s == FutureNode && aws.ToString(rule.CidrIpv4) == s.CIDR: // one that Future says will be there
		return true
	case s == FutureNode:
		return strings.HasSuffix(aws.ToString(rule.CidrIpv4), "/32") && n.Serves(rule)
	case s.GroupID != "":
		return rule.ReferencedGroupInfo != nil && aws.ToString(rule.ReferencedGroupInfo.GroupId) == s.GroupID
	}
	return aws.ToString(rule.CidrIpv4) == s.CIDR
}

// Ours tells a rule that the owner made.
func (n Need) Ours(rule types.SecurityGroupRule) bool {
	return n.Owner.Manages(owned.FromEC2(rule.Tags))
}

// Serves tells a rule of ours that the exposure needs.
func (n Need) Serves(rule types.SecurityGroupRule) bool {
	_, tagged := owned.FromEC2(rule.Tags)[owned.RuleTag(n.Exposure)]
	return tagged && n.Ours(rule)
}

// Borrowed is a rule that admits an exposure and is not its stack's: it may go without a word.
type Borrowed struct {
	SecurityGroupRuleID string `json:"securityGroupRuleId"`
	Stack               string `json:"stack"` // whose it is; empty: somebody else's
}

// Borrowed are those of the rules that are not the owner's.
func (n Need) Borrowed(rules []types.SecurityGroupRule) []Borrowed {
	borrowed := []Borrowed{}
	for _, rule := range rules {
		if !n.Ours(rule) {
			borrowed = append(borrowed, Borrowed{aws.ToString(rule.SecurityGroupRuleId),
				deployment.Manager(owned.FromEC2(rule.Tags)[owned.ManagedTag])})
		}
	}
	return borrowed
}

// API is what EC2 has to answer.
type API interface {
	DescribeSecurityGroupRules(context.Context, *ec2.DescribeSecurityGroupRulesInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error)
}

// Rules are the rules that let somebody into the groups.
func Rules(ctx context.Context, api API, groupIDs []string) ([]types.SecurityGroupRule, error) {
	rules, err := describe(ctx, api, types.Filter{Name: aws.String("group-id"), Values: groupIDs})
	if err != nil {
		return nil, fmt.Errorf("describe rules of security groups %s: %w", strings.Join(groupIDs, ", "), err)
	}
	return rules, nil
}

// Tagged are the rules that carry an exposure's tag, in whichever groups they are, also those that it is giving up. EC2
// filters rules by a tag's key together with its value only (API_DescribeSecurityGroupRules).
func Tagged(ctx context.Context, api API, exposure string) ([]types.SecurityGroupRule, error) {
	rules, err := describe(ctx, api, types.Filter{
		Name: aws.String("tag:" + owned.RuleTag(exposure)), Values: []string{owned.RuleServes, owned.RuleLeaving},
	})
	if err != nil {
		return nil, fmt.Errorf("describe rules of exposure %s: %w", exposure, err)
	}
	return rules, nil
}

// ByID are those of some rules that are there.
func ByID(ctx context.Context, api API, ids []string) ([]types.SecurityGroupRule, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rules, err := describe(ctx, api, types.Filter{Name: aws.String("security-group-rule-id"), Values: ids})
	if err != nil {
		return nil, fmt.Errorf("describe rules %s: %w", strings.Join(ids, ", "), err)
	}
	return rules, nil
}

func describe(ctx context.Context, api API, filter types.Filter) ([]types.SecurityGroupRule, error) {
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(api, &ec2.DescribeSecurityGroupRulesInput{Filters: []types.Filter{filter}})
	var rules []types.SecurityGroupRule
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, rule := range page.SecurityGroupRules {
			if !aws.ToBool(rule.IsEgress) {
				rules = append(rules, rule)
			}
		}
	}
	return rules, nil
}

// NodesDescription is what the network interfaces of a load balancer's nodes are described as. ELB's API does not tell the
// nodes' addresses; their interfaces do (Knowledge Center, "Find the IP addresses of a Network Load Balancer").
func NodesDescription(loadBalancerARN string) string {
	_, name, _ := strings.Cut(loadBalancerARN, ":loadbalancer/")
	return "ELB " + name
}

// Nodes are the addresses of a load balancer's nodes, one per zone, in order. Fewer than zones are not ready.
func Nodes(ctx context.Context, api ec2.DescribeNetworkInterfacesAPIClient, loadBalancerARN string, zones int) ([]string, error) {
	interfaces, err := NodeInterfaces(ctx, api, loadBalancerARN, zones)
	var nodes []string
	for _, node := range interfaces {
		nodes = append(nodes, aws.ToString(node.PrivateIpAddress))
	}
	slices.Sort(nodes)
	return nodes, err
}

// NodeInterfaces are the network interfaces of a load balancer's nodes, one per zone. Fewer than zones are not ready.
func NodeInterfaces(
	ctx context.Context, api ec2.DescribeNetworkInterfacesAPIClient, loadBalancerARN string, zones int,
) ([]types.NetworkInterface, error) {
	name := NodesDescription(loadBalancerARN)
	pages := ec2.NewDescribeNetworkInterfacesPaginator(api, &ec2.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{{Name: aws.String("description"), Values: []string{name}}},
	})
	var nodes []types.NetworkInterface
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe network interfaces of %s: %w", name, err)
		}
		nodes = append(nodes, page.NetworkInterfaces...)
	}
	if len(nodes) < zones {
		return nil, outcome.NotReady("describe network interfaces of %s: %d of %d nodes have an address yet", name, len(nodes), zones)
	}
	return nodes, nil
}
