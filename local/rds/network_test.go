package rds_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	awsrds "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
	"github.com/rdslink/rdslink/local/postgres"
	"github.com/rdslink/rdslink/local/postgres/postgrestest"
	"github.com/rdslink/rdslink/local/rds"
	"github.com/rdslink/rdslink/local/wire"
)

func TestMain(m *testing.M) { networktest.TestMain(m) }

// cloud is a real VPC in which PostgreSQL runs.
type cloud struct {
	t          *testing.T
	network    *network.Network
	vpcs       *ec2.Service
	postgres   *postgres.Installation
	operations []wire.Operations
}

func newCloud(t *testing.T) cloud {
	t.Helper()
	w := &model.World{Region: "eu-central-1", Speed: 10_000, Delays: model.Documented}
	n := networktest.New(t)
	installation, _ := postgrestest.Install(t, n)
	vpcs := ec2.New(w, n)
	databases := rds.New(w, vpcs, rds.Servers(n, installation))
	return cloud{t, n, vpcs, installation, []wire.Operations{w.Locked(vpcs.Operations()), w.Locked(databases.Operations())}}
}

// call makes an API call, and tells whether the service refused it.
func call[O, I any](c cloud, operation string, in I) (*O, error) {
	ctx := wire.WithCaller(context.Background(), wire.Caller{Account: "111122223333"})
	for _, service := range c.operations {
		if serve, ok := service[operation]; ok {
			out, err := serve(ctx, func(into any) error {
				*into.(*I) = in
				return nil
			})
			if err != nil {
				return nil, err
			}
			return out.(*O), nil
		}
	}
	c.t.Fatalf("no operation %s", operation)
	return nil, nil
}

func must[O, I any](c cloud, operation string, in I) *O {
	c.t.Helper()
	out, err := call[O](c, operation, in)
	if err != nil {
		c.t.Fatal(operation, err)
	}
	return out
}

func (c cloud) await(what string, so func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if so() {
			return
		}
	}
	c.t.Fatalf("never %s", what)
}

// awaitInstance waits until an instance is available.
func (c cloud) awaitInstance(id string) (d types.DBInstance) {
	c.t.Helper()
	c.await(id+" available", func() bool {
		out, err := call[awsrds.DescribeDBInstancesOutput](c, "DescribeDBInstances", awsrds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		if err != nil || *out.DBInstances[0].DBInstanceStatus != "available" {
			return false
		}
		d = out.DBInstances[0]
		return true
	})
	return d
}

// awaitCluster waits until the cluster orders is available.
func (c cloud) awaitCluster() (d types.DBCluster) {
	c.t.Helper()
	c.await("orders available", func() bool {
		out, err := call[awsrds.DescribeDBClustersOutput](c, "DescribeDBClusters", awsrds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("orders")})
		if err != nil || *out.DBClusters[0].Status != "available" {
			return false
		}
		d = out.DBClusters[0]
		return true
	})
	return d
}

// newSubnetGroup makes a VPC with three subnets, and a group "private" of them.
func (c cloud) newSubnetGroup() (vpc string, subnets []string) {
	c.t.Helper()
	vpc = *must[awsec2.CreateVpcOutput](c, "CreateVpc", awsec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}).Vpc.VpcId
	for n, zone := range []string{"eu-central-1a", "eu-central-1b", "eu-central-1c"} {
		cidr := fmt.Sprintf("10.0.%d.0/24", n+1)
		subnets = append(subnets, *must[awsec2.CreateSubnetOutput](c, "CreateSubnet", awsec2.CreateSubnetInput{VpcId: &vpc, AvailabilityZone: &zone, CidrBlock: &cidr}).Subnet.SubnetId)
	}
	must[awsrds.CreateDBSubnetGroupOutput](c, "CreateDBSubnetGroup", awsrds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: aws.String("private"), DBSubnetGroupDescription: aws.String("-"), SubnetIds: subnets,
	})
	return vpc, subnets
}

// connect connects to the address as a client on the address from, with the certificate verified against the name.
func (c cloud) connect(vpc string, from netip.Addr, name string, at netip.Addr) (*pgx.Conn, error) {
	c.t.Helper()
	config, err := pgx.ParseConfig("user=app password=correct-horse dbname=orders")
	if err != nil {
		c.t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(c.postgres.CA())
	config.Host, config.TLSConfig = name, &tls.Config{ServerName: name, RootCAs: trusted}
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{at.String()}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return c.network.Dial(ctx, vpc, from, netip.AddrPortFrom(at, 5432))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err == nil {
		c.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	}
	return conn, err
}

// lookUp is where a name leads, asked once.
func (c cloud) lookUp(vpc, name string) []netip.Addr {
	addresses, _, _ := c.vpcs.Records().Lookup(vpc, name)
	return addresses
}

// try runs one statement where the endpoint leads and gives its value, if any. A server talks to itself unhindered.
func (c cloud) try(vpc, endpoint, statement string) (answer string, err error) {
	c.t.Helper()
	at := c.lookUp(vpc, endpoint)[0]
	conn, err := c.connect(vpc, at, endpoint, at)
	if err != nil {
		return "", err
	}
	rows, err := conn.Query(context.Background(), statement)
	if err != nil {
		return "", err
	}
	for rows.Next() {
		if err := rows.Scan(&answer); err != nil {
			return "", err
		}
	}
	return answer, rows.Err()
}

func (c cloud) query(vpc, endpoint, statement string) string {
	c.t.Helper()
	answer, err := c.try(vpc, endpoint, statement)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

func TestDataSurvivesFailoverToAnotherAddress(t *testing.T) {
	c := newCloud(t)
	vpc, _ := c.newSubnetGroup()
	must[awsrds.CreateDBInstanceOutput](c, "CreateDBInstance", awsrds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("orders"), DBInstanceClass: aws.String("db.t4g.micro"), Engine: aws.String("postgres"), DBName: aws.String("orders"),
		MasterUsername: aws.String("app"), MasterUserPassword: aws.String("correct-horse"), MultiAZ: aws.Bool(true), DBSubnetGroupName: aws.String("private"),
	})
	endpoint := *c.awaitInstance("orders").Endpoint.Address
	before := c.lookUp("", endpoint)
	c.query(vpc, endpoint, "create table kept as select 'kept' as word")

	must[awsrds.RebootDBInstanceOutput](c, "RebootDBInstance", awsrds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("orders"), ForceFailover: aws.Bool(true)})
	c.awaitInstance("orders")
	if after := c.lookUp("", endpoint); after[0] == before[0] {
		t.Errorf("the address is still %s", after[0])
	}
	if word := c.query(vpc, endpoint, "select word from kept"); word != "kept" {
		t.Errorf("found %q", word)
	}
}

// The green instance has all that was written until the switchover, and a certificate of its new name in the end; the blue
// one stays, under another name, and refuses writes.
func TestDataGoOverToTheGreenInstance(t *testing.T) {
	c := newCloud(t)
	vpc, _ := c.newSubnetGroup()
	must[awsrds.CreateDBInstanceOutput](c, "CreateDBInstance", awsrds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("orders"), DBInstanceClass: aws.String("db.t4g.micro"), Engine: aws.String("postgres"), DBName: aws.String("orders"),
		MasterUsername: aws.String("app"), MasterUserPassword: aws.String("correct-horse"), DBSubnetGroupName: aws.String("private"),
	})
	blue := c.awaitInstance("orders")
	id := must[awsrds.CreateBlueGreenDeploymentOutput](c, "CreateBlueGreenDeployment", awsrds.CreateBlueGreenDeploymentInput{
		BlueGreenDeploymentName: aws.String("upgrade"), Source: blue.DBInstanceArn,
	}).BlueGreenDeployment.BlueGreenDeploymentIdentifier
	awaitDeployment := func(status string) {
		c.await(status, func() bool {
			out, err := call[awsrds.DescribeBlueGreenDeploymentsOutput](c, "DescribeBlueGreenDeployments",
				awsrds.DescribeBlueGreenDeploymentsInput{BlueGreenDeploymentIdentifier: id})
			return err == nil && *out.BlueGreenDeployments[0].Status == status
		})
	}
	awaitDeployment("AVAILABLE")
	endpoint := *blue.Endpoint.Address
	before := c.lookUp("", endpoint)
	c.query(vpc, endpoint, "create table words as select 'before' as word")

	must[awsrds.SwitchoverBlueGreenDeploymentOutput](c, "SwitchoverBlueGreenDeployment",
		awsrds.SwitchoverBlueGreenDeploymentInput{BlueGreenDeploymentIdentifier: id})
	awaitDeployment("SWITCHOVER_COMPLETED")
	old := *c.awaitInstance("orders-old1").Endpoint.Address
	if after := c.lookUp("", endpoint); after[0] == before[0] || c.lookUp("", old)[0] != before[0] {
		t.Errorf("the name leads from %s to %s, the old one's to %s", before, after, c.lookUp("", old))
	}
	c.awaitWords(vpc, endpoint, "before")
	c.query(vpc, endpoint, "insert into words values ('after')")
	c.awaitWords(vpc, old, "before")
	c.mustRefuseWrites(vpc, old)
}

// newAurora makes a cluster orders of two members, one and two, with a table of words.
func (c cloud) newAurora(vpc string) types.DBCluster {
	c.t.Helper()
	must[awsrds.CreateDBClusterOutput](c, "CreateDBCluster", awsrds.CreateDBClusterInput{
		DBClusterIdentifier: aws.String("orders"), Engine: aws.String("aurora-postgresql"), DatabaseName: aws.String("orders"),
		MasterUsername: aws.String("app"), MasterUserPassword: aws.String("correct-horse"), DBSubnetGroupName: aws.String("private"),
	})
	c.awaitCluster()
	for _, id := range []string{"one", "two"} {
		must[awsrds.CreateDBInstanceOutput](c, "CreateDBInstance", awsrds.CreateDBInstanceInput{
			DBInstanceIdentifier: &id, DBClusterIdentifier: aws.String("orders"), DBInstanceClass: aws.String("db.r8g.large"), Engine: aws.String("aurora-postgresql"),
		})
	}
	c.awaitInstance("one")
	c.awaitInstance("two")
	d := c.awaitCluster()
	c.query(vpc, *d.Endpoint, "create table words as select 'before' as word")
	return d
}

// words is what a select finds at an endpoint, once it is there: readers are some milliseconds behind.
func (c cloud) awaitWords(vpc, endpoint, want string) {
	c.t.Helper()
	c.await(want+" at "+endpoint, func() bool {
		got, err := c.try(vpc, endpoint, "select string_agg(word, ' ' order by word desc) from words")
		return err == nil && got == want
	})
}

// mustRefuseWrites wants what a person sees who writes to a reader: cannot execute INSERT in a read-only transaction.
func (c cloud) mustRefuseWrites(vpc, endpoint string) {
	c.t.Helper()
	_, err := c.try(vpc, endpoint, "insert into words values ('lost')")
	if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Message != "cannot execute INSERT in a read-only transaction" {
		c.t.Errorf("got %v", err)
	}
}

func TestOldWriterOfAuroraComesBackAsAReader(t *testing.T) {
	c := newCloud(t)
	vpc, _ := c.newSubnetGroup()
	d := c.newAurora(vpc)
	one, two := *c.awaitInstance("one").Endpoint.Address, *c.awaitInstance("two").Endpoint.Address
	c.awaitWords(vpc, *d.ReaderEndpoint, "before")
	c.mustRefuseWrites(vpc, two)
	before := c.lookUp("", *d.Endpoint)

	must[awsrds.FailoverDBClusterOutput](c, "FailoverDBCluster", awsrds.FailoverDBClusterInput{DBClusterIdentifier: aws.String("orders")})
	c.awaitCluster()
	if after := c.lookUp("", *d.Endpoint); after[0] == before[0] || after[0] != c.lookUp("", two)[0] {
		t.Errorf("the cluster's endpoint leads from %s to %s", before, after)
	}
	if at := c.lookUp("", one); at[0] != before[0] {
		t.Errorf("the old writer moved from %s to %s", before, at)
	}
	c.query(vpc, *d.Endpoint, "insert into words values ('after')")
	c.awaitWords(vpc, one, "before after")
	c.mustRefuseWrites(vpc, one)
	if at := c.lookUp("", *d.ReaderEndpoint); at[0] != before[0] {
		t.Errorf("the reader endpoint leads to %s", at)
	}

	// The data outlives every member.
	for _, id := range []string{"two", "one"} {
		must[awsrds.DeleteDBInstanceOutput](c, "DeleteDBInstance", awsrds.DeleteDBInstanceInput{DBInstanceIdentifier: &id, SkipFinalSnapshot: aws.Bool(true)})
		c.await(id+" gone", func() bool {
			_, err := call[awsrds.DescribeDBInstancesOutput](c, "DescribeDBInstances", awsrds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
			return err != nil
		})
	}
	must[awsrds.CreateDBInstanceOutput](c, "CreateDBInstance", awsrds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("three"), DBClusterIdentifier: aws.String("orders"), DBInstanceClass: aws.String("db.r8g.large"),
		Engine: aws.String("aurora-postgresql"),
	})
	c.awaitInstance("three")
	c.awaitWords(vpc, *d.Endpoint, "before after")
	c.query(vpc, *d.Endpoint, "insert into words values ('again')")
}

func TestProxyKeepsItsAddressesWhenTheClusterFailsOver(t *testing.T) { // AmazonRDS/latest/UserGuide/rds-proxy.howitworks.html
	c := newCloud(t)
	vpc, subnets := c.newSubnetGroup()
	c.newAurora(vpc)
	must[awsrds.CreateDBProxyOutput](c, "CreateDBProxy", awsrds.CreateDBProxyInput{
		DBProxyName: aws.String("orders-proxy"), EngineFamily: types.EngineFamilyPostgresql, RoleArn: aws.String("arn:aws:iam::111122223333:role/proxy"), VpcSubnetIds: subnets,
	})
	var proxy types.DBProxy
	c.await("an available proxy", func() bool {
		proxy = must[awsrds.DescribeDBProxiesOutput](c, "DescribeDBProxies", awsrds.DescribeDBProxiesInput{DBProxyName: aws.String("orders-proxy")}).DBProxies[0]
		return proxy.Status == types.DBProxyStatusAvailable
	})
	must[awsrds.RegisterDBProxyTargetsOutput](c, "RegisterDBProxyTargets", awsrds.RegisterDBProxyTargetsInput{DBProxyName: aws.String("orders-proxy"), DBClusterIdentifiers: []string{"orders"}})
	addresses := c.allAddresses(vpc, *proxy.Endpoint)
	if len(addresses) != 3 {
		t.Fatalf("the proxy has %s", addresses)
	}
	c.query(vpc, *proxy.Endpoint, "insert into words values ('between')")

	must[awsrds.FailoverDBClusterOutput](c, "FailoverDBCluster", awsrds.FailoverDBClusterInput{DBClusterIdentifier: aws.String("orders")})
	c.awaitCluster()
	if after := c.allAddresses(vpc, *proxy.Endpoint); !slices.Equal(after, addresses) {
		t.Errorf("the addresses were %s and are %s", addresses, after)
	}
	for _, at := range addresses { // every address leads to the new writer
		conn, err := c.connect(vpc, at, *proxy.Endpoint, at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "insert into words values ('after')"); err != nil {
			t.Error(err)
		}
	}
}

// allAddresses are what many answers have together.
func (c cloud) allAddresses(vpc, name string) []netip.Addr {
	var all []netip.Addr
	for range 10 {
		all = append(all, c.lookUp(vpc, name)...)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}
