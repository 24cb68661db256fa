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
	// Calls are counted of steps that find AWS ready: a target that is checked for the first time would have step 10 ask again,
	// and so would a tick in its middle, which also leaves a sign of life. A minute is a second here.
	exposure := s.asked(endpoint)
	s.await("a healthy target", func() bool { return s.healthy(exposure) })
	s.check(cloud.Disturb(s.ctx, stage.Fault{
		For: exposure, Action: "Deliver", Resource: s.functionARN(s.stack.Function("ip-sync")), Kind: "drop",
	}))
	s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	s.check(cloud.SettleFor(s.ctx, exposure))

	s.readsOrders(client)
	client.ServerName = client.Host
	if _, err := cloud.Connect(s.ctx, client); err == nil {
		s.Error("the certificate passes for the endpoint's name too: then it proves nothing")
	}
	if output.Connection.VPCEndpointID != endpoint.ID || output.Connection.Path != "proven" || output.ServiceName != handoff.ServiceName {
		s.Errorf("the output speaks of %+v and %s", output.Connection, output.ServiceName)
	}
	s.hasEveryField(output.text)
	s.callsLittle(execution)
}

// What a set-up asks of AWS where nothing is asked again, and what asking a step again costs. An account's rate of calls is
// shared by everything that runs in it.
const (
	callsOfASetUp      = 105
	callsOfAskingAgain = 5
)

// callsLittle counts the calls of each attempt of each step. An attempt that changes nothing and is not the last of its
// step has asked again. What an attempt repeats of an earlier one is not counted twice, nor what the SDK repeats because the
// service had an error of its own: had AWS been ready, it would have been done once.
func (s story) callsLittle(e execution) {
	s.Helper()
	type attempt struct {
		function string
		calls    []call
	}
	attempts := map[string]*attempt{} // by trace
	last := map[string]string{}       // traces by function
	name := e.arn[strings.LastIndex(e.arn, ":")+1:]
	for _, c := range s.calls(0, func(c call) bool { return c.Session == name && c.Action == "Invoke" }) {
		function := c.Resources[0][strings.LastIndex(c.Resources[0], ":")+1:]
		attempts[c.Trace], last[function] = &attempt{function: function}, c.Trace
	}
	s.calls(0, func(c call) bool {
		if of := attempts[c.Trace]; of != nil && of.function == c.Session && c.Status > 0 && c.Status < 500 {
			of.calls = append(of.calls, c)
		}
		return false
	})
	work := map[string]map[string]int{} // by function, by action: how often in the attempt that does it most
	var seen strings.Builder
	for trace, a := range attempts {
		again := last[a.function] != trace && !slices.ContainsFunc(a.calls, call.changes)
		if again && len(a.calls) > callsOfAskingAgain {
			s.Errorf("asking %s again cost %d calls, want %d at most: %v", a.function, len(a.calls), callsOfAskingAgain, a.calls)
		}
		if work[a.function] == nil {
			work[a.function] = map[string]int{}
		}
		times := map[string]int{}
		fmt.Fprintln(&seen, trace)
		for _, c := range a.calls {
			fmt.Fprintf(&seen, "%s %.1f ms %d %s\n", c.Time.Format(time.StampMilli), c.Millis, c.Status, c)
			times[c.Action]++
			work[a.function][c.Action] = max(work[a.function][c.Action], times[c.Action])
		}
	}
	total := 0
	for _, actions := range work {
		for _, times := range actions {
			total += times
		}
	}
	s.Logf("%d calls for the ten steps: %v", total, work)
	if len(last) != 10 || total > callsOfASetUp || total < callsOfASetUp/2 {
		s.Errorf("%d functions made %d calls, want %d at most, of 10:\n%s", len(last), total, callsOfASetUp, seen.String())
	}
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
	"availabilityZoneIdsLeftOut.endpointService",
	"availabilityZoneIdsLeftOut.loadBalancer",
	"connection.path",
	"connection.state",
	"connection.vpcEndpointId",
	"consumer",
	"databases",
	"digest",
	"exposure",
	"monthlyCostEstimate.amountUsd",
	"monthlyCostEstimate.basis",
	"monthlyCostEstimate.region",
	"notListed",
	"notNotified",
	"port",
	"privateDnsName",
	"region",
	"resources.borrowedRules",
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
	"stillSubscribed",
	"supportedRegions",
	"tcpKeepaliveSeconds",
	"tlsServerName",
	"unexpectedConnections",
	"version",
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
		if value == nil || value == "" && name != "privateDnsName" || value == 0.0 { // a service need not have such a name
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
