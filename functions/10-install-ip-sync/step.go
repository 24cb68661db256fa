package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/handoff"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/targets"
)

// Input is what the state machine passes: the binding of the sync, and what the hand-off names.
type Input struct {
	Execution                   string               `json:"execution"`
	Exposure                    string               `json:"exposure"`
	Consumer                    string               `json:"consumer"`
	Region                      string               `json:"region"`
	Binding                     registry.Binding     `json:"binding"`
	ListenerPort                int                  `json:"listenerPort"`
	LoadBalancerARN             string               `json:"loadBalancerArn"`
	SubnetIDs                   []string             `json:"subnetIds"` // the load balancer's
	ListenerARN                 string               `json:"listenerArn"`
	LoadBalancerSecurityGroupID string               `json:"loadBalancerSecurityGroupId"`
	DatabaseSecurityGroupID     string               `json:"databaseSecurityGroupId"`
	SecurityGroupRuleIDs        []string             `json:"securityGroupRuleIds"`
	BorrowedRules               []ingress.Borrowed   `json:"borrowedRules"`
	ServiceID                   string               `json:"serviceId"`
	ServiceName                 string               `json:"serviceName"`
	AvailabilityZoneIDs         []string             `json:"availabilityZoneIds"`
	ZoneIDsWithoutLoadBalancer  []string             `json:"zoneIdsWithoutLoadBalancer"`
	ZoneIDsWithoutService       []string             `json:"zoneIdsWithoutService"`
	SupportedRegions            []string             `json:"supportedRegions"`
	PrivateDNSName              string               `json:"privateDnsName"`
	VPCEndpointID               string               `json:"vpcEndpointId"`
	NotNotified                 []string             `json:"notNotified"`
	StillSubscribed             []string             `json:"stillSubscribed"`
	UnexpectedConnections       []handoff.Unexpected `json:"unexpectedConnections"`

	// Of a link, each in the order of its databases, instead of what is above of a single one.
	Databases []link.Database    `json:"databases"`
	Bindings  []registry.Binding `json:"bindings"`
	Listeners []link.Listener    `json:"listeners"`
	Opened    []link.Opened      `json:"opened"`
	NotListed []link.Kept        `json:"notListed"`
}

// of is the input as it would be for the i-th of a link's databases by itself.
func (in Input) of(i int) (Input, error) {
	if i >= min(len(in.Bindings), len(in.Listeners), len(in.Opened)) {
		return in, outcome.Failed("the steps before have not made all of exposure %s: start again with the same input", in.Databases[i].Exposure)
	}
	d, opened := in.Databases[i], in.Opened[i]
	in.Exposure, in.Binding, in.ListenerPort, in.ListenerARN = d.Exposure, in.Bindings[i], int(d.ListenerPort), in.Listeners[i].ListenerARN
	in.DatabaseSecurityGroupID, in.SecurityGroupRuleIDs = opened.SecurityGroupID, opened.SecurityGroupRuleIDs
	in.BorrowedRules = opened.BorrowedRules
	return in, nil
}

// Output is the hand-off, and the output of the execution.
type Output struct{ handoff.Document }

func handOff(in Input, state, path string) Output {
	facts := handoff.Facts{
		ServiceName:         in.ServiceName,
		ServiceID:           in.ServiceID,
		Region:              in.Region,
		AvailabilityZoneIDs: in.AvailabilityZoneIDs,
		SupportedRegions:    in.SupportedRegions,
		Port:                in.ListenerPort,
		TLSServerName:       in.Binding.Host,
		PrivateDNSName:      in.PrivateDNSName,
	}
	accepted := handoff.Connection{VPCEndpointID: in.VPCEndpointID, State: state, Path: path}
	without := handoff.ZonesLeftOut{LoadBalancer: in.ZoneIDsWithoutLoadBalancer, EndpointService: in.ZoneIDsWithoutService}
	heed := handoff.Heed{NotNotified: in.NotNotified, StillSubscribed: append([]string{}, in.StillSubscribed...),
		UnexpectedConnections: in.UnexpectedConnections, NotListed: []string{}}
	for _, kept := range in.NotListed {
		heed.NotListed = append(heed.NotListed, handoff.StillServed(kept.Exposure))
	}
	return Output{handoff.NewDocument(in.Exposure, in.Consumer, facts, without, accepted, heed, handoff.Resources{
		TargetGroupARN:              in.Binding.TargetGroupARN,
		LoadBalancerARN:             in.LoadBalancerARN,
		ListenerARN:                 in.ListenerARN,
		LoadBalancerSecurityGroupID: in.LoadBalancerSecurityGroupID,
		DatabaseSecurityGroupID:     in.DatabaseSecurityGroupID,
		SecurityGroupRuleIDs:        in.SecurityGroupRuleIDs,
		BorrowedRules:               in.BorrowedRules,
		ScheduleName:                in.schedule(),
		ResolverFunction:            in.Binding.ResolverFunction,
	})}
}

type registryAPI interface {
	ByLink(ctx context.Context, id string) (registry.Exposure, error)
	Record(ctx context.Context, id, execution string, made func(*registry.Made)) error
}

type installIPSync struct {
	schedules             scheduleAPI
	connections           connection.API
	interfaces            ec2.DescribeNetworkInterfacesAPIClient
	registry              registryAPI
	inspect               func(context.Context, registry.Exposure) inspect.Report
	named                 *brokenHop
	sync                  func(context.Context, registry.Binding) (targets.Report, error)
	group, role, function string
	now                   func() time.Time
}

// schedule is its schedule's name: a link has none.
func (in Input) schedule() string {
	if len(in.Databases) > 0 {
		return ""
	}
	return in.Exposure
}

func (s installIPSync) run(ctx context.Context, in Input) (Output, error) {
	nodes, err := s.nodes(ctx, in)
	if err != nil {
		return Output{}, err
	}
	if len(in.Databases) > 0 {
		return s.link(ctx, in, nodes)
	}
	path, err := s.follow(ctx, in, nodes)
	if err != nil {
		return Output{}, err
	}
	state, err := s.proveConnection(ctx, in)
	if err != nil {
		return Output{}, err
	}
	return handOff(in, state, path), nil
}

// atOnce is how many of a link's databases are synced at once. Each takes one of the functions that the account may run.
const atOnce = 3

// link has every database of a link followed.
func (s installIPSync) link(ctx context.Context, in Input, nodes []string) (Output, error) {
	all := make([]int, len(in.Databases))
	for i := range all {
		all[i] = i
	}
	followed, err := link.Each(ctx, atOnce, all, func(ctx context.Context, i int) (handoff.Linked, error) {
		one, err := in.of(i)
		if err != nil {
			return handoff.Linked{}, err
		}
		path, err := s.follow(ctx, one, nodes)
		return handoff.Linked{
			Exposure: one.Exposure, DatabaseIdentifier: in.Databases[i].DatabaseIdentifier, Port: one.ListenerPort,
			TLSServerName: one.Binding.Host, Path: path, TargetGroupARN: one.Binding.TargetGroupARN, ListenerARN: one.ListenerARN,
			SecurityGroupID: one.DatabaseSecurityGroupID, RuleIDs: one.SecurityGroupRuleIDs, BorrowedRules: one.BorrowedRules,
			ScheduleName: one.Exposure,
		}, err
	})
	if err != nil {
		return Output{}, err
	}
	state, err := s.proveConnection(ctx, in)
	if err != nil {
		return Output{}, err
	}
	in.Binding.ResolverFunction, in.SecurityGroupRuleIDs = in.Bindings[0].ResolverFunction, []string{}
	in.BorrowedRules = []ingress.Borrowed{}
	if err := s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) {
		m.ZoneIDsWithoutService, m.IPSyncFunctionARN = in.ZoneIDsWithoutService, s.function
	}); err != nil {
		return Output{}, err
	}
	return Output{handOff(in, state, "").Of(followed)}, nil
}

// follow has one database followed, and proves the path to it.
func (s installIPSync) follow(ctx context.Context, in Input, nodes []string) (path string, err error) {
	in.Binding.ListenerPort, in.Binding.Nodes = in.ListenerPort, nodes
	binding, err := json.Marshal(in.Binding)
	if err != nil {
		return "", fmt.Errorf("encode binding of exposure %s: %w", in.Exposure, err)
	}
	if err := s.ensureSchedule(ctx, in.Exposure, string(binding)); err != nil {
		return "", err
	}
	if err := s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) {
		m.ScheduleName, m.ScheduleRoleARN, m.IPSyncFunctionARN = in.Exposure, s.role, s.function
		m.ZoneIDsWithoutService, m.Binding = in.ZoneIDsWithoutService, &in.Binding
	}); err != nil {
		return "", err
	}
	return s.provePath(ctx, in.Binding)
}

// nodes are the addresses of the load balancer's nodes. A load balancer that has been there for steps has them all, so
// where EC2 shows none, they are described in another way than AWS says. Then the path cannot be proven, and is there all
// the same.
func (s installIPSync) nodes(ctx context.Context, in Input) ([]string, error) {
	nodes, err := ingress.Nodes(ctx, s.interfaces, in.LoadBalancerARN, 0)
	switch {
	case err != nil:
		return nil, err
	case len(nodes) == 0:
		slog.WarnContext(ctx, "no network interface is described as the load balancer's: its path cannot be proven", "exposure", in.Exposure)
	case len(nodes) < len(in.SubnetIDs):
		return nil, outcome.NotReady("look for nodes of exposure %s: %d of %d have an address yet", in.Exposure, len(nodes), len(in.SubnetIDs))
	}
	return nodes, nil
}

// provePath does the first sync, a full one, and wants what every later one wants: the database's address registered, alone,
// and healthy, and the database's own answer through each node of the load balancer.
func (s installIPSync) provePath(ctx context.Context, b registry.Binding) (path string, err error) {
	report, err := s.sync(ctx, b)
	switch {
	case err != nil:
		return "", fmt.Errorf("prove path of exposure %s: %w", b.Exposure, err)
	case report.State == targets.Stopped:
		return "", outcome.Failed("prove path of exposure %s: %s; start it, then redrive this execution", b.Exposure, report.Detail)
	case report.State != targets.Settled:
		return "", s.unproven(ctx, b, report)
	case report.Proven():
		return handoff.Proven, nil
	}
	return handoff.NotProven, nil
}

// unproven says what is known of a path that is not there yet, and which hop of it is broken. As long as the load balancer
// checks the target for the first time, nothing is.
func (s installIPSync) unproven(ctx context.Context, b registry.Binding, report targets.Report) error {
	if report.Coming {
		return outcome.NotReady("prove path of exposure %s: %s: %s", b.Exposure, report.State, report.Detail)
	}
	return outcome.NotReady("prove path of exposure %s: %s: %s; %s", b.Exposure, report.State, report.Detail, s.hop(ctx, b.Exposure))
}

// brokenHop is what was last said of an exposure. The step is asked every 10 s, and an inspection is some twenty calls.
type brokenHop struct {
	sync.Mutex
	exposure, text string
	at             time.Time
}

func (s installIPSync) hop(ctx context.Context, id string) string {
	s.named.Lock()
	defer s.named.Unlock()
	if s.named.exposure != id || s.now().Sub(s.named.at) > time.Minute {
		s.named.exposure, s.named.text, s.named.at = id, s.inspected(ctx, id), s.now()
	}
	return s.named.text
}

func (s installIPSync) inspected(ctx context.Context, id string) string {
	exposure, err := s.registry.ByLink(ctx, id)
	if err != nil {
		return "which hop is broken could not be found out: " + err.Error()
	}
	report := s.inspect(ctx, exposure)
	hop, broken := report.Broken()
	switch {
	case broken:
		return fmt.Sprintf("broken is %s: %s; %s", hop.Name, hop.Detail, hop.Remedy)
	case report.Err != nil:
		return "which hop is broken could not be found out: " + outcome.Message(report.Err)
	}
	return "all that AWS describes of the way lets it through"
}

// proveConnection wants the connection to carry data, and says in which state it is.
func (s installIPSync) proveConnection(ctx context.Context, in Input) (state string, err error) {
	connections, err := connection.To(ctx, s.connections, in.ServiceID)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(connections, func(c connection.Connection) bool { return c.VPCEndpointID == in.VPCEndpointID })
	if i < 0 {
		return "", outcome.Failed("prove connection %s: endpoint service %s does not list it: "+
			"start again with the same input, to wait for another",
			in.VPCEndpointID, in.ServiceID)
	}
	switch c := connections[i]; {
	case c.Connected():
		return c.State, nil
	case !c.Known():
		return "", outcome.Unknown(ctx, "state", "connection "+in.VPCEndpointID, c.State)
	case c.Live():
		return "", outcome.NotReady("prove connection %s: it is %s", in.VPCEndpointID, c.State)
	default:
		return "", outcome.Failed("prove connection %s: it is %s: start again with the same input, to wait for another",
			in.VPCEndpointID, c.State)
	}
}
