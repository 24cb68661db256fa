// Package database describes what can be exposed. Each kind of RDS database has a file of its own: today DB instances
// (instance.go).
package database

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/internal/step"
)

// Instance is the kind of a DB instance.
const Instance = "instance"

// Writer is the endpoint that takes writes.
const Writer = "writer"

// Database is one endpoint of a database, with what its neighbourhood in the VPC is made of.
type Database struct {
	ARN              string
	Kind             string
	Identifier       string
	Endpoint         string
	Engine           string
	Host             string // the endpoint's DNS name, which is also the name in its TLS certificate
	Port             int
	MultiAZ          bool
	Public           bool // its name resolves to a public address outside the VPC
	VPCID            string
	SubnetIDs        []string // of the subnet group; RDS does not promise that they still exist
	SecurityGroupIDs []string // the active ones
}

// Home is where rdslink runs: the only place whose databases it can expose.
type Home struct {
	Partition, Region, Account string
}

// API is what RDS is asked for.
type API interface {
	DescribeDBInstances(context.Context, *rds.DescribeDBInstancesInput, ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error)
}

// supported ends every refusal of a kind of database.
const supported = "today rdslink exposes DB instances of RDS for PostgreSQL, through their writer endpoint"

// Find describes the endpoint of the database that a person named by identifier or ARN.
func Find(ctx context.Context, api API, home Home, name, endpoint string) (Database, error) {
	identifier, err := identify(name, home)
	if err != nil {
		return Database{}, err
	}
	if endpoint != Writer {
		return Database{}, step.BadInput("endpoint %q of database %s cannot be exposed: %s", endpoint, identifier, supported)
	}
	return findInstance(ctx, api, identifier)
}

// identify takes the identifier out of an ARN, whose other parts must be those of home. RDS folds identifiers to lower case.
func identify(name string, home Home) (string, error) {
	if !strings.HasPrefix(name, "arn:") {
		return strings.ToLower(name), nil
	}
	parsed, err := arn.Parse(name)
	if err != nil || parsed.Service != "rds" {
		return "", step.BadInput("database %q is not the ARN of an RDS database", name)
	}
	if parsed.Region != home.Region {
		return "", step.BadInput("database %s is in region %s, and rdslink runs in %s: start the execution of the rdslink in %s",
			name, parsed.Region, home.Region, parsed.Region)
	}
	if parsed.AccountID != home.Account || parsed.Partition != home.Partition {
		return "", step.BadInput("database %s belongs to account %s, and rdslink runs in %s: start the execution in the account of the database",
			name, parsed.AccountID, home.Account)
	}
	kind, identifier, _ := strings.Cut(parsed.Resource, ":")
	if kind != "db" {
		return "", step.BadInput("database %s is a %s: %s", name, kind, supported)
	}
	return strings.ToLower(identifier), nil
}
