package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/targets"
	"github.com/rdslink/rdslink/internal/wanted"
)

// Input is what the state machine passes.
type Input struct {
	Execution        string   `json:"execution"`
	Exposure         string   `json:"exposure"`
	DatabaseARN      string   `json:"databaseArn"`
	DatabaseKind     string   `json:"databaseKind"`
	Endpoint         string   `json:"endpoint"`
	Engine           string   `json:"engine"`
	Host             string   `json:"host"`
	Port             int32    `json:"port"`
	VPCID            string   `json:"vpcId"`
	VPCCIDRs         []string `json:"vpcCidrs"`
	ResolverFunction string   `json:"resolverFunction"`

	Databases []link.Database `json:"databases"` // of a link, instead of the one above
}

// Output is what later steps need: of a link the bindings of its databases, in their order.
type Output struct {
	TargetGroupARN string             `json:"targetGroupArn"`
	Binding        registry.Binding   `json:"binding"`
	Bindings       []registry.Binding `json:"bindings"`
}

type groupAPI interface {
	owned.ELBTagAPI
	DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error)
	CreateTargetGroup(context.Context, *elb.CreateTargetGroupInput, ...func(*elb.Options)) (*elb.CreateTargetGroupOutput, error)
	ModifyTargetGroup(context.Context, *elb.ModifyTargetGroupInput, ...func(*elb.Options)) (*elb.ModifyTargetGroupOutput, error)
}

type attributeAPI interface {
	DescribeTargetGroupAttributes(context.Context, *elb.DescribeTargetGroupAttributesInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupAttributesOutput, error)
	ModifyTargetGroupAttributes(context.Context, *elb.ModifyTargetGroupAttributesInput, ...func(*elb.Options)) (*elb.ModifyTargetGroupAttributesOutput, error)
}

type recorder interface {
	Record(ctx context.Context, id, execution string, made func(*registry.Made)) error
}

type createTargetGroup struct {
	groups     groupAPI
	attributes attributeAPI
	registry   recorder
	sync       func(context.Context, registry.Binding) (targets.Report, error)
	owner      owned.Owner
}

func (s createTargetGroup) run(ctx context.Context, in Input) (Output, error) {
	out := Output{Bindings: []registry.Binding{}}
	if len(in.Databases) == 0 {
		binding, err := s.one(ctx, in)
		out.TargetGroupARN, out.Binding = binding.TargetGroupARN, binding
		return out, err
	}
	var err error
	out.Bindings, err = link.Each(ctx, atOnce, in.Databases, func(ctx context.Context, d link.Database) (registry.Binding, error) {
		return s.one(ctx, in.of(d))
	})
	return out, err
}

// atOnce is how many of a link's databases are worked on at once: ELB allows an account some ten calls a second.
const atOnce = 3

// of is the input as it would be for one of a link's databases by itself.
func (in Input) of(d link.Database) Input {
	in.Exposure, in.DatabaseARN, in.DatabaseKind, in.Endpoint = d.Exposure, d.DatabaseARN, d.DatabaseKind, d.Endpoint
	in.Engine, in.Host, in.Port, in.Databases = d.Engine, d.Host, d.Port, nil
	return in
}

// one makes the target group of one database.
func (s createTargetGroup) one(ctx context.Context, in Input) (registry.Binding, error) {
	group, err := s.group(ctx, in)
	if err != nil {
		return registry.Binding{}, err
	}
	arn := aws.ToString(group.TargetGroupArn)
	if err := s.correct(ctx, in, group); err != nil {
		return registry.Binding{}, err
	}
	binding := in.binding(arn)
	if err := s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) {
		recorded := binding
		if m.Binding != nil { // the way through the load balancer is step 10's part of it
			recorded.ListenerPort, recorded.Nodes = m.Binding.ListenerPort, m.Binding.Nodes
		}
		m.TargetGroupARN, m.Binding = arn, &recorded
	}); err != nil {
		return registry.Binding{}, err
	}
	return binding, s.register(ctx, binding)
}

func (in Input) binding(targetGroupARN string) registry.Binding {
	return registry.Binding{
		Exposure:         in.Exposure,
		DatabaseARN:      in.DatabaseARN,
		DatabaseKind:     in.DatabaseKind,
		Endpoint:         in.Endpoint,
		Engine:           in.Engine,
		Host:             in.Host,
		Port:             int(in.Port),
		VPCID:            in.VPCID,
		VPCCIDRs:         in.VPCCIDRs,
		ResolverFunction: in.ResolverFunction,
		TargetGroupARN:   targetGroupARN,
	}
}

func (s createTargetGroup) group(ctx context.Context, in Input) (types.TargetGroup, error) {
	out, err := s.groups.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Names: []string{in.Exposure}})
	if _, missing := errors.AsType[*types.TargetGroupNotFoundException](err); missing {
		return s.create(ctx, in)
	}
	if err != nil {
		return types.TargetGroup{}, fmt.Errorf("describe target group %s: %w", in.Exposure, err)
	}
	if len(out.TargetGroups) == 0 {
		return s.create(ctx, in)
	}
	return out.TargetGroups[0], s.verify(ctx, in, out.TargetGroups[0])
}

func (s createTargetGroup) create(ctx context.Context, in Input) (types.TargetGroup, error) {
	slog.InfoContext(ctx, "create target group", "name", in.Exposure, "vpcId", in.VPCID, "port", in.Port)
	out, err := s.groups.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name:                       &in.Exposure,
		Protocol:                   types.ProtocolEnumTcp,
		Port:                       &in.Port,
		VpcId:                      &in.VPCID,
		TargetType:                 types.TargetTypeEnumIp,
		HealthCheckProtocol:        types.ProtocolEnumTcp,
		HealthCheckPort:            aws.String(wanted.CheckPort(in.DatabaseKind, in.Engine)),
		HealthCheckIntervalSeconds: aws.Int32(wanted.CheckInterval),
		HealthyThresholdCount:      aws.Int32(wanted.CheckThreshold),
		UnhealthyThresholdCount:    aws.Int32(wanted.CheckThreshold),
		Tags:                       owned.ELBTags(s.owner.ExposureTags(in.Exposure, in.DatabaseARN)),
	})
	if err != nil {
		return types.TargetGroup{}, fmt.Errorf("create target group %s: %w", in.Exposure, err)
	}
	slog.InfoContext(ctx, "created target group", "targetGroupArn", aws.ToString(out.TargetGroups[0].TargetGroupArn))
	return out.TargetGroups[0], nil
}

// verify decides whether what carries our name may be adopted. The group's own port does not matter: every target is
// registered with the database's.
func (s createTargetGroup) verify(ctx context.Context, in Input, group types.TargetGroup) error {
	arn := aws.ToString(group.TargetGroupArn)
	tags, err := owned.ELBTagsOf(ctx, s.groups, []string{arn})
	if err != nil {
		return err
	}
	if !s.owner.Has(tags[arn], in.Exposure) {
		return owned.Stranger("target group "+arn, tags[arn])
	}
	if group.Protocol != types.ProtocolEnumTcp || group.TargetType != types.TargetTypeEnumIp || aws.ToString(group.VpcId) != in.VPCID {
		return outcome.Conflict("target group %s is for %s to %s targets in %s, and should be for TCP to ip targets in %s: "+
			"tear the exposure down first (docs/removing.md), then start again",
			arn, group.Protocol, group.TargetType, aws.ToString(group.VpcId), in.VPCID)
	}
	return owned.RetagELB(ctx, s.groups, []string{arn}, tags, s.owner.ExposureTags(in.Exposure, in.DatabaseARN))
}

// register puts the database's address into the group, by the same code that will follow it from then on. Nothing is
// healthy yet: no listener uses the group, and the database does not let the load balancer in.
func (s createTargetGroup) register(ctx context.Context, binding registry.Binding) error {
	report, err := s.sync(ctx, binding)
	switch {
	case err != nil:
		return fmt.Errorf("register %s: %w", binding.Host, outcome.Unseen(err))
	case report.Registered:
		return nil
	case report.State == targets.Stopped:
		return outcome.Failed("register %s: %s; start the database, and redrive this execution", binding.Host, report.Detail)
	}
	return outcome.NotReady("register %s: %s", binding.Host, report.Detail)
}

func (s createTargetGroup) correct(ctx context.Context, in Input, group types.TargetGroup) error {
	if err := s.correctHealthCheck(ctx, in, group); err != nil {
		return err
	}
	return s.setAttributes(ctx, in, aws.ToString(group.TargetGroupArn))
}

func (s createTargetGroup) correctHealthCheck(ctx context.Context, in Input, group types.TargetGroup) error {
	if group.HealthCheckProtocol == types.ProtocolEnumTcp &&
		aws.ToString(group.HealthCheckPort) == wanted.CheckPort(in.DatabaseKind, in.Engine) &&
		aws.ToInt32(group.HealthCheckIntervalSeconds) == wanted.CheckInterval &&
		aws.ToInt32(group.HealthyThresholdCount) == wanted.CheckThreshold && aws.ToInt32(group.UnhealthyThresholdCount) == wanted.CheckThreshold {
		return nil
	}
	arn := aws.ToString(group.TargetGroupArn)
	slog.InfoContext(ctx, "modify target group", "targetGroupArn", arn, "healthCheckPort", wanted.CheckPort(in.DatabaseKind, in.Engine),
		"healthCheckIntervalSeconds", wanted.CheckInterval)
	_, err := s.groups.ModifyTargetGroup(ctx, &elb.ModifyTargetGroupInput{
		TargetGroupArn:             &arn,
		HealthCheckProtocol:        types.ProtocolEnumTcp,
		HealthCheckPort:            aws.String(wanted.CheckPort(in.DatabaseKind, in.Engine)),
		HealthCheckIntervalSeconds: aws.Int32(wanted.CheckInterval),
		HealthyThresholdCount:      aws.Int32(wanted.CheckThreshold),
		UnhealthyThresholdCount:    aws.Int32(wanted.CheckThreshold),
	})
	if err != nil {
		return fmt.Errorf("modify target group %s: %w", arn, outcome.Unseen(err))
	}
	return nil
}

func (s createTargetGroup) setAttributes(ctx context.Context, in Input, arn string) error {
	out, err := s.attributes.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: &arn})
	if err != nil {
		return fmt.Errorf("describe attributes of target group %s: %w", arn, outcome.Unseen(err))
	}
	change := drift.Attributes(wanted.TargetGroupAttributes(in.DatabaseKind, in.Engine), out.Attributes)
	if len(change) == 0 {
		return nil
	}
	slog.InfoContext(ctx, "modify target group attributes", "targetGroupArn", arn, "attributes", change)
	_, err = s.attributes.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &arn, Attributes: change})
	if err != nil {
		return fmt.Errorf("modify attributes of target group %s: %w", arn, outcome.Unseen(err))
	}
	return nil
}
