package e2e

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/test/stage"
)

// In the weeks that people take the database fails over, the vendor takes its request back, and another is left until it
// expires. What is there when somebody accepts at last leads to the database as it is then.
func TestAnExecutionThatWaitsOutlivesWhatHappensMeanwhile(t *testing.T) {
	s := begin(t)
	database := s.database("orders-meanwhile", multiAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	execution.waits()
	exposure := s.exposuresIn(database.VPC)[0]

	before := s.targetsOf(exposure.TargetGroupARN)
	_, err := s.databases().RebootDBInstance(s.ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: &database.Identifier, ForceFailover: new(true)})
	s.check(err)
	s.await("the standby's address to be the only target, though there is no schedule yet", func() bool {
		now := s.targetsOf(exposure.TargetGroupARN)
		return len(now) == 1 && !slices.Contains(before, now[0])
	})

	taken := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.asked(taken)
	s.removes(taken)
	s.hears(news, taken.ID, "has taken its connection", "away")

	late := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.asked(late)
	s.check(cloud.Expire(s.ctx, late))
	execution.fails("ConnectionRejected", late.ID, stage.PushMetrics, "is expired", "make a new one", "redrive")
	s.hears(news, exposure.ID, late.ID, "is expired", "the consumer has to delete the endpoint and make a new one")

	// The new wait does not take the old request for its answer, which is there for as long as the vendor likes.
	execution.redrive()
	execution.waits()
	kept := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, kept)
	if output := execution.succeeds(); output.Connection.VPCEndpointID != kept.ID {
		s.Errorf("the wait ended with %s and not with %s", output.Connection.VPCEndpointID, kept.ID)
	}
	s.readsOrders(s.client(kept, handoff))
	if state := s.state(late); state != connection.Expired {
		s.Errorf("the request that expired is %s", state)
	}
}
