package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdslink/rdslink/local/network"
)

// RelayConfig is what a relay needs to know of its proxy.
type RelayConfig struct {
	DNSName    string // of the proxy: the name in the certificate
	VPC        string
	At         netip.AddrPort
	RequireTLS bool
	// Writer is where the database that takes writes is now, and the name in its certificate.
	Writer func() (host string, at netip.AddrPort, ok bool)
	// Patience is how long a client is held while no writer answers: ConnectionBorrowTimeout.
	Patience time.Duration
	// Admit judges the tokens of clients, who log in by them alone; nil: they log in by password.
	Admit func(user, token string) error
	// Password is what the proxy's secret has for a user, whom a token has let in.
	Password func(user string) (password string, ok bool)
}

// relay is one address of an RDS Proxy. As there, the proxy ends the client's TLS with a certificate of its own, learns who
// the client is, and opens a connection of its own to the database, from its own address. Unlike there, the two connections
// belong together until one of them ends, and the password comes in clear text within TLS, because the proxy knows no
// secrets but those of users who log in by token.
type relay struct {
	RelayConfig
	installation *Installation
	certificate  tls.Certificate
}

// Relay serves an address of an RDS Proxy until it is closed. Connections live on.
func (i *Installation) Relay(c RelayConfig) (io.Closer, error) {
	certificate, err := i.Certificate(c.DNSName)
	if err != nil {
		return nil, fmt.Errorf("relay at %s: %w", c.At, err)
	}
	listener, err := i.network.Listen(c.VPC, c.At)
	if err != nil {
		return nil, fmt.Errorf("relay at %s: %w", c.At, err)
	}
	r := &relay{c, i, certificate}
	go r.accept(listener)
	return listener, nil
}

// Certificate issues a certificate for names, from the authority of the databases.
func (i *Installation) Certificate(names ...string) (tls.Certificate, error) {
	certificate, key, err := i.authority.issue(names)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue certificate for %s: %w", names, err)
	}
	return tls.X509KeyPair(certificate, key)
}

func (r *relay) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go r.serve(client)
		}
	}
}

func (r *relay) serve(client net.Conn) {
	s, err := r.greet(client)
	if err != nil {
		_ = client.Close() // as a health check does, it went before it said who it is
		return
	}
	var server *pgconn.HijackedConn
	if err = r.admit(s); err == nil {
		server, err = r.connect(s)
	}
	if err == nil {
		err = s.welcome(server)
	}
	if err != nil {
		s.refuse(err)
		_ = s.client.Close()
		return
	}
	network.Pipe(s.client, server.Conn)
}

// admit exchanges a client's token for the user's password. The refusals are RDS Proxy's
// (docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html, "Troubleshooting RDS Proxy for RDS for
// PostgreSQL").
func (r *relay) admit(s *session) error {
	if r.Admit == nil {
		return nil
	}
	user := s.startup.Parameters["user"]
	if _, encrypted := s.client.(*tls.Conn); !encrypted {
		return &pgconn.PgError{Code: wrongPassword, Message: "IAM is allowed only with SSL connections."}
	}
	if r.Admit(user, s.password) != nil {
		return &pgconn.PgError{Code: wrongPassword, Message: fmt.Sprintf(
			"The IAM authentication failed for the role %s. Check the IAM token for this role and try again.", user)}
	}
	password, ok := r.Password(user)
	if !ok {
		return &pgconn.PgError{Code: wrongPassword, Message: fmt.Sprintf(
			"This RDS proxy has no credentials for the role %s. Check the credentials for this role and try again.", user)}
	}
	s.password = password
	return nil
}

const wrongPassword = "28P01" // ERRCODE_INVALID_PASSWORD

// session is a client that has said who it is.
type session struct {
	client   net.Conn
	backend  *pgproto3.Backend
	startup  *pgproto3.StartupMessage
	password string
}

// greet brings a client as far as PostgreSQL's protocol goes without a server
// (postgresql.org/docs/current/protocol-flow.html, "Start-up" and "SSL Session Encryption").
func (r *relay) greet(client net.Conn) (*session, error) {
	s := &session{client: client, backend: pgproto3.NewBackend(client, client)}
	first, err := s.backend.ReceiveStartupMessage()
	if err != nil {
		return nil, err
	}
	_, encrypted := first.(*pgproto3.SSLRequest)
	if encrypted {
		if first, err = s.encrypt(r.certificate); err != nil {
			return nil, err
		}
	}
	startup, ok := first.(*pgproto3.StartupMessage)
	if !ok {
		return nil, fmt.Errorf("unexpected %T", first)
	}
	s.startup = startup
	if r.RequireTLS && !encrypted {
		err := errors.New("this RDS Proxy requires TLS connections")
		s.refuse(err)
		return nil, err
	}
	return s, s.askPassword()
}

func (s *session) encrypt(certificate tls.Certificate) (pgproto3.FrontendMessage, error) {
	if _, err := s.client.Write([]byte{'S'}); err != nil {
		return nil, err
	}
	s.client = tls.Server(s.client, &tls.Config{Certificates: []tls.Certificate{certificate}})
	s.backend = pgproto3.NewBackend(s.client, s.client)
	return s.backend.ReceiveStartupMessage()
}

func (s *session) askPassword() error {
	s.backend.Send(&pgproto3.AuthenticationCleartextPassword{})
	if err := errors.Join(s.backend.Flush(), s.backend.SetAuthType(pgproto3.AuthTypeCleartextPassword)); err != nil {
		return err
	}
	answer, err := s.backend.Receive()
	if err != nil {
		return err
	}
	password, ok := answer.(*pgproto3.PasswordMessage)
	if !ok {
		return fmt.Errorf("unexpected %T", answer)
	}
	s.password = password.Password
	return nil
}

const retryInterval = 50 * time.Millisecond

// connect opens the connection to the database. While there is none to connect to, the client is held.
func (r *relay) connect(s *session) (*pgconn.HijackedConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), r.Patience)
	defer cancel()
	for {
		server, err := r.dial(ctx, s)
		if _, refused := errors.AsType[*pgconn.PgError](err); refused || err == nil {
			return server, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("timed out waiting to acquire database connection: %w", err)
		case <-time.After(retryInterval):
		}
	}
}

func (r *relay) dial(ctx context.Context, s *session) (*pgconn.HijackedConn, error) {
	host, at, ok := r.Writer()
	if !ok {
		return nil, errors.New("no target is available")
	}
	config, err := parameters(s.startup.Parameters)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.installation.CA())
	config.Host, config.Port, config.TLSConfig = host, at.Port(), &tls.Config{ServerName: host, RootCAs: roots}
	config.Password = s.password
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{at.Addr().String()}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return r.installation.network.Dial(ctx, r.VPC, r.At.Addr(), at)
	}
	return takeOver(ctx, config)
}

// parameters are what a client has said when it began, for a connection in its name.
func parameters(startup map[string]string) (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, err
	}
	config.User, config.Database = startup["user"], startup["database"]
	for name, value := range startup {
		if name != "user" && name != "database" {
			config.RuntimeParams[name] = value
		}
	}
	return config, nil
}

// takeOver connects, and leaves the connection to whoever reads and writes it from then on.
func takeOver(ctx context.Context, config *pgconn.Config) (*pgconn.HijackedConn, error) {
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	// A write that was slow has left a reader in the background, which would take the first answer to the client.
	if err := conn.SyncConn(ctx); err != nil {
		return nil, err
	}
	return conn.Hijack()
}

// welcome tells the client what the server told the relay.
func (s *session) welcome(server *pgconn.HijackedConn) error {
	s.backend.Send(&pgproto3.AuthenticationOk{})
	for name, value := range server.ParameterStatuses {
		s.backend.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	s.backend.Send(&pgproto3.BackendKeyData{ProcessID: server.PID, SecretKey: server.SecretKey})
	s.backend.Send(&pgproto3.ReadyForQuery{TxStatus: server.TxStatus})
	return s.backend.Flush()
}

// refuse tells the client why it is not let in: in the server's words, if it had any.
func (s *session) refuse(why error) {
	const connectionFailure = "08006" // postgresql.org/docs/current/errcodes-appendix.html
	answer := &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: connectionFailure, Message: why.Error()}
	if refusal, ok := errors.AsType[*pgconn.PgError](why); ok {
		answer.Code, answer.Message = refusal.Code, refusal.Message
	}
	s.backend.Send(answer)
	_ = s.backend.Flush() // who does not read it is gone
}
