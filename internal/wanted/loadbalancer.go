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
}

// Group lets health checks and traffic out to the database and nothing in: with inbound enforcement off, only PrivateLink
// reaches the load balancer.
func (b Balancer) Group() securitygroup.Group {
	return securitygroup.Group{
		Name:        b.Owner.Name.Of(b.Exposure),
		Description: "rdslink: load balancer of " + b.Exposure,
		VPCID:       b.VPCID,
		Tags:        b.Owner.ExposureTags(b.Exposure, b.DatabaseARN),
		Egress:      securitygroup.EgressTo("tcp", b.Port, b.VPCCIDRs),
	}
}
