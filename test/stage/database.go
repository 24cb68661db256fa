package stage

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"
)

// Database is a database of the customer: an RDS instance, a cluster or a proxy.
type Database struct {
	Identifier    string
	Host          string
	Port          int
	SecurityGroup string
	Further       []string // security groups besides
	VPC           VPC
}

// The databases' master user.
const (
	masterUser     = "orders"
	masterPassword = "correct-horse-battery"
)

// NewDatabase makes a PostgreSQL instance with its own security group, and further ones, and waits until it is available.
func (c *Cloud) NewDatabase(ctx context.Context, vpc VPC, identifier string, multiAZ bool, further ...string) (Database, error) {
	d, err := c.CreateDatabase(ctx, vpc, identifier, multiAZ, further...)
	if err != nil {
		return Database{}, err
	}
	return c.awaitInstance(ctx, d)
}

// awaitInstance waits until an instance is available.
func (c *Cloud) awaitInstance(ctx context.Context, d Database) (Database, error) {
	client, identifier := rds.NewFromConfig(c.Config(d.VPC.Account)), d.Identifier
	err := poll(ctx, func() (bool, error) {
		out, err := client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &identifier})
		if err != nil || len(out.DBInstances) != 1 {
			return false, err
		}
		instance := out.DBInstances[0]
		if instance.Endpoint != nil {
			d.Host, d.Port = aws.ToString(instance.Endpoint.Address), int(aws.ToInt32(instance.Endpoint.Port))
		}
		return aws.ToString(instance.DBInstanceStatus) == "available", nil
	})
	if err != nil {
		return Database{}, fmt.Errorf("wait for DB instance %s: %w", identifier, err)
	}
	return d, nil
}

// CreateDatabase is the beginning of NewDatabase: the instance is creating, and has no endpoint yet.
func (c *Cloud) CreateDatabase(ctx context.Context, vpc VPC, identifier string, multiAZ bool, further ...string) (Database, error) {
	d, err := c.surround(ctx, vpc, identifier, postgreSQLPort)
	if err != nil {
		return Database{}, err
	}
	d.Further = further
	return d, c.createInstance(ctx, d, &rds.CreateDBInstanceInput{
		Engine: aws.String("postgres"), DBName: aws.String("orders"), MultiAZ: &multiAZ,
	})
}

// NewGreeter makes an instance of an engine of which the local cloud has the beginning of a connection, and no data.
func (c *Cloud) NewGreeter(ctx context.Context, vpc VPC, identifier, engine string, port int32) (Database, error) {
	d, err := c.surround(ctx, vpc, identifier, port)
	if err != nil {
		return Database{}, err
	}
	if err := c.createInstance(ctx, d, &rds.CreateDBInstanceInput{Engine: &engine, Port: &port}); err != nil {
		return Database{}, err
	}
	return c.awaitInstance(ctx, d)
}

// NewMySQL makes a MySQL instance, of which the local cloud has the beginning of a connection, and no data. It blocks a host
// for the first handshake that breaks off: a single health check that reached it would show.
func (c *Cloud) NewMySQL(ctx context.Context, vpc VPC, identifier string) (Database, error) {
	d, err := c.surround(ctx, vpc, identifier, mySQLPort)
	if err != nil {
		return Database{}, err
	}
	if err := c.newStrictParameters(ctx, d); err != nil {
		return Database{}, err
	}
	return c.newMySQL(ctx, d, &d.Identifier)
}

// NewForgivingMySQL is one as RDS makes it by itself: it blocks a host after a hundred unfinished handshakes in a row.
func (c *Cloud) NewForgivingMySQL(ctx context.Context, vpc VPC, identifier string) (Database, error) {
	d, err := c.surround(ctx, vpc, identifier, mySQLPort)
	if err != nil {
		return Database{}, err
	}
	return c.newMySQL(ctx, d, nil)
}

func (c *Cloud) newMySQL(ctx context.Context, d Database, parameters *string) (Database, error) {
	if err := c.createInstance(ctx, d, &rds.CreateDBInstanceInput{
		Engine: aws.String("mysql"), MultiAZ: aws.Bool(true), DBParameterGroupName: parameters,
	}); err != nil {
		return Database{}, err
	}
	return c.awaitInstance(ctx, d)
}

// newStrictParameters makes a parameter group for a MySQL instance that forgives no unfinished handshake.
func (c *Cloud) newStrictParameters(ctx context.Context, d Database) error {
	client := rds.NewFromConfig(c.Config(d.VPC.Account))
	if _, err := client.CreateDBParameterGroup(ctx, &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: &d.Identifier, DBParameterGroupFamily: aws.String("mysql8.4"), Description: aws.String("strict"),
	}); err != nil {
		return fmt.Errorf("create DB parameter group %s: %w", d.Identifier, err)
	}
	if _, err := client.ModifyDBParameterGroup(ctx, &rds.ModifyDBParameterGroupInput{
		DBParameterGroupName: &d.Identifier,
		Parameters: []rdstypes.Parameter{{
			ParameterName: aws.String("max_connect_errors"), ParameterValue: aws.String("1"), ApplyMethod: rdstypes.ApplyMethodImmediate,
		}},
	}); err != nil {
		return fmt.Errorf("modify DB parameter group %s: %w", d.Identifier, err)
	}
	return nil
}

// createInstance makes an instance with what is special about it, and what all have.
func (c *Cloud) createInstance(ctx context.Context, d Database, in *rds.CreateDBInstanceInput) error {
	in.DBInstanceIdentifier, in.VpcSecurityGroupIds = &d.Identifier, append([]string{d.SecurityGroup}, d.Further...)
	if !d.VPC.Default { // RDS finds that one itself
		in.DBSubnetGroupName = &d.Identifier
	}
	in.DBInstanceClass, in.AllocatedStorage = aws.String("db.t4g.micro"), aws.Int32(20)
	in.MasterUsername, in.MasterUserPassword = aws.String(masterUser), aws.String(masterPassword)
	in.PubliclyAccessible = aws.Bool(false)
	if _, err := rds.NewFromConfig(c.Config(d.VPC.Account)).CreateDBInstance(ctx, in); err != nil {
		return fmt.Errorf("create DB instance %s: %w", d.Identifier, err)
	}
	return nil
}

const (
	postgreSQLPort = 5432
	mySQLPort      = 3306
)

// surround makes what a database lies in: a security group and, but for the default VPC, a subnet group of its own.
func (c *Cloud) surround(ctx context.Context, vpc VPC, identifier string, port int32) (Database, error) {
	group, err := c.newDatabaseGroup(ctx, vpc, identifier, port)
	if err != nil {
		return Database{}, err
	}
	d := Database{Identifier: identifier, SecurityGroup: group, VPC: vpc}
	if vpc.Default {
		return d, nil
	}
	if _, err := rds.NewFromConfig(c.Config(vpc.Account)).CreateDBSubnetGroup(ctx, &rds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: &identifier, DBSubnetGroupDescription: aws.String("private"), SubnetIds: vpc.SubnetIDs(),
	}); err != nil {
		return Database{}, fmt.Errorf("create DB subnet group %s: %w", identifier, err)
	}
	return d, nil
}

// newDatabaseGroup makes a security group that admits its own members only, to one port: the customer's applications.
func (c *Cloud) newDatabaseGroup(ctx context.Context, vpc VPC, name string, port int32) (string, error) {
	client := ec2.NewFromConfig(c.Config(vpc.Account))
	group, err := client.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: &name, Description: aws.String("the database " + name + " and its applications"), VpcId: &vpc.ID,
	})
	if err != nil {
		return "", fmt.Errorf("create security group %s: %w", name, err)
	}
	if _, err := client.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: group.GroupId,
		IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port,
			UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: group.GroupId}},
		}},
	}); err != nil {
		return "", fmt.Errorf("authorize applications of %s: %w", name, err)
	}
	return aws.ToString(group.GroupId), nil
}

// Application is the customer's own client of the database, in the same VPC and security group.
func (d Database) Application() Client {
	return Client{Place: Place{Account: d.VPC.Account, Subnet: d.VPC.SubnetIDs()[0], SecurityGroup: d.SecurityGroup},
		Host: d.Host, Port: d.Port, ServerName: d.Host}
}

// Client is a program that connects to a database over TLS and verifies its certificate in full.
type Client struct {
	Place      Place
	Host       string // what it connects to
	Port       int
	ServerName string // what the certificate must say

	User, Password string // the master user's where they are empty
}

// Connect connects to the database as c says.
func (c *Cloud) Connect(ctx context.Context, from Client) (*pgx.Conn, error) {
	roots, err := c.roots(ctx)
	if err != nil {
		return nil, err
	}
	settings, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d dbname=orders sslmode=require", from.Host, from.Port))
	if err != nil {
		return nil, fmt.Errorf("parse connection settings: %w", err)
	}
	settings.User, settings.Password = cmp.Or(from.User, masterUser), cmp.Or(from.Password, masterPassword)
	settings.TLSConfig = &tls.Config{RootCAs: roots, ServerName: from.ServerName, MinVersion: tls.VersionTLS12}
	settings.ConnectTimeout = 10 * time.Second
	// The VPC of the client resolves the name, not this machine.
	settings.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	settings.DialFunc = func(ctx context.Context, _, address string) (net.Conn, error) {
		return c.Dial(ctx, from.Place, address)
	}
	conn, err := pgx.ConnectConfig(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("connect to %s from %s: %w", from.Host, from.Place.Subnet, err)
	}
	return conn, nil
}

// Reset ends a connection as that of a program ends that is killed: without goodbye.
func Reset(conn *pgx.Conn) error {
	secured, ok := conn.PgConn().Conn().(*tls.Conn)
	if !ok {
		return errors.New("reset a connection: it is not over TLS")
	}
	dialled, ok := secured.NetConn().(early)
	if !ok {
		return errors.New("reset a connection: nobody here has dialled it")
	}
	if tcp, ok := dialled.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return dialled.Close()
}

// roots are what clients trust.
func (c *Cloud) roots(ctx context.Context) (*x509.CertPool, error) {
	pem, err := c.Authority(ctx)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("read the databases' certificate authority: no certificate")
	}
	return roots, nil
}

// poll asks every tenth of a second until the answer is yes.
func poll(ctx context.Context, ask func() (bool, error)) error {
	for {
		if yes, err := ask(); yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Fill makes a table of orders in the database, as the customer's application would.
func (c *Cloud) Fill(ctx context.Context, d Database) error {
	conn, err := c.Connect(ctx, d.Application())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, `
		create table orders (id int primary key, item text not null, quantity int not null);
		insert into orders values (1, 'kettle', 2), (2, 'teapot', 1), (3, 'cup', 6)`)
	if err != nil {
		return fmt.Errorf("fill %s: %w", d.Identifier, err)
	}
	return nil
}

// Rows reads the orders, a line for each.
func (c *Cloud) Rows(ctx context.Context, from Client) ([]string, error) {
	conn, err := c.Connect(ctx, from)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `select format('%s  %-8s %s', id, item, quantity) from orders order by id`)
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	return lines, nil
}
