package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

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
			s := s
			s.T = t
			p := s.starts(row.input).fails("BadInput", row.says...)
			if len(p.Steps) != 1 {
				t.Errorf("it came to %s", p.Steps[len(p.Steps)-1].Name)
			}
		})
	}
	// Step 1 writes its claim, and ends the execution whose place it takes, and only when it succeeds.
	for _, c := range s.calls(0, func(c call) bool { return c.Session == "rdslink-gather-rds-details" && c.changes() }) {
		if c.Service != "dynamodb" && c.Action != "StopExecution" || strings.Contains(c.String(), "ledger") {
			s.Errorf("step 1 changes something: %s", c)
		}
	}
}

// What a VPC lacks shows before anything is made in it.
func TestAVPCThatCannotServeIsRefused(t *testing.T) {
	s := begin(t)
	shared, err := cloud.Share(s.ctx, s.vpc(stage.PushMetrics), stage.Customer)
	s.check(err)
	mute := s.vpc(stage.Customer)
	_, err = s.network().ModifyVpcAttribute(s.ctx, &ec2.ModifyVpcAttributeInput{VpcId: &mute.ID, EnableDnsSupport: &ec2types.AttributeBooleanValue{Value: aws.Bool(false)}})
	s.check(err)
	for _, row := range []struct {
		name string
		vpc  stage.VPC
		says []string
	}{
		{"shared", shared, []string{"is shared by account " + stage.PushMetrics, "restore the database into a VPC of account " + stage.Customer}},
		{"mute", mute, []string{mute.ID + " of database mute has no DNS support", "enableDnsSupport"}},
	} {
		_, err := cloud.NewMySQL(s.ctx, row.vpc, row.name)
		s.check(err)
		p := s.starts(`{"database": "`+row.name+`", "vendor": "pushmetrics"}`).fails("BadInput", row.says...)
		if len(p.Steps) != 1 {
			t.Errorf("%s: it came to %s", row.name, p.Steps[len(p.Steps)-1].Name)
		}
	}
}
