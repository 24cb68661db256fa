package ec2

import (
	"context"
	"net/netip"

	"github.com/rdslink/rdslink/local/network"
)

// LoadBalancers are the load balancers behind endpoint services.
type LoadBalancers interface {
	LoadBalancer(arn string) (LoadBalancer, bool)
	// Through opens the far half of a PrivateLink connection that arrives at the node in that zone, or says why its client
	// gets none. The world's lock is not held.
	Through(ctx context.Context, arn, zoneID string, port uint16, client netip.AddrPort) (network.Far, error)
}

// LoadBalancer is what PrivateLink asks of a load balancer.
type LoadBalancer struct {
	ARN, Account, Type, Scheme, State, VPC string

	Subnets []*Subnet
	Ports   []uint16 // of its listeners
}

// SetLoadBalancers tells where load balancers are found.
func (s *Service) SetLoadBalancers(l LoadBalancers) { s.loadBalancers = l }

// ServiceOf is the endpoint service that a load balancer serves. It is in use until that service is deleted.
func (s *Service) ServiceOf(lbARN string) (serviceID string, inUse bool) {
	for _, svc := range s.services {
		if svc.servedBy(lbARN) {
			return svc.ID, true
		}
	}
	return "", false
}

// PortsChanged makes the endpoints of a load balancer's service listen on the ports that it now has.
func (s *Service) PortsChanged(lbARN string) {
	for _, e := range s.endpoints {
		if e.service.servedBy(lbARN) {
			s.align(e)
		}
	}
}
