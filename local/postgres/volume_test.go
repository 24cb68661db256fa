package postgres_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/postgres"
)

// member attaches a server to v and starts it.
func (c cloud) member(t *testing.T, v *postgres.Volume, name string, at netip.AddrPort) *postgres.Server {
	t.Helper()
	s, err := v.Attach(name, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Delete(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(t.Context(), vpc, at); err != nil {
		t.Fatal(err)
	}
	return s
}

func (c cloud) volume(t *testing.T) *postgres.Volume {
	t.Helper()
	v, err := c.CreateVolume(postgres.Config{Name: "cluster-orders", User: "Master", Password: password, Database: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// awaitOrder reads the one order there, as soon as it is there.
func awaitOrder(t *testing.T, conn *pgx.Conn, want int) {
	t.Helper()
	var id int
	var err error
	for deadline := time.Now().Add(generous); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err = conn.QueryRow(t.Context(), "SELECT max(id) FROM orders").Scan(&id); err == nil && id == want {
			return
		}
	}
	t.Fatalf("read %d, %v, want %d", id, err, want)
}

const readOnlyTransaction = "25006" // https://www.postgresql.org/docs/18/errcodes-appendix.html

func mustRefuseWrites(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	_, err := conn.Exec(t.Context(), "INSERT INTO orders VALUES (99)")
	if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != readOnlyTransaction {
		t.Errorf("got %v, want SQLSTATE %s", err, readOnlyTransaction)
	}
}

func mustExec(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// promotes has the reader at an address become the writer.
func promotes(t *testing.T, v *postgres.Volume, writer, reader *postgres.Server, at netip.AddrPort) {
	t.Helper()
	writer.Stop()
	reader.Stop()
	if err := v.Promote(reader); err != nil {
		t.Fatal(err)
	}
	for at, s := range map[netip.AddrPort]*postgres.Server{at: reader, primary: writer} {
		if err := s.Start(t.Context(), vpc, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReaderFollowsTheWriterAndTakesOver(t *testing.T) {
	c := newCloud(t)
	v := c.volume(t)
	second := netip.AddrPortFrom(standby.Addr(), primary.Port())
	one := c.member(t, v, "one", primary)
	mustExec(t, c.mustConnect(t, primary), "CREATE TABLE orders AS SELECT 1 AS id") // before there is a reader
	two := c.member(t, v, "two", second)
	reader := c.mustConnect(t, second)
	awaitOrder(t, reader, 1)
	mustRefuseWrites(t, reader)

	promotes(t, v, one, two, second)
	mustExec(t, c.mustConnect(t, second), "INSERT INTO orders VALUES (2)")
	old := c.mustConnect(t, primary)
	awaitOrder(t, old, 2)
	mustRefuseWrites(t, old)
}

func TestRunningServerIsNotPromoted(t *testing.T) {
	c := newCloud(t)
	v := c.volume(t)
	c.member(t, v, "one", primary)
	two, err := v.Attach("two", endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Promote(two); err == nil || !strings.Contains(err.Error(), "a server that runs cannot change its data") {
		t.Errorf("got %v", err)
	}
}

const proxyName = "orders.proxy-c9akciq32.eu-central-1.rds.amazonaws.com"

func (c cloud) relay(t *testing.T, at netip.AddrPort, writer func() (string, netip.AddrPort, bool)) {
	t.Helper()
	c.relayFor(t, postgres.RelayConfig{DNSName: proxyName, VPC: vpc, At: at, RequireTLS: true, Writer: writer, Patience: generous})
}

func (c cloud) relayFor(t *testing.T, config postgres.RelayConfig) {
	t.Helper()
	open := network.Guard{
		Inbound:  []network.Rule{{Peer: netip.MustParsePrefix("10.0.0.0/16"), ToPort: 65535}},
		Outbound: []network.Rule{{Peer: netip.MustParsePrefix("10.0.0.0/16"), ToPort: 65535}},
	}
	if err := c.network.SetFirewall(vpc, network.Firewall{primary.Addr(): open, standby.Addr(): open}); err != nil {
		t.Fatal(err)
	}
	l, err := c.Relay(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
}

func TestRelayLeadsToTheWriter(t *testing.T) {
	tests := map[string]struct {
		client client
		code   string
	}{
		"verify-full by the proxy's name": {client: client{name: proxyName}},
		"a wrong password":                {client: client{name: proxyName, password: "guess"}, code: "28P01"},
		"without TLS":                     {client: client{plain: true}, code: "08006"},
	}
	c := newCloud(t)
	c.started(t)
	c.relay(t, standby, func() (string, netip.AddrPort, bool) { return endpoint, primary, true })
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			conn, err := c.connect(t, standby, test.client)
			if test.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				var client string // the database sees the proxy
				if err := conn.QueryRow(t.Context(), "SELECT host(inet_client_addr())").Scan(&client); err != nil || client != standby.Addr().String() {
					t.Errorf("the client is %s, %v", client, err)
				}
				return
			}
			if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != test.code {
				t.Errorf("got %v, want SQLSTATE %s", err, test.code)
			}
		})
	}
}

// A proxy that wants tokens takes no passwords, and logs in to the database with the secret that it has of the user.
func TestRelayExchangesATokenForTheUsersPassword(t *testing.T) {
	c := newCloud(t)
	c.started(t)
	c.relayFor(t, postgres.RelayConfig{
		DNSName: proxyName, VPC: vpc, At: standby, Patience: generous,
		Writer: func() (string, netip.AddrPort, bool) { return endpoint, primary, true },
		Admit: func(_, token string) error {
			if token != "good" {
				return errors.New("no")
			}
			return nil
		},
		Password: func(user string) (string, bool) { return password, user == "Master" },
	})
	for name, row := range map[string]struct {
		client client
		says   string
	}{
		"a good token":                  {client: client{name: proxyName, password: "good"}},
		"a bad token":                   {client{name: proxyName, password: "bad"}, "The IAM authentication failed for the role Master."},
		"the password":                  {client{name: proxyName, password: password}, "The IAM authentication failed for the role Master."},
		"a user of whom it has nothing": {client{name: proxyName, user: "other", password: "good"}, "no credentials for the role other."},
		"a token without TLS":           {client{name: proxyName, password: "good", plain: true}, "IAM is allowed only with SSL connections."},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := c.connect(t, standby, row.client)
			if row.says == "" {
				if err != nil || userOf(t, conn) != "Master" {
					t.Errorf("it is refused: %v", err)
				}
				return
			}
			if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != "28P01" || !strings.Contains(refused.Message, row.says) {
				t.Errorf("got %v, want 28P01 %s", err, row.says)
			}
		})
	}
}

func TestRelayHoldsAClientUntilThereIsAWriter(t *testing.T) {
	c := newCloud(t)
	s := c.started(t)
	s.Stop()
	asked, serves := make(chan struct{}, 1), new(atomic.Bool)
	c.relay(t, standby, func() (string, netip.AddrPort, bool) {
		select {
		case asked <- struct{}{}:
		default:
		}
		return endpoint, primary, serves.Load()
	})
	go func() {
		<-asked
		if err := s.Start(context.Background(), vpc, primary); err != nil {
			t.Error(err)
		}
		serves.Store(true)
	}()
	if _, err := c.connect(t, standby, client{name: proxyName}); err != nil {
		t.Error(err)
	}
}
