package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// findInstance describes a DB instance. A member of a cluster means its cluster: which member takes writes changes with
// every failover.
func findInstance(ctx context.Context, api API, identifier string) (Database, bool, error) {
	instance, found, err := describeInstance(ctx, api, identifier)
	if err != nil || !found {
		return Database{}, found, err
	}
	if why := unsupportedInstance(instance); why != "" {
		return Database{}, true, outcome.BadInput("database %s is %s: %s", identifier, why, supported)
	}
	if cluster := aws.ToString(instance.DBClusterIdentifier); cluster != "" {
		slog.InfoContext(ctx, "database is a member of a cluster", "database", identifier, "cluster", cluster)
		return findCluster(ctx, api, strings.ToLower(cluster))
	}
	if err := exposableInstance(ctx, instance, identifier); err != nil {
		return Database{}, true, err
	}
	return Database{
		ARN:              aws.ToString(instance.DBInstanceArn),
		Kind:             Instance,
		Identifier:       identifier,
		Endpoint:         Writer,
		Engine:           aws.ToString(instance.Engine),
		Host:             aws.ToString(instance.Endpoint.Address),
		Port:             int(aws.ToInt32(instance.Endpoint.Port)),
		Public:           aws.ToBool(instance.PubliclyAccessible),
		VPCID:            aws.ToString(instance.DBSubnetGroup.VpcId),
		SubnetIDs:        subnetIDs(instance.DBSubnetGroup.Subnets),
		Zones:            instanceZones(instance),
		SecurityGroupIDs: activeGroups(instance.VpcSecurityGroups),
		ParameterGroup:   instanceParameterGroup(instance),
	}, true, nil
}

// instanceZones are the zones of the instance and its standby, or none where RDS does not tell both.
func instanceZones(instance types.DBInstance) []string {
	zones := []string{aws.ToString(instance.AvailabilityZone)}
	if aws.ToBool(instance.MultiAZ) {
		zones = append(zones, aws.ToString(instance.SecondaryAvailabilityZone))
	}
	return known(zones)
}

// known are the zones, or none when one of them is not told.
func known(zones []string) []string {
	if slices.Contains(zones, "") {
		return nil
	}
	return zones
}

// identifierRule is RDS's own (API_CreateDBInstance). RDS answers what breaks it with a parameter
// error instead of not found.
var identifierRule = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

func describeInstance(ctx context.Context, api TopologyAPI, identifier string) (types.DBInstance, bool, error) {
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

func instanceIdentifiers(ctx context.Context, api API) ([]string, error) {
	instances, err := listInstances(ctx, api, &rds.DescribeDBInstancesInput{})
	var all []string
	for _, instance := range instances {
		all = append(all, aws.ToString(instance.DBInstanceIdentifier))
	}
	return all, err
}

func listInstances(ctx context.Context, api TopologyAPI, in *rds.DescribeDBInstancesInput) ([]types.DBInstance, error) {
	var all []types.DBInstance
	pages := rds.NewDescribeDBInstancesPaginator(api, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list DB instances: %w", err)
		}
		all = append(all, page.DBInstances...)
	}
	return all, nil
}

// exposableInstance reports, as an error, why the instance cannot be exposed as it is.
func exposableInstance(ctx context.Context, instance types.DBInstance, id string) error {
	status := aws.ToString(instance.DBInstanceStatus)
	if err := judge(ctx, statuses, "database "+id, status); err != nil {
		return err
	}
	if instance.Endpoint == nil || instance.Endpoint.Address == nil {
		return outcome.BadInput("database %s has no endpoint yet, it is %s: wait until it is available, then start again", id, status)
	}
	if instance.DBSubnetGroup == nil || instance.DBSubnetGroup.VpcId == nil {
		return outcome.BadInput("database %s is in no VPC, so PrivateLink cannot reach it: move it into one", id)
	}
	return checkGroups(id, activeGroups(instance.VpcSecurityGroups))
}

func checkGroups(id string, active []string) error {
	if len(active) == 0 {
		return outcome.BadInput("database %s has no active security group: attach one, or wait until the change to its groups is done", id)
	}
	return nil
}

// unsupportedInstance names the kind of what DescribeDBInstances also lists, or is empty.
func unsupportedInstance(instance types.DBInstance) string {
	engine := aws.ToString(instance.Engine)
	edition := func(family string) bool { return strings.HasPrefix(engine, family+"-") }
	switch {
	case foreignEngine(engine) != "":
		return foreignEngine(engine)
	case instance.DBClusterIdentifier != nil: // its cluster is judged
		return ""
	case slices.Contains([]string{"postgres", "mysql", "mariadb"}, engine), edition("sqlserver"), edition("oracle"):
		return ""
	default:
		return "a database of engine " + engine
	}
}

// foreignEngine names what RDS's API lists besides the databases of RDS itself, or is empty.
func foreignEngine(engine string) string {
	switch {
	case engine == "neptune":
		return "a Neptune database"
	case engine == "docdb":
		return "a DocumentDB database"
	case strings.HasPrefix(engine, "custom-"):
		return "an RDS Custom database (engine " + engine + ")"
	default:
		return ""
	}
}

func subnetIDs(subnets []types.Subnet) []string {
	var ids []string
	for _, subnet := range subnets {
		ids = append(ids, aws.ToString(subnet.SubnetIdentifier))
	}
	slices.Sort(ids)
	return ids
}

func activeGroups(groups []types.VpcSecurityGroupMembership) []string {
	var ids []string
	for _, group := range groups {
		if aws.ToString(group.Status) == "active" {
			ids = append(ids, aws.ToString(group.VpcSecurityGroupId))
		}
	}
	return ids
}

func observeInstance(ctx context.Context, api TopologyAPI, identifier string) (Topology, error) {
	instance, found, err := describeInstance(ctx, api, identifier)
	if err != nil || !found {
		return Topology{}, err
	}
	topology := Topology{
		Exists:           true,
		Status:           aws.ToString(instance.DBInstanceStatus),
		SecurityGroupIDs: activeGroups(instance.VpcSecurityGroups),
	}
	if instance.Endpoint != nil {
		topology.Host = aws.ToString(instance.Endpoint.Address)
		topology.Port = int(aws.ToInt32(instance.Endpoint.Port))
	}
	return topology, nil
}
