package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

// Whoever is connected while nothing follows the database, an exposure whose sync is silenced, and one whose schedule is
// gone: the operators hear of each, and of its end.
func TestAnExposureThatNobodyFollowsOrLooksAtIsTold(t *testing.T) {
	s := begin(t)
	database := s.database("orders-watched", singleAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	execution.waits()
	execution.stop()
	exposure := s.decides(bus.Accept, endpoint)
	s.hears(news, "Nothing follows the database orders-watched for "+exposure, "it has no schedule yet, and no execution works on it",
		"aws stepfunctions start-execution", execution.arn, "aws ec2 reject-vpc-endpoint-connections", endpoint.ID)

	s.hears(news, "is connected to "+exposure, "Nothing follows its database")

	// As the message says, it is started again with the same input.
	made := s.exposes(database).succeeds()
	s.hears(news, "Over, for "+exposure, "nothing follows the database")

	// The sync may not use the registry. It ticks on.
	silenced := s.callsUntilNow()
	role := s.roleOf("ip-sync")
	for _, item := range []string{exposure, "life/" + exposure} {
		s.check(cloud.Disturb(s.ctx, stage.Fault{Role: role[strings.LastIndex(role, "/")+1:], Resource: item, Kind: "deny"}))
	}
	s.hears(news, "Nobody has looked whether", exposure, "rdslink-ip-sync")
	s.await("another tick", func() bool {
		return len(s.calls(silenced, func(c call) bool {
			return c.Action == "DescribeTargetHealth" && c.about(made.Resources.TargetGroupARN)
		})) > 0
	})

	_, err := scheduler.NewFromConfig(cloud.Config(stage.Customer)).DeleteSchedule(s.ctx, &scheduler.DeleteScheduleInput{
		Name: &made.Resources.ScheduleName, GroupName: aws.String(s.stack.ScheduleGroup()),
	})
	s.check(err)
	s.hears(news, "Nothing follows the database orders-watched for "+exposure, "its schedule is gone")

	// What cuts nobody off, and a hop that no look of the sync sees.
	_, err = s.network().DeleteVpcEndpointConnectionNotifications(s.ctx, &ec2.DeleteVpcEndpointConnectionNotificationsInput{
		ConnectionNotificationIds: []string{s.notification(made)},
	})
	s.check(err)
	s.hears(news, "notification of "+exposure, "is not as it was made")
	_, err = s.balancers().SetSecurityGroups(s.ctx, &elb.SetSecurityGroupsInput{
		LoadBalancerArn: &made.Resources.LoadBalancerARN, SecurityGroups: []string{made.Resources.LoadBalancerSecurityGroupID},
		EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnumOn,
	})
	s.check(err)
	s.hears(news, "does not reach the database orders-watched through "+exposure, "inbound enforcement")
}
