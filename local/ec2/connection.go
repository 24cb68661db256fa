package ec2

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/local/wire"
)

// The states of an endpoint as they travel: in camel case, unlike the SDK's constants
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointConnections.html, example).
const (
	pendingAcceptance types.State = "pendingAcceptance"
	pending           types.State = "pending"
	available         types.State = "available"
	rejected          types.State = "rejected"
	expired           types.State = "expired"
	deleting          types.State = "deleting"
	deleted           types.State = "deleted"
)

// connection is an endpoint as the owner of its service sees it.
type connection struct {
	*endpoint
	seen common // the endpoint's tags are its owner's and not shown
}

func (c *connection) identity() (id, account string) { return c.endpoint.ID, c.service.Account }

func (c *connection) shared() *common { return &c.seen }

var connectionFilters = filterable[*connection]{
	"service-id":          func(c *connection) []string { return []string{c.service.ID} },
	"vpc-endpoint-id":     func(c *connection) []string { return []string{c.endpoint.ID} },
	"vpc-endpoint-owner":  func(c *connection) []string { return []string{c.endpoint.Account} },
	"vpc-endpoint-state":  func(c *connection) []string { return []string{string(c.state)} },
	"vpc-endpoint-region": func(c *connection) []string { return []string{c.at.region} },
	"ip-address-type":     func(*connection) []string { return []string{string(types.IpAddressTypeIpv4)} },
}

func (s *Service) describeConnections(
	ctx context.Context, in *ec2.DescribeVpcEndpointConnectionsInput,
) (*ec2.DescribeVpcEndpointConnectionsOutput, error) {
	var connections table[*connection]
	for _, e := range s.endpoints {
		connections.add(&connection{endpoint: e, seen: common{created: e.created}})
	}
	found, next, err := list(ctx, s, connections,
		query{filters: in.Filters, maxResults: in.MaxResults, nextToken: in.NextToken}, connectionFilters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcEndpointConnectionsOutput{NextToken: next}
	for _, c := range found {
		out.VpcEndpointConnections = append(out.VpcEndpointConnections, types.VpcEndpointConnection{
			ServiceId: &c.service.ID, VpcEndpointConnectionId: &c.connectionID, VpcEndpointId: &c.endpoint.ID,
			VpcEndpointOwner: &c.endpoint.Account, VpcEndpointRegion: &c.at.region, VpcEndpointState: types.State(s.world.Says(string(c.state))),
			CreationTimestamp: &c.endpoint.created, DnsEntries: c.dnsEntries(), NetworkLoadBalancerArns: c.service.loadBalancers,
			IpAddressType: types.IpAddressTypeIpv4,
		})
	}
	return out, nil
}

func (s *Service) acceptConnections(
	ctx context.Context, in *ec2.AcceptVpcEndpointConnectionsInput,
) (*ec2.AcceptVpcEndpointConnectionsOutput, error) {
	items, err := s.decide(ctx, in.ServiceId, in.VpcEndpointIds, s.accept)
	return &ec2.AcceptVpcEndpointConnectionsOutput{Unsuccessful: items}, err
}

func (s *Service) rejectConnections(
	ctx context.Context, in *ec2.RejectVpcEndpointConnectionsInput,
) (*ec2.RejectVpcEndpointConnectionsOutput, error) {
	items, err := s.decide(ctx, in.ServiceId, in.VpcEndpointIds, s.reject)
	return &ec2.RejectVpcEndpointConnectionsOutput{Unsuccessful: items}, err
}

// decide answers 200 also for the endpoints that the decision does not fit, and names them
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, "bulk requests").
func (s *Service) decide(
	ctx context.Context, serviceID *string, ids []string, decision func(*endpoint) *wire.Error,
) ([]types.UnsuccessfulItem, error) {
	svc, err := s.endpointService(ctx, serviceID)
	if err != nil {
		return nil, err
	}
	var items []types.UnsuccessfulItem
	for _, id := range ids {
		e, ok := s.endpoints.find(id)
		if !ok || e.service != svc {
			items = append(items, unsuccessful(id, wire.Errorf("InvalidVpcEndpoint.NotFound", "The Vpc Endpoint Id '%s' does not exist", id)))
		} else if err := decision(e); err != nil {
			items = append(items, unsuccessful(id, err))
		}
	}
	return items, nil
}

// wrongState is what deciding twice answers; AWS documents neither its code nor its words.
func wrongState(e *endpoint, verb string) *wire.Error {
	return wire.Errorf("InvalidState", "The Vpc Endpoint '%s' in state '%s' cannot be %s", e.ID, e.state, verb)
}

func (s *Service) accept(e *endpoint) *wire.Error {
	if e.state != pendingAcceptance {
		return wrongState(e, "accepted")
	}
	s.connect(e)
	s.notify(acceptEvent, e)
	return nil
}

// reject also ends a connection that was accepted.
func (s *Service) reject(e *endpoint) *wire.Error {
	if e.state != pendingAcceptance && e.state != pending && e.state != available {
		return wrongState(e, "rejected")
	}
	e.state = rejected
	s.align(e)
	s.notify(rejectEvent, e)
	return nil
}

// Expire is what becomes of a request that nobody decides about. AWS names the state and not the time after which it comes
// (docs.aws.amazon.com/vpc/latest/privatelink/concepts.html, "Expired"), and none of the events that it notifies of is this.
func (s *Service) Expire(endpoint string) error {
	e, ok := s.endpoints.find(endpoint)
	if !ok || e.state != pendingAcceptance {
		return fmt.Errorf("expire the request of endpoint %s: there is none", endpoint)
	}
	e.state = expired
	return nil
}
