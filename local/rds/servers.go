package rds

import (
	"cmp"
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/rdslink/rdslink/local/greeting"
	"github.com/rdslink/rdslink/local/postgres"
)

// Servers runs PostgreSQL where the engine is, or is compatible with, PostgreSQL. The other engines get servers that know
// how a connection begins: no package registry has MySQL or MariaDB in less than 149 MB, and none has the others.
func Servers(n greeting.Network, i *postgres.Installation) Engine { return servers{n, i} }

type servers struct {
	network  greeting.Network
	postgres *postgres.Installation
}

func (s servers) Create(c ServerConfig) (Server, error) {
	if !isPostgreSQL(c.Engine) {
		return s.greet(c)
	}
	return s.postgres.Create(postgresConfig(c))
}

func (s servers) CreateVolume(c ServerConfig) (Volume, error) {
	if !isPostgreSQL(c.Engine) {
		return emptyVolume{s, c}, nil
	}
	v, err := s.postgres.CreateVolume(postgresConfig(c))
	return volume{v}, err
}

func isPostgreSQL(engine string) bool { return engines[engine].proxied == "POSTGRESQL" }

func postgresConfig(c ServerConfig) postgres.Config {
	return postgres.Config{Name: c.ID, DNSNames: c.DNSNames, User: c.User, Password: c.Password, Database: c.Database,
		Admit: c.Admit}
}

// protocols by engine family. Oracle has none: it gets the first one.
var protocols = map[string]greeting.Protocol{"MYSQL": greeting.MySQL, "SQLSERVER": greeting.TDS}

// greet makes a server without data.
func (s servers) greet(c ServerConfig) (*greeting.Server, error) {
	certificate, err := s.postgres.Certificate(c.DNSNames...)
	if err != nil {
		return nil, err
	}
	e := engines[c.Engine]
	return greeting.New(s.network, greeting.Config{
		Certificate: certificate, Speaks: protocols[e.proxied], User: c.User, Password: c.Password, Version: e.version,
		MaxConnectErrors: maxConnectErrors(c),
	}), nil
}

// maxConnectErrors is after how many unfinished handshakes a server blocks a host: only those that resolve names do
// (check_connection of MySQL and MariaDB, under SPECIAL_NO_RESOLVE), and Aurora MySQL does not.
func maxConnectErrors(c ServerConfig) int {
	const standard = "100" // dev.mysql.com/doc/refman/8.4/en/server-system-variables.html
	if strings.HasPrefix(c.Engine, aurora) || c.Parameters["skip_name_resolve"] == "1" {
		return 0
	}
	n, _ := strconv.Atoi(cmp.Or(c.Parameters["max_connect_errors"], standard))
	return n
}

func (s servers) Relay(c RelayConfig) (io.Closer, error) {
	if c.Family == "POSTGRESQL" {
		return s.postgres.Relay(postgres.RelayConfig{
			DNSName: c.DNSName, VPC: c.VPC, At: c.At, RequireTLS: c.RequireTLS, Writer: c.Writer, Patience: c.Patience,
			Admit: c.Admit, Password: c.Password,
		})
	}
	// There is no data behind it, and it shakes hands itself, as every RDS Proxy does.
	certificate, err := s.postgres.Certificate(c.DNSName)
	if err != nil {
		return nil, err
	}
	server := greeting.New(s.network,
		greeting.Config{Certificate: certificate, Speaks: protocols[c.Family], Version: engines["mysql"].version})
	return server, server.Start(context.Background(), c.VPC, c.At)
}

func (s servers) Copy(of Server, id string, dnsNames ...string) (Server, error) {
	if p, ok := of.(*postgres.Server); ok {
		return p.Beside(id, dnsNames...)
	}
	certificate, err := s.postgres.Certificate(dnsNames...)
	if err != nil {
		return nil, err
	}
	return of.(*greeting.Server).Beside(certificate), nil
}

func (servers) Take(to, from Server) error {
	if p, ok := to.(*postgres.Server); ok {
		return p.Take(from.(*postgres.Server))
	}
	return nil // there is no data
}

func (s servers) Rename(server Server, dnsNames ...string) error {
	if p, ok := server.(*postgres.Server); ok {
		return p.Rename(dnsNames...)
	}
	certificate, err := s.postgres.Certificate(dnsNames...)
	if err == nil {
		server.(*greeting.Server).Present(certificate)
	}
	return err
}

type volume struct{ *postgres.Volume }

func (v volume) Attach(id string, dnsNames ...string) (Server, error) {
	return v.Volume.Attach(id, dnsNames...)
}

func (v volume) Promote(s Server) error { return v.Volume.Promote(s.(*postgres.Server)) }

// emptyVolume is the volume of servers without data.
type emptyVolume struct {
	servers servers
	config  ServerConfig
}

func (v emptyVolume) Attach(_ string, dnsNames ...string) (Server, error) {
	config := v.config
	config.DNSNames = dnsNames
	return v.servers.greet(config)
}

func (emptyVolume) Promote(Server) error { return nil }
