package rds

import (
	"io"

	"github.com/rdslink/rdslink/local/postgres"
)

// PostgreSQL runs servers on an installation of PostgreSQL.
func PostgreSQL(i *postgres.Installation) Engine { return postgreSQL{i} }

type postgreSQL struct{ installation *postgres.Installation }

func (p postgreSQL) Create(c ServerConfig) (Server, error) {
	return p.installation.Create(p.config(c))
}

func (p postgreSQL) CreateVolume(c ServerConfig) (Volume, error) {
	v, err := p.installation.CreateVolume(p.config(c))
	return volume{v}, err
}

func (p postgreSQL) Relay(c RelayConfig) (io.Closer, error) {
	return p.installation.Relay(postgres.RelayConfig{
		DNSName: c.DNSName, VPC: c.VPC, At: c.At, RequireTLS: c.RequireTLS, Writer: c.Writer, Patience: c.Patience,
	})
}

func (postgreSQL) config(c ServerConfig) postgres.Config {
	return postgres.Config{Name: c.ID, DNSNames: c.DNSNames, User: c.User, Password: c.Password, Database: c.Database}
}

type volume struct{ *postgres.Volume }

func (v volume) Attach(id string, dnsNames ...string) (Server, error) {
	return v.Volume.Attach(id, dnsNames...)
}

func (v volume) Promote(s Server) error { return v.Volume.Promote(s.(*postgres.Server)) }
