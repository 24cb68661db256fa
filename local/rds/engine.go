package rds

import "strings"

// engine is what RDS knows of a DB engine.
type engine struct {
	version string // the default one
	license string
	port    int32
	family  string // of its parameter groups
	proxied string // the engine family of proxies in front of it; "" when there are none
}

const aurora = "aurora-"

// engines are the ones that can be created, by their names in CreateDBInstance and CreateDBCluster. PostgreSQL's is the version
// that the servers have.
var engines = map[string]engine{
	"postgres":          {"18.4", "postgresql-license", 5432, "postgres18", "POSTGRESQL"},
	"mysql":             {"8.4.7", "general-public-license", 3306, "mysql8.4", "MYSQL"},
	"mariadb":           {"11.8.3", "general-public-license", 3306, "mariadb11.8", "MYSQL"},
	"sqlserver-ee":      {"16.00.4215.2.v1", "license-included", 1433, "sqlserver-ee-16.0", "SQLSERVER"},
	"sqlserver-se":      {"16.00.4215.2.v1", "license-included", 1433, "sqlserver-se-16.0", "SQLSERVER"},
	"sqlserver-ex":      {"16.00.4215.2.v1", "license-included", 1433, "sqlserver-ex-16.0", "SQLSERVER"},
	"sqlserver-web":     {"16.00.4215.2.v1", "license-included", 1433, "sqlserver-web-16.0", "SQLSERVER"},
	"oracle-ee":         {"19.0.0.0.ru-2026-01.rur-2026-01.r1", "bring-your-own-license", 1521, "oracle-ee-19", ""},
	"oracle-ee-cdb":     {"19.0.0.0.ru-2026-01.rur-2026-01.r1", "bring-your-own-license", 1521, "oracle-ee-cdb-19", ""},
	"oracle-se2":        {"19.0.0.0.ru-2026-01.rur-2026-01.r1", "license-included", 1521, "oracle-se2-19", ""},
	"oracle-se2-cdb":    {"19.0.0.0.ru-2026-01.rur-2026-01.r1", "license-included", 1521, "oracle-se2-cdb-19", ""},
	"aurora-postgresql": {"17.7", "postgresql-license", 5432, "aurora-postgresql17", "POSTGRESQL"},
	"aurora-mysql":      {"8.0.mysql_aurora.3.10.1", "general-public-license", 3306, "aurora-mysql8.0", "MYSQL"},
}

// clustered says whether an engine has DB clusters: Aurora, and as Multi-AZ DB clusters PostgreSQL and MySQL.
func clustered(name string) bool {
	return strings.HasPrefix(name, aurora) || name == "postgres" || name == "mysql"
}
