package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// No account has clusters, global clusters or proxies: a describe of all of them is empty, of one of them not found.

func (s *Service) describeDBClusters(_ context.Context, in *rds.DescribeDBClustersInput) (*rds.DescribeDBClustersOutput, error) {
	if in.DBClusterIdentifier != nil {
		return nil, clusterNotFound(*in.DBClusterIdentifier)
	}
	return &rds.DescribeDBClustersOutput{}, nil
}

func (s *Service) describeDBClusterEndpoints(_ context.Context, in *rds.DescribeDBClusterEndpointsInput) (*rds.DescribeDBClusterEndpointsOutput, error) {
	if in.DBClusterIdentifier != nil {
		return nil, clusterNotFound(*in.DBClusterIdentifier)
	}
	return &rds.DescribeDBClusterEndpointsOutput{}, nil
}

func clusterNotFound(id string) error {
	return notFound("DBClusterNotFoundFault", "DBCluster %s not found.", id)
}

func (s *Service) describeGlobalClusters(_ context.Context, in *rds.DescribeGlobalClustersInput) (*rds.DescribeGlobalClustersOutput, error) {
	if in.GlobalClusterIdentifier != nil {
		return nil, notFound("GlobalClusterNotFoundFault", "Global cluster %s not found.", *in.GlobalClusterIdentifier)
	}
	return &rds.DescribeGlobalClustersOutput{}, nil
}

func (s *Service) describeDBProxies(_ context.Context, in *rds.DescribeDBProxiesInput) (*rds.DescribeDBProxiesOutput, error) {
	if in.DBProxyName != nil {
		return nil, proxyNotFound(*in.DBProxyName)
	}
	return &rds.DescribeDBProxiesOutput{}, nil
}

func (s *Service) describeDBProxyEndpoints(_ context.Context, in *rds.DescribeDBProxyEndpointsInput) (*rds.DescribeDBProxyEndpointsOutput, error) {
	if in.DBProxyName != nil {
		return nil, proxyNotFound(*in.DBProxyName)
	}
	if in.DBProxyEndpointName != nil {
		return nil, notFound("DBProxyEndpointNotFoundFault", "The specified DB proxy endpoint %s doesn't exist.", aws.ToString(in.DBProxyEndpointName))
	}
	return &rds.DescribeDBProxyEndpointsOutput{}, nil
}

func proxyNotFound(name string) error {
	return notFound("DBProxyNotFoundFault", "The specified proxy name %s doesn't correspond to a proxy owned by your Amazon Web Services account in the specified Amazon Web Services Region.", name)
}
