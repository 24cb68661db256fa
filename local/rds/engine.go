package rds

import (
	"slices"
	"strings"

	"github.com/rdslink/rdslink/local/wire"
)

// engine is what RDS knows of a DB engine.
type engine struct {
	version string // the default one
	license string
	port    int32
	family  string   // of its parameter groups, to which the version is added
	majors  []string // the versions that have a family each
	proxied string   // the engine family of proxies in front of it; "" when there are none
}

const aurora = "aurora-"

// Those of DescribeDBEngineVersions, DBParameterGroupFamily.
var (
	postgreSQLs = []string{"11", "12", "13", "14", "15", "16", "17", "18"}
	sqlServers  = []string{"13.0", "14.0", "15.0", "16.0"}
	oracles     = []string{"19", "21"}
)

// engines are the ones that can be created, by their names in CreateDBInstance and CreateDBCluster. PostgreSQL's default is
// the version that the servers have, whatever they are called.
var engines = map[string]engine{
	"postgres":          {"18.4", "postgresql-license", 5432, "postgres", postgreSQLs, "POSTGRESQL"},
	"mysql":             {"8.4.7", "general-public-license", 3306, "mysql", []string{"5.7", "8.0", "8.4"}, "MYSQL"},
	"mariadb":           {"11.8.3", "general-public-license", 3306, "mariadb", []string{"10.5", "10.6", "10.11", "11.4", "11.8"}, "MYSQL"},
	"sqlserver-ee":      {"16.00.4215.2.v1", "license-included", 1433, "sqlserver-ee-", sqlServers, "SQLSERVER"},
	"sqlserver-se":      {"16.00.4215.2.v1", "license-included", 1433, "sqlserver-se-", sqlServers, "SQLSERVER"},
	"sqlserver-ex":      {"16.00.4215.2.v1", "license-included", 1433, "sqlserver-ex-", sqlServers, "SQLSERVER"},
	"sqlserver-web":     {"16.00.4215.2.v1", "license-included", 1433, "sqlserver-web-", sqlServers, "SQLSERVER"},
	"oracle-ee":         {"19.0.0.0.ru-2026-01.rur-2026-01.r1", "bring-your-own-license", 1521, "oracle-ee-", oracles[:1], ""},
	"oracle-ee-cdb":     {"19.0.0.0.ru-2026-01.rur-2026-01.r1", "bring-your-own-license", 1521, "oracle-ee-cdb-", oracles, ""},
	"oracle-se2":        {"19.0.0.0.ru-2026-01.rur-2026-01.r1", "license-included", 1521, "oracle-se2-", oracles[:1], ""},
	"oracle-se2-cdb":    {"19.0.0.0.ru-2026-01.rur-2026-01.r1", "license-included", 1521, "oracle-se2-cdb-", oracles, ""},
	"aurora-postgresql": {"17.7", "postgresql-license", 5432, "aurora-postgresql", postgreSQLs[:7], "POSTGRESQL"},
	"aurora-mysql":      {"8.0.mysql_aurora.3.10.1", "general-public-license", 3306, "aurora-mysql", []string{"5.7", "8.0"}, "MYSQL"},
}

// resolve is the version of an engine that is asked for, the default one unless one is, and the family of its parameter
// groups.
func resolve(name string, asked *string) (version, family string, err error) {
	e := engines[name]
	version = e.version
	if asked != nil {
		version = *asked
	}
	// SQL Server's 16.00.4215 is of the family 16.0.
	dotted := strings.Replace(version, ".00.", ".0.", 1) + "."
	i := slices.IndexFunc(e.majors, func(major string) bool { return strings.HasPrefix(dotted, major+".") })
	if i < 0 {
		return "", "", wire.Errorf("InvalidParameterCombination", "Cannot find version %s for %s", version, name)
	}
	return version, e.family + e.majors[i], nil
}

// families are those of all engines.
func families() []string {
	var all []string
	for _, e := range engines {
		for _, major := range e.majors {
			all = append(all, e.family+major)
		}
	}
	return all
}

// clustered says whether an engine has DB clusters: Aurora, and as Multi-AZ DB clusters PostgreSQL and MySQL.
func clustered(name string) bool {
	return strings.HasPrefix(name, aurora) || name == "postgres" || name == "mysql"
}
