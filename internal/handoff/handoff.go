// Package handoff is what rdslink hands over: a letter to the consumer, before the connection, and the execution's output,
// after it. Both state the same facts.
package handoff

// Notify is the attribute that names the addresses which a letter is for. Each address's subscription has a filter for
// itself, which never changes. A filter that lists exposures would have to grow, and SNS takes 150 values in it
// (docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html).
const Notify = "notify"

// Facts are what whoever connects must know.
type Facts struct {
	ServiceName         string   `json:"serviceName"`
	ServiceID           string   `json:"serviceId"`
	Region              string   `json:"region"`
	AvailabilityZoneIDs []string `json:"availabilityZoneIds"`
	SupportedRegions    []string `json:"supportedRegions"`
	Port                int      `json:"port"`
	TLSServerName       string   `json:"tlsServerName"`
	PrivateDNSName      string   `json:"privateDnsName"` // of the service, verified; empty for none
}

// keepaliveSeconds stays under the 350 s after which an interface endpoint drops an idle connection, whatever the load
// balancer's own timeout ("Implementing long-running TCP connections within VPC networking").
const keepaliveSeconds = 300
