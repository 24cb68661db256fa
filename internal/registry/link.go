package registry

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
)

// A link is one load balancer with one endpoint service, on which one consumer reaches several databases, each by its port.
// It is an item like an exposure's, and names itself as its Link. What it owns is the way in: load balancer, endpoint
// service, principals, connections, decisions, the wait. Each of its exposures owns the rest: listener, target group, rules,
// sync.

// IsLink says whether it is a link itself.
func (e Exposure) IsLink() bool { return e.Link != "" && e.Link == e.ID }

// OnLink says whether it is one of the exposures of a link.
func (e Exposure) OnLink() bool { return e.Link != "" && e.Link != e.ID }

// Followed says whether its set-up was finished once: then its database is followed, and those of a link are.
func (e Exposure) Followed() bool {
	return e.ScheduleName != "" || e.IsLink() && e.IPSyncFunctionARN != ""
}

// Entrance is the id of what has the load balancer, the endpoint service and the connections: the link or, where there is
// none, the exposure itself.
func (e Exposure) Entrance() string {
	if e.OnLink() {
		return e.Link
	}
	return e.ID
}

// Way is how connections go through a load balancer: in by the port of a listener, out to a database's.
type Way struct{ ListenerPort, Port int32 }

// WaysBeside are those of a link's exposures, without one of them.
func WaysBeside(all []Exposure, id string) (ways []Way) {
	for _, e := range all {
		if e.OnLink() && e.ID != id && e.Binding != nil {
			ways = append(ways, Way{e.ListenerPort, int32(e.Binding.Port)})
		}
	}
	return ways
}

// By is an exposure with what its link owns of it, as if it had a load balancer and a service for itself. Beside are the
// ways of the link's others.
func (e Exposure) By(link Exposure, beside []Way) Exposure {
	if !e.OnLink() || link.ID != e.Link {
		return e
	}
	e.Accounts, e.Acceptance, e.Awaiting = link.Accounts, link.Acceptance, link.Awaiting
	e.Connections, e.Decisions = link.Connections, link.Decisions
	e.LoadBalancerARN, e.LoadBalancerSecurityGroupID = link.LoadBalancerARN, link.LoadBalancerSecurityGroupID
	e.LoadBalancerSubnetIDs, e.ZoneIDsWithoutService = link.LoadBalancerSubnetIDs, link.ZoneIDsWithoutService
	e.ServiceID, e.ServiceName, e.ServiceChange = link.ServiceID, link.ServiceName, link.ServiceChange
	e.Principals, e.FormerAccounts, e.SupportedRegions = link.Principals, link.FormerAccounts, link.SupportedRegions
	e.ConnectionsTopicARN, e.PrivateName = link.ConnectionsTopicARN, link.PrivateName
	e.Handoff, e.Shared, e.Notify = link.Handoff, link.Shared, link.Notify
	e.Beside = beside
	return e
}

// onLinks gives each of a link's exposures what its link owns of it.
func onLinks(all []Exposure) {
	items := map[string]Exposure{}
	on := map[string][]Exposure{}
	for _, e := range all {
		items[e.ID] = e
		if e.OnLink() {
			on[e.Link] = append(on[e.Link], e)
		}
	}
	for i, e := range all {
		if e.OnLink() {
			all[i] = e.By(items[e.Link], WaysBeside(on[e.Link], e.ID))
		}
	}
}

// On reads the exposures of a link, also those whose items do not decode: see Unreadable.
func (t *Table) On(ctx context.Context, link string) ([]Exposure, error) {
	items, err := t.scan(ctx, expression.Name("link").Equal(expression.Value(link)).
		And(expression.Name("id").NotEqual(expression.Value(link))))
	if err != nil {
		return nil, err
	}
	return decodeAll(ctx, nil, items), nil
}

// ByLink reads an exposure with what its link owns of it. What lies beside it on the link it does not know.
func (t *Table) ByLink(ctx context.Context, id string) (Exposure, error) {
	return byLink(ctx, t.Get, id)
}

// ByLink reads an exposure and its life, with what its link owns of it and the ways beside it.
func (l Living) ByLink(ctx context.Context, id string) (Exposure, error) {
	e, err := byLink(ctx, l.Get, id)
	if err != nil || !e.OnLink() {
		return e, err
	}
	all, err := l.On(ctx, e.Link)
	e.Beside = WaysBeside(all, id)
	return e, err
}

func byLink(ctx context.Context, get func(context.Context, string) (Exposure, error), id string) (Exposure, error) {
	e, err := get(ctx, id)
	if err != nil || !e.OnLink() {
		return e, err
	}
	link, err := get(ctx, e.Link)
	return e.By(link, nil), err
}
