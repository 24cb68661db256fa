package rds

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func TestInstanceListensOnThePortOfItsEngine(t *testing.T) { // API_CreateDBInstance, Port
	for engine, row := range map[string]struct {
		asked *int32
		want  int32
	}{
		"postgres":     {nil, 5432},
		"mysql":        {nil, 3306},
		"mariadb":      {aws.Int32(3307), 3307},
		"sqlserver-ex": {nil, 1433},
		"oracle-se2":   {nil, 1521},
	} {
		t.Run(engine, func(t *testing.T) {
			b := newBed(t)
			in := instanceInput()
			in.Engine, in.Port = &engine, row.asked
			must(b, b.createDBInstance, in)
			if d := b.awaitStatus(available); *d.Endpoint.Port != row.want || *d.Engine != engine {
				t.Errorf("%s on port %d", *d.Engine, *d.Endpoint.Port)
			}
		})
	}
}

// API_DBEngineVersion, DBParameterGroupFamily; AmazonRDS/latest/UserGuide/USER_WorkingWithParamGroups.html.
func TestAVersionHasTheParametersOfItsFamily(t *testing.T) {
	for engine, families := range map[string]map[string]string{
		"postgres":     {"": "postgres18", "16.9": "postgres16", "13": "postgres13"},
		"mysql":        {"": "mysql8.4", "8.0.43": "mysql8.0", "5.7.44-rds.20250508": "mysql5.7"},
		"mariadb":      {"": "mariadb11.8", "10.11.14": "mariadb10.11"},
		"sqlserver-ex": {"": "sqlserver-ex-16.0", "15.00.4445.1.v1": "sqlserver-ex-15.0"},
		"oracle-se2":   {"": "oracle-se2-19"},
	} {
		for version, family := range families {
			t.Run(engine+" "+version, func(t *testing.T) {
				b := newBed(t)
				in := instanceInput()
				in.Engine, in.DBParameterGroupName = &engine, aws.String("default."+family)
				if version != "" {
					in.EngineVersion = &version
				}
				if d := must(b, b.createDBInstance, in).DBInstance; *d.DBParameterGroups[0].DBParameterGroupName != "default."+family {
					t.Errorf("it has %s", *d.DBParameterGroups[0].DBParameterGroupName)
				}
				mine := rds.CreateDBParameterGroupInput{DBParameterGroupName: aws.String("mine"), DBParameterGroupFamily: &family, Description: aws.String("-")}
				must(b, b.createDBParameterGroup, mine)
			})
		}
	}
}

func TestAuroraHasTheParametersOfItsVersion(t *testing.T) {
	b := newBed(t)
	in := clusterInput()
	in.EngineVersion = aws.String("15.13")
	must(b, b.createDBCluster, in)
	b.awaitCluster()
	if d := must(b, b.createDBInstance, memberInput("one")).DBInstance; *d.DBParameterGroups[0].DBParameterGroupName != "default.aurora-postgresql15" {
		t.Errorf("a member has %s", *d.DBParameterGroups[0].DBParameterGroupName)
	}
}

func TestServersThatResolveNamesBlockHosts(t *testing.T) { // check_connection of MySQL and MariaDB, under SPECIAL_NO_RESOLVE
	for name, row := range map[string]struct {
		engine     string
		parameters map[string]string
		want       int
	}{
		"MySQL by default":           {"mysql", nil, 100},
		"MariaDB by default":         {"mariadb", nil, 100},
		"with a higher limit":        {"mysql", map[string]string{"max_connect_errors": "100000"}, 100_000},
		"none without resolution":    {"mariadb", map[string]string{"skip_name_resolve": "1"}, 0},
		"Aurora MySQL never does so": {"aurora-mysql", nil, 0}, // AuroraMySQL.Reference.ParameterGroups: skip_name_resolve is 1
	} {
		t.Run(name, func(t *testing.T) {
			if got := maxConnectErrors(ServerConfig{Engine: row.engine, Parameters: row.parameters}); got != row.want {
				t.Errorf("blocks after %d", got)
			}
		})
	}
}

func setting(name, value string) []types.Parameter {
	return []types.Parameter{{ParameterName: &name, ParameterValue: &value, ApplyMethod: types.ApplyMethodImmediate}}
}

// mine is a bed with the parameter group mine, for MySQL.
func mine(t *testing.T) *bed {
	b := newBed(t)
	must(b, b.createDBParameterGroup, rds.CreateDBParameterGroupInput{DBParameterGroupName: aws.String("mine"), DBParameterGroupFamily: aws.String("mysql8.4"), Description: aws.String("-")})
	return b
}

func TestParametersAreTheDefaultUntilTheyAreModified(t *testing.T) {
	b := mine(t)
	must(b, b.modifyDBParameterGroup, rds.ModifyDBParameterGroupInput{DBParameterGroupName: aws.String("mine"), Parameters: setting("max_connect_errors", "100000")})
	out := must(b, b.describeDBParameters, rds.DescribeDBParametersInput{DBParameterGroupName: aws.String("mine")}).Parameters
	got := map[string]string{}
	for _, p := range out {
		got[*p.ParameterName] = *p.Source + " " + aws.ToString(p.ParameterValue)
	}
	if got["max_connect_errors"] != "user 100000" || got["skip_name_resolve"] != "engine-default " {
		t.Errorf("parameters %q", got)
	}
}

func TestAClusterHasParametersOfItsOwn(t *testing.T) {
	b := mine(t)
	must(b, b.createDBClusterParameterGroup, rds.CreateDBClusterParameterGroupInput{DBClusterParameterGroupName: aws.String("mine"),
		DBParameterGroupFamily: aws.String("mysql8.4"), Description: aws.String("-")})
	must(b, b.modifyDBClusterParameterGroup,
		rds.ModifyDBClusterParameterGroupInput{DBClusterParameterGroupName: aws.String("mine"), Parameters: setting("max_connect_errors", "7")})
	set := must(b, b.describeDBClusterParameters, rds.DescribeDBClusterParametersInput{DBClusterParameterGroupName: aws.String("mine"), Source: aws.String("user")})
	if len(set.Parameters) != 1 || *set.Parameters[0].ParameterValue != "7" {
		t.Errorf("set are %+v", set.Parameters)
	}
	others := must(b, b.describeDBParameters, rds.DescribeDBParametersInput{DBParameterGroupName: aws.String("mine"), Source: aws.String("user")})
	if len(others.Parameters) != 0 {
		t.Errorf("the instances' group of that name has %+v", others.Parameters)
	}
	wide := subnetGroupInput()
	wide.DBSubnetGroupName, wide.SubnetIds = aws.String("wide"), []string{"subnet-a", "subnet-b", "subnet-c"}
	must(b, b.createDBSubnetGroup, wide)
	in := clusterInput()
	in.Engine, in.DBClusterInstanceClass, in.DBSubnetGroupName = aws.String("mysql"), aws.String("db.m6gd.large"), aws.String("wide")
	in.DBClusterParameterGroupName = aws.String("mine")
	if c := must(b, b.createDBCluster, in).DBCluster; *c.DBClusterParameterGroup != "mine" {
		t.Errorf("the cluster has %s", *c.DBClusterParameterGroup)
	}
}

func TestParameterGroupRefusals(t *testing.T) {
	modify := func(group, parameter string) rds.ModifyDBParameterGroupInput {
		return rds.ModifyDBParameterGroupInput{DBParameterGroupName: &group, Parameters: setting(parameter, "1")}
	}
	for refusal, row := range map[string]struct {
		source string
		try    func(b *bed)
	}{
		"a default group": {"USER_WorkingWithParamGroups: you can't modify the parameter settings of a default parameter group", func(b *bed) {
			refused(b, "InvalidDBParameterGroupState", b.modifyDBParameterGroup, modify("default.mysql8.4", "max_connect_errors"))
		}},
		"a parameter that is not modelled": {"API_ModifyDBParameterGroup", func(b *bed) {
			refused(b, "InvalidParameterValue", b.modifyDBParameterGroup, modify("mine", "sql_mode"))
		}},
		"a group that does not exist": {"API_DescribeDBParameters, DBParameterGroupNotFound", func(b *bed) {
			refused(b, "DBParameterGroupNotFound", b.describeDBParameters, rds.DescribeDBParametersInput{DBParameterGroupName: aws.String("nobody")})
		}},
		"a group of another family than the version's": {"AmazonRDS/latest/UserGuide/USER_WorkingWithParamGroups.html", func(b *bed) {
			in := instanceInput()
			in.Engine, in.EngineVersion, in.DBParameterGroupName = aws.String("mysql"), aws.String("8.0.43"), aws.String("mine")
			refused(b, "InvalidParameterCombination", b.createDBInstance, in)
		}},
		"a group of another family for an instance that is there": {"API_ModifyDBInstance, DBParameterGroupName: The DB parameter group must be in the same DB parameter group family as the DB instance",
			func(b *bed) {
				b.running()
				refused(b, "InvalidParameterCombination", b.modifyDBInstance, rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("orders-prod"), DBParameterGroupName: aws.String("mine")})
			}},
		"a parameter that a server reads when it starts, at once": {"hashicorp/terraform-provider-aws#593, in AWS's words", func(b *bed) {
			refused(b, "InvalidParameterCombination", b.modifyDBParameterGroup, modify("mine", "skip_name_resolve"))
		}},
		"a source that does not exist": {"API_DescribeDBParameters, Source: user, engine-default, system", func(b *bed) {
			refused(b, "InvalidParameterValue", b.describeDBParameters,
				rds.DescribeDBParametersInput{DBParameterGroupName: aws.String("mine"), Source: aws.String("me")})
		}},
		"an instance's group for a cluster": {"API_CreateDBCluster, DBClusterParameterGroupName", func(b *bed) {
			in := clusterInput()
			in.DBClusterParameterGroupName = aws.String("mine")
			refused(b, "DBParameterGroupNotFound", b.createDBCluster, in)
		}},
		"a version that does not exist": {"API_CreateDBInstance, EngineVersion", func(b *bed) {
			in := instanceInput()
			in.EngineVersion = aws.String("9.9")
			refused(b, "InvalidParameterCombination", b.createDBInstance, in)
			cluster := clusterInput()
			cluster.EngineVersion = aws.String("9.9")
			refused(b, "InvalidParameterCombination", b.createDBCluster, cluster)
		}},
		"a family that does not exist": {"API_CreateDBParameterGroup, DBParameterGroupFamily", func(b *bed) {
			refused(b, "InvalidParameterValue", b.createDBParameterGroup,
				rds.CreateDBParameterGroupInput{DBParameterGroupName: aws.String("x"), DBParameterGroupFamily: aws.String("db2"), Description: aws.String("-")})
		}},
	} {
		t.Run(refusal, func(t *testing.T) { row.try(mine(t)) })
	}
}
