package e2e

import (
	"fmt"
	"testing"

	"github.com/rdslink/rdslink/test/stage"
)

// It takes longest, for what was at work may be for more than a minute: stories begin in the order of their files.
func TestARemovalInTheMiddleOfASetUpFindsWhatIsMadeAfterTheStop(t *testing.T) {
	s := begin(t)
	database := s.database("orders-halfway", singleAZ)
	before := s.inventory(database.VPC)
	// Step 4 has begun to make its group, and makes it after the stop.
	s.check(cloud.Disturb(s.ctx, stage.Fault{Action: "CreateSecurityGroup", Role: s.roleNamed("create-load-balancer"), Kind: "delay", Delay: "8s", Count: 1}))
	execution := s.exposes(database)
	s.await("the target group", func() bool {
		found := s.exposuresIn(database.VPC)
		return len(found) == 1 && found[0].TargetGroupARN != ""
	})
	exposure := s.exposureOf(database)
	s.await("step 4 to be at work", func() bool {
		return len(s.calls(0, func(c call) bool { return c.Session == s.stack.Function("create-load-balancer") && c.about(exposure) })) > 0
	})
	// Step 1 of another set-up claims its exposure after the stop, when a removal would find nothing.
	const stopped = "halfway-stopped"
	s.check(cloud.Disturb(s.ctx, stage.Fault{Action: "PutItem", For: stopped, Kind: "delay", Delay: "3s", Count: 1}))
	other := s.startsNamed(s.stack.StateMachine(), stopped, fmt.Sprintf(`{"database": %q, "name": %q, "principals": [%q]}`,
		database.Identifier, stopped, partner))
	s.await("step 1 to make its claim", func() bool {
		unmet, err := cloud.Unmet(s.ctx, stopped)
		s.check(err)
		return len(unmet) == 0
	})
	other.stop()
	s.await("step 1 to take its claim back", func() bool {
		return len(s.calls(0, func(c call) bool {
			return c.Session == s.stack.Function("gather-rds-details") && c.Action == "DeleteItem" && c.Error == ""
		})) > 0
	})
	if x, there := s.exposureFor(database, stopped); there {
		s.Errorf("%s is left behind", x.ID)
	}
	removing := s.takesAway(fmt.Sprintf(`{"exposure": %q}`, exposure))
	removing.removed()
	s.isGone(database.VPC, before, exposure)
	if execution.toldOfFailure() {
		s.Error("the operators hear of a failure")
	}
}
