// Package targets keeps a target group on the address that a database's
// endpoint has now.
//
// It observes, decides, and acts. The decision (decide.go) is a pure function
// of what was observed and of the little that is remembered, and holds the
// invariants, whatever DNS, RDS, ELB or time do:
//
//  1. never deregister so that no registered, non-draining target would be
//     left, unless the target is proven foreign: a load balancer whose targets
//     are all unhealthy still routes to them, and unreachable beats the wrong
//     host. A certificate's name alone alarms and delays what is new, ten minutes
//     at most; it takes nothing away that DNS, RDS and EC2 confirm
//  2. register before deregister; deregister only when the new target serves,
//     or the old one is proven foreign
//  3. never register an address outside the VPC's CIDRs, nor one that is not the
//     database's, nor a reader's where the endpoint is the writer's
//  4. id and port in every call; a draining target is not registered; an unused
//     one is registered but serves nobody
//  5. an empty, failed or contradictory answer changes nothing. Several addresses
//     are right for a proxy alone, whose answers are united, and whose address
//     goes only when it was missing on three ticks
//  6. running it twice at once is harmless; a steady state takes no lease and
//     changes nothing: it leaves a sign of life in the registry, at most once in
//     four ticks. Targets change under the lease, but for one thing: while the
//     registry does not answer, what DNS, RDS and EC2 confirm is registered
//     without it, and nothing is taken away
package targets

import (
	"net"
	"strconv"
	"time"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/registry"
)

// several reports whether the endpoint has several addresses at a time.
func several(b registry.Binding) bool { return b.DatabaseKind == database.Proxy }

// roles reports whether some addresses of the database are not the endpoint's,
// and answer like it: those of the readers.
func roles(b registry.Binding) bool { return b.DatabaseKind == database.Cluster }

// target is a target's identity: RegisterTargets and DeregisterTargets name it
// by address and port, and a call with the address alone silently does nothing
// (API_DeregisterTargets).
type target struct {
	Address string
	Port    int
}

func (t target) String() string { return net.JoinHostPort(t.Address, strconv.Itoa(t.Port)) }

// State is where a sync left the target group.
type State string

const (
	Settled  State = "settled"  // exactly the endpoint's addresses are registered, and one serves
	Settling State = "settling" // changed, or waiting for a target to become healthy
	Moving   State = "moving"   // DNS, or DNS and RDS, do not agree yet
	Stopped  State = "stopped"  // the database is stopped, and nothing is to be done
	Busy     State = "busy"     // someone else holds the lease and does the work
	Cut      State = "cut"      // all is well with the targets, and the database does not answer through the load balancer
	Missed   State = "missed"   // AWS asked to come back later, and nobody looked
	Failing  State = "failing"  // see the error
)

// Report is what a sync saw and did.
type Report struct {
	State State
	// Address is what the endpoint resolves to, several with commas; empty when
	// that is not known.
	Address string
	// Registered says that all of them are registered and not draining, Available
	// that RDS was asked and calls the database available.
	Registered, Available bool
	// Coming says that the load balancer has not checked yet what is registered: nothing can be said of it.
	Coming bool
	// Detail says in a sentence why the state is not Settled.
	Detail string
	// Misnamed says which registered targets present a certificate that names
	// another server; empty also when nobody looked.
	Misnamed string
	// Since is the last good look that is known, or without one when the first was not good; zero while the state is.
	Since time.Time
	// Path is what came of going to the database through each node of the load balancer; empty when nobody did, and where
	// nobody can: then it is not proven.
	Path []registry.Passage
	// Owed is a full look, after a look of a loop that was good and no full one: no other ends a trouble.
	Owed bool

	changed bool // targets were registered or deregistered
}
