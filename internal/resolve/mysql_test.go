package resolve

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
)

// mysqlServer answers as MySQL and MariaDB do on the wire.
type mysqlServer struct {
	certificate *tls.Certificate
	refuses     string // instead of a greeting
	refusal     uint16 // the code of that; 1129, unless said
	greets      string // in place of its greeting
	says        string // in place of its refusal of a login
	silent      bool   // hangs up instead
	switches    bool   // asks for another method of authentication first
	ended       func(login string)
}

// mysql runs the server on a connection, and tells how the handshake ended: with the user who was answered, or interrupted.
func mysql(s mysqlServer) func(net.Conn) {
	return func(conn net.Conn) {
		login := "interrupted"
		if user, ok := s.serve(conn); ok {
			login = user
		}
		if s.ended != nil {
			s.ended(login)
		}
	}
}

func (s mysqlServer) serve(conn net.Conn) (user string, answered bool) {
	switch {
	case s.silent:
		return "", false
	case s.refuses != "":
		code := cmp.Or(s.refusal, 1129)
		return "", writeMySQL(conn, 0, append([]byte{mysqlError, byte(code), byte(code >> 8)}, s.refuses...)) == nil
	case s.greets != "":
		return "", writeMySQL(conn, 0, []byte(s.greets)) == nil
	}
	if writeMySQL(conn, 0, s.greeting()) != nil {
		return "", false
	}
	login, sequence, err := readMySQL(conn)
	if err == nil && s.certificate != nil && len(login) == 32 {
		secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*s.certificate}})
		conn = secure
		login, sequence, err = readMySQL(conn)
	}
	if err != nil || len(login) < 33 {
		return "", false
	}
	if s.switches {
		if writeMySQL(conn, sequence+1, []byte("\xfecaching_sha2_password\x0001234567890123456789\x00")) != nil {
			return "", false
		}
		if _, sequence, err = readMySQL(conn); err != nil {
			return "", false
		}
	}
	user, _, _ = strings.Cut(string(login[32:]), "\x00")
	answered = writeMySQL(conn, sequence+1, []byte(cmp.Or(s.says, "\xff\x15\x04#28000Access denied"))) == nil
	_, _ = io.Copy(io.Discard, conn)
	return user, answered
}

func (s mysqlServer) greeting() []byte {
	capabilities := mysqlProtocol41 | mysqlSecureConnection
	if s.certificate != nil {
		capabilities |= mysqlTLS
	}
	greeting := append([]byte("\x0a8.0.40\x00"), make([]byte, 4+8+1)...)
	return append(greeting, byte(capabilities), byte(capabilities>>8), 45, 2, 0, 0x0c, 0, 21)
}

// The server must never see a handshake that breaks off: it would block the host.
func TestMySQLHandshakesAreFinished(t *testing.T) {
	ours := certificate(t, host)
	for name, test := range map[string]struct {
		server mysqlServer
		tls    bool // whether the identity is asked for
		result string
		detail string
		ended  string
	}{
		"with TLS":                  {server: mysqlServer{certificate: &ours}, tls: true, result: Open, ended: probeUser},
		"the identity is not asked": {server: mysqlServer{certificate: &ours}, result: Open, ended: probeUser},
		"without TLS":               {server: mysqlServer{}, result: Open, ended: probeUser},
		"another method":            {server: mysqlServer{certificate: &ours, switches: true}, tls: true, result: Open, ended: probeUser},
		"the host is blocked":       {server: mysqlServer{refuses: "Host is blocked"}, result: Blocked, detail: "Host is blocked"},
		"the server hangs up":       {server: mysqlServer{silent: true}, result: Blocked, detail: "read greeting", ended: "interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan string, 1)
			test.server.ended = func(login string) { ended <- login }
			v := vantage{dial: func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go func() { mysql(test.server)(server); _ = server.Close() }()
				return client, nil
			}}
			got := v.answer(t.Context(), Request{Probe: []string{"10.0.1.5"}, Port: 3306, Engine: "mysql", TLS: test.tls, ServerName: host}).Probes[0]
			if got.Result != test.result || !strings.Contains(got.Detail, test.detail) || (got.TLS != "") != test.tls {
				t.Errorf("got %+v", got)
			}
			if how := <-ended; how != test.ended {
				t.Errorf("the handshake ended as %q, want %q", how, test.ended)
			}
		})
	}
}
