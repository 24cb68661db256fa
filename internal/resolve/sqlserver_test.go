package resolve

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"unicode/utf16"
)

// sqlServer answers pre-login messages, shakes hands inside of them where it has a certificate, and refuses logins.
func sqlServer(certificate *tls.Certificate) func(net.Conn) {
	return sqlServerSaying(certificate, denied)
}

// denied is the answer to a login: an information, a refusal, and the end.
var denied = append(tdsToken(tdsInfo, 5701, "Changed database context"), tdsToken(tdsError, 18456, "Login failed for user 'rdslink-probe'.")...)

func tdsToken(kind byte, number uint32, text string) []byte {
	content := append(binary.LittleEndian.AppendUint32(nil, number), 1, 14)
	units := utf16.Encode([]rune(text))
	content = binary.LittleEndian.AppendUint16(content, uint16(len(units)))
	for _, unit := range units {
		content = binary.LittleEndian.AppendUint16(content, unit)
	}
	content = append(content, 0, 0, 0, 0, 0, 0) // server, procedure, line
	return append(binary.LittleEndian.AppendUint16([]byte{kind}, uint16(len(content))), content...)
}

func sqlServerSaying(certificate *tls.Certificate, answer []byte) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := readTDS(conn, tdsPrelogin); err != nil {
			return
		}
		encryption := byte(tdsNotOnHere)
		if certificate != nil {
			encryption = 0x01
		}
		if _, err := conn.Write(tdsPacket(tdsReply, []byte{0x01, 0, 6, 0, 1, 0xff, encryption})); err != nil {
			return
		}
		if certificate != nil {
			wrapped := &tdsConn{Conn: conn}
			secured := tls.Server(wrapped, &tls.Config{Certificates: []tls.Certificate{*certificate}, MaxVersion: tls.VersionTLS12})
			if secured.HandshakeContext(context.Background()) != nil || wrapped.flush() != nil {
				return
			}
			wrapped.finished = true
			conn = secured
		}
		login, err := readTDS(conn, tdsLogin)
		if err != nil || loginName(login) != probeUser {
			return
		}
		_, _ = conn.Write(tdsPacket(tdsReply, answer))
		_, _ = io.Copy(io.Discard, conn)
	}
}

// loginName reads the user's name where LOGIN7 says that it is.
func loginName(login []byte) string {
	if len(login) < 94 || int(binary.LittleEndian.Uint32(login)) != len(login) {
		return ""
	}
	at, length := int(binary.LittleEndian.Uint16(login[40:])), int(binary.LittleEndian.Uint16(login[42:]))
	var name strings.Builder
	for i := range length {
		name.WriteByte(login[at+2*i])
	}
	return name.String()
}
