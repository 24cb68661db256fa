package bus

import (
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
)

// People have scripts that decide, and rules of their own on the bus; a dead letter is as old as it is.
func TestEventsOfEarlierVersionsAreUnderstood(t *testing.T) {
	readEvent, writeEvent := golden.JSON[Event]()
	golden.Formats(t, "event", readEvent, writeEvent)
	readDecision, writeDecision := golden.JSON[Decision]()
	golden.Formats(t, "decision", readDecision, writeDecision)
	readRemoval, writeRemoval := golden.JSON[Removal]()
	golden.Formats(t, "removal", readRemoval, writeRemoval)
}
