package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/registry"
)

var seen = inspect.Report{
	Exposure: "orders-acme-00000000",
	Hops: []inspect.Hop{
		{Name: inspect.Principals, State: inspect.Passes, Detail: "arn:aws:iam::222233334444:root"},
		{Name: inspect.DatabaseGroups, State: inspect.Broken, Detail: "sg-db admits nothing to port 5432 from <10.0.2.10>", Remedy: "start again"},
		{Name: inspect.Proof, State: inspect.Unknown, Detail: "not proven yet"},
	},
	Drift: []inspect.Finding{{Key: "acceptance", Detail: "vpce-svc-1 requires no acceptance", Remedy: "start again"}},
}

func TestAnExposureIsShownForPeopleAndForPrograms(t *testing.T) {
	exposure := registry.Exposure{ID: "orders-acme-00000000", DatabaseARN: "arn:db:orders", Consumer: "acme"}
	var text, programs strings.Builder
	if err := (&tool{out: &text, output: asText}).printShown(exposure, seen); err != nil {
		t.Fatal(err)
	}
	const want = `orders-acme-00000000: arn:db:orders for acme

✓ principals         arn:aws:iam::222233334444:root
✗ database's groups  sg-db admits nothing to port 5432 from <10.0.2.10>
                     → start again
? proof              not proven yet

Not as the steps left it, and cutting nobody off yet:
• vpce-svc-1 requires no acceptance
  → start again
`
	if text.String() != want {
		t.Errorf("it prints\n%s\nwant\n%s", text.String(), want)
	}
	if err := (&tool{out: &programs, output: asJSON}).printShown(exposure, seen); err != nil {
		t.Fatal(err)
	}
	var back inspect.Report
	if err := json.Unmarshal([]byte(programs.String()), &back); err != nil || len(back.Hops) != 3 || back.Hops[1] != seen.Hops[1] ||
		back.Drift[0] != seen.Drift[0] || !strings.Contains(programs.String(), "<10.0.2.10>") {
		t.Errorf("%v\n%s", err, programs.String())
	}
}
