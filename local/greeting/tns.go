package greeting

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"time"
)

// Oracle's listener speaks TNS: packets with a length, a checksum, a type, flags and a checksum (wireshark/wireshark,
// epan/dissectors/packet-tns.c). TLS it speaks on another port, by an option of RDS.
const (
	tnsConnect, tnsRefuse = 1, 4
	tnsHeader             = 8
	tnsConnectHead        = 58 // without the data, which it tells the length and the offset of
)

// listen answers one CONNECT as a listener does that has no instance: a ping has no error, a service is not known. Both are
// refusals, whatever else there is to say.
func (s *Server) listen(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(handshakeTimeout))
	data, ok := connectData(conn)
	if !ok {
		return
	}
	answer := "(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR=12514)(ERROR_STACK=(ERROR=(CODE=12514)(EMFI=4))))"
	if bytes.Contains(data, []byte("(COMMAND=ping)")) {
		answer = "(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR=0)(ALIAS=LISTENER))"
	}
	refusal := binary.BigEndian.AppendUint16([]byte{34, 0}, uint16(len(answer))) // reasons of user and system, the data's length
	packet := binary.BigEndian.AppendUint16(nil, uint16(tnsHeader+len(refusal)+len(answer)))
	packet = append(append(packet, 0, 0, tnsRefuse, 0, 0, 0), refusal...)
	_, _ = conn.Write(append(packet, answer...))
}

func connectData(conn net.Conn) (data []byte, ok bool) {
	var header [tnsHeader]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil || header[4] != tnsConnect {
		return nil, false
	}
	length := int(binary.BigEndian.Uint16(header[:]))
	if length < tnsConnectHead {
		return nil, false
	}
	packet := append(header[:], make([]byte, length-tnsHeader)...)
	if _, err := io.ReadFull(conn, packet[tnsHeader:]); err != nil {
		return nil, false
	}
	size, at := int(binary.BigEndian.Uint16(packet[24:])), int(binary.BigEndian.Uint16(packet[26:]))
	if at < tnsConnectHead || at+size != length {
		return nil, false
	}
	return packet[at:], true
}
