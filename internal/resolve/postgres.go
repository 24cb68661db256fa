package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
)

// probeUser is who the resolver says it is where it goes as a consumer does. Nobody should have the name.
const probeUser = "rdslink-probe"

// The messages of PostgreSQL's start-up (postgresql.org/docs/current/protocol-message-formats.html).
const (
	postgresProtocol       = 3 << 16
	postgresAuthentication = 'R'
	postgresError          = 'E'
	postgresNegotiate      = 'v'
	longestPostgres        = 1 << 14 // of an answer to a start-up
)

var sqlState = regexp.MustCompile(`^[0-9A-Z]{5}$`)

// postgresTerminate ends a connection that was let in.
var postgresTerminate = []byte{'X', 0, 0, 0, 4}

// postgresRequests are the requests of Authentication messages: let in, Kerberos, clear text (as RDS Proxy asks), MD5, GSS,
// SSPI, SASL.
var postgresRequests = map[uint32]bool{0: true, 2: true, 3: true, 5: true, 7: true, 9: true, 10: true}

// postgresServes are the classes of SQLSTATE that only a server that accepts connections says to a start-up: who may not
// come in, and by which way (28); that there is no room just now (53, as 53300 too_many_connections); that there is no such
// database (3D). A server that starts, stops or recovers says 57P03 before any of them, and a proxy that finds no server 08
// (appendix "PostgreSQL Error Codes"; processing of the start-up packet in postmaster and backend_startup.c).
var postgresServes = map[string]bool{"28": true, "53": true, "3D": true}

// postgresConversation goes as far as the server's question for a password, and hangs up: "a client quitting when asked for
// a password" is what psql does as well, and PostgreSQL does not log it (auth_failed in auth.c), if TLS is closed with its
// notice. A wrong password, or a Terminate in its place, would be three lines and one. Tried with PostgreSQL 18.
func postgresConversation(ctx context.Context, conn net.Conn, serverName string) (said reply, err error) {
	if conn, said.certificates, err = postgresSecured(ctx, conn, serverName); err != nil {
		return said, err
	}
	defer conn.Close() // of TLS, with its notice
	if _, err := conn.Write(postgresStartup()); err != nil {
		return said, fmt.Errorf("write start-up: %w", err)
	}
	kind, body, err := readPostgres(conn)
	if err == nil && kind == postgresNegotiate { // it names versions and options, and goes on
		kind, body, err = readPostgres(conn)
	}
	switch {
	case err != nil:
		return said, fmt.Errorf("read answer to start-up: %w", err)
	case kind == postgresError:
		fields := postgresFields(body)
		if !sqlState.MatchString(fields['C']) {
			return said, errors.New("it answers the start-up with an error that has no SQLSTATE")
		}
		return refusal(said.certificates, postgresServes[fields['C'][:2]], fields['C'], fields['M']), nil
	case kind != postgresAuthentication || len(body) < 4 || !postgresRequests[binary.BigEndian.Uint32(body)]:
		return said, errors.New("it does not answer the start-up as PostgreSQL does")
	}
	said.serves = true
	if binary.BigEndian.Uint32(body) == 0 {
		_, err = conn.Write(postgresTerminate)
	}
	return said, err
}

func postgresStartup() []byte {
	body := binary.BigEndian.AppendUint32(nil, postgresProtocol)
	body = append(body, "user\x00"+probeUser+"\x00application_name\x00"+probeUser+"\x00\x00"...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(4+len(body))), body...)
}

// readPostgres reads a message: its kind, its length without the kind, its content.
func readPostgres(conn net.Conn) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[1:])
	if length < 4 || length > longestPostgres {
		return 0, nil, errors.New("no message of PostgreSQL's")
	}
	body = make([]byte, length-4)
	_, err = io.ReadFull(conn, body)
	return head[0], body, err
}

// postgresFields are those of an ErrorResponse: 'C' is the SQLSTATE, 'M' the message.
func postgresFields(body []byte) map[byte]string {
	fields := map[byte]string{}
	for field := range strings.SplitSeq(string(body), "\x00") {
		if field != "" {
			fields[field[0]] = field[1:]
		}
	}
	return fields
}
