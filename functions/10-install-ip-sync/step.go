package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/targets"
)

// Input is what the state machine passes: the binding of the sync, and what the
// hand-off names.
type Input struct {
	Execution                   string   `json:"execution"`
	Exposure                    string   `json:"exposure"`
	Consumer                    string   `json:"consumer"`
	Region                      string   `json:"region"`
	DatabaseARN                 string   `json:"databaseArn"`
	DatabaseKind                string   `json:"databaseKind"`
	Endpoint                    string   `json:"endpoint"`
	Engine                      string   `json:"engine"`
	Host                        string   `json:"host"`
	Port                        int      `json:"port"`
	VPCID                       string   `json:"vpcId"`
	VPCCIDRs                    []string `json:"vpcCidrs"`
	ResolverFunction            string   `json:"resolverFunction"`
	TargetGroupARN              string   `json:"targetGroupArn"`
	ListenerPort                int      `json:"listenerPort"`
	LoadBalancerARN             string   `json:"loadBalancerArn"`
	ListenerARN                 string   `json:"listenerArn"`
	LoadBalancerSecurityGroupID string   `json:"loadBalancerSecurityGroupId"`
	DatabaseSecurityGroupID     string   `json:"databaseSecurityGroupId"`
	SecurityGroupRuleIDs        []string `json:"securityGroupRuleIds"`
	ServiceID                   string   `json:"serviceId"`
	ServiceName                 string   `json:"serviceName"`
	AvailabilityZoneIDs         []string `json:"availabilityZoneIds"`
	SupportedRegions            []string `json:"supportedRegions"`
	VPCEndpointID               string   `json:"vpcEndpointId"`
}

// Work is what the execution works on.
func (in Input) Work() (exposure, execution string) { return in.Exposure, in.Execution }

func (in Input) binding() targets.Binding {
	return targets.Binding{
		Exposure:         in.Exposure,
		DatabaseARN:      in.DatabaseARN,
		DatabaseKind:     in.DatabaseKind,
		Endpoint:         in.Endpoint,
		Engine:           in.Engine,
		Host:             in.Host,
		Port:             in.Port,
		VPCID:            in.VPCID,
		VPCCIDRs:         in.VPCCIDRs,
		ResolverFunction: in.ResolverFunction,
		TargetGroupARN:   in.TargetGroupARN,
	}
}

type recorder interface {
	Record(ctx context.Context, id, execution string, set map[string]any) error
}

type installIPSync struct {
	schedules             scheduleAPI
	connections           connection.API
	registry              recorder
	sync                  func(context.Context, targets.Binding) (targets.Report, error)
	group, role, function string
	now                   func() time.Time
}

func (s installIPSync) run(ctx context.Context, in Input) (Output, error) {
	binding, err := json.Marshal(in.binding())
	if err != nil {
		return Output{}, fmt.Errorf("encode binding of exposure %s: %w", in.Exposure, err)
	}
	if err := s.ensureSchedule(ctx, in.Exposure, string(binding)); err != nil {
		return Output{}, err
	}
	if err := s.registry.Record(ctx, in.Exposure, in.Execution, map[string]any{
		"scheduleName": in.Exposure,
		"binding":      json.RawMessage(binding),
	}); err != nil {
		return Output{}, err
	}
	if err := s.proveTarget(ctx, in.binding()); err != nil {
		return Output{}, err
	}
	if err := s.proveConnection(ctx, in); err != nil {
		return Output{}, err
	}
	return handOff(in), nil
}

// proveTarget does the first sync, and wants what every later one wants: the
// database's address registered, alone, and healthy.
func (s installIPSync) proveTarget(ctx context.Context, b targets.Binding) error {
	report, err := s.sync(ctx, b)
	switch {
	case err != nil:
		return fmt.Errorf("prove target of exposure %s: %w", b.Exposure, err)
	case report.State == targets.Stopped:
		return outcome.Failed("prove target of exposure %s: %s; start it, then redrive this execution", b.Exposure, report.Detail)
	case report.State != targets.Settled:
		return outcome.NotReady("prove target of exposure %s: %s: %s", b.Exposure, report.State, report.Detail)
	}
	return nil
}

func (s installIPSync) proveConnection(ctx context.Context, in Input) error {
	connections, err := connection.To(ctx, s.connections, in.ServiceID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(connections, func(c connection.Connection) bool { return c.VPCEndpointID == in.VPCEndpointID })
	switch {
	case i < 0:
		return outcome.Failed("prove connection %s: endpoint service %s does not list it: start again with the same input, to wait for another",
			in.VPCEndpointID, in.ServiceID)
	case connections[i].State == connection.Available:
		return nil
	case connections[i].Live():
		return outcome.NotReady("prove connection %s: it is %s", in.VPCEndpointID, connections[i].State)
	}
	return outcome.Failed("prove connection %s: it is %s: start again with the same input, to wait for another",
		in.VPCEndpointID, connections[i].State)
}
