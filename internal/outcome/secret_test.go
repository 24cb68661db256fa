package outcome

import (
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

func TestNoMessageRepeatsAPassword(t *testing.T) {
	const secret = "s3cr3t"
	for _, typed := range []string{
		"postgres://orders:" + secret + "@orders-prod.c0ffee.eu-central-1.rds.amazonaws.com:5432/orders",
		"postgresql://orders:" + secret + "@h/db?sslmode=require",
		"mysql+pymysql://u:p@" + secret + "@host/db",
		"postgres://" + secret + "@host/db",
		"jdbc:oracle:thin:orders/" + secret + "@//host:1521/ORCL",
		"orders:" + secret + "@host:5432",
		"jdbc:sqlserver://host:1433;databaseName=orders;user=sa;password=" + secret + ";encrypt=true",
		"jdbc:postgresql://host/db?user=orders&password=" + secret,
		"host=orders-prod dbname=orders password=" + secret,
		"Server=host;User Id=sa;Pwd=" + secret + ";",
		`{"database":"orders","masterUserPassword":"` + secret + `"}`,
		`{\"password\":\"` + secret + `\"}`,
		"PGPASSWORD=" + secret + " psql -h host",
	} {
		for _, err := range []error{
			BadInput("database %q does not exist", typed), Failed("x: %s", typed), Conflict("%s", typed), NotReady("%v", typed),
			&smithy.GenericAPIError{Code: "AccessDenied", Message: typed},
		} {
			if said := Message(err); strings.Contains(said, secret) || !strings.Contains(said, hidden) {
				t.Errorf("%s: %s", typed, said)
			}
		}
	}
}

func TestWhatIsNoPasswordIsSaid(t *testing.T) {
	for _, said := range []string{
		`notify: "dba@localhost" is not an e-mail address`,
		"exposure orders-prod-acme-1a2b3c4d: dba@example.com: it has not confirmed the e-mail from AWS yet",
		"look up orders-prod.c0ffee.eu-central-1.rds.amazonaws.com: no such host",
		"arn:aws:rds:eu-central-1:111122223333:db:orders-prod is a snapshot",
		"https://eu-central-1.console.aws.amazon.com/rds/home?region=eu-central-1#database:id=orders-prod",
		"FATAL: password authentication failed for user \"rdslink-probe\"",
		"resolve x: 10.0.1.5:5432: connection refused",
	} {
		if got := Discreet(said); got != said {
			t.Errorf("%q became %q", said, got)
		}
	}
}
