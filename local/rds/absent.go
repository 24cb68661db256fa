package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// No account has global clusters, nor endpoints of a proxy beside its own: a describe of all of them is empty, of one of them
// not found.

func (s *Service) describeGlobalClusters(_ context.Context, in *rds.DescribeGlobalClustersInput) (*rds.DescribeGlobalClustersOutput, error) {
	if in.GlobalClusterIdentifier != nil {
		return nil, notFound("GlobalClusterNotFoundFault", "Global cluster %s not found.", *in.GlobalClusterIdentifier)
	}
	return &rds.DescribeGlobalClustersOutput{}, nil
}

func (s *Service) describeDBProxyEndpoints(ctx context.Context, in *rds.DescribeDBProxyEndpointsInput) (*rds.DescribeDBProxyEndpointsOutput, error) {
	if in.DBProxyName != nil {
		if _, err := s.proxy(ctx, *in.DBProxyName); err != nil {
			return nil, err
		}
	}
	if in.DBProxyEndpointName != nil {
		return nil, notFound("DBProxyEndpointNotFoundFault", "The specified DB proxy endpoint %s doesn't exist.", aws.ToString(in.DBProxyEndpointName))
	}
	return &rds.DescribeDBProxyEndpointsOutput{}, nil
}
