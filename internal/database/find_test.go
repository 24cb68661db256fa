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
		arnOf("db:ledger"):                  `ledger is a DB cluster and not a DB instance: give "ledger" alone`,
		arnOf("cluster:orders"):             "orders is a DB instance and not a DB cluster",
		arnOf("cluster:pool"):               "pool is an RDS Proxy and not a DB cluster",
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

const domainOfAccount = "c0ffee.eu-central-1.rds.amazonaws.com"

// atAWS is the account with the names of endpoints that AWS gives.
func atAWS() *fakeRDS {
	fake := account()
	for i, instance := range fake.instances {
		fake.instances[i].Endpoint.Address = aws.String(*instance.DBInstanceIdentifier + "." + domainOfAccount)
	}
	fake.clusters[0].Endpoint = aws.String("ledger.cluster-" + domainOfAccount)
	fake.proxies[0].Endpoint = aws.String("pool.proxy-" + domainOfAccount)
	return fake
}

func TestAnAddressNamesItsDatabase(t *testing.T) {
	const orders, ledger, pool = "orders." + domainOfAccount, "ledger.cluster-" + domainOfAccount, "pool.proxy-" + domainOfAccount
	for given, want := range map[string]string{
		orders: "orders", strings.ToUpper(orders): "orders", orders + ":5432": "orders", orders + ".": "orders",
		ledger: "ledger", "ledger-2." + domainOfAccount: "ledger", pool: "Pool",
		"postgres://me:s3cr3t@" + orders + ":5432/db?sslmode=verify-full":                                                "orders",
		"jdbc:postgresql://" + ledger + ":5432/db?user=me":                                                               "ledger",
		"jdbc:sqlserver://" + orders + ":1433;databaseName=db;encrypt=true":                                              "orders",
		"jdbc:oracle:thin:@//" + orders + ":1521/ORCL":                                                                   "orders",
		"jdbc:oracle:thin:me/s3cr3t@" + orders + ":1521:ORCL":                                                            "orders",
		"host=" + orders + " port=5432 user=me":                                                                          "orders",
		"psql -h " + orders + " -U me":                                                                                   "orders",
		"Server=tcp:" + orders + ",1433;Database=db":                                                                     "orders",
		"jdbc:postgresql://" + orders + "/db?ssl=true&sslmode=require":                                                   "orders",
		"jdbc:aws-wrapper:postgresql://" + ledger + ":5432/db":                                                           "ledger",
		"jdbc:mysql://me:p%40ss@" + orders + ":3306/db":                                                                  "orders",
		"jdbc:mysql:aurora://" + ledger + "/db":                                                                          "ledger",
		"jdbc:mysql://address=(host=" + orders + ")(port=3306)/db":                                                       "orders",
		"jdbc:mariadb://" + orders + "/db?user=me&password=s3cr3t":                                                       "orders",
		"jdbc:sqlserver://" + orders + "\\instance:1433":                                                                 "orders",
		"jdbc:sqlserver://;serverName=" + orders + ";port=1433;user=sa;password={s3;cr3t}":                               "orders",
		"jdbc:jtds:sqlserver://" + orders + ":1433/db":                                                                   "orders",
		"jdbc:oracle:thin:@tcps://" + orders + ":1521/ORCL":                                                              "orders",
		"jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=" + orders + ")(PORT=1521))(CONNECT_DATA=(SID=O)))": "orders",
		"jdbc:postgresql://" + pool + ":5432/db":                                                                         "Pool",
		"mysql -h " + orders + " -P 3306 -u me -ps3cr3t":                                                                 "orders",
		"me/s3cr3t@" + orders + ":1521/ORCL":                                                                             "orders",
		orders + ":5432:db:me:s3cr3t":                                                                                    "orders", // a line of .pgpass
		"[" + orders + "]:5432":                                                                                          "orders",
		"ARN:AWS:RDS:EU-CENTRAL-1:111122223333:DB:Orders":                                                                "orders",
		"eu-central-1.console.aws.amazon.com/rds/home?region=eu-central-1#database:id=orders":                            "orders",
		"https://111122223333-0a1b2c3d.eu-central-1.console.aws.amazon.com/rds/home?region=eu-central-1#database:id=orders;is-cluster=false;tab=configuration": "orders",
		"https://console.aws.amazon.com/rds/home?region=eu-central-1#dbinstance:id=orders":                                                                     "orders",
		"https://console.aws.amazon.com/rds/home?region=eu-central-1#database:id=ledger-2;is-cluster=false":                                                    "ledger",
		"https://eu-central-1.console.aws.amazon.com/rds/home?region=eu-central-1#database:id=orders;is-cluster=false":                                         "orders",
		"https://eu-central-1.console.aws.amazon.com/rds/home?region=eu-central-1#database:id=ledger;is-cluster=true":                                          "ledger",
		"https://console.aws.amazon.com/rds/home?region=eu-central-1#proxy:id=pool":                                                                            "Pool",
		"https://eu-central-1.console.aws.amazon.com/rds/home#database:id=Orders;is-cluster=false;tab=connectivity":                                            "orders",
	} {
		if db, err := Find(t.Context(), atAWS(), home, given, Writer); err != nil || db.Identifier != want {
			t.Errorf("Find(%s) = %s, %v, want %s", given, db.Identifier, err, want)
		}
	}
}

func TestAnAddressOfNoDatabaseHereIsRefused(t *testing.T) {
	for given, want := range map[string]string{
		"orders.beef00.eu-central-1.rds.amazonaws.com":                                                                      "has the endpoint orders." + domainOfAccount,
		"ledger-2.beef00.eu-central-1.rds.amazonaws.com":                                                                    "is that one in another account?",
		"orders.c0ffee.eu-west-1.rds.amazonaws.com":                                                                         "is in region eu-west-1",
		"ledger.cluster-ro-" + domainOfAccount:                                                                              `not the endpoint that takes writes: give "ledger"`,
		"readers.endpoint.proxy-" + domainOfAccount:                                                                         "give the proxy's name for its default one",
		"shop.shardgrp-" + domainOfAccount:                                                                                  "not the endpoint that takes writes",
		"world.global-c0ffee.global.rds.amazonaws.com":                                                                      "give the cluster of this region",
		"orders.c0ffee.rds.cn-north-1.amazonaws.com.cn":                                                                     "is in region cn-north-1",
		"orders.c0ffee.cn-north-1.rds.amazonaws.com.cn":                                                                     "is in region cn-north-1",
		"https://cn-north-1.console.amazonaws.cn/rds/home?region=cn-north-1#database:id=orders;is-cluster=false":            "is in region cn-north-1",
		"https://console.amazonaws-us-gov.com/rds/home?region=us-gov-west-1#database:id=orders":                             "is in region us-gov-west-1",
		"https://eu-west-1.console.aws.amazon.com/rds/home#database:id=orders":                                              "is in region eu-west-1",
		"https://999999999999-0a1b2c3d.eu-central-1.console.aws.amazon.com/rds/home?region=eu-central-1#database:id=orders": "belongs to account 999999999999",
		"https://console.aws.amazon.com/rds/home?region=eu-central-1#database:id=orders;is-cluster=true":                    "orders is a DB instance and not a DB cluster",
		"https://console.aws.amazon.com/rds/home?region=eu-central-1#db-snapshot:engine=postgres;id=orders":                 "of no database",
		"https://console.aws.amazon.com/rds/home?region=eu-central-1#database:id=%3Cscript%3E":                              "of no database",
		"https://console.aws.amazon.com/rds/":                                                                               "of no database",
		"db.example.com":                                                                                                    noAddress,
		"db.example.com:5432":                                                                                               noAddress,
		"10.0.1.5":                                                                                                          noAddress,
		"10.0.1.5:5432":                                                                                                     noAddress,
		"[2001:db8::5]:5432":                                                                                                noAddress,
		"localhost:5432":                                                                                                    noAddress,
		"postgres://me:s3cr3t@db.example.com/orders":                                                                        noAddress,
		"jdbc:oracle:thin:me/s3cr3t@db.example.com:1521:O":                                                                  noAddress,
		"me/s3cr3t@db":               noAddress,
		"orders.docdb.amazonaws.com": noAddress,
		"shop.c0ffee.eu-central-1.redshift.amazonaws.com:5439/dev": noAddress,
		"host=db password=s3cr3t":                                  noAddress,
		"password=s3cr3t":                                          noAddress,
		arnOf("db:orders:s3cr3t@host"):                             "not the ARN of an RDS database",
		"arn:aws:rds:eu-central-1:111122223333:db:":                "not the ARN of an RDS database", "arn:": "not the ARN of an RDS database",
		"arn:aws:secretsmanager:eu-central-1:111122223333:secret:orders": "not the ARN of an RDS database", arnOf("db-proxy-endpoint:prx-endpoint-0a1b"): "is a db-proxy-endpoint",
		"analytics.cluster-custom-" + domainOfAccount: "not the endpoint that takes writes",
		"ordres." + domainOfAccount:                   "did you mean orders?",
		"ledger." + domainOfAccount:                   "is a DB cluster and not a DB instance",
		"jdbc:postgresql://orders." + domainOfAccount + ",ledger-1." + domainOfAccount + "/db":                   "several endpoints",
		"https://eu-central-1.console.aws.amazon.com/rds/home?region=eu-central-1#databases:":                    "of no database",
		"https://eu-west-1.console.aws.amazon.com/rds/home?region=eu-west-1#database:id=orders;is-cluster=false": "is in region eu-west-1",
	} {
		if db, err := Find(t.Context(), atAWS(), home, given, Writer); outcome.Name(err) != outcome.NameBadInput || !strings.Contains(err.Error(), want) {
			t.Errorf("Find(%s) = %s, %v, want BadInput with %q", given, db.Identifier, err, want)
		}
		if _, err := Find(t.Context(), atAWS(), home, given, Writer); strings.Contains(outcome.Message(err), "s3cr3t") {
			t.Errorf("Find(%s) repeats the password: %v", given, err)
		}
	}
}

const noAddress = "neither an identifier, nor an ARN, nor an address with the name of an RDS endpoint in it"
