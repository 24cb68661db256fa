package wanted

import (
	"slices"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
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
	Ways        []registry.Way

	ResolverGroup string // the resolver's security group; empty, where there is no resolver
}

// Group lets health checks and traffic out to the databases, and the resolver in, which goes through the listeners as a
// consumer does. Inbound enforcement is off, so PrivateLink needs no rule, and nothing else reaches the load balancer.
func (b Balancer) Group() securitygroup.Group {
	group := securitygroup.Group{
		Name:        b.Owner.Name.Of(b.Exposure),
		Description: "rdslink: load balancer of " + b.Exposure,
		VPCID:       b.VPCID,
		Tags:        b.Owner.ExposureTags(b.Exposure, b.DatabaseARN),
	}
	var ports []int32
	for _, way := range b.Ways {
		ports = append(ports, way.Port)
		if b.ResolverGroup != "" {
			group.Ingress = append(group.Ingress, securitygroup.Ingress{Port: way.ListenerPort, GroupID: b.ResolverGroup})
		}
	}
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		group.Egress = append(group.Egress, securitygroup.EgressTo("tcp", port, b.VPCCIDRs)...)
	}
	return group
}
