package belongings

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/rdslink/rdslink/internal/owned"
)

// Tagged is an exposure of which something carries the tags, whether or not the registry knows it.
type Tagged struct {
	Exposure    string  `json:"exposure"`
	DatabaseARN string  `json:"databaseArn"` // empty where only rules are left of it
	Things      []Thing `json:"things"`      // services, load balancers, target groups, security groups and rules
}

// Exposures are all exposures of the deployment whose tags something carries, in the order of their ids.
func (c Cloud) Exposures(ctx context.Context) ([]Tagged, error) {
	found := map[string]*Tagged{}
	add := func(exposure, database, kind, id string) {
		if exposure == "" {
			return
		}
		if found[exposure] == nil {
			found[exposure] = &Tagged{Exposure: exposure}
		}
		of := found[exposure]
		of.DatabaseARN = cmp.Or(of.DatabaseARN, database)
		of.Things = append(of.Things, Thing{kind, id})
	}
	for _, look := range []func(context.Context, func(exposure, database, kind, id string)) error{c.taggedInEC2, c.taggedInELB} {
		if err := look(ctx, add); err != nil {
			return nil, err
		}
	}
	all := []Tagged{}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		all = append(all, *found[id])
	}
	return all, nil
}

func (c Cloud) taggedInEC2(ctx context.Context, add func(exposure, database, kind, id string)) error {
	ours := []ec2types.Filter{{Name: aws.String("tag:" + owned.ManagedTag), Values: []string{c.Owner.Name.Managed()}}}
	services := ec2.NewDescribeVpcEndpointServiceConfigurationsPaginator(c.Network,
		&ec2.DescribeVpcEndpointServiceConfigurationsInput{Filters: ours})
	for services.HasMorePages() {
		page, err := services.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("describe endpoint services: %w", err)
		}
		for _, s := range page.ServiceConfigurations {
			tags := owned.FromEC2(s.Tags)
			add(tags[owned.ExposureTag], tags[owned.DatabaseTag], Service, aws.ToString(s.ServiceId))
		}
	}
	groups := ec2.NewDescribeSecurityGroupsPaginator(c.Network, &ec2.DescribeSecurityGroupsInput{Filters: ours})
	for groups.HasMorePages() {
		page, err := groups.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("describe security groups: %w", err)
		}
		for _, g := range page.SecurityGroups {
			tags := owned.FromEC2(g.Tags)
			add(tags[owned.ExposureTag], tags[owned.DatabaseTag], SecurityGroup, aws.ToString(g.GroupId))
		}
	}
	rules := ec2.NewDescribeSecurityGroupRulesPaginator(c.Network, &ec2.DescribeSecurityGroupRulesInput{Filters: ours})
	for rules.HasMorePages() {
		page, err := rules.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("describe security group rules: %w", err)
		}
		for _, r := range page.SecurityGroupRules {
			for key := range owned.FromEC2(r.Tags) {
				if exposure, serves := strings.CutPrefix(key, owned.RuleTag("")); serves {
					add(exposure, "", Rule, aws.ToString(r.SecurityGroupRuleId))
				}
			}
		}
	}
	return nil
}

// taggedInELB looks at every load balancer and target group: their API has no filter for tags.
func (c Cloud) taggedInELB(ctx context.Context, add func(exposure, database, kind, id string)) error {
	kinds := map[string]string{} // by ARN
	balancers := elb.NewDescribeLoadBalancersPaginator(c.Balancing, &elb.DescribeLoadBalancersInput{})
	for balancers.HasMorePages() {
		page, err := balancers.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("describe load balancers: %w", err)
		}
		for _, b := range page.LoadBalancers {
			kinds[aws.ToString(b.LoadBalancerArn)] = LoadBalancer
		}
	}
	groups := elb.NewDescribeTargetGroupsPaginator(c.Balancing, &elb.DescribeTargetGroupsInput{})
	for groups.HasMorePages() {
		page, err := groups.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("describe target groups: %w", err)
		}
		for _, g := range page.TargetGroups {
			kinds[aws.ToString(g.TargetGroupArn)] = TargetGroup
		}
	}
	tags, err := owned.ELBTagsOfExisting(ctx, c.Balancing, slices.Sorted(maps.Keys(kinds)))
	if err != nil {
		return err
	}
	for _, arn := range slices.Sorted(maps.Keys(tags)) {
		if c.Owner.Manages(tags[arn]) {
			add(tags[arn][owned.ExposureTag], tags[arn][owned.DatabaseTag], kinds[arn], arn)
		}
	}
	return nil
}
