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
// what the steps recorded, and the connection as it is now.
func Again(e registry.Exposure, now Connection) (Document, error) {
	database, err := arn.Parse(e.DatabaseARN)
	if err != nil {
		return Document{}, fmt.Errorf("parse database %s of exposure %s: %w", e.DatabaseARN, e.ID, err)
	}
	var binding registry.Binding // none before step 3
	if e.Binding != nil {
		binding = *e.Binding
	}
	var shared registry.Shared
	if e.Shared != nil {
		shared = *e.Shared
	}
	facts := Facts{
		ServiceName:         e.ServiceName,
		ServiceID:           e.ServiceID,
		Region:              database.Region,
		AvailabilityZoneIDs: list(shared.AvailabilityZoneIDs),
		SupportedRegions:    list(e.SupportedRegions),
		Port:                int(e.ListenerPort),
		TLSServerName:       binding.Host,
	}
	without := ZonesLeftOut{LoadBalancer: list(shared.ZoneIDsWithoutLoadBalancer), EndpointService: list(shared.ZoneIDsWithoutService)}
	borrowed := []ingress.Borrowed{}
	for _, b := range e.BorrowedRules {
		borrowed = append(borrowed, ingress.Borrowed(b))
	}
	heed := Heed{NotNotified: list(shared.NotNotified), StillSubscribed: list(shared.StillSubscribed),
		UnexpectedConnections: unexpected(e, database.Region)}
	return NewDocument(e.ID, e.Consumer, facts, without, now, heed, Resources{
		TargetGroupARN:              e.TargetGroupARN,
		LoadBalancerARN:             e.LoadBalancerARN,
		ListenerARN:                 e.ListenerARN,
		LoadBalancerSecurityGroupID: e.LoadBalancerSecurityGroupID,
		DatabaseSecurityGroupID:     e.DatabaseSecurityGroupID,
		SecurityGroupRuleIDs:        list(e.SecurityGroupRuleIDs),
		BorrowedRules:               borrowed,
		ScheduleName:                e.ScheduleName,
		ResolverFunction:            e.ResolverFunction,
	}), nil
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
