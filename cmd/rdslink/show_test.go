package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/operator"
)

func at(text string) time.Time {
	t, err := time.Parse(time.DateTime, text)
	if err != nil {
		panic(err)
	}
	return t
}

// listing has three exposures, of which one is broken.
var listing = operator.Listing{
	MonthlyUSD: 49.59,
	Exposures: []operator.Overview{
		{
			Exposure: "billing-acme-0f2f7a31", DatabaseIdentifier: "billing", DatabaseARN: "arn:aws:rds:eu-central-1:111122223333:db:billing",
			Consumer: "acme", State: operator.CutOff, Why: "not served: database's groups: sg-0f3c admits nothing to port 3306 from the load balancer's 10.0.2.10 in eu-central-1b (subnet-b)",
			Since: at("2026-11-02 08:30:00"), LastGoodLook: at("2026-11-29 08:40:02"), MonthlyUSD: 16.58, ChangedByHand: []string{"acceptance"},
			Connections: []operator.Connected{{Account: "222233334444", VPCEndpointID: "vpce-0a1b2c3d4e5f60718", State: "available", Since: at("2026-11-02 09:02:11"), Expected: true}},
			Execution:   "arn:aws:states:eu-central-1:111122223333:execution:rdslink-setup:5c1e", Status: "SUCCEEDED",
		},
		{
			Exposure: "orders-prod-pushmetrics-17ac466a", DatabaseIdentifier: "orders-prod", DatabaseARN: "arn:aws:rds:eu-central-1:111122223333:db:orders-prod",
			Consumer: "pushmetrics", Vendor: "pushmetrics", State: operator.Live,
			Since: at("2026-11-01 10:12:13"), LastGoodLook: at("2026-11-29 08:58:12"), MonthlyUSD: 16.58,
			Connections: []operator.Connected{{Account: "133737826969", VPCEndpointID: "vpce-68156e378c5b5869c", State: "available", Since: at("2026-11-01 11:00:00"), Expected: true}},
		},
		{
			Exposure: "reports-globex-4d5e6f7a", DatabaseIdentifier: "reports", DatabaseARN: "arn:aws:rds:eu-central-1:111122223333:cluster:reports",
			Consumer: "globex", Vendor: "fivetran", State: operator.Waiting, Why: "for the consumer to ask", Since: at("2026-11-29 08:55:40"), MonthlyUSD: 16.43,
			Connections: []operator.Connected{{Account: "999999999999", VPCEndpointID: "vpce-9", State: "pendingAcceptance", Since: at("2026-11-29 08:57:00")}},
		},
	},
}

func value(v float64) *float64 { return &v }

// minutes are an hour of which something was measured from the 34th minute to the 40th.
func minutes(values ...float64) []*float64 {
	all := make([]*float64, 60)
	for i := range values {
		all[33+i] = &values[i]
	}
	return all
}

// shown is the one of them that is broken.
var shown = operator.Shown{
	Overview: listing.Exposures[0], Accounts: []string{"222233334444"}, ServiceName: "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0", Port: 3306,
	RequestedBy: "arn:aws:sts::111122223333:assumed-role/Operators/olga", RequestedAt: at("2026-11-20 14:00:00"),
	Decisions: []operator.Decided{{VPCEndpointID: "vpce-0a1b2c3d4e5f60718", Decision: "accept", By: "anton", Reason: "told us by phone", At: at("2026-11-02 09:01:00")}},
	LastHour: &operator.Traffic{From: at("2026-11-29 07:59:00"), Figures: []operator.Figure{
		{Name: "connections", Metrics: []string{"ActiveFlowCount"}, Unit: "count", Of: operator.Most, Value: value(4), Minutes: minutes(0, 0, 2, 4, 4, 3, 1)},
		{Name: "new flows", Metrics: []string{"NewFlowCount"}, Unit: "count", Of: operator.Sum, Value: value(12), Minutes: minutes(3, 0, 4, 4, 1, 0, 0)},
		{Name: "bytes", Metrics: []string{"ProcessedBytes"}, Unit: "bytes", Of: operator.Sum, Value: value(1234567), Minutes: minutes(100, 0, 500000, 734000, 467, 0, 0)},
		{Name: "resets", Metrics: []string{"TCP_Client_Reset_Count", "TCP_Target_Reset_Count", "TCP_ELB_Reset_Count"}, Unit: "count", Of: operator.Sum, Value: value(3),
			Minutes: minutes(0, 0, 0, 0, 0, 2, 1)},
		{Name: "rejected flows", Metrics: []string{"RejectedFlowCount"}, Unit: "count", Of: operator.Sum, Value: value(0), Minutes: minutes(0, 0, 0, 0, 0, 0, 0)},
		{Name: "healthy targets", Metrics: []string{"HealthyHostCount"}, Unit: "count", Of: operator.Latest, Value: value(0), Minutes: minutes(1, 1, 1, 1, 1, 0, 0)},
	}},
	Report: inspect.Report{
		Exposure: "billing-acme-0f2f7a31",
		Hops: []inspect.Hop{
			{Name: inspect.Principals, State: inspect.Passes, Detail: "arn:aws:iam::222233334444:root"},
			{Name: inspect.DatabaseGroups, State: inspect.Broken, Detail: "sg-0f3c admits nothing to port 3306 from the load balancer's 10.0.2.10 in eu-central-1b (subnet-b)",
				Remedy: "start again with the same input"},
			{Name: inspect.Proof, State: inspect.Unknown, Detail: "not proven now: a hop above is broken"},
		},
		Drift: []inspect.Finding{{Key: "acceptance", Detail: "endpoint service vpce-svc-0123456789abcdef0 requires no acceptance", Remedy: "start again with the same input"}},
	},
}

// The page shows what the commands print, of hops only some.
func TestWhatIsPrintedIsDocumented(t *testing.T) {
	var list, show bytes.Buffer
	printListing(&list, listing)
	printShown(&show, shown)
	golden.ComparePage(t, "watching.md", "list", "```\n"+list.String()+"```\n")
	var tagged bytes.Buffer
	printTagged(&tagged, []operator.Tagged{
		{Tagged: belongings.Tagged{Exposure: "billing-acme-0f2f7a31", DatabaseARN: "arn:aws:rds:eu-central-1:111122223333:db:billing", Things: make([]belongings.Thing, 8)}, Recorded: true},
		{Tagged: belongings.Tagged{Exposure: "orders-prod-pushmetrics-17ac466a", DatabaseARN: "arn:aws:rds:eu-central-1:111122223333:db:orders-prod", Things: make([]belongings.Thing, 7)}},
		{Tagged: belongings.Tagged{Exposure: "reports-globex-4d5e6f7a", Things: make([]belongings.Thing, 3)}},
	})
	golden.ComparePage(t, "watching.md", "tagged", "```\n"+tagged.String()+"```\n")
	golden.ComparePage(t, "watching.md", "show", "```\n"+show.String()+"```\n")
}

func TestNoExposureIsSaid(t *testing.T) {
	var out bytes.Buffer
	printListing(&out, operator.Listing{})
	if out.String() != "there are no exposures\n" {
		t.Errorf("%q", out.String())
	}
}

// Items of earlier versions and unreadable ones have gaps, and lines all the same.
func TestWhatIsNotRecordedIsPrintedAsSuch(t *testing.T) {
	var list, show bytes.Buffer
	printListing(&list, operator.Listing{Exposures: []operator.Overview{{Exposure: "odd", State: operator.Unreadable, Why: "decode exposure: it names no database"}}})
	if text := list.String(); !strings.Contains(text, "odd       -         -    unreadable  -      -               $0.00    -\n  unreadable: decode exposure") {
		t.Error(text)
	}
	printShown(&show, operator.Shown{Overview: operator.Overview{Exposure: "old", State: operator.Live}})
	for _, want := range []string{"old is live\n", "since      not recorded: an earlier version made it\n", "asked      by somebody whom the input does not name\n", "connected  nobody\n"} {
		if !strings.Contains(show.String(), want) {
			t.Errorf("%q is missing in\n%s", want, show.String())
		}
	}
}

// Programs read all of it: the overview, the hops, and nothing that Go knows only.
func TestProgramsReadTheSame(t *testing.T) {
	for name, row := range map[string]struct {
		print func(*tool) error
		want  map[string]string
	}{
		"list": {func(t *tool) error { return t.print(listing, nil) }, map[string]string{"exposures.0.state": "cut-off", "exposures.0.connections.0.account": "222233334444",
			"exposures.1.lastGoodLook": "2026-11-29T08:58:12Z", "exposures.2.connections.0.expected": "false", "monthlyUsd": "49.59"}},
		"show": {func(t *tool) error {
			s := shown
			s.Hops, s.Drift = s.Report.Hops, s.Report.Drift
			return t.print(s, nil)
		}, map[string]string{
			"exposure": "billing-acme-0f2f7a31", "hops.1.state": "broken", "drift.0.key": "acceptance", "decisions.0.by": "anton", "lastHour.figures.2.value": "1.234567e+06",
			"lastHour.figures.0.minutes.36": "4", "lastHour.figures.0.minutes.0": "<nil>", "lastHour.from": "2026-11-29T07:59:00Z", "requestedBy": shown.RequestedBy}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := row.print(&tool{out: &out, output: asJSON}); err != nil {
				t.Fatal(err)
			}
			for path, want := range row.want {
				if got := lookUp(t, out.Bytes(), path); got != want {
					t.Errorf("%s is %s, want %s, in\n%s", path, got, want, out.String())
				}
			}
		})
	}
}

// lookUp is the value at a path of names and numbers.
func lookUp(t *testing.T, text []byte, path string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
				t.Fatalf("%s: no %s", path, step)
			}
			value = v[i]
		}
	}
	return fmt.Sprint(value)
}
