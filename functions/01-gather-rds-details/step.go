package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/execution"
	"github.com/rdslink/rdslink/internal/handoff"
	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// Input is the execution, and what a person typed to start it.
type Input struct {
	Execution string          `json:"execution"`
	Input     json.RawMessage `json:"input"`
}

// Output is the plan: everything that the other steps go by, and nothing else. Every field is always present.
type Output struct {
	Exposure                 string   `json:"exposure"`
	Consumer                 string   `json:"consumer"`
	Vendor                   string   `json:"vendor"`
	DatabaseARN              string   `json:"databaseArn"`
	DatabaseKind             string   `json:"databaseKind"`
	DatabaseIdentifier       string   `json:"databaseIdentifier"`
	Endpoint                 string   `json:"endpoint"`
	Engine                   string   `json:"engine"`
	Host                     string   `json:"host"`
	Port                     int      `json:"port"`
	MaxConnectErrors         int      `json:"maxConnectErrors"` // broken connections after which the server blocks who makes them; 0: never
	Region                   string   `json:"region"`
	VPCID                    string   `json:"vpcId"`
	VPCCIDRs                 []string `json:"vpcCidrs"`
	DNSServers               []string `json:"dnsServers"` // of the VPC's own, which are not Amazon's
	SubnetIDs                []string `json:"subnetIds"`
	DatabaseZoneSubnetIDs    []string `json:"databaseZoneSubnetIds"` // those where the database is, or fails over to
	VendorZoneSubnetIDs      []string `json:"vendorZoneSubnetIds"`   // those where the vendor makes endpoints; none where it does not matter
	ResolverSubnetIDs        []string `json:"resolverSubnetIds"`
	SecurityGroupIDs         []string `json:"securityGroupIds"`
	Principals               []string `json:"principals"`
	Removed                  string   `json:"removed"`
	AcceptanceTimeoutSeconds int      `json:"acceptanceTimeoutSeconds"`
	ListenerPort             int      `json:"listenerPort"`
	SupportedRegions         []string `json:"supportedRegions"`
	PrivateDNSName           string   `json:"privateDnsName"` // of the endpoint service; empty for none
	Ingress                  string   `json:"ingress"`
	Resolver                 string   `json:"resolver"`
	Notify                   []string `json:"notify"`
	FlowLogs                 bool     `json:"flowLogs"`
	FlowLogIDs               []string `json:"flowLogIds"` // that the exposure has

	// Of a link. Then what is above of a single database is empty, and Exposure is the link's id.
	Databases []link.Database `json:"databases"`
	NotListed []link.Kept     `json:"notListed"`
}

type exposures interface {
	Get(ctx context.Context, id string) (registry.Exposure, error)
	Claim(ctx context.Context, seed registry.Exposure, execution string,
		running func(context.Context, string) (bool, error)) (registry.Exposure, error)
	On(ctx context.Context, link string) ([]registry.Exposure, error)
}

type databasesAPI interface {
	database.API
	database.ParametersAPI
}

type gatherRDSDetails struct {
	databases  databasesAPI
	network    networkAPI
	balancers  balancersAPI
	quotas     quotasAPI
	executions executionAPI
	registry   exposures
	owner      owned.Owner
	tagged     bool // only security groups that carry owned.IngressTag may be changed
	logsFlows  bool // the stack has a role to write flow logs in
}

// run plans the exposure. The claim comes last and is the only write: until everything is known to
// be right, nothing is made.
func (s gatherRDSDetails) run(ctx context.Context, in Input) (Output, error) {
	home, err := homeOf(in.Execution)
	if err != nil {
		return Output{}, err
	}
	r, err := parse(in.Input, home)
	if err != nil {
		return Output{}, err
	}
	if err := s.canLog(r); err != nil {
		return Output{}, err
	}
	c, err := consumerOf(r, home)
	if err != nil {
		return Output{}, err
	}
	if r.databases != nil {
		return s.link(ctx, in, r, c, home)
	}
	db, err := s.find(ctx, r, c, home, r.database)
	if err != nil {
		return Output{}, err
	}
	plan := s.newPlan(r, c, db, home)
	if plan.Exposure, err = s.exposure(ctx, db, c); err != nil {
		return Output{}, err
	}
	recorded, err := s.toldLater(ctx, &plan, &c)
	if err != nil {
		return Output{}, err
	}
	if err := s.place(ctx, &plan, r, c, db, home); err != nil {
		return Output{}, err
	}
	if err := s.checkName(ctx, plan); err != nil {
		return Output{}, err
	}
	if plan.MaxConnectErrors, err = s.maxConnectErrors(ctx, db); err != nil {
		return Output{}, err
	}
	claimed, err := s.claim(ctx, plan, r, c, in.Execution, s.running(recorded, plan, in.Execution))
	if err != nil {
		return Output{}, err
	}
	return s.keep(ctx, plan, r, claimed, db)
}

// find finds a database, and reports as an error one that does not suit.
func (s gatherRDSDetails) find(ctx context.Context, r request, c consumer, home database.Home, name string) (database.Database, error) {
	db, err := database.Find(ctx, s.databases, home, name, r.endpoint)
	if err != nil {
		return db, err
	}
	if err := c.suits(db); err != nil {
		return db, err
	}
	return db, r.suits(db)
}

// keep completes the plan with what an input means that does not name it: consumers have configured what the exposure has.
func (s gatherRDSDetails) keep(
	ctx context.Context, plan Output, r request, exposure registry.Exposure, db database.Database,
) (_ Output, err error) {
	plan = keepService(plan, r, exposure)
	if plan.ListenerPort == 0 {
		plan.ListenerPort, err = s.listenerPort(ctx, exposure, db.Port)
	}
	return plan, err
}

// keepService completes the plan with what the endpoint service has.
func keepService(plan Output, r request, exposure registry.Exposure) Output {
	if !r.regionsGiven && len(exposure.SupportedRegions) > 0 {
		plan.SupportedRegions = union(plan.SupportedRegions, exposure.SupportedRegions)
	}
	switch {
	case r.privateDNSName == noName:
		plan.PrivateDNSName = ""
	case r.privateDNSName == "" && exposure.PrivateName != nil:
		plan.PrivateDNSName = exposure.PrivateName.Name
	}
	plan.FlowLogIDs = append([]string{}, exposure.FlowLogIDs...)
	return plan
}

// canLog refuses flow logs that nobody could write.
func (s gatherRDSDetails) canLog(r request) error {
	if !r.flowLogs || s.logsFlows {
		return nil
	}
	return outcome.BadInput("flowLogs: this stack was deployed with roles of yours, and none to write flow logs in: " +
		"give the role flow-logs in its option roles (docs/deploy.md), or leave the field out")
}

// maxConnectErrors is what the server forgives. That it is little is said, to consumers by step 8, and not refused.
func (s gatherRDSDetails) maxConnectErrors(ctx context.Context, db database.Database) (int, error) {
	most, err := database.MaxConnectErrors(ctx, s.databases, db)
	if most > 0 && most < handoff.FewConnectErrors {
		slog.WarnContext(ctx, "the server blocks the load balancer, with every consumer behind it, after very few connections that break off: "+
			"raise max_connect_errors in its parameter group", "database", db.Identifier, "maxConnectErrors", most)
	}
	return most, err
}

// listenerPort is the one that an input means which names none. What a consumer has configured stays, whatever port the
// database has by now. An exposure that an earlier version made has no record of it, and a listener.
func (s gatherRDSDetails) listenerPort(ctx context.Context, exposure registry.Exposure, ofDatabase int) (int, error) {
	switch {
	case exposure.ListenerPort != 0:
		return int(exposure.ListenerPort), nil
	case exposure.ListenerARN == "":
		return ofDatabase, nil
	}
	out, err := s.balancers.DescribeListeners(ctx, &elb.DescribeListenersInput{ListenerArns: []string{exposure.ListenerARN}})
	_, gone := errors.AsType[*elbtypes.ListenerNotFoundException](err)
	switch {
	case gone || err == nil && len(out.Listeners) == 0:
		return ofDatabase, nil
	case err != nil:
		return 0, fmt.Errorf("describe listener %s: %w", exposure.ListenerARN, err)
	}
	return int(aws.ToInt32(out.Listeners[0].Port)), nil
}

// exposure is the exposure's id. Earlier versions told consumers apart by what they are called: an exposure that one of them
// made keeps its id, as long as it is this consumer's.
func (s gatherRDSDetails) exposure(ctx context.Context, db database.Database, c consumer) (string, error) {
	former := s.owner.FormerID(db.ARN, db.Endpoint, db.Identifier, c.Consumer)
	recorded, err := s.registry.Get(ctx, former)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return s.owner.ID(db.ARN, db.Endpoint, db.Identifier, c.Consumer), nil
	case err != nil:
		return "", err
	case recorded.Vendor != c.Vendor || recorded.Consumer != c.String() || c.Account != "" && !slices.Contains(recorded.Accounts, c.Account):
		return "", outcome.BadInput("exposure %s is %s, and this input means %s: two consumers never share an exposure; give another name",
			former, called(recorded.Vendor, recorded.Consumer, recorded.Accounts), called(c.Vendor, c.String(), c.accounts))
	}
	return former, nil
}

// called names a consumer in full.
func called(vendor, name string, accounts []string) string {
	text := "that of " + name
	if vendor != "" {
		text += " at " + vendor
	}
	if len(accounts) > 0 {
		text += " (account " + strings.Join(accounts, ", ") + ")"
	}
	return text
}

// newPlan holds what follows from the request, the consumer and the database alone.
func (s gatherRDSDetails) newPlan(r request, c consumer, db database.Database, home database.Home) Output {
	return Output{
		Consumer:                 c.String(),
		Vendor:                   c.vendor.ID,
		DatabaseARN:              db.ARN,
		DatabaseKind:             db.Kind,
		DatabaseIdentifier:       db.Identifier,
		Endpoint:                 db.Endpoint,
		Engine:                   db.Engine,
		Host:                     db.Host,
		Port:                     db.Port,
		Region:                   home.Region,
		VPCID:                    db.VPCID,
		Principals:               c.principals,
		Removed:                  r.removed,
		AcceptanceTimeoutSeconds: r.acceptance.timeoutDays * secondsPerDay,
		ListenerPort:             r.listenerPort,
		SupportedRegions:         r.supportedRegions,
		PrivateDNSName:           r.privateDNSName,
		Ingress:                  r.ingress,
		Resolver:                 r.resolver,
		Notify:                   r.notify,
		Databases:                []link.Database{},
		NotListed:                []link.Kept{},
		FlowLogs:                 r.flowLogs,
	}
}

// place adds to the plan where in the VPC things go, and that they fit.
func (s gatherRDSDetails) place(
	ctx context.Context, plan *Output, r request, c consumer, db database.Database, home database.Home,
) (err error) {
	subnets, err := s.enter(ctx, plan, r, c, home, db)
	if err != nil {
		return err
	}
	plan.SecurityGroupIDs, _, err = s.usableGroups(ctx, db, home, s.need(r, plan.Exposure, db.Port, subnets), nil)
	return err
}

// enter adds to the plan where the load balancer and the resolver go, for all of the databases, which are in one VPC. It
// returns the load balancer's subnets.
func (s gatherRDSDetails) enter(
	ctx context.Context, plan *Output, r request, c consumer, home database.Home, dbs ...database.Database,
) ([]ec2types.Subnet, error) {
	vpc, err := around(ctx, s.network, strictest(dbs), r, home)
	if err != nil {
		return nil, err
	}
	plan.VPCCIDRs, plan.DNSServers = vpc.cidrs, vpc.dnsServers
	kept, err := balancerSubnets(ctx, s.balancers, plan.Exposure)
	if err != nil {
		return nil, err
	}
	subnets, err := placement(ctx, s.network, dbs, c, kept)
	if err != nil {
		return nil, err
	}
	plan.SubnetIDs = subnetIDs(subnets)
	plan.DatabaseZoneSubnetIDs, plan.VendorZoneSubnetIDs = subnetIDs(databaseZones(dbs, subnets)), subnetIDs(c.ofVendor(subnets))
	if err := c.checkZoneCount(subnets); err != nil {
		return nil, err
	}
	if err := checkCrossRegion(r, plan.SupportedRegions, subnets); err != nil {
		return nil, err
	}
	if err := checkRegions(ctx, s.network, r, plan.SupportedRegions); err != nil {
		return nil, err
	}
	plan.ResolverSubnetIDs, err = resolverSubnets(r, dbs, subnets)
	return subnets, err
}

// strictest is the one of the databases that asks most of the VPC that they are all in.
func strictest(dbs []database.Database) database.Database {
	return dbs[max(slices.IndexFunc(dbs, func(db database.Database) bool { return db.Public }), 0)]
}

// claim records what watchers go by; who may connect is none of the later steps' business.
func (s gatherRDSDetails) claim(ctx context.Context, plan Output, r request, c consumer, execution string,
	running func(context.Context, string) (bool, error),
) (registry.Exposure, error) {
	return s.registry.Claim(ctx, s.seed(plan, r, c), execution, running)
}

func (s gatherRDSDetails) seed(plan Output, r request, c consumer) registry.Exposure {
	return registry.Exposure{
		ID:                 plan.Exposure,
		DatabaseARN:        plan.DatabaseARN,
		DatabaseIdentifier: plan.DatabaseIdentifier,
		Consumer:           plan.Consumer,
		Vendor:             plan.Vendor,
		Accounts:           c.accounts,
		Acceptance:         registry.Acceptance{Mode: r.acceptance.mode, MaxConnections: r.acceptance.maxConnections},
		VPCID:              plan.VPCID,
		Requested:          &registry.Request{By: outcome.Harmless(r.requestedBy)},
	}
}

// running tells whether an execution that holds the exposure works on it.
func (s gatherRDSDetails) running(recorded registry.Exposure, plan Output, own string) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, holder string) (bool, error) {
		runs, err := execution.Running(ctx, s.executions, holder)
		if err != nil || !runs || !takesPlace(recorded, plan, holder, own) {
			return runs, err
		}
		return false, s.supersede(ctx, recorded, holder, own)
	}
}
