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
	"unicode/utf16"
)

// SQL Server's TDS begins with a pre-login message, which asks for encryption; then TLS shakes hands inside of pre-login
// messages (MS-TDS, 2.2.6.5 "PRELOGIN" and 3.2.5.2).
const (
	tdsReply     = 0x04 // what a server answers, also to the first pre-login message
	tdsLogin     = 0x10
	tdsPrelogin  = 0x12
	tdsHeader    = 8
	tdsLastOne   = 0x01 // status: the end of the message
	tdsNotOnHere = 0x02 // ENCRYPT_NOT_SUP
	longestTDS   = 1 << 15
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
	_, certificates, err := tdsSecured(ctx, conn, serverName)
	return certificates, err
}

// tdsSecured is the connection as a login goes over it: within TLS, where the server has it.
func tdsSecured(ctx context.Context, conn net.Conn, serverName string) (net.Conn, []*x509.Certificate, error) {
	wrapped := &tdsConn{Conn: conn}
	if _, err := wrapped.Write(tdsRequest); err != nil {
		return nil, nil, err
	}
	answer, err := wrapped.message(tdsReply)
	if err != nil {
		return nil, nil, fmt.Errorf("read answer to pre-login: %w", err)
	}
	encryption, err := tdsEncryption(answer)
	if err != nil {
		return nil, nil, err
	}
	if encryption == tdsNotOnHere {
		return conn, nil, nil
	}
	secured, certificates, err := handshake(ctx, wrapped, serverName)
	wrapped.finished = true
	return secured, certificates, err
}

// sqlServerServes are the errors that only a server that lets in whoever may come answers a login with: refused logins, as
// 18456, and no room for another connection. One that is single, being upgraded, paused or about to stop says 18461, 18401,
// 17142, 6005 (Microsoft Learn, "Database Engine events and errors").
var sqlServerServes = map[uint32]bool{
	18450: true, 18452: true, 18456: true, 18470: true, 18486: true, 18487: true, 18488: true, // the login
	17300: true, 17809: true, 10928: true, 10929: true, // room
}

// sqlServerConversation logs in as nobody, to be refused: a login ends the conversation as the protocol does, and breaking
// off before is an error in the server's log, too. Login auditing, whose default is failed logins, writes two lines.
func sqlServerConversation(ctx context.Context, conn net.Conn, serverName string) (said reply, err error) {
	if conn, said.certificates, err = tdsSecured(ctx, conn, serverName); err != nil {
		return said, err
	}
	defer conn.Close()
	if _, err := conn.Write(tdsPacket(tdsLogin, tdsLogin7())); err != nil {
		return said, fmt.Errorf("write login: %w", err)
	}
	answer, err := readTDS(conn, tdsReply)
	if err != nil {
		return said, fmt.Errorf("read answer to login: %w", err)
	}
	number, text, in, err := tdsDecision(answer)
	switch {
	case err != nil:
		return said, err
	case in:
		said.serves = true
		return said, nil
	}
	return refusal(said.certificates, sqlServerServes[number], strconv.Itoa(int(number)), text), nil
}

// tdsLogin7 is a login without a password: MS-TDS, 2.2.6.4 "LOGIN7". Fields that vary in length follow the head, each told
// by its offset and its number of characters.
func tdsLogin7() []byte {
	const (
		head, version74, packetSize = 94, 0x74000004, 4096
		fields, userAt, appAt       = 9, 1, 3
	)
	login := make([]byte, 36, head+100)
	binary.LittleEndian.PutUint32(login[4:], version74)
	binary.LittleEndian.PutUint32(login[8:], packetSize)
	name := utf16.Encode([]rune(probeUser))
	var values []byte
	for field := range fields {
		login = binary.LittleEndian.AppendUint16(login, uint16(head+len(values)))
		length := 0
		if field == userAt || field == appAt {
			length = len(name)
			for _, unit := range name {
				values = binary.LittleEndian.AppendUint16(values, unit)
			}
		}
		login = binary.LittleEndian.AppendUint16(login, uint16(length))
	}
	login = append(login, make([]byte, 6)...) // ClientID
	for range 3 {                             // SSPI, AtchDBFile, ChangePassword
		login = binary.LittleEndian.AppendUint16(login, uint16(head+len(values)))
		login = append(login, 0, 0)
	}
	login = append(append(login, 0, 0, 0, 0), values...) // cbSSPILong
	binary.LittleEndian.PutUint32(login, uint32(len(login)))
	return login
}

// Tokens of an answer (MS-TDS, 2.2.7). Those that come before the decision begin with the length of what they hold.
const (
	tdsError         = 0xaa
	tdsInfo          = 0xab
	tdsLoginAck      = 0xad
	tdsEnvChange     = 0xe3
	tdsErrorTextAt   = 8 // behind number, state, class and its own length
	tdsErrorTextSize = 6
)

// tdsDecision finds the first error among an answer's tokens, or that the login is let in.
func tdsDecision(answer []byte) (number uint32, text string, in bool, err error) {
	for len(answer) >= 3 {
		kind, length := answer[0], int(binary.LittleEndian.Uint16(answer[1:]))
		if len(answer) < 3+length {
			break
		}
		content := answer[3 : 3+length]
		switch {
		case kind == tdsLoginAck:
			return 0, "", true, nil
		case kind == tdsError && length >= tdsErrorTextAt:
			units := make([]uint16, 0, length/2)
			size := int(binary.LittleEndian.Uint16(content[tdsErrorTextSize:]))
			for at := tdsErrorTextAt; at+1 < length && len(units) < size; at += 2 {
				units = append(units, binary.LittleEndian.Uint16(content[at:]))
			}
			return binary.LittleEndian.Uint32(content), string(utf16.Decode(units)), false, nil
		case kind != tdsInfo && kind != tdsEnvChange:
			return 0, "", false, fmt.Errorf("server answered the login with the token %#x", kind)
		}
		answer = answer[3+length:]
	}
	return 0, "", false, errors.New("server does not decide about the login")
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

// tdsConn carries TLS's handshake inside of pre-login messages; once it is finished, TLS itself carries the messages. What
// TLS writes goes out as one message when it waits for the answer.
type tdsConn struct {
	net.Conn
	out, in  bytes.Buffer
	finished bool
}

func (c *tdsConn) Write(p []byte) (int, error) {
	if c.finished {
		if err := c.flush(); err != nil {
			return 0, err
		}
		return c.Conn.Write(p)
	}
	return c.out.Write(p)
}

func (c *tdsConn) Read(p []byte) (int, error) {
	if c.finished && c.in.Len() == 0 {
		if err := c.flush(); err != nil {
			return 0, err
		}
		return c.Conn.Read(p)
	}
	if c.in.Len() == 0 {
		message, err := c.message(tdsPrelogin)
		if err != nil {
			return 0, err
		}
		c.in.Write(message)
	}
	return c.in.Read(p)
}

// message sends what was written, and reads the packets of one message.
func (c *tdsConn) message(kind byte) ([]byte, error) {
	if err := c.flush(); err != nil {
		return nil, err
	}
	return readTDS(c.Conn, kind)
}

func (c *tdsConn) flush() error {
	if c.out.Len() == 0 {
		return nil
	}
	packet := tdsPacket(tdsPrelogin, c.out.Bytes())
	c.out.Reset()
	_, err := c.Conn.Write(packet)
	return err
}

func tdsPacket(kind byte, content []byte) []byte {
	packet := binary.BigEndian.AppendUint16([]byte{kind, tdsLastOne}, uint16(tdsHeader+len(content)))
	packet = append(packet, 0, 0, 1, 0) // process, packet number, window
	return append(packet, content...)
}

// readTDS reads the packets of one message.
func readTDS(conn net.Conn, kind byte) ([]byte, error) {
	var message []byte
	for {
		var head [tdsHeader]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return nil, err
		}
		length := int(binary.BigEndian.Uint16(head[2:]))
		if head[0] != kind || length < tdsHeader || len(message)+length > longestTDS {
			return nil, fmt.Errorf("no packet of the kind %#x", kind)
		}
		packet := make([]byte, length-tdsHeader)
		if _, err := io.ReadFull(conn, packet); err != nil {
			return nil, err
		}
		message = append(message, packet...)
		if head[1]&tdsLastOne != 0 {
			return message, nil
		}
	}
}
