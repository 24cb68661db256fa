package resolve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
)

// A protocol asks a server for its certificate, as far as the engine's own
// protocol goes before TLS; none and no error where the server offers no TLS.
type protocol func(ctx context.Context, conn net.Conn, serverName string) ([]*x509.Certificate, error)

// protocolOf is the engine's protocol, or nil: Oracle offers TLS on another
// port, by an option.
func protocolOf(engine string) protocol {
	switch family(engine) {
	case "postgres", "postgresql":
		return postgresIdentity
	case "mysql", "mariadb":
		return mysqlIdentity
	case "sqlserver":
		return sqlServerIdentity
	default:
		return nil
	}
}

// mustFinish reports whether a connection to the server may not break off in
// its handshake: see mysqlIdentity. Aurora MySQL does not mind.
func mustFinish(engine string) bool { return engine == "mysql" || engine == "mariadb" }

// identify speaks with the server on conn as far as is needed, and fills in p.
func identify(ctx context.Context, conn net.Conn, r Request, p *Probe) {
	speak := protocolOf(r.Engine)
	if speak == nil {
		p.TLS, p.Detail = Unavailable, "no TLS identity probe for engine "+r.Engine
		return
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			p.TLS, p.Detail = Unavailable, err.Error()
			return
		}
	}
	certificates, err := speak(ctx, conn, r.ServerName)
	if err != nil && mustFinish(r.Engine) {
		p.Result = Blocked // it listens, and does not serve us
	}
	switch {
	case len(certificates) > 0:
		p.TLS, p.Detail = compare(certificates, r.ServerName)
	case err != nil:
		p.TLS, p.Detail = Unavailable, err.Error()
	default:
		p.TLS, p.Detail = Unavailable, "server offers no TLS"
	}
}

// sslRequest is PostgreSQL's SSLRequest message: its length, then the code
// 80877103 (postgresql.org/docs/current/protocol-message-formats.html).
var sslRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}

func postgresIdentity(ctx context.Context, conn net.Conn, serverName string) ([]*x509.Certificate, error) {
	secured, certificates, err := postgresSecured(ctx, conn, serverName)
	if err == nil {
		_ = secured.Close() // with TLS's notice: without it, the server logs a reset
	}
	return certificates, err
}

// postgresSecured is the connection within TLS, where the server offers it, and as it is where not.
func postgresSecured(ctx context.Context, conn net.Conn, serverName string) (net.Conn, []*x509.Certificate, error) {
	if _, err := conn.Write(sslRequest); err != nil {
		return nil, nil, fmt.Errorf("write SSLRequest: %w", err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return nil, nil, fmt.Errorf("read answer to SSLRequest: %w", err)
	}
	switch answer[0] {
	case 'S':
		return handshake(ctx, conn, serverName)
	case 'N':
		return conn, nil, nil
	}
	return nil, nil, fmt.Errorf("answered the SSLRequest with %q, as PostgreSQL does not", answer[0])
}

// handshake returns what the server presents, whoever signed it: the names are
// compared afterwards, and RDS's own authorities are in no system's store.
func handshake(ctx context.Context, conn net.Conn, serverName string) (net.Conn, []*x509.Certificate, error) {
	client := tls.Client(conn, &tls.Config{ServerName: serverName, InsecureSkipVerify: true})
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, nil, fmt.Errorf("shake hands: %w", err)
	}
	return client, client.ConnectionState().PeerCertificates, nil
}

// compare judges names only. An issuer that is unknown here is worth a word, no
// more: refusing it would cut a working database off at RDS's next authority.
func compare(presented []*x509.Certificate, serverName string) (result, detail string) {
	leaf := presented[0]
	if err := leaf.VerifyHostname(serverName); err != nil {
		return Mismatch, err.Error()
	}
	intermediates := x509.NewCertPool()
	for _, c := range presented[1:] {
		intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Intermediates: intermediates}); err != nil {
		return Match, err.Error()
	}
	return Match, ""
}
