package wanted

import (
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/securitygroup"
)

// LoadBalancerAttributes: a consumer's endpoint may enter in an AZ where the database is not, and a service name that
// vendors know must not vanish with a click.
var LoadBalancerAttributes = map[string]string{
	"deletion_protection.enabled":       "true",
	"load_balancing.cross_zone.enabled": "true",
}

// A Balancer is what the security group of an exposure's load balancer depends on.
type Balancer struct {
	Owner       owned.Owner
	Exposure    string
	DatabaseARN string
	VPCID       string
	VPCCIDRs    []string
	Port        int32 // the database's

	ListenerPort  int32
	ResolverGroup string // the resolver's security group; empty, where there is no resolver
}

// Group lets health checks and traffic out to the database, and the resolver in, which goes through the listeners as a
// consumer does. Inbound enforcement is off, so PrivateLink needs no rule, and nothing else reaches the load balancer.
func (b Balancer) Group() securitygroup.Group {
	group := securitygroup.Group{
		Name:        b.Owner.Name.Of(b.Exposure),
		Description: "rdslink: load balancer of " + b.Exposure,
		VPCID:       b.VPCID,
		Tags:        b.Owner.ExposureTags(b.Exposure, b.DatabaseARN),
		Egress:      securitygroup.EgressTo("tcp", b.Port, b.VPCCIDRs),
	}
	if b.ResolverGroup != "" {
		group.Ingress = []securitygroup.Ingress{{Port: b.ListenerPort, GroupID: b.ResolverGroup}}
	}
	return group
}
