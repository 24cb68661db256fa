// Package lockout is what a database's server holds against an address, and says when it lets nobody in who comes from
// there. A server behind an exposure knows its consumers by the addresses of the load balancer's nodes alone: what one of
// them does can lock out all. docs/database.md has the same by engine, with what cannot be seen from outside.
package lockout

import "strings"

// Lockout is an error by which a server keeps out more than the one who did something wrong.
type Lockout struct {
	Says string // what it is
	Whom string // who is locked out
	Undo string // how it is undone
}

// String is for people, who have read the server's own words before.
func (l Lockout) String() string {
	return l.Says + "; it locks out " + l.Whom + "; to undo it: " + l.Undo
}

const (
	behindTheNode = "every consumer whose connection comes through this node"
	whoConnects   = "whoever connects now, by whatever way"
)

// lockouts are those errors, by the family of engines and the code that its protocol has for them.
var lockouts = map[string]map[string]Lockout{
	// Manuals of MySQL ("Server Error Message Reference", "Host 'host_name' is blocked", "DNS Lookups and the Host Cache") and
	// MariaDB ("MariaDB Error Code Reference", "FLUSH").
	"mysql": {
		"1129": {"the server has blocked the node's address, after max_connect_errors connections in a row that broke off before they " +
			"had logged in", behindTheNode,
			"TRUNCATE TABLE performance_schema.host_cache (MySQL), FLUSH HOSTS (MariaDB, MySQL before 8.4) or mysqladmin flush-hosts, " +
				"by a way that is not this one; then find the client that hangs up, or raise max_connect_errors in the parameter group"},
		"1130": {"no account of the server is for the node's address", behindTheNode,
			"give the consumers' accounts the host '%', or the load balancer's subnets"},
		"1040": {"all of max_connections are in use", whoConnects, "end connections, or raise max_connections in the parameter group"},
	},
	// Documentation of PostgreSQL, appendix "PostgreSQL Error Codes"; "Client Authentication".
	"postgres": {
		"28000": {"the server lets nobody in from this address in this way (pg_hba.conf, which is RDS's own)", behindTheNode,
			"see whether rds.force_ssl asks for TLS, and whether the role may log in"},
		"53300": {"all of max_connections are in use, or of a role's or a database's CONNECTION LIMIT", whoConnects,
			"end connections (pg_terminate_backend), or raise the limit"},
	},
	// Microsoft Learn, "Database Engine events and errors".
	"sqlserver": {
		"17892": {"a logon trigger refuses; one that goes by the client's address sees the node's", behindTheNode,
			"change or drop the trigger (sys.server_triggers)"},
		"17809": {"all of \"user connections\" are in use", whoConnects, "end sessions, or raise \"user connections\" in the parameter group"},
	},
	// Oracle Database Error Messages, TNS-12516 to TNS-12520.
	"oracle": {
		"12516": {"the listener has no handler that is free: the instance's processes or sessions are in use", whoConnects, oracleRoom},
		"12519": {"the listener has no handler that is free: the instance's processes or sessions are in use", whoConnects, oracleRoom},
		"12520": {"the listener has no handler that is free: the instance's processes or sessions are in use", whoConnects, oracleRoom},
	},
}

const oracleRoom = "end sessions, or raise processes in the parameter group"

// Explain says what a server's error means for others than who got it. Most errors mean nothing for them.
func Explain(engine, code string) (Lockout, bool) {
	l, found := lockouts[Family(engine)][code]
	return l, found
}

// Family is whose clients speak with an engine, as RDS spells that one.
func Family(engine string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(engine, "aurora-"), "-")
	switch name {
	case "mariadb":
		return "mysql"
	case "postgresql":
		return "postgres"
	}
	return name
}
