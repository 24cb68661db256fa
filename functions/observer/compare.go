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

// patience is how long whoever claims news may take to tell it: then somebody else does.
const patience = time.Minute

// news is a connection that is to be announced as it is now, in place of what is recorded of it.
type news struct {
	connection.Connection
	repeated bool
	before   registry.Connection
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

// says tells whether a connection's state is something to tell of.
func says(c connection.Connection) bool { return !c.Known() || report(c) != "" }

// compare holds what was found at a time against what is recorded: what is to be announced, and what is to be recorded.
func compare(exposure registry.Exposure, found []connection.Connection, at time.Time) (tell []news, seen map[string]registry.Connection) {
	seen = map[string]registry.Connection{}
	present := map[string]bool{}
	for _, c := range found {
		present[c.VPCEndpointID] = true
		before, known := exposure.Connections[c.VPCEndpointID]
		if !known && c.Over() {
			continue // it came and went unseen: nobody has to do anything about it
		}
		if before.Seen.After(at) {
			continue // somebody has looked later than this, and told
		}
		after := registry.Connection{Owner: c.Owner, State: c.State, Seen: before.Seen, Unexpected: unexpected(exposure, c)}
		if before.State != c.State {
			after.Seen = at
		}
		switch n := (news{Connection: c, before: before}); {
		case isNews(c, before, after, at):
			tell, seen[c.VPCEndpointID] = append(tell, n), after
		case before.State != c.State || before.Unexpected != after.Unexpected:
			seen[c.VPCEndpointID] = after
		case awaitedState(exposure, c, before.Seen):
			n.repeated = true
			tell = append(tell, n)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(exposure.Connections)) {
		before := exposure.Connections[id]
		c := connection.Connection{ServiceID: exposure.ServiceID, VPCEndpointID: id, Owner: before.Owner, State: before.State}
		if present[id] || c.Over() && !untold(before, at) || at.Sub(before.Seen) < settling {
			continue
		}
		c.State = connection.Deleted
		seen[id] = registry.Connection{Owner: c.Owner, State: c.State, Seen: at}
		tell = append(tell, news{Connection: c, before: before})
	}
	return tell, seen
}

// unexpected tells a connection, or a request, that the exposure is not made for, or is not any more.
func unexpected(exposure registry.Exposure, c connection.Connection) bool {
	return c.Live() && says(c) && !connection.Expected(exposure, c.Owner)
}

// isNews tells whether people have to hear of a connection: nobody may wait in silence for what is not as it should be, and
// nobody may stay connected in silence who is not expected any more.
func isNews(c connection.Connection, before, after registry.Connection, at time.Time) bool {
	switch {
	case !says(c):
		return false
	case untold(before, at), after.Unexpected && !before.Unexpected:
		return true
	case before.Unexpected && !after.Unexpected && before.State == c.State:
		return c.State == connection.PendingAcceptance // now it may be accepted
	case !c.Known() || c.State == connection.Partial:
		return before.State != c.State
	}
	return report(c) != report(connection.Connection{State: before.State})
}

// untold tells news that somebody was about to tell, and has not.
func untold(before registry.Connection, at time.Time) bool {
	return before.Telling != 0 && before.Telling <= at.UnixMilli()
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
