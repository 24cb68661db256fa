package main

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/securitygroup"
)

// Input is the exposure, and what was found of it.
type Input struct {
	Execution string             `json:"execution"`
	Exposure  string             `json:"exposure"`
	Found     []belongings.Thing `json:"found"`
	Members   []string           `json:"members"` // of a link, the exposures on it
	Link      string             `json:"link"`    // on which the exposure is; empty for what is on none
}

// Output is what others need, and stays.
type Output struct {
	Left []belongings.Left `json:"left"`
}

type groupsAPI interface {
	ingress.LeaveAPI
	securitygroup.DeleteAPI
	RevokeSecurityGroupEgress(context.Context, *ec2.RevokeSecurityGroupEgressInput, ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupEgressOutput, error)
}

type registryAPI interface {
	Get(ctx context.Context, id string) (registry.Exposure, error)
	On(ctx context.Context, link string) ([]registry.Exposure, error)
}

type closeTheSecurityGroups struct {
	found    belongings.Cloud
	groups   groupsAPI
	registry registryAPI
	tagged   bool // only groups that carry owned.IngressTag may be changed
}

// serving are the rules that were the exposure's and serve others. They are looked for each time: an attempt before this one
// may have left them, and EC2 may have shown it tags that were gone; what serves nobody by now goes.
func (s closeTheSecurityGroups) serving(ctx context.Context, in Input) ([]belongings.Left, error) {
	left := []belongings.Left{}
	var ids []string
	for _, t := range in.Found {
		if t.Kind == belongings.Rule {
			ids = append(ids, t.ID)
		}
	}
	rules, err := ingress.ByID(ctx, s.found.Network, ids)
	if err != nil {
		return left, err
	}
	for _, rule := range rules {
		others := slices.DeleteFunc(ingress.ServedBy(rule, in.Exposure), func(id string) bool { return slices.Contains(in.Members, id) })
		if len(others) > 0 {
			left = append(left, belongings.Left{
				Thing: belongings.Thing{Kind: belongings.Rule, ID: aws.ToString(rule.SecurityGroupRuleId)},
				Why:   "it serves " + strings.Join(others, ", ") + ", too",
			})
			continue
		}
		if !s.found.Owner.Manages(owned.FromEC2(rule.Tags)) {
			continue
		}
		if err := ingress.Leave(ctx, s.groups, in.Exposure, rule); err != nil {
			return left, ingress.Untagged(s.tagged, aws.ToString(rule.GroupId), err)
		}
	}
	return left, nil
}

// run leaves the rules before it deletes the group, which takes minutes: the load balancer's interfaces carry it for a
// while.
func (s closeTheSecurityGroups) run(ctx context.Context, in Input) (Output, error) {
	out := Output{Left: []belongings.Left{}}
	for _, id := range belongings.With(in.Exposure, in.Members) {
		rules, err := s.found.Rules(ctx, id)
		if err != nil {
			return out, err
		}
		for _, rule := range rules {
			if err := ingress.Leave(ctx, s.groups, id, rule); err != nil {
				return out, ingress.Untagged(s.tagged, aws.ToString(rule.GroupId), err)
			}
		}
	}
	var err error
	if out.Left, err = s.serving(ctx, in); err != nil {
		return out, err
	}
	if in.Link != "" {
		if err := s.narrow(ctx, in); err != nil {
			return out, err
		}
	}
	groups, err := s.found.SecurityGroups(ctx, in.Exposure)
	if err != nil {
		return out, err
	}
	left, err := belongings.DeleteGroups(ctx, s.groups, groups)
	out.Left = append(out.Left, left...)
	return out, err
}
