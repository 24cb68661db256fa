package resolve

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

const listener = "10.0.0.4:6432"

// through goes through one listener to a server.
func through(t *testing.T, engine string, server func(net.Conn)) Probe {
	t.Helper()
	var served sync.WaitGroup
	v := vantage{dial: func(_ context.Context, network, address string) (net.Conn, error) {
		if network != "tcp" || address != listener {
			t.Errorf("dialled %s %s", network, address)
		}
		client, far := net.Pipe()
		served.Go(func() { defer far.Close(); server(far) })
		return client, nil
	}}
	answer := v.answer(t.Context(), Request{Path: []string{listener}, Engine: engine, Port: 5432, ServerName: host})
	served.Wait()
	if len(answer.Path) != 1 || answer.Path[0].Address != listener || len(answer.Probes) != 0 {
		t.Fatalf("answered %+v", answer)
	}
	return answer.Path[0]
}

// postgresSaying is PostgreSQL as far as its start-up, whose answer it is given. It tells what came then, and how it ended.
func postgresSaying(certificate *tls.Certificate, answer []byte, ended func(rest string, err error)) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := io.ReadFull(conn, make([]byte, len(sslRequest))); err != nil {
			return
		}
		if certificate == nil {
			_, _ = conn.Write([]byte{'N'})
		} else {
			_, _ = conn.Write([]byte{'S'})
			conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*certificate}})
		}
		var length [4]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		startup := make([]byte, binary.BigEndian.Uint32(length[:])-4)
		if _, err := io.ReadFull(conn, startup); err != nil || string(startup) != "\x00\x03\x00\x00user\x00rdslink-probe\x00application_name\x00rdslink-probe\x00\x00" {
			return
		}
		_, _ = conn.Write(answer)
		rest, err := io.ReadAll(conn)
		if ended != nil {
			ended(string(rest), err)
		}
	}
}

func postgresMessage(kind byte, content string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(content))), content...)
}

func postgresRefusing(code, message string) []byte {
	return postgresMessage('E', "SFATAL\x00VFATAL\x00C"+code+"\x00M"+message+"\x00Fpostmaster.c\x00\x00")
}

func asking(method byte) []byte { return postgresMessage('R', "\x00\x00\x00"+string(method)) }

var scram = postgresMessage('R', "\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00")

// oracleSaying is a listener that gives each CONNECT an answer, by type and content.
func oracleSaying(answers ...[]byte) func(net.Conn) {
	return func(conn net.Conn) {
		for _, answer := range answers {
			if kind, content, err := readTNS(conn); err != nil || kind != tnsConnect || !strings.HasSuffix(string(content), tnsPing) {
				return
			}
			_, _ = conn.Write(answer)
		}
		_, _ = io.Copy(io.Discard, conn)
	}
}

func tns(kind byte, content string) []byte {
	packet := binary.BigEndian.AppendUint16(nil, uint16(tnsHeader+len(content)))
	return append(append(packet, 0, 0, kind, 0, 0, 0), content...)
}

var pong = tns(tnsRefuse, "\x22\x00\x00\x40(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR=0)(ALIAS=LISTENER))")

func TestWhatADatabaseAnswersThroughAListener(t *testing.T) {
	ours, other := certificate(t, host), certificate(t, "payroll.abc.eu-central-1.rds.amazonaws.com")
	pg := func(answer []byte) func(net.Conn) { return postgresSaying(&ours, answer, nil) }
	ms := func(code uint32) func(net.Conn) { return sqlServerSaying(&ours, tdsToken(tdsError, code, "no")) }
	my := func(s mysqlServer) func(net.Conn) { s.certificate = &ours; return mysql(s) }
	for name, row := range map[string]struct {
		engine string
		server func(net.Conn)
		want   string
		code   string
		detail string
		tls    string
	}{
		"PostgreSQL asks for SCRAM":        {engine: "postgres", server: pg(scram), want: Served, tls: Match},
		"PostgreSQL asks for MD5":          {engine: "postgres", server: pg(asking(5)), want: Served, tls: Match},
		"RDS Proxy asks for clear text":    {engine: "postgresql", server: pg(asking(3)), want: Served, tls: Match},
		"Aurora PostgreSQL":                {engine: "aurora-postgresql", server: pg(scram), want: Served, tls: Match},
		"it negotiates the protocol first": {engine: "postgres", server: pg(append(postgresMessage('v', "\x00\x03\x00\x00\x00\x00\x00\x00"), scram...)), want: Served, tls: Match},
		"it lets everybody in":             {engine: "postgres", server: pg(asking(0)), want: Served, tls: Match},
		"without TLS":                      {engine: "postgres", server: postgresSaying(nil, scram, nil), want: Served, tls: Unavailable},
		"without TLS where TLS is required": {engine: "postgres", server: postgresSaying(nil, postgresRefusing("28000", "no pg_hba.conf entry for host"), nil), want: Served, code: "28000",
			detail: "pg_hba", tls: Unavailable},
		"it has no such user":     {engine: "postgres", server: pg(postgresRefusing("28P01", "password authentication failed")), want: Served, code: "28P01", tls: Match},
		"it has no such database": {engine: "postgres", server: pg(postgresRefusing("3D000", "database does not exist")), want: Served, code: "3D000", tls: Match},
		"too many clients": {engine: "postgres", server: pg(postgresRefusing("53300", "sorry, too many clients already")), want: Served, code: "53300",
			detail: "53300 sorry, too many clients", tls: Match},
		"it starts": {engine: "postgres", server: pg(postgresRefusing("57P03", "the database system is starting up")), want: Answered, code: "57P03",
			detail: "57P03 the database system is starting up", tls: Match},
		"it shuts down":                       {engine: "postgres", server: pg(postgresRefusing("57P01", "terminating connection")), want: Answered, code: "57P01", tls: Match},
		"a proxy that finds no database":      {engine: "postgres", server: pg(postgresRefusing("08006", "timed out")), want: Answered, code: "08006", tls: Match},
		"an error that nobody knows":          {engine: "postgres", server: pg(postgresRefusing("XX000", "?")), want: Answered, code: "XX000", tls: Match},
		"an error without a code":             {engine: "postgres", server: pg(postgresMessage('E', "could not fork new process")), want: Answered, detail: "SQLSTATE"},
		"an authentication that nobody knows": {engine: "postgres", server: pg(asking(99)), want: Answered},
		"PostgreSQL of another name":          {engine: "postgres", server: postgresSaying(&other, scram, nil), want: Answered, detail: "payroll", tls: Mismatch},
		"another name, and an error": {engine: "postgres", server: postgresSaying(&other, postgresRefusing("53300", "full"), nil), want: Answered, code: "53300", detail: "53300 full; x509",
			tls: Mismatch},
		"MySQL refuses the login":         {engine: "mysql", server: my(mysqlServer{}), want: Served, code: "1045", detail: "1045 Access denied", tls: Match},
		"MariaDB asks for another method": {engine: "mariadb", server: my(mysqlServer{switches: true}), want: Served, code: "1045", tls: Match},
		"Aurora MySQL":                    {engine: "aurora-mysql", server: my(mysqlServer{}), want: Served, code: "1045", tls: Match},
		"MySQL without TLS":               {engine: "mysql", server: mysql(mysqlServer{}), want: Served, code: "1045", tls: Unavailable},
		"MySQL lets everybody in":         {engine: "mysql", server: my(mysqlServer{says: "\x00\x00\x00\x02\x00\x00\x00"}), want: Served, tls: Match},
		"MySQL requires TLS": {engine: "mysql", server: my(mysqlServer{says: "\xff\x57\x0c#HY000Connections using insecure transport are prohibited"}), want: Served, code: "3159",
			tls: Match},
		"MySQL blocks the node": {engine: "mysql", server: mysql(mysqlServer{refuses: "Host '10.0.0.4' is blocked because of many connection errors"}), want: Answered, code: "1129",
			detail: "1129 Host '10.0.0.4' is blocked", tls: Unavailable},
		"MySQL has no account for the node": {engine: "mysql", server: mysql(mysqlServer{refusal: 1130, refuses: "Host '10.0.0.4' is not allowed"}), want: Answered, code: "1130", tls: Unavailable},
		"MySQL is full": {engine: "mysql", server: mysql(mysqlServer{refusal: 1040, refuses: "Too many connections"}), want: Served, code: "1040",
			detail: "1040 Too many connections", tls: Unavailable},
		"MySQL stops":                              {engine: "mysql", server: my(mysqlServer{says: "\xff\x1d\x04#08S01Server shutdown in progress"}), want: Answered, code: "1053", tls: Match},
		"MySQL answers with nothing":               {engine: "mysql", server: my(mysqlServer{says: " "}), want: Answered},
		"an error of MySQL's cut short":            {engine: "mysql", server: mysql(mysqlServer{greets: "\xff\x69"}), want: Answered},
		"MySQL of another name":                    {engine: "mysql", server: mysql(mysqlServer{certificate: &other}), want: Answered, code: "1045", detail: "payroll", tls: Mismatch},
		"SQL Server refuses the login":             {engine: "sqlserver-se", server: sqlServer(&ours), want: Served, code: "18456", detail: "18456 Login failed", tls: Match},
		"SQL Server without TLS":                   {engine: "sqlserver-se", server: sqlServer(nil), want: Served, code: "18456", tls: Unavailable},
		"SQL Server lets everybody in":             {engine: "sqlserver-se", server: sqlServerSaying(&ours, []byte{tdsLoginAck, 1, 0, 1}), want: Served, tls: Match},
		"SQL Server is full":                       {engine: "sqlserver-se", server: ms(17809), want: Served, code: "17809", tls: Match},
		"SQL Server is being upgraded":             {engine: "sqlserver-se", server: ms(18401), want: Answered, code: "18401", tls: Match},
		"SQL Server is paused":                     {engine: "sqlserver-se", server: ms(17142), want: Answered, code: "17142", tls: Match},
		"SQL Server of another name":               {engine: "sqlserver-se", server: sqlServer(&other), want: Answered, code: "18456", tls: Mismatch},
		"SQL Server says something else":           {engine: "sqlserver-se", server: sqlServerSaying(&ours, []byte{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), want: Answered},
		"SQL Server's answer is cut short":         {engine: "sqlserver-se", server: sqlServerSaying(&ours, []byte{tdsError, 200, 0, 1}), want: Answered},
		"Oracle's listener":                        {engine: "oracle-ee", server: oracleSaying(pong), want: Served, tls: Unavailable},
		"Oracle's listener wants to hear it again": {engine: "oracle-se2-cdb", server: oracleSaying(tns(tnsResend, ""), pong), want: Served, tls: Unavailable},
		"again and again":                          {engine: "oracle-ee", server: oracleSaying(tns(tnsResend, ""), tns(tnsResend, "")), want: Answered},
		"Oracle's listener knows no such thing": {engine: "oracle-ee", server: oracleSaying(tns(tnsRefuse, "\x22\x00\x00\x20(DESCRIPTION=(VSNNUM=1)(ERR=12514))")), want: Served, code: "12514",
			tls: Unavailable},
		"Oracle blocks new connections": {engine: "oracle-ee", server: oracleSaying(tns(tnsRefuse, "\x22\x00\x00\x20(DESCRIPTION=(VSNNUM=1)(ERR=12528))")), want: Answered, code: "12528",
			tls: Unavailable},
		"a refusal without a version":                {engine: "oracle-ee", server: oracleSaying(tns(tnsRefuse, "(ERR=0)")), want: Answered},
		"a listener that accepts a ping":             {engine: "oracle-ee", server: oracleSaying(tns(tnsAccept, "")), want: Answered},
		"a listener that sends a ping somewhere":     {engine: "oracle-ee", server: oracleSaying(tns(tnsRedirect, "\x00\x10(ADDRESS=(HOST=x))")), want: Answered},
		"an engine whose connections nobody here is": {engine: "db2-se", server: func(net.Conn) {}, want: Answered, detail: "db2-se"},
	} {
		t.Run(name, func(t *testing.T) {
			got := through(t, row.engine, row.server)
			if got.Result != row.want || got.Code != row.code || !strings.Contains(got.Detail, row.detail) || got.TLS != row.tls {
				t.Errorf("got %+v, want %+v", got, row)
			}
		})
	}
}

// What answers in a database's place proves nothing, whatever it is: also the databases of other engines.
func TestImpostorsProveNothing(t *testing.T) {
	ours := certificate(t, host)
	saying := func(words string) func(net.Conn) {
		return func(conn net.Conn) {
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			_, _ = conn.Write([]byte(words))
			time.Sleep(time.Minute)
		}
	}
	impostors := map[string]func(net.Conn){
		"takes connections and closes them": func(net.Conn) {},
		"reads and closes":                  func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) },
		"silence":                           func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
		"an echo":                           func(conn net.Conn) { _, _ = io.Copy(conn, conn) },
		"a web server": func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			saying("HTTP/1.1 400 Bad Request\r\nContent-Length: 11\r\nConnection: close\r\n\r\nBad Request")(conn)
		},
		"SSH":               saying("SSH-2.0-OpenSSH_9.6\r\n"),
		"Redis":             saying("-ERR unknown command\r\n"),
		"says yes to TLS":   saying("S"),
		"says no to TLS":    saying("N"),
		"nothing but zeros": saying(strings.Repeat("\x00", 4096)),
		"nothing but ones":  saying(strings.Repeat("\xff", 4096)),
		"a web server's TLS": func(conn net.Conn) {
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{ours}}).Handshake()
		},
		"TLS as PostgreSQL's, and a close": func(conn net.Conn) {
			_, _ = io.ReadFull(conn, make([]byte, len(sslRequest)))
			_, _ = conn.Write([]byte{'S'})
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{ours}}).Handshake()
		},
		"MySQL's greeting, and a close": func(conn net.Conn) { _ = writeMySQL(conn, 0, mysqlServer{certificate: &ours}.greeting()) },
		"SQL Server's pre-login, and a close": func(conn net.Conn) {
			_, _ = readTDS(conn, tdsPrelogin)
			_, _ = conn.Write(tdsPacket(tdsReply, []byte{0x01, 0, 6, 0, 1, 0xff, tdsNotOnHere}))
			_, _ = conn.Read(make([]byte, 1))
		},
	}
	databases := map[string]func(net.Conn){
		"postgres": postgresSaying(&ours, scram, nil), "mysql": mysql(mysqlServer{certificate: &ours}), "sqlserver-ee": sqlServer(&ours),
		"oracle-ee": oracleSaying(pong),
	}
	for engine, like := range map[string]string{
		"postgres": "postgres", "aurora-postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql", "aurora-mysql": "mysql",
		"sqlserver-ee": "sqlserver-ee", "oracle-ee": "oracle-ee",
	} {
		all := maps.Clone(databases)
		delete(all, like)
		maps.Copy(all, impostors)
		for name, impostor := range all {
			t.Run(engine+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					begun := time.Now()
					got := through(t, engine, impostor)
					if got.Result != Answered || got.Detail == "" {
						t.Errorf("got %+v", got)
					}
					if took := time.Since(begun); took > time.Minute+probeTimeout {
						t.Errorf("took %v", took)
					}
				})
			})
		}
	}
}

// All nodes of a load balancer at once, and beside the rest: whoever waits for a tick waits for one of them.
func TestAllNodesAreTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := vantage{dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			t.Cleanup(func() { _ = server.Close() })
			return client, nil // takes the connection, and says nothing
		}}
		begun := time.Now()
		got := v.answer(t.Context(), Request{Engine: "mysql", Path: []string{"10.0.0.4:3306", "10.0.1.4:3306", "10.0.2.4:3306"}, Probe: []string{"10.0.1.5"}, Port: 3306})
		if took := time.Since(begun); took != probeTimeout {
			t.Errorf("took %v, want %v", took, probeTimeout)
		}
		for i, p := range got.Path {
			if p.Result != Answered || !strings.Contains(p.Detail, "did not answer in time") {
				t.Errorf("node %d: %+v", i, p)
			}
		}
	})
}

func TestAListenerThatIsNotReached(t *testing.T) {
	for want, err := range map[string]error{Refused: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, Blocked: context.DeadlineExceeded} {
		v := vantage{dial: func(context.Context, string, string) (net.Conn, error) { return nil, err }}
		if got := v.answer(t.Context(), Request{Path: []string{listener}, Engine: "postgres"}).Path; len(got) != 1 || got[0].Result != want || got[0].Detail == "" {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
}

// What is said by whoever answers is repeated to people.
func TestWhatIsRepeatedIsShortAndPlain(t *testing.T) {
	long := strings.Repeat("x\a\n\xff", 5000)
	got := through(t, "postgres", postgresSaying(nil, postgresRefusing("57P03", long[:12000]), nil))
	if len(got.Detail) > len("57P03 ")+longestMessage || strings.ContainsAny(got.Detail, "\a\n") || !utf8.ValidString(got.Detail) || !strings.HasPrefix(got.Detail, "57P03 xx") {
		t.Errorf("got %q", got.Detail)
	}
}

// How PostgreSQL sees a client go decides what it logs: nothing, of one who was asked for a password and said with TLS's
// notice that this was all.
func TestPostgreSQLIsLeftAsItMayBe(t *testing.T) {
	ours := certificate(t, host)
	for name, row := range map[string]struct {
		certificate *tls.Certificate
		answer      []byte
		rest        string
	}{
		"asked for a password": {&ours, scram, ""},
		"without TLS":          {nil, scram, ""},
		"refused":              {&ours, postgresRefusing("57P03", "starting"), ""},
		"let in":               {&ours, asking(0), "X\x00\x00\x00\x04"},
	} {
		t.Run(name, func(t *testing.T) {
			rest, ended := "nothing", errors.New("not ended")
			through(t, "postgres", postgresSaying(row.certificate, row.answer, func(r string, err error) { rest, ended = r, err }))
			if rest != row.rest || ended != nil {
				t.Errorf("left with %q and %v, want %q", rest, ended, row.rest)
			}
		})
	}
}
