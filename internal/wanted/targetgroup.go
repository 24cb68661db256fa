// Package wanted is what an exposure's resources should be like. The steps make them so; the inspection finds what differs.
package wanted

import (
	"strconv"

	"github.com/rdslink/rdslink/internal/database"
)

// The health check.
const (
	// CheckInterval is in seconds. Older Network Load Balancers check TCP every 10 or every 30 seconds only
	// (hashicorp/terraform-provider-aws#5992).
	CheckInterval  = 10
	CheckThreshold = 2 // the lowest: a failover must not wait for the load balancer's doubts

	// BlindPort is one that no database listens on: RDS gives out ports from 1150 (API_CreateDBInstance). The load balancer's
	// security group does not let these checks out.
	BlindPort = "1"
)

// CheckPort is the port of the health check. A TCP check is a connection that breaks off in its handshake. Where the server
// blocks hosts for that, no check may reach it: the load balancer finds every target unhealthy, so it sends traffic to all
// of them, and the resolver's probe tells whether one serves.
func CheckPort(databaseKind, engine string) string {
	if database.BlocksHosts(databaseKind, engine) {
		return BlindPort
	}
	return "traffic-port"
}

// TargetGroupAttributes cut the connections to an address that the database has left: without the second, they stay on what
// may be a read-only instance by now, and the first ends them at once. The third does the same for a target that is
// unhealthy, and must not where that means nothing. With clients' addresses preserved, the database's group would have to
// admit every consumer, whose addresses behind PrivateLink nobody knows; with the proxy protocol, the database would have to
// read a header that is not its own: all would be cut off. Whether nodes cross zones the load balancer says.
func TargetGroupAttributes(databaseKind, engine string) map[string]string {
	return map[string]string{
		"deregistration_delay.timeout_seconds":                         "0",
		"deregistration_delay.connection_termination.enabled":          "true",
		"target_health_state.unhealthy.connection_termination.enabled": strconv.FormatBool(CheckPort(databaseKind, engine) != BlindPort),
		"preserve_client_ip.enabled":                                   "false",
		"proxy_protocol_v2.enabled":                                    "false",
		"load_balancing.cross_zone.enabled":                            "use_load_balancer_configuration",
	}
}
