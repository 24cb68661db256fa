package database

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

func TestObserve(t *testing.T) {
	members := []Member{{Identifier: "ledger-1", Host: "ledger-1.example", Writer: true}, {Identifier: "ledger-2", Host: "ledger-2.example"}}
	for name, row := range map[string]struct {
		resource, kind string
		change         func(*fakeRDS)
		want           Topology
	}{
		"an instance": {resource: "db:orders", kind: Instance,
			want: Topology{Exists: true, Status: "available", Host: "orders.example", Port: 5432, SecurityGroupIDs: []string{"sg-1"}}},
		"an instance without an endpoint": {resource: "db:orders", kind: Instance, change: func(f *fakeRDS) {
			f.instances[0] = types.DBInstance{DBInstanceIdentifier: aws.String("orders"), DBInstanceStatus: aws.String("creating")}
		}, want: Topology{Exists: true, Status: "creating"}},
		"an instance that is gone": {resource: "db:payroll", kind: Instance},
		"a cluster, with the groups of its writer": {resource: "cluster:ledger", kind: Cluster,
			want: Topology{Exists: true, Status: "available", Host: "ledger.cluster.example", Port: 5432,
				SecurityGroupIDs: []string{"sg-1"}, Members: members}},
		"a cluster between two writers": {resource: "cluster:ledger", kind: Cluster,
			change: func(f *fakeRDS) { f.clusters[0].DBClusterMembers[0].IsClusterWriter = aws.Bool(false) },
			want: Topology{Exists: true, Status: "available", Host: "ledger.cluster.example", Port: 5432,
				SecurityGroupIDs: []string{"sg-cluster"}, Members: []Member{{Identifier: "ledger-1", Host: "ledger-1.example"}, members[1]}}},
		"a cluster that is gone": {resource: "cluster:payroll", kind: Cluster},
		"a proxy": {resource: "db-proxy:prx-0a1b", kind: Proxy,
			want: Topology{Exists: true, Status: "available", Host: "Pool.proxy.example", Port: 5432, SecurityGroupIDs: []string{"sg-proxy"}}},
		"a proxy that is gone": {resource: "db-proxy:prx-9", kind: Proxy},
	} {
		t.Run(name, func(t *testing.T) {
			fake := account()
			if row.change != nil {
				row.change(fake)
			}
			got, err := Observe(t.Context(), fake, arnOf(row.resource), row.kind, Writer)
			if err != nil || !reflect.DeepEqual(got, row.want) {
				t.Errorf("Observe\n%+v, %v, want\n%+v", got, err, row.want)
			}
		})
	}
}

func TestObserveKnowsItsKinds(t *testing.T) {
	if _, err := Observe(t.Context(), account(), arnOf("db:orders"), "snapshot", Writer); outcome.Name(err) != "Failed" {
		t.Errorf("error = %v", err)
	}
}

func TestWriter(t *testing.T) {
	writing, reading := Member{Host: "a", Writer: true}, Member{Host: "b"}
	for name, row := range map[string]struct {
		members []Member
		found   bool
	}{
		"one":                     {[]Member{reading, writing}, true},
		"none":                    {[]Member{reading}, false},
		"two":                     {[]Member{writing, writing}, false},
		"one without an endpoint": {[]Member{{Writer: true}}, false},
	} {
		if got, found := (Topology{Members: row.members}).Writer(); found != row.found || found && got != writing {
			t.Errorf("%s: %+v, %t", name, got, found)
		}
	}
}
