// Package inspect holds what an exposure consists of against what AWS describes of it: each hop of a consumer's connection,
// and what is no longer as the steps left it. How a connection failed says nothing of where; only descriptions do.
package inspect

// A Hop is one part of the way from a consumer to the database, or of what proves and follows it.
type Hop struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail,omitempty"` // what is seen
	Remedy string `json:"remedy,omitempty"` // of a broken hop
}

// State is what AWS's descriptions say of a hop.
type State string

// The states of a hop. Unknown is what could not be read, or was never recorded.
const (
	Passes  State = "passes"
	Broken  State = "broken"
	Unknown State = "unknown"
)

// The hops, in the order of a consumer's connection.
const (
	Principals      = "principals"
	Connections     = "connections"
	EndpointService = "endpoint service"
	Zones           = "zones"
	Enforcement     = "inbound enforcement"
	LoadBalancer    = "load balancer"
	Listener        = "listener"
	TargetGroup     = "target group"
	Targets         = "targets"
	BalancerEgress  = "load balancer's group"
	NetworkACLs     = "network ACLs"
	DatabaseGroups  = "database's groups"
	Database        = "database"
	Proof           = "proof"
	ResolverWay     = "resolver's way" // to the nodes: broken, the proof is missing, and consumers are served
	Sync            = "sync"
)

// A Finding is what is not as the steps left it, and cuts nobody off yet.
type Finding struct {
	Key    string `json:"key"` // the same for the same finding
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

// A Report is what was found of one exposure.
type Report struct {
	Exposure string    `json:"exposure"`
	Hops     []Hop     `json:"hops"` // in the order of a consumer's connection
	Drift    []Finding `json:"drift"`
	Err      error     `json:"-"` // what could not be read; the rest was
}

// Broken is the first hop that is broken; false, where none is.
func (r Report) Broken() (Hop, bool) {
	for _, hop := range r.Hops {
		if hop.State == Broken {
			return hop, true
		}
	}
	return Hop{}, false
}
