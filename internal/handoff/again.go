package handoff

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/registry"
)

// Again is the output of the execution that made the exposure, for whoever asks when Step Functions has forgotten it: from
// what the steps recorded, and the connection as it is now. Of a link it has the exposures that are on it.
func Again(e registry.Exposure, now Connection, on []registry.Exposure) (Document, error) {
	where := e.DatabaseARN
	if e.IsLink() {
		where = e.LoadBalancerARN
	}
	home, err := arn.Parse(where)
	if err != nil {
		return Document{}, fmt.Errorf("parse %q of exposure %s: %w", where, e.ID, err)
	}
	var binding registry.Binding // none before step 3
	if e.Binding != nil {
		binding = *e.Binding
	}
	var shared registry.Shared
	if e.Shared != nil {
		shared = *e.Shared
	}
	name := "" // while it is not verified
	if e.PrivateName != nil && e.PrivateName.Verified {
		name = e.PrivateName.Name
	}
	facts := Facts{
		ServiceName:         e.ServiceName,
		ServiceID:           e.ServiceID,
		Region:              home.Region,
		AvailabilityZoneIDs: list(shared.AvailabilityZoneIDs),
		SupportedRegions:    list(e.SupportedRegions),
		Port:                int(e.ListenerPort),
		TLSServerName:       binding.Host,
		PrivateDNSName:      name,
	}
	without := ZonesLeftOut{LoadBalancer: list(shared.ZoneIDsWithoutLoadBalancer), EndpointService: list(shared.ZoneIDsWithoutService)}
	heed := Heed{NotNotified: list(shared.NotNotified), StillSubscribed: list(shared.StillSubscribed),
		UnexpectedConnections: unexpected(e, home.Region), NotListed: []string{}}
	document := NewDocument(e.ID, e.Consumer, facts, without, now, heed, Resources{
		TargetGroupARN:              e.TargetGroupARN,
		LoadBalancerARN:             e.LoadBalancerARN,
		ListenerARN:                 e.ListenerARN,
		LoadBalancerSecurityGroupID: e.LoadBalancerSecurityGroupID,
		DatabaseSecurityGroupID:     e.DatabaseSecurityGroupID,
		SecurityGroupRuleIDs:        list(e.SecurityGroupRuleIDs),
		BorrowedRules:               borrowed(e),
		ScheduleName:                e.ScheduleName,
		ResolverFunction:            e.ResolverFunction,
	})
	if !e.IsLink() {
		return document, nil
	}
	linked := []Linked{}
	for _, one := range on {
		if one.Binding == nil {
			continue
		}
		path := NotProven
		if !one.Life.Proven.IsZero() {
			path = Proven
		}
		document.Resources.ResolverFunction = one.ResolverFunction
		linked = append(linked, Linked{
			Exposure: one.ID, DatabaseIdentifier: one.DatabaseIdentifier, Port: int(one.ListenerPort), TLSServerName: one.Binding.Host,
			Path: path, TargetGroupARN: one.TargetGroupARN, ListenerARN: one.ListenerARN, SecurityGroupID: one.DatabaseSecurityGroupID,
			RuleIDs: list(one.SecurityGroupRuleIDs), BorrowedRules: borrowed(one), ScheduleName: one.ScheduleName,
		})
	}
	return document.Of(linked), nil
}

func borrowed(e registry.Exposure) []ingress.Borrowed {
	all := []ingress.Borrowed{}
	for _, b := range e.BorrowedRules {
		all = append(all, ingress.Borrowed(b))
	}
	return all
}

// unexpected are the connections of accounts that are not expected, as the observer has last seen them.
func unexpected(e registry.Exposure, region string) []Unexpected {
	all := []Unexpected{}
	for _, id := range slices.Sorted(maps.Keys(e.Connections)) {
		seen := e.Connections[id]
		c := connection.Connection{ServiceID: e.ServiceID, VPCEndpointID: id, Owner: seen.Owner, State: seen.State}
		if c.Live() && !connection.Expected(e, c.Owner) {
			all = append(all, StillConnected(e.ID, region, c))
		}
	}
	return all
}

// list is no JSON null.
func list(texts []string) []string { return append([]string{}, texts...) }
