package main

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/securitygroup"
)

// Input is the exposure, and what was found of it.
type Input struct {
	Execution string             `json:"execution"`
	Exposure  string             `json:"exposure"`
	Found     []belongings.Thing `json:"found"`
}

// Output is what others need, and stays.
type Output struct {
	Left []belongings.Left `json:"left"`
}

type groupsAPI interface {
	ingress.LeaveAPI
	securitygroup.DeleteAPI
}

type closeTheSecurityGroups struct {
	found  belongings.Cloud
	groups groupsAPI
	tagged bool // only groups that carry owned.IngressTag may be changed
}

// serving are the rules that were the exposure's and serve others. They are looked for each time: an attempt before this one
// may have left them.
func (s closeTheSecurityGroups) serving(ctx context.Context, in Input) ([]belongings.Left, error) {
	left := []belongings.Left{}
	var ids []string
	for _, t := range in.Found {
		if t.Kind == belongings.Rule {
			ids = append(ids, t.ID)
		}
	}
	rules, err := ingress.ByID(ctx, s.found.Network, ids)
	for _, rule := range rules {
		if others := ingress.ServedBy(rule, in.Exposure); len(others) > 0 {
			left = append(left, belongings.Left{
				Thing: belongings.Thing{Kind: belongings.Rule, ID: aws.ToString(rule.SecurityGroupRuleId)},
				Why:   "it serves " + strings.Join(others, ", ") + ", too",
			})
		}
	}
	return left, err
}

// run leaves the rules before it deletes the group, which takes minutes: the load balancer's interfaces carry it for a
// while.
func (s closeTheSecurityGroups) run(ctx context.Context, in Input) (Output, error) {
	out := Output{Left: []belongings.Left{}}
	rules, err := s.found.Rules(ctx, in.Exposure)
	if err != nil {
		return out, err
	}
	for _, rule := range rules {
		if err := ingress.Leave(ctx, s.groups, in.Exposure, rule); err != nil {
			return out, ingress.Untagged(s.tagged, aws.ToString(rule.GroupId), err)
		}
	}
	if out.Left, err = s.serving(ctx, in); err != nil {
		return out, err
	}
	groups, err := s.found.SecurityGroups(ctx, in.Exposure)
	if err != nil {
		return out, err
	}
	for _, group := range groups {
		id := aws.ToString(group.GroupId)
		why, err := securitygroup.Delete(ctx, s.groups, id)
		if err != nil {
			return out, err
		}
		if why != "" {
			out.Left = append(out.Left, belongings.Left{Thing: belongings.Thing{Kind: belongings.SecurityGroup, ID: id}, Why: why})
		}
	}
	return out, nil
}
