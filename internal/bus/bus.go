// Package bus is the contract of rdslink's event bus: who says what on it, and in which words.
package bus

// Source is the source of every event on our bus.
const Source = "rdslink"

// The detail types on our bus. ConnectionDecision and RemovalDecision come from those who approve, the others from the
// observer.
const (
	ConnectionPending   = "ConnectionPending"
	ConnectionAvailable = "ConnectionAvailable"
	ConnectionRejected  = "ConnectionRejected"
	ConnectionDeleted   = "ConnectionDeleted"
	ConnectionDecision  = "ConnectionDecision"
	RemovalDecision     = "RemovalDecision"
)

// Reports are the detail types that are the observer's word.
var Reports = []string{ConnectionPending, ConnectionAvailable, ConnectionRejected, ConnectionDeleted}

// Decisions are the detail types that are the approvers' word.
var Decisions = []string{ConnectionDecision, RemovalDecision}

// Outcomes are the reports that an execution may wait for. A deletion ends no set-up's wait, for the consumer may ask again;
// it ends the wait of a removal for the last connection.
var Outcomes = []string{ConnectionPending, ConnectionAvailable, ConnectionRejected, ConnectionDeleted}

// Event is the detail of an event of the observer.
type Event struct {
	Exposure      string `json:"exposure"`
	ServiceID     string `json:"serviceId"`
	ServiceName   string `json:"serviceName"`
	VPCEndpointID string `json:"vpcEndpointId"`
	Owner         string `json:"owner"`
	Expected      bool   `json:"expected"`
	State         string `json:"state"`
	Message       string `json:"message"`
	Repeated      bool   `json:"repeated"` // said before, and again because an execution waits for it: nothing to tell people
}

// Decision is the detail of a ConnectionDecision. Either of Exposure and ServiceID says what it is about. VPCEndpointID may
// be left out when exactly one request waits. By is what the event claims: an event carries no proven principal.
type Decision struct {
	Exposure      string `json:"exposure,omitempty"`
	ServiceID     string `json:"serviceId,omitempty"`
	VPCEndpointID string `json:"vpcEndpointId,omitempty"`
	Decision      string `json:"decision"`
	By            string `json:"by,omitempty"`
	Reason        string `json:"reason,omitempty"`
}

// What a Decision may say.
const (
	Accept = "accept"
	Reject = "reject"
)

// Removal is the detail of a RemovalDecision: what becomes of the connections of an exposure whose removal waits. By is what
// the event claims.
type Removal struct {
	Exposure    string `json:"exposure"`
	Connections string `json:"connections"`
	By          string `json:"by,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

// End is what a Removal may say: that connections end. Who wants to keep them stops the removal's execution.
const End = "end"
