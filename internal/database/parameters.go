package database

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// ParametersAPI is what RDS is asked for what decides when a server blocks hosts.
type ParametersAPI interface {
	rds.DescribeDBParametersAPIClient
	rds.DescribeDBClusterParametersAPIClient
}

// defaultConnectErrors is MySQL's and MariaDB's max_connect_errors where nobody has set it.
const defaultConnectErrors = 100

// MaxConnectErrors is after how many connections in a row that break off in their handshake the server blocks the host that
// they come from, by its parameter group; 0 for a server that blocks nobody. The group is asked for what somebody has set
// alone, as it has hundreds of parameters.
func MaxConnectErrors(ctx context.Context, api ParametersAPI, db Database) (int, error) {
	if !BlocksHosts(db.Kind, db.Engine) {
		return 0, nil
	}
	set, err := setParameters(ctx, api, db)
	if err != nil {
		return 0, fmt.Errorf("describe parameters of database %s: %w", db.Identifier, err)
	}
	values := map[string]string{}
	for _, p := range set {
		values[aws.ToString(p.ParameterName)] = aws.ToString(p.ParameterValue)
	}
	if on, _ := strconv.ParseBool(values["skip_name_resolve"]); on {
		return 0, nil
	}
	if most, err := strconv.ParseUint(values["max_connect_errors"], 10, 64); err == nil { // else it is not set
		return int(min(most, math.MaxInt32)), nil
	}
	return defaultConnectErrors, nil
}

// setParameters are those that somebody has set: of an instance's group, or of a Multi-AZ DB cluster's own, which its
// instances go by (RDS guide, "Managing parameter groups for Multi-AZ DB clusters").
func setParameters(ctx context.Context, api ParametersAPI, db Database) (all []types.Parameter, err error) {
	byUser := aws.String("user")
	if db.Kind == Cluster {
		pages := rds.NewDescribeDBClusterParametersPaginator(api, &rds.DescribeDBClusterParametersInput{
			DBClusterParameterGroupName: &db.ParameterGroup, Source: byUser,
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			all = append(all, page.Parameters...)
		}
		return all, nil
	}
	pages := rds.NewDescribeDBParametersPaginator(api, &rds.DescribeDBParametersInput{
		DBParameterGroupName: &db.ParameterGroup, Source: byUser,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Parameters...)
	}
	return all, nil
}

// instanceParameterGroup is the one that an instance has.
func instanceParameterGroup(instance types.DBInstance) string {
	for _, group := range instance.DBParameterGroups {
		return aws.ToString(group.DBParameterGroupName)
	}
	return ""
}
