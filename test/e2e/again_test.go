package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/targets"
	"github.com/rdslink/rdslink/test/stage"
)

func TestASecondExecutionAndASteadyTickChangeNothing(t *testing.T) {
	s := begin(t)
	database := s.database("orders-again", multiAZ)
	execution := s.exposes(database)
	handoff := s.handoff(database)
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	first := execution.succeeds()
	ours := append(first.names(), database.Identifier, database.VPC.ID)

	before := s.callsUntilNow()
	second := s.exposes(database).succeeds()
	if second.text != first.text {
		s.Errorf("the second execution results in\n%s\nand not\n%s", second.text, first.text)
	}
	for _, c := range s.calls(before, func(c call) bool { return c.changes() && c.about(ours...) }) {
		if slices.Contains([]string{"ec2", "elasticloadbalancing", "rds", "lambda", "scheduler"}, c.Service) {
			s.Errorf("the second execution changes something: %s", c)
		}
	}

	// A tick that meets a busy machine may find the database slow and look closer. Three in a row are steady.
	before = s.callsUntilNow()
	tick := func(c call) bool { return c.Session == "rdslink-ip-sync" && c.about(ours...) }
	s.await("three steady ticks of the sync in a row", func() bool {
		var ticks []string // traces, in order
		made := map[string][]string{}
		for _, c := range s.calls(before, tick) {
			if made[c.Trace] == nil {
				ticks = append(ticks, c.Trace)
			}
			made[c.Trace] = append(made[c.Trace], c.Action)
		}
		inARow := 0
		for _, trace := range ticks {
			if inARow++; len(made[trace]) != 2 || !slices.Contains(made[trace], "DescribeTargetHealth") || !slices.Contains(made[trace], "Invoke") {
				inARow = 0
			}
			if inARow == 3 {
				return true
			}
		}
		return false
	})
	s.await("a sign of life that a tick has left", func() bool {
		life := s.exposuresIn(database.VPC)[0].Life
		return life.State == string(targets.Settled) && life.Bad.IsZero() && life.Ticked.Equal(life.Good) && life.Proven.Equal(life.Good)
	})
}

func TestARedrivenExecutionGoesOnWhereItFailed(t *testing.T) {
	s := begin(t)
	database := s.database("orders-redriven", singleAZ)
	s.check(cloud.Disturb(s.ctx, stage.Fault{
		Action: "CreateLoadBalancer", Resource: database.VPC.SubnetIDs()[0], Kind: "deny", Count: 2, // who is denied looks again, once
	}))
	execution := s.exposes(database)
	execution.fails("Failed", "elasticloadbalancing:CreateLoadBalancer", "service control policies")

	before := s.callsUntilNow()
	execution.redrive()
	handoff := s.handoff(database)
	execution.waits()
	endpoint := s.connects(s.vpc(stage.PushMetrics), handoff)
	s.decides(bus.Accept, endpoint)
	execution.succeeds()

	name := execution.arn[strings.LastIndex(execution.arn, ":")+1:]
	for function, again := range map[string]bool{"gather-rds-details": false, "create-target-group": false, "create-load-balancer": true} {
		runs := s.calls(before, func(c call) bool { return c.Session == name && c.Action == "Invoke" && c.about("rdslink-"+function) })
		if again != (len(runs) > 0) {
			s.Errorf("after the redrive %s ran %d times", function, len(runs))
		}
	}
}
