package main

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/resolver"
	"github.com/rdslink/rdslink/internal/securitygroup"
)

// Input is what the state machine passes.
type Input struct {
	Execution         string   `json:"execution"`
	Exposure          string   `json:"exposure"`
	Resolver          string   `json:"resolver"`
	VPCID             string   `json:"vpcId"`
	VPCCIDRs          []string `json:"vpcCidrs"`
	DNSServers        []string `json:"dnsServers"`
	ResolverSubnetIDs []string `json:"resolverSubnetIds"`
	Host              string   `json:"host"`
	Port              int32    `json:"port"`
	ListenerPort      int32    `json:"listenerPort"`

	Databases []link.Database `json:"databases"` // of a link, instead of host, port and listenerPort
	NotListed []link.Kept     `json:"notListed"`
}

// each is the input as it would be for each of a link's databases by itself.
func (in Input) each() []Input {
	if len(in.Databases) == 0 {
		return []Input{in}
	}
	var all []Input
	for _, d := range in.Databases {
		one := in
		one.Exposure, one.Host, one.Port, one.ListenerPort = d.Exposure, d.Host, d.Port, d.ListenerPort
		all = append(all, one)
	}
	return all
}

// ports are those that the resolver has to reach: the databases', and those of the load balancer's listeners.
func (in Input) ports() (ports []int32) {
	for _, one := range in.each() {
		ports = append(ports, one.Port, one.ListenerPort)
	}
	for _, kept := range in.NotListed {
		ports = append(ports, kept.Port, kept.ListenerPort)
	}
	return ports
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

type functionAPI interface {
	resolver.CreateAPI
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

type registryAPI interface {
	Resolver(ctx context.Context, vpcID string) (registry.Resolver, bool, error)
	PutResolver(ctx context.Context, resolver registry.Resolver) error
	Record(ctx context.Context, id, execution string, made func(*registry.Made)) error
}

type resolvePrivateIP struct {
	groups    securitygroup.API
	subnets   resolver.SubnetsAPI
	functions functionAPI
	registry  registryAPI
	outside   resolve.Resolver
	code      resolver.Code
	role      string // of the resolvers
	owner     owned.Owner
}

func (s resolvePrivateIP) run(ctx context.Context, in Input) (Output, error) {
	asked, out := s.outside, Output{}
	if in.Resolver != fromOutside {
		made, err := s.ensure(ctx, in)
		if err != nil {
			return Output{}, err
		}
		asked = resolve.Lambda(s.functions, made.FunctionName)
		out.ResolverFunction, out.ResolverSecurityGroupID = made.FunctionName, made.SecurityGroupID
	}
	for _, one := range in.each() {
		if err := s.registry.Record(ctx, one.Exposure, in.Execution,
			func(m *registry.Made) { m.ResolverFunction = out.ResolverFunction }); err != nil {
			return Output{}, err
		}
	}
	_, err := link.Each(ctx, atOnce, in.each(), func(ctx context.Context, one Input) (struct{}, error) {
		return struct{}{}, prove(ctx, asked, one)
	})
	return out, err
}

// atOnce is how many of a link's databases are asked for at once. Each takes one of the functions that the account may run.
const atOnce = 3

// ensure finds or creates the VPC's resolver: its security group, its function, its record. The record says where it was
// made.
func (s resolvePrivateIP) ensure(ctx context.Context, in Input) (registry.Resolver, error) {
	recorded, _, err := s.registry.Resolver(ctx, in.VPCID)
	if err != nil {
		return registry.Resolver{}, err
	}
	want := resolver.Resolver{
		VPCID: in.VPCID, SubnetIDs: in.ResolverSubnetIDs, Home: recorded.SubnetIDs, Role: s.role, Code: s.code, Owner: s.owner,
	}
	group, err := securitygroup.Ensure(ctx, s.groups, want.Group(in.VPCCIDRs, in.DNSServers, in.ports()...))
	if err != nil {
		return registry.Resolver{}, err
	}
	function, err := resolver.Ensure(ctx, s.functions, s.subnets, want, group)
	if err != nil {
		return registry.Resolver{}, err
	}
	made := registry.Resolver{
		VPCID: in.VPCID, FunctionName: s.owner.Name.Resolver(in.VPCID), SecurityGroupID: group, SubnetIDs: function.VpcConfig.SubnetIds,
		RoleARN: s.role, DNSServers: slices.Concat(in.DNSServers), // nil, where there are none: as it is read
	}
	if !reflect.DeepEqual(recorded, made) {
		if err := s.registry.PutResolver(ctx, made); err != nil {
			return registry.Resolver{}, err
		}
	}
	return made, resolver.Usable(ctx, function)
}

// prove wants the name to resolve to addresses of the VPC. It asks for DNS only: nothing is open between the resolver and
// the database yet. Step 3 resolves again, and registers what it finds.
func prove(ctx context.Context, resolver resolve.Resolver, in Input) error {
	answer, err := resolver.Resolve(ctx, resolve.Request{Host: in.Host, Port: int(in.Port), Lookups: lookups})
	if err != nil {
		return err
	}
	addresses := slices.Concat(answer.Lookups...)
	if len(addresses) == 0 {
		return outcome.NotReady("resolve %s: no address: %s%s", in.Host, strings.Join(answer.Errors, "; "), suspect(in))
	}
	for _, address := range addresses {
		if !resolve.Within(address, in.VPCCIDRs) {
			return refusal(in, address)
		}
	}
	return nil
}

// suspect says what to look at where a name has no address.
func suspect(in Input) string {
	if len(in.DNSServers) == 0 {
		return ""
	}
	return fmt.Sprintf("; the DHCP options of %s name the DNS servers %s: they must answer for RDS names, and be reached from its subnets %s",
		in.VPCID, strings.Join(in.DNSServers, ", "), strings.Join(in.ResolverSubnetIDs, ", "))
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
