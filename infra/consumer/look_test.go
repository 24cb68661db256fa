package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/handoff"
)

func usual(t *testing.T, more map[string]any) map[string]any {
	t.Helper()
	typed := map[string]any{"handoff": printed(t, func(*handoff.Facts) {}), "vpc": theVPC}
	for name, value := range more {
		typed[name] = value
	}
	return typed
}

func TestTheHandOffIsEnough(t *testing.T) {
	inFolder(t)
	got, err := newFake().planOf(t, usual(t, nil))
	want := plan{
		Account: "555566667777", Region: "eu-central-1", Exposure: "orders-prod-acme-17ac466a", ServiceName: serviceName,
		Databases: []database{{"orders-prod-acme-17ac466a", databaseHost, 5432}},
		VPC:       theVPC, Subnets: []string{"subnet-0000000000000000b", "subnet-0000000000000000c"},
		Clients: []string{"10.0.0.0/16", "100.64.0.0/20"}, // all of the VPC's, also where the provider has the same
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestALinksHandOffIsThatOfEachDatabase(t *testing.T) {
	inFolder(t)
	got, err := newFake().planOf(t, map[string]any{"handoff": printedLink(t, unchanged), "vpc": theVPC, "host": "databases.acme.internal"})
	want := []database{{"orders-prod-acme-6f2e8a01", databaseHost, 5432}, {"ledger-prod-acme-9b3d7c44", clusterHost, 5433}}
	if err != nil || !slices.Equal(got.Databases, want) || got.Exposure != "link-acme-5d0c91e2" || got.ServiceName != serviceName ||
		got.Host != "databases.acme.internal" || got.stackName() != "rdslink-consumer-link-acme-5d0c91e2-"+theVPC {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestOptionsArePlanned(t *testing.T) {
	inFolder(t)
	got, err := newFake().planOf(t, usual(t, map[string]any{
		"clients": theGroup + ", 10.0.5.0/24", "subnets": "subnet-0000000000000000d,subnet-0000000000000000b", "host": "orders.db.internal",
		"operators": "dba@example.com", "trusted": "arn:aws:iam::555566667777:role/dba,arn:aws:iam::555566667777:user/team/ann",
	}))
	if err != nil || !slices.Equal(got.Clients, []string{theGroup, "10.0.5.0/24"}) ||
		!slices.Equal(got.Subnets, []string{"subnet-0000000000000000b", "subnet-0000000000000000d"}) || got.Host != "orders.db.internal" ||
		got.Operators != "dba@example.com" || len(got.Trusted) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A second deployment finds what the first one has made: its zones are no others', and its endpoint stays where it is.
func TestWhatTheStackHasMadeIsNotInItsWay(t *testing.T) {
	inFolder(t)
	fake := newFake()
	fake.zones["Z00000000000000000002"], fake.zones["Z00000000000000000003"] = databaseHost+".", "orders.db.internal."
	fake.zones["Z00000000000000000004"] = clusterHost + "."
	fake.stack = map[string][]string{
		"AWS::Route53::HostedZone": {"Z00000000000000000002", "Z00000000000000000003", "Z00000000000000000004"},
		"AWS::EC2::VPCEndpoint":    {"vpce-1"},
	}
	fake.subnets[3] = subnet("subnet-0000000000000000d", "eu-central-1c", "euc1-az2", 0) // the endpoint has its last address
	fake.endpointsAt = []string{"subnet-0000000000000000b", "subnet-0000000000000000d"}
	for _, print := range []func() string{
		func() string { return printed(t, func(*handoff.Facts) {}) },
		func() string { return printedLink(t, unchanged) },
	} {
		got, err := fake.planOf(t, map[string]any{"handoff": print(), "vpc": theVPC, "host": "orders.db.internal"})
		if err != nil || !slices.Equal(got.Subnets, fake.endpointsAt) {
			t.Errorf("%v, %v, want %v", got.Subnets, err, fake.endpointsAt)
		}
	}
}

func TestAStackIsFoundByItsHandOffAndVPC(t *testing.T) {
	inFolder(t)
	fake := newFake()
	fake.service = nil // gone with the exposure: the stack goes all the same
	o, err := asked(usual(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fake.account().find(t.Context(), o); err == nil ||
		!strings.Contains(err.Error(), "has no stack rdslink-consumer-orders-prod-acme-17ac466a-"+theVPC) || !strings.Contains(err.Error(), "give the hand-off and the VPC") {
		t.Error(err)
	}
	fake.stack = map[string][]string{"AWS::EC2::VPCEndpoint": {"vpce-1"}}
	if p, err := fake.account().find(t.Context(), o); err != nil || p.stackName() != "rdslink-consumer-orders-prod-acme-17ac466a-"+theVPC {
		t.Errorf("%+v, %v", p, err)
	}
}
