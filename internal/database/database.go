// Package database describes what can be exposed. Each kind of RDS database has a file of its own: DB instances
// (instance.go), Aurora and Multi-AZ DB clusters (cluster.go), RDS Proxies (proxy.go).
package database

import (
	"cmp"
	"context"
	"regexp"
	"slices"
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
	ParameterGroup   string   // an instance's own, or a cluster's; a proxy has none
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
	host       string // of an address, which must be the database's; empty otherwise
}

// Find describes the endpoint of the database that a person named by identifier or ARN.
func Find(ctx context.Context, api API, home Home, name, endpoint string) (Database, error) {
	ref, err := refer(name, home)
	if err != nil {
		return Database{}, err
	}
	if endpoint != Writer {
		return Database{}, outcome.BadInput("endpoint %q of database %q cannot be exposed: %s",
			outcome.Typed(endpoint), outcome.Typed(ref.identifier), supported)
	}
	for _, kind := range []struct {
		resource string
		find     func(context.Context, API, string) (Database, bool, error)
	}{{"db", findInstance}, {"cluster", findCluster}, {"db-proxy", findProxy}} {
		if ref.resource != "" && ref.resource != kind.resource {
			continue
		}
		if db, found, err := kind.find(ctx, api, ref.identifier); found || err != nil {
			return db, cmp.Or(err, ref.means(db))
		}
	}
	return Database{}, unknown(ctx, api, ref)
}

// refer takes apart what names one database of home: its identifier, its ARN, or an address that refers to it.
func refer(name string, home Home) (reference, error) {
	if lower := strings.ToLower(name); strings.HasPrefix(lower, "arn:") { // as RDS writes it
		return referARN(lower, home)
	}
	if ref, is, err := referAddress(name, home); is || err != nil {
		return ref, err
	}
	return reference{identifier: strings.ToLower(name)}, nil // as RDS folds it
}

// Named is what a person has named by identifier, ARN or address, as far as the text alone says it.
type Named struct {
	Identifier string
	ARNs       []string // that it may have: none of a proxy that is not named by its ARN
	exact      bool     // the text says which of them
}

// Refer reads what a person has named, whether or not it is there.
func Refer(name string, home Home) (Named, error) {
	ref, err := refer(name, home)
	if err != nil {
		return Named{}, err
	}
	exact := ref.resource == "db" || ref.resource == "cluster" || ref.resource == "db-proxy" && ref.host == ""
	m := Named{Identifier: ref.identifier, exact: exact}
	resources := []string{ref.resource}
	switch {
	case ref.resource == "":
		resources = []string{"db", "cluster"}
	case !m.exact:
		resources = nil
	}
	for _, resource := range resources {
		m.ARNs = append(m.ARNs, arn.ARN{
			Partition: home.Partition, Service: "rds", Region: home.Region, AccountID: home.Account, Resource: resource + ":" + ref.identifier,
		}.String())
	}
	return m, nil
}

// Is says whether a database that is known is what is meant.
func (m Named) Is(databaseARN, identifier string) bool {
	if m.exact {
		return slices.Contains(m.ARNs, databaseARN)
	}
	return identifier == m.Identifier
}

// referARN takes an ARN apart, whose region and account must be those of home.
func referARN(name string, home Home) (reference, error) {
	parsed, err := arn.Parse(name)
	if err != nil || !anyRDS.MatchString(name) {
		return reference{}, outcome.BadInput("database %q is not the ARN of an RDS database: give that, or the identifier", outcome.Typed(name))
	}
	resource, identifier, _ := strings.Cut(parsed.Resource, ":")
	switch {
	case resource == "global-cluster":
		return reference{}, outcome.BadInput("database %s is a global cluster: give the cluster of this region that takes its writes", name)
	case resource != "db" && resource != "cluster" && resource != "db-proxy":
		return reference{}, outcome.BadInput("database %s is a %s: %s", name, resource, supported)
	case parsed.Region != home.Region:
		return reference{}, here(name, parsed.Region, home)
	case parsed.Partition != home.Partition:
		return reference{}, outcome.BadInput("database %s is in partition %s, and rdslink runs in %s: "+
			"start the execution in the partition of the database",
			name, parsed.Partition, home.Partition)
	case parsed.AccountID != home.Account:
		return reference{}, elsewhere(name, parsed.AccountID, home)
	}
	return reference{resource: resource, identifier: identifier}, nil
}

// anyRDS is the ARN of something of RDS's.
var anyRDS = regexp.MustCompile(`^arn:aws[a-z-]*:rds:[a-z0-9-]*:\d{12}:[a-z-]+:[a-z0-9._-]+(?::[a-z0-9._-]+)?$`)

// unknown says what a person may have meant.
func unknown(ctx context.Context, api API, ref reference) error {
	all, err := databases(ctx, api)
	if err != nil {
		return err
	}
	var names []string
	for _, db := range all {
		if strings.EqualFold(db.identifier, ref.identifier) { // what was given said another kind
			return outcome.BadInput("database %s is %s and not %s: give %q alone, or its own ARN", ref.identifier, kinds[db.resource],
				kinds[ref.resource], ref.identifier)
		}
		names = append(names, db.identifier)
	}
	near := nearest.To(ref.identifier, names)
	switch {
	case len(near) > 0:
		return outcome.BadInput("database %q does not exist in this account and region; did you mean %s?", outcome.Typed(ref.identifier),
			strings.Join(near, " or "))
	case len(all) > 0:
		return outcome.BadInput("database %q does not exist in this account and region, where %d others do, %s among them; %s",
			outcome.Typed(ref.identifier), len(names), names[0], supported)
	default:
		return outcome.BadInput("database %q does not exist: this account has no database in this region; %s",
			outcome.Typed(ref.identifier), supported)
	}
}

// kinds are what ARNs' types of resources are called.
var kinds = map[string]string{"db": "a DB instance", "cluster": "a DB cluster", "db-proxy": "an RDS Proxy"}

// databases lists the databases of every kind.
func databases(ctx context.Context, api API) ([]reference, error) {
	var all []reference
	for _, kind := range []struct {
		resource string
		list     func(context.Context, API) ([]string, error)
	}{{"db", instanceIdentifiers}, {"cluster", clusterIdentifiers}, {"db-proxy", proxyNames}} {
		some, err := kind.list(ctx, api)
		if err != nil {
			return nil, err
		}
		for _, identifier := range some {
			all = append(all, reference{resource: kind.resource, identifier: identifier})
		}
	}
	return all, nil
}
