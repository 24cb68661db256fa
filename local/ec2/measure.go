package ec2

import (
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
)

// What PrivateLink measures for who offers a service, of the whole of it and of each endpoint
// (vpc/latest/privatelink/privatelink-cloudwatch-metrics.html): of traffic in the minutes in which there is some, and how
// many endpoints there are while there are any.
const (
	activeConnections = "ActiveConnections"
	newConnections    = "NewConnections"
	bytesProcessed    = "BytesProcessed"
	resetsSent        = "RstPacketsSent"
	endpointsCount    = "EndpointsCount"
	serviceDimension  = "Service Id"
	endpointDimension = "VPC Endpoint Id"
)

var trafficCounters = []string{newConnections, bytesProcessed, resetsSent}

func (svc *endpointService) metric(name string) model.Metric {
	unit := "Count"
	if name == bytesProcessed {
		unit = "Bytes"
	}
	return model.Metric{Namespace: "AWS/PrivateLinkServices", Name: name, Unit: unit, Dimensions: map[string]string{serviceDimension: svc.ID}}
}

// tally adds to a counter of the endpoint's service, and to that of the endpoint there.
func (s *Service) tally(e *endpoint, name string, value int) {
	s.world.Meter.Measure(e.service.Account, e.service.metric(name), float64(value))
	m := e.service.metric(name)
	m.Dimensions[endpointDimension] = e.ID
	s.world.Meter.Measure(e.service.Account, m, float64(value))
}

// meter counts the consumer's side of a connection.
func (s *Service) meter(e *endpoint) network.Meter {
	bytes := func(n int) { s.tally(e, bytesProcessed, n) }
	return network.Meter{Received: bytes, Sent: bytes, WasReset: func() {}, Resets: func() { s.tally(e, resetsSent, 1) }}
}

// Measure reports of every service that has endpoints, and of those through which something goes. The world's lock guards
// it.
func (s *Service) Measure() {
	endpoints, connections := map[*endpointService]int{}, map[*endpointService]int{}
	for _, e := range s.endpoints {
		if e.state == available {
			endpoints[e.service]++
		}
		connections[e.service] += e.connections
		if e.connections > 0 {
			s.reportTraffic(e)
		}
	}
	for svc, n := range endpoints {
		s.world.Meter.Measure(svc.Account, svc.metric(endpointsCount), float64(n))
	}
	for svc, n := range connections {
		if n > 0 {
			s.world.Meter.Measure(svc.Account, svc.metric(activeConnections), float64(n))
		}
	}
}

func (s *Service) reportTraffic(e *endpoint) {
	for _, name := range trafficCounters {
		s.tally(e, name, 0)
	}
	m := e.service.metric(activeConnections)
	m.Dimensions[endpointDimension] = e.ID
	s.world.Meter.Measure(e.service.Account, m, float64(e.connections))
}
