package e2e

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/test/stage"
)

// The database gets another port and another group, and is exposed again: the consumer goes on by the configuration that it
// has, and the group that the database has left admits nobody of ours.
func TestADatabaseThatIsChangedIsReachedAsBefore(t *testing.T) {
	s := begin(t)
	database := s.database("orders-changed", singleAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	first := execution.succeeds()

	group, port := s.anotherSecurityGroup(database.VPC), int32(database.Port)+1
	s.carries(database, group)
	_, err := s.databases().ModifyDBInstance(s.ctx, &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: &database.Identifier, DBPortNumber: &port, ApplyImmediately: aws.Bool(true),
	})
	s.check(err)
	s.await("the database on its new port", func() bool {
		instance := s.instance(database)
		return *instance.DBInstanceStatus == "available" && *instance.Endpoint.Port == port
	})
	after := s.exposes(database).succeeds()

	listeners, err := s.balancers().DescribeListeners(s.ctx, &elb.DescribeListenersInput{LoadBalancerArn: &first.Resources.LoadBalancerARN})
	s.check(err)
	if len(listeners.Listeners) != 1 || *listeners.Listeners[0].Port != int32(database.Port) || *listeners.Listeners[0].ListenerArn != first.Resources.ListenerARN {
		s.Errorf("the listener is not what the consumer has configured: %d of them", len(listeners.Listeners))
	}
	ours := func(r ec2types.SecurityGroupRule) bool { return (owned.Owner{}).Manages(owned.FromEC2(r.Tags)) }
	if left := s.admits(database.SecurityGroup); slices.ContainsFunc(left, ours) {
		s.Errorf("the group that the database has left still has rules of ours")
	}
	now := slices.DeleteFunc(s.admits(group), func(r ec2types.SecurityGroupRule) bool { return !ours(r) })
	for _, rule := range now {
		if *rule.FromPort != port {
			s.Errorf("rule %s is for port %d", *rule.SecurityGroupRuleId, *rule.FromPort)
		}
	}
	if len(now) != len(first.Resources.SecurityGroupRuleIDs) || after.Resources.DatabaseSecurityGroupID != group {
		s.Errorf("the new group has %d rules, and the old one had %d", len(now), len(first.Resources.SecurityGroupRuleIDs))
	}
	s.readsOrders(s.client(endpoint, handoff))
}
