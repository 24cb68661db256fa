package database

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/rdslink/rdslink/internal/step"
)

// Topology is what RDS says now of a database that is exposed already.
type Topology struct {
	Exists           bool
	Status           string
	Host             string // empty while the database has no endpoint
	Port             int
	MultiAZ          bool
	SecurityGroupIDs []string // the active ones
}

// Observe asks RDS for the topology behind the endpoint of a database. A database that is gone is an answer, not an error.
func Observe(ctx context.Context, api API, databaseARN, kind, endpoint string) (Topology, error) {
	parsed, err := arn.Parse(databaseARN)
	if err != nil {
		return Topology{}, fmt.Errorf("observe database %s: %w", databaseARN, err)
	}
	if kind != Instance || endpoint != Writer {
		return Topology{}, step.Failed("observe database %s: no topology for endpoint %s of kind %s", databaseARN, endpoint, kind)
	}
	identifier, err := identify(databaseARN, Home{Partition: parsed.Partition, Region: parsed.Region, Account: parsed.AccountID})
	if err != nil {
		return Topology{}, err
	}
	instance, found, err := describe(ctx, api, identifier)
	if err != nil || !found {
		return Topology{}, err
	}
	topology := Topology{
		Exists:           true,
		Status:           aws.ToString(instance.DBInstanceStatus),
		MultiAZ:          aws.ToBool(instance.MultiAZ),
		SecurityGroupIDs: activeGroups(instance),
	}
	if instance.Endpoint != nil {
		topology.Host = aws.ToString(instance.Endpoint.Address)
		topology.Port = int(aws.ToInt32(instance.Endpoint.Port))
	}
	return topology, nil
}
