package handoff

import (
	"fmt"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/cost"
	"github.com/rdslink/rdslink/internal/ingress"
)

// Document is the output of the execution.
type Document struct {
	Version  int    `json:"version"`
	Exposure string `json:"exposure"`
	Consumer string `json:"consumer"`
	Facts
	AvailabilityZoneIDsLeftOut ZonesLeftOut `json:"availabilityZoneIdsLeftOut"`
	TCPKeepaliveSeconds        int          `json:"tcpKeepaliveSeconds"`
	Connection                 Connection   `json:"connection"`
	Heed
	Resources           Resources `json:"resources"`
	MonthlyCostEstimate Cost      `json:"monthlyCostEstimate"`
	Digest              string    `json:"digest"`    // of all the rest
	Databases           []Linked  `json:"databases"` // of a link, each reached by its own port; nothing is above of a single one then
}

// Linked is one of a link's databases: how it is reached, whether it has answered, and what was made for it alone.
type Linked struct {
	Exposure           string             `json:"exposure"`
	DatabaseIdentifier string             `json:"databaseIdentifier"`
	Port               int                `json:"port"`
	TLSServerName      string             `json:"tlsServerName"`
	Path               string             `json:"path"`
	TargetGroupARN     string             `json:"targetGroupArn"`
	ListenerARN        string             `json:"listenerArn"`
	SecurityGroupID    string             `json:"databaseSecurityGroupId"`
	RuleIDs            []string           `json:"securityGroupRuleIds"`
	BorrowedRules      []ingress.Borrowed `json:"borrowedRules"`
	ScheduleName       string             `json:"scheduleName"`
}

// Heed is what is left to do for whoever started the execution.
type Heed struct {
	NotNotified           []string     `json:"notNotified"`           // addresses that did not hear of the letter, and why
	StillSubscribed       []string     `json:"stillSubscribed"`       // addresses of earlier inputs that could yet, and why
	UnexpectedConnections []Unexpected `json:"unexpectedConnections"` // of accounts that no principal of the input is of
	NotListed             []string     `json:"notListed"`             // exposures of the link that the input's databases do not name
}

// StillServed says what becomes of an exposure of a link that the list of its databases names no more.
func StillServed(exposure string) string {
	return exposure + ": databases does not name it, and it is served on; to end that: make remove EXPOSURE=" + exposure
}

// ZonesLeftOut are the zones of the plan that the exposure does without, by what is not there.
type ZonesLeftOut struct {
	LoadBalancer    []string `json:"loadBalancer"`
	EndpointService []string `json:"endpointService"`
}

// Connection is the one that was accepted, and whether the database itself has answered through every node of the load
// balancer.
type Connection struct {
	VPCEndpointID string `json:"vpcEndpointId"`
	State         string `json:"state"`
	Path          string `json:"path"`
}

// Unexpected is a connection that is not one of the exposure's consumer, and what became of it or can be done.
type Unexpected struct {
	VPCEndpointID string `json:"vpcEndpointId"`
	Owner         string `json:"owner"`
	State         string `json:"state"`
	Next          string `json:"next"`
}

// StillConnected says how to end a connection that is not one of the exposure's consumer.
func StillConnected(exposure, region string, c connection.Connection) Unexpected {
	return Unexpected{VPCEndpointID: c.VPCEndpointID, Owner: c.Owner, State: c.State, Next: fmt.Sprintf(
		`no principal of the input is of its account, and it lives on. To end it: start again with "removed": "reject", `+
			"or make reject EXPOSURE=%s ENDPOINT=%s, or aws ec2 reject-vpc-endpoint-connections --region %s --service-id %s --vpc-endpoint-ids %s",
		exposure, c.VPCEndpointID, region, c.ServiceID, c.VPCEndpointID)}
}

// What is known of a connection's path. It cannot be proven where no function is in the VPC.
const (
	Proven    = "proven"
	NotProven = "not proven"
)

// Resources are what was made for the exposure, and what serves it.
type Resources struct {
	TargetGroupARN              string             `json:"targetGroupArn"`
	LoadBalancerARN             string             `json:"loadBalancerArn"`
	ListenerARN                 string             `json:"listenerArn"`
	LoadBalancerSecurityGroupID string             `json:"loadBalancerSecurityGroupId"`
	DatabaseSecurityGroupID     string             `json:"databaseSecurityGroupId"`
	SecurityGroupRuleIDs        []string           `json:"securityGroupRuleIds"`
	BorrowedRules               []ingress.Borrowed `json:"borrowedRules"` // those of them that are not the stack's
	ScheduleName                string             `json:"scheduleName"`
	ResolverFunction            string             `json:"resolverFunction"`
}

// Cost is an estimate, with where and of what it holds.
type Cost struct {
	AmountUSD float64 `json:"amountUsd"`
	Region    string  `json:"region"`
	Basis     string  `json:"basis"`
}

// NewDocument states, beside the facts, what does not depend on the exposure: the keepalive and the cost.
func NewDocument(
	exposure, consumer string, facts Facts, without ZonesLeftOut, accepted Connection, heed Heed, made Resources,
) Document {
	return Document{
		Version:                    Version,
		Exposure:                   exposure,
		Consumer:                   consumer,
		Facts:                      facts,
		AvailabilityZoneIDsLeftOut: without,
		TCPKeepaliveSeconds:        keepaliveSeconds,
		Connection:                 accepted,
		Heed:                       heed,
		Resources:                  made,
		MonthlyCostEstimate: Cost{
			AmountUSD: cost.MonthUSD(),
			Region:    cost.Region,
			Basis: "one Network Load Balancer for 730 hours and a sync every minute; " +
				"traffic (capacity units) comes on top, and the consumer pays for the endpoint",
		},
		Databases: []Linked{},
	}.sealed()
}

// Of makes it the document of a link. The path is proven when that to each database is.
func (d Document) Of(databases []Linked) Document {
	d.Databases = databases
	d.Connection.Path = Proven
	for _, one := range databases {
		if one.Path != Proven {
			d.Connection.Path = NotProven
		}
	}
	d.MonthlyCostEstimate.AmountUSD = cost.LinkUSD(len(databases))
	d.MonthlyCostEstimate.Basis = fmt.Sprintf("one Network Load Balancer for 730 hours and a sync every minute for each of %d databases; "+
		"traffic (capacity units) comes on top, and the consumer pays for the endpoint", len(databases))
	return d.sealed()
}
