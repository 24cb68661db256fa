package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

func TestAnswersThatGetLostAndThrottlingMakeNothingTwice(t *testing.T) {
	s := begin(t)
	database := s.database("orders-unheard", singleAZ)
	for _, fault := range []stage.Fault{
		{Action: "CreateSecurityGroup", Resource: database.VPC.ID, Kind: "reply-lost", Count: 1},
		{Action: "CreateTargetGroup", Resource: database.VPC.ID, Kind: "reply-lost", Count: 1},
		{Action: "CreateLoadBalancer", Resource: database.VPC.SubnetIDs()[0], Kind: "reply-lost", Count: 1},
		{Action: "AuthorizeSecurityGroupIngress", Resource: database.SecurityGroup, Kind: "throttle", Count: 5}, // more than the SDK tries
		{Action: "AuthorizeSecurityGroupIngress", Resource: database.SecurityGroup, Kind: "reply-lost", Count: 1},
	} {
		s.check(cloud.Disturb(s.ctx, fault))
	}
	execution := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	execution.succeeds()
	s.readsOrders(s.client(endpoint, handoff))

	place := append(database.VPC.SubnetIDs(), database.VPC.ID, database.SecurityGroup)
	unheard := s.calls(0, func(c call) bool { return c.Status == 0 && c.about(place...) })
	throttled := s.calls(0, func(c call) bool { return c.Error == "RequestLimitExceeded" && c.about(place...) })
	if len(unheard) != 4 || len(throttled) != 5 {
		s.Errorf("%d answers were lost and %d calls throttled: %v", len(unheard), len(throttled), unheard)
	}
	// The VPC's own, the database's, the resolver's, the load balancer's. What else is made has a name of its own.
	if groups := s.groups(database.VPC); len(groups) != 4 {
		s.Errorf("the VPC has the security groups %v", groups)
	}
}

// groups are the names of the VPC's security groups.
func (s story) groups(vpc stage.VPC) []string {
	s.Helper()
	out, err := s.network().DescribeSecurityGroups(s.ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: []types.Filter{{Name: new("vpc-id"), Values: []string{vpc.ID}}},
	})
	s.check(err)
	var names []string
	for _, g := range out.SecurityGroups {
		names = append(names, *g.GroupName)
	}
	return names
}
