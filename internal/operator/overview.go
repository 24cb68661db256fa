package operator

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/cost"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/targets"
)

// Overview is an exposure in a few words: what is shown to whom since when, who is connected, and how it is.
type Overview struct {
	Exposure           string      `json:"exposure"`
	DatabaseIdentifier string      `json:"databaseIdentifier"`
	DatabaseARN        string      `json:"databaseArn"`
	Consumer           string      `json:"consumer"`
	Vendor             string      `json:"vendor,omitempty"`
	Link               string      `json:"link,omitempty"` // on which it is; a link's own id
	State              string      `json:"state"`
	Why                string      `json:"why,omitempty"`
	Since              time.Time   `json:"since,omitzero"` // when it was first asked for, where that is recorded
	LastGoodLook       time.Time   `json:"lastGoodLook,omitzero"`
	Connections        []Connected `json:"connections"`
	// ConnectionsSeen says that EC2 did not tell of the connections: they are as the observer last saw them.
	ConnectionsSeen bool     `json:"connectionsAsLastSeen,omitempty"`
	ChangedByHand   []string `json:"changedByHand"` // what the watch has told of
	MonthlyUSD      float64  `json:"monthlyUsd"`
	ListenerPort    int32    `json:"listenerPort,omitempty"` // that consumers connect to
	Execution       string   `json:"execution,omitempty"`    // the one that holds or held the claim
	Status          string   `json:"executionStatus,omitempty"`
}

// Connected is a consumer's endpoint, and whether it is of an account that the exposure was made for.
type Connected struct {
	Account       string    `json:"account"`
	VPCEndpointID string    `json:"vpcEndpointId"`
	State         string    `json:"state"`
	Since         time.Time `json:"since,omitzero"`
	Expected      bool      `json:"expected"`
}

// The states of an exposure.
const (
	Live       = "live"       // served, and somebody is connected
	Idle       = "idle"       // served, and nobody is connected
	Waiting    = "waiting"    // an execution waits for a connection
	Making     = "making"     // an execution works on it
	HalfMade   = "half-made"  // no execution works on it, and it was never finished
	CutOff     = "cut-off"    // consumers do not reach the database
	Unsettled  = "unsettled"  // the last looks were not good, and that nobody is served is not known
	Stopped    = "stopped"    // the database is
	Unwatched  = "unwatched"  // nobody has looked for long
	Leaving    = "leaving"    // a removal takes it away
	Unreadable = "unreadable" // its item in the registry does not decode
)

// What Step Functions says of an execution that works, and what is said here of one that it has forgotten.
const (
	running   = "RUNNING"
	pending   = "PENDING_REDRIVE"
	forgotten = "FORGOTTEN"
)

// overview judges an exposure by the registry, by what EC2 lists of its connections (nil where it did not tell), and by the
// status of its execution, which is empty where it is not known.
func overview(e registry.Exposure, found []connection.Connection, told bool, status string, now time.Time) Overview {
	if e.Unreadable != nil {
		return Overview{Exposure: e.ID, State: Unreadable, Why: e.Unreadable.Error(), Connections: []Connected{}, ChangedByHand: []string{}}
	}
	o := Overview{
		Exposure: e.ID, DatabaseIdentifier: e.DatabaseIdentifier, DatabaseARN: e.DatabaseARN, Consumer: e.Consumer, Vendor: e.Vendor,
		Link: e.Link, ListenerPort: e.ListenerPort, LastGoodLook: e.Life.Good, ConnectionsSeen: !told, ChangedByHand: changedByHand(e.Watch),
		MonthlyUSD: cost.PartUSD(e.LoadBalancerARN != "" && !e.OnLink(), e.ScheduleName != ""), Execution: e.Claim, Status: status,
	}
	if e.Requested != nil {
		o.Since = e.Requested.First
	}
	if told {
		o.Connections = listed(e, found)
	} else {
		o.Connections = lastSeen(e)
	}
	o.State, o.Why = o.judge(e, now)
	return o
}

// listed are the connections to the exposure's service, without those that are over.
func listed(e registry.Exposure, found []connection.Connection) []Connected {
	all := []Connected{}
	for _, c := range found {
		if e.ServiceID != "" && c.ServiceID == e.ServiceID && !c.Over() {
			all = append(all, Connected{c.Owner, c.VPCEndpointID, c.State, c.Created, connection.Expected(e, c.Owner)})
		}
	}
	return all
}

// lastSeen are the connections as the observer has recorded them.
func lastSeen(e registry.Exposure) []Connected {
	all := []Connected{}
	for _, id := range slices.Sorted(maps.Keys(e.Connections)) {
		c := e.Connections[id]
		if !(connection.Connection{State: c.State}).Over() {
			all = append(all, Connected{c.Owner, id, c.State, c.Seen, connection.Expected(e, c.Owner)})
		}
	}
	return all
}

// changedByHand is what the watch has told of as not as the steps left it.
func changedByHand(w *registry.Watch) []string {
	all := []string{}
	if w == nil {
		return all
	}
	for _, key := range slices.Sorted(maps.Keys(w.Told)) {
		if registry.IsDrift(key) {
			all = append(all, w.Told[key].What)
		}
	}
	return all
}

// judge says in which state an exposure is, and of one that is not as it should be why. What was finished once is judged by
// what the sync sees; what was not, by its execution.
func (o Overview) judge(e registry.Exposure, now time.Time) (state, why string) {
	works := o.Status == running || o.Status == pending
	switch {
	case e.Removing == "":
	case works:
		return Leaving, ""
	default:
		return Leaving, "its removal is " + cmp.Or(strings.ToLower(o.Status), "not known") + ": remove it again"
	}
	connected := slices.ContainsFunc(o.Connections, func(c Connected) bool { return (connection.Connection{State: c.State}).Connected() })
	if e.ScheduleName != "" {
		if state, why := served(e, now); state != "" {
			return state, why
		}
	}
	switch {
	case works && deployment.IsRemoval(e.Claim):
		return Live, "a removal waits until its connections may end"
	case connected && e.Followed():
		return Live, ""
	case e.Awaiting != "" && (works || o.Status == ""):
		return Waiting, o.waitsFor()
	case works:
		return Making, ""
	case e.Followed():
		return Idle, ""
	case o.Status == "":
		return HalfMade, "whether its execution runs is not known"
	case o.Status == forgotten:
		return HalfMade, "Step Functions has forgotten its execution"
	}
	return HalfMade, "its execution is " + strings.ToLower(o.Status)
}

// waitsFor says for whom an execution waits.
func (o Overview) waitsFor() string {
	var asks []string
	for _, c := range o.Connections {
		if c.State == connection.PendingAcceptance && c.Expected {
			asks = append(asks, c.VPCEndpointID)
		}
	}
	if len(asks) == 0 {
		return "for the consumer to ask"
	}
	return "for a decision about " + strings.Join(asks, ", ")
}

// served is the state of a finished exposure that is not served as it should be, or none. When a look is overdue the watch
// knows, which knows the deployment's patience; only what is overdue whatever that is, is known here.
func served(e registry.Exposure, now time.Time) (state, why string) {
	life := e.Life
	var told map[string]registry.Tale
	if e.Watch != nil {
		told = e.Watch.Told
	}
	tale, unserved := told[registry.Unserved]
	_, unseen := told[registry.Unseen]
	switch {
	case unserved:
		return CutOff, strings.TrimSuffix(tale.What+": "+cmp.Or(tale.Detail, life.Detail), ": ")
	case life.State == string(targets.Cut):
		return CutOff, life.Detail
	case life.Looked.IsZero():
		return Unwatched, "no look is recorded"
	case unseen || now.Sub(life.Looked) > 2*deployment.MostPatience:
		return Unwatched, "the last look was at " + life.Looked.UTC().Format(time.DateTime) + "Z"
	case !life.Bad.IsZero():
		return Unsettled, life.Detail
	case life.State == string(targets.Stopped):
		return Stopped, "the database is stopped"
	}
	return "", ""
}
