package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

func TestAVendorReadsRowsThroughThePrivateLinkAndHasNoOtherWayIn(t *testing.T) {
	s := begin(t)
	database := s.database("orders-prod", multiAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	// Its addresses are the customer's too. Without an endpoint yet, none of its own answers in their place.
	vendor := s.vpc(stage.PushMetrics)
	s.cannotReach(vendor, fmt.Sprintf("%s:%d", database.Host, database.Port))
	s.cannotReach(vendor, fmt.Sprintf("%s:%d", s.address(database), database.Port))

	endpoint := s.connects(vendor, handoff)
	execution.waits()
	client := s.client(endpoint, handoff)
	s.cannotReach(vendor, fmt.Sprintf("%s:%d", client.Host, client.Port))
	s.decides(bus.Accept, endpoint)
	output := execution.succeeds()

	s.readsOrders(client)
	client.ServerName = client.Host
	if _, err := cloud.Connect(s.ctx, client); err == nil {
		s.Error("the certificate passes for the endpoint's name too: then it proves nothing")
	}
	if output.Connection.VPCEndpointID != endpoint.ID || output.ServiceName != handoff.ServiceName {
		s.Errorf("the output speaks of %+v and %s", output.Connection, output.ServiceName)
	}
	s.hasEveryField(output.text)
}

// address is the database's private address.
func (s story) address(database stage.Database) string {
	s.Helper()
	addresses := s.interfaces(database)
	if len(addresses) != 1 {
		s.Fatalf("the database has the addresses %v", addresses)
	}
	return addresses[0]
}

// cannotReach tries to open a connection. What is not let through is dropped: nothing says so but time.
func (s story) cannotReach(from stage.VPC, address string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 2*time.Second)
	defer cancel()
	conn, err := cloud.Dial(ctx, stage.Place{Account: from.Account, Subnet: from.SubnetIDs()[0]}, address)
	if err == nil {
		_ = conn.Close()
		s.Errorf("a machine of account %s reaches %s", from.Account, address)
	}
}

// documented are the fields of the output as the README lists them.
var documented = []string{
	"availabilityZoneIds",
	"connection.state",
	"connection.vpcEndpointId",
	"consumer",
	"exposure",
	"monthlyCostEstimate.amountUsd",
	"monthlyCostEstimate.basis",
	"monthlyCostEstimate.region",
	"port",
	"region",
	"resources.databaseSecurityGroupId",
	"resources.listenerArn",
	"resources.loadBalancerArn",
	"resources.loadBalancerSecurityGroupId",
	"resources.resolverFunction",
	"resources.scheduleName",
	"resources.securityGroupRuleIds",
	"resources.targetGroupArn",
	"serviceId",
	"serviceName",
	"supportedRegions",
	"tcpKeepaliveSeconds",
	"tlsServerName",
}

func (s story) hasEveryField(output string) {
	s.Helper()
	var fields map[string]any
	s.check(json.Unmarshal([]byte(output), &fields))
	found := flatten("", fields)
	if names := slices.Sorted(maps.Keys(found)); !slices.Equal(names, documented) {
		s.Errorf("the output has the fields\n%s\nand not\n%s", strings.Join(names, "\n"), strings.Join(documented, "\n"))
	}
	for name, value := range found {
		if value == nil || value == "" || value == 0.0 {
			s.Errorf("the output's %s is %#v", name, value)
		}
	}
}

// flatten gives every value that is no object its path.
func flatten(prefix string, fields map[string]any) map[string]any {
	flat := map[string]any{}
	for name, value := range fields {
		if inner, ok := value.(map[string]any); ok {
			maps.Copy(flat, flatten(prefix+name+".", inner))
			continue
		}
		flat[prefix+name] = value
	}
	return flat
}
