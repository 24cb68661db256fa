package resolve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const host = "orders.abc.eu-central-1.rds.amazonaws.com"

func TestLookups(t *testing.T) {
	absent := &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	silent := &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
	type reply struct {
		addresses []string
		err       error
	}
	for name, test := range map[string]struct {
		replies []reply
		want    [][]string
		errors  int
		gone    bool
	}{
		"lookups agree":             {replies: []reply{{addresses: []string{"10.0.1.5"}}, {addresses: []string{"10.0.1.5"}}}, want: [][]string{{"10.0.1.5"}, {"10.0.1.5"}}},
		"lookups disagree":          {replies: []reply{{addresses: []string{"10.0.1.5"}}, {addresses: []string{"10.0.2.7"}}}, want: [][]string{{"10.0.1.5"}, {"10.0.2.7"}}},
		"addresses are sorted":      {replies: []reply{{addresses: []string{"10.0.2.7", "10.0.1.5", "10.0.2.7"}}}, want: [][]string{{"10.0.1.5", "10.0.2.7"}}},
		"name is gone":              {replies: []reply{{err: absent}, {err: absent}}, want: [][]string{{}, {}}, errors: 2, gone: true},
		"one silence is not gone":   {replies: []reply{{err: absent}, {err: silent}}, want: [][]string{{}, {}}, errors: 2},
		"one answer is not gone":    {replies: []reply{{err: absent}, {addresses: []string{"10.0.1.5"}}}, want: [][]string{{}, {"10.0.1.5"}}, errors: 1},
		"no lookup is not an error": {want: [][]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			v := vantage{lookup: func(_ context.Context, network, asked string) ([]netip.Addr, error) {
				if network != "ip4" || asked != host+"." {
					t.Errorf("looked up %s %q, want the absolute name over ip4", network, asked)
				}
				r := test.replies[calls]
				calls++
				var found []netip.Addr
				for _, a := range r.addresses {
					found = append(found, netip.MustParseAddr(a))
				}
				return found, r.err
			}}
			got := v.answer(t.Context(), Request{Host: host, Lookups: len(test.replies)})
			if !slices.EqualFunc(got.Lookups, test.want, slices.Equal[[]string]) || len(got.Errors) != test.errors || got.Gone != test.gone {
				t.Errorf("got %+v, want lookups %v, %d errors, gone %t", got, test.want, test.errors, test.gone)
			}
		})
	}
}

func TestNobodyLooksForEver(t *testing.T) {
	v := vantage{lookup: func(context.Context, string, string) ([]netip.Addr, error) {
		return nil, &net.DNSError{IsNotFound: true}
	}}
	for asked, want := range map[int]int{math.MaxInt: mostLookups, math.MinInt: 0} {
		if got := v.answer(t.Context(), Request{Host: host, Lookups: asked}); len(got.Lookups) != want || got.Gone != (want > 0) {
			t.Errorf("asked for %d lookups: %d, gone: %t", asked, len(got.Lookups), got.Gone)
		}
	}
}

func TestDialClasses(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"refused":            {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, Refused},
		"silence":            {context.DeadlineExceeded, Blocked},
		"no route":           {&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, Blocked},
		"no local port left": {&net.OpError{Op: "dial", Err: syscall.EADDRNOTAVAIL}, Blocked},
		"anything else":      {errors.New("?"), Blocked},
	} {
		t.Run(name, func(t *testing.T) {
			v := vantage{dial: func(context.Context, string, string) (net.Conn, error) { return nil, test.err }}
			got := v.answer(t.Context(), Request{Probe: []string{"10.0.1.5"}, Port: 5432}).Probes
			if len(got) != 1 || got[0].Result != test.want || got[0].Address != "10.0.1.5" {
				t.Errorf("got %+v, want %s", got, test.want)
			}
		})
	}
}

func TestProbesWhatItFinds(t *testing.T) {
	v := vantage{
		lookup: func(context.Context, string, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("10.0.2.7"), netip.MustParseAddr("10.0.1.5")}, nil
		},
		dial: func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED },
	}
	for name, test := range map[string]struct {
		probeFound bool
		want       []string
	}{
		"asked to":     {true, []string{"10.0.1.5", "10.0.2.7"}},
		"not asked to": {false, []string{"10.0.1.5"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := []string{}
			for _, p := range v.answer(t.Context(), Request{Host: host, Lookups: 2, Probe: []string{"10.0.1.5"}, ProbeFound: test.probeFound}).Probes {
				got = append(got, p.Address)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("probed %v, want %v", got, test.want)
			}
		})
	}
}

// How long a tick waits for silence decides how many functions fifty databases that fail take.
func TestSilenceIsWaitedForAsLongAsAPacketThatIsSentAgainTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silence := vantage{dial: func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }}
		begun := time.Now()
		got := silence.answer(t.Context(), Request{Port: 5432, Probe: []string{"10.0.1.5", "10.0.2.7"}})
		if took := time.Since(begun); took != dialTimeout || got.Probes[0].Result != Blocked || got.Probes[1].Result != Blocked {
			t.Errorf("got %+v after %v", got, took)
		}
	})
}

func TestWhoIsGoneHoldsUpNobodyWhoTakesItsPlace(t *testing.T) {
	const gone, new, other = "10.0.1.5", "10.0.2.7", "10.0.3.9"
	for name, test := range map[string]struct {
		named  []string
		silent []string
		takes  time.Duration
	}{
		"the new host answers":                 {named: []string{new}, silent: []string{gone}, takes: otherwiseTimeout},
		"nobody answers":                       {named: []string{new}, silent: []string{gone, new}, takes: dialTimeout},
		"whom DNS names is waited for":         {named: []string{new, other}, silent: []string{other}, takes: dialTimeout},
		"DNS names nobody":                     {silent: []string{gone}, takes: dialTimeout},
		"DNS names whom it named":              {named: []string{gone}, silent: []string{gone}, takes: dialTimeout},
		"all answer, and nobody is waited for": {named: []string{new}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := vantage{
					lookup: func(context.Context, string, string) (found []netip.Addr, _ error) {
						for _, address := range test.named {
							found = append(found, netip.MustParseAddr(address))
						}
						return found, nil
					},
					dial: func(ctx context.Context, _, address string) (net.Conn, error) {
						if host, _, _ := net.SplitHostPort(address); slices.Contains(test.silent, host) {
							<-ctx.Done()
							return nil, ctx.Err()
						}
						ours, theirs := net.Pipe()
						return ours, theirs.Close()
					},
				}
				begun := time.Now()
				answer := v.answer(t.Context(), Request{Host: host, Port: 5432, Lookups: 2, Probe: []string{gone, new}, ProbeFound: true})
				if took := time.Since(begun); took != test.takes {
					t.Errorf("took %v", took)
				}
				for _, p := range answer.Probes {
					if want := map[bool]string{true: Blocked, false: Open}[slices.Contains(test.silent, p.Address)]; p.Result != want {
						t.Errorf("%s is %s", p.Address, p.Result)
					}
				}
			})
		})
	}
}

func TestOutsideNeverProbes(t *testing.T) {
	o := outside{vantage{dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialled from outside the VPC")
		return nil, io.EOF
	}}}
	got, err := o.Resolve(t.Context(), Request{Probe: []string{"10.0.1.5"}})
	if err != nil || len(got.Probes) != 1 || got.Probes[0].Result != Blocked {
		t.Errorf("got %+v, %v; want one blocked probe", got, err)
	}
}

func TestIdentity(t *testing.T) {
	ours := certificate(t, host)
	wildcard := certificate(t, "*.abc.eu-central-1.rds.amazonaws.com")
	other := certificate(t, "payroll.abc.eu-central-1.rds.amazonaws.com")
	for name, test := range map[string]struct {
		engine string
		server func(net.Conn)
		want   string
		detail string
	}{
		"name matches, issuer unknown": {server: postgres(ours), want: Match, detail: "unknown authority"},
		"wildcard matches":             {server: postgres(wildcard), want: Match, detail: "unknown authority"},
		"other server":                 {server: postgres(other), want: Mismatch, detail: "payroll"},
		"server without TLS":           {server: answering('N'), want: Unavailable, detail: "offers no TLS"},
		"server that hangs up":         {server: func(net.Conn) {}, want: Unavailable},
		"hangs up after yes":           {server: answering('S'), want: Unavailable, detail: "shake hands"},
		"Oracle":                       {engine: "oracle-ee", server: func(net.Conn) {}, want: Unavailable, detail: "oracle-ee"},
		"MySQL":                        {engine: "mysql", server: mysql(mysqlServer{certificate: &ours}), want: Match, detail: "unknown authority"},
		"MariaDB of another name":      {engine: "mariadb", server: mysql(mysqlServer{certificate: &other}), want: Mismatch, detail: "payroll"},
		"Aurora MySQL":                 {engine: "aurora-mysql", server: mysql(mysqlServer{certificate: &ours}), want: Match},
		"MySQL without TLS":            {engine: "mysql", server: mysql(mysqlServer{}), want: Unavailable, detail: "offers no TLS"},
		"SQL Server":                   {engine: "sqlserver-se", server: sqlServer(&ours), want: Match, detail: "unknown authority"},
		"SQL Server of another name":   {engine: "sqlserver-web", server: sqlServer(&other), want: Mismatch, detail: "payroll"},
		"SQL Server without TLS":       {engine: "sqlserver-ex", server: sqlServer(nil), want: Unavailable, detail: "offers no TLS"},
		"SQL Server that hangs up":     {engine: "sqlserver-ee", server: func(net.Conn) {}, want: Unavailable, detail: "pre-login"},
	} {
		t.Run(name, func(t *testing.T) {
			engine := test.engine
			if engine == "" {
				engine = "postgres"
			}
			v := vantage{dial: func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go func() { defer server.Close(); test.server(server) }()
				return client, nil
			}}
			got := v.answer(t.Context(), Request{Probe: []string{"10.0.1.5"}, Port: 5432, Engine: engine, TLS: true, ServerName: host}).Probes[0]
			if got.Result != Open || got.TLS != test.want || !strings.Contains(got.Detail, test.detail) {
				t.Errorf("got %+v, want open, %s, detail with %q", got, test.want, test.detail)
			}
		})
	}
}

// postgres answers an SSLRequest as PostgreSQL does, and nothing else.
func postgres(c tls.Certificate) func(net.Conn) {
	return func(conn net.Conn) {
		message := make([]byte, 8)
		if _, err := io.ReadFull(conn, message); err != nil || !slices.Equal(message, sslRequest) {
			return
		}
		if _, err := conn.Write([]byte{'S'}); err != nil {
			return
		}
		_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{c}}).Handshake()
	}
}

func answering(bytes ...byte) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := io.ReadFull(conn, make([]byte, 8)); err == nil {
			_, _ = conn.Write(bytes)
		}
	}
}

func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
