package targets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
)

// lookups is how often a name is looked up in one observation: two answers that
// differ mean that it is moving. An answer for a proxy may hold some of its
// addresses only.
const (
	lookups    = 2
	setLookups = 4
)

// observation is everything that a decision rests on.
type observation struct {
	// What is seen is older than ended, and may be as old as begun: calls take
	// their time.
	begun, ended time.Time

	answer resolve.Answer
	health map[target]health
	// topology is read on every tick where there are roles, else on a deep look
	// only.
	topology database.Topology
	// deep says that topology and what follows were read: not on a steady tick.
	deep bool
	// groups are the security groups on each address's network interface; an
	// address that was asked for and is missing has no interface any more.
	groups map[string][]string
}

// health is what the load balancer says of a target.
type health struct {
	state  elbtypes.TargetHealthStateEnum
	reason string
	// blind: the health check goes to another port than the traffic, on purpose
	// (engines that count broken handshakes block the load balancer), and says
	// nothing about the database.
	blind bool
}

// addresses are those that the lookups named, and those of the targets.
func (o observation) addresses() []string {
	all := slices.Concat(o.answer.Lookups...)
	for t := range o.health {
		all = append(all, t.Address)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (o observation) probe(address string) resolve.Probe {
	for _, p := range o.answer.Probes {
		if p.Address == address {
			return p
		}
	}
	return resolve.Probe{Address: address, Result: resolve.Blocked}
}

// study observes all that a change rests on.
func (d Deps) study(ctx context.Context, b registry.Binding, full bool) (observation, error) {
	o, err := d.look(ctx, b, true, full)
	if err != nil {
		return o, err
	}
	return d.deepen(ctx, b, o)
}

// look is all that a steady tick does: one describe, one invocation, and for a
// cluster the describes of who writes. A full one goes through the load balancer, by the same invocation.
func (d Deps) look(ctx context.Context, b registry.Binding, checkTLS, full bool) (o observation, err error) {
	o.begun = d.now()
	defer func() { o.ended = d.now() }()
	if o.health, err = d.targetHealth(ctx, b.TargetGroupARN); err != nil {
		return o, err
	}
	request := resolve.Request{
		Host: b.Host, Port: b.Port, Engine: b.Engine, Lookups: lookups,
		Probe: o.addresses(), ProbeFound: true, TLS: checkTLS, ServerName: b.Host,
	}
	if several(b) {
		request.Lookups = setLookups
	}
	if full {
		request.Path = o.path(b)
	}
	if roles(b) {
		if o.topology, err = d.observe(ctx, b); err != nil {
			return o, err
		}
		request.Names = hosts(o.topology)
	}
	o.answer, err = d.resolver(b).Resolve(ctx, request)
	if err != nil {
		return o, fmt.Errorf("resolve %s: %w", b.Host, err)
	}
	return o, nil
}

func (d Deps) observe(ctx context.Context, b registry.Binding) (database.Topology, error) {
	return database.Observe(ctx, d.RDS, b.DatabaseARN, b.DatabaseKind, b.Endpoint)
}

func hosts(t database.Topology) []string {
	var all []string
	for _, member := range t.Members {
		if member.Host != "" {
			all = append(all, member.Host)
		}
	}
	return all
}

func (d Deps) resolver(b registry.Binding) resolve.Resolver {
	if b.ResolverFunction == "" {
		return resolve.Outside()
	}
	return resolve.Lambda(d.Lambda, b.ResolverFunction)
}

func (d Deps) deepen(ctx context.Context, b registry.Binding, seen observation) (o observation, err error) {
	o = seen
	defer func() { o.ended = d.now() }()
	if !roles(b) { // else it was read before the names were looked up
		if o.topology, err = d.observe(ctx, b); err != nil {
			return o, err
		}
	}
	if o.groups, err = d.interfaceGroups(ctx, b.VPCID, o.addresses()); err != nil {
		return o, err
	}
	o.deep = true
	return o, nil
}

// healthStates are those that registered and serves judge.
var healthStates = []elbtypes.TargetHealthStateEnum{
	elbtypes.TargetHealthStateEnumInitial, elbtypes.TargetHealthStateEnumHealthy, elbtypes.TargetHealthStateEnumUnhealthy,
	elbtypes.TargetHealthStateEnumUnhealthyDraining, elbtypes.TargetHealthStateEnumUnused, elbtypes.TargetHealthStateEnumDraining,
	elbtypes.TargetHealthStateEnumUnavailable,
}

func (d Deps) targetHealth(ctx context.Context, group string) (map[target]health, error) {
	out, err := d.ELB.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &group})
	if err != nil {
		return nil, fmt.Errorf("describe target health of %s: %w", group, err)
	}
	found := map[target]health{}
	for _, t := range out.TargetHealthDescriptions {
		if t.Target == nil || t.TargetHealth == nil {
			return nil, fmt.Errorf("describe target health of %s: %w", group, errors.New("a target without id or health"))
		}
		port := int(aws.ToInt32(t.Target.Port))
		if !slices.Contains(healthStates, t.TargetHealth.State) { // it counts as registered, and as serving nobody
			slog.ErrorContext(ctx, "target is in a state that this version does not know", "targetGroupArn", group,
				"target", aws.ToString(t.Target.Id), "state", t.TargetHealth.State)
		}
		found[target{aws.ToString(t.Target.Id), port}] = health{
			state:  t.TargetHealth.State,
			reason: aws.ToString(t.TargetHealth.Description),
			blind:  !slices.Contains([]string{"", "traffic-port", strconv.Itoa(port)}, aws.ToString(t.HealthCheckPort)),
		}
	}
	return found, nil
}

// interfaceGroups reads who owns the addresses now: RDS's network interfaces
// are in the database's account, and an address it gave up can be anybody's.
func (d Deps) interfaceGroups(ctx context.Context, vpcID string, addresses []string) (map[string][]string, error) {
	groups := map[string][]string{}
	if len(addresses) == 0 {
		return groups, nil
	}
	pages := ec2.NewDescribeNetworkInterfacesPaginator(d.EC2, &ec2.DescribeNetworkInterfacesInput{Filters: []ec2types.Filter{
		{Name: aws.String("vpc-id"), Values: []string{vpcID}},
		{Name: aws.String("addresses.private-ip-address"), Values: addresses},
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe network interfaces of %s: %w", vpcID, err)
		}
		for _, i := range page.NetworkInterfaces {
			ids := []string{}
			for _, g := range i.Groups {
				ids = append(ids, aws.ToString(g.GroupId))
			}
			for _, a := range i.PrivateIpAddresses {
				groups[aws.ToString(a.PrivateIpAddress)] = ids
			}
		}
	}
	return groups, nil
}

// identityDue spreads the hourly look at the certificate over the hour, without
// having to remember when the last one was.
func identityDue(exposure string, now time.Time) bool {
	return now.Minute() == owned.Slot(exposure, 60)
}
