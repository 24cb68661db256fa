package main

import (
	"strings"
	"testing"
	"time"

	"github.com/rdslink/rdslink/test/stage"
)

// measured is a bench that has measured two functions, one of them over a limit.
func measured() *bench {
	tick := []call{
		{Session: "bench-rdslink-ip-sync", Action: "Invoke", Resources: []string{"rdslink-resolver-vpc-1"}, Millis: 8},
		{Session: "bench-rdslink-ip-sync", Action: "DescribeTargetHealth", Millis: 1},
	}
	b := &bench{
		database: stage.Database{VPC: stage.VPC{ID: "vpc-1"}},
		functions: []*function{
			{folder: "01-look", zip: 6.5, starts: durations{5 * time.Millisecond}},
			{folder: "ip-sync", zip: 4, starts: durations{4 * time.Millisecond}},
		},
		sample: sample{starts: durations{400 * time.Millisecond}},
		first:  execution{name: "e-1", calls: calls{{Session: "e-1", Action: "Invoke", Resources: []string{"rdslink-look"}}, {Session: "rdslink-look", Action: "DescribeVpcs"}}},
		ours:   ticking{session: "bench-rdslink-ip-sync", took: durations{10 * time.Millisecond}},
		theirs: ticking{took: durations{5 * time.Millisecond}},
	}
	for range again {
		b.later = append(b.later, execution{name: "e-2", calls: calls{{Session: "e-2", Action: "Invoke", Resources: []string{"rdslink-look"}, Millis: 3}}})
	}
	for range ticks {
		b.ours.calls = append(b.ours.calls, tick...)
	}
	return b
}

func TestPrint(t *testing.T) {
	var out strings.Builder
	measured().print(&out)
	text := strings.Join(strings.Fields(out.String()), " ")
	for what, want := range map[string]string{
		"a function over a limit":   "✗ 01-look 6.50 5.0 5.0",
		"a function within limits":  "✓ ip-sync 4.00 4.0 4.0",
		"a step":                    "01-look 1 1 0 3.0",
		"a ratio":                   "start, ms 4.0 400.0 1 : 100",
		"a tick that takes longer":  "a tick, ms 10.0 5.0 2.0 : 1",
		"the calls of a tick":       "ip-sync calls DescribeTargetHealth, Invoke;",
		"what the resolver's is":    "8.0 ms of a tick of ip-sync are the resolver's",
		"a sum without the watcher": "all ten 1 0",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q is not in\n%s", what, want, out.String())
		}
	}
}
