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
	"strconv"
	"strings"
)

// MySQL and MariaDB count a connection that breaks off before its login was answered as an interrupted handshake, and at
// max_connect_errors of them they block the host: here the resolver, there the load balancer with every consumer behind it.
// A login that is refused is not counted (host_cache's COUNT_HANDSHAKE_ERRORS against COUNT_AUTHENTICATION_ERRORS). So the
// probe goes all the way: greeting, TLS, a login that must fail, and its refusal. It shows in the server's log as such.
//
// It is written by hand because it speaks to whoever has the address: go-sql-driver/mysql v1.9.3 panics (slice out of range
// in readHandshakePacket) on a greeting that is cut short.
// Capabilities of the protocol (dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html).
const (
	mysqlProtocol41       = 1 << 9
	mysqlTLS              = 1 << 11
	mysqlSecureConnection = 1 << 15
	mysqlPluginAuth       = 1 << 19
)

const longestMySQL = 1 << 14 // of a handshake

// mysqlQuit is COM_QUIT.
var mysqlQuit = []byte{1}

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
	said, err := mysqlConversation(ctx, conn, serverName)
	if err == nil && !said.serves {
		err = fmt.Errorf("server refuses: %s %s", said.code, said.message)
	}
	return said.certificates, err
}

// mysqlConversation goes as far as the decision about a login.
func mysqlConversation(ctx context.Context, conn net.Conn, serverName string) (said reply, err error) {
	greeting, sequence, err := readMySQL(conn)
	if err != nil {
		return said, fmt.Errorf("read greeting: %w", err)
	}
	if len(greeting) > 0 && greeting[0] == mysqlError { // a server that serves nobody from here says so at once
		return mysqlRefusal(nil, greeting)
	}
	capabilities, err := mysqlCapabilities(greeting)
	if err != nil {
		return said, err
	}
	if capabilities&mysqlTLS == 0 {
		return mysqlLogin(conn, sequence+1, 0, nil)
	}
	if err := writeMySQL(conn, sequence+1, mysqlHead(mysqlTLS)); err != nil {
		return said, fmt.Errorf("write SSLRequest: %w", err)
	}
	client, certificates, err := handshake(ctx, conn, serverName)
	if err != nil {
		return said, err
	}
	defer client.Close()
	return mysqlLogin(client, sequence+2, mysqlTLS, certificates)
}

// mysqlCapabilities reads the server's capabilities out of its greeting, Protocol::HandshakeV10.
func mysqlCapabilities(greeting []byte) (uint32, error) {
	version := bytes.IndexByte(greeting, 0)
	const threadAndNonce = 4 + 8 + 1 // and the byte that ends the nonce
	at := version + 1 + threadAndNonce
	if len(greeting) == 0 || greeting[0] != 10 || version < 0 || len(greeting) < at+2 {
		return 0, errors.New("greeting is not of MySQL's protocol 10")
	}
	return uint32(binary.LittleEndian.Uint16(greeting[at:])), nil
}

// mysqlServes are the errors that only a server that serves answers with, beside those of SQLSTATE class 28, as 1045
// (access denied): too many connections, of all or of a user; an authentication that the client lacks, or the server; TLS
// required (dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html). Not among them is what keeps everybody out
// who comes from the same address, which behind a load balancer are all consumers: 1129 (the host is blocked) and 1130 (no
// account for the host); nor 1053 (shutdown).
var mysqlServes = map[uint16]bool{1040: true, 1203: true, 1226: true, 1251: true, 1524: true, 3159: true}

// mysqlRefusal reads an error packet: the marker, the code, often a state of five characters behind a #, and the text.
func mysqlRefusal(certificates []*x509.Certificate, packet []byte) (reply, error) {
	if len(packet) < 3 {
		return reply{certificates: certificates}, errors.New("server refuses with an error that is cut short")
	}
	code, text, state := binary.LittleEndian.Uint16(packet[1:]), string(packet[3:]), ""
	if len(text) >= 6 && text[0] == '#' {
		state, text = text[1:6], text[6:]
	}
	serves := mysqlServes[code] || strings.HasPrefix(state, "28")
	return refusal(certificates, serves, strconv.Itoa(int(code)), text), nil
}

// mysqlHead is an SSLRequest, and the beginning of a login.
func mysqlHead(capabilities uint32) []byte {
	const largestPacket, utf8mb4, reserved = 1 << 24, 45, 23
	head := binary.LittleEndian.AppendUint32(nil, capabilities|mysqlProtocol41|mysqlSecureConnection|mysqlPluginAuth)
	head = binary.LittleEndian.AppendUint32(head, largestPacket)
	head = append(head, utf8mb4)
	return append(head, make([]byte, reserved)...)
}

// mysqlLogin logs in without a password as a user who does not exist, and reads on until the server has decided.
func mysqlLogin(conn net.Conn, sequence byte, capabilities uint32, certificates []*x509.Certificate) (said reply, err error) {
	said.certificates = certificates
	login := append(mysqlHead(capabilities), probeUser+"\x00"+"\x00"+"mysql_native_password\x00"...)
	if err := writeMySQL(conn, sequence, login); err != nil {
		return said, fmt.Errorf("write login: %w", err)
	}
	const rounds = 4 // a change of the method, and what the method wants
	for range rounds {
		answer, sequence, err := readMySQL(conn)
		if err != nil {
			return said, fmt.Errorf("read answer to login: %w", err)
		}
		if len(answer) == 0 {
			return said, errors.New("server answered the login with nothing")
		}
		switch answer[0] {
		case mysqlError:
			return mysqlRefusal(certificates, answer)
		case mysqlOK:
			said.serves = true
			return said, writeMySQL(conn, 0, mysqlQuit) // or it counts the client as one that vanished
		case mysqlAuthSwitch, mysqlAuthMore:
		default:
			return said, fmt.Errorf("server answered the login with %#x", answer[0])
		}
		if err := writeMySQL(conn, sequence+1, nil); err != nil { // still no password
			return said, fmt.Errorf("write login: %w", err)
		}
	}
	return said, errors.New("server does not decide about the login")
}

// readMySQL reads a packet: three bytes of length, its number in the conversation, and the content.
func readMySQL(conn net.Conn) (content []byte, sequence byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, 0, err
	}
	length := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if length > longestMySQL {
		return nil, 0, errors.New("no packet of MySQL's")
	}
	content = make([]byte, length)
	_, err = io.ReadFull(conn, content)
	return content, head[3], err
}

func writeMySQL(conn net.Conn, sequence byte, content []byte) error {
	length := len(content)
	_, err := conn.Write(append([]byte{byte(length), byte(length >> 8), byte(length >> 16), sequence}, content...))
	return err
}
