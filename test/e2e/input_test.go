package e2e

import (
	"strings"
	"testing"

	"github.com/rdslink/rdslink/test/stage"
)

func TestBadInputFailsInStepOneAndSaysWhatIsWrong(t *testing.T) {
	s := begin(t)
	s.starts(`{"vendor": "pushmetrics"}`).fails("BadInput", "database is missing")
	ledger := "arn:aws:rds:" + stage.Region + ":" + stage.Customer + ":db:ledger"
	s.check(cloud.Disturb(s.ctx, stage.Fault{Action: "Change", Resource: ledger, Kind: "delay", Delay: "1h"}))
	_, err := cloud.CreateDatabase(s.ctx, s.vpc(stage.Customer), "ledger", singleAZ)
	s.check(err)
	for _, row := range []struct {
		name  string
		input string
		says  []string
	}{
		{"a database that is creating", `{"database": "ledger", "vendor": "pushmetrics"}`, []string{"ledger", "creating", "wait until it is available"}},
		{"an unknown database", `{"database": "ledgre", "vendor": "pushmetrics"}`, []string{"database", `"ledgre"`, "did you mean ledger?"}},
		{"a misspelt field", `{"database": "ledger", "vender": "pushmetrics"}`, []string{`"vender"`, `did you mean "vendor"?`}},
		{"an unknown vendor", `{"database": "ledger", "vendor": "pushmetric"}`, []string{`vendor "pushmetric"`, "did you mean pushmetrics?"}},
		{"everybody", `{"database": "ledger", "name": "all", "principals": ["*"]}`, []string{`principals: "*"`, "every AWS account"}},
		{"a malformed principal", `{"database": "ledger", "name": "acme", "principals": ["12345"]}`, []string{`principals: "12345"`, "12-digit account id"}},
		{"principals without a name", `{"database": "ledger", "principals": ["123456789012"]}`, []string{"name is missing"}},
		{"a port out of range", `{"database": "ledger", "vendor": "pushmetrics", "listenerPort": 70000}`, []string{"listenerPort", "65535"}},
		{"an input that is no object", `["ledger"]`, []string{"must be an object"}},
	} {
		s.Run(row.name, func(t *testing.T) {
			s := story{t, s.ctx, s.operator}
			p := s.starts(row.input).fails("BadInput", row.says...)
			if len(p.Steps) != 1 {
				t.Errorf("it came to %s", p.Steps[len(p.Steps)-1].Name)
			}
		})
	}
	// Step 1 writes its claim, and only when it succeeds.
	for _, c := range s.calls(0, func(c call) bool { return c.Session == "rdslink-gather-rds-details" && c.changes() }) {
		if c.Service != "dynamodb" || strings.Contains(c.String(), "ledger") {
			s.Errorf("step 1 changes something: %s", c)
		}
	}
}
