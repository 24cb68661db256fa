package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/steptest"
)

const (
	exposure = "orders-pushmetrics-0a1b2c3d"
	balancer = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/" + exposure + "/5f0e"
)

// cloud is two security groups of a database with their rules, two subnets, the nodes of a load balancer, and the registry.
// It lists rules and interfaces one a page.
type cloud struct {
	steptest.Fake
	rules   []types.SecurityGroupRule
	nodes   []string
	unseen  []ingress.Source  // a rule that an earlier describe did not show yet
	refused bool              // IAM lets nobody change the groups
	refuses map[string]string // how EC2 refuses to authorize, or to tag
	next    int               // number of a rule
	unknown string            // a group that EC2 does not know
}

var errRefused = &smithy.GenericAPIError{Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation."}

func (c *cloud) DescribeSecurityGroupRules(_ context.Context, in *ec2.DescribeSecurityGroupRulesInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	at, _ := strconv.Atoi(aws.ToString(in.NextToken))
	for i := at; i < len(c.rules); i++ {
		if matches(c.rules[i], in.Filters[0]) {
			return &ec2.DescribeSecurityGroupRulesOutput{SecurityGroupRules: c.rules[i : i+1], NextToken: aws.String(strconv.Itoa(i + 1))}, nil
		}
	}
	return &ec2.DescribeSecurityGroupRulesOutput{}, nil
}

// matches knows the filters of API_DescribeSecurityGroupRules.
func matches(rule types.SecurityGroupRule, filter types.Filter) bool {
	if key, tagged := strings.CutPrefix(*filter.Name, "tag:"); tagged {
		value, carries := owned.FromEC2(rule.Tags)[key]
		return carries && slices.Contains(filter.Values, value)
	}
	id := map[string]*string{"group-id": rule.GroupId, "security-group-rule-id": rule.SecurityGroupRuleId}[*filter.Name]
	return id != nil && slices.Contains(filter.Values, *id)
}

func (c *cloud) AuthorizeSecurityGroupIngress(_ context.Context, in *ec2.AuthorizeSecurityGroupIngressInput, _ ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	if c.refused {
		return nil, errRefused
	}
	if code := c.refuses["authorize"]; code != "" {
		return nil, &smithy.GenericAPIError{Code: code}
	}
	var made []types.SecurityGroupRule
	if *in.GroupId == c.unknown || slices.Contains(sourcesOf(in.IpPermissions[0]), ingress.Source{GroupID: c.unknown}) {
		return nil, &smithy.GenericAPIError{Code: "InvalidGroup.NotFound", Message: "The security group '" + c.unknown + "' does not exist"}
	}
	for _, s := range sourcesOf(in.IpPermissions[0]) {
		if slices.Contains(c.unseen, s) {
			return nil, &smithy.GenericAPIError{Code: "InvalidPermission.Duplicate"}
		}
		c.Mutate("authorize %s %s", *in.GroupId, s.CIDR+s.GroupID)
		made = append(made, ruleOf(c.unused(len(c.rules)+len(made)), *in.GroupId, s, *in.IpPermissions[0].FromPort,
			owned.FromEC2(in.TagSpecifications[0].Tags)))
	}
	c.rules = append(c.rules, made...)
	return &ec2.AuthorizeSecurityGroupIngressOutput{SecurityGroupRules: made}, nil
}

// unused is a new rule's id, with a number from n.
func (c *cloud) unused(n int) string {
	n = max(n, c.next)
	c.next = n + 1
	return fmt.Sprintf("sgr-new%d", n)
}

func sourcesOf(p types.IpPermission) []ingress.Source {
	var sources []ingress.Source
	for _, r := range p.IpRanges {
		sources = append(sources, ingress.Source{CIDR: *r.CidrIp})
	}
	for _, g := range p.UserIdGroupPairs {
		sources = append(sources, ingress.Source{GroupID: *g.GroupId})
	}
	return sources
}

func (c *cloud) RevokeSecurityGroupIngress(_ context.Context, in *ec2.RevokeSecurityGroupIngressInput, _ ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	if c.refused {
		return nil, errRefused
	}
	c.Mutate("revoke %s", in.SecurityGroupRuleIds[0])
	c.rules = slices.DeleteFunc(c.rules, func(r types.SecurityGroupRule) bool { return *r.SecurityGroupRuleId == in.SecurityGroupRuleIds[0] })
	return &ec2.RevokeSecurityGroupIngressOutput{}, nil
}

func (c *cloud) CreateTags(_ context.Context, in *ec2.CreateTagsInput, _ ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error) {
	if code := c.refuses["tag"]; code != "" {
		return nil, &smithy.GenericAPIError{Code: code}
	}
	what := "tag"
	if *in.Tags[0].Value == owned.RuleLeaving {
		what = "leave"
	}
	c.Mutate("%s %v", what, in.Resources)
	for i, rule := range c.rules {
		if slices.Contains(in.Resources, *rule.SecurityGroupRuleId) {
			tags := owned.FromEC2(rule.Tags)
			maps.Copy(tags, owned.FromEC2(in.Tags))
			c.rules[i].Tags = owned.EC2Tags(tags)
		}
	}
	return &ec2.CreateTagsOutput{}, nil
}

func (c *cloud) DeleteTags(_ context.Context, in *ec2.DeleteTagsInput, _ ...func(*ec2.Options)) (*ec2.DeleteTagsOutput, error) {
	c.Mutate("untag %v", in.Resources)
	for i, rule := range c.rules {
		if slices.Contains(in.Resources, *rule.SecurityGroupRuleId) {
			c.rules[i].Tags = slices.DeleteFunc(rule.Tags, func(t types.Tag) bool { return *t.Key == *in.Tags[0].Key })
		}
	}
	return &ec2.DeleteTagsOutput{}, nil
}

func (c *cloud) DescribeSubnets(_ context.Context, in *ec2.DescribeSubnetsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	out := &ec2.DescribeSubnetsOutput{}
	for _, id := range in.SubnetIds {
		out.Subnets = append(out.Subnets, types.Subnet{CidrBlock: aws.String("10.0." + strings.TrimPrefix(id, "subnet-") + ".0/24")})
	}
	return out, nil
}

func (c *cloud) DescribeNetworkInterfaces(_ context.Context, in *ec2.DescribeNetworkInterfacesInput, _ ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	out := &ec2.DescribeNetworkInterfacesOutput{}
	if in.Filters[0].Values[0] != "ELB net/"+exposure+"/5f0e" {
		return out, nil
	}
	for _, address := range c.nodes {
		if address > aws.ToString(in.NextToken) {
			out.NetworkInterfaces = []types.NetworkInterface{{PrivateIpAddress: &address}}
			out.NextToken = &address
			break
		}
	}
	return out, nil
}

// ruleOf is a rule for TCP from a source to one port.
func ruleOf(id, group string, s ingress.Source, port int32, tags map[string]string) types.SecurityGroupRule {
	rule := types.SecurityGroupRule{SecurityGroupRuleId: &id, GroupId: &group, IpProtocol: aws.String("tcp"), IsEgress: aws.Bool(false),
		FromPort: &port, ToPort: &port, Tags: owned.EC2Tags(tags)}
	if s.GroupID != "" {
		rule.ReferencedGroupInfo = &types.ReferencedSecurityGroup{GroupId: &s.GroupID}
	} else {
		rule.CidrIpv4 = &s.CIDR
	}
	return rule
}

func egress(rule types.SecurityGroupRule) types.SecurityGroupRule {
	rule.IsEgress = aws.Bool(true)
	return rule
}

var (
	subnet1, subnet2 = ingress.Source{CIDR: "10.0.1.0/24"}, ingress.Source{CIDR: "10.0.2.0/24"}
	resolver         = ingress.Source{GroupID: "sg-resolver"}
	stale            = ingress.Source{CIDR: "10.0.9.0/24"}
	forUs            = owned.Owner{}.RuleTags(exposure)
	forOther         = owned.Owner{}.RuleTags("other")
	forBoth          = map[string]string{owned.ManagedTag: "true", owned.RuleTag(exposure): "true", owned.RuleTag("other"): "true"}
)

// leaving are the tags of a rule that an exposure is giving up, and that serves others.
func leaving(who string, others ...string) map[string]string {
	tags := map[string]string{owned.ManagedTag: "true", owned.RuleTag(who): owned.RuleLeaving}
	for _, other := range others {
		tags[owned.RuleTag(other)] = owned.RuleServes
	}
	return tags
}

// complete is what a first run leaves behind.
func complete() []types.SecurityGroupRule {
	return []types.SecurityGroupRule{
		ruleOf("sgr-1", "sg-db", subnet1, 5432, forUs),
		ruleOf("sgr-2", "sg-db", subnet2, 5432, forUs),
		ruleOf("sgr-3", "sg-db", resolver, 5432, forUs),
	}
}

type row = steptest.Row[*cloud, Input, Output]

func input() Input {
	return Input{Execution: "execution", Exposure: exposure, SecurityGroupIDs: []string{"sg-db", "sg-second"}, SubnetIDs: []string{"subnet-1", "subnet-2"},
		Ingress: "subnets", Port: 5432, LoadBalancerARN: balancer, ResolverSecurityGroupID: "sg-resolver"}
}

func TestRun(t *testing.T) {
	everything := []string{"authorize sg-db 10.0.1.0/24", "authorize sg-db 10.0.2.0/24", "authorize sg-db sg-resolver"}
	nodes := []string{"authorize sg-db 10.0.1.7/32", "authorize sg-db 10.0.2.9/32"}
	rules := func(rules ...types.SecurityGroupRule) func(*cloud) { return func(c *cloud) { c.rules = rules } }
	byAddress := func(in *Input) { in.Ingress, in.ResolverSecurityGroupID = ingress.Addresses, "" }
	recorded := func(mutations ...string) []string { return append(mutations, "Record") }
	admits := func(ruleIDs ...string) *Output {
		return &Output{"sg-db", ruleIDs, []ingress.Borrowed{}, []link.Opened{}}
	}
	borrows := func(rule, stack string) *Output {
		return &Output{"sg-db", []string{"sgr-2", "sgr-3", rule}, []ingress.Borrowed{{SecurityGroupRuleID: rule, Stack: stack}}, []link.Opened{}}
	}
	steptest.Step[*cloud, Input, Output]{
		Cloud:  func() *cloud { return &cloud{} },
		In:     input,
		Run:    func(c *cloud) step.Run[Input, Output] { return c.step().run },
		Output: func(*cloud, Input) Output { return *admits("sgr-new0", "sgr-new1", "sgr-new2") },
	}.Play(t, map[string]row{
		"a closed group": {Want: recorded(everything...)},
		"rules that are there already": {
			Drift: rules(complete()...), Want: recorded(), Output: admits("sgr-1", "sgr-2", "sgr-3"),
		},
		"no resolver": {
			Drift: rules(complete()[:2]...), In: func(in *Input) { in.ResolverSecurityGroupID = "" },
			Want: recorded(), Output: admits("sgr-1", "sgr-2"),
		},
		"only what is missing": {
			Drift: rules(complete()[1:]...), Want: recorded(everything[0]), Output: admits("sgr-2", "sgr-3", "sgr-new2"),
		},
		"somebody else's rule serves and is not touched": {
			Drift: rules(append(complete()[1:], ruleOf("sgr-9", "sg-db", subnet1, 5432, nil))...),
			Want:  recorded(), Output: borrows("sgr-9", ""),
		},
		"another stack's rule serves and is not touched": {
			Drift: rules(append(complete()[1:], ruleOf("sgr-9", "sg-db", subnet1, 5432, owned.Owner{Name: "finance"}.RuleTags("other")))...),
			Want:  recorded(), Output: borrows("sgr-9", "rdslink-finance"),
		},
		"another stack's rule that says it serves us stays that stack's": {
			Drift: rules(append(complete(), ruleOf("sgr-9", "sg-db", stale, 5432, owned.Owner{Name: "finance"}.RuleTags(exposure)))...),
			Want:  recorded(), Output: admits("sgr-1", "sgr-2", "sgr-3"),
		},
		"another exposure's rule is shared": {
			Drift: rules(append(complete()[1:], ruleOf("sgr-9", "sg-db", subnet1, 5432, forOther))...),
			Want:  recorded("tag [sgr-9]"), Output: admits("sgr-2", "sgr-3", "sgr-9"),
		},
		"a rule that another exposure is giving up may go": {
			Drift: rules(append(complete()[1:], ruleOf("sgr-9", "sg-db", subnet1, 5432, leaving("other")))...),
			Want:  []string{"tag [sgr-9]"}, Err: "NotReady", Says: "exposure other is giving it up",
		},
		"so may one that is shared already": {
			Drift: rules(append(complete()[1:], ruleOf("sgr-9", "sg-db", subnet1, 5432, leaving("other", exposure)))...),
			Err:   "NotReady", Says: "exposure other is giving it up",
		},
		"a rule that a removal of this one has begun to give up": {
			Drift: rules(append(complete()[1:], ruleOf("sgr-1", "sg-db", subnet1, 5432, leaving(exposure)))...),
			Want:  recorded("tag [sgr-1]"), Output: admits("sgr-1", "sgr-2", "sgr-3"),
		},
		"a rule for another port does not serve": {
			Drift: rules(append(complete()[1:], ruleOf("sgr-9", "sg-db", subnet1, 5433, nil))...),
			Want:  recorded(everything[0]), Output: admits("sgr-2", "sgr-3", "sgr-new3"),
		},
		"an egress rule does not serve": {
			Drift: rules(append(complete()[1:], egress(ruleOf("sgr-9", "sg-db", subnet1, 5432, nil)))...),
			Want:  recorded(everything[0]), Output: admits("sgr-2", "sgr-3", "sgr-new3"),
		},
		"our last rule for a source that is gone is revoked": {
			Drift: rules(append(complete(), ruleOf("sgr-9", "sg-db", stale, 5432, forUs))...),
			Want:  recorded("leave [sgr-9]", "revoke sgr-9"), Output: admits("sgr-1", "sgr-2", "sgr-3"),
		},
		"a rule that still serves another loses our tag only": {
			Drift: rules(append(complete(), ruleOf("sgr-9", "sg-db", stale, 5432, forBoth))...),
			Want:  recorded("leave [sgr-9]", "untag [sgr-9]"), Output: admits("sgr-1", "sgr-2", "sgr-3"),
		},
		"other rules for that source stay": {
			Drift: rules(append(complete(), ruleOf("sgr-8", "sg-db", stale, 5432, nil), ruleOf("sgr-9", "sg-db", stale, 5432, forOther))...),
			Want:  recorded(), Output: admits("sgr-1", "sgr-2", "sgr-3"),
		},
		"the group that holds our rules is kept": {
			Drift: rules(ruleOf("sgr-1", "sg-second", subnet1, 5432, forUs),
				ruleOf("sgr-2", "sg-second", subnet2, 5432, forUs), ruleOf("sgr-3", "sg-second", resolver, 5432, forUs)),
			Want: recorded(), Output: &Output{"sg-second", []string{"sgr-1", "sgr-2", "sgr-3"}, []ingress.Borrowed{}, []link.Opened{}},
		},
		"rules in a group that the database has left are given up there": {
			Drift: rules(append(complete(), ruleOf("sgr-7", "sg-left", subnet1, 5432, forUs), ruleOf("sgr-8", "sg-left", subnet2, 5432, forBoth),
				ruleOf("sgr-9", "sg-left", subnet1, 5432, forOther))...),
			Want: recorded("leave [sgr-7]", "revoke sgr-7", "leave [sgr-8]", "untag [sgr-8]"), Output: admits("sgr-1", "sgr-2", "sgr-3"),
		},
		"all groups are others now: open first, then close": {
			Drift: rules(ruleOf("sgr-7", "sg-left", subnet1, 5432, forUs), ruleOf("sgr-8", "sg-left", resolver, 5432, forUs)),
			Want:  recorded(slices.Concat(everything, []string{"leave [sgr-7]", "revoke sgr-7", "leave [sgr-8]", "revoke sgr-8"})...), Output: admits("sgr-new2", "sgr-new3", "sgr-new4"),
		},
		"another port of the database: open first, then close": {
			Drift: rules(complete()...), In: func(in *Input) { in.Port, in.ResolverSecurityGroupID = 5433, "" },
			Want: recorded(slices.Concat(everything[:2],
				[]string{"leave [sgr-1]", "revoke sgr-1", "leave [sgr-2]", "revoke sgr-2", "leave [sgr-3]", "revoke sgr-3"})...),
			Output: admits("sgr-new3", "sgr-new4"),
		},
		"a rule that a describe did not show yet": {
			Drift: func(c *cloud) { c.unseen = []ingress.Source{subnet1} }, Err: "NotReady",
		},
		"a group that others filled meanwhile": {
			Drift: func(c *cloud) { c.refuses = map[string]string{"authorize": "RulesPerSecurityGroupLimitExceeded"} }, Err: "BadInput",
		},
		"a rule that took its last tag meanwhile": {
			Drift: func(c *cloud) {
				c.rules = slices.Concat(complete()[1:], []types.SecurityGroupRule{ruleOf("sgr-9", "sg-db", subnet1, 5432, forOther)})
				c.refuses = map[string]string{"tag": "TagLimitExceeded"}
			}, Err: "BadInput",
		},
		"a rule of another exposure's that went meanwhile": {
			Drift: func(c *cloud) {
				c.rules = slices.Concat(complete()[1:], []types.SecurityGroupRule{ruleOf("sgr-9", "sg-db", subnet1, 5432, forOther)})
				c.refuses = map[string]string{"tag": "InvalidSecurityGroupRuleId.NotFound"}
			}, Err: "NotReady",
		},
		"the resolver's group, which EC2 does not know yet": {
			Drift: func(c *cloud) { c.unknown = "sg-resolver" }, Err: "NotReady",
		},
		"the database's group, which is gone": {
			Drift: func(c *cloud) { c.unknown = "sg-db" }, In: func(in *Input) { in.ResolverSecurityGroupID = "" }, Err: "Failed",
		},
		"addresses of the nodes": {
			Drift: func(c *cloud) { c.nodes = []string{"10.0.1.7", "10.0.2.9"} }, In: byAddress,
			Want: recorded(nodes...), Output: admits("sgr-new0", "sgr-new1"),
		},
		"from subnets to addresses: open first, then close": {
			Drift: func(c *cloud) { c.rules, c.nodes = complete()[:2], []string{"10.0.1.7", "10.0.2.9"} }, In: byAddress,
			Want: recorded(append(nodes, "leave [sgr-1]", "revoke sgr-1", "leave [sgr-2]", "revoke sgr-2")...), Output: admits("sgr-new2", "sgr-new3"),
		},
		"a node without an address yet": {
			Drift: func(c *cloud) { c.nodes = []string{"10.0.1.7"} }, In: byAddress, Err: "NotReady",
		},
	})
}

func (c *cloud) step() updateTheRDSSecurityGroup {
	return updateTheRDSSecurityGroup{rules: c, network: c, registry: c}
}

// The stack without a name is no exception: its rules are not another's to change either.
func TestOfTwoStacksNeitherChangesTheOthersRules(t *testing.T) {
	finance := owned.Owner{Name: "finance"}
	c := &cloud{rules: complete()}
	s := c.step()
	s.owner = finance
	out, err := s.run(t.Context(), input())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Mutations) != 1 || len(out.BorrowedRules) != 3 || out.BorrowedRules[0].Stack != "rdslink" {
		t.Errorf("it did %v and says %+v", c.Mutations, out.BorrowedRules)
	}
	if kept := c.Recorded.BorrowedRules; len(kept) != 3 || kept[0] != registry.Borrowed(out.BorrowedRules[0]) {
		t.Errorf("it records %+v", kept)
	}
	// The other stack takes its rules away. The next start makes them, under the own name.
	c.rules, c.Mutations = nil, nil
	out, err = s.run(t.Context(), input())
	if err != nil || len(out.BorrowedRules) != 0 || len(c.rules) != 3 {
		t.Errorf("%v, %+v, rules %v", err, out, c.rules)
	}
	for _, rule := range c.rules {
		if !finance.Manages(owned.FromEC2(rule.Tags)) {
			t.Errorf("a new rule has the tags %v", owned.FromEC2(rule.Tags))
		}
	}
}

func TestNewRulesCarryOurTagsAndTheDeployers(t *testing.T) {
	c := &cloud{}
	s := c.step()
	s.owner.Tags = map[string]string{"team": "data"}
	if _, err := s.run(t.Context(), input()); err != nil {
		t.Fatal(err)
	}
	tags := owned.FromEC2(c.rules[0].Tags)
	if tags[owned.ManagedTag] != "true" || tags[owned.RuleTag(exposure)] != "true" || tags["team"] != "data" {
		t.Errorf("tags = %v", tags)
	}
}

func TestARefusalSaysWhichTagToPutWhereTheDeploymentAsksForIt(t *testing.T) {
	const remedy = "put the tag rdslink:ingress=allowed on it (aws ec2 create-tags --resources sg-db --tags Key=rdslink:ingress,Value=allowed), then redrive"
	for name, rules := range map[string][]types.SecurityGroupRule{
		"to open":  nil,
		"to close": append(complete(), ruleOf("sgr-9", "sg-db", stale, 5432, forUs)),
	} {
		for _, tagged := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", tagged ", tagged), func(t *testing.T) {
				c := &cloud{rules: rules, refused: true}
				s := c.step()
				s.tagged = tagged
				_, err := s.run(t.Context(), input())
				if outcome.Name(err) != "Failed" || strings.Contains(err.Error(), remedy) != tagged || !strings.Contains(err.Error(), "UnauthorizedOperation") {
					t.Errorf("error = %v", err)
				}
			})
		}
	}
}

func TestTagsOfTheDeploymentThatChangedReachTheRules(t *testing.T) {
	for name, full := range map[string]bool{"room": false, "no room": true} {
		t.Run(name, func(t *testing.T) {
			c := &cloud{rules: append(complete()[:2], ruleOf("sgr-3", "sg-db", resolver, 5432, nil))}
			s := c.step()
			s.owner.Tags = map[string]string{"cost-center": "42"}
			if full {
				c.refuses = map[string]string{"tag": "TagLimitExceeded"}
			}
			for range 2 {
				if _, err := s.run(t.Context(), input()); err != nil {
					t.Fatal(err)
				}
			}
			for _, rule := range c.rules {
				_, tagged := owned.FromEC2(rule.Tags)["cost-center"]
				if ours := *rule.SecurityGroupRuleId != "sgr-3"; tagged != (ours && !full) {
					t.Errorf("%s carries %v", *rule.SecurityGroupRuleId, owned.FromEC2(rule.Tags))
				}
			}
			if tags := slices.DeleteFunc(slices.Clone(c.Mutations), func(m string) bool { return !strings.HasPrefix(m, "tag") }); !full && len(tags) != 1 {
				t.Errorf("tagged by %v", tags)
			}
		})
	}
}
