package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// describeGlobalClusters finds none: a describe of all of them is empty, of one of them not found.
func (s *Service) describeGlobalClusters(
	_ context.Context, in *rds.DescribeGlobalClustersInput,
) (*rds.DescribeGlobalClustersOutput, error) {
	if in.GlobalClusterIdentifier != nil {
		return nil, notFound("GlobalClusterNotFoundFault", "Global cluster %s not found.", *in.GlobalClusterIdentifier)
	}
	return &rds.DescribeGlobalClustersOutput{}, nil
}
