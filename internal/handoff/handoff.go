// Package handoff is what rdslink hands over: a letter to the consumer, before the connection, and the execution's output,
// after it. Both state the same facts.
package handoff

// Facts are what whoever connects must know.
type Facts struct {
	ServiceName         string   `json:"serviceName"`
	ServiceID           string   `json:"serviceId"`
	Region              string   `json:"region"`
	AvailabilityZoneIDs []string `json:"availabilityZoneIds"`
	SupportedRegions    []string `json:"supportedRegions"`
	Port                int      `json:"port"`
	TLSServerName       string   `json:"tlsServerName"`
}

// keepaliveSeconds stays under the 350 s after which an interface endpoint drops an idle connection, whatever the load
// balancer's own timeout ("Implementing long-running TCP connections within VPC networking").
const keepaliveSeconds = 300
