package handoff

import (
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/vendor"
)

var facts = Facts{
	ServiceName: "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0", Region: "eu-central-1",
	AvailabilityZoneIDs: []string{"euc1-az1", "euc1-az2"}, SupportedRegions: []string{}, Port: 5432,
	TLSServerName: "orders-prod.c0ffee.eu-central-1.rds.amazonaws.com",
}

func letter(change func(*Letter)) Letter {
	l := Letter{Facts: facts, Consumer: "pushmetrics", Vendor: "pushmetrics", DatabaseIdentifier: "orders-prod", Engine: "postgres", WaitDays: 14}
	change(&l)
	return l
}

func textOf(t *testing.T, l Letter) string {
	t.Helper()
	text, err := l.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestLettersReadAsAWhole(t *testing.T) {
	for _, row := range []struct {
		vendor, consumer, engine string
		connectErrors            int
		allowsNobody             bool
	}{
		{"pushmetrics", "pushmetrics", "postgres", 0, false},
		{"fivetran", "fivetran", "sqlserver-se", 0, false},
		{"tidb-cloud", "tidb-cloud-444455556666", "mysql", 100, false},
		{"materialize", "materialize", "postgres", 0, true},
	} {
		t.Run(row.vendor, func(t *testing.T) {
			l := letter(func(l *Letter) {
				l.Vendor, l.Consumer, l.Engine, l.MaxConnectErrors = row.vendor, row.consumer, row.engine, row.connectErrors
				l.AllowsNobody = row.allowsNobody
			})
			golden.Compare(t, row.vendor+".txt", textOf(t, l))
		})
	}
}

// Whoever adds a preset writes no letter.
func TestEveryPresetHasALetterInItsWords(t *testing.T) {
	for _, v := range vendor.All() {
		text := textOf(t, letter(func(l *Letter) { l.Vendor, l.AllowsNobody = v.ID, v.Later }))
		for _, want := range []string{"for " + v.Name + "\n", v.Handoff, v.AfterShare} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing in:\n%s", v.ID, want, text)
			}
		}
		if asks := strings.Contains(text, "Whom we allow"); asks != v.Later || asks && !strings.Contains(text, v.Ask) {
			t.Errorf("%s: it asks for the principal: %t, in:\n%s", v.ID, asks, text)
		}
	}
}

// Who has a name to connect by hears how to switch it on, and when, and that no certificate carries it.
func TestALetterWithAPrivateDNSNameReadsAsAWhole(t *testing.T) {
	golden.Compare(t, "private-name.txt", textOf(t, letter(func(l *Letter) { l.PrivateDNSName = "db.example.com" })))
}

func TestTheLetterOfALinkReadsAsAWhole(t *testing.T) {
	l := letter(func(l *Letter) {
		l.Vendor, l.Consumer, l.DatabaseIdentifier, l.Engine, l.Port, l.TLSServerName = "", "acme", "", "", 0, ""
		l.Databases = []Reached{
			{"orders-prod", "postgres", 5432, "orders-prod.c0ffee.eu-central-1.rds.amazonaws.com", 0},
			{"ledger", "aurora-postgresql", 5433, "ledger.cluster-c0ffee.eu-central-1.rds.amazonaws.com", 0},
			{"shop", "mysql", 3306, "shop.c0ffee.eu-central-1.rds.amazonaws.com", 100},
			{"forum", "mysql", 3307, "forum.c0ffee.eu-central-1.rds.amazonaws.com", 40},
		}
	})
	golden.Compare(t, "link.txt", textOf(t, l))
	if got, want := l.Subject(), "PrivateLink service for 4 databases, for acme"; got != want {
		t.Errorf("subject %q, want %q", got, want)
	}
}

func TestTLSAdviceSuitsTheEngine(t *testing.T) {
	for engine, want := range map[string]string{
		"postgres": "hostaddr=", "aurora-postgresql": "hostaddr=", "mysql": "VERIFY_CA", "aurora-mysql": "VERIFY_CA", "mariadb": "VERIFY_CA",
		"sqlserver-se": "HostNameInCertificate=", "sqlserver": "HostNameInCertificate=", "oracle-se2": "Oracle Net",
	} {
		if text := textOf(t, letter(func(l *Letter) { l.Engine = engine })); !strings.Contains(text, want) {
			t.Errorf("%s: %q is missing in:\n%s", engine, want, text)
		}
	}
}

func TestConsumersAreToldWhatLocksAllOut(t *testing.T) {
	for name, row := range map[string]struct {
		engine        string
		connectErrors int
		want, not     string
	}{
		"a server that blocks hosts":        {"mysql", 100, "After 100 such connections in a row the server blocks", "very few"},
		"one that forgives nothing":         {"mariadb", 3, "After 3 such connections in a row", "fills the database's log"},
		"and says so":                       {"mariadb", 3, "a single scan is enough", "fills the database's log"},
		"one that blocks nobody":            {"aurora-mysql", 0, "error 1130", "error 1129"},
		"one that does not go by addresses": {"postgres", 0, "fills the database's log", "error 11"},
	} {
		t.Run(name, func(t *testing.T) {
			text := textOf(t, letter(func(l *Letter) { l.Engine, l.MaxConnectErrors = row.engine, row.connectErrors }))
			if !strings.Contains(text, row.want) || strings.Contains(text, row.not) {
				t.Errorf("%q is missing, or %q is there, in:\n%s", row.want, row.not, text)
			}
		})
	}
}

func TestTheRootCertificatesAreThoseOfThePartition(t *testing.T) {
	for region, want := range map[string]string{
		"eu-central-1":  " https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem\n",
		"us-gov-west-1": " https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem\n",
		"us-gov-east-1": " https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem\n",
	} {
		if text := textOf(t, letter(func(l *Letter) { l.Region = region })); !strings.Contains(text, want) {
			t.Errorf("%s: %q is missing in:\n%s", region, want, text)
		}
	}
}

func TestALetterToOthers(t *testing.T) {
	text := textOf(t, letter(func(l *Letter) {
		l.Consumer, l.Vendor, l.SupportedRegions = "acme", "", []string{"eu-west-1", "us-east-1"}
	}))
	for _, want := range []string{"for acme\n", "eu-west-1, us-east-1", "--service-region eu-central-1", "vpce:AllowMultiRegion"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "PushMetrics") {
		t.Errorf("a preset's words in:\n%s", text)
	}
}

func TestSubjectFitsSNS(t *testing.T) {
	l := letter(func(l *Letter) {
		l.DatabaseIdentifier, l.Consumer, l.Vendor = strings.Repeat("d", 63), strings.Repeat("c", 63), ""
	})
	if got := l.Subject(); len(got) > 100 || strings.Contains(got, "\n") {
		t.Errorf("subject of %d characters: %q", len(got), got)
	}
}
