package stage

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// NewAurora makes an Aurora PostgreSQL cluster of a writer and a reader, identifier-1 and identifier-2, and waits until both
// are available.
func (c *Cloud) NewAurora(ctx context.Context, vpc VPC, identifier string) (Database, error) {
	return c.newAurora(ctx, vpc, identifier, false)
}

// NewTokenAurora is one with IAM database authentication.
func (c *Cloud) NewTokenAurora(ctx context.Context, vpc VPC, identifier string) (Database, error) {
	return c.newAurora(ctx, vpc, identifier, true)
}

func (c *Cloud) newAurora(ctx context.Context, vpc VPC, identifier string, tokens bool) (Database, error) {
	d, err := c.newCluster(ctx, vpc, identifier, &rds.CreateDBClusterInput{
		Engine: aws.String("aurora-postgresql"), EnableIAMDatabaseAuthentication: &tokens,
	})
	if err != nil {
		return Database{}, err
	}
	client := rds.NewFromConfig(c.Config(vpc.Account))
	for n := range 2 {
		member := fmt.Sprintf("%s-%d", identifier, n+1)
		if _, err := client.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: &member, DBClusterIdentifier: &identifier, DBInstanceClass: aws.String("db.t4g.medium"),
			Engine: aws.String("aurora-postgresql"),
		}); err != nil {
			return Database{}, fmt.Errorf("create DB instance %s: %w", member, err)
		}
	}
	err = poll(ctx, func() (bool, error) {
		out, err := client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{
			Filters: []types.Filter{{Name: aws.String("db-cluster-id"), Values: []string{identifier}}},
		})
		if err != nil {
			return false, err
		}
		ready := 0
		for _, i := range out.DBInstances {
			if aws.ToString(i.DBInstanceStatus) == "available" {
				ready++
			}
		}
		return ready == 2, nil
	})
	if err != nil {
		return Database{}, fmt.Errorf("wait for the members of %s: %w", identifier, err)
	}
	return d, nil
}

// NewMultiAZ makes a Multi-AZ DB cluster of PostgreSQL, a writer and two readers, and waits until it is available.
func (c *Cloud) NewMultiAZ(ctx context.Context, vpc VPC, identifier string) (Database, error) {
	return c.newCluster(ctx, vpc, identifier, &rds.CreateDBClusterInput{
		Engine: aws.String("postgres"), DBClusterInstanceClass: aws.String("db.m6gd.large"),
	})
}

func (c *Cloud) newCluster(ctx context.Context, vpc VPC, identifier string, in *rds.CreateDBClusterInput) (Database, error) {
	d, err := c.surround(ctx, vpc, identifier, postgreSQLPort)
	if err != nil {
		return Database{}, err
	}
	client := rds.NewFromConfig(c.Config(vpc.Account))
	in.DBClusterIdentifier, in.DatabaseName = &identifier, aws.String("orders")
	in.MasterUsername, in.MasterUserPassword = aws.String(masterUser), aws.String(masterPassword)
	in.DBSubnetGroupName, in.VpcSecurityGroupIds = &identifier, []string{d.SecurityGroup}
	if _, err := client.CreateDBCluster(ctx, in); err != nil {
		return Database{}, fmt.Errorf("create DB cluster %s: %w", identifier, err)
	}
	err = poll(ctx, func() (bool, error) {
		out, err := client.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &identifier})
		if err != nil || len(out.DBClusters) != 1 {
			return false, err
		}
		cluster := out.DBClusters[0]
		d.Host, d.Port = aws.ToString(cluster.Endpoint), int(aws.ToInt32(cluster.Port))
		return aws.ToString(cluster.Status) == "available", nil
	})
	if err != nil {
		return Database{}, fmt.Errorf("wait for DB cluster %s: %w", identifier, err)
	}
	return d, nil
}
