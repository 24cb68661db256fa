package handoff

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/registry"
)

// Everything that the output of an execution says can be said again; of what earlier versions did not record, nothing.
func TestTheOutputCanBeSaidAgain(t *testing.T) {
	full := registry.Exposure{
		ID: "orders-acme-00000000", Consumer: "acme", DatabaseARN: "arn:aws:rds:eu-central-1:111122223333:db:orders",
		Life: registry.Life{Proven: time.Unix(1, 0)}, Accounts: []string{"555566667777"},
		Connections: map[string]registry.Connection{
			"vpce-1": {Owner: "555566667777", State: "available"}, "vpce-2": {Owner: "777788889999", State: "available"},
			"vpce-3": {Owner: "777788889999", State: "rejected"},
		},
		Made: registry.Made{
			ServiceName: "com.amazonaws.vpce.eu-central-1.vpce-svc-1", ServiceID: "vpce-svc-1",
			PrivateName: &registry.PrivateName{Name: "db.example.com", Verified: true}, SupportedRegions: []string{"eu-west-1"}, ListenerPort: 6432,
			Binding: &registry.Binding{Host: "orders.c0ffee.eu-central-1.rds.amazonaws.com"}, TargetGroupARN: "arn:target-group", LoadBalancerARN: "arn:load-balancer",
			ListenerARN: "arn:listener", LoadBalancerSecurityGroupID: "sg-balancer", DatabaseSecurityGroupID: "sg-database", SecurityGroupRuleIDs: []string{"sgr-1", "sgr-2"},
			BorrowedRules: []registry.Borrowed{{SecurityGroupRuleID: "sgr-1", Stack: "rdslink-finance"}}, ScheduleName: "orders-acme-00000000", ResolverFunction: "rdslink-resolver-vpc-1",
			Shared: &registry.Shared{AvailabilityZoneIDs: []string{"euc1-az1"}, ZoneIDsWithoutLoadBalancer: []string{"euc1-az2"}, ZoneIDsWithoutService: []string{"euc1-az3"},
				NotNotified: []string{"dba@example.com: it has not confirmed"}},
		},
	}
	old := registry.Exposure{ID: full.ID, Consumer: "acme", DatabaseARN: full.DatabaseARN, Made: registry.Made{PrivateName: &registry.PrivateName{Name: "db.example.com"}}}
	for file, row := range map[string]struct {
		exposure registry.Exposure
		now      Connection
	}{
		"again.json":     {full, Connection{VPCEndpointID: "vpce-1", State: "available", Path: Proven}},
		"again-old.json": {old, Connection{Path: NotProven}},
	} {
		document, err := Again(row.exposure, row.now, nil)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(document); err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, file, text.String())
	}
}

func TestAnItemThatNamesNoDatabaseIsNotHandedOver(t *testing.T) {
	if _, err := Again(registry.Exposure{ID: "orders", DatabaseARN: "orders"}, Connection{}, nil); err == nil {
		t.Error("it is handed over")
	}
}
