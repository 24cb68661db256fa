// Package database describes what can be exposed. Each kind of RDS database has a file of its own: DB instances
// (instance.go), Aurora and Multi-AZ DB clusters (cluster.go), RDS Proxies (proxy.go).
package database

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/internal/nearest"
	"github.com/rdslink/rdslink/internal/outcome"
)

// The kinds of databases.
const (
	Instance = "instance"
	Cluster  = "cluster" // Aurora or Multi-AZ DB cluster
	Proxy    = "proxy"
)

// Writer is the endpoint that takes writes.
const Writer = "writer"

// Database is one endpoint of a database, with what its neighbourhood in the VPC is made of.
type Database struct {
	ARN              string
	Kind             string
	Identifier       string
	Endpoint         string
	Engine           string // as RDS spells it; for a proxy, that of what is behind it, without edition
	Host             string // the endpoint's DNS name, which is also the name in its TLS certificate
	Port             int
	Pauses           bool // where nobody connects
	Public           bool // its name resolves to a public address outside the VPC
	VPCID            string
	SubnetIDs        []string // of the subnet group; RDS does not promise that they still exist
	Zones            []string // the names of those where it is or fails over to; empty where RDS does not tell
	SecurityGroupIDs []string // the active ones
}

// Home is where rdslink runs: the only place whose databases it can expose.
type Home struct {
	Partition, Region, Account string
}

// API is what RDS is asked for when a database is looked for.
type API interface {
	TopologyAPI
	DescribeDBSubnetGroups(context.Context, *rds.DescribeDBSubnetGroupsInput, ...func(*rds.Options)) (*rds.DescribeDBSubnetGroupsOutput, error)
	DescribeGlobalClusters(context.Context, *rds.DescribeGlobalClustersInput, ...func(*rds.Options)) (*rds.DescribeGlobalClustersOutput, error)
}

// TopologyAPI is what RDS is asked for when a database is observed.
type TopologyAPI interface {
	DescribeDBInstances(context.Context, *rds.DescribeDBInstancesInput, ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error)
	DescribeDBClusters(context.Context, *rds.DescribeDBClustersInput, ...func(*rds.Options)) (*rds.DescribeDBClustersOutput, error)
	DescribeDBProxies(context.Context, *rds.DescribeDBProxiesInput, ...func(*rds.Options)) (*rds.DescribeDBProxiesOutput, error)
}

// supported ends every refusal of a kind of database.
const supported = "rdslink exposes DB instances of PostgreSQL, MySQL, MariaDB, SQL Server and Oracle, Aurora and Multi-AZ DB clusters, " +
	"and RDS Proxies, through the endpoint that takes writes"

// reference is what a person named: one kind of thing by its ARN, or an identifier of whatever kind.
type reference struct {
	resource   string // the type in the ARN; empty for an identifier
	identifier string
}

// Find describes the endpoint of the database that a person named by identifier or ARN.
func Find(ctx context.Context, api API, home Home, name, endpoint string) (Database, error) {
	ref, err := refer(name, home)
	if err != nil {
		return Database{}, err
	}
	if endpoint != Writer {
		return Database{}, outcome.BadInput("endpoint %q of database %s cannot be exposed: %s", endpoint, name, supported)
	}
	for _, kind := range []struct {
		resource string
		find     func(context.Context, API, string) (Database, bool, error)
	}{{"db", findInstance}, {"cluster", findCluster}, {"db-proxy", findProxy}} {
		if ref.resource != "" && ref.resource != kind.resource {
			continue
		}
		if db, found, err := kind.find(ctx, api, ref.identifier); found || err != nil {
			return db, err
		}
	}
	return Database{}, unknown(ctx, api, ref.identifier)
}

// refer takes an ARN apart, whose region and account must be those of home. RDS folds identifiers to lower case.
func refer(name string, home Home) (reference, error) {
	if !strings.HasPrefix(name, "arn:") {
		return reference{identifier: strings.ToLower(name)}, nil
	}
	parsed, err := arn.Parse(name)
	if err != nil || parsed.Service != "rds" {
		return reference{}, outcome.BadInput("database %q is not the ARN of an RDS database", name)
	}
	resource, identifier, _ := strings.Cut(parsed.Resource, ":")
	switch {
	case resource == "global-cluster":
		return reference{}, outcome.BadInput("database %s is a global cluster: give the cluster of this region that takes its writes", name)
	case resource != "db" && resource != "cluster" && resource != "db-proxy":
		return reference{}, outcome.BadInput("database %s is a %s: %s", name, resource, supported)
	case parsed.Region != home.Region:
		return reference{}, outcome.BadInput("database %s is in region %s, and rdslink runs in %s: start the execution of the rdslink in %s",
			name, parsed.Region, home.Region, parsed.Region)
	case parsed.Partition != home.Partition:
		return reference{}, outcome.BadInput("database %s is in partition %s, and rdslink runs in %s: "+
			"start the execution in the partition of the database",
			name, parsed.Partition, home.Partition)
	case parsed.AccountID != home.Account:
		return reference{}, outcome.BadInput("database %s belongs to account %s, and rdslink runs in %s: "+
			"start the execution in the account of the database",
			name, parsed.AccountID, home.Account)
	}
	return reference{resource, strings.ToLower(identifier)}, nil
}

// unknown says what a person may have meant.
func unknown(ctx context.Context, api API, identifier string) error {
	all, err := identifiers(ctx, api)
	if err != nil {
		return err
	}
	near := nearest.To(identifier, all)
	switch {
	case len(near) > 0:
		return outcome.BadInput("database %q does not exist in this account and region; did you mean %s?", identifier, strings.Join(near, " or "))
	case len(all) > 0:
		return outcome.BadInput("database %q does not exist in this account and region, where %d others do, %s among them; %s",
			identifier, len(all), all[0], supported)
	default:
		return outcome.BadInput("database %q does not exist: this account has no database in this region; %s", identifier, supported)
	}
}

// identifiers lists the databases of every kind.
func identifiers(ctx context.Context, api API) ([]string, error) {
	var all []string
	for _, list := range []func(context.Context, API) ([]string, error){instanceIdentifiers, clusterIdentifiers, proxyNames} {
		some, err := list(ctx, api)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}
