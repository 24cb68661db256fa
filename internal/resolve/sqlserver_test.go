package resolve

import (
	"context"
	"crypto/tls"
	"net"
)

// sqlServer answers pre-login messages, and shakes hands inside of them where it has a certificate.
func sqlServer(certificate *tls.Certificate) func(net.Conn) {
	return func(conn net.Conn) {
		wrapped := &tdsConn{Conn: conn}
		if _, err := wrapped.message(); err != nil {
			return
		}
		encryption := byte(tdsNotOnHere)
		if certificate != nil {
			encryption = 0x01
		}
		if _, err := wrapped.Write([]byte{0x01, 0, 6, 0, 1, 0xff, encryption}); err != nil || wrapped.flush() != nil {
			return
		}
		if certificate != nil && tls.Server(wrapped, &tls.Config{Certificates: []tls.Certificate{*certificate}}).HandshakeContext(context.Background()) == nil {
			_ = wrapped.flush()
		}
	}
}
