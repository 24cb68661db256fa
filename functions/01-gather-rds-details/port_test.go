package main

import (
	"testing"

	"github.com/rdslink/rdslink/internal/outcome"
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
