package main

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/belongings/belongingstest"
	"github.com/rdslink/rdslink/internal/hostedzone/hostedzonetest"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/steptest"
)

type cloud struct {
	*belongingstest.Cloud
	hostedzonetest.Zones
	marked bool
}

// named gives the service a private DNS name, and the domain its record.
func named(c *cloud) {
	c.Public("Z1", "example.com")
	c.Zones.Zones[0].Texts["_abc.example.com"] = []string{"vpce:abc"}
	c.Recorded.PrivateName = &registry.PrivateName{Name: "db.example.com", ZoneID: "Z1", Record: "_abc.example.com", Value: "vpce:abc"}
}

func (c *cloud) Remove(context.Context, string, string) error {
	if !c.marked {
		c.Mutate("mark")
	}
	c.marked = true
	return c.Lost
}

func TestRun(t *testing.T) {
	whole := []string{"mark", "delete schedule rdslink/" + belongingstest.Exposure, "remove principals [arn:aws:iam::1:root]", "reject [vpce-1]",
		"delete notifications [vpce-nfn-1]", "delete services [vpce-svc-1]"}
	steptest.Step[*cloud, Input, Output]{
		Cloud: func() *cloud { return &cloud{Cloud: belongingstest.Whole()} },
		In:    func() Input { return Input{Exposure: belongingstest.Exposure} },
		Run:   func(c *cloud) step.Run[Input, Output] { return takeTheAccessAway{c.Found(), c, c, c, c}.run },
		Settle: func(c *cloud) {
			if c.Service == types.ServiceStateDeleting {
				c.Service = types.ServiceStateDeleted
			}
		},
		Output: func(*cloud, Input) Output { return Output{Left: []belongings.Left{}} },
	}.Play(t, map[string]steptest.Row[*cloud, Input, Output]{
		"everything goes, and a consumer cannot come back": {Want: whole, Err: "NotReady", Says: "is being deleted"},
		"of a half-made one, what there is": {
			Drift: func(c *cloud) { *c = cloud{Cloud: &belongingstest.Cloud{}} }, Want: whole[:1],
		},
		"a connection that stays is waited for": {
			Drift: func(c *cloud) { c.Stubborn = true }, Want: whole[:4], Err: "NotReady", Says: "vpce-1",
		},
		"a service that is being deleted is only waited for": {
			Drift: func(c *cloud) { c.Service = "deleting" }, Want: whole[:2], Err: "NotReady",
		},
		"who lost the claim takes nothing away": {
			Drift: func(c *cloud) { c.Lost = outcome.Conflict("claim lost") }, Want: whole[:1], Err: "Conflict",
		},
	})
}

// What somebody has made of the record is theirs, and people are told.
func TestARecordThatSomebodyHasChangedIsLeft(t *testing.T) {
	for _, values := range [][]string{{"vpce:abc", "somebody's"}, {"another"}} {
		c := &cloud{Cloud: &belongingstest.Cloud{}}
		named(c)
		c.Zones.Zones[0].Texts["_abc.example.com"] = values
		for range 2 { // another round, or an answer that was lost
			out, err := (takeTheAccessAway{c.Found(), c, c, c, c}).run(t.Context(), Input{Exposure: belongingstest.Exposure})
			if err != nil || len(c.Changes) > 0 {
				t.Errorf("%v, changed %v", err, c.Changes)
			}
			if len(out.Left) != 1 || out.Left[0].Thing != (belongings.Thing{Kind: belongings.TXTRecord, ID: "_abc.example.com"}) ||
				!strings.Contains(out.Left[0].Why, "somebody has changed it in hosted zone Z1") {
				t.Errorf("of %q is left %+v", values, out.Left)
			}
		}
	}
}

// The record is the last to go: until then the name stays verified.
func TestTheRecordOfAPrivateNameGoes(t *testing.T) {
	c := &cloud{Cloud: belongingstest.Whole()}
	named(c)
	run := takeTheAccessAway{c.Found(), c, c, c, c}.run
	if _, err := run(t.Context(), Input{Exposure: belongingstest.Exposure}); outcome.Name(err) != "NotReady" || len(c.Changes) > 0 {
		t.Errorf("%v, changed %v", err, c.Changes)
	}
	c.Service = types.ServiceStateDeleted
	for range 2 {
		out, err := run(t.Context(), Input{Exposure: belongingstest.Exposure})
		if err != nil || len(c.Zones.Zones[0].Texts) > 0 || len(c.Changes) != 1 || len(out.Left) > 0 {
			t.Errorf("%v, changed %v, left %v", err, c.Changes, out.Left)
		}
	}
}

func TestARecordThatAPersonMadeStays(t *testing.T) {
	c := &cloud{Cloud: &belongingstest.Cloud{}}
	named(c)
	c.Recorded.PrivateName = &registry.PrivateName{Name: "db.example.com", Told: "vpce:abc"}
	if _, err := (takeTheAccessAway{c.Found(), c, c, c, c}).run(t.Context(), Input{Exposure: belongingstest.Exposure}); err != nil || len(c.Changes) > 0 {
		t.Errorf("%v, changed %v", err, c.Changes)
	}
}
