package main

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/belongings/belongingstest"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/steptest"
)

type cloud struct {
	*belongingstest.Cloud
	marked bool
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
		Run:   func(c *cloud) step.Run[Input, Output] { return takeTheAccessAway{c.Found(), c, c, c}.run },
		Settle: func(c *cloud) {
			if c.Service == types.ServiceStateDeleting {
				c.Service = types.ServiceStateDeleted
			}
		},
		Output: func(*cloud, Input) Output { return Output{} },
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
