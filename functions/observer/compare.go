package main

import (
	"maps"
	"slices"
	"time"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/registry"
)

// settling is how long a describe may miss a connection that another describe has shown: EC2 needs a while to agree with
// itself about a fresh one.
const settling = 2 * time.Minute

// news is a connection whose state is to be announced.
type news struct {
	connection.Connection
	repeated bool
}

// report is the detail type that announces a connection's state, or "" for the way from accepted to available, which nobody
// needs to hear about.
func report(c connection.Connection) string {
	switch {
	case c.State == connection.PendingAcceptance:
		return bus.ConnectionPending
	case c.Connected():
		return bus.ConnectionAvailable
	case c.Refused():
		return bus.ConnectionRejected
	case c.Over():
		return bus.ConnectionDeleted
	}
	return ""
}

// compare holds what is found against what is recorded: what is to be announced, and what is to be recorded.
func compare(exposure registry.Exposure, found []connection.Connection, now time.Time) (tell []news, seen map[string]registry.Connection) {
	seen = map[string]registry.Connection{}
	present := map[string]bool{}
	for _, c := range found {
		present[c.VPCEndpointID] = true
		before, known := exposure.Connections[c.VPCEndpointID]
		if !known && c.Over() {
			continue // it came and went unseen: nobody has to do anything about it
		}
		if before.State != c.State {
			seen[c.VPCEndpointID] = registry.Connection{Owner: c.Owner, State: c.State, Seen: now}
		}
		switch {
		case !c.Known() || c.State == connection.Partial:
			// Nobody may wait in silence for what is not as it should be.
			if before.State != c.State {
				tell = append(tell, news{Connection: c})
			} else if awaitedState(exposure, c, before.Seen) {
				tell = append(tell, news{Connection: c, repeated: true})
			}
		case report(c) == "":
		case report(c) != report(connection.Connection{State: before.State}):
			tell = append(tell, news{Connection: c})
		case awaitedState(exposure, c, before.Seen):
			tell = append(tell, news{Connection: c, repeated: true})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(exposure.Connections)) {
		before := exposure.Connections[id]
		c := connection.Connection{ServiceID: exposure.ServiceID, VPCEndpointID: id, Owner: before.Owner, State: before.State}
		if present[id] || c.Over() || now.Sub(before.Seen) < settling {
			continue
		}
		c.State = connection.Deleted
		seen[id] = registry.Connection{Owner: c.Owner, State: c.State, Seen: now}
		tell = append(tell, news{Connection: c})
	}
	return tell, seen
}

// awaitedState tells a state that an execution waits for and that may have been announced in vain: events can be lost. A
// refusal older than the wait is not its answer.
func awaitedState(exposure registry.Exposure, c connection.Connection, since time.Time) bool {
	if exposure.Token == nil || !connection.Expected(exposure, c.Owner) {
		return false
	}
	switch report(c) {
	case bus.ConnectionAvailable:
		return true
	case bus.ConnectionRejected:
		return !since.Before(exposure.Token.Since)
	case bus.ConnectionPending:
		return exposure.Acceptance.Mode == connection.ExpectedAccount
	}
	return false
}
