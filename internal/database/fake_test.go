package database

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// fakeRDS is an account's databases. It lists one a page.
type fakeRDS struct {
	instances []types.DBInstance
	clusters  []types.DBCluster
	proxies   []types.DBProxy
	globals   []types.GlobalCluster

	deployments []types.BlueGreenDeployment
}

func page[T any](all []T, marker *string) (items []T, next *string) {
	at, _ := strconv.Atoi(aws.ToString(marker))
	if at+1 < len(all) {
		next = aws.String(strconv.Itoa(at + 1))
	}
	return all[min(at, len(all)):min(at+1, len(all))], next
}

func (f *fakeRDS) DescribeDBInstances(_ context.Context, in *rds.DescribeDBInstancesInput, _ ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error) {
	found := slices.DeleteFunc(slices.Clone(f.instances), func(d types.DBInstance) bool {
		return in.DBInstanceIdentifier != nil && *d.DBInstanceIdentifier != *in.DBInstanceIdentifier ||
			len(in.Filters) > 0 && aws.ToString(d.DBClusterIdentifier) != in.Filters[0].Values[0]
	})
	if in.DBInstanceIdentifier != nil && len(found) == 0 {
		return nil, &types.DBInstanceNotFoundFault{}
	}
	items, next := page(found, in.Marker)
	return &rds.DescribeDBInstancesOutput{DBInstances: items, Marker: next}, nil
}

func (f *fakeRDS) DescribeDBClusters(_ context.Context, in *rds.DescribeDBClustersInput, _ ...func(*rds.Options)) (*rds.DescribeDBClustersOutput, error) {
	found := slices.DeleteFunc(slices.Clone(f.clusters), func(c types.DBCluster) bool {
		return in.DBClusterIdentifier != nil && *c.DBClusterIdentifier != *in.DBClusterIdentifier
	})
	if in.DBClusterIdentifier != nil && len(found) == 0 {
		return nil, &types.DBClusterNotFoundFault{}
	}
	items, next := page(found, in.Marker)
	return &rds.DescribeDBClustersOutput{DBClusters: items, Marker: next}, nil
}

func (f *fakeRDS) DescribeDBProxies(_ context.Context, in *rds.DescribeDBProxiesInput, _ ...func(*rds.Options)) (*rds.DescribeDBProxiesOutput, error) {
	items, next := page(f.proxies, in.Marker)
	return &rds.DescribeDBProxiesOutput{DBProxies: items, Marker: next}, nil
}

func (f *fakeRDS) DescribeBlueGreenDeployments(_ context.Context, in *rds.DescribeBlueGreenDeploymentsInput, _ ...func(*rds.Options)) (*rds.DescribeBlueGreenDeploymentsOutput, error) {
	for _, d := range f.deployments {
		if *d.BlueGreenDeploymentIdentifier == *in.BlueGreenDeploymentIdentifier {
			return &rds.DescribeBlueGreenDeploymentsOutput{BlueGreenDeployments: []types.BlueGreenDeployment{d}}, nil
		}
	}
	return nil, &types.BlueGreenDeploymentNotFoundFault{}
}

func (f *fakeRDS) DescribeDBSubnetGroups(_ context.Context, in *rds.DescribeDBSubnetGroupsInput, _ ...func(*rds.Options)) (*rds.DescribeDBSubnetGroupsOutput, error) {
	return &rds.DescribeDBSubnetGroupsOutput{DBSubnetGroups: []types.DBSubnetGroup{
		{DBSubnetGroupName: in.DBSubnetGroupName, VpcId: aws.String("vpc-1"), Subnets: subnets("subnet-b", "subnet-a")}}}, nil
}

func (f *fakeRDS) DescribeGlobalClusters(context.Context, *rds.DescribeGlobalClustersInput, ...func(*rds.Options)) (*rds.DescribeGlobalClustersOutput, error) {
	return &rds.DescribeGlobalClustersOutput{GlobalClusters: f.globals}, nil
}

func subnets(ids ...string) []types.Subnet {
	var all []types.Subnet
	for _, id := range ids {
		all = append(all, types.Subnet{SubnetIdentifier: aws.String(id)})
	}
	return all
}

func arnOf(resource string) string { return "arn:aws:rds:eu-central-1:111122223333:" + resource }

func membership(group, status string) types.VpcSecurityGroupMembership {
	return types.VpcSecurityGroupMembership{VpcSecurityGroupId: &group, Status: &status}
}

func instance(id string) types.DBInstance {
	return types.DBInstance{
		DBInstanceIdentifier: &id, DBInstanceArn: aws.String(arnOf("db:" + id)), DBInstanceStatus: aws.String("available"),
		Engine: aws.String("postgres"), MultiAZ: aws.Bool(true),
		AvailabilityZone: aws.String("eu-central-1a"), SecondaryAvailabilityZone: aws.String("eu-central-1b"),
		Endpoint:          &types.Endpoint{Address: aws.String(id + ".example"), Port: aws.Int32(5432)},
		DBSubnetGroup:     &types.DBSubnetGroup{VpcId: aws.String("vpc-1"), Subnets: subnets("subnet-b", "subnet-a")},
		VpcSecurityGroups: []types.VpcSecurityGroupMembership{membership("sg-1", "active"), membership("sg-2", "removing")},
	}
}

// cluster has two members, of which the first writes.
func cluster(id string) (types.DBCluster, []types.DBInstance) {
	c := types.DBCluster{
		DBClusterIdentifier: &id, DBClusterArn: aws.String(arnOf("cluster:" + id)), Status: aws.String("available"),
		Engine: aws.String("aurora-postgresql"), EngineMode: aws.String("provisioned"), MultiAZ: aws.Bool(true),
		Endpoint: aws.String(id + ".cluster.example"), Port: aws.Int32(5432), DBSubnetGroup: aws.String("group"),
		VpcSecurityGroups: []types.VpcSecurityGroupMembership{membership("sg-cluster", "active")},
	}
	var members []types.DBInstance
	for _, number := range []string{"1", "2"} {
		member := instance(id + "-" + number)
		member.DBClusterIdentifier, member.Engine, member.AvailabilityZone = &id, c.Engine, aws.String("zone-"+number)
		members = append(members, member)
		c.DBClusterMembers = append(c.DBClusterMembers, types.DBClusterMember{
			DBInstanceIdentifier: member.DBInstanceIdentifier, IsClusterWriter: aws.Bool(number == "1")})
	}
	return c, members
}

func proxy(name string) types.DBProxy {
	return types.DBProxy{
		DBProxyName: &name, DBProxyArn: aws.String(arnOf("db-proxy:prx-0a1b")), Status: types.DBProxyStatusAvailable,
		EngineFamily: aws.String("POSTGRESQL"), Endpoint: aws.String(name + ".proxy.example"), VpcId: aws.String("vpc-1"),
		VpcSubnetIds: []string{"subnet-b", "subnet-a"}, VpcSecurityGroupIds: []string{"sg-proxy"},
	}
}

// account has one database of each kind: orders, ledger with its members ledger-1 and ledger-2, and Pool.
func account() *fakeRDS {
	ledger, members := cluster("ledger")
	return &fakeRDS{
		instances: append([]types.DBInstance{instance("orders")}, members...),
		clusters:  []types.DBCluster{ledger},
		proxies:   []types.DBProxy{proxy("Pool")},
	}
}
