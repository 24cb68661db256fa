package deployment

import (
	"path"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, refused := range map[string]string{
		"":                  "",
		"finance":           "",
		"team-2":            "",
		"a234567890123456":  "",
		"a2345678901234567": "at most 16",
		"2team":             "starts with a letter",
		"-team":             "starts with a letter",
		"Finance":           "lower-case",
		"team_2":            "lower-case",
		"team 2":            "lower-case",
		"team\n":            "lower-case",
		"téam":              "lower-case",
		"true":              "choose another",
	} {
		got, err := Parse(text)
		switch {
		case refused == "" && (err != nil || string(got) != text):
			t.Errorf("Parse(%q) = %q, %v", text, got, err)
		case refused != "" && (err == nil || !strings.Contains(err.Error(), refused)):
			t.Errorf("Parse(%q) = %q, %v, want a refusal that says %q", text, got, err, refused)
		}
	}
}

// The longest of each kind, as steps and stack make them.
const (
	longest   = Name("a234567890123456")
	vpc       = "vpc-0123456789abcdef0"
	function  = "update-the-rds-security-group"
	statement = "OnlyTheObserverReports"
)

// Limits as Lambda's, EventBridge's, Scheduler's, Step Functions' and CloudFormation's API references have them.
func TestNamesAreShortEnough(t *testing.T) {
	for what, row := range map[string]struct {
		name  string
		limit int
	}{
		"function":         {longest.Function(function), 64},
		"resolver":         {longest.Resolver(vpc), 64},
		"state machine":    {longest.StateMachine(), 80},
		"bus":              {longest.Bus(), 256},
		"schedule group":   {longest.ScheduleGroup(), 64},
		"stack":            {longest.Stack(), 128},
		"statement":        {longest.Statement(statement), 64},
		"metric namespace": {longest.Metrics(), 255},
	} {
		if len(row.name) > row.limit {
			t.Errorf("%s: %s has %d characters, AWS takes %d", what, row.name, len(row.name), row.limit)
		}
	}
}

// Schedules, resolvers, scripts and people refer to these names: they never change.
func TestWithoutANameEverythingIsCalledAsItWas(t *testing.T) {
	for got, want := range map[string]string{
		Unnamed.Stack():                "rdslink",
		Unnamed.StateMachine():         "rdslink-setup",
		Unnamed.Bus():                  "rdslink",
		Unnamed.ScheduleGroup():        "rdslink",
		Unnamed.Metrics():              "rdslink",
		Unnamed.Function("ip-sync"):    "rdslink-ip-sync",
		Unnamed.Resolver(vpc):          "rdslink-resolver-" + vpc,
		Unnamed.Of("orders-acme-1"):    "rdslink-orders-acme-1",
		Unnamed.Statement("OnlyThis"):  "OnlyThis",
		Unnamed.Managed():              "true",
		Name("finance").Function("a"):  "rdslink_finance_a",
		Name("finance").Stack():        "rdslink-finance",
		Name("finance").Statement("X"): "X-finance",
		Name("finance").Managed():      "finance",
	} {
		if got != want {
			t.Errorf("%s should be %s", got, want)
		}
	}
}

// Names that begin like each other, and like parts of names: neither what one deployment makes nor a pattern of its policies
// is another's.
func TestNoDeploymentMeansWhatIsAnothers(t *testing.T) {
	all := []Name{Unnamed, "install", "a", "a-install", "a-resolver", "resolver", "resolver-vpc", "setup", "observer"}
	made := func(n Name) []string {
		return []string{
			n.Function("ip-sync"), n.Function("install-ip-sync"), n.Function("observer"), n.Function("resolve-private-ip"), n.Resolver(vpc),
			n.StateMachine(), n.Of("orders-acme-00000000"), n.Of("operator-eu-central-1"), "bus " + n.Bus(), "statement " + n.Statement(statement),
		}
	}
	for _, one := range all {
		patterns := append(made(one), one.Resolver("*"), one.Function("*"))
		for _, other := range all {
			if one == other {
				continue
			}
			for _, pattern := range patterns {
				for _, name := range made(other) {
					if fits, err := path.Match(pattern, name); err != nil || fits {
						t.Errorf("%s of %q fits %s of %q (%v)", pattern, one, name, other, err)
					}
				}
			}
			if Manager(other.Managed()) != other.Stack() {
				t.Errorf("%q is the tag of %q, and not of %q", other.Managed(), Manager(other.Managed()), other.Stack())
			}
			if one.Managed() == other.Managed() {
				t.Errorf("%q and %q put the same tag", one, other)
			}
		}
	}
}

func TestEverythingDerivesFromPatience(t *testing.T) {
	for text, want := range map[string][3]time.Duration{
		"":    {5 * time.Minute, time.Minute, 4 * time.Minute},
		"5s":  {5 * time.Second, time.Second, 4 * time.Second},
		"10m": {10 * time.Minute, 2 * time.Minute, 8 * time.Minute},
	} {
		t.Setenv(Patient, text)
		if got := [3]time.Duration{Patience(), Tick(), LookPeriod()}; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"5", "soon", "0s", "-5m", "4s", "1m", "4m59s", "1h0m1s"} {
		if p, err := ParsePatience(text); err == nil {
			t.Errorf("patience %q is taken for %v", text, p)
		}
	}
}
