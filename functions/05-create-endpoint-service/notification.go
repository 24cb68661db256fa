package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/wanted"
)

type notificationAPI interface {
	DescribeVpcEndpointConnectionNotifications(context.Context, *ec2.DescribeVpcEndpointConnectionNotificationsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionNotificationsOutput, error)
	CreateVpcEndpointConnectionNotification(context.Context, *ec2.CreateVpcEndpointConnectionNotificationInput, ...func(*ec2.Options)) (*ec2.CreateVpcEndpointConnectionNotificationOutput, error)
	ModifyVpcEndpointConnectionNotification(context.Context, *ec2.ModifyVpcEndpointConnectionNotificationInput, ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointConnectionNotificationOutput, error)
}

// notify has every event of the service's connections sent to the topic that the observer listens to.
func (s createEndpointService) notify(ctx context.Context, in Input, generation int, serviceID string) error {
	found, err := s.notification(ctx, serviceID)
	if err != nil {
		return err
	}
	if found == nil {
		return s.createNotification(ctx, in, generation, serviceID)
	}
	if slices.Equal(slices.Sorted(slices.Values(found.ConnectionEvents)), wanted.ConnectionEvents) {
		return nil
	}
	slog.InfoContext(ctx, "modify connection notification", "connectionNotificationId", aws.ToString(found.ConnectionNotificationId))
	_, err = s.notifications.ModifyVpcEndpointConnectionNotification(ctx, &ec2.ModifyVpcEndpointConnectionNotificationInput{
		ConnectionNotificationId: found.ConnectionNotificationId,
		ConnectionEvents:         wanted.ConnectionEvents,
	})
	if err != nil {
		return fmt.Errorf("modify connection notification %s: %w", aws.ToString(found.ConnectionNotificationId), err)
	}
	return nil
}

func (s createEndpointService) notification(ctx context.Context, serviceID string) (*types.ConnectionNotification, error) {
	pages := ec2.NewDescribeVpcEndpointConnectionNotificationsPaginator(s.notifications, &ec2.DescribeVpcEndpointConnectionNotificationsInput{
		Filters: []types.Filter{
			{Name: aws.String("service-id"), Values: []string{serviceID}},
			{Name: aws.String("connection-notification-arn"), Values: []string{s.topic}},
		},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe connection notifications of endpoint service %s: %w", serviceID, err)
		}
		if len(page.ConnectionNotificationSet) > 0 {
			return &page.ConnectionNotificationSet[0], nil
		}
	}
	return nil, nil
}

// createNotification asks with a token of the execution's own: AWS answers the token of a notification that was deleted with
// the dead one, and nothing tells one from the other. Each start makes another, if there is none.
func (s createEndpointService) createNotification(ctx context.Context, in Input, generation int, serviceID string) error {
	request := &ec2.CreateVpcEndpointConnectionNotificationInput{
		ServiceId:                 &serviceID,
		ConnectionNotificationArn: &s.topic,
		ConnectionEvents:          wanted.ConnectionEvents,
	}
	request.ClientToken = aws.String(owned.TokenFor(in.Exposure, generation, in.Execution, request))
	slog.InfoContext(ctx, "create connection notification", "serviceId", serviceID, "topicArn", s.topic)
	out, err := s.notifications.CreateVpcEndpointConnectionNotification(ctx, request)
	if err != nil {
		return fmt.Errorf("create connection notification of endpoint service %s: %w", serviceID, outcome.Unseen(err))
	}
	slog.InfoContext(ctx, "created connection notification", "connectionNotificationId",
		aws.ToString(out.ConnectionNotification.ConnectionNotificationId))
	return nil
}
