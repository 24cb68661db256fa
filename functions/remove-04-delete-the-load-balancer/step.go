package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/flowlog"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
)

// Input is the exposure.
type Input struct {
	Execution string `json:"execution"`
	Exposure  string `json:"exposure"`

	Members []string `json:"members"` // of a link, the exposures on it
}

// Output is what has the exposure's name and not our tags.
type Output struct {
	Left []belongings.Left `json:"left"`
}

type balancerAPI interface {
	DescribeLoadBalancerAttributes(context.Context, *elb.DescribeLoadBalancerAttributesInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancerAttributesOutput, error)
	ModifyLoadBalancerAttributes(context.Context, *elb.ModifyLoadBalancerAttributesInput, ...func(*elb.Options)) (*elb.ModifyLoadBalancerAttributesOutput, error)
	DescribeListeners(context.Context, *elb.DescribeListenersInput, ...func(*elb.Options)) (*elb.DescribeListenersOutput, error)
	owned.ELBTagsAPI
	DeleteListener(context.Context, *elb.DeleteListenerInput, ...func(*elb.Options)) (*elb.DeleteListenerOutput, error)
	DeleteLoadBalancer(context.Context, *elb.DeleteLoadBalancerInput, ...func(*elb.Options)) (*elb.DeleteLoadBalancerOutput, error)
	DeleteTargetGroup(context.Context, *elb.DeleteTargetGroupInput, ...func(*elb.Options)) (*elb.DeleteTargetGroupOutput, error)
}

type deleteTheLoadBalancer struct {
	found     belongings.Cloud
	balancers balancerAPI
	flows     flowlog.DeleteAPI
}

// run takes the exposures of a link before the link, whose load balancer they are on.
func (s deleteTheLoadBalancer) run(ctx context.Context, in Input) (Output, error) {
	out := Output{Left: []belongings.Left{}}
	for _, id := range belongings.With(in.Exposure, in.Members) {
		if err := s.one(ctx, id, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (s deleteTheLoadBalancer) one(ctx context.Context, id string, out *Output) error {
	if err := s.stopRecording(ctx, id); err != nil {
		return err
	}
	balancer, tags, err := s.found.LoadBalancer(ctx, id)
	if err != nil {
		return err
	}
	if balancer != nil {
		arn := aws.ToString(balancer.LoadBalancerArn)
		if s.found.Owner.Has(tags, id) {
			err = s.deleteBalancer(ctx, id, arn)
		} else {
			out.Left = append(out.Left, stranger(belongings.LoadBalancer, arn))
		}
		if err != nil {
			return err
		}
	}
	group, tags, err := s.found.TargetGroup(ctx, id)
	if err != nil || group == nil {
		return err
	}
	arn := aws.ToString(group.TargetGroupArn)
	if !s.found.Owner.Has(tags, id) {
		out.Left = append(out.Left, stranger(belongings.TargetGroup, arn))
		return nil
	}
	// On a link's load balancer, which stays, it has a listener of its own.
	for _, balancer := range group.LoadBalancerArns {
		if err := s.deleteListeners(ctx, id, balancer); err != nil {
			return err
		}
	}
	return s.deleteGroup(ctx, arn)
}

// stopRecording comes first: nobody says what becomes of the flow log of an interface that is gone.
func (s deleteTheLoadBalancer) stopRecording(ctx context.Context, exposure string) error {
	ids, err := s.found.FlowLogs(ctx, exposure)
	if err != nil || len(ids) == 0 {
		return err
	}
	slog.InfoContext(ctx, "delete flow logs", "flowLogIds", ids)
	return flowlog.Delete(ctx, s.flows, ids)
}

func stranger(kind, arn string) belongings.Left {
	return belongings.Left{Thing: belongings.Thing{Kind: kind, ID: arn},
		Why: "it has the exposure's name and not its tags: put them back if it is the exposure's, and remove again"}
}

// deleteBalancer lifts what somebody may have protected it by: whoever removes the exposure means it.
func (s deleteTheLoadBalancer) deleteBalancer(ctx context.Context, exposure, arn string) error {
	if err := s.unprotect(ctx, arn); err != nil {
		return err
	}
	if err := s.deleteListeners(ctx, exposure, arn); err != nil {
		return err
	}
	slog.InfoContext(ctx, "delete load balancer", "loadBalancerArn", arn)
	_, err := s.balancers.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &arn})
	if _, inUse := errors.AsType[*elbtypes.ResourceInUseException](err); inUse {
		return outcome.NotReady("delete load balancer %s: %w", arn, err)
	}
	if err != nil && !gone(err) {
		return fmt.Errorf("delete load balancer %s: %w", arn, err)
	}
	return nil
}

const protection = "deletion_protection.enabled"

func (s deleteTheLoadBalancer) unprotect(ctx context.Context, arn string) error {
	out, err := s.balancers.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &arn})
	if gone(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("describe attributes of load balancer %s: %w", arn, err)
	}
	for _, a := range out.Attributes {
		if aws.ToString(a.Key) != protection || aws.ToString(a.Value) != "true" {
			continue
		}
		slog.InfoContext(ctx, "modify load balancer attributes", "loadBalancerArn", arn, protection, false)
		if _, err := s.balancers.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: &arn,
			Attributes:      []elbtypes.LoadBalancerAttribute{{Key: aws.String(protection), Value: aws.String("false")}},
		}); err != nil {
			return fmt.Errorf("modify attributes of load balancer %s: %w", arn, err)
		}
	}
	return nil
}

// deleteListeners deletes ours, which lets the target group go at once. Anybody else's go with the load balancer.
func (s deleteTheLoadBalancer) deleteListeners(ctx context.Context, exposure, balancerARN string) error {
	var arns []string
	pages := elb.NewDescribeListenersPaginator(s.balancers, &elb.DescribeListenersInput{LoadBalancerArn: &balancerARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if gone(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("describe listeners of %s: %w", balancerARN, err)
		}
		for _, l := range page.Listeners {
			arns = append(arns, aws.ToString(l.ListenerArn))
		}
	}
	if len(arns) == 0 {
		return nil
	}
	tags, err := owned.ELBTagsOf(ctx, s.balancers, arns)
	if err != nil {
		return err
	}
	for _, arn := range arns {
		if !s.found.Owner.Has(tags[arn], exposure) {
			continue
		}
		slog.InfoContext(ctx, "delete listener", "listenerArn", arn)
		if _, err := s.balancers.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: &arn}); err != nil && !gone(err) {
			return fmt.Errorf("delete listener %s: %w", arn, err)
		}
	}
	return nil
}

func (s deleteTheLoadBalancer) deleteGroup(ctx context.Context, arn string) error {
	slog.InfoContext(ctx, "delete target group", "targetGroupArn", arn)
	_, err := s.balancers.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &arn})
	if _, inUse := errors.AsType[*elbtypes.ResourceInUseException](err); inUse {
		return outcome.NotReady("delete target group %s: %w", arn, err)
	}
	if err != nil && !gone(err) {
		return fmt.Errorf("delete target group %s: %w", arn, err)
	}
	return nil
}

// gone tells what was deleted meanwhile.
func gone(err error) bool {
	refused, ok := errors.AsType[smithy.APIError](err)
	return ok && (refused.ErrorCode() == "LoadBalancerNotFound" || refused.ErrorCode() == "ListenerNotFound" ||
		refused.ErrorCode() == "TargetGroupNotFound")
}
