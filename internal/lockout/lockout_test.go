package lockout

import (
	"os"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	for name, row := range map[string]struct {
		engine, code string
		want         []string // nothing: it concerns nobody else
	}{
		"a blocked host of MySQL":           {"mysql", "1129", []string{"max_connect_errors", "every consumer", "host_cache"}},
		"of MariaDB":                        {"mariadb", "1129", []string{"FLUSH HOSTS"}},
		"of a server that takes the name":   {"aurora-mysql", "1130", []string{"'%'"}},
		"room, of PostgreSQL":               {"aurora-postgresql", "53300", []string{"CONNECTION LIMIT", "whoever connects"}},
		"SQL Server in an edition":          {"sqlserver-se", "17892", []string{"sys.server_triggers"}},
		"Oracle in an edition":              {"oracle-se2-cdb", "12520", []string{"processes"}},
		"a login that is refused":           {"mysql", "1045", nil},
		"another engine's code":             {"postgres", "1129", nil},
		"no error at all":                   {"mysql", "", nil},
		"an engine that nobody here speaks": {"db2-se", "1129", nil},
	} {
		t.Run(name, func(t *testing.T) {
			l, found := Explain(row.engine, row.code)
			if found != (row.want != nil) {
				t.Fatalf("%+v, %t", l, found)
			}
			for _, want := range row.want {
				if !strings.Contains(l.String(), want) {
					t.Errorf("%q is missing in %q", want, l)
				}
			}
		})
	}
}

// What people are told here stands in docs/database.md, too, with what nobody can see from outside.
func TestThePageHasEveryLockout(t *testing.T) {
	page, err := os.ReadFile("../../docs/database.md")
	if err != nil {
		t.Fatal(err)
	}
	for family, codes := range lockouts {
		for code, l := range codes {
			if l.Says == "" || l.Whom == "" || l.Undo == "" {
				t.Errorf("%s %s says %+v", family, code, l)
			}
			if !strings.Contains(string(page), code) {
				t.Errorf("docs/database.md does not have %s of %s", code, family)
			}
		}
	}
}
