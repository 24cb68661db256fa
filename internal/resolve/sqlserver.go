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

// SQL Server's TDS begins with a pre-login message, which asks for encryption; then TLS shakes hands inside of pre-login
// messages (MS-TDS, 2.2.6.5 "PRELOGIN" and 3.2.5.2).
const (
	tdsPrelogin  = 0x12
	tdsHeader    = 8
	tdsLastOne   = 0x01 // status: the end of the message
	tdsNotOnHere = 0x02 // ENCRYPT_NOT_SUP
)

// tdsRequest has two options: a version, which is not judged, and ENCRYPT_ON. Each option is its number, offset and length.
var tdsRequest = []byte{
	0x00, 0, 11, 0, 6,
	0x01, 0, 17, 0, 1,
	0xff,
	17, 0, 0, 0, 0, 0,
	0x01,
}

func sqlServerIdentity(ctx context.Context, conn net.Conn, serverName string) ([]*x509.Certificate, error) {
	wrapped := &tdsConn{Conn: conn}
	if _, err := wrapped.Write(tdsRequest); err != nil {
		return nil, err
	}
	answer, err := wrapped.message()
	if err != nil {
		return nil, fmt.Errorf("read answer to pre-login: %w", err)
	}
	encryption, err := tdsEncryption(answer)
	if err != nil {
		return nil, err
	}
	if encryption == tdsNotOnHere {
		return nil, nil
	}
	_, certificates, err := handshake(ctx, wrapped, serverName)
	return certificates, err
}

// tdsEncryption finds option 1 among the answer's options.
func tdsEncryption(answer []byte) (byte, error) {
	for option := answer; len(option) >= 5 && option[0] != 0xff; option = option[5:] {
		at := int(binary.BigEndian.Uint16(option[1:]))
		if option[0] == 0x01 && at < len(answer) {
			return answer[at], nil
		}
	}
	return 0, errors.New("server's pre-login does not speak of encryption")
}

// tdsConn carries TLS inside of pre-login messages. What TLS writes goes out as one message when it waits for the answer.
type tdsConn struct {
	net.Conn
	out, in bytes.Buffer
}

func (c *tdsConn) Write(p []byte) (int, error) { return c.out.Write(p) }

func (c *tdsConn) Read(p []byte) (int, error) {
	if c.in.Len() == 0 {
		message, err := c.message()
		if err != nil {
			return 0, err
		}
		c.in.Write(message)
	}
	return c.in.Read(p)
}

// message sends what was written, and reads the packets of one message.
func (c *tdsConn) message() ([]byte, error) {
	if err := c.flush(); err != nil {
		return nil, err
	}
	var message []byte
	for {
		var head [tdsHeader]byte
		if _, err := io.ReadFull(c.Conn, head[:]); err != nil {
			return nil, err
		}
		packet := make([]byte, max(int(binary.BigEndian.Uint16(head[2:]))-tdsHeader, 0))
		if _, err := io.ReadFull(c.Conn, packet); err != nil {
			return nil, err
		}
		message = append(message, packet...)
		if head[1]&tdsLastOne != 0 {
			return message, nil
		}
	}
}

func (c *tdsConn) flush() error {
	if c.out.Len() == 0 {
		return nil
	}
	packet := binary.BigEndian.AppendUint16([]byte{tdsPrelogin, tdsLastOne}, uint16(tdsHeader+c.out.Len()))
	packet = append(packet, 0, 0, 1, 0) // process, packet number, window
	packet = append(packet, c.out.Bytes()...)
	c.out.Reset()
	_, err := c.Conn.Write(packet)
	return err
}
