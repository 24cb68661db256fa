package rds

import "github.com/rdslink/rdslink/local/postgres"

// PostgreSQL runs the instances' servers on an installation of PostgreSQL.
func PostgreSQL(i *postgres.Installation) Engine { return postgreSQL{i} }

type postgreSQL struct{ installation *postgres.Installation }

func (p postgreSQL) Create(c ServerConfig) (Server, error) {
	return p.installation.Create(postgres.Config{Name: c.ID, DNSName: c.DNSName, User: c.User, Password: c.Password, Database: c.Database})
}
