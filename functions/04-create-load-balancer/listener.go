package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
)

// listeners are all of a load balancer's, and what they carry.
type listeners struct {
	owner owned.Owner
	all   []types.Listener
	tags  map[string]map[string]string
}

// of are those that carry an exposure's tags, and the others: somebody else's or, on a link, another exposure's.
func (l listeners) of(exposure string) listenersOf {
	found := listenersOf{tags: l.tags, owner: l.owner}
	for _, listener := range l.all {
		if l.owner.Has(l.tags[aws.ToString(listener.ListenerArn)], exposure) {
			found.ours = append(found.ours, listener)
		} else {
			found.others = append(found.others, listener)
		}
	}
	return found
}

type listenersOf struct {
	owner        owned.Owner
	ours, others []types.Listener
	tags         map[string]map[string]string
}

func (l listenersOf) arns() []string {
	var arns []string
	for _, listener := range l.ours {
		arns = append(arns, aws.ToString(listener.ListenerArn))
	}
	return arns
}

// describeListeners tells the load balancer's listeners, and the tags of all of them and of the load balancer.
func (s createLoadBalancer) describeListeners(
	ctx context.Context, balancerARN string,
) (found listeners, tags map[string]map[string]string, err error) {
	pages := elb.NewDescribeListenersPaginator(s.listeners, &elb.DescribeListenersInput{LoadBalancerArn: &balancerARN})
	var all []types.Listener
	arns := []string{balancerARN}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return listeners{}, nil, fmt.Errorf("describe listeners of load balancer %s: %w", balancerARN, outcome.Unseen(err))
		}
		for _, listener := range page.Listeners {
			all, arns = append(all, listener), append(arns, aws.ToString(listener.ListenerArn))
		}
	}
	if tags, err = owned.ELBTagsOf(ctx, s.balancers, arns); err != nil {
		return listeners{}, nil, err
	}
	return listeners{s.owner, all, tags}, tags, nil
}

// best is the one of the exposure's listeners that is best as it is; nil, where there is none.
func (l listenersOf) best(in Input) *types.Listener {
	for _, suits := range []func(types.Listener) bool{in.serves, in.onPort, func(types.Listener) bool { return true }} {
		for _, listener := range l.ours {
			if suits(listener) {
				return &listener
			}
		}
	}
	return nil
}

func (in Input) onPort(listener types.Listener) bool {
	return aws.ToInt32(listener.Port) == in.ListenerPort
}

func (in Input) serves(listener types.Listener) bool {
	return in.onPort(listener) && listener.Protocol == types.ProtocolEnumTcp && forwards(listener, in.TargetGroupARN)
}

// listener finds, creates or corrects the exposure's listener: a new port moves it. What others have put on the load
// balancer is never touched.
func (s createLoadBalancer) listener(ctx context.Context, in Input, balancerARN string, all listenersOf) (string, error) {
	listener := all.best(in)
	if listener != nil && in.serves(*listener) {
		return *listener.ListenerArn, nil
	}
	for _, other := range all.others {
		if in.onPort(other) {
			return "", all.inTheWay(in, other)
		}
	}
	if listener == nil {
		return s.createListener(ctx, in, balancerARN)
	}
	slog.InfoContext(ctx, "modify listener", "listenerArn", *listener.ListenerArn, "port", in.ListenerPort,
		"targetGroupArn", in.TargetGroupARN)
	_, err := s.listeners.ModifyListener(ctx, &elb.ModifyListenerInput{
		ListenerArn:    listener.ListenerArn,
		Protocol:       types.ProtocolEnumTcp,
		Port:           &in.ListenerPort,
		DefaultActions: forwardTo(in.TargetGroupARN),
	})
	if err != nil {
		return "", fmt.Errorf("modify listener %s: %w", *listener.ListenerArn, appeared(in, err))
	}
	return *listener.ListenerArn, nil
}

// inTheWay says what becomes of another listener on the exposure's port.
func (l listenersOf) inTheWay(in Input, other types.Listener) error {
	arn := aws.ToString(other.ListenerArn)
	if tags := l.tags[arn]; l.owner.Manages(tags) {
		return outcome.Conflict("listener %s has port %d and is that of exposure %s on the same link: two of them cannot exchange their "+
			"ports in one go; give another listenerPort first, then start again", arn, in.ListenerPort, tags[owned.ExposureTag])
	}
	return outcome.Conflict("listener %s has port %d of the exposure's load balancer and does not carry our tags: "+
		"delete it (aws elbv2 delete-listener --listener-arn %s), or give another listenerPort, then start again", arn, in.ListenerPort, arn)
}

// appeared is what a port means that somebody has taken since the listeners were described.
func appeared(in Input, err error) error {
	if _, taken := errors.AsType[*types.DuplicateListenerException](err); taken {
		return outcome.NotReady("a listener on port %d appeared meanwhile, look again: %w", in.ListenerPort, err)
	}
	return outcome.Unseen(err)
}

// createListener leaves the idle timeout alone: a custom value rules out consumers in other regions
// (privatelink-share-your-services).
func (s createLoadBalancer) createListener(ctx context.Context, in Input, balancerARN string) (string, error) {
	slog.InfoContext(ctx, "create listener", "loadBalancerArn", balancerARN, "port", in.ListenerPort, "targetGroupArn", in.TargetGroupARN)
	out, err := s.listeners.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: &balancerARN,
		Protocol:        types.ProtocolEnumTcp,
		Port:            &in.ListenerPort,
		DefaultActions:  forwardTo(in.TargetGroupARN),
		Tags:            owned.ELBTags(s.owner.ExposureTags(in.Exposure, in.DatabaseARN)),
	})
	if err != nil {
		return "", fmt.Errorf("create listener on load balancer %s: %w", balancerARN, appeared(in, err))
	}
	slog.InfoContext(ctx, "created listener", "listenerArn", *out.Listeners[0].ListenerArn)
	return *out.Listeners[0].ListenerArn, nil
}

func forwards(listener types.Listener, targetGroupARN string) bool {
	return len(listener.DefaultActions) == 1 && aws.ToString(listener.DefaultActions[0].TargetGroupArn) == targetGroupARN
}

func forwardTo(targetGroupARN string) []types.Action {
	return []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &targetGroupARN}}
}
