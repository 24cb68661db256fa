package ec2

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/wire"
)

const topic = "arn:aws:sns:eu-central-1:111122223333:connections"

func notificationOf(svc *types.ServiceConfiguration, events ...string) ec2.CreateVpcEndpointConnectionNotificationInput {
	return ec2.CreateVpcEndpointConnectionNotificationInput{
		ServiceId: svc.ServiceId, ConnectionNotificationArn: aws.String(topic), ConnectionEvents: events,
	}
}

func TestNotificationRefusals(t *testing.T) {
	create := func(change func(*cloud, *ec2.CreateVpcEndpointConnectionNotificationInput)) func(*cloud) error {
		return func(c *cloud) error {
			in := notificationOf(c.service(), "Connect")
			change(c, &in)
			return try(c, provider, c.createNotification, in)
		}
	}
	const page = "API_CreateVpcEndpointConnectionNotification.html"
	checkRefusals(t, map[string]refusal{
		"an event that there is not": {
			source: page, code: "InvalidParameter", words: "Available",
			do: create(func(_ *cloud, in *ec2.CreateVpcEndpointConnectionNotificationInput) {
				in.ConnectionEvents = []string{"Available"}
			}),
		},
		"a queue": {
			source: page, code: "InvalidParameter",
			do: create(func(_ *cloud, in *ec2.CreateVpcEndpointConnectionNotificationInput) {
				in.ConnectionNotificationArn = aws.String("arn:aws:sqs:eu-central-1:111122223333:connections")
			}),
		},
		"a service and an endpoint": {
			source: page, code: "InvalidParameterCombination",
			do: create(func(_ *cloud, in *ec2.CreateVpcEndpointConnectionNotificationInput) {
				in.VpcEndpointId = aws.String("vpce-0")
			}),
		},
		"a service that does not exist": {
			source: errorCodes, code: "InvalidVpcEndpointServiceId.NotFound",
			do: create(func(_ *cloud, in *ec2.CreateVpcEndpointConnectionNotificationInput) {
				in.ServiceId = aws.String("vpce-svc-0")
			}),
		},
		"a topic that does not let AWS publish": {
			source: "vpc/latest/privatelink/create-notification-endpoint-service.html", code: "InvalidParameter", words: "not authorized",
			do: create(func(c *cloud, _ *ec2.CreateVpcEndpointConnectionNotificationInput) {
				c.ValidateTopic = func(string, string) error { return wire.Errorf("InvalidParameter", "not authorized") }
			}),
		},
		"a token is for one set of parameters": {
			source: "ec2/latest/devguide/ec2-api-idempotency.html", code: "IdempotentParameterMismatch",
			do: create(func(c *cloud, in *ec2.CreateVpcEndpointConnectionNotificationInput) {
				in.ClientToken = aws.String("orders-1")
				must(c, provider, c.createNotification, *in)
				in.ConnectionEvents = []string{"Connect", "Delete"}
			}),
		},
	})
}

func TestNotificationsAreSentForTheirEvents(t *testing.T) {
	c := newCloud(t)
	svc := c.service()
	must(c, provider, c.createNotification, notificationOf(svc, "Connect", "Accept", "Delete"))
	e := c.endpoint(svc)
	c.decision(svc, e, c.accept)
	c.decision(svc, e, c.reject)
	must(c, consumer, c.deleteEndpoints, ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*e.VpcEndpointId}})
	c.world.Lock()
	defer c.world.Unlock()
	if len(c.sent) != 3 { // none for the rejection
		t.Fatalf("sent %d notifications, want 3", len(c.sent))
	}
	first := c.sent[0]
	if first.TopicARN != topic || first.Service != "vpce.amazonaws.com" || first.Account != provider ||
		first.SourceARN != "arn:aws:ec2:eu-central-1:111122223333:vpc-endpoint-service/"+*svc.ServiceId {
		t.Errorf("sent %+v", first)
	}
}

func TestNotificationsAreDescribedAndDeleted(t *testing.T) {
	c := newCloud(t)
	svc := c.service()
	id := *must(c, provider, c.createNotification, notificationOf(svc, "Connect")).ConnectionNotification.ConnectionNotificationId
	filter := types.Filter{Name: aws.String("service-id"), Values: []string{*svc.ServiceId}}
	found := must(c, provider, c.describeNotifications, ec2.DescribeVpcEndpointConnectionNotificationsInput{Filters: []types.Filter{filter}}).ConnectionNotificationSet
	if len(found) != 1 || *found[0].ConnectionNotificationArn != topic || !slices.Equal(found[0].ConnectionEvents, []string{"Connect"}) {
		t.Fatalf("found %+v", found)
	}
	in := ec2.DeleteVpcEndpointConnectionNotificationsInput{ConnectionNotificationIds: []string{id}}
	if items := must(c, provider, c.deleteNotifications, in).Unsuccessful; len(items) != 0 {
		t.Errorf("not deleted: %+v", items)
	}
	if items := must(c, provider, c.deleteNotifications, in).Unsuccessful; len(items) != 1 {
		t.Error("deleted twice")
	}
}
