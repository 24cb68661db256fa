package postgres_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdslink/rdslink/local/postgres"
)

// gated makes a server that takes the token "good" of app, who is a member of rds_iam, and starts it on the primary's
// address.
func (c cloud) gated(t *testing.T) *postgres.Server {
	t.Helper()
	s, err := c.Create(postgres.Config{Name: "orders-prod", DNSNames: []string{endpoint}, User: "Master", Password: password, Database: "orders",
		Admit: func(user, token string) error {
			if user != "app" || token != "good" {
				return errors.New("no")
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Delete() })
	if err := s.Start(context.Background(), vpc, primary); err != nil {
		t.Fatal(err)
	}
	master := c.mustConnect(t, primary)
	for _, statement := range []string{"CREATE USER app", "GRANT rds_iam TO app", "CREATE USER other PASSWORD 'good'", "CREATE USER twice PASSWORD 'good'", "GRANT rds_iam TO twice"} {
		if _, err := master.Exec(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// A member of rds_iam logs in by token and by nothing else, everybody else by password; without TLS nobody does.
func TestWhoLogsInByToken(t *testing.T) {
	c := newCloud(t)
	s := c.gated(t)
	for name, row := range map[string]struct {
		client
		code, says string
	}{
		"a good token":                    {client: client{user: "app", password: "good"}},
		"a bad token":                     {client: client{user: "app", password: "bad"}, code: "28000", says: `PAM authentication failed for user "app"`},
		"a password of another":           {client: client{user: "other", password: "good"}},
		"a wrong password":                {client: client{user: "other", password: "bad"}, code: "28P01"},
		"a password where a token is due": {client: client{user: "twice", password: "good"}, code: "28000", says: "PAM authentication failed"},
		"nobody":                          {client: client{user: "nobody", password: "good"}, code: "28P01"},
		"RDS's own user":                  {client: client{user: "rdsadmin", password: "good"}, code: "28P01"},
		"a token without TLS":             {client: client{user: "app", password: "good", plain: true}, code: "28000", says: "no encryption"},
		"the master":                      {client: client{}},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := c.connect(t, primary, row.client)
			refused, is := errors.AsType[*pgconn.PgError](err)
			if row.code == "" && err != nil || row.code != "" && (!is || refused.Code != row.code || !strings.Contains(refused.Message, row.says)) {
				t.Fatalf("got %v, want %s %s", err, row.code, row.says)
			}
			if row.code == "" {
				want := row.user
				if want == "" {
					want = "Master"
				}
				if got := userOf(t, conn); got != want {
					t.Errorf("it is %s", got)
				}
			}
		})
	}
	before := c.mustConnect(t, primary)
	if err := s.Move(context.Background(), vpc, standby); err != nil {
		t.Fatal(err)
	}
	if err := before.Ping(context.Background()); err == nil {
		t.Error("the old connection lives on")
	}
	if conn, err := c.connect(t, standby, client{user: "app", password: "good"}); err != nil || userOf(t, conn) != "app" {
		t.Errorf("after it has moved: %v", err)
	}
	if _, err := c.connect(t, primary, client{}); err == nil {
		t.Error("the old address answers")
	}
}

// The members of a cluster take the same tokens, whichever of them writes, and follow each other as ever.
func TestEachMemberOfAVolumeTakesTokens(t *testing.T) {
	c := newCloud(t)
	v, err := c.CreateVolume(postgres.Config{Name: "cluster-orders", User: "Master", Password: password, Database: "orders",
		Admit: func(_, token string) error {
			if token != "good" {
				return errors.New("no")
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	second := netip.AddrPortFrom(standby.Addr(), primary.Port())
	one, two := c.member(t, v, "one", primary), c.member(t, v, "two", second)
	master := c.mustConnect(t, primary)
	mustExec(t, master, "CREATE USER app; GRANT rds_iam TO app; CREATE TABLE orders AS SELECT 1 AS id; GRANT SELECT ON orders TO app")
	awaitOrder(t, c.mustConnect(t, second), 1)
	takes := func(at netip.AddrPort) {
		t.Helper()
		conn, err := c.connect(t, at, client{user: "app", password: "good"})
		if err != nil || userOf(t, conn) != "app" {
			t.Fatalf("%s: %v", at, err)
		}
		awaitOrder(t, conn, 1)
		if _, err := c.connect(t, at, client{user: "app", password: "bad"}); err == nil || !strings.Contains(err.Error(), "PAM authentication failed") {
			t.Errorf("%s: a bad token: %v", at, err)
		}
	}
	takes(primary)
	takes(second)
	promotes(t, v, one, two, second)
	takes(second)
	takes(primary)
	mustExec(t, c.mustConnect(t, second), "INSERT INTO orders VALUES (2)")
	awaitOrder(t, c.mustConnect(t, primary), 2)
}

func userOf(t *testing.T, conn *pgx.Conn) (user string) {
	t.Helper()
	if err := conn.QueryRow(context.Background(), "select current_user").Scan(&user); err != nil {
		t.Fatal(err)
	}
	return user
}
