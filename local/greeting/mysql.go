package greeting

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// The parts of MySQL's protocol that a connection begins with
// (dev.mysql.com/doc/dev/mysql-server/latest/, "Connection Phase").
const (
	protocolVersion = 10
	utf8            = 45 // utf8mb4_general_ci
	autocommit      = 2  // SERVER_STATUS_AUTOCOMMIT
	nonceLength     = 20
	plugin          = "caching_sha2_password"

	clientConnectWithDB    = 1 << 3
	clientProtocol41       = 1 << 9
	clientSSL              = 1 << 11
	clientSecureConnection = 1 << 15
	clientPluginAuth       = 1 << 19
	capabilities           = 1 | clientConnectWithDB | clientProtocol41 | clientSSL | clientSecureConnection | clientPluginAuth

	comQuit = 1
	comPing = 14

	errAccessDenied       = 1045
	errUnknownCommand     = 1047
	errHostIsBlocked      = 1129
	errSecureTransport    = 3159
	fullAuthentication    = 4 // of caching_sha2_password: send the password, for TLS hides it
	handshakeTimeout      = 10 * time.Second
	longestHandshakeReply = 1 << 16
)

// wire is one MySQL connection: packets with a length and a sequence number.
type wire struct {
	net.Conn
	sequence byte
}

func (w *wire) write(payload []byte) error {
	header := []byte{byte(len(payload)), byte(len(payload) >> 8), byte(len(payload) >> 16), w.sequence}
	w.sequence++
	_, err := w.Write(append(header, payload...))
	return err
}

func (w *wire) read() ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(w.Conn, header[:]); err != nil {
		return nil, err
	}
	w.sequence = header[3] + 1
	length := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	if length > longestHandshakeReply {
		return nil, fmt.Errorf("a packet of %d bytes", length)
	}
	payload := make([]byte, length)
	_, err := io.ReadFull(w.Conn, payload)
	return payload, err
}

func (w *wire) refuse(code uint16, state, message string) error {
	p := append([]byte{0xff}, binary.LittleEndian.AppendUint16(nil, code)...)
	if state != "" { // the host is refused before there is a protocol 4.1
		p = append(p, "#"+state...)
	}
	return w.write(append(p, message...))
}

func (w *wire) ok() error { return w.write([]byte{0, 0, 0, autocommit, 0, 0, 0}) }

// errDenied is an end that the protocol provides for: no connect error.
var errDenied = errors.New("access denied")

// converse serves one connection. A handshake that does not come to its end counts against the host.
func (s *Server) converse(conn net.Conn) {
	host, w := hostOf(conn), &wire{Conn: conn}
	if s.hosts.blocked(host) {
		_ = w.refuse(errHostIsBlocked, "",
			fmt.Sprintf("Host '%s' is blocked because of many connection errors; unblock with 'mysqladmin flush-hosts'", host))
		return
	}
	_ = conn.SetDeadline(time.Now().Add(handshakeTimeout)) // connect_timeout's default
	switch err := s.shakeHands(w); {
	case err == nil:
		_ = conn.SetDeadline(time.Time{})
		w.commands()
	case !errors.Is(err, errDenied) && !s.network.Withdrawn(conn):
		s.hosts.interrupted(host)
	}
}

func (s *Server) shakeHands(w *wire) error {
	if err := w.write(s.hello()); err != nil {
		return err
	}
	reply, err := w.read()
	if err != nil {
		return err
	}
	if len(reply) < 32 {
		return errors.New("a handshake reply that is too short")
	}
	// As require_secure_transport, which RDS for MySQL 8.4 has on by default.
	if binary.LittleEndian.Uint32(reply)&clientSSL == 0 {
		return errors.Join(errDenied,
			w.refuse(errSecureTransport, "HY000", "Connections using insecure transport are prohibited while --require_secure_transport=ON."))
	}
	client := tls.Server(w.Conn, s.tls())
	if err := client.HandshakeContext(context.Background()); err != nil {
		return err
	}
	w.Conn = client
	if reply, err = w.read(); err != nil {
		return err
	}
	return s.logIn(w, reply)
}

// hello is the greeting, Protocol::HandshakeV10.
func (s *Server) hello() []byte {
	nonce := make([]byte, nonceLength)
	_, _ = rand.Read(nonce)
	for i := range nonce {
		nonce[i] = nonce[i]%94 + 33 // no zero, which would end it
	}
	var p bytes.Buffer
	p.WriteByte(protocolVersion)
	p.WriteString(s.config.Version + "\x00")
	p.Write([]byte{1, 0, 0, 0}) // the connection's id
	p.Write(nonce[:8])
	p.WriteByte(0)
	p.Write([]byte{capabilities & 0xff, capabilities >> 8 & 0xff, utf8, autocommit, 0, capabilities >> 16 & 0xff, capabilities >> 24 & 0xff})
	p.WriteByte(nonceLength + 1)
	p.Write(make([]byte, 10))
	p.Write(nonce[8:])
	p.WriteString("\x00" + plugin + "\x00")
	return p.Bytes()
}

// logIn asks for the password itself, within TLS.
func (s *Server) logIn(w *wire, reply []byte) error {
	const fixed = 32 // capabilities, longest packet, character set and a filler
	if len(reply) < fixed {
		return errors.New("a handshake reply that is too short")
	}
	user, _, ended := bytes.Cut(reply[fixed:], []byte{0})
	if !ended {
		return errors.New("a user name without an end")
	}
	if err := w.write([]byte{1, fullAuthentication}); err != nil {
		return err
	}
	password, err := w.read()
	if err != nil {
		return err
	}
	if s.config.User != "" && (string(user) != s.config.User || string(bytes.TrimSuffix(password, []byte{0})) != s.config.Password) {
		return errors.Join(errDenied,
			w.refuse(errAccessDenied, "28000", fmt.Sprintf("Access denied for user '%s'@'%s' (using password: YES)", user, hostOf(w.Conn))))
	}
	s.hosts.connected(hostOf(w.Conn))
	return w.ok()
}

// commands answers pings until the client goes. Nothing else has an answer: there is no data.
func (w *wire) commands() {
	for {
		command, err := w.read()
		if err != nil || len(command) == 0 || command[0] == comQuit {
			return
		}
		if command[0] == comPing {
			err = w.ok()
		} else {
			err = w.refuse(errUnknownCommand, "08S01", "Unknown command: this server knows how a connection begins, and no more")
		}
		if err != nil {
			return
		}
	}
}
