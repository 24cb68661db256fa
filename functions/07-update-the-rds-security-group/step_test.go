package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
)

const (
	exposure = "orders-pushmetrics-0a1b2c3d"
	balancer = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/" + exposure + "/5f0e"
)

// fakeEC2 is two security groups of a database with their rules, two subnets, and the nodes of a load balancer. It lists rules
// and interfaces one a page.
type fakeEC2 struct {
	rules     []types.SecurityGroupRule
	nodes     []string
	unseen    []source // a rule that an earlier describe did not show yet
	refused   bool     // IAM lets nobody change the groups
	mutations []string
}

var errRefused = &smithy.GenericAPIError{Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation."}

func (f *fakeEC2) DescribeSecurityGroupRules(_ context.Context, in *ec2.DescribeSecurityGroupRulesInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	groups := in.Filters[0].Values
	for i, rule := range f.rules {
		id := *rule.SecurityGroupRuleId
		if id <= aws.ToString(in.NextToken) || !slices.Contains(groups, *rule.GroupId) {
			continue
		}
		return &ec2.DescribeSecurityGroupRulesOutput{SecurityGroupRules: f.rules[i : i+1], NextToken: &id}, nil
	}
	return &ec2.DescribeSecurityGroupRulesOutput{}, nil
}

func (f *fakeEC2) AuthorizeSecurityGroupIngress(_ context.Context, in *ec2.AuthorizeSecurityGroupIngressInput, _ ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	if f.refused {
		return nil, errRefused
	}
	var made []types.SecurityGroupRule
	for _, s := range sourcesOf(in.IpPermissions[0]) {
		if slices.Contains(f.unseen, s) {
			return nil, &smithy.GenericAPIError{Code: "InvalidPermission.Duplicate"}
		}
		f.mutations = append(f.mutations, "authorize "+*in.GroupId+" "+s.CIDR+s.GroupID)
		made = append(made, ruleOf(fmt.Sprintf("sgr-new%d", len(f.rules)+len(made)), *in.GroupId, s, *in.IpPermissions[0].FromPort,
			owned.FromEC2(in.TagSpecifications[0].Tags)))
	}
	f.rules = append(f.rules, made...)
	return &ec2.AuthorizeSecurityGroupIngressOutput{SecurityGroupRules: made}, nil
}

func sourcesOf(p types.IpPermission) []source {
	var sources []source
	for _, r := range p.IpRanges {
		sources = append(sources, source{CIDR: *r.CidrIp})
	}
	for _, g := range p.UserIdGroupPairs {
		sources = append(sources, source{GroupID: *g.GroupId})
	}
	return sources
}

func (f *fakeEC2) RevokeSecurityGroupIngress(_ context.Context, in *ec2.RevokeSecurityGroupIngressInput, _ ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	if f.refused {
		return nil, errRefused
	}
	f.mutations = append(f.mutations, "revoke "+in.SecurityGroupRuleIds[0])
	f.rules = slices.DeleteFunc(f.rules, func(r types.SecurityGroupRule) bool { return *r.SecurityGroupRuleId == in.SecurityGroupRuleIds[0] })
	return &ec2.RevokeSecurityGroupIngressOutput{}, nil
}

func (f *fakeEC2) CreateTags(_ context.Context, in *ec2.CreateTagsInput, _ ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error) {
	f.mutations = append(f.mutations, fmt.Sprintf("tag %v", in.Resources))
	for i, rule := range f.rules {
		if slices.Contains(in.Resources, *rule.SecurityGroupRuleId) {
			f.rules[i].Tags = append(f.rules[i].Tags, in.Tags...)
		}
	}
	return &ec2.CreateTagsOutput{}, nil
}

func (f *fakeEC2) DeleteTags(_ context.Context, in *ec2.DeleteTagsInput, _ ...func(*ec2.Options)) (*ec2.DeleteTagsOutput, error) {
	f.mutations = append(f.mutations, fmt.Sprintf("untag %v", in.Resources))
	for i, rule := range f.rules {
		if slices.Contains(in.Resources, *rule.SecurityGroupRuleId) {
			f.rules[i].Tags = slices.DeleteFunc(rule.Tags, func(t types.Tag) bool { return *t.Key == *in.Tags[0].Key })
		}
	}
	return &ec2.DeleteTagsOutput{}, nil
}

func (f *fakeEC2) DescribeSubnets(_ context.Context, in *ec2.DescribeSubnetsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	out := &ec2.DescribeSubnetsOutput{}
	for _, id := range in.SubnetIds {
		out.Subnets = append(out.Subnets, types.Subnet{CidrBlock: aws.String("10.0." + strings.TrimPrefix(id, "subnet-") + ".0/24")})
	}
	return out, nil
}

func (f *fakeEC2) DescribeNetworkInterfaces(_ context.Context, in *ec2.DescribeNetworkInterfacesInput, _ ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	out := &ec2.DescribeNetworkInterfacesOutput{}
	if in.Filters[0].Values[0] != "ELB net/"+exposure+"/5f0e" {
		return out, nil
	}
	for _, address := range f.nodes {
		if address > aws.ToString(in.NextToken) {
			out.NetworkInterfaces = []types.NetworkInterface{{PrivateIpAddress: &address}}
			out.NextToken = &address
			break
		}
	}
	return out, nil
}

// ruleOf is a rule for TCP from a source to one port.
func ruleOf(id, group string, s source, port int32, tags map[string]string) types.SecurityGroupRule {
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

type fakeRegistry struct{ recorded map[string]any }

func (f *fakeRegistry) Record(_ context.Context, _, _ string, set map[string]any) error {
	f.recorded = set
	return nil
}

var (
	subnet1, subnet2 = source{CIDR: "10.0.1.0/24"}, source{CIDR: "10.0.2.0/24"}
	resolver         = source{GroupID: "sg-resolver"}
	stale            = source{CIDR: "10.0.9.0/24"}
	forUs            = owned.RuleTags(exposure, nil)
	forOther         = owned.RuleTags("other", nil)
	forBoth          = map[string]string{owned.ManagedTag: "true", owned.RuleTag(exposure): "true", owned.RuleTag("other"): "true"}
)

// complete is what a first run leaves behind.
func complete() []types.SecurityGroupRule {
	return []types.SecurityGroupRule{
		ruleOf("sgr-1", "sg-db", subnet1, 5432, forUs),
		ruleOf("sgr-2", "sg-db", subnet2, 5432, forUs),
		ruleOf("sgr-3", "sg-db", resolver, 5432, forUs),
	}
}

func TestRun(t *testing.T) {
	everything := []string{"authorize sg-db 10.0.1.0/24", "authorize sg-db 10.0.2.0/24", "authorize sg-db sg-resolver"}
	for name, row := range map[string]struct {
		rules      []types.SecurityGroupRule
		nodes      []string
		unseen     []source
		noResolver bool
		mutations  []string
		group      string
		ruleIDs    string
		want       string
	}{
		"a closed group":                      {mutations: everything, ruleIDs: "sgr-new0 sgr-new1 sgr-new2"},
		"a second run makes no mutating call": {rules: complete(), ruleIDs: "sgr-1 sgr-2 sgr-3"},
		"no resolver":                         {rules: complete()[:2], noResolver: true, ruleIDs: "sgr-1 sgr-2"},
		"only what is missing": {rules: complete()[1:], mutations: everything[:1],
			ruleIDs: "sgr-2 sgr-3 sgr-new2"},
		"somebody else's rule serves and is not touched": {
			rules:   append(complete()[1:], ruleOf("sgr-9", "sg-db", subnet1, 5432, nil)),
			ruleIDs: "sgr-2 sgr-3 sgr-9"},
		"another exposure's rule is shared": {
			rules:     append(complete()[1:], ruleOf("sgr-9", "sg-db", subnet1, 5432, forOther)),
			mutations: []string{"tag [sgr-9]"}, ruleIDs: "sgr-2 sgr-3 sgr-9"},
		"a rule for another port does not serve": {
			rules:     append(complete()[1:], ruleOf("sgr-9", "sg-db", subnet1, 5433, nil)),
			mutations: everything[:1], ruleIDs: "sgr-2 sgr-3 sgr-new3"},
		"an egress rule does not serve": {
			rules:     append(complete()[1:], egress(ruleOf("sgr-9", "sg-db", subnet1, 5432, nil))),
			mutations: everything[:1], ruleIDs: "sgr-2 sgr-3 sgr-new3"},
		"our last rule for a source that is gone is revoked": {
			rules:     append(complete(), ruleOf("sgr-9", "sg-db", stale, 5432, forUs)),
			mutations: []string{"revoke sgr-9"}, ruleIDs: "sgr-1 sgr-2 sgr-3"},
		"a rule that still serves another loses our tag only": {
			rules:     append(complete(), ruleOf("sgr-9", "sg-db", stale, 5432, forBoth)),
			mutations: []string{"untag [sgr-9]"}, ruleIDs: "sgr-1 sgr-2 sgr-3"},
		"other rules for that source stay": {
			rules:   append(complete(), ruleOf("sgr-8", "sg-db", stale, 5432, nil), ruleOf("sgr-9", "sg-db", stale, 5432, forOther)),
			ruleIDs: "sgr-1 sgr-2 sgr-3"},
		"the group that holds our rules is kept": {
			rules: []types.SecurityGroupRule{ruleOf("sgr-1", "sg-second", subnet1, 5432, forUs),
				ruleOf("sgr-2", "sg-second", subnet2, 5432, forUs), ruleOf("sgr-3", "sg-second", resolver, 5432, forUs)},
			group: "sg-second", ruleIDs: "sgr-1 sgr-2 sgr-3"},
		"a rule that a describe did not show yet": {unseen: []source{subnet1}, want: "NotReady"},
		"addresses of the nodes": {nodes: []string{"10.0.1.7", "10.0.2.9"}, noResolver: true,
			mutations: []string{"authorize sg-db 10.0.1.7/32", "authorize sg-db 10.0.2.9/32"}, ruleIDs: "sgr-new0 sgr-new1"},
		"from subnets to addresses: open first, then close": {nodes: []string{"10.0.1.7", "10.0.2.9"}, noResolver: true, rules: complete()[:2],
			mutations: []string{"authorize sg-db 10.0.1.7/32", "authorize sg-db 10.0.2.9/32", "revoke sgr-1", "revoke sgr-2"},
			ruleIDs:   "sgr-new2 sgr-new3"},
		"a node without an address yet": {nodes: []string{"10.0.1.7"}, want: "NotReady"},
	} {
		t.Run(name, func(t *testing.T) {
			fake, registry := &fakeEC2{rules: row.rules, nodes: row.nodes, unseen: row.unseen}, &fakeRegistry{}
			in := Input{Exposure: exposure, SecurityGroupIDs: []string{"sg-db", "sg-second"}, SubnetIDs: []string{"subnet-1", "subnet-2"},
				Ingress: "subnets", Port: 5432, LoadBalancerARN: balancer, ResolverSecurityGroupID: "sg-resolver"}
			if row.nodes != nil {
				in.Ingress = ingressNodes
			}
			if row.noResolver {
				in.ResolverSecurityGroupID = ""
			}
			out, err := updater{rules: fake, network: fake, registry: registry}.run(t.Context(), in)
			if got := outcome.Name(err); got != row.want {
				t.Fatalf("error = %v (%s), want %q", err, got, row.want)
			}
			if !slices.Equal(fake.mutations, row.mutations) {
				t.Errorf("mutations %q, want %q", fake.mutations, row.mutations)
			}
			if err != nil {
				return
			}
			if group := cmp.Or(row.group, "sg-db"); out.SecurityGroupID != group || strings.Join(out.SecurityGroupRuleIDs, " ") != row.ruleIDs {
				t.Errorf("output %+v, want %s with %s", out, group, row.ruleIDs)
			}
			if registry.recorded["databaseSecurityGroupId"] != out.SecurityGroupID {
				t.Errorf("recorded %v", registry.recorded)
			}
		})
	}
}

func TestNewRulesCarryOurTagsAndTheDeployers(t *testing.T) {
	fake := &fakeEC2{}
	_, err := updater{rules: fake, network: fake, registry: &fakeRegistry{}, tags: map[string]string{"team": "data"}}.run(t.Context(),
		Input{Exposure: exposure, SecurityGroupIDs: []string{"sg-db"}, SubnetIDs: []string{"subnet-1"}, Port: 5432})
	if err != nil {
		t.Fatal(err)
	}
	tags := owned.FromEC2(fake.rules[0].Tags)
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
				fake := &fakeEC2{rules: rules, refused: true}
				_, err := updater{rules: fake, network: fake, registry: &fakeRegistry{}, tagged: tagged}.run(t.Context(), Input{Exposure: exposure, SecurityGroupIDs: []string{"sg-db"},
					SubnetIDs: []string{"subnet-1", "subnet-2"}, Port: 5432, ResolverSecurityGroupID: "sg-resolver"})
				if outcome.Name(err) != "Failed" || strings.Contains(err.Error(), remedy) != tagged || !strings.Contains(err.Error(), "UnauthorizedOperation") {
					t.Errorf("error = %v", err)
				}
			})
		}
	}
}
