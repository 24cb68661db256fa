// Package bus is the contract of rdslink's event bus: who says what on it, and in which words.
package bus

// Source is the source of every event on our bus.
const Source = "rdslink"

// The detail types on our bus. ConnectionDecision comes from those who approve, the others from the observer.
const (
	ConnectionPending   = "ConnectionPending"
	ConnectionAvailable = "ConnectionAvailable"
	ConnectionRejected  = "ConnectionRejected"
	ConnectionDeleted   = "ConnectionDeleted"
	ConnectionDecision  = "ConnectionDecision"
)

// Reports are the detail types that are the observer's word.
var Reports = []string{ConnectionPending, ConnectionAvailable, ConnectionRejected, ConnectionDeleted}

// Outcomes are the reports that an execution may wait for. A deletion ends no wait: the consumer may ask again.
var Outcomes = []string{ConnectionPending, ConnectionAvailable, ConnectionRejected}

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
