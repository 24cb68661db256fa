package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// refusal is one thing that step 1 does not accept, and a row of docs/refusals.md.
type refusal struct {
	field     string
	condition string
	input     string         // the usual one where empty
	change    func(*fakeAWS) // of the account
	region    string         // eu-central-1 where empty
	message   string         // a part of it, which says what is wrong
	remedy    string         // another, which says what to do
}

// option is the usual input with one more field.
func option(field string) string { return strings.TrimSuffix(usual, "}") + "," + field + "}" }

// databaseInput is the usual input for another database.
func databaseInput(name string) string { return `{"database":"` + name + `","vendor":"pushmetrics"}` }

// linkInput is an input for a link of the databases that the JSON says.
func linkInput(databases string) string {
	return `{"databases":` + databases + `,"name":"acme","principals":["444455556666"]}`
}

// two are a link's databases.
const two = `[{"database":"orders-prod"},{"database":"ledger-prod","listenerPort":5433}]`

var acmeLink = owned.Owner{}.LinkID("vpc-1", owned.Consumer{Name: "acme"})

// withLedger adds the instance ledger-prod.
func withLedger(f *fakeAWS) { f.instances = append(f.instances, instance("ledger-prod")) }

// many are n databases, each with a port of its own.
func many(n int) string {
	var entries []string
	for i := range n {
		entries = append(entries, fmt.Sprintf(`{"database":"db-%d","listenerPort":%d}`, i, 6000+i))
	}
	return "[" + strings.Join(entries, ",") + "]"
}

// onLink is an exposure on the link that the inputs are for.
func onLink(id string, port int32) registry.Exposure {
	return registry.Exposure{ID: id, Link: acmeLink, Made: registry.Made{ListenerPort: port, Binding: &registry.Binding{Port: 5432}}}
}

// principalsInput is an input whose principals are the given JSON.
func principalsInput(list string) string {
	return `{"database":"orders-prod","name":"acme","principals":` + list + `}`
}

// tidb is an input for a vendor that asks for its account and zones.
func tidb(fields string) string { return of("tidb-cloud", fields) }

func of(vendor, fields string) string {
	return `{"database":"orders-prod","vendor":"` + vendor + `"` + fields + `}`
}

func status(s string) func(*fakeAWS) {
	return with(func(d *rdstypes.DBInstance) { d.DBInstanceStatus = &s })
}

func engine(e string) func(*fakeAWS) { return with(func(d *rdstypes.DBInstance) { d.Engine = &e }) }

func everySubnet(change func(*ec2types.Subnet)) func(*fakeAWS) {
	return func(f *fakeAWS) {
		for i := range f.subnets {
			change(&f.subnets[i])
		}
	}
}

const (
	arnStart = "arn:aws:rds:eu-central-1:111122223333:"
	exposes  = "rdslink exposes DB instances of"
	console  = "in the TiDB Cloud console"
)

var formerAnalytics = owned.Owner{}.FormerID(arnStart+"db:orders-prod", "writer", "orders-prod", owned.Consumer{Name: "analytics"})

var refusals = []refusal{
	{field: "(all)", condition: "not an object", input: `[]`, message: "got the list []", remedy: "must be an object"},
	{field: "(all)", condition: "nothing", input: ` `, message: "got nothing", remedy: "must be an object"},
	{field: "(all)", condition: "broken JSON", input: `{"database":`, message: "unexpected end of JSON input", remedy: "must be valid JSON"},
	{field: "(all)", condition: "nested more than 10,000 deep", input: `{"database":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
		message: "exceeded max depth", remedy: "must be valid JSON"},
	{field: "(all)", condition: "not JSON", input: `orders-prod`, message: "invalid character 'o'", remedy: "must be valid JSON"},
	{field: "(all)", condition: "a field with a name of 200 KB", input: option(`"` + strings.Repeat("x", 200000) + `":1`), message: `xxx..."`, remedy: "the fields are database, databases"},
	{field: "(all)", condition: "a misspelt field", input: option(`"listnerPort":1`), message: `has no field "listnerPort"`, remedy: `did you mean "listenerPort"?`},
	{field: "(all)", condition: "a field of acceptance at the top", input: option(`"timeoutDays":3`), message: `has no field "timeoutDays"`, remedy: `did you mean "acceptance.timeoutDays"?`},
	{field: "(all)", condition: "another word for a field", input: option(`"port":5432`), message: `has no field "port"`, remedy: `did you mean "listenerPort"?`},
	{field: "(all)", condition: "a field for what is found out", input: option(`"region":"eu-central-1"`), message: `has no field "region"`, remedy: "leave it out"},
	{field: "(all)", condition: "an unknown field", input: option(`"colour":"red"`), message: `has no field "colour"`, remedy: "the fields are database, databases"},

	{field: "database", condition: "missing", input: `{"vendor":"pushmetrics"}`, message: "database is missing", remedy: "give the identifier or the ARN"},
	{field: "database", condition: "empty", input: databaseInput(""), message: "database is empty", remedy: "give a value"},
	{field: "database", condition: "not a string", input: `{"database":7,"vendor":"pushmetrics"}`, message: "got the number 7", remedy: "database must be a string"},
	{field: "database", condition: "longer than any identifier or ARN", input: databaseInput(strings.Repeat("x", 200000)), message: "got 200000", remedy: "at most 256 characters"},
	{field: "database", condition: "does not exist, and another's name is near", input: databaseInput("order-prod"), message: `"order-prod" does not exist`, remedy: "did you mean orders-prod?"},
	{field: "database", condition: "a name that RDS cannot have", input: databaseInput("orders prod!"), message: `"orders prod!" does not exist`, remedy: "did you mean orders-prod?"},
	{field: "database", condition: "an ARN of another kind", input: databaseInput(arnStart + "cluster:orders-prod"), message: "orders-prod is a DB instance and not a DB cluster",
		remedy: `give "orders-prod" alone`},
	{field: "database", condition: "an address in another region", input: databaseInput("orders-prod.c0ffee.eu-west-1.rds.amazonaws.com:5432"), message: "is in region eu-west-1",
		remedy: "start the execution of the rdslink in eu-west-1"},
	{field: "database", condition: "an address of another account", input: databaseInput("postgres://me:secret@orders-prod.beef00.eu-central-1.rds.amazonaws.com/db"),
		message: "has the endpoint orders-prod.c0ffee.eu-central-1.rds.amazonaws.com, and not orders-prod.beef00", remedy: "start the execution there"},
	{field: "database", condition: "the address of a reader", input: databaseInput("ledger.cluster-ro-c0ffee.eu-central-1.rds.amazonaws.com"), message: "is not the endpoint that takes writes",
		remedy: exposes},
	{field: "database", condition: "an endpoint of a proxy besides its own", input: databaseInput("readers.endpoint.proxy-c0ffee.eu-central-1.rds.amazonaws.com"),
		message: "is not the endpoint that takes writes", remedy: "give the proxy's name"},
	{field: "database", condition: "a name of one's own for an endpoint, or an IP address", input: databaseInput("postgres://me:secret@db.example.com:5432/db"), message: "do not say whose they are",
		remedy: "give the identifier"},
	{field: "database", condition: "several addresses", input: databaseInput("a.c0ffee.eu-central-1.rds.amazonaws.com,b.c0ffee.eu-central-1.rds.amazonaws.com"), message: "names several endpoints",
		remedy: "give one"},
	{field: "database", condition: "a page of the console without a database", input: databaseInput("https://console.aws.amazon.com/rds/home?region=eu-central-1#databases:"), message: "that of no database", remedy: "give the identifier"},
	{field: "database", condition: "does not exist, and no name is near", input: databaseInput("warehouse"), message: "where 1 others do, orders-prod among them", remedy: exposes},
	{field: "database", condition: "does not exist, as no other does", change: func(f *fakeAWS) { f.instances = nil }, message: "this account has no database in this region", remedy: exposes},
	{field: "database", condition: "an ARN of another service", input: databaseInput("arn:aws:s3:::orders"), message: "arn:aws:s3:::orders", remedy: "give that, or the identifier"},
	{field: "database", condition: "the ARN of a snapshot", input: databaseInput(arnStart + "snapshot:orders"), message: "is a snapshot", remedy: exposes},
	{field: "database", condition: "the ARN of a global cluster", input: databaseInput("arn:aws:rds::111122223333:global-cluster:world"), message: "is a global cluster",
		remedy: "give the cluster of this region"},
	{field: "database", condition: "in another region", input: databaseInput("arn:aws:rds:eu-west-1:111122223333:db:orders-prod"), message: "is in region eu-west-1",
		remedy: "start the execution of the rdslink in eu-west-1"},
	{field: "database", condition: "in another account", input: databaseInput("arn:aws:rds:eu-central-1:999999999999:db:orders-prod"), message: "belongs to account 999999999999",
		remedy: "start the execution in the account of the database"},
	{field: "database", condition: "in another partition", input: databaseInput("arn:aws-us-gov:rds:eu-central-1:111122223333:db:orders-prod"), message: "is in partition aws-us-gov",
		remedy: "start the execution in the partition of the database"},
	{field: "database", condition: "null", input: `{"database":null,"vendor":"pushmetrics"}`, message: "got null", remedy: "database must be a string"},
	{field: "database", condition: "being created", change: status("creating"), message: "is creating", remedy: "wait until it is available"},
	{field: "database", condition: "without an endpoint yet", change: with(func(d *rdstypes.DBInstance) { d.Endpoint = nil }), message: "has no endpoint yet", remedy: "wait until it is available"},
	{field: "database", condition: "stopped", change: status("stopped"), message: "is stopped", remedy: "start it first"},
	{field: "database", condition: "stopping", change: status("stopping"), message: "is stopping", remedy: "start it again"},
	{field: "database", condition: "being deleted", change: status("deleting"), message: "is deleting", remedy: "it is going away"},
	{field: "database", condition: "failed", change: status("failed"), message: "is failed", remedy: "restore it from a backup first"},
	{field: "database", condition: "without its KMS key", change: status("inaccessible-encryption-credentials"), message: "is inaccessible-encryption-credentials",
		remedy: "make its KMS key usable again first"},
	{field: "database", condition: "without its KMS key, and stopped", change: status("inaccessible-encryption-credentials-recoverable"), message: "-recoverable",
		remedy: "make its KMS key usable again and start it first"},
	{field: "database", condition: "in a broken network", change: status("incompatible-network"), message: "is incompatible-network", remedy: "repair its subnet group first"},
	{field: "database", condition: "restored to an impossible time", change: status("incompatible-restore"), message: "is incompatible-restore", remedy: "restore it to a compatible point in time first"},
	{field: "database", condition: "with parameters that it cannot start with", change: status("incompatible-parameters"), message: "is incompatible-parameters",
		remedy: "correct its parameter group and reboot it first"},
	{field: "database", condition: "with options that do not fit", change: status("incompatible-option-group"), message: "is incompatible-option-group", remedy: "correct its option group first"},
	{field: "database", condition: "without capacity", change: status("insufficient-capacity"), message: "is insufficient-capacity", remedy: "create it again, of another class or in another zone"},
	{field: "database", condition: "not created", change: status("incompatible-create"), message: "is incompatible-create", remedy: "create it again first"},
	{field: "database", condition: "without free storage", change: status("storage-full"), message: "is storage-full", remedy: "give it more storage first"},
	{field: "database", condition: "about to be deleted", change: status("delete-precheck"), message: "is delete-precheck", remedy: "it is going away"},
	{field: "database", condition: "not restored", change: status("restore-error"), message: "is restore-error", remedy: "restore it again first"},
	{field: "database", condition: "Neptune", change: engine("neptune"), message: "is a Neptune database", remedy: exposes},
	{field: "database", condition: "DocumentDB", change: engine("docdb"), message: "is a DocumentDB database", remedy: exposes},
	{field: "database", condition: "RDS Custom", change: engine("custom-oracle-ee"), message: "is an RDS Custom database", remedy: exposes},
	{field: "database", condition: "an engine without support", change: engine("db2-se"), message: "of engine db2-se", remedy: exposes},
	{field: "database", condition: "in no VPC", change: with(func(d *rdstypes.DBInstance) { d.DBSubnetGroup = nil }), message: "is in no VPC", remedy: "move it into one"},
	{field: "database", condition: "without an active security group", change: with(func(d *rdstypes.DBInstance) { d.VpcSecurityGroups = nil }),
		message: "has no active security group", remedy: "attach one"},

	{field: "database", condition: "a cluster that is being created", input: databaseInput("ledger"), change: withCluster(func(c *rdstypes.DBCluster) { c.Status = aws.String("creating") }),
		message: "ledger is creating", remedy: "wait until it is available"},
	{field: "database", condition: "a cluster that is being deleted", input: databaseInput("ledger"), change: withCluster(func(c *rdstypes.DBCluster) { c.Status = aws.String("deleting") }),
		message: "ledger is deleting", remedy: "it is going away"},
	{field: "database", condition: "a cluster that is stopped", input: databaseInput("ledger"), change: withCluster(func(c *rdstypes.DBCluster) { c.Status = aws.String("stopped") }),
		message: "ledger is stopped", remedy: "start it first"},
	{field: "database", condition: "a cluster that was not cloned", input: databaseInput("ledger"), change: withCluster(func(c *rdstypes.DBCluster) { c.Status = aws.String("cloning-failed") }),
		message: "ledger is cloning-failed", remedy: "clone it again first"},
	{field: "database", condition: "a cluster that was not migrated", input: databaseInput("ledger"), change: withCluster(func(c *rdstypes.DBCluster) { c.Status = aws.String("migration-failed") }),
		message: "ledger is migration-failed", remedy: "restore it again first"},
	{field: "database", condition: "a cluster whose writer cannot start", input: databaseInput("ledger"), change: withMember("ledger-1", "incompatible-parameters"),
		message: "writer ledger-1 of database ledger is incompatible-parameters", remedy: "correct its parameter group and reboot it first"},
	{field: "database", condition: "a member of a cluster that is stopped", input: databaseInput("ledger-2"), change: withCluster(func(c *rdstypes.DBCluster) { c.Status = aws.String("stopped") }),
		message: "ledger is stopped", remedy: "start it first"},
	{field: "database", condition: "a cluster without an instance", input: databaseInput("ledger"), change: withCluster(func(c *rdstypes.DBCluster) { c.DBClusterMembers = nil }),
		message: "is a cluster without an instance", remedy: "add one"},
	{field: "database", condition: "a cluster without a writer", input: databaseInput("ledger"),
		change: withCluster(func(c *rdstypes.DBCluster) { c.DBClusterMembers[0].IsClusterWriter = aws.Bool(false) }), message: "no instance takes writes", remedy: "expose the primary"},
	{field: "database", condition: "a cluster without an endpoint yet", input: databaseInput("ledger"), change: withCluster(func(c *rdstypes.DBCluster) { c.Endpoint = nil }),
		message: "has no endpoint yet", remedy: "wait until it is available"},
	{field: "database", condition: "a cluster of Neptune", input: databaseInput("ledger"), change: withCluster(func(c *rdstypes.DBCluster) { c.Engine = aws.String("neptune") }),
		message: "is a Neptune database", remedy: exposes},
	{field: "database", condition: "a cluster of DocumentDB", input: databaseInput("ledger"), change: withCluster(func(c *rdstypes.DBCluster) { c.Engine = aws.String("docdb") }),
		message: "is a DocumentDB database", remedy: exposes},
	{field: "database", condition: "a cluster of Aurora Serverless v1", input: databaseInput("ledger"), change: withCluster(func(c *rdstypes.DBCluster) { c.EngineMode = aws.String("serverless") }),
		message: "is an Aurora Serverless v1 cluster", remedy: exposes},
	{field: "database", condition: "a cluster of another engine", input: databaseInput("ledger"), change: withCluster(func(c *rdstypes.DBCluster) { c.Engine = aws.String("aurora") }),
		message: "is a cluster of engine aurora", remedy: exposes},
	{field: "database", condition: "the secondary cluster of an Aurora global database", input: databaseInput("ledger"), change: func(f *fakeAWS) {
		withCluster(func(c *rdstypes.DBCluster) { c.GlobalClusterIdentifier = aws.String("world") })(f)
		f.globals = []rdstypes.GlobalCluster{{GlobalClusterMembers: []rdstypes.GlobalClusterMember{
			{DBClusterArn: aws.String("arn:aws:rds:us-east-1:111122223333:cluster:ledger-us"), IsWriter: aws.Bool(true)}}}}
	}, message: "is a secondary cluster of global database world", remedy: "expose arn:aws:rds:us-east-1:111122223333:cluster:ledger-us"},
	{field: "database", condition: "a proxy that is suspended", input: databaseInput("pool"), change: withProxy(func(p *rdstypes.DBProxy) { p.Status = rdstypes.DBProxyStatusSuspended }),
		message: "pool is suspended", remedy: "make it available first"},
	{field: "database", condition: "a proxy that is being created", input: databaseInput("pool"), change: withProxy(func(p *rdstypes.DBProxy) { p.Status = rdstypes.DBProxyStatusCreating }),
		message: "pool is creating", remedy: "wait until it is available"},
	{field: "database", condition: "a proxy that is being deleted", input: databaseInput("pool"), change: withProxy(func(p *rdstypes.DBProxy) { p.Status = rdstypes.DBProxyStatusDeleting }),
		message: "pool is deleting", remedy: "it is going away"},
	{field: "database", condition: "a proxy in a broken network", input: databaseInput("pool"), change: withProxy(func(p *rdstypes.DBProxy) { p.Status = rdstypes.DBProxyStatusIncompatibleNetwork }),
		message: "pool is incompatible-network", remedy: "repair its subnets first"},
	{field: "database", condition: "a proxy without addresses", input: databaseInput("pool"), change: withProxy(func(p *rdstypes.DBProxy) { p.Status = rdstypes.DBProxyStatusInsufficientResourceLimits }),
		message: "pool is insufficient-resource-limits", remedy: "free addresses in its subnets first"},
	{field: "database", condition: "a proxy without an endpoint yet", input: databaseInput("pool"), change: withProxy(func(p *rdstypes.DBProxy) { p.Endpoint = nil }), message: "has no endpoint yet",
		remedy: "wait until it is available"},
	{field: "database", condition: "a proxy of another engine family", input: databaseInput("pool"), change: withProxy(func(p *rdstypes.DBProxy) { p.EngineFamily = aws.String("DB2") }),
		message: "is a proxy for DB2", remedy: exposes},
	{field: "database", condition: "a proxy without a security group", input: databaseInput("pool"), change: withProxy(func(p *rdstypes.DBProxy) { p.VpcSecurityGroupIds = nil }),
		message: "has no active security group", remedy: "attach one"},

	{field: "vendor", condition: "neither vendor nor principals", input: `{"database":"orders-prod"}`, message: "no consumer",
		remedy: "give vendor (rdslink vendors and docs/vendors.md list the presets), or name and principals"},
	{field: "vendor", condition: "not a string", input: `{"database":"orders-prod","vendor":["pushmetrics"]}`, message: `got the list ["pushmetrics"]`, remedy: "vendor must be a string"},
	{field: "vendor", condition: "misspelt", input: `{"database":"orders-prod","vendor":"pushmetric"}`, message: `"pushmetric" is not known`, remedy: "did you mean pushmetrics?"},
	{field: "vendor", condition: "unknown", input: `{"database":"orders-prod","vendor":"acme"}`, message: `"acme" is not known`, remedy: "for others use name and principals"},
	{field: "vendor", condition: "of another region", region: "us-east-1", message: "connects from eu-central-1 only, and this database is in us-east-1", remedy: "use name and principals"},
	{field: "vendor", condition: "of another engine", change: engine("oracle-se2"), message: "connects to postgres, aurora-postgresql, mysql, aurora-mysql only, and database orders-prod is oracle-se2",
		remedy: "use name and principals"},
	{field: "vendor", condition: "that wants more zones than there are", input: of("dbt-cloud", ""), change: func(f *fakeAWS) { f.subnets = f.subnets[:1] },
		message: "dbt-cloud wants an endpoint service in 2 Availability Zones or more", remedy: "add a subnet in another zone"},
	{field: "vendor", condition: "that publishes a principal of another partition", input: of("dbt-cloud", ""), region: "us-gov-west-1",
		message: `"arn:aws:iam::346425330055:role/MTPL_Admin" is of partition "aws"`, remedy: "give principals of aws-us-gov, or leave it out"},
	{field: "vendorAccount", condition: "missing, where the vendor asks for it", input: tidb(""), message: "vendorAccount is missing", remedy: console},
	{field: "vendorAccount", condition: "not an account", input: tidb(`,"vendorAccount":"4444"`), message: `"4444" is not a 12-digit account id`, remedy: console},
	{field: "vendorAccount", condition: "not a string", input: tidb(`,"vendorAccount":444455556666`), message: "got the number 444455556666", remedy: "vendorAccount must be a string"},
	{field: "vendorAccount", condition: "given, where the vendor's is known", input: option(`"vendorAccount":"444455556666"`), message: "vendorAccount is given", remedy: "leave vendorAccount out"},
	{field: "vendorAccount", condition: "given, where the vendor tells each customer a principal", input: of("hasura", `,"vendorAccount":"444455556666"`), message: "vendorAccount is given",
		remedy: "leave vendorAccount out and give principals"},
	{field: "vendorAccount", condition: "without a vendor", input: `{"database":"orders-prod","vendorAccount":"444455556666"}`, message: "need a vendor", remedy: "put the account into principals"},
	{field: "vendorAvailabilityZoneIds", condition: "missing, where the vendor asks for them", input: tidb(`,"vendorAccount":"444455556666"`),
		message: "vendorAvailabilityZoneIds is missing", remedy: console},
	{field: "vendorAvailabilityZoneIds", condition: "not a list", input: tidb(`,"vendorAvailabilityZoneIds":"euc1-az1"`), message: `got the string "euc1-az1"`,
		remedy: "vendorAvailabilityZoneIds must be a list of strings"},
	{field: "vendorAvailabilityZoneIds", condition: "given, where the vendor has none", input: option(`"vendorAvailabilityZoneIds":["euc1-az1"]`), message: "vendorAvailabilityZoneIds is given",
		remedy: "leave vendorAvailabilityZoneIds out"},
	{field: "vendorAvailabilityZoneIds", condition: "names instead of ids", input: tidb(`,"vendorAccount":"444455556666","vendorAvailabilityZoneIds":["eu-central-1a"]`),
		change: engine("mysql"), message: `"eu-central-1a" is not the id of an Availability Zone`, remedy: "give ids"},
	{field: "vendorAvailabilityZoneIds", condition: "none in common with the VPC", input: tidb(`,"vendorAccount":"444455556666","vendorAvailabilityZoneIds":["euc1-az3"]`),
		change: engine("mysql"), message: "TiDB Cloud makes endpoints in euc1-az3, and the database's VPC has usable subnets in euc1-az1, euc1-az2", remedy: "add a subnet in one of the vendor's zones"},

	{field: "vendorRegion", condition: "not a region", input: of("databricks", `,"vendorRegion":"Frankfurt"`), message: `"Frankfurt" is not a region's name`, remedy: "such as eu-west-1"},
	{field: "vendorRegion", condition: "not a string", input: of("databricks", `,"vendorRegion":["eu-west-1"]`), message: "got the list", remedy: "vendorRegion must be a string"},
	{field: "vendorRegion", condition: "of another partition", input: of("databricks", `,"vendorRegion":"us-gov-west-1"`), message: "is in another partition", remedy: "leave it out"},
	{field: "vendorRegion", condition: "no region of AWS", input: of("databricks", `,"vendorRegion":"eu-west-9"`), message: "vendorRegion: eu-west-9 is no region of AWS",
		remedy: "did you mean eu-west-1"},
	{field: "vendorRegion", condition: "a region that the account has not enabled", input: of("databricks", `,"vendorRegion":"eu-south-1"`),
		message: "vendorRegion: eu-south-1 is not enabled in this account", remedy: "aws account enable-region --region-name eu-south-1"},
	{field: "vendorRegion", condition: "one in which the vendor makes no endpoint", input: of("powersync", `,"vendorRegion":"eu-west-2"`),
		message: "PowerSync Cloud makes endpoints in ap-northeast-1, ap-southeast-2, eu-west-1, sa-east-1, us-east-1 only, and not in eu-west-2", remedy: "give one of them"},
	{field: "vendorRegion", condition: "missing, where the vendor makes no endpoint in the database's", input: of("powersync", ""),
		message: "and this database is in eu-central-1", remedy: "give the one in which it makes yours"},
	{field: "vendorRegion", condition: "another, for a vendor that does not say that it connects across regions", input: option(`"vendorRegion":"eu-west-1"`),
		message: "PushMetrics does not say that it connects across regions", remedy: "leave vendorRegion out"},
	{field: "vendorRegion", condition: "another, from a single zone", input: of("databricks", `,"vendorRegion":"eu-west-1"`),
		change: func(f *fakeAWS) { f.subnets = f.subnets[:1] }, message: "vendorRegion: PrivateLink serves other regions only from two zones or more", remedy: "add a subnet in another zone"},
	{field: "vendorRegion", condition: "without a vendor", input: `{"database":"orders-prod","name":"acme","principals":["444455556666"],"vendorRegion":"eu-west-1"}`,
		message: "vendorRegion needs a vendor", remedy: "put the region into supportedRegions"},

	{field: "name", condition: "missing beside principals", input: `{"database":"orders-prod","principals":["444455556666"]}`, message: "name is missing", remedy: "principals need a name"},
	{field: "name", condition: "without principals", input: `{"database":"orders-prod","name":"acme"}`, message: "no consumer", remedy: "or name and principals"},
	{field: "name", condition: "in capitals", input: `{"database":"orders-prod","name":"Acme Inc","principals":["444455556666"]}`, message: `"Acme Inc"`, remedy: "must be lower-case letters"},
	{field: "name", condition: "in capitals, beside a vendor", input: option(`"name":"Acme Inc"`), message: `"Acme Inc"`, remedy: "must be lower-case letters"},
	{field: "name", condition: "that of another consumer, from before they were told apart", input: option(`"name":"analytics"`), change: func(f *fakeAWS) {
		f.recorded = []registry.Exposure{{ID: formerAnalytics, Vendor: "fivetran", Consumer: "analytics", Accounts: []string{"834469178297"}}}
	}, message: "that of analytics at fivetran (account 834469178297), and this input means that of analytics at pushmetrics", remedy: "give another name"},
	{field: "name", condition: "not a string", input: option(`"name":{}`), message: "got an object", remedy: "name must be a string"},
	{field: "principals", condition: "missing, where the vendor tells each customer another", input: of("hasura", ""), message: "principals are missing: Hasura DDN",
		remedy: "find it in the Hasura Console"},
	{field: "principals", condition: "not a list", input: principalsInput(`"444455556666"`), message: `got the string "444455556666"`, remedy: "principals must be a list of strings"},
	{field: "principals", condition: "numbers", input: principalsInput(`[444455556666]`), message: "got the list [444455556666]", remedy: "principals must be a list of strings"},
	{field: "principals", condition: "empty", input: principalsInput(`[]`), message: "no consumer", remedy: "give vendor"},
	{field: "principals", condition: "more than an endpoint service is meant for", input: principalsInput(`["` + strings.Repeat(`4","`, 100) + `4"]`), message: "got 101", remedy: "at most 100 entries"},
	{field: "principals", condition: "everyone", input: principalsInput(`["*"]`), message: "every AWS account", remedy: "name the account"},
	{field: "principals", condition: "a short account id", input: principalsInput(`["4444"]`), message: `"4444" is no principal`, remedy: "a 12-digit account id"},
	{field: "principals", condition: "an ARN of another service", input: principalsInput(`["arn:aws:s3:::bucket"]`), message: `"arn:aws:s3:::bucket" is no principal`, remedy: "a 12-digit account id"},
	{field: "principals", condition: "the session of a role", input: principalsInput(`["arn:aws:sts::444455556666:assumed-role/loader/x"]`), message: "is no principal", remedy: "of a role or of a user"},
	{field: "principals", condition: "a role with a path", input: principalsInput(`["arn:aws:iam::444455556666:role/team/loader"]`), message: "has a path", remedy: "a role without a path"},
	{field: "principals", condition: "longer than any ARN", input: principalsInput(`["` + strings.Repeat("4", 200000) + `"]`), message: "got 200000", remedy: "at most 256 characters"},
	{field: "principals", condition: "an entry that is null", input: principalsInput(`[null]`), message: `"" is no principal`, remedy: "a 12-digit account id"},
	{field: "principals", condition: "a group", input: principalsInput(`["arn:aws:iam::444455556666:group/dba"]`), message: "group/dba", remedy: "must end in root, role/NAME or user/NAME"},
	{field: "principals", condition: "of another partition", input: principalsInput(`["arn:aws-us-gov:iam::444455556666:root"]`), message: `partition "aws-us-gov"`,
		remedy: "leave it out"},
	{field: "principals", condition: "one of them twice", input: principalsInput(`["444455556666","arn:aws:iam::444455556666:root"]`), message: "arn:aws:iam::444455556666:root is given twice",
		remedy: "leave one out"},

	{field: "endpoint", condition: "not the writer", input: option(`"endpoint":"reader"`), message: `endpoint "reader"`, remedy: "through the endpoint that takes writes"},
	{field: "listenerPort", condition: "a string", input: option(`"listenerPort":"5432"`), message: `got the string "5432"`, remedy: "listenerPort must be a whole number"},
	{field: "listenerPort", condition: "not whole", input: option(`"listenerPort":5432.5`), message: "got the number 5432.5", remedy: "listenerPort must be a whole number"},
	{field: "listenerPort", condition: "out of range", input: option(`"listenerPort":70000`), message: "got 70000", remedy: "must be from 1 to 65535"},
	{field: "listenerPort", condition: "zero", input: option(`"listenerPort":0`), message: "got 0", remedy: "must be from 1 to 65535"},
	{field: "listenerPort", condition: "a list", input: option(`"listenerPort":[]`), message: "got the list []", remedy: "listenerPort must be a whole number"},
	{field: "listenerPort", condition: "larger than any number", input: option(`"listenerPort":1e400`), message: "got the number 1e400", remedy: "listenerPort must be a whole number"},
	{field: "listenerPort", condition: "null", input: option(`"listenerPort":null`), message: "got null", remedy: "listenerPort must be a whole number"},
	{field: "databases", condition: "not a list", input: linkInput(`"orders-prod"`), message: `got the string "orders-prod"`, remedy: "databases must be a list of objects"},
	{field: "databases", condition: "an entry that is no object", input: linkInput(`["orders-prod"]`), message: `got the string "orders-prod"`, remedy: "databases[0] must be an object"},
	{field: "databases", condition: "an unknown field in an entry", input: linkInput(`[{"database":"orders-prod","port":1}]`),
		message: `databases[0] has no field "port"`, remedy: `did you mean "listenerPort"?`},
	{field: "databases", condition: "an entry without a database", input: linkInput(`[{"listenerPort":5432}]`), message: "databases[0].database is missing", remedy: "give the identifier"},
	{field: "databases", condition: "empty", input: linkInput(`[]`), message: "databases is empty", remedy: "name one at least"},
	{field: "databases", condition: "beside database", input: option(`"databases":[{"database":"ledger"}]`), message: "database and databases are both given", remedy: "leave databases out"},
	{field: "databases", condition: "with a listenerPort beside it", input: strings.TrimSuffix(linkInput(two), "}") + `,"listenerPort":5432}`,
		message: "listenerPort is given beside databases", remedy: "put it into the entry of its database"},
	{field: "databases", condition: "one that does not exist", input: linkInput(`[{"database":"orders-prod"},{"database":"warehouse"}]`), message: "databases[1]: ", remedy: exposes},
	{field: "databases", condition: "one to which the vendor does not connect",
		input:   `{"databases":` + two + `,"vendor":"tidb-cloud","vendorAccount":"444455556666","vendorAvailabilityZoneIds":["euc1-az1"]}`,
		change:  withCluster(),
		message: "databases[0]: vendor tidb-cloud connects to mysql", remedy: "use name and principals"},
	{field: "databases", condition: "the same twice", input: linkInput(`[{"database":"orders-prod"},{"database":"` + arnStart + `db:orders-prod","listenerPort":5433}]`),
		message: "databases[0] and databases[1] are both orders-prod", remedy: "leave one out"},
	{field: "databases", condition: "in two VPCs", input: linkInput(two), change: func(f *fakeAWS) {
		withLedger(f)
		f.instances[1].DBSubnetGroup.VpcId = aws.String("vpc-2")
	}, message: "database ledger-prod is in vpc-2, and orders-prod of databases[0] in vpc-1", remedy: "make a link for each VPC"},
	{field: "databases", condition: "more than a load balancer takes listeners", input: linkInput("[" + strings.TrimSuffix(strings.Repeat(`{"database":"orders-prod"},`, 51), ",") + "]"),
		message: "databases has 51 entries", remedy: "make two links"},
	{field: "databases", condition: "with what is on the link besides, more than a load balancer takes listeners", input: linkInput(two), change: func(f *fakeAWS) {
		withLedger(f)
		for i := range 49 {
			f.recorded = append(f.recorded, onLink("other-"+strconv.Itoa(i), int32(6000+i)))
		}
	}, message: "the link would have 51 listeners", remedy: "remove some first"},
	{field: "databases.listenerPort", condition: "out of range", input: linkInput(`[{"database":"orders-prod","listenerPort":0}]`),
		message: "got 0", remedy: "databases[0].listenerPort must be from 1 to 65535"},
	{field: "databases.listenerPort", condition: "of two the same", input: linkInput(`[{"database":"orders-prod"},{"database":"ledger-prod","listenerPort":5432}]`), change: withLedger,
		message: "databases[1].listenerPort: 5432 is the port of databases[0] (orders-prod), too", remedy: "give one of them another listenerPort"},
	{field: "databases.listenerPort", condition: "that of an exposure on the link that the list leaves out", input: linkInput(two), change: func(f *fakeAWS) {
		withLedger(f)
		f.recorded = []registry.Exposure{onLink("stock-acme-00000000", 5433)}
	}, message: "5433 is the port of exposure stock-acme-00000000", remedy: "or remove that exposure first"},
	{field: "databases", condition: "rules for all of them in a group that they share", input: linkInput(`[{"database":"orders-prod"},{"database":"ledger-prod","listenerPort":5433}]`),
		change: func(f *fakeAWS) {
			withLedger(f)
			f.instances[1].Endpoint.Port = aws.Int32(5433)
			f.rules = otherRules(56)
		}, message: "databases[1]: no security group of database ledger-prod (sg-db) has room for 3 more rules", remedy: "raise the quota"},
	{field: "databases", condition: "more than a rule that they share can have tags", input: linkInput(many(50)), change: func(f *fakeAWS) {
		f.ruleLimit = 200
		for i := range 50 {
			f.instances = append(f.instances, instance("db-"+strconv.Itoa(i)))
		}
	}, message: "databases[49]: security group rule that is to be made of database db-49 serves as many exposures", remedy: "attach another security group to the database"},
	{field: "databases", condition: "more ports than the load balancer's and the resolver's groups take", input: linkInput(many(30)), change: func(f *fakeAWS) {
		for i := range 30 {
			f.instances = append(f.instances, instance("db-"+strconv.Itoa(i)))
		}
	}, message: "the security group of the VPC's resolver would have", remedy: "give databases that share ports, make two links, or raise the quota"},
	{field: "acceptance", condition: "not an object", input: option(`"acceptance":"manual"`), message: `got the string "manual"`, remedy: "acceptance must be an object"},
	{field: "acceptance", condition: "a misspelt field", input: option(`"acceptance":{"maxConnection":1}`), message: `acceptance has no field "maxConnection"`, remedy: `did you mean "maxConnections"?`},
	{field: "acceptance.mode", condition: "unknown", input: option(`"acceptance":{"mode":"auto"}`), message: `got "auto"`, remedy: "must be manual or expected-account"},
	{field: "acceptance.mode", condition: "expected-account without an account",
		input:   `{"database":"orders-prod","name":"acme","principals":["firehose.amazonaws.com"],"acceptance":{"mode":"expected-account"}}`,
		message: "a service principal has none", remedy: "use manual"},
	{field: "acceptance.maxConnections", condition: "none", input: option(`"acceptance":{"maxConnections":0}`), message: "got 0", remedy: "must be from 1 to 1000"},
	{field: "acceptance.timeoutDays", condition: "longer than an execution lives", input: option(`"acceptance":{"timeoutDays":1000}`), message: "got 1000", remedy: "must be from 1 to 360"},
	{field: "supportedRegions", condition: "not a region", input: option(`"supportedRegions":["Frankfurt"]`), message: `"Frankfurt" is not a region's name`, remedy: "such as eu-west-1"},
	{field: "privateDnsName", condition: "not a DNS name in full", input: option(`"privateDnsName":"db"`), message: `"db" is not a DNS name that an endpoint service can have`,
		remedy: "give one in full"},
	{field: "privateDnsName", condition: "a wildcard", input: option(`"privateDnsName":"*.example.com"`), message: "is not a DNS name that an endpoint service can have",
		remedy: "without a wildcard"},
	{field: "privateDnsName", condition: "a label of more than 63 characters", input: option(`"privateDnsName":"` + strings.Repeat("a", 64) + `.example.com"`),
		message: "is not a DNS name that an endpoint service can have", remedy: "such as db.example.com"},
	{field: "privateDnsName", condition: "in a domain of AWS's", input: option(`"privateDnsName":"db.rds.amazonaws.com"`), message: `nobody can make one for "db.rds.amazonaws.com"`,
		remedy: "give a name of a domain of yours"},
	{field: "privateDnsName", condition: "in a domain that no public DNS has", input: option(`"privateDnsName":"db.shop.internal"`), message: `nobody can make one for "db.shop.internal"`,
		remedy: "give a name of a domain of yours"},
	{field: "privateDnsName", condition: "a domain that its registry keeps", input: option(`"privateDnsName":"co.uk"`), message: `nobody can make one for "co.uk"`,
		remedy: "give a name of a domain of yours"},
	{field: "privateDnsName", condition: "that of another endpoint service of the account", input: option(`"privateDnsName":"db.example.com"`), change: served("vpce-svc-2", "db.example.com", "", false),
		message: "endpoint service vpce-svc-2 has db.example.com already", remedy: "give another name, or take it from that one"},
	{field: "privateDnsName", condition: "new while a request waits to be accepted", input: option(`"privateDnsName":"db.example.com"`), change: served("vpce-svc-1", "", "pendingAcceptance", true),
		message: "vpce-1 waits to be accepted", remedy: "make approve or make reject"},
	{field: "supportedRegions", condition: "of another partition", input: option(`"supportedRegions":["cn-north-1"]`), message: "is in another partition",
		remedy: "leave it out"},
	{field: "supportedRegions", condition: "no region of AWS", input: option(`"supportedRegions":["eu-west-9"]`), message: "eu-west-9 is no region of AWS",
		remedy: "did you mean eu-west-1"},
	{field: "supportedRegions", condition: "nothing like a region of AWS", input: option(`"supportedRegions":["xx-nowhere-1"]`),
		message: "xx-nowhere-1 is no region of AWS", remedy: "leave it out"},
	{field: "supportedRegions", condition: "a region that the account has not enabled", input: option(`"supportedRegions":["eu-south-1"]`),
		message: "eu-south-1 is not enabled in this account", remedy: "aws account enable-region --region-name eu-south-1"},
	{field: "supportedRegions", condition: "a zone that serves no other region", input: option(`"supportedRegions":["eu-west-1"]`),
		change: func(f *fakeAWS) { f.subnets[0].AvailabilityZoneId = aws.String("use1-az3") }, message: "includes zone use1-az3", remedy: "leave supportedRegions out"},
	{field: "supportedRegions", condition: "a single zone", input: option(`"supportedRegions":["eu-west-1"]`),
		change: func(f *fakeAWS) { f.subnets = f.subnets[:1] }, message: "subnet group has 1", remedy: "add a subnet in another zone"},
	{field: "removed", condition: "unknown", input: option(`"removed":"keep"`), message: `got "keep"`, remedy: "removed must be tell or reject"},
	{field: "ingress", condition: "unknown", input: option(`"ingress":"all"`), message: `got "all"`, remedy: "ingress must be subnets or addresses"},
	{field: "ingress", condition: "null", input: option(`"ingress":null`), message: "got null", remedy: "ingress must be a string"},
	{field: "resolver", condition: "a boolean", input: option(`"resolver":true`), message: "got the boolean true", remedy: "resolver must be a string"},
	{field: "resolver", condition: "none for a public database", input: option(`"resolver":"none"`), change: with(func(d *rdstypes.DBInstance) { d.PubliclyAccessible = aws.Bool(true) }),
		message: "it is publicly accessible", remedy: "use resolver vpc"},
	{field: "resolver", condition: "none for MySQL or MariaDB", input: option(`"resolver":"none"`), change: engine("mysql"), message: "mysql blocks hosts that check its port",
		remedy: "use resolver vpc"},
	{field: "autoPause", condition: "unknown", input: option(`"autoPause":"never"`), message: `got "never"`, remedy: "must be keep or prevent"},
	{field: "flowLogs", condition: "a text", input: option(`"flowLogs":"yes"`), message: `got the string "yes"`, remedy: "flowLogs must be true or false"},
	{field: "flowLogs", condition: "wanted of a stack whose roles are the deployer's, none of them for flow logs", input: option(`"flowLogs":true`),
		change: func(f *fakeAWS) { f.logsNoFlows = true }, message: "none to write flow logs in", remedy: "give the role flow-logs in its option roles"},
	{field: "autoPause", condition: "null", input: option(`"autoPause":null`), message: "got null", remedy: "autoPause must be a string"},
	{field: "autoPause", condition: "not given, for an Aurora Serverless v2 cluster that pauses", input: databaseInput("ledger"), change: withServerless(0, "db.serverless"),
		message: "ledger pauses while nobody connects", remedy: `give "autoPause": "prevent"`},
	{field: "notify", condition: "not an e-mail address", input: option(`"notify":["dba"]`), message: `"dba"`, remedy: "is not an e-mail address"},
	{field: "notify", condition: "an address of no public domain", input: option(`"notify":["dba@localhost"]`), message: `"dba@localhost"`, remedy: "of a public domain"},
	{field: "notify", condition: "an address that is not ASCII", input: option(`"notify":["jürgen@example.com"]`), message: "jürgen@example.com", remedy: "in ASCII"},
	{field: "notify", condition: "an address at an address", input: option(`"notify":["dba@[10.0.0.1]"]`), message: "dba@[10.0.0.1]", remedy: "of a public domain"},
	{field: "notify", condition: "an address with a name", input: option(`"notify":["DBA <dba@example.com>"]`), message: "DBA <dba@example.com>", remedy: "such as dba@example.com"},
	{field: "requestedBy", condition: "several lines", input: option(`"requestedBy":"olga\nadmin"`), message: `"olga\nadmin"`, remedy: "give a name on one line"},
	{field: "requestedBy", condition: "null", input: option(`"requestedBy":null`), message: "got null", remedy: "requestedBy must be a string"},

	{field: "(network)", condition: "a VPC of another account", change: func(f *fakeAWS) { f.vpcOwner = "999999999999" },
		message: "VPC vpc-1 of database orders-prod is shared by account 999999999999", remedy: "restore the database into a VPC of account 111122223333"},
	{field: "(network)", condition: "a VPC without DNS", change: func(f *fakeAWS) { f.noDNS = true }, message: "VPC vpc-1 of database orders-prod has no DNS support",
		remedy: "turn on the VPC's attribute enableDnsSupport"},
	{field: "(network)", condition: "a publicly accessible database in a VPC without DNS hostnames", change: func(f *fakeAWS) {
		f.noHostnames = true
		with(func(d *rdstypes.DBInstance) { d.PubliclyAccessible = aws.Bool(true) })(f)
	}, message: "database orders-prod is publicly accessible and VPC vpc-1 has no DNS hostnames", remedy: "turn on the VPC's attribute enableDnsHostnames"},
	{field: "(network)", condition: "the subnets are gone", change: func(f *fakeAWS) { f.subnets = nil }, message: "are gone", remedy: "add others to the group"},
	{field: "(network)", condition: "the subnets are without IPv4", change: everySubnet(func(s *ec2types.Subnet) { s.CidrBlock = nil }), message: "without IPv4", remedy: "add others to the group"},
	{field: "(network)", condition: "the subnets are on an Outpost", change: everySubnet(func(s *ec2types.Subnet) { s.OutpostArn = aws.String("arn:outpost") }),
		message: "on Outposts", remedy: "add others to the group"},
	{field: "(network)", condition: "the subnets are in a Local Zone", change: everySubnet(func(s *ec2types.Subnet) { s.AvailabilityZoneId = aws.String("euc1-ham1-az1") }),
		message: "in Local or Wavelength Zones", remedy: "add others to the group"},
	{field: "(network)", condition: "fewer than 8 free addresses in a zone", change: func(f *fakeAWS) { f.subnets[1].AvailableIpAddressCount = aws.Int32(7) },
		message: "in zone euc1-az2 has the 8 free addresses that a load balancer needs where it enters: subnet-b has 7", remedy: "free 1 there, or add a subnet in the zone"},
	{field: "(network)", condition: "no free address anywhere", change: everySubnet(func(s *ec2types.Subnet) { s.AvailableIpAddressCount = aws.Int32(0) }),
		message: "subnet-a has 0", remedy: "free 8 there, or add a subnet in the zone"},
	{field: "(network)", condition: "a zone that the load balancer would enter, beside one where it is", change: func(f *fakeAWS) {
		everySubnet(func(s *ec2types.Subnet) { s.AvailableIpAddressCount = aws.Int32(3) })(f)
		f.balancers = []elbtypes.LoadBalancer{ours(f, "subnet-a")}
	}, message: "subnet-b has 3", remedy: "free 5 there, or add a subnet in the zone"},
	{field: "(network)", condition: "a security group of another account", change: func(f *fakeAWS) { f.groups[0].OwnerId = aws.String("999999999999") }, message: "belong to another account",
		remedy: "attach one of account 111122223333"},
	{field: "(network)", condition: "no security group that may be changed, where the deployment asks for the tag", change: func(f *fakeAWS) { f.tagged = true },
		message: "carries the tag rdslink:ingress=allowed", remedy: "put the tag on the one that may be opened"},
	{field: "(network)", condition: "a security group that another account does not show", change: func(f *fakeAWS) { f.groups = nil }, message: "belong to another account",
		remedy: "attach one of account 111122223333"},
	{field: "(quota)", condition: "rules per security group", change: func(f *fakeAWS) { f.rules = otherRules(58) }, message: "has room for 3 more rules", remedy: "raise the quota"},
	{field: "(quota)", condition: "rules per security group, where the account has no value of its own", change: func(f *fakeAWS) { f.rules, f.noQuota = otherRules(58), true },
		message: "has room for 3 more rules, the limit is 60", remedy: "raise the quota"},
	{field: "(quota)", condition: "rules per security group, most of them in a prefix list", change: func(f *fakeAWS) { f.listed("office", "IPv4", 58) },
		message: "has room for 3 more rules", remedy: "a rule with a prefix list counts as the most entries"},
	{field: "(quota)", condition: "rules per security group, most of them in a prefix list of AWS's",
		change: func(f *fakeAWS) {
			f.rules = otherRules(3)
			f.listed("com.amazonaws.global.cloudfront.origin-facing", "IPv4", 0)
		},
		message: "has room for 3 more rules", remedy: "raise the quota"},
	{field: "(quota)", condition: "rules per security group, whose quota was raised", change: func(f *fakeAWS) { f.rules, f.ruleLimit = otherRules(98), 100 },
		message: "has room for 3 more rules, the limit is 100", remedy: "raise the quota"},
	{field: "(quota)", condition: "tags of a rule that exposures share", change: func(f *fakeAWS) { f.rules = sharedRules(49) },
		message: "rule sgr-shared of database orders-prod serves as many exposures as a resource can have tags, which is 50", remedy: "attach another security group"},
	{field: "(quota)", condition: "Network Load Balancers per region", change: func(f *fakeAWS) { f.balancers = fiftyBalancers(elbtypes.LoadBalancerTypeEnumNetwork) }, message: "its limit is 50",
		remedy: "raise the quota"},
}

func (r refusal) err(t *testing.T) error {
	t.Helper()
	fake, input, at := newFake(), r.input, ourExecution
	if r.change != nil {
		r.change(fake)
	}
	if input == "" {
		input = usual
	}
	if r.region != "" {
		at = strings.Replace(ourExecution, "eu-central-1", r.region, 1)
	}
	if strings.HasPrefix(r.region, "us-gov-") {
		at = strings.Replace(at, "arn:aws:", "arn:aws-us-gov:", 1)
	}
	_, err := fake.step().run(t.Context(), Input{Execution: at, Input: json.RawMessage(input)})
	if len(fake.claimed) > 0 {
		t.Errorf("claimed %+v", fake.claimed)
	}
	return err
}

// The claim is the only thing that the step writes: without it, nothing was made.
func TestRefusedBeforeAnythingIsMade(t *testing.T) {
	for _, row := range refusals {
		t.Run(row.field+" "+row.condition, func(t *testing.T) {
			err := row.err(t)
			if outcome.Name(err) != "BadInput" || !strings.Contains(err.Error(), row.message) || !strings.Contains(err.Error(), row.remedy) {
				t.Fatalf("error = %v, want BadInput with %q and %q", err, row.message, row.remedy)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the message has %d characters", len(err.Error()))
			}
		})
	}
}

// Each field has its kind, and says so when it gets another.
func TestEveryFieldRefusesEveryOtherKind(t *testing.T) {
	kinds := map[string]string{
		"a string": `"x"`, "a list of strings": `[]`, "a whole number": `7`, "an object": `{}`, "null": `null`, "true or false": `true`, "a fraction": `0.5`, "a list of numbers": `[7]`,
	}
	for field, kind := range map[string]string{
		"database": "a string", "vendor": "a string", "name": "a string", "principals": "a list of strings", "vendorAccount": "a string",
		"vendorAvailabilityZoneIds": "a list of strings", "vendorRegion": "a string", "endpoint": "a string", "listenerPort": "a whole number", "acceptance": "an object",
		"acceptance.mode": "a string", "acceptance.maxConnections": "a whole number", "acceptance.timeoutDays": "a whole number",
		"supportedRegions": "a list of strings", "removed": "a string", "privateDnsName": "a string",
		"ingress": "a string", "resolver": "a string", "autoPause": "a string", "flowLogs": "true or false", "notify": "a list of strings", "requestedBy": "a string",
	} {
		for other, value := range kinds {
			if other == kind {
				continue
			}
			t.Run(field+" "+other, func(t *testing.T) {
				input := map[string]any{"database": "orders-prod", "vendor": "pushmetrics"}
				if outer, inner, nested := strings.Cut(field, "."); nested {
					input[outer] = map[string]any{inner: json.RawMessage(value)}
				} else {
					input[field] = json.RawMessage(value)
				}
				text, err := json.Marshal(input)
				if err != nil {
					t.Fatal(err)
				}
				fake := newFake()
				_, err = run(t, fake, string(text))
				if want := field + " must be " + kind + ", got "; outcome.Name(err) != "BadInput" || !strings.Contains(err.Error(), want) {
					t.Errorf("error = %v, want BadInput with %q", err, want)
				}
				if len(fake.claimed) > 0 {
					t.Errorf("claimed %+v", fake.claimed)
				}
			})
		}
	}
}

func TestRefusalsAreDocumented(t *testing.T) {
	var page strings.Builder
	page.WriteString("# What step 1 refuses\n\n" +
		"Each row fails the execution with the error `BadInput` before anything is made. The table is written by the test that holds it:\n" +
		"`go test ./functions/01-gather-rds-details -run Documented -update`. Names and numbers in the messages are examples.\n\n" +
		"| Field | Condition | Message | Remedy |\n|---|---|---|---|\n")
	for _, row := range refusals {
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", row.field, cell(row.condition), cell(row.err(t).Error()), cell(row.remedy))
	}
	golden.ComparePage(t, "refusals.md", "", page.String())
}

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;", "\n", " ").Replace(text)
}
