package stage

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// LogIn logs in to a MySQL database as the master user, over TLS that it verifies in full, and tells what the server calls
// itself: all that a database without data can show.
func (c *Cloud) LogIn(ctx context.Context, from Client) ([]string, error) {
	roots, err := c.roots(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := c.Dial(ctx, from.Place, net.JoinHostPort(from.Host, fmt.Sprint(from.Port)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	version, err := logIn(ctx, conn, &tls.Config{RootCAs: roots, ServerName: from.ServerName, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, fmt.Errorf("log in to %s from %s: %w", from.Host, from.Place.Subnet, err)
	}
	return []string{"MySQL " + version + " lets " + masterUser + " in"}, nil
}

// The capabilities that a client has: protocol 4.1, TLS, a nonce of 20 bytes, methods with a name
// (dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html).
const mysqlCapabilities = 1<<9 | 1<<11 | 1<<15 | 1<<19

// logIn goes through MySQL's connection phase with caching_sha2_password, which within TLS sends the password itself.
func logIn(ctx context.Context, conn net.Conn, config *tls.Config) (version string, err error) {
	hello, sequence, err := readPacket(conn)
	if err != nil {
		return "", err
	}
	if hello[0] == 0xff {
		return "", fmt.Errorf("refused: %s", hello[3:])
	}
	name, _, _ := bytes.Cut(hello[1:], []byte{0})
	head := append(binary.LittleEndian.AppendUint32(nil, mysqlCapabilities), make([]byte, 28)...)
	if err := writePacket(conn, sequence+1, head); err != nil {
		return "", err
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return "", err
	}
	if err := writePacket(secure, sequence+2, append(head, masterUser+"\x00\x00caching_sha2_password\x00"...)); err != nil {
		return "", err
	}
	if _, sequence, err = readPacket(secure); err != nil {
		return "", err
	}
	if err := writePacket(secure, sequence+1, []byte(masterPassword+"\x00")); err != nil {
		return "", err
	}
	answer, _, err := readPacket(secure)
	if err == nil && answer[0] != 0 {
		err = fmt.Errorf("refused: %s", answer[min(9, len(answer)):])
	}
	return string(name), err
}

// readPacket reads a packet, which has a byte at least, and its number.
func readPacket(conn net.Conn) (payload []byte, sequence byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, 0, err
	}
	payload = make([]byte, max(1, int(head[0])|int(head[1])<<8|int(head[2])<<16))
	_, err = io.ReadFull(conn, payload)
	return payload, head[3], err
}

func writePacket(conn net.Conn, sequence byte, payload []byte) error {
	_, err := conn.Write(append([]byte{byte(len(payload)), byte(len(payload) >> 8), 0, sequence}, payload...))
	return err
}
