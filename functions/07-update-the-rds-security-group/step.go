package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// Input is the database's security groups, and who must reach it.
type Input struct {
	Execution               string   `json:"execution"`
	Exposure                string   `json:"exposure"`
	DatabaseARN             string   `json:"databaseArn"`
	SecurityGroupIDs        []string `json:"securityGroupIds"`
	SubnetIDs               []string `json:"subnetIds"`
	Ingress                 string   `json:"ingress"`
	Port                    int32    `json:"port"`
	LoadBalancerARN         string   `json:"loadBalancerArn"`
	ResolverSecurityGroupID string   `json:"resolverSecurityGroupId"`

	Databases []link.Database `json:"databases"` // of a link, instead of one database, its groups and its port
}

// Output is the group that admits them and its rules, ours or not, that do: of a link those of its databases, in order.
type Output struct {
	SecurityGroupID      string             `json:"securityGroupId"`
	SecurityGroupRuleIDs []string           `json:"securityGroupRuleIds"`
	BorrowedRules        []ingress.Borrowed `json:"borrowedRules"`
	Opened               []link.Opened      `json:"opened"`
}

type rulesAPI interface {
	ingress.API
	ingress.LeaveAPI
	AuthorizeSecurityGroupIngress(context.Context, *ec2.AuthorizeSecurityGroupIngressInput, ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupIngressOutput, error)
}

type recorder interface {
	Record(ctx context.Context, id, execution string, made func(*registry.Made)) error
}

type updateTheRDSSecurityGroup struct {
	rules    rulesAPI
	network  networkAPI
	registry recorder
	owner    owned.Owner
	tagged   bool // only groups that carry owned.IngressTag may be changed
}

// run goes through a link's databases one after the other: they may share a group.
func (s updateTheRDSSecurityGroup) run(ctx context.Context, in Input) (Output, error) {
	if len(in.Databases) == 0 {
		return s.one(ctx, in)
	}
	opened, err := link.Each(ctx, 1, in.Databases, func(ctx context.Context, d link.Database) (link.Opened, error) {
		one := in
		one.Exposure, one.DatabaseARN, one.SecurityGroupIDs, one.Port = d.Exposure, d.DatabaseARN, d.SecurityGroupIDs, d.Port
		out, err := s.one(ctx, one)
		return link.Opened{Exposure: d.Exposure, SecurityGroupID: out.SecurityGroupID,
			SecurityGroupRuleIDs: out.SecurityGroupRuleIDs, BorrowedRules: out.BorrowedRules}, err
	})
	return Output{SecurityGroupRuleIDs: []string{}, BorrowedRules: []ingress.Borrowed{}, Opened: opened}, err
}

// one opens before it closes: rules that the exposure no longer needs go only when those it needs are there.
func (s updateTheRDSSecurityGroup) one(ctx context.Context, in Input) (Output, error) {
	if len(in.SecurityGroupIDs) == 0 {
		return Output{}, outcome.Failed("the plan names no security group of database %s: start again with the same input", in.DatabaseARN)
	}
	want, err := s.sources(ctx, in)
	if err != nil {
		return Output{}, err
	}
	all, err := ingress.Rules(ctx, s.rules, in.SecurityGroupIDs)
	if err != nil {
		return Output{}, err
	}
	// Rules may also be in groups that the database carries no more.
	tagged, err := ingress.Tagged(ctx, s.rules, in.Exposure)
	if err != nil {
		return Output{}, err
	}
	need := ingress.Need{Owner: s.owner, Exposure: in.Exposure, Port: in.Port, Sources: want}
	groupID := chooseGroup(in, need, all)
	present, missing := need.Match(groupID, all)
	if err := s.share(ctx, need, present); err != nil {
		return Output{}, err
	}
	if err := s.retag(ctx, need, present); err != nil {
		return Output{}, err
	}
	made, err := s.authorize(ctx, in, groupID, missing)
	if err != nil {
		return Output{}, err
	}
	if err := s.leave(ctx, need, with(all, tagged), present); err != nil {
		return Output{}, err
	}
	out := Output{SecurityGroupID: groupID, SecurityGroupRuleIDs: append(ruleIDs(present), made...), BorrowedRules: need.Borrowed(present),
		Opened: []link.Opened{}}
	slices.Sort(out.SecurityGroupRuleIDs)
	for _, b := range out.BorrowedRules {
		slog.WarnContext(ctx, "security group rule is not this stack's: when it goes, start the exposure again with the same input",
			"exposure", in.Exposure, "securityGroupRuleId", b.SecurityGroupRuleID, "stack", b.Stack)
	}
	return out, s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) {
		m.DatabaseSecurityGroupID, m.SecurityGroupRuleIDs, m.Ingress = out.SecurityGroupID, out.SecurityGroupRuleIDs, in.Ingress
		m.BorrowedRules = nil
		for _, b := range out.BorrowedRules {
			m.BorrowedRules = append(m.BorrowedRules, registry.Borrowed(b))
		}
	})
}

// with is both lists, each rule once.
func with(rules, more []types.SecurityGroupRule) []types.SecurityGroupRule {
	known := ruleIDs(rules)
	return append(slices.Clip(rules), slices.DeleteFunc(more, func(r types.SecurityGroupRule) bool {
		return slices.Contains(known, aws.ToString(r.SecurityGroupRuleId))
	})...)
}

// chooseGroup stays with the group that already holds rules of the exposure: the order of a database's groups may change.
func chooseGroup(in Input, need ingress.Need, rules []types.SecurityGroupRule) string {
	for _, rule := range rules {
		if need.Serves(rule) {
			return aws.ToString(rule.GroupId)
		}
	}
	return in.SecurityGroupIDs[0]
}

// share puts the exposure's tag on rules that we made for another exposure, and wants them to stay. A rule of somebody
// else's, another stack of ours included, serves as it is and is never touched.
func (s updateTheRDSSecurityGroup) share(ctx context.Context, need ingress.Need, present []types.SecurityGroupRule) error {
	var ours []types.SecurityGroupRule
	var shared []string
	for _, rule := range present {
		if !need.Ours(rule) {
			continue
		}
		ours = append(ours, rule)
		if owned.FromEC2(rule.Tags)[owned.RuleTag(need.Exposure)] != owned.RuleServes {
			shared = append(shared, aws.ToString(rule.SecurityGroupRuleId))
		}
	}
	if len(shared) == 0 {
		return ingress.Stays(need.Exposure, ours)
	}
	slog.InfoContext(ctx, "tag security group rules", "exposure", need.Exposure, "securityGroupRuleIds", shared)
	_, err := s.rules.CreateTags(ctx, &ec2.CreateTagsInput{
		Resources: shared,
		Tags:      owned.EC2Tags(map[string]string{owned.RuleTag(need.Exposure): owned.RuleServes}),
	})
	switch {
	case hasCode(err, "TagLimitExceeded"): // step 1 counts, and others may have come first
		return outcome.BadInput("tag security group rules %s: one of them serves as many exposures as a resource can have tags: "+
			"attach another security group to the database, or remove an exposure: %w", strings.Join(shared, ", "), err)
	case hasCode(err, "InvalidSecurityGroupRuleId.NotFound"):
		return outcome.NotReady("tag security group rules %s: one of them went meanwhile, look again: %w", strings.Join(shared, ", "), err)
	case err != nil:
		return fmt.Errorf("tag security group rules %s: %w", strings.Join(shared, ", "), err)
	}
	again, err := ingress.ByID(ctx, s.rules, ruleIDs(ours))
	if err == nil && len(again) < len(ours) {
		err = outcome.NotReady("tag security group rules %s: one of them went meanwhile, look again", strings.Join(shared, ", "))
	}
	if err != nil {
		return err
	}
	return ingress.Stays(need.Exposure, again)
}

// retag puts the deployment's tags on rules of ours that lack them: they may have changed. A rule whose tags are all taken
// by the exposures that it serves does without.
func (s updateTheRDSSecurityGroup) retag(ctx context.Context, need ingress.Need, present []types.SecurityGroupRule) error {
	have := map[string]map[string]string{}
	for _, rule := range present {
		if need.Ours(rule) {
			have[aws.ToString(rule.SecurityGroupRuleId)] = owned.FromEC2(rule.Tags)
		}
	}
	err := owned.RetagEC2(ctx, s.rules, have, s.owner.Tags)
	if hasCode(err, "TagLimitExceeded") {
		slog.WarnContext(ctx, "a security group rule has no room for the deployment's tags", "exposure", need.Exposure, "error", err.Error())
		return nil
	}
	return err
}

// authorize makes the missing rules in one call, which makes all of them or none.
func (s updateTheRDSSecurityGroup) authorize(ctx context.Context, in Input, groupID string, missing []ingress.Source) ([]string, error) {
	if len(missing) == 0 {
		return nil, nil
	}
	slog.InfoContext(ctx, "authorize security group ingress", "exposure", in.Exposure, "securityGroupId", groupID, "port",
		in.Port, "sources", missing)
	out, err := s.rules.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId:       &groupID,
		IpPermissions: []types.IpPermission{s.permission(missing, in.Port)},
		TagSpecifications: owned.EC2TagSpecifications(types.ResourceTypeSecurityGroupRule,
			s.owner.RuleTags(in.Exposure)),
	})
	if hasCode(err, "InvalidPermission.Duplicate") {
		return nil, outcome.NotReady("authorize ingress of security group %s: a rule appeared meanwhile, look again", groupID)
	}
	if hasCode(err, "RulesPerSecurityGroupLimitExceeded") { // step 1 counts, and others may have come first
		return nil, outcome.BadInput("security group %s has no room for %d more rules: merge rules, raise the quota (Service Quotas, "+
			"Amazon VPC), or attach another security group to the database, and start again: %w", groupID, len(missing), err)
	}
	if slices.Contains(missing, ingress.Source{GroupID: in.ResolverSecurityGroupID}) {
		err = outcome.Unseen(err) // of the resolver's group, which may be new; the database's own was there in step 1
	}
	if err != nil {
		return nil, fmt.Errorf("authorize ingress of security group %s: %w", groupID, ingress.Untagged(s.tagged, groupID, err))
	}
	return ruleIDs(out.SecurityGroupRules), nil
}

// leave gives up the rules of ours that the exposure no longer needs: its tag goes, and with the last tag the rule.
func (s updateTheRDSSecurityGroup) leave(ctx context.Context, need ingress.Need, all, needed []types.SecurityGroupRule) error {
	keep := ruleIDs(needed)
	for _, rule := range all {
		id := aws.ToString(rule.SecurityGroupRuleId)
		if !need.Serves(rule) || slices.Contains(keep, id) {
			continue
		}
		if err := ingress.Leave(ctx, s.rules, need.Exposure, rule); err != nil {
			return ingress.Untagged(s.tagged, aws.ToString(rule.GroupId), err)
		}
	}
	return nil
}

func ruleIDs(rules []types.SecurityGroupRule) []string {
	ids := make([]string, len(rules))
	for i, rule := range rules {
		ids[i] = aws.ToString(rule.SecurityGroupRuleId)
	}
	return ids
}

func hasCode(err error, code string) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && api.ErrorCode() == code
}
