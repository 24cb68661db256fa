package resolve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
)

// identity asks the server on conn for its certificate and compares the names
// in it with serverName. It never logs in.
func identity(ctx context.Context, conn net.Conn, engine, serverName string) (result, detail string) {
	start, ok := startTLS[engine]
	if !ok {
		return Unavailable, "no TLS identity probe for engine " + engine
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return Unavailable, err.Error()
		}
	}
	if err := start(conn); err != nil {
		return Unavailable, err.Error()
	}
	certificates, err := handshake(ctx, conn, serverName)
	if err != nil {
		return Unavailable, err.Error()
	}
	return compare(certificates, serverName)
}

// startTLS holds, by RDS engine, how a plain connection becomes a TLS one.
var startTLS = map[string]func(net.Conn) error{
	"postgres":          startPostgresTLS,
	"aurora-postgresql": startPostgresTLS,
}

// sslRequest is PostgreSQL's SSLRequest message: its length, then the code
// 80877103 (postgresql.org/docs/current/protocol-message-formats.html).
var sslRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}

func startPostgresTLS(conn net.Conn) error {
	if _, err := conn.Write(sslRequest); err != nil {
		return fmt.Errorf("write SSLRequest: %w", err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return fmt.Errorf("read answer to SSLRequest: %w", err)
	}
	if answer[0] != 'S' {
		return fmt.Errorf("server answered SSLRequest with %q: it offers no TLS", answer[0])
	}
	return nil
}

// handshake returns what the server presents, whoever signed it: the names are
// compared afterwards, and RDS's own authorities are in no system's store.
func handshake(ctx context.Context, conn net.Conn, serverName string) ([]*x509.Certificate, error) {
	client := tls.Client(conn, &tls.Config{ServerName: serverName, InsecureSkipVerify: true})
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("shake hands: %w", err)
	}
	return client.ConnectionState().PeerCertificates, nil
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
