package ec2

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// The events that AWS PrivateLink notifies of (privatelink/create-notification-endpoint-service.html). None says
// "available".
const (
	connectEvent = "Connect"
	acceptEvent  = "Accept"
	rejectEvent  = "Reject"
	deleteEvent  = "Delete"
)

// notification is a connection notification, of a service for its owner or of an endpoint for its.
type notification struct {
	ID, Account       string
	service, endpoint string // one is empty
	topic             string
	events            []string
	common
}

func (n *notification) identity() (id, account string) { return n.ID, n.Account }

func (n *notification) wants(event string, e *endpoint) bool {
	return slices.Contains(n.events, event) && (n.service == e.service.ID || n.endpoint == e.ID)
}

// source is what aws:SourceArn holds when AWS publishes.
func (n *notification) source() string {
	if n.service != "" {
		return "vpc-endpoint-service/" + n.service
	}
	return "vpc-endpoint/" + n.endpoint
}

// NotificationService is the endpoint service that a connection notification is of.
func (s *Service) NotificationService(account, id string) (serviceID string, ok bool) {
	n, ok := s.notifications.of(account, id)
	if !ok {
		return "", false
	}
	return n.service, true
}

// notify tells the topics of an event. AWS does not document the message's body: this one is made up, and nothing may read
// it.
func (s *Service) notify(event string, e *endpoint) {
	if s.world.Notify == nil {
		return
	}
	for _, n := range s.notifications {
		if !n.wants(event, e) {
			continue
		}
		body, _ := json.Marshal(map[string]string{"event": event, "service": e.service.ID, "endpoint": e.ID}) // strings always encode
		s.world.Notify(model.Notification{
			TopicARN: n.topic, Service: "vpce.amazonaws.com", SourceARN: s.arn(n.Account, n.source()), Account: n.Account, Message: string(body),
		})
	}
}

func (s *Service) createNotification(
	ctx context.Context, in *ec2.CreateVpcEndpointConnectionNotificationInput,
) (*ec2.CreateVpcEndpointConnectionNotificationOutput, error) {
	token := clientToken{wire.CallerOf(ctx).Account, "CreateVpcEndpointConnectionNotification", aws.ToString(in.ClientToken)}
	n, err := once(s, token, in, func() (*notification, error) { return s.newNotification(ctx, in) })
	if err != nil {
		return nil, err
	}
	return &ec2.CreateVpcEndpointConnectionNotificationOutput{ClientToken: in.ClientToken,
		ConnectionNotification: new(s.connectionNotification(n))}, nil
}

func (s *Service) newNotification(ctx context.Context, in *ec2.CreateVpcEndpointConnectionNotificationInput) (*notification, error) {
	n := &notification{
		ID: model.ID("vpce-nfn"), Account: wire.CallerOf(ctx).Account,
		service: aws.ToString(in.ServiceId), endpoint: aws.ToString(in.VpcEndpointId),
		topic: aws.ToString(in.ConnectionNotificationArn), events: slices.Clone(in.ConnectionEvents), common: born(nil),
	}
	if err := s.checkSubject(ctx, n); err != nil {
		return nil, err
	}
	if err := s.checkDelivery(n); err != nil {
		return nil, err
	}
	s.notifications.add(n)
	return n, nil
}

// checkSubject says whether the caller has the one service or endpoint that the notification is about.
func (s *Service) checkSubject(ctx context.Context, n *notification) error {
	if (n.service == "") == (n.endpoint == "") {
		return wire.Errorf("InvalidParameterCombination", "Exactly one of ServiceId and VpcEndpointId must be specified")
	}
	if n.service != "" {
		_, err := s.endpointService(ctx, &n.service)
		return err
	}
	if _, ok := s.ownEndpoints().of(n.Account, n.endpoint); !ok {
		return endpointKind.unknown(n.endpoint)
	}
	return nil
}

var topicARN = regexp.MustCompile(`^arn:aws:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$`)

func (s *Service) checkDelivery(n *notification) error {
	for _, event := range n.events {
		if !slices.Contains([]string{connectEvent, acceptEvent, rejectEvent, deleteEvent}, event) {
			return wire.Errorf("InvalidParameter", "The connection event '%s' is invalid", event)
		}
	}
	if !topicARN.MatchString(n.topic) {
		return wire.Errorf("InvalidParameter", "The connection notification ARN '%s' is invalid", n.topic)
	}
	if s.ValidateTopic == nil {
		return nil
	}
	return s.ValidateTopic(n.Account, n.topic)
}

// modifyNotification changes a notification's topic, events or both (API_ModifyVpcEndpointConnectionNotification).
func (s *Service) modifyNotification(
	ctx context.Context, in *ec2.ModifyVpcEndpointConnectionNotificationInput,
) (*ec2.ModifyVpcEndpointConnectionNotificationOutput, error) {
	n, ok := s.notifications.of(wire.CallerOf(ctx).Account, aws.ToString(in.ConnectionNotificationId))
	if !ok {
		return nil, notificationKind.unknown(aws.ToString(in.ConnectionNotificationId))
	}
	changed := *n
	if in.ConnectionNotificationArn != nil {
		changed.topic = *in.ConnectionNotificationArn
	}
	if len(in.ConnectionEvents) > 0 {
		changed.events = slices.Clone(in.ConnectionEvents)
	}
	if err := s.checkDelivery(&changed); err != nil {
		return nil, err
	}
	*n = changed
	return &ec2.ModifyVpcEndpointConnectionNotificationOutput{ReturnValue: aws.Bool(true)}, nil
}

var notificationFilters = filterable[*notification]{
	"connection-notification-id":    func(n *notification) []string { return []string{n.ID} },
	"connection-notification-arn":   func(n *notification) []string { return []string{n.topic} },
	"connection-notification-state": func(*notification) []string { return []string{string(types.ConnectionNotificationStateEnabled)} },
	"connection-notification-type":  func(*notification) []string { return []string{string(types.ConnectionNotificationTypeTopic)} },
	"service-id":                    func(n *notification) []string { return []string{n.service} },
	"vpc-endpoint-id":               func(n *notification) []string { return []string{n.endpoint} },
}

func (s *Service) describeNotifications(
	ctx context.Context, in *ec2.DescribeVpcEndpointConnectionNotificationsInput,
) (*ec2.DescribeVpcEndpointConnectionNotificationsOutput, error) {
	q := query{kind: notificationKind, filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}
	if in.ConnectionNotificationId != nil {
		q.ids = []string{*in.ConnectionNotificationId}
	}
	found, next, err := list(ctx, s, s.notifications, q, notificationFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcEndpointConnectionNotificationsOutput{NextToken: next}
	for _, n := range found {
		out.ConnectionNotificationSet = append(out.ConnectionNotificationSet, s.connectionNotification(n))
	}
	return out, nil
}

func (s *Service) connectionNotification(n *notification) types.ConnectionNotification {
	out := types.ConnectionNotification{
		ConnectionNotificationId: &n.ID, ConnectionNotificationArn: &n.topic, ConnectionEvents: slices.Clone(n.events),
		ConnectionNotificationState: types.ConnectionNotificationStateEnabled, ConnectionNotificationType: types.ConnectionNotificationTypeTopic,
		ServiceRegion: &s.region,
	}
	if n.service != "" {
		out.ServiceId = &n.service
	} else {
		out.VpcEndpointId = &n.endpoint
	}
	return out
}

func (s *Service) deleteNotifications(
	ctx context.Context, in *ec2.DeleteVpcEndpointConnectionNotificationsInput,
) (*ec2.DeleteVpcEndpointConnectionNotificationsOutput, error) {
	out := &ec2.DeleteVpcEndpointConnectionNotificationsOutput{}
	for _, id := range in.ConnectionNotificationIds {
		if _, ok := s.notifications.of(wire.CallerOf(ctx).Account, id); !ok {
			out.Unsuccessful = append(out.Unsuccessful, unsuccessful(id, notificationKind.unknown(id)))
			continue
		}
		s.notifications.remove(id)
	}
	return out, nil
}
