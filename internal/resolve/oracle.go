package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
)

// Packets of TNS, by their type; a packet begins with its length, a checksum, its type, flags and a checksum
// (wireshark/wireshark, epan/dissectors/packet-tns.h and packet-tns.c).
const (
	tnsConnect  = 1
	tnsAccept   = 2
	tnsRefuse   = 4
	tnsRedirect = 5
	tnsResend   = 11
	tnsHeader   = 8
	longestTNS  = 1 << 13
)

// tnsPing is what tnsping asks. The listener answers it itself, with a refusal whose error is 0, and notes one line in its
// own log. A connection to a service would be one that fails, and nobody here knows the service's name.
const tnsPing = "(CONNECT_DATA=(COMMAND=ping))"

// tnsShut are the errors by which a listener lets nobody in: the instance is restricted, or blocks new connections (Oracle
// Database Error Messages, TNS-12526 to TNS-12528).
var tnsShut = map[string]bool{"12526": true, "12527": true, "12528": true}

var (
	tnsVersion = regexp.MustCompile(`\(VSNNUM=\d+\)`)
	tnsError   = regexp.MustCompile(`\(ERR=(\d+)\)`)
)

// oracleConversation asks the listener whether it is there. It is the database's door and lies on the database's host, so
// its answer proves the way; whether the instance behind it is open, it does not say without a service's name. Oracle
// offers TLS on another port, by an option: no certificate says who answers.
func oracleConversation(_ context.Context, conn net.Conn, _ string) (said reply, err error) {
	const sends = 2 // a listener may want to have it again
	for range sends {
		if _, err := conn.Write(tnsConnectPacket()); err != nil {
			return said, fmt.Errorf("write CONNECT: %w", err)
		}
		kind, content, err := readTNS(conn)
		if err != nil {
			return said, fmt.Errorf("read answer to CONNECT: %w", err)
		}
		switch kind {
		case tnsResend:
			continue
		case tnsRefuse:
			return tnsRefusal(content)
		}
		// Neither ACCEPT nor REDIRECT answers a ping: what says so is no listener as Oracle's.
		return said, fmt.Errorf("it answers CONNECT with a packet of type %d, as no listener answers a ping", kind)
	}
	return said, errors.New("it asks for CONNECT again and again")
}

// tnsRefusal reads the listener's version and error.
func tnsRefusal(content []byte) (said reply, err error) {
	found := tnsError.FindSubmatch(content)
	if found == nil || !tnsVersion.Match(content) {
		return said, errors.New("it refuses CONNECT without a listener's version and error")
	}
	code := string(found[1])
	if code == "0" {
		said.serves = true
		return said, nil
	}
	return refusal(nil, !tnsShut[code], code, "the listener refuses: TNS-"+code), nil
}

// tnsConnectPacket is CONNECT of version 310, which every listener since Oracle 10 understands, for one down to 300.
func tnsConnectPacket() []byte {
	const dataAt = 58
	packet := make([]byte, dataAt, dataAt+len(tnsPing))
	for at, value := range map[int]uint16{
		0: dataAt + uint16(len(tnsPing)), 8: 310, 10: 300, 14: 2048, 16: 32767, 18: 0x7f08, 22: 1, 24: uint16(len(tnsPing)), 26: dataAt,
	} { // length; version, the lowest; units of session and transport; characteristics of the network, byte order; the data
		binary.BigEndian.PutUint16(packet[at:], value)
	}
	packet[4] = tnsConnect
	return append(packet, tnsPing...)
}

func readTNS(conn net.Conn) (kind byte, content []byte, err error) {
	var head [tnsHeader]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return 0, nil, err
	}
	length := int(binary.BigEndian.Uint16(head[:]))
	if length < tnsHeader || length > longestTNS {
		return 0, nil, errors.New("no packet of TNS")
	}
	content = make([]byte, length-tnsHeader)
	_, err = io.ReadFull(conn, content)
	return head[4], content, err
}
