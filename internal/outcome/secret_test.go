package outcome

import (
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

func TestNoMessageRepeatsAPassword(t *testing.T) {
	const secret = "s3cr3t"
	for _, typed := range pasted(secret) {
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

// pasted are texts with a password in them that people have at hand.
func pasted(secret string) []string {
	return []string{
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
		"host=orders-prod password='" + secret + " and more'",
		"Pwd={" + secret + ";}" + ";Server=host",
		"jdbc:sqlserver://host;password={" + secret + ";x};encrypt=true",
		"password=a,b&c" + "\nPGPASSWORD=" + secret + ",1",
		"mysql -h host --password " + secret,
		"aws_secret_access_key = " + secret,
		"https://orders-prod.c0ffee.rds.amazonaws.com:5432/?Action=connect&DBUser=me&X-Amz-Signature=" + secret,
		"(DESCRIPTION=(ADDRESS=(HOST=h))(SECURITY=(PASSWORD=" + secret + ")))",
		"eyJhbGciOiJIUzI1NiJ9." + secret + "." + secret,
		"-----BEGIN RSA PRIVATE KEY-----\n" + secret + "\n-----END RSA PRIVATE KEY-----",
	}
}

// A value that a person typed is repeated with more care: the text of a message around it says what it is.
func TestWhatWasTypedIsRepeatedUpToWhereAPasswordCouldBegin(t *testing.T) {
	const secret = "s3cr3t"
	for _, typed := range append(pasted(secret),
		"orders/"+secret+"@host:1521/ORCL", "orders:"+secret+"@host", "host:5432:orders:me:"+secret, "mysql -h host -p"+secret, "postgres://u:"+secret,
		"postgres://u:"+strings.Repeat("x", longestTyped)+secret+"@host/db", `["postgres://u:`+secret+`@h"]`, "sqlcmd -S host -U sa -P "+secret,
		"postgres://me:a "+secret+"@host", "me/a@"+secret+"@host", "arn:aws:rds:eu-central-1:111122223333:db:x?password="+secret, "arn:me:"+secret+"@host",
		"arn:aws:iam::444455556666:role/db:5432:orders:me:"+secret, "arn:aws:iam::444455556666:role/me/"+secret+"@db",
	) {
		if said := Typed(typed); strings.Contains(said, secret) {
			t.Errorf("%s is repeated as %s", typed, said)
		}
	}
	for _, typed := range []string{
		"orders prod!", "Acme Inc", "eu-central-1a", "4444-5555-6666", "dba@localhost", "DBA <dba@example.com>", "arn:aws:iam::444455556666:role/loader@x",
		`["pushmetrics"]`, "orders-prod:5432", "jürgen@example.com", "*", "[444455556666]", "arn:aws-us-gov:iam::444455556666:root",
	} {
		if said := Typed(typed); said != typed {
			t.Errorf("%q is repeated as %q", typed, said)
		}
	}
	const session = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_AdministratorAccess_0123456789abcdef/alice@example.com"
	if said := Harmless(session); said != session {
		t.Errorf("a session is kept as %q", said)
	}
	if said := Typed(strings.Repeat("ü", longestTyped)); len(said) > longestTyped+3 || !strings.HasSuffix(said, "ü...") {
		t.Errorf("a long text is repeated as %q", said)
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
