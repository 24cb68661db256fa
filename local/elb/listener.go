package elb

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

type listener struct {
	arn          string
	loadBalancer *loadBalancer
	created      time.Time
	port         int32
	group        *targetGroup
	tags         tags
	sockets      map[*node]io.Closer // where it listens
}

func (s *Service) createListener(ctx context.Context, in *elb.CreateListenerInput) (*elb.CreateListenerOutput, error) {
	lb, err := s.loadBalancer(ctx, *in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if in.Protocol == "" || in.Port == nil {
		return nil, wire.Errorf("ValidationError", "A listener protocol and port must be specified")
	}
	g, err := s.forward(ctx, lb, in.Protocol, in.DefaultActions)
	if err != nil {
		return nil, err
	}
	if l := lb.listenerOn(*in.Port); l != nil {
		if l.group != g {
			return nil, wire.Errorf("DuplicateListener", "A listener already exists on this port for this load balancer '%s'", lb.arn)
		}
		return &elb.CreateListenerOutput{Listeners: []types.Listener{l.describe()}}, nil
	}
	if len(lb.listeners) >= listenersPerLoadBalancer {
		return nil, wire.Errorf("TooManyListeners", "The maximum number of listeners has been reached on this load balancer '%s'", lb.arn)
	}
	t, err := tags(nil).with(in.Tags)
	if err != nil {
		return nil, err
	}
	l := &listener{
		arn:          s.arn(lb.account, "listener/%s/%s", lb.id, model.Hex(16)),
		loadBalancer: lb, created: time.Now(), port: *in.Port, group: g,
		tags: t, sockets: map[*node]io.Closer{},
	}
	lb.listeners = append(lb.listeners, l)
	s.listeners[l.arn] = l
	s.services.PortsChanged(lb.arn)
	s.serve(l)
	return &elb.CreateListenerOutput{Listeners: []types.Listener{l.describe()}}, nil
}

// forward is the target group that a TCP listener's one default action forwards to.
func (s *Service) forward(ctx context.Context, lb *loadBalancer, p types.ProtocolEnum, actions []types.Action) (*targetGroup, error) {
	if p != types.ProtocolEnumTcp {
		return nil, wire.Errorf("UnsupportedProtocol", "The local cloud has TCP listeners only, not '%s'", p)
	}
	if len(actions) != 1 {
		return nil, wire.Errorf("TooManyActions", "A network load balancer's listener has exactly one default action")
	}
	arn, err := forwardsTo(actions[0])
	if err != nil {
		return nil, err
	}
	g, err := s.targetGroup(ctx, arn)
	if err != nil {
		return nil, err
	}
	if g.vpc != lb.vpc {
		return nil, wire.Errorf("ValidationError", "Target group '%s' is not in the VPC '%s' of the load balancer", g.arn, lb.vpc)
	}
	if user := s.user(g); user != nil && user != lb {
		return nil, wire.Errorf("TargetGroupAssociationLimit",
			"The following target groups cannot be associated with more than one load balancer: %s", g.arn)
	}
	return g, nil
}

func forwardsTo(a types.Action) (string, error) {
	if a.Type != types.ActionTypeEnumForward {
		return "", wire.Errorf("InvalidLoadBalancerAction", "Actions of type '%s' are not supported for network load balancers", a.Type)
	}
	if a.TargetGroupArn != nil {
		return *a.TargetGroupArn, nil
	}
	if a.ForwardConfig == nil || len(a.ForwardConfig.TargetGroups) != 1 {
		return "", wire.Errorf("ValidationError", "You must specify one target group for a forward action")
	}
	return aws.ToString(a.ForwardConfig.TargetGroups[0].TargetGroupArn), nil
}

func (s *Service) modifyListener(ctx context.Context, in *elb.ModifyListenerInput) (*elb.ModifyListenerOutput, error) {
	l, err := s.listener(ctx, *in.ListenerArn)
	if err != nil {
		return nil, err
	}
	lb, group, port := l.loadBalancer, l.group, l.port
	if in.Protocol != "" && in.Protocol != types.ProtocolEnumTcp {
		return nil, wire.Errorf("UnsupportedProtocol", "The local cloud has TCP listeners only, not '%s'", in.Protocol)
	}
	if len(in.DefaultActions) > 0 {
		if group, err = s.forward(ctx, lb, types.ProtocolEnumTcp, in.DefaultActions); err != nil {
			return nil, err
		}
	}
	if in.Port != nil && *in.Port != port {
		if port = *in.Port; lb.listenerOn(port) != nil {
			return nil, wire.Errorf("DuplicateListener", "A listener already exists on this port for this load balancer '%s'", lb.arn)
		}
	}
	if port != l.port {
		l.close()
	}
	l.group, l.port = group, port
	s.services.PortsChanged(lb.arn)
	s.serve(l)
	return &elb.ModifyListenerOutput{Listeners: []types.Listener{l.describe()}}, nil
}

func (s *Service) deleteListener(ctx context.Context, in *elb.DeleteListenerInput) (*elb.DeleteListenerOutput, error) {
	l, err := s.listener(ctx, *in.ListenerArn)
	if err != nil {
		return nil, err
	}
	s.removeListener(l)
	return &elb.DeleteListenerOutput{}, nil
}

func (s *Service) removeListener(l *listener) {
	lb := l.loadBalancer
	l.close()
	lb.listeners = slices.DeleteFunc(lb.listeners, func(other *listener) bool { return other == l })
	delete(s.listeners, l.arn)
	s.services.PortsChanged(lb.arn)
}

func (s *Service) describeListeners(ctx context.Context, in *elb.DescribeListenersInput) (*elb.DescribeListenersOutput, error) {
	var found []*listener
	switch {
	case in.LoadBalancerArn != nil:
		lb, err := s.loadBalancer(ctx, *in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(slices.Clone(lb.listeners), func(l *listener) bool { return !s.world.Visible(l.arn, l.created) })
	case len(in.ListenerArns) > 0:
		for _, arn := range in.ListenerArns {
			l, err := s.listener(ctx, arn)
			if err != nil {
				return nil, err
			}
			found = append(found, l)
		}
	default:
		return nil, wire.Errorf("ValidationError", "You must specify either listener ARNs or a load balancer ARN")
	}
	found, next := page(found, func(l *listener) string { return l.arn }, in.Marker, in.PageSize)
	out := &elb.DescribeListenersOutput{NextMarker: next}
	for _, l := range found {
		out.Listeners = append(out.Listeners, l.describe())
	}
	return out, nil
}

func (l *listener) born() time.Time { return l.created }

func (l *listener) describe() types.Listener {
	return types.Listener{
		ListenerArn: &l.arn, LoadBalancerArn: &l.loadBalancer.arn, Port: aws.Int32(l.port), Protocol: types.ProtocolEnumTcp,
		DefaultActions: []types.Action{{
			Type: types.ActionTypeEnumForward, TargetGroupArn: &l.group.arn, Order: aws.Int32(1),
			ForwardConfig: &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{{TargetGroupArn: &l.group.arn, Weight: aws.Int32(1)}}},
		}},
	}
}

func (lb *loadBalancer) listenerOn(port int32) *listener {
	for _, l := range lb.listeners {
		if l.port == port {
			return l
		}
	}
	return nil
}

// listener finds the caller's listener.
func (s *Service) listener(ctx context.Context, arn string) (*listener, error) {
	return find(ctx, s, listenerKind, s.listeners, arn, listenerNotFound())
}

func listenerNotFound() error {
	return wire.Errorf("ListenerNotFound", "One or more listeners not found")
}
