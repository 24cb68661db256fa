package main

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/securitygroup"
	"github.com/rdslink/rdslink/internal/upgrade"
)

// Input is what the state machine passes.
type Input struct {
	Execution         string   `json:"execution"`
	Exposure          string   `json:"exposure"`
	Resolver          string   `json:"resolver"`
	VPCID             string   `json:"vpcId"`
	VPCCIDRs          []string `json:"vpcCidrs"`
	ResolverSubnetIDs []string `json:"resolverSubnetIds"`
	Host              string   `json:"host"`
	Port              int32    `json:"port"`
}

// Output is what later steps need. Both names are empty where no function resolves.
type Output struct {
	ResolverFunction        string `json:"resolverFunction"`
	ResolverSecurityGroupID string `json:"resolverSecurityGroupId"`
}

// fromOutside is the resolver of those who can have no function in the database's VPC.
const fromOutside = "none"

// lookups is how often the name is asked for: an endpoint with several addresses may answer with some of them at a time.
const lookups = 3

type registryAPI interface {
	Resolver(ctx context.Context, vpcID string) (registry.Resolver, bool, error)
	PutResolver(ctx context.Context, resolver registry.Resolver) error
	Record(ctx context.Context, id, execution string, made func(*registry.Made)) error
}

type resolvePrivateIP struct {
	groups    securitygroup.API
	functions functionAPI
	registry  registryAPI
	outside   resolve.Resolver
	code      upgrade.Code
	role      string // of the resolvers
	tags      map[string]string
}

func (s resolvePrivateIP) run(ctx context.Context, in Input) (Output, error) {
	resolver, out := s.outside, Output{}
	if in.Resolver != fromOutside {
		made, err := s.ensure(ctx, in)
		if err != nil {
			return Output{}, err
		}
		resolver = resolve.Lambda(s.functions, made.FunctionName)
		out.ResolverFunction, out.ResolverSecurityGroupID = made.FunctionName, made.SecurityGroupID
	}
	if err := s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) { m.ResolverFunction = out.ResolverFunction }); err != nil {
		return Output{}, err
	}
	return out, prove(ctx, resolver, in)
}

// ensure finds or creates the VPC's resolver: its security group, its function, its record.
func (s resolvePrivateIP) ensure(ctx context.Context, in Input) (registry.Resolver, error) {
	group, err := securitygroup.Ensure(ctx, s.groups, s.group(in))
	if err != nil {
		return registry.Resolver{}, err
	}
	function, err := s.function(ctx, in, group)
	if err != nil {
		return registry.Resolver{}, err
	}
	resolver := registry.Resolver{
		VPCID: in.VPCID, FunctionName: deployment.Resolver(in.VPCID), SecurityGroupID: group, SubnetIDs: function.VpcConfig.SubnetIds,
	}
	if err := s.put(ctx, resolver); err != nil {
		return registry.Resolver{}, err
	}
	return resolver, usable(function)
}

func (s resolvePrivateIP) put(ctx context.Context, resolver registry.Resolver) error {
	recorded, found, err := s.registry.Resolver(ctx, resolver.VPCID)
	if err != nil || found && reflect.DeepEqual(recorded, resolver) {
		return err
	}
	return s.registry.PutResolver(ctx, resolver)
}

// prove wants the name to resolve to addresses of the VPC. It asks for DNS only: nothing is open between the resolver and the
// database yet. Step 3 resolves again, and registers what it finds.
func prove(ctx context.Context, resolver resolve.Resolver, in Input) error {
	answer, err := resolver.Resolve(ctx, resolve.Request{Host: in.Host, Port: int(in.Port), Lookups: lookups})
	if err != nil {
		return err
	}
	addresses := slices.Concat(answer.Lookups...)
	if len(addresses) == 0 {
		return outcome.NotReady("resolve %s: no address: %s", in.Host, strings.Join(answer.Errors, "; "))
	}
	for _, address := range addresses {
		if !resolve.Within(address, in.VPCCIDRs) {
			return refusal(in, address)
		}
	}
	return nil
}

// refusal says why an address may not become a target, and what to do about it.
func refusal(in Input, address string) error {
	advice := "look for a private hosted zone or a DNS forwarder that answers for RDS names in the VPC"
	if ip, err := netip.ParseAddr(address); err == nil && !ip.IsPrivate() {
		advice = "this is the public address: turn on DNS resolution and DNS hostnames for the VPC"
		if in.Resolver == fromOutside {
			advice = `this is the public address of a publicly accessible database: it has to be resolved in its VPC, with "resolver": "vpc"`
		}
	}
	return outcome.Failed("resolve %s: %s is in none of the CIDRs of %s (%s); %s",
		in.Host, address, in.VPCID, strings.Join(in.VPCCIDRs, " "), advice)
}
