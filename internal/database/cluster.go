package database

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

// findCluster describes an Aurora or a Multi-AZ DB cluster, which RDS's API treats alike.
func findCluster(ctx context.Context, api API, identifier string) (Database, bool, error) {
	cluster, found, err := describeCluster(ctx, api, identifier)
	if err != nil || !found {
		return Database{}, found, err
	}
	if err := checkPrimary(ctx, api, cluster, identifier); err != nil {
		return Database{}, true, err
	}
	if err := exposableCluster(ctx, cluster, identifier); err != nil {
		return Database{}, true, err
	}
	group, err := subnetGroup(ctx, api, cluster)
	if err != nil {
		return Database{}, true, err
	}
	members, err := members(ctx, api, identifier)
	if err != nil {
		return Database{}, true, err
	}
	if err := checkWriter(ctx, cluster, members, identifier); err != nil {
		return Database{}, true, err
	}
	return Database{
		ARN:        aws.ToString(cluster.DBClusterArn),
		Kind:       Cluster,
		Identifier: identifier,
		Endpoint:   Writer,
		Engine:     aws.ToString(cluster.Engine),
		Host:       aws.ToString(cluster.Endpoint),
		Port:       int(aws.ToInt32(cluster.Port)),
		Pauses:     pauses(cluster, members),
		// Aurora says it of each instance, a Multi-AZ DB cluster of itself.
		Public: aws.ToBool(cluster.PubliclyAccessible) ||
			slices.ContainsFunc(members, func(m types.DBInstance) bool { return aws.ToBool(m.PubliclyAccessible) }),
		VPCID:            aws.ToString(group.VpcId),
		SubnetIDs:        subnetIDs(group.Subnets),
		Zones:            memberZones(members),
		SecurityGroupIDs: activeGroups(cluster.VpcSecurityGroups),
		ParameterGroup:   aws.ToString(cluster.DBClusterParameterGroup),
	}, true, nil
}

// memberZones are the zones of the members: any of them can become the writer.
func memberZones(members []types.DBInstance) []string {
	var zones []string
	for _, member := range members {
		zones = append(zones, aws.ToString(member.AvailabilityZone))
	}
	return known(zones)
}

func describeCluster(ctx context.Context, api TopologyAPI, identifier string) (types.DBCluster, bool, error) {
	if !identifierRule.MatchString(identifier) {
		return types.DBCluster{}, false, nil
	}
	out, err := api.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &identifier})
	if _, missing := errors.AsType[*types.DBClusterNotFoundFault](err); missing {
		return types.DBCluster{}, false, nil
	}
	if err != nil {
		return types.DBCluster{}, false, fmt.Errorf("describe DB cluster %s: %w", identifier, err)
	}
	i := slices.IndexFunc(out.DBClusters, func(c types.DBCluster) bool {
		return strings.EqualFold(aws.ToString(c.DBClusterIdentifier), identifier)
	})
	if i < 0 {
		return types.DBCluster{}, false, nil
	}
	return out.DBClusters[i], true, nil
}

func clusterIdentifiers(ctx context.Context, api API) ([]string, error) {
	var all []string
	pages := rds.NewDescribeDBClustersPaginator(api, &rds.DescribeDBClustersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list DB clusters: %w", err)
		}
		for _, cluster := range page.DBClusters {
			all = append(all, aws.ToString(cluster.DBClusterIdentifier))
		}
	}
	return all, nil
}

// exposableCluster reports, as an error, why the cluster cannot be exposed as it is.
func exposableCluster(ctx context.Context, cluster types.DBCluster, id string) error {
	status := aws.ToString(cluster.Status)
	if why := unsupportedCluster(cluster); why != "" {
		return outcome.BadInput("database %s is %s: %s", id, why, supported)
	}
	if err := judge(ctx, statuses, "database "+id, status); err != nil {
		return err
	}
	if len(cluster.DBClusterMembers) == 0 {
		return outcome.BadInput("database %s is a cluster without an instance: add one, then start again", id)
	}
	if !slices.ContainsFunc(cluster.DBClusterMembers, func(m types.DBClusterMember) bool { return aws.ToBool(m.IsClusterWriter) }) {
		return outcome.BadInput("database %s is a cluster in which no instance takes writes: it is failing over, then start again; "+
			"or it is the secondary of a global database, then expose the primary, in its region", id)
	}
	if cluster.Endpoint == nil {
		return outcome.BadInput("database %s has no endpoint yet, it is %s: wait until it is available, then start again", id, status)
	}
	return checkGroups(id, activeGroups(cluster.VpcSecurityGroups))
}

// checkWriter reports, as an error, why the instance that takes a cluster's writes does not serve, whatever the cluster says
// of itself.
func checkWriter(ctx context.Context, cluster types.DBCluster, members []types.DBInstance, id string) error {
	for _, member := range members {
		if !writes(cluster, member) {
			continue
		}
		what := "writer " + aws.ToString(member.DBInstanceIdentifier) + " of database " + id
		if err := judge(ctx, statuses, what, aws.ToString(member.DBInstanceStatus)); err != nil {
			return err
		}
	}
	return nil
}

// pauses tells an Aurora Serverless v2 cluster that has no capacity while nobody connects (Aurora guide, "Scaling to Zero
// ACUs with automatic pause and resume for Aurora Serverless v2"). The capacity is the cluster's, and holds for those of
// its instances that are serverless.
func pauses(cluster types.DBCluster, members []types.DBInstance) bool {
	scaling := cluster.ServerlessV2ScalingConfiguration
	return scaling != nil && scaling.MinCapacity != nil && *scaling.MinCapacity == 0 &&
		slices.ContainsFunc(members, func(m types.DBInstance) bool { return aws.ToString(m.DBInstanceClass) == "db.serverless" })
}

// unsupportedCluster names the kind of what DescribeDBClusters also lists, or is empty.
func unsupportedCluster(cluster types.DBCluster) string {
	engine := aws.ToString(cluster.Engine)
	switch {
	case foreignEngine(engine) != "":
		return foreignEngine(engine)
	case aws.ToString(cluster.EngineMode) == "serverless":
		// Its endpoint is a VPC endpoint of its own (Aurora guide, "Limitations of Aurora Serverless v1").
		return "an Aurora Serverless v1 cluster"
	case slices.Contains([]string{"aurora-postgresql", "aurora-mysql", "postgres", "mysql"}, engine):
		return ""
	default:
		return "a cluster of engine " + engine
	}
}

// checkPrimary refuses a secondary cluster of an Aurora global database, whose writer is in another region, and
// says which it is. A global identifier that RDS does not know any more is not in the way: what no instance writes
// to is refused all the same.
func checkPrimary(ctx context.Context, api API, cluster types.DBCluster, id string) error {
	name := aws.ToString(cluster.GlobalClusterIdentifier)
	if name == "" {
		return nil
	}
	out, err := api.DescribeGlobalClusters(ctx, &rds.DescribeGlobalClustersInput{GlobalClusterIdentifier: &name})
	if _, missing := errors.AsType[*types.GlobalClusterNotFoundFault](err); missing {
		return nil
	}
	if err != nil {
		return fmt.Errorf("describe global cluster %s: %w", name, err)
	}
	for _, global := range out.GlobalClusters {
		for _, member := range global.GlobalClusterMembers {
			if aws.ToBool(member.IsWriter) && aws.ToString(member.DBClusterArn) != aws.ToString(cluster.DBClusterArn) {
				return outcome.BadInput("database %s is a secondary cluster of global database %s and takes no writes: expose %s, in its region",
					id, name, aws.ToString(member.DBClusterArn))
			}
		}
	}
	return nil
}

// subnetGroup is where a cluster's instances live: DescribeDBClusters gives its name only.
func subnetGroup(ctx context.Context, api API, cluster types.DBCluster) (types.DBSubnetGroup, error) {
	id, name := aws.ToString(cluster.DBClusterIdentifier), aws.ToString(cluster.DBSubnetGroup)
	out, err := api.DescribeDBSubnetGroups(ctx, &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: &name})
	if err != nil {
		return types.DBSubnetGroup{}, fmt.Errorf("describe DB subnet group %s of cluster %s: %w", name, id, err)
	}
	if len(out.DBSubnetGroups) != 1 || out.DBSubnetGroups[0].VpcId == nil {
		return types.DBSubnetGroup{}, outcome.BadInput("database %s is in no VPC, so PrivateLink cannot reach it: move it into one", id)
	}
	return out.DBSubnetGroups[0], nil
}

// members describes a cluster's instances.
func members(ctx context.Context, api TopologyAPI, identifier string) ([]types.DBInstance, error) {
	return listInstances(ctx, api, &rds.DescribeDBInstancesInput{
		Filters: []types.Filter{{Name: aws.String("db-cluster-id"), Values: []string{identifier}}},
	})
}

// observeCluster tells the members' roles too: an old writer comes back as a reader that answers like any server. Its
// security groups are those of the instance that writes, as that is the one to be reached.
func observeCluster(ctx context.Context, api TopologyAPI, identifier string) (Topology, error) {
	cluster, found, err := describeCluster(ctx, api, identifier)
	if err != nil || !found {
		return Topology{}, err
	}
	instances, err := members(ctx, api, identifier)
	if err != nil {
		return Topology{}, err
	}
	topology := Topology{
		Exists:           true,
		Status:           aws.ToString(cluster.Status),
		Host:             aws.ToString(cluster.Endpoint),
		Port:             int(aws.ToInt32(cluster.Port)),
		SecurityGroupIDs: activeGroups(cluster.VpcSecurityGroups),
	}
	for _, instance := range instances {
		member := Member{Identifier: aws.ToString(instance.DBInstanceIdentifier), Writer: writes(cluster, instance)}
		if instance.Endpoint != nil {
			member.Host = aws.ToString(instance.Endpoint.Address)
		}
		if member.Writer {
			topology.SecurityGroupIDs = activeGroups(instance.VpcSecurityGroups)
		}
		topology.Members = append(topology.Members, member)
	}
	return topology, nil
}

func writes(cluster types.DBCluster, instance types.DBInstance) bool {
	return slices.ContainsFunc(cluster.DBClusterMembers, func(m types.DBClusterMember) bool {
		return aws.ToBool(m.IsClusterWriter) &&
			strings.EqualFold(aws.ToString(m.DBInstanceIdentifier), aws.ToString(instance.DBInstanceIdentifier))
	})
}
