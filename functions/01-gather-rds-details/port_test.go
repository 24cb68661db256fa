package main

import (
	"cmp"
	"slices"
	"testing"

	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

// What a consumer has configured stays, unless the input names another.
func TestThePortThatAConsumerHasStays(t *testing.T) {
	const listener = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/net/orders/1/2"
	for name, row := range map[string]struct {
		given  string
		made   registry.Made
		denied string
		want   int
		err    string
	}{
		"new":                                 {want: 5433},
		"new, with a port of its own":         {given: "6432", want: 6432},
		"recorded":                            {made: registry.Made{ListenerPort: 5432}, want: 5432},
		"recorded, and another is given":      {given: "6432", made: registry.Made{ListenerPort: 5432}, want: 6432},
		"an earlier version's":                {made: registry.Made{ListenerARN: listener}, want: 5432},
		"an earlier version's that is gone":   {made: registry.Made{ListenerARN: listener + "0"}, want: 5433},
		"an earlier version's, and not shown": {made: registry.Made{ListenerARN: listener}, denied: "DescribeListeners", err: "Failed"},
		"one that another port is given for":  {given: "6432", made: registry.Made{ListenerARN: listener}, denied: "DescribeListeners", want: 6432},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			*f.instances[0].Endpoint.Port = 5433 // it was 5432 when all began
			f.made, f.listeners, f.denied = row.made, map[string]int32{listener: 5432}, row.denied
			input := `{"database": "orders-prod", "vendor": "pushmetrics"}`
			if row.given != "" {
				input = `{"database": "orders-prod", "vendor": "pushmetrics", "listenerPort": ` + row.given + `}`
			}
			plan, err := f.step().run(t.Context(), Input{Execution: ourExecution, Input: []byte(input)})
			if outcome.Name(err) != row.err || err == nil && (plan.ListenerPort != row.want || plan.Port != 5433) {
				t.Errorf("listener %d, database %d, error %v; want %d, 5433, %q", plan.ListenerPort, plan.Port, err, row.want, row.err)
			}
		})
	}
}

// What a plan is made from changes; what consumers use does not, unless the input says so.
func TestWhatAnExposureHasIsGivenUpOnlyWhenTheInputSaysSo(t *testing.T) {
	made := registry.Made{ListenerPort: 5432, SupportedRegions: []string{"eu-west-1", "us-east-1"}}
	for name, row := range map[string]struct {
		vendor  string
		input   string
		change  func(*fakeAWS)
		port    int
		regions []string
	}{
		"the same input":              {port: 5432, regions: made.SupportedRegions},
		"fewer regions":               {input: `, "supportedRegions": ["us-east-1"]`, port: 5432, regions: []string{"us-east-1"}},
		"no regions, and it says so":  {input: `, "supportedRegions": []`, port: 5432, regions: []string{}},
		"another port":                {input: `, "listenerPort": 6432`, port: 6432, regions: made.SupportedRegions},
		"the database's port":         {change: func(f *fakeAWS) { *f.instances[0].Endpoint.Port = 5433 }, port: 5432, regions: made.SupportedRegions},
		"other groups":                {change: func(f *fakeAWS) { f.groups[0].Tags = owned.EC2Tags(map[string]string{"a": "b"}) }, port: 5432, regions: made.SupportedRegions},
		"a smaller subnet group":      {change: with(func(d *rdstypes.DBInstance) { d.DBSubnetGroup.Subnets = d.DBSubnetGroup.Subnets[:1] }), port: 5432, regions: made.SupportedRegions},
		"addresses, and no resolver":  {input: `, "ingress": "addresses", "resolver": "none"`, port: 5432, regions: made.SupportedRegions},
		"another way to be accepted":  {input: `, "acceptance": {"mode": "manual", "maxConnections": 2}`, port: 5432, regions: made.SupportedRegions},
		"other people to be notified": {input: `, "notify": ["dba@example.com"]`, port: 5432, regions: made.SupportedRegions},
		"a region of the vendor's":    {vendor: "databricks", input: `, "vendorRegion": "eu-central-2"`, port: 5432, regions: []string{"eu-central-2", "eu-west-1", "us-east-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.made = made
			if row.change != nil {
				row.change(f)
			}
			plan, err := f.step().run(t.Context(), Input{Execution: ourExecution, Input: []byte(of(cmp.Or(row.vendor, "pushmetrics"), row.input))})
			if err != nil {
				t.Fatal(err)
			}
			if plan.ListenerPort != row.port || !slices.Equal(plan.SupportedRegions, row.regions) || plan.SupportedRegions == nil {
				t.Errorf("port %d, regions %v; want %d, %v", plan.ListenerPort, plan.SupportedRegions, row.port, row.regions)
			}
		})
	}
}
