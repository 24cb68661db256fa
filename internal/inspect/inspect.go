// Package inspect holds what an exposure consists of against what AWS describes of it: each hop of a consumer's connection,
// and what is no longer as the steps left it. How a connection failed says nothing of where; only descriptions do.
package inspect

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/flowlog"
	"github.com/rdslink/rdslink/internal/hostedzone"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// A Hop is one part of the way from a consumer to the database, or of what proves and follows it.
type Hop struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail,omitempty"` // what is seen
	Remedy string `json:"remedy,omitempty"` // of a broken hop
}

// State is what AWS's descriptions say of a hop.
type State string

// The states of a hop. Unknown is what could not be read, was never recorded, or is not made yet.
const (
	Passes  State = "passes"
	Broken  State = "broken"
	Unknown State = "unknown"
)

// The hops, in the order of a consumer's connection; then what the way is judged by from outside, the load balancer's health
// check and the proof, which goes the resolver's way to the nodes; then who follows the database. Where one is broken, those
// after it may be for its sake. The last three leave consumers connected.
const (
	Principals      = "principals"
	Connections     = "connections"
	EndpointService = "endpoint service"
	Zones           = "zones"
	Enforcement     = "inbound enforcement"
	LoadBalancer    = "load balancer"
	Listener        = "listener"
	TargetGroup     = "target group"
	Targets         = "targets"
	BalancerEgress  = "load balancer's group"
	NetworkACLs     = "network ACLs"
	DatabaseGroups  = "database's groups"
	Database        = "database"
	Health          = "health check"
	Proof           = "proof"
	ResolverWay     = "resolver's way"
	Sync            = "sync"
)

// A Finding is what is not as the steps left it, and cuts nobody off yet.
type Finding struct {
	Key    string `json:"key"` // the same for the same finding
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

// A Report is what was found of one exposure.
type Report struct {
	Exposure string    `json:"exposure"`
	Hops     []Hop     `json:"hops"` // in the order of a consumer's connection
	Drift    []Finding `json:"drift"`
	Err      error     `json:"-"` // what could not be read; the rest was
}

// Broken is the first hop that is broken; false, where none is.
func (r Report) Broken() (Hop, bool) {
	for _, hop := range r.Hops {
		if hop.State == Broken {
			return hop, true
		}
	}
	return Hop{}, false
}

// cutNobodyOff are hops that, broken, leave whoever is connected connected.
var cutNobodyOff = []string{Principals, Connections, Proof, ResolverWay, Sync}

// CutOff is the first broken hop for whose sake consumers do not reach the database; false, where none is. What became of a
// connection itself is not judged here.
func (r Report) CutOff() (Hop, bool) {
	for _, hop := range r.Hops {
		if hop.State == Broken && !slices.Contains(cutNobodyOff, hop.Name) {
			return hop, true
		}
	}
	return Hop{}, false
}

// ELB is what load balancers are asked.
type ELB interface {
	DescribeLoadBalancers(context.Context, *elb.DescribeLoadBalancersInput, ...func(*elb.Options)) (*elb.DescribeLoadBalancersOutput, error)
	DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput, ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error)
	DescribeTags(context.Context, *elb.DescribeTagsInput, ...func(*elb.Options)) (*elb.DescribeTagsOutput, error)
	DescribeListeners(context.Context, *elb.DescribeListenersInput, ...func(*elb.Options)) (*elb.DescribeListenersOutput, error)
	DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput, ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error)
	DescribeLoadBalancerAttributes(context.Context, *elb.DescribeLoadBalancerAttributesInput,
		...func(*elb.Options)) (*elb.DescribeLoadBalancerAttributesOutput, error)
	DescribeTargetGroupAttributes(context.Context, *elb.DescribeTargetGroupAttributesInput,
		...func(*elb.Options)) (*elb.DescribeTargetGroupAttributesOutput, error)
}

// EC2 is what endpoint services and the network are asked.
type EC2 interface {
	DescribeVpcEndpointServiceConfigurations(context.Context, *ec2.DescribeVpcEndpointServiceConfigurationsInput,
		...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServiceConfigurationsOutput, error)
	DescribeVpcEndpointConnections(context.Context, *ec2.DescribeVpcEndpointConnectionsInput,
		...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionsOutput, error)
	flowlog.API
	DescribeVpcEndpointConnectionNotifications(context.Context, *ec2.DescribeVpcEndpointConnectionNotificationsInput,
		...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionNotificationsOutput, error)
	DescribeVpcEndpointServicePermissions(context.Context, *ec2.DescribeVpcEndpointServicePermissionsInput,
		...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServicePermissionsOutput, error)
	DescribeSecurityGroups(context.Context, *ec2.DescribeSecurityGroupsInput, ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error)
	DescribeSecurityGroupRules(context.Context, *ec2.DescribeSecurityGroupRulesInput,
		...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error)
	DescribeNetworkInterfaces(context.Context, *ec2.DescribeNetworkInterfacesInput,
		...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error)
	DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
	DescribeNetworkAcls(context.Context, *ec2.DescribeNetworkAclsInput, ...func(*ec2.Options)) (*ec2.DescribeNetworkAclsOutput, error)
}

// Lambda is what resolvers are asked.
type Lambda interface {
	GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput,
		...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
	ListTags(context.Context, *lambda.ListTagsInput, ...func(*lambda.Options)) (*lambda.ListTagsOutput, error)
}

// Scheduler is what schedules are asked.
type Scheduler interface {
	GetSchedule(context.Context, *scheduler.GetScheduleInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error)
}

// Resolvers is the registry, as far as it tells of the VPCs' resolvers.
type Resolvers interface {
	Resolver(ctx context.Context, vpcID string) (registry.Resolver, bool, error)
}

// An Inspector looks at exposures with somebody's credentials. It changes nothing.
type Inspector struct {
	ELB       ELB
	EC2       EC2
	RDS       database.TopologyAPI
	Lambda    Lambda
	Schedules Scheduler
	Zones     hostedzone.Lister
	Resolvers Resolvers
	Owner     owned.Owner
	Patience  time.Duration // of the deployment: how old a tick may be
	Now       func() time.Time
}

// New is an inspector of AWS's own services.
func New(config aws.Config, resolvers Resolvers, owner owned.Owner, patience time.Duration) Inspector {
	return Inspector{
		ELB: elb.NewFromConfig(config), EC2: ec2.NewFromConfig(config), RDS: rds.NewFromConfig(config),
		Lambda: lambda.NewFromConfig(config), Schedules: scheduler.NewFromConfig(config),
		Zones:     route53.NewFromConfig(config),
		Resolvers: resolvers, Owner: owner, Patience: patience, Now: time.Now,
	}
}

// Inspect looks at exposures. What several can be asked for at once is: some fifteen calls, whatever their number is up to a
// few hundred. Each exposure adds seven calls, a record of its private DNS name one more, its database one to three, each
// VPC three.
func (i Inspector) Inspect(ctx context.Context, exposures []registry.Exposure) []Report {
	v := i.gather(ctx, exposures)
	reports := make([]Report, len(v.subjects))
	for n, s := range v.subjects {
		reports[n] = s.report()
	}
	return reports
}

func (s *subject) report() Report {
	r := Report{Exposure: s.ID, Drift: []Finding{}}
	for _, hop := range []struct {
		name string
		look func() Hop
	}{
		{Principals, s.principalsHop},
		{Connections, s.connectionsHop},
		{EndpointService, s.serviceHop},
		{Zones, s.zonesHop},
		{Enforcement, s.enforcementHop},
		{LoadBalancer, s.balancerHop},
		{Listener, s.listenerHop},
		{TargetGroup, s.targetGroupHop},
		{Targets, s.targetsHop},
		{BalancerEgress, s.egressHop},
		{NetworkACLs, s.aclsHop},
		{DatabaseGroups, s.databaseGroupsHop},
		{Database, s.databaseHop},
		{Health, s.healthHop},
	} {
		h := hop.look()
		h.Name = hop.name
		r.Hops = append(r.Hops, h)
		if s.IsLink() && hop.name == LoadBalancer { // the rest is that of each exposure on it
			r.Drift, r.Err = append(r.Drift, s.drift()...), errors.Join(s.errs...)
			return r
		}
	}
	first, broken := r.Broken()
	way, proof, sync := s.resolverHop(), s.proofHop(first, broken), s.syncHop()
	way.Name, proof.Name, sync.Name = ResolverWay, Proof, Sync
	r.Hops = append(r.Hops, way, proof, sync)
	r.Drift = append(r.Drift, s.drift()...)
	r.Err = errors.Join(s.errs...)
	return r
}
