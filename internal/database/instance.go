package database

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/nearest"
	"github.com/rdslink/rdslink/internal/step"
)

func findInstance(ctx context.Context, api API, identifier string) (Database, error) {
	instance, found, err := describe(ctx, api, identifier)
	if err != nil {
		return Database{}, err
	}
	if !found {
		return Database{}, unknown(ctx, api, identifier)
	}
	if err := exposable(instance); err != nil {
		return Database{}, err
	}
	return Database{
		ARN:              aws.ToString(instance.DBInstanceArn),
		Kind:             Instance,
		Identifier:       identifier,
		Endpoint:         Writer,
		Engine:           aws.ToString(instance.Engine),
		Host:             aws.ToString(instance.Endpoint.Address),
		Port:             int(aws.ToInt32(instance.Endpoint.Port)),
		MultiAZ:          aws.ToBool(instance.MultiAZ),
		Public:           aws.ToBool(instance.PubliclyAccessible),
		VPCID:            aws.ToString(instance.DBSubnetGroup.VpcId),
		SubnetIDs:        subnetIDs(instance),
		SecurityGroupIDs: activeGroups(instance),
	}, nil
}

// identifierRule is RDS's own (API_CreateDBInstance). RDS answers what breaks it with a parameter error instead of not found.
var identifierRule = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

func describe(ctx context.Context, api API, identifier string) (types.DBInstance, bool, error) {
	if !identifierRule.MatchString(identifier) {
		return types.DBInstance{}, false, nil
	}
	out, err := api.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &identifier})
	if _, missing := errors.AsType[*types.DBInstanceNotFoundFault](err); missing {
		return types.DBInstance{}, false, nil
	}
	if err != nil {
		return types.DBInstance{}, false, fmt.Errorf("describe DB instance %s: %w", identifier, err)
	}
	i := slices.IndexFunc(out.DBInstances, func(d types.DBInstance) bool {
		return strings.EqualFold(aws.ToString(d.DBInstanceIdentifier), identifier)
	})
	if i < 0 {
		return types.DBInstance{}, false, nil
	}
	return out.DBInstances[i], true, nil
}

// unknown says what a person may have meant. A cluster shows as what its members belong to.
func unknown(ctx context.Context, api API, identifier string) error {
	var identifiers []string
	pages := rds.NewDescribeDBInstancesPaginator(api, &rds.DescribeDBInstancesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list DB instances: %w", err)
		}
		for _, instance := range page.DBInstances {
			if aws.ToString(instance.DBClusterIdentifier) == identifier {
				return step.BadInput("database %s is a cluster: %s", identifier, supported)
			}
			identifiers = append(identifiers, aws.ToString(instance.DBInstanceIdentifier))
		}
	}
	near := nearest.To(identifier, identifiers)
	switch {
	case len(near) > 0:
		return step.BadInput("database %q does not exist in this account and region; did you mean %s?", identifier, strings.Join(near, " or "))
	case len(identifiers) > 0:
		return step.BadInput("database %q does not exist in this account and region, where %d others do, %s among them; %s",
			identifier, len(identifiers), identifiers[0], supported)
	default:
		return step.BadInput("database %q does not exist: this account has no DB instance in this region; %s", identifier, supported)
	}
}

// exposable reports, as an error, why the instance cannot be exposed as it is.
func exposable(instance types.DBInstance) error {
	id, engine, status := aws.ToString(instance.DBInstanceIdentifier), aws.ToString(instance.Engine), aws.ToString(instance.DBInstanceStatus)
	if why := unsupported(instance, engine); why != "" {
		return step.BadInput("database %s is %s: %s", id, why, supported)
	}
	if remedy, refused := refusedStatus[status]; refused {
		return step.BadInput("database %s is %s: %s", id, status, remedy)
	}
	if instance.Endpoint == nil || instance.Endpoint.Address == nil {
		return step.BadInput("database %s has no endpoint yet, it is %s: wait until it is available, then start again", id, status)
	}
	if instance.DBSubnetGroup == nil || instance.DBSubnetGroup.VpcId == nil {
		return step.BadInput("database %s is in no VPC, so PrivateLink cannot reach it", id)
	}
	if len(activeGroups(instance)) == 0 {
		return step.BadInput("database %s has no active security group: attach one, or wait until the change to its groups is done", id)
	}
	return nil
}

// unsupported names the kind of what DescribeDBInstances also lists.
func unsupported(instance types.DBInstance, engine string) string {
	switch {
	case engine == "neptune":
		return "a Neptune database"
	case engine == "docdb":
		return "a DocumentDB database"
	case strings.HasPrefix(engine, "aurora"):
		return "a member of the Aurora cluster " + aws.ToString(instance.DBClusterIdentifier)
	case instance.DBClusterIdentifier != nil:
		return "a member of the Multi-AZ DB cluster " + *instance.DBClusterIdentifier
	case strings.HasPrefix(engine, "custom-"):
		return "an RDS Custom database (engine " + engine + ")"
	case engine != "postgres":
		return "a database of engine " + engine
	default:
		return ""
	}
}

// refusedStatus are the states that do not pass by themselves, with what to do. In all others, such as modifying or
// backing-up, the endpoint serves.
var refusedStatus = map[string]string{
	"deleting":                            "it is going away",
	"failed":                              "restore it from a backup first",
	"stopped":                             "start it first",
	"stopping":                            "wait until it has stopped, and start it again",
	"inaccessible-encryption-credentials": "make its KMS key usable again first",
	"inaccessible-encryption-credentials-recoverable": "make its KMS key usable again and start it first",
	"incompatible-network":                            "repair its subnet group first",
	"incompatible-restore":                            "restore it to a compatible point in time first",
	"restore-error":                                   "restore it again first",
}

func subnetIDs(instance types.DBInstance) []string {
	var ids []string
	for _, subnet := range instance.DBSubnetGroup.Subnets {
		ids = append(ids, aws.ToString(subnet.SubnetIdentifier))
	}
	slices.Sort(ids)
	return ids
}

func activeGroups(instance types.DBInstance) []string {
	var ids []string
	for _, group := range instance.VpcSecurityGroups {
		if aws.ToString(group.Status) == "active" {
			ids = append(ids, aws.ToString(group.VpcSecurityGroupId))
		}
	}
	return ids
}
