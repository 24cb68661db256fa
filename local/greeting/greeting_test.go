package greeting_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rdslink/rdslink/local/greeting"
)

const endpoint = "orders-prod.c9akciq32.eu-central-1.rds.amazonaws.com"

// loopback is a network whose only address is this machine's.
type loopback struct {
	at        chan net.Addr
	withdrawn *atomic.Bool
}

func (l loopback) Listen(string, netip.AddrPort) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err == nil {
		l.at <- listener.Addr()
	}
	return listener, err
}

func (l loopback) Withdrawn(net.Conn) bool { return l.withdrawn.Load() }

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{endpoint}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, trusted
}

// bed is a running server.
type bed struct {
	t       *testing.T
	server  *greeting.Server
	trusted *x509.CertPool
	network loopback
	at      net.Addr
}

func start(t *testing.T, c greeting.Config) *bed {
	t.Helper()
	b := &bed{t: t, network: loopback{make(chan net.Addr, 1), new(atomic.Bool)}}
	c.Certificate, b.trusted = certificate(t)
	c.User, c.Password, c.Version = "app", "correct-horse", "8.4.7"
	b.server = greeting.New(b.network, c)
	t.Cleanup(b.server.Stop)
	b.start()
	return b
}

func (b *bed) start() {
	b.t.Helper()
	if err := b.server.Start(b.t.Context(), "vpc-1", netip.AddrPort{}); err != nil {
		b.t.Fatal(err)
	}
	b.at = <-b.network.at
}

func (b *bed) dial() net.Conn {
	b.t.Helper()
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp4", b.at.String())
	if err != nil {
		b.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	b.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (b *bed) read(conn net.Conn) []byte {
	b.t.Helper()
	var header [4]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		b.t.Fatal(err)
	}
	payload := make([]byte, int(header[0])|int(header[1])<<8)
	if _, err := io.ReadFull(conn, payload); err != nil {
		b.t.Fatal(err)
	}
	return payload
}

func (b *bed) write(conn net.Conn, sequence byte, payload []byte) {
	b.t.Helper()
	if _, err := conn.Write(append([]byte{byte(len(payload)), 0, 0, sequence}, payload...)); err != nil {
		b.t.Fatal(err)
	}
}

// outcome is what a client gets in the end: ok, or a refusal's message.
func outcome(payload []byte) string {
	if payload[0] == 0 {
		return "ok"
	}
	return string(payload[3:])
}

// connect greets, asks for TLS unless it is plain, and logs in.
func (b *bed) connect(password string, plain bool) string {
	b.t.Helper()
	conn := b.dial()
	hello := b.read(conn)
	if hello[0] != 10 {
		return outcome(hello)
	}
	flags := uint32(1<<9 | 1<<15 | 1<<19)
	if !plain {
		flags |= 1 << 11
	}
	reply := append(binary.LittleEndian.AppendUint32(nil, flags), make([]byte, 28)...)
	b.write(conn, 1, reply)
	if plain {
		return outcome(b.read(conn))
	}
	secure := tls.Client(conn, &tls.Config{ServerName: endpoint, RootCAs: b.trusted})
	b.write(secure, 2, append(reply, "app\x00\x00caching_sha2_password\x00"...))
	b.read(secure)
	b.write(secure, 4, []byte(password+"\x00"))
	return outcome(b.read(secure))
}

// check connects and goes away before it has said a word, as a health check does; it returns when the server has seen it.
func (b *bed) check() {
	b.t.Helper()
	conn := b.dial()
	b.read(conn)
	_ = conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, conn) // the server hangs up
	_ = conn.Close()
}

const blocked = "Host '127.0.0.1' is blocked because of many connection errors"

func TestMySQLLetsIn(t *testing.T) {
	for name, row := range map[string]struct {
		password string
		plain    bool
		want     string
	}{
		"the master user, with TLS verified": {password: "correct-horse", want: "ok"},
		"not a wrong password":               {password: "guess", want: "Access denied for user 'app'"},
		"nobody without TLS":                 {plain: true, want: "require_secure_transport=ON"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := start(t, greeting.Config{Speaks: greeting.MySQL}).connect(row.password, row.plain); !strings.Contains(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestHostIsBlocked(t *testing.T) { // dev.mysql.com/doc/refman/8.4/en/host-cache.html
	const most = 3
	checks := func(n int) func(b *bed) {
		return func(b *bed) {
			for range n {
				b.check()
			}
		}
	}
	for name, row := range map[string]struct {
		most int
		do   func(b *bed)
		want string
	}{
		"after max_connect_errors unfinished handshakes": {most, checks(most), blocked},
		"not before":                             {most, checks(most - 1), "ok"},
		"not by a server that resolves no names": {0, checks(2 * most), "ok"},
		"not when a connection in between succeeded": {most, func(b *bed) {
			checks(most - 1)(b)
			b.connect("correct-horse", false)
			checks(most - 1)(b)
		}, "ok"},
		"not for wrong passwords": {most, func(b *bed) {
			for range 2 * most {
				b.connect("guess", false)
			}
		}, "ok"},
		"connections whose client never came": {most, func(b *bed) {
			b.network.withdrawn.Store(true)
			checks(most)(b)
		}, "ok"},
		"until the server restarts": {most, func(b *bed) {
			checks(most)(b)
			b.server.Stop()
			b.start()
		}, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, greeting.Config{Speaks: greeting.MySQL, MaxConnectErrors: row.most})
			row.do(b)
			if got := b.connect("correct-horse", false); !strings.Contains(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// packets carries TLS within TDS packets, until its handshake is finished.
type packets struct {
	net.Conn
	b        *bed
	rest     []byte
	finished bool
}

func (p *packets) Write(payload []byte) (int, error) {
	if p.finished {
		return p.Conn.Write(payload)
	}
	return p.send(p.Conn, 0x12, payload)
}

func (p *packets) send(conn net.Conn, kind byte, payload []byte) (int, error) {
	header := append(binary.BigEndian.AppendUint16([]byte{kind, 1}, uint16(8+len(payload))), 0, 0, 1, 0)
	_, err := conn.Write(append(header, payload...))
	return len(payload), err
}

func (p *packets) Read(into []byte) (int, error) {
	if p.finished {
		return p.Conn.Read(into)
	}
	if len(p.rest) == 0 {
		p.rest = p.packet(p.Conn, 0x12)
	}
	n := copy(into, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (p *packets) packet(conn net.Conn, kind byte) []byte {
	var header [8]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil || header[0] != kind {
		p.b.t.Fatalf("a packet of type %#x in place of %#x, %v", header[0], kind, err)
	}
	payload := make([]byte, binary.BigEndian.Uint16(header[2:])-8)
	if _, err := io.ReadFull(conn, payload); err != nil {
		p.b.t.Fatal(err)
	}
	return payload
}

// login7 is MS-TDS's, 2.2.6.4, with a user and a password.
func login7(user, password string) []byte {
	const head = 94
	login := make([]byte, head)
	put := func(at int, text string, mix bool) {
		binary.LittleEndian.PutUint16(login[at:], uint16(len(login)))
		binary.LittleEndian.PutUint16(login[at+2:], uint16(len(text)))
		for _, c := range []byte(text) {
			for _, b := range []byte{c, 0} {
				if mix {
					b = (b<<4 | b>>4) ^ 0xa5
				}
				login = append(login, b)
			}
		}
	}
	put(40, user, false)
	put(44, password, true)
	binary.LittleEndian.PutUint32(login, uint32(len(login)))
	return login
}

func TestSQLServerDecidesAboutLogins(t *testing.T) { // MS-TDS, 3.2.5.2: TLS shakes hands within pre-login packets
	const loginAck, errorToken = 0xad, 0xaa
	for name, row := range map[string]struct {
		user, password string
		want           byte
	}{
		"the master user":  {"app", "correct-horse", loginAck},
		"a wrong password": {"app", "guess", errorToken},
		"nobody":           {"nobody", "", errorToken},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, greeting.Config{Speaks: greeting.TDS})
			p := &packets{Conn: b.dial(), b: b}
			if _, err := p.Write([]byte{0x01, 0, 6, 0, 1, 0xff, 0x01}); err != nil {
				t.Fatal(err)
			}
			if answer := p.packet(p.Conn, 0x04); answer[len(answer)-1] != 0x01 {
				t.Fatalf("answered %v", answer)
			}
			secure := tls.Client(p, &tls.Config{ServerName: endpoint, RootCAs: b.trusted})
			if err := secure.Handshake(); err != nil {
				t.Fatal(err)
			}
			p.finished = true
			if _, err := p.send(secure, 0x10, login7(row.user, row.password)); err != nil {
				t.Fatal(err)
			}
			answer := p.packet(secure, 0x04)
			if answer[0] != row.want || row.want == errorToken && binary.LittleEndian.Uint32(answer[3:]) != 18456 {
				t.Errorf("answered %v", answer)
			}
		})
	}
}

func TestOraclesListenerRefuses(t *testing.T) {
	connect := func(data string) []byte {
		packet := append(binary.BigEndian.AppendUint16(nil, uint16(58+len(data))), 0, 0, 1, 0, 0, 0)
		packet = append(packet, make([]byte, 50)...)
		binary.BigEndian.PutUint16(packet[24:], uint16(len(data)))
		binary.BigEndian.PutUint16(packet[26:], 58)
		return append(packet, data...)
	}
	for name, row := range map[string]struct {
		sent []byte
		want string
	}{
		"a ping, without an error":     {connect("(CONNECT_DATA=(COMMAND=ping))"), "(ERR=0)"},
		"a service that it knows not":  {connect("(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=ORCL)))"), "(ERR=12514)"},
		"what is no CONNECT, silently": {[]byte("GET / HTTP/1.1\r\nHost: orders\r\n\r\n"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, greeting.Config{Speaks: greeting.TNS})
			conn := b.dial()
			if _, err := conn.Write(row.sent); err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(conn) // a reset of what was not read is an answer, too
			if refused := len(answer) > 12 && answer[4] == 4; refused != (row.want != "") || !strings.Contains(string(answer), row.want) {
				t.Errorf("answered %q, want %q", answer, row.want)
			}
		})
	}
}

func TestStoppedServerCutsConnections(t *testing.T) {
	b := start(t, greeting.Config{Speaks: greeting.MySQL})
	conn := b.dial()
	b.read(conn)
	b.server.Stop()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection lives on")
	}
	if conn, err := new(net.Dialer).DialContext(context.Background(), "tcp4", b.at.String()); err == nil {
		_ = conn.Close()
		t.Error("the server still listens")
	}
}
