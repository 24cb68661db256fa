package database

import (
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

var home = Home{Partition: "aws", Region: "eu-central-1", Account: "111122223333"}

func TestFind(t *testing.T) {
	orders := Database{ARN: arnOf("db:orders"), Kind: Instance, Identifier: "orders", Endpoint: Writer, Engine: "postgres",
		Host: "orders.example", Port: 5432, VPCID: "vpc-1", SubnetIDs: []string{"subnet-a", "subnet-b"}, Zones: []string{"eu-central-1a", "eu-central-1b"}, SecurityGroupIDs: []string{"sg-1"}}
	ledger := Database{ARN: arnOf("cluster:ledger"), Kind: Cluster, Identifier: "ledger", Endpoint: Writer, Engine: "aurora-postgresql",
		Host: "ledger.cluster.example", Port: 5432, VPCID: "vpc-1", SubnetIDs: []string{"subnet-a", "subnet-b"}, Zones: []string{"zone-1", "zone-2"}, SecurityGroupIDs: []string{"sg-cluster"}}
	pool := Database{ARN: arnOf("db-proxy:prx-0a1b"), Kind: Proxy, Identifier: "Pool", Endpoint: Writer, Engine: "postgres",
		Host: "Pool.proxy.example", Port: 5432, VPCID: "vpc-1", SubnetIDs: []string{"subnet-a", "subnet-b"}, SecurityGroupIDs: []string{"sg-proxy"}}
	for name, row := range map[string]struct {
		given  string
		change func(*fakeRDS)
		want   Database
		differ func(*Database)
	}{
		"an instance":                {given: "orders", want: orders},
		"an instance in capitals":    {given: "Orders", want: orders},
		"an instance by its ARN":     {given: orders.ARN, want: orders},
		"a cluster":                  {given: "ledger", want: ledger},
		"a cluster by its ARN":       {given: ledger.ARN, want: ledger},
		"the writer of a cluster":    {given: "ledger-1", want: ledger},
		"a reader means its cluster": {given: arnOf("db:ledger-2"), want: ledger},
		"a proxy in small letters":   {given: "pool", want: pool},
		"a proxy by its ARN":         {given: pool.ARN, want: pool},
		"a Multi-AZ DB cluster": {given: "ledger", want: ledger,
			change: func(f *fakeRDS) { f.clusters[0].Engine = aws.String("mysql") }, differ: func(d *Database) { d.Engine = "mysql" }},
		"a cluster whose instances are public": {given: "ledger", want: ledger,
			change: func(f *fakeRDS) { f.instances[2].PubliclyAccessible = aws.Bool(true) }, differ: func(d *Database) { d.Public = true }},
		"the primary of a global database": {given: "ledger", want: ledger, change: globalWriter(ledger.ARN)},
		"a proxy before MySQL": {given: "pool", want: pool,
			change: func(f *fakeRDS) { f.proxies[0].EngineFamily = aws.String("MYSQL") }, differ: func(d *Database) { d.Engine, d.Port = "mysql", 3306 }},
		"a proxy before SQL Server": {given: "pool", want: pool,
			change: func(f *fakeRDS) { f.proxies[0].EngineFamily = aws.String("SQLSERVER") }, differ: func(d *Database) { d.Engine, d.Port = "sqlserver", 1433 }},
		"Oracle on a port of its own": {given: "orders", want: orders, change: func(f *fakeRDS) {
			f.instances[0].Engine, f.instances[0].Endpoint.Port = aws.String("oracle-se2-cdb"), aws.Int32(1526)
		}, differ: func(d *Database) { d.Engine, d.Port = "oracle-se2-cdb", 1526 }},
		"SQL Server": {given: "orders", want: orders,
			change: func(f *fakeRDS) { f.instances[0].Engine = aws.String("sqlserver-web") }, differ: func(d *Database) { d.Engine = "sqlserver-web" }},
		"MariaDB": {given: "orders", want: orders,
			change: func(f *fakeRDS) { f.instances[0].Engine = aws.String("mariadb") }, differ: func(d *Database) { d.Engine = "mariadb" }},
	} {
		t.Run(name, func(t *testing.T) {
			fake := account()
			if row.change != nil {
				row.change(fake)
			}
			if row.differ != nil {
				row.differ(&row.want)
			}
			got, err := Find(t.Context(), fake, home, row.given, Writer)
			if err != nil || !reflect.DeepEqual(got, row.want) {
				t.Errorf("Find(%s)\n%+v, %v, want\n%+v", row.given, got, err, row.want)
			}
		})
	}
}

// globalWriter makes ledger a part of a global database whose writer is the cluster with that ARN.
func globalWriter(arn string) func(*fakeRDS) {
	return func(f *fakeRDS) {
		f.clusters[0].GlobalClusterIdentifier = aws.String("world")
		f.globals = []types.GlobalCluster{{GlobalClusterMembers: []types.GlobalClusterMember{{DBClusterArn: &arn, IsWriter: aws.Bool(true)}}}}
	}
}

func TestUnknownDatabase(t *testing.T) {
	for given, want := range map[string]string{
		"order":                             "did you mean orders?",
		"ledgers":                           "did you mean ledger or ledger-1 or ledger-2?",
		"pol":                               "did you mean Pool?",
		"warehouse":                         "where 5 others do, orders among them",
		arnOf("db:ledger"):                  "did you mean ledger",
		"arn:aws:s3:::orders":               "not the ARN of an RDS database",
		arnOf("cluster-endpoint:analytics"): "is a cluster-endpoint",
		arnOf("snapshot:orders"):            "is a snapshot",
		"arn:aws:rds::111122223333:global-cluster:world":       "give the cluster of this region",
		"arn:aws:rds:eu-west-1:111122223333:cluster:ledger":    "is in region eu-west-1",
		"arn:aws:rds:eu-central-1:999999999999:cluster:ledger": "belongs to account 999999999999",
	} {
		if _, err := Find(t.Context(), account(), home, given, Writer); outcome.Name(err) != "BadInput" || !strings.Contains(err.Error(), want) {
			t.Errorf("Find(%s) = %v, want BadInput with %q", given, err, want)
		}
	}
}
