package greeting

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
)

// SQL Server's TDS begins with a pre-login message, in which the two agree on encryption; TLS then shakes hands within
// further pre-login messages (MS-TDS, 2.2.6.5 "PRELOGIN" and 3.2.5.2).
const (
	preloginPacket = 0x12
	tdsHeader      = 8
	endOfMessage   = 0x01
	encryptOn      = 0x01
)

// agreed is the answer to a pre-login: one option, number 1, encryption, whose value is at offset 6 and one byte long.
var agreed = []byte{0x01, 0, 6, 0, 1, 0xff, encryptOn}

// prelogin shakes hands as SQL Server does, and waits until the client goes: there is no log-in.
func (s *Server) prelogin(conn net.Conn) {
	p := &preloginConn{Conn: conn}
	if _, err := p.packet(); err != nil {
		return
	}
	if _, err := p.Write(agreed); err != nil {
		return
	}
	client := tls.Server(p, s.tls())
	if client.HandshakeContext(context.Background()) == nil {
		_, _ = client.Read(make([]byte, 1))
	}
}

// preloginConn carries what is written and read within pre-login packets.
type preloginConn struct {
	net.Conn
	rest []byte // of the last packet that came
}

func (p *preloginConn) Read(b []byte) (n int, err error) {
	if len(p.rest) == 0 {
		if p.rest, err = p.packet(); err != nil {
			return 0, err
		}
	}
	n = copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (p *preloginConn) packet() ([]byte, error) {
	var header [tdsHeader]byte
	if _, err := io.ReadFull(p.Conn, header[:]); err != nil {
		return nil, err
	}
	payload := make([]byte, max(int(binary.BigEndian.Uint16(header[2:]))-tdsHeader, 0))
	_, err := io.ReadFull(p.Conn, payload)
	return payload, err
}

func (p *preloginConn) Write(b []byte) (int, error) {
	header := binary.BigEndian.AppendUint16([]byte{preloginPacket, endOfMessage}, uint16(tdsHeader+len(b)))
	header = append(header, 0, 0, 1, 0) // process, packet number, window
	if _, err := p.Conn.Write(append(header, b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}
