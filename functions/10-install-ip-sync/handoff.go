package main

import "github.com/rdslink/rdslink/internal/cost"

// Output is the hand-off, and the output of the execution.
type Output struct {
	Exposure            string     `json:"exposure"`
	Consumer            string     `json:"consumer"`
	ServiceName         string     `json:"serviceName"`
	ServiceID           string     `json:"serviceId"`
	Region              string     `json:"region"`
	AvailabilityZoneIDs []string   `json:"availabilityZoneIds"`
	SupportedRegions    []string   `json:"supportedRegions"`
	Port                int        `json:"port"`
	TLSServerName       string     `json:"tlsServerName"`
	TCPKeepaliveSeconds int        `json:"tcpKeepaliveSeconds"`
	Connection          Connection `json:"connection"`
	Resources           Resources  `json:"resources"`
	MonthlyCostEstimate Cost       `json:"monthlyCostEstimate"`
}

// Connection is the one that was accepted.
type Connection struct {
	VPCEndpointID string `json:"vpcEndpointId"`
	State         string `json:"state"`
}

// Resources are what was made for the exposure.
type Resources struct {
	TargetGroupARN              string   `json:"targetGroupArn"`
	LoadBalancerARN             string   `json:"loadBalancerArn"`
	ListenerARN                 string   `json:"listenerArn"`
	LoadBalancerSecurityGroupID string   `json:"loadBalancerSecurityGroupId"`
	DatabaseSecurityGroupID     string   `json:"databaseSecurityGroupId"`
	SecurityGroupRuleIDs        []string `json:"securityGroupRuleIds"`
	ScheduleName                string   `json:"scheduleName"`
	ResolverFunction            string   `json:"resolverFunction"`
}

// Cost is an estimate, with where and of what it holds.
type Cost struct {
	AmountUSD float64 `json:"amountUsd"`
	Region    string  `json:"region"`
	Basis     string  `json:"basis"`
}

// tcpKeepaliveSeconds is less than the 350 s after which endpoints drop a connection that was idle, whatever the load
// balancer's own time-out is.
const tcpKeepaliveSeconds = 300

func handOff(in Input) Output {
	return Output{
		Exposure:            in.Exposure,
		Consumer:            in.Consumer,
		ServiceName:         in.ServiceName,
		ServiceID:           in.ServiceID,
		Region:              in.Region,
		AvailabilityZoneIDs: in.AvailabilityZoneIDs,
		SupportedRegions:    in.SupportedRegions,
		Port:                in.ListenerPort,
		TLSServerName:       in.Binding.Host,
		TCPKeepaliveSeconds: tcpKeepaliveSeconds,
		Connection:          Connection{in.VPCEndpointID, "available"},
		Resources: Resources{
			TargetGroupARN:              in.Binding.TargetGroupARN,
			LoadBalancerARN:             in.LoadBalancerARN,
			ListenerARN:                 in.ListenerARN,
			LoadBalancerSecurityGroupID: in.LoadBalancerSecurityGroupID,
			DatabaseSecurityGroupID:     in.DatabaseSecurityGroupID,
			SecurityGroupRuleIDs:        in.SecurityGroupRuleIDs,
			ScheduleName:                in.Exposure,
			ResolverFunction:            in.Binding.ResolverFunction,
		},
		MonthlyCostEstimate: Cost{
			AmountUSD: cost.MonthUSD(),
			Region:    cost.Region,
			Basis:     "one Network Load Balancer for 730 hours and a sync every minute; traffic (capacity units) comes on top, and the consumer pays for the endpoint",
		},
	}
}
