package resolve

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// MySQL and MariaDB count a connection that breaks off before its login was answered as an interrupted handshake, and at
// max_connect_errors of them they block the host: here the resolver, there the load balancer with every consumer behind it.
// A login that is refused is not counted (host_cache's COUNT_HANDSHAKE_ERRORS against COUNT_AUTHENTICATION_ERRORS). So the
// probe goes all the way: greeting, TLS, a login that must fail, and its refusal. It shows in the server's log as such.
//
// It is written by hand because it speaks to whoever has the address: go-sql-driver/mysql v1.9.3 panics (slice out of range
// in readHandshakePacket) on a greeting that is cut short.
const mysqlUser = "rdslink-probe"

// Capabilities of the protocol (dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html).
const (
	mysqlProtocol41       = 1 << 9
	mysqlTLS              = 1 << 11
	mysqlSecureConnection = 1 << 15
	mysqlPluginAuth       = 1 << 19
)

// Kinds of answers to a login, by their first byte.
const (
	mysqlOK         = 0x00
	mysqlAuthMore   = 0x01
	mysqlAuthSwitch = 0xfe
	mysqlError      = 0xff
)

// mysqlIdentity returns the certificate that the server presents, or none where it offers no TLS. It fails unless the server
// answers as one that would serve.
func mysqlIdentity(ctx context.Context, conn net.Conn, serverName string) ([]*x509.Certificate, error) {
	greeting, sequence, err := readMySQL(conn)
	if err != nil {
		return nil, fmt.Errorf("read greeting: %w", err)
	}
	capabilities, err := mysqlCapabilities(greeting)
	if err != nil {
		return nil, err
	}
	if capabilities&mysqlTLS == 0 {
		return nil, mysqlLogin(conn, sequence+1, 0)
	}
	if err := writeMySQL(conn, sequence+1, mysqlHead(mysqlTLS)); err != nil {
		return nil, fmt.Errorf("write SSLRequest: %w", err)
	}
	client, certificates, err := handshake(ctx, conn, serverName)
	if err != nil {
		return nil, err
	}
	return certificates, mysqlLogin(client, sequence+2, mysqlTLS)
}

// mysqlCapabilities reads the server's capabilities out of its greeting, Protocol::HandshakeV10. A server that serves nobody
// says so instead: Host is blocked, or Too many connections.
func mysqlCapabilities(greeting []byte) (uint32, error) {
	if len(greeting) > 0 && greeting[0] == mysqlError {
		return 0, fmt.Errorf("server refuses: %s", mysqlMessage(greeting))
	}
	version := bytes.IndexByte(greeting, 0)
	const threadAndNonce = 4 + 8 + 1 // and the byte that ends the nonce
	at := version + 1 + threadAndNonce
	if len(greeting) == 0 || greeting[0] != 10 || version < 0 || len(greeting) < at+2 {
		return 0, errors.New("greeting is not of MySQL's protocol 10")
	}
	return uint32(binary.LittleEndian.Uint16(greeting[at:])), nil
}

// mysqlMessage is the text of an error packet: the marker and the code come before it, and often a state.
func mysqlMessage(packet []byte) string { return string(packet[min(3, len(packet)):]) }

// mysqlHead is an SSLRequest, and the beginning of a login.
func mysqlHead(capabilities uint32) []byte {
	const largestPacket, utf8mb4, reserved = 1 << 24, 45, 23
	head := binary.LittleEndian.AppendUint32(nil, capabilities|mysqlProtocol41|mysqlSecureConnection|mysqlPluginAuth)
	head = binary.LittleEndian.AppendUint32(head, largestPacket)
	head = append(head, utf8mb4)
	return append(head, make([]byte, reserved)...)
}

// mysqlLogin logs in without a password as a user who does not exist, and reads on until the server has decided.
func mysqlLogin(conn net.Conn, sequence byte, capabilities uint32) error {
	login := append(mysqlHead(capabilities), mysqlUser+"\x00"+"\x00"+"mysql_native_password\x00"...)
	if err := writeMySQL(conn, sequence, login); err != nil {
		return fmt.Errorf("write login: %w", err)
	}
	const rounds = 4 // a change of the method, and what the method wants
	for range rounds {
		answer, sequence, err := readMySQL(conn)
		if err != nil {
			return fmt.Errorf("read answer to login: %w", err)
		}
		if len(answer) == 0 || answer[0] == mysqlError || answer[0] == mysqlOK {
			return nil
		}
		if answer[0] != mysqlAuthSwitch && answer[0] != mysqlAuthMore {
			return fmt.Errorf("server answered the login with %#x", answer[0])
		}
		if err := writeMySQL(conn, sequence+1, nil); err != nil { // still no password
			return fmt.Errorf("write login: %w", err)
		}
	}
	return errors.New("server does not decide about the login")
}

// readMySQL reads a packet: three bytes of length, its number in the conversation, and the content.
func readMySQL(conn net.Conn) (content []byte, sequence byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, 0, err
	}
	content = make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
	_, err = io.ReadFull(conn, content)
	return content, head[3], err
}

func writeMySQL(conn net.Conn, sequence byte, content []byte) error {
	length := len(content)
	_, err := conn.Write(append([]byte{byte(length), byte(length >> 8), byte(length >> 16), sequence}, content...))
	return err
}
