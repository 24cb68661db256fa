package greeting

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
	"unicode/utf16"
)

// SQL Server's TDS begins with a pre-login message, in which the two agree on encryption; TLS then shakes hands within
// further pre-login messages, and carries the login and all that follows as it is (MS-TDS, 2.2.6.5 "PRELOGIN", 3.2.5.2).
const (
	replyPacket    = 0x04
	loginPacket    = 0x10
	preloginPacket = 0x12
	tdsHeader      = 8
	endOfMessage   = 0x01
	encryptOn      = 0x01
)

// agreed is the answer to a pre-login: one option, number 1, encryption, whose value is at offset 6 and one byte long.
var agreed = []byte{0x01, 0, 6, 0, 1, 0xff, encryptOn}

// prelogin shakes hands as SQL Server does, and decides about the login. Who is let in finds no data.
func (s *Server) prelogin(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(handshakeTimeout))
	if _, err := tdsPacket(conn, preloginPacket); err != nil {
		return
	}
	if err := writeTDS(conn, replyPacket, agreed); err != nil {
		return
	}
	p := &preloginConn{Conn: conn}
	config := s.tls()
	config.MaxVersion = tls.VersionTLS12 // TLS 1.3 is TDS 8's, which has no pre-login before it
	client := tls.Server(p, config)
	if client.HandshakeContext(context.Background()) != nil {
		return
	}
	p.finished = true
	login, err := tdsPacket(client, loginPacket)
	if err != nil {
		return
	}
	user, password, err := login7(login)
	if err != nil {
		return
	}
	if s.config.User != "" && (user != s.config.User || password != s.config.Password) {
		_ = writeTDS(client, replyPacket, append(loginFailed(user), done...))
		return
	}
	if writeTDS(client, replyPacket, append(append([]byte(nil), loginAck...), done...)) == nil {
		_ = conn.SetDeadline(time.Time{})
		_, _ = client.Read(make([]byte, 1))
	}
}

// Tokens of an answer to a login (MS-TDS, 2.2.7): LOGINACK of TDS 7.4 without a name, DONE.
var (
	loginAck = []byte{0xad, 10, 0, 1, 0x74, 0, 0, 4, 0, 16, 0, 0, 0}
	done     = []byte{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
)

// loginFailed is an ERROR token: number, state, class, text, and neither server nor procedure nor line.
func loginFailed(user string) []byte {
	const errorToken, number, state, class = 0xaa, 18456, 1, 14
	text := utf16.Encode([]rune(fmt.Sprintf("Login failed for user '%s'.", user)))
	content := append(binary.LittleEndian.AppendUint32(nil, number), state, class)
	content = binary.LittleEndian.AppendUint16(content, uint16(len(text)))
	for _, unit := range text {
		content = binary.LittleEndian.AppendUint16(content, unit)
	}
	content = append(content, 0, 0, 1, 0, 0, 0)
	return append(binary.LittleEndian.AppendUint16([]byte{errorToken}, uint16(len(content))), content...)
}

// login7 reads user and password (MS-TDS, 2.2.6.4 "LOGIN7"): each is told by its offset and its number of characters. A
// password's bytes are mixed up.
func login7(login []byte) (user, password string, err error) {
	const userAt, passwordAt, head = 40, 44, 94
	if len(login) < head || int(binary.LittleEndian.Uint32(login)) != len(login) {
		return "", "", fmt.Errorf("a login of %d bytes that says otherwise", len(login))
	}
	text := func(at int, mixed bool) (string, error) {
		from, length := int(binary.LittleEndian.Uint16(login[at:])), int(binary.LittleEndian.Uint16(login[at+2:]))
		if from < head || from+2*length > len(login) {
			return "", fmt.Errorf("a login whose field at %d lies outside", at)
		}
		units := make([]uint16, length)
		for i := range units {
			low, high := login[from+2*i], login[from+2*i+1]
			if mixed {
				low, high = unmixed(low), unmixed(high)
			}
			units[i] = uint16(low) | uint16(high)<<8
		}
		return string(utf16.Decode(units)), nil
	}
	if user, err = text(userAt, false); err != nil {
		return "", "", err
	}
	password, err = text(passwordAt, true)
	return user, password, err
}

// unmixed undoes what a client does to a password's bytes: it swaps the halves, and turns some bits over.
func unmixed(b byte) byte {
	b ^= 0xa5
	return b<<4 | b>>4
}

// preloginConn carries what TLS writes and reads within pre-login packets, until its handshake is finished.
type preloginConn struct {
	net.Conn
	rest     []byte // of the last packet that came
	finished bool
}

func (p *preloginConn) Read(b []byte) (n int, err error) {
	if len(p.rest) == 0 {
		if p.finished {
			return p.Conn.Read(b)
		}
		if p.rest, err = tdsPacket(p.Conn, preloginPacket); err != nil {
			return 0, err
		}
	}
	n = copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (p *preloginConn) Write(b []byte) (int, error) {
	if p.finished {
		return p.Conn.Write(b)
	}
	if err := writeTDS(p.Conn, preloginPacket, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// tdsPacket reads a packet, of a message that fits into it.
func tdsPacket(conn net.Conn, kind byte) ([]byte, error) {
	var header [tdsHeader]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return nil, err
	}
	if header[0] != kind {
		return nil, fmt.Errorf("a packet of type %#x in place of %#x", header[0], kind)
	}
	payload := make([]byte, max(int(binary.BigEndian.Uint16(header[2:]))-tdsHeader, 0))
	_, err := io.ReadFull(conn, payload)
	return payload, err
}

func writeTDS(conn net.Conn, kind byte, payload []byte) error {
	header := binary.BigEndian.AppendUint16([]byte{kind, endOfMessage}, uint16(tdsHeader+len(payload)))
	header = append(header, 0, 0, 1, 0) // process, packet number, window
	_, err := conn.Write(append(header, payload...))
	return err
}
