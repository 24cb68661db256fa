package main

import (
	"testing"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/belongings/belongingstest"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/steptest"
)

func TestRun(t *testing.T) {
	none := Output{Left: []belongings.Left{}}
	whole := []string{"delete flow logs [fl-1 fl-2]", "deletion_protection.enabled=false", "delete listener-1", "delete balancer-1", "delete targets-1"}
	steptest.Step[*belongingstest.Cloud, Input, Output]{
		Cloud: belongingstest.Whole,
		In:    func() Input { return Input{Exposure: belongingstest.Exposure} },
		Run: func(c *belongingstest.Cloud) step.Run[Input, Output] {
			return deleteTheLoadBalancer{c.Found(), c, c}.run
		},
		Output: func(*belongingstest.Cloud, Input) Output { return none },
	}.Play(t, map[string]steptest.Row[*belongingstest.Cloud, Input, Output]{
		"everything goes, protected or not": {Want: whole},
		"of a half-made one, what there is": {
			Drift: func(c *belongingstest.Cloud) { c.Balancer, c.Listeners, c.FlowLogs = nil, nil, nil }, Want: whole[4:],
		},
		"one in front of a service is waited for": {
			Drift: func(c *belongingstest.Cloud) { c.BalancerInUse = true }, Want: whole[:3], Err: "NotReady",
		},
		"what has the name and not the tags stays": {
			Drift: func(c *belongingstest.Cloud) {
				c.FlowLogs, c.Balancer, c.TargetGroup = nil, map[string]string{}, map[string]string{}
			},
			Output: &Output{Left: []belongings.Left{stranger(belongings.LoadBalancer, "balancer-1"), stranger(belongings.TargetGroup, "targets-1")}},
		},
	})
}
