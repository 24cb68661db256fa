package postgres_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
	"github.com/rdslink/rdslink/local/postgres"
	"github.com/rdslink/rdslink/local/postgres/postgrestest"
)

func TestMain(m *testing.M) { networktest.TestMain(m) }

const (
	vpc      = "vpc-1"
	endpoint = "orders-prod.c9akciq32.eu-central-1.rds.amazonaws.com"
	password = `it's "secret"`
	generous = 30 * time.Second
)

var (
	primary = netip.MustParseAddrPort("10.0.1.15:5432")
	standby = netip.MustParseAddrPort("10.0.2.15:5433")
)

// cloud is a VPC with two addresses, and PostgreSQL.
type cloud struct {
	*postgres.Installation
	network *network.Network
}

func newCloud(t *testing.T) cloud {
	t.Helper()
	n := networktest.New(t)
	if err := n.CreateVPC(vpc, netip.MustParsePrefix("10.0.0.0/16")); err != nil {
		t.Fatal(err)
	}
	for _, at := range []netip.AddrPort{primary, standby} {
		if err := n.AddAddress(vpc, at.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	i, _ := postgrestest.Install(t, n)
	return cloud{i, n}
}

// started makes a server and starts it on the primary's address.
func (c cloud) started(t *testing.T) *postgres.Server {
	t.Helper()
	s, err := c.Create(postgres.Config{Name: "orders-prod", DNSNames: []string{endpoint}, User: "Master", Password: password, Database: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Delete(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(context.Background(), vpc, primary); err != nil {
		t.Fatal(err)
	}
	return s
}

// client is how somebody connects; its zero value does it right.
type client struct {
	name, user, password, database string
	plain                          bool
}

func (c cloud) connect(t *testing.T, at netip.AddrPort, as client) (*pgx.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), generous)
	defer cancel()
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.Host, config.Port, config.User = cmp.Or(as.name, endpoint), at.Port(), cmp.Or(as.user, "Master")
	config.Password, config.Database = cmp.Or(as.password, password), cmp.Or(as.database, "orders")
	if !as.plain {
		trusted := x509.NewCertPool()
		trusted.AppendCertsFromPEM(c.CA())
		config.TLSConfig = &tls.Config{ServerName: config.Host, RootCAs: trusted}
	}
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{at.Addr().String()}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return c.network.Dial(ctx, vpc, at.Addr(), at)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
	}
	return conn, err
}

func (c cloud) mustConnect(t *testing.T, at netip.AddrPort) *pgx.Conn {
	t.Helper()
	conn, err := c.connect(t, at, client{})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestWhoMayConnect(t *testing.T) {
	const (
		invalidPassword      = "28P01" // https://www.postgresql.org/docs/18/errcodes-appendix.html
		invalidAuthorization = "28000" // no pg_hba.conf entry
	)
	tests := map[string]struct {
		client   client
		code     string // SQLSTATE
		verified bool   // false: the client refused the certificate
	}{
		"verify-full by the endpoint's name": {verified: true},
		"to the postgres database":           {client: client{database: "postgres"}, verified: true},
		"another name":                       {client: client{name: "vpce-1.vpce-svc-1.eu-central-1.vpce.amazonaws.com"}},
		"without TLS":                        {client: client{plain: true}, code: invalidAuthorization, verified: true},
		"a wrong password":                   {client: client{password: "guess"}, code: invalidPassword, verified: true},
	}
	c := newCloud(t)
	c.started(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.connect(t, primary, test.client)
			switch {
			case !test.verified:
				if _, ok := errors.AsType[x509.HostnameError](err); !ok {
					t.Errorf("got %v, want a wrong host name", err)
				}
			case test.code != "":
				if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != test.code {
					t.Errorf("got %v, want SQLSTATE %s", err, test.code)
				}
			case err != nil:
				t.Error(err)
			}
		})
	}
}

func TestMoveKeepsTheDataAndCutsConnections(t *testing.T) {
	ctx := context.Background()
	c := newCloud(t)
	s := c.started(t)
	before := c.mustConnect(t, primary)
	if _, err := before.Exec(ctx, "CREATE TABLE orders AS SELECT 42 AS id"); err != nil {
		t.Fatal(err)
	}
	if err := s.Move(ctx, vpc, standby); err != nil {
		t.Fatal(err)
	}
	if err := before.Ping(ctx); err == nil {
		t.Error("the old connection lives on")
	}
	if _, err := c.connect(t, primary, client{}); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the old address: got %v, want %v", err, syscall.ECONNREFUSED)
	}
	var id int
	if err := c.mustConnect(t, standby).QueryRow(ctx, "SELECT id FROM orders").Scan(&id); err != nil || id != 42 {
		t.Errorf("got %d, %v", id, err)
	}
}

func TestServersAreIndependent(t *testing.T) {
	c := newCloud(t)
	first := c.started(t)
	second, err := c.Create(postgres.Config{Name: "reports", DNSNames: []string{endpoint}, User: "Master", Password: password, Database: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(second.Stop)
	if err := second.Start(context.Background(), vpc, standby); err != nil {
		t.Fatal(err)
	}
	if err := first.Delete(); err != nil {
		t.Fatal(err)
	}
	c.mustConnect(t, standby)
}

func TestRefusals(t *testing.T) {
	c := newCloud(t)
	s := c.started(t)
	free := netip.AddrPortFrom(standby.Addr(), 5432)
	unknown := netip.MustParseAddrPort("10.0.9.9:5432")
	stopped, err := c.Create(postgres.Config{Name: "reports", DNSNames: []string{endpoint}, User: "Master", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		do   func() error
		want string
	}{
		"started twice":        {func() error { return s.Start(context.Background(), vpc, free) }, "start PostgreSQL server orders-prod on 10.0.2.15:5432: it runs already"},
		"an address of nobody": {func() error { return stopped.Start(context.Background(), vpc, unknown) }, "Cannot assign requested address"},
		"created twice": {func() error {
			_, err := c.Create(postgres.Config{Name: "orders-prod", DNSNames: []string{endpoint}})
			return err
		}, "file exists"},
		"a VPC of nobody": {func() error { return stopped.Start(context.Background(), "vpc-2", unknown) }, "VPC vpc-2 does not exist"},
		"a user that PG reserves": {func() error {
			_, err := c.Create(postgres.Config{Name: "x", DNSNames: []string{endpoint}, User: "pg_me"})
			return err
		}, `role name "pg_me" is reserved`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := test.do(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	c.mustConnect(t, primary) // none of it harmed the server that runs
}

func TestErrorsKeepThePassword(t *testing.T) {
	_, err := newCloud(t).Create(postgres.Config{Name: "x", DNSNames: []string{endpoint}, User: "pg_me", Password: password})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}
