package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdslink/rdslink/local/network"
)

// tokenRole is whose members log in with a token and no password
// (docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html, "PostgreSQL").
const tokenRole = "rds_iam"

// gate stands before a server whose users may log in with tokens. RDS has PAM for it, which PostgreSQL's programs here were
// built without: so the gate ends the client's TLS with the server's certificate and asks members of rds_iam for the token.
// All others it lets through to the server, which asks for the password itself. The server listens on a loopback address of
// the VPC alone.
type gate struct {
	server   *Server
	vpc      string
	behind   netip.AddrPort
	listener net.Listener
}

// From these the gate connects: as who has shown a token, or asks for the server's roles; and for everybody else.
var (
	trusted   = netip.AddrFrom4([4]byte{127, 0, 0, 2})
	untrusted = netip.AddrFrom4([4]byte{127, 0, 0, 3})
)

// gateRules are the server's own, as its clients come from the gate; the members of a volume follow each other as ever.
func gateRules() string {
	return followers + fmt.Sprintf("host all %s %s/32 trust\nhost all +%s %s/32 trust\nhost all all %s/32 scram-sha-256\n",
		superuser, trusted, tokenRole, trusted, untrusted)
}

// loopback is the server's address behind the gate: one for each address of the VPC.
func loopback(at netip.AddrPort) netip.AddrPort {
	a := at.Addr().As4()
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 64 | a[1]&63, a[2], a[3]}), at.Port())
}

// openGate listens where the server's clients connect. The server runs already.
func (s *Server) openGate(vpc string, at netip.AddrPort) error {
	listener, err := s.installation.network.Listen(vpc, at)
	if err != nil {
		return err
	}
	s.gate = &gate{s, vpc, loopback(at), listener}
	go s.gate.accept()
	return nil
}

func (g *gate) accept() {
	for {
		client, err := g.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go g.serve(client)
		}
	}
}

func (g *gate) serve(client net.Conn) {
	s := &session{client: client, backend: pgproto3.NewBackend(client, client)}
	server, err := g.admit(s)
	if err != nil {
		s.refuse(err)
		_ = s.client.Close()
		return
	}
	network.Pipe(s.client, server)
}

// patienceOfGate is how long a client and the server may take to agree, as authentication_timeout has it.
const patienceOfGate = time.Minute

// admit brings a client to the server, as far as it is to answer by itself.
func (g *gate) admit(s *session) (net.Conn, error) {
	_ = s.client.SetDeadline(time.Now().Add(patienceOfGate))
	raw := s.client
	defer func() { _ = raw.SetDeadline(time.Time{}) }()
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfGate)
	defer cancel()
	first, err := s.backend.ReceiveStartupMessage()
	if _, encrypted := first.(*pgproto3.SSLRequest); err == nil && encrypted {
		var certificate tls.Certificate
		if certificate, err = tls.LoadX509KeyPair(g.server.certificate(), g.server.key()); err == nil {
			first, err = s.encrypt(certificate)
		}
	}
	if err != nil {
		return nil, err
	}
	startup, ok := first.(*pgproto3.StartupMessage)
	_, encrypted := s.client.(*tls.Conn)
	switch {
	case !ok: // a request to cancel another session's statement
		return g.forward(ctx, first)
	case !encrypted: // rds.force_ssl
		return nil, &pgconn.PgError{Code: noSuchEntry, Message: fmt.Sprintf(
			"no pg_hba.conf entry for host %q, user %q, database %q, no encryption",
			client(s), startup.Parameters["user"], startup.Parameters["database"])}
	}
	s.startup = startup
	byToken, err := g.logsInByToken(ctx, startup.Parameters["user"])
	if err != nil {
		return nil, err
	}
	if !byToken {
		return g.forward(ctx, startup)
	}
	return g.checkToken(ctx, s)
}

// noSuchEntry is ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, which PostgreSQL's refusals of a user have (auth.c).
const noSuchEntry = "28000"

func client(s *session) string {
	at, _ := netip.ParseAddrPort(s.client.RemoteAddr().String())
	return at.Addr().String()
}

// checkToken asks for the token, and opens the user's connection to the server when it is good.
func (g *gate) checkToken(ctx context.Context, s *session) (net.Conn, error) {
	if err := s.askPassword(); err != nil {
		return nil, err
	}
	user := s.startup.Parameters["user"]
	if err := g.server.admit(user, s.password); err != nil {
		return nil, &pgconn.PgError{Code: noSuchEntry, Message: fmt.Sprintf("PAM authentication failed for user %q", user)}
	}
	config, err := g.settings(s.startup.Parameters)
	if err != nil {
		return nil, err
	}
	server, err := takeOver(ctx, config)
	if err == nil {
		err = s.welcome(server)
	}
	if err != nil {
		return nil, err
	}
	return server.Conn, nil
}

// settings connect to the server as who is trusted.
func (g *gate) settings(startup map[string]string) (*pgconn.Config, error) {
	config, err := parameters(startup)
	if err != nil {
		return nil, err
	}
	config.Host, config.Port = g.behind.Addr().String(), g.behind.Port()
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return g.dial(ctx, trusted) }
	return config, nil
}

func (g *gate) dial(ctx context.Context, from netip.Addr) (net.Conn, error) {
	return g.server.installation.network.Dial(ctx, g.vpc, from, g.behind)
}

// forward hands a client's first message on, and the rest to the two of them.
func (g *gate) forward(ctx context.Context, first pgproto3.FrontendMessage) (net.Conn, error) {
	text, err := first.Encode(nil)
	if err != nil {
		return nil, err
	}
	server, err := g.dial(ctx, untrusted)
	if err != nil {
		return nil, err
	}
	if _, err := server.Write(text); err != nil {
		_ = server.Close()
		return nil, err
	}
	return server, nil
}

// logsInByToken says whether PostgreSQL would take a user for a member of rds_iam in its rules: a superuser is none by
// itself.
func (g *gate) logsInByToken(ctx context.Context, user string) (bool, error) {
	config, err := g.settings(map[string]string{"user": superuser, "database": "postgres"})
	if err != nil {
		return false, err
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(ctx) }()
	const question = `select 1 from pg_roles where rolname = $1 and not rolsuper and pg_has_role(oid, '` + tokenRole + `', 'member')`
	result := conn.ExecParams(ctx, question, [][]byte{[]byte(user)}, nil, nil, nil).Read()
	return len(result.Rows) > 0, result.Err
}

// writeGateRules puts the rules beside the data, which may be another server's tomorrow.
func (s *Server) writeGateRules() error {
	return os.WriteFile(s.gateRules(), []byte(gateRules()), 0o600)
}

func (s *Server) gateRules() string { return filepath.Join(s.dir, "gate.conf") }
