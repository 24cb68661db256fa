package database

import (
	"context"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// groups are parameter groups with what somebody has set in them. They list one a page.
type groups map[string][]types.Parameter

func (g groups) DescribeDBParameters(_ context.Context, in *rds.DescribeDBParametersInput, _ ...func(*rds.Options)) (*rds.DescribeDBParametersOutput, error) {
	items, next, err := g.page("pg:"+*in.DBParameterGroupName, in.Source, in.Marker)
	return &rds.DescribeDBParametersOutput{Parameters: items, Marker: next}, err
}

func (g groups) DescribeDBClusterParameters(
	_ context.Context, in *rds.DescribeDBClusterParametersInput, _ ...func(*rds.Options),
) (*rds.DescribeDBClusterParametersOutput, error) {
	items, next, err := g.page("cluster-pg:"+*in.DBClusterParameterGroupName, in.Source, in.Marker)
	return &rds.DescribeDBClusterParametersOutput{Parameters: items, Marker: next}, err
}

func (g groups) page(group string, source, marker *string) ([]types.Parameter, *string, error) {
	all, found := g[group]
	if !found || aws.ToString(source) != "user" {
		return nil, nil, &types.DBParameterGroupNotFoundFault{}
	}
	items, next := page(all, marker)
	return items, next, nil
}

func setting(name, value string) types.Parameter {
	return types.Parameter{ParameterName: &name, ParameterValue: &value, Source: aws.String("user")}
}

func TestMaxConnectErrors(t *testing.T) {
	all := groups{
		"pg:default": nil,
		"pg:low":     {setting("sql_mode", "ANSI"), setting("max_connect_errors", "5")},
		"pg:high":    {setting("max_connect_errors", "18446744073709547520")},
		"pg:nameless": {
			setting("max_connect_errors", "5"), setting("skip_name_resolve", "1"),
		},
		"cluster-pg:low": {setting("max_connect_errors", "7")},
	}
	for name, row := range map[string]struct {
		db   Database
		want string
	}{
		"nobody has set it":               {Database{Kind: Instance, Engine: "mysql", ParameterGroup: "default"}, "100"},
		"set, on another page":            {Database{Kind: Instance, Engine: "mariadb", ParameterGroup: "low"}, "5"},
		"more than an int":                {Database{Kind: Instance, Engine: "mysql", ParameterGroup: "high"}, "2147483647"},
		"a server that resolves no names": {Database{Kind: Instance, Engine: "mysql", ParameterGroup: "nameless"}, "0"},
		"a Multi-AZ DB cluster":           {Database{Kind: Cluster, Engine: "mysql", ParameterGroup: "low"}, "7"},
		"Aurora is not asked":             {Database{Kind: Cluster, Engine: "aurora-mysql", ParameterGroup: "gone"}, "0"},
		"nor is a proxy":                  {Database{Kind: Proxy, Engine: "mysql"}, "0"},
		"nor PostgreSQL":                  {Database{Kind: Instance, Engine: "postgres", ParameterGroup: "gone"}, "0"},
		"a group that is gone":            {Database{Kind: Instance, Engine: "mysql", ParameterGroup: "gone"}, "an error"},
	} {
		t.Run(name, func(t *testing.T) {
			most, err := MaxConnectErrors(t.Context(), all, row.db)
			got := strconv.Itoa(most)
			if err != nil {
				got = "an error"
			}
			if got != row.want {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

func TestADatabaseIsFoundWithItsParameterGroup(t *testing.T) {
	fake := account()
	fake.instances[0].DBParameterGroups = []types.DBParameterGroupStatus{{DBParameterGroupName: aws.String("mine")}}
	fake.clusters[0].DBClusterParameterGroup = aws.String("theirs")
	for name, want := range map[string]string{"orders": "mine", "ledger": "theirs", "ledger-2": "theirs"} {
		db, err := Find(t.Context(), fake, home, name, Writer)
		if err != nil || db.ParameterGroup != want {
			t.Errorf("%s: %q, %v", name, db.ParameterGroup, err)
		}
	}
}
