package main

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/handoff"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/steptest"
)

const (
	vendor   = "arn:aws:iam::133737826969:root"
	role     = "arn:aws:iam::444455556666:role/loader"
	outdated = "arn:aws:iam::777788889999:root"
)

// cloud is an endpoint service with its permissions, which it lists one a page, and the registry.
type cloud struct {
	steptest.Fake
	allowed     []string
	connections []types.VpcEndpointConnection
	denied      error // what looking at connections answers
	stubborn    bool  // EC2 rejects nothing
	contrary    *registry.Decision
	unseen      string // the code of a service that does not show
}

func (c *cloud) DescribeVpcEndpointServicePermissions(_ context.Context, in *ec2.DescribeVpcEndpointServicePermissionsInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServicePermissionsOutput, error) {
	if c.unseen != "" {
		return nil, &smithy.GenericAPIError{Code: c.unseen}
	}
	at := 0
	if in.NextToken != nil {
		at = slices.Index(c.allowed, *in.NextToken)
	}
	out := &ec2.DescribeVpcEndpointServicePermissionsOutput{}
	if at < len(c.allowed) {
		out.AllowedPrincipals = []types.AllowedPrincipal{{Principal: &c.allowed[at]}}
	}
	if at+1 < len(c.allowed) {
		out.NextToken = aws.String(c.allowed[at+1])
	}
	return out, nil
}

func (c *cloud) ModifyVpcEndpointServicePermissions(_ context.Context, in *ec2.ModifyVpcEndpointServicePermissionsInput, _ ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointServicePermissionsOutput, error) {
	c.Mutate("add %v remove %v", in.AddAllowedPrincipals, in.RemoveAllowedPrincipals)
	c.allowed = append(drift.Without(c.allowed, in.RemoveAllowedPrincipals), in.AddAllowedPrincipals...)
	return &ec2.ModifyVpcEndpointServicePermissionsOutput{}, nil
}

func (c *cloud) DescribeVpcEndpointConnections(context.Context, *ec2.DescribeVpcEndpointConnectionsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionsOutput, error) {
	return &ec2.DescribeVpcEndpointConnectionsOutput{VpcEndpointConnections: c.connections}, c.denied
}

func (c *cloud) RejectVpcEndpointConnections(_ context.Context, in *ec2.RejectVpcEndpointConnectionsInput, _ ...func(*ec2.Options)) (*ec2.RejectVpcEndpointConnectionsOutput, error) {
	c.Mutate("reject %v", in.VpcEndpointIds)
	if c.stubborn {
		return &ec2.RejectVpcEndpointConnectionsOutput{Unsuccessful: []types.UnsuccessfulItem{{Error: &types.UnsuccessfulItemError{Message: aws.String("no")}}}}, nil
	}
	for i := range c.connections {
		if *c.connections[i].VpcEndpointId == in.VpcEndpointIds[0] {
			c.connections[i].VpcEndpointState = "rejected"
		}
	}
	return &ec2.RejectVpcEndpointConnectionsOutput{}, nil
}

func (c *cloud) AddDecision(_ context.Context, _ string, d registry.Decision, said time.Time) (*registry.Decision, error) {
	if said.Sub(noon) < registry.Settled {
		return c.contrary, nil
	}
	c.Mutate("decide %s %s by %s: %s", d.Action, d.EndpointID, d.By, d.Reason)
	return nil, nil
}

// connected adds vpce-1, then vpce-2, of the owners.
func connected(state string, owners ...string) func(*cloud) {
	return func(c *cloud) {
		for _, owner := range owners {
			c.connections = append(c.connections, types.VpcEndpointConnection{
				ServiceId: aws.String("vpce-svc-1"), VpcEndpointId: aws.String(fmt.Sprintf("vpce-%d", len(c.connections)+1)), VpcEndpointOwner: &owner, VpcEndpointState: types.State(state),
			})
		}
	}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestRun(t *testing.T) {
	both := func(faults ...func(*cloud)) func(*cloud) {
		return func(c *cloud) {
			for _, fault := range faults {
				fault(c)
			}
		}
	}
	none := Output{[]handoff.Unexpected{}}
	told := func(endpoint, owner, state string) Output {
		return Output{[]handoff.Unexpected{{VPCEndpointID: endpoint, Owner: owner, State: state, Next: `no principal of the input is of its account, ` +
			`and it lives on. To end it: start again with "removed": "reject", or make reject EXPOSURE=orders ENDPOINT=` + endpoint + `, or ` +
			`aws ec2 reject-vpc-endpoint-connections --region eu-central-1 --service-id vpce-svc-1 --vpc-endpoint-ids ` + endpoint}}}
	}
	rejected := func(endpoint, owner string) *Output {
		return &Output{[]handoff.Unexpected{{VPCEndpointID: endpoint, Owner: owner, State: "rejected",
			Next: `rejected by this execution, as "removed" in its input says`}}}
	}
	const decided = "decide reject vpce-1 by rdslink: removed is reject in execution"
	reject := func(in *Input) { in.Removed = "reject" }
	gone := both(func(c *cloud) {
		c.allowed, c.Recorded.Principals = []string{vendor, outdated}, []string{vendor, outdated}
	})
	const remove = "add [] remove [" + outdated + "]"
	allowed := func(principals ...string) func(*cloud) {
		return func(c *cloud) { c.allowed, c.Recorded.Principals = principals, principals }
	}
	wanted := func(principals ...string) func(*Input) {
		return func(in *Input) { in.Principals = principals }
	}
	steptest.Step[*cloud, Input, Output]{
		Cloud: func() *cloud { return &cloud{} },
		In: func() Input {
			return Input{Execution: "execution", Exposure: "orders", Region: "eu-central-1", ServiceID: "vpce-svc-1", Principals: []string{vendor}, Removed: "tell"}
		},
		Run: func(c *cloud) step.Run[Input, Output] {
			return allowPrincipals{c, c, func() time.Time { return noon }}.run
		},
		Output: func(*cloud, Input) Output { return none },
	}.Play(t, map[string]steptest.Row[*cloud, Input, Output]{
		"a new service": {Want: []string{"add [" + vendor + "] remove []", "Record"}},
		"the order does not matter": {
			Drift: allowed(role, vendor), In: wanted(vendor, role), Want: []string{"Record"},
		},
		"one more": {
			Drift: allowed(vendor), In: wanted(vendor, role), Want: []string{"add [" + role + "] remove []", "Record"},
		},
		"a removed principal is removed": {
			Drift: allowed(vendor, outdated), Want: []string{"add [] remove [" + outdated + "]", "Record"},
		},
		"one instead of another": {
			Drift: allowed(outdated), In: wanted(role), Want: []string{"add [" + role + "] remove [" + outdated + "]", "Record"},
		},
		"a service that EC2 does not show everywhere yet is waited for": {
			Drift: func(c *cloud) { c.unseen = "InvalidVpcEndpointServiceId.NotFound" }, Err: "NotReady",
		},
		"who is taken out and connected is told": {
			Drift: both(gone, connected("available", "777788889999", "133737826969")), Want: []string{remove, "Record"},
			Output: new(told("vpce-1", "777788889999", "available")),
		},
		"who has asked and was taken out, too": {
			Drift: both(gone, connected("pendingAcceptance", "777788889999")), Want: []string{remove, "Record"},
			Output: new(told("vpce-1", "777788889999", "pendingAcceptance")),
		},
		"who is not connected any more is not": {
			Drift: both(gone, connected("rejected", "777788889999")), Want: []string{remove, "Record"},
		},
		"where the input says so, it is rejected": {
			Drift: both(gone, connected("available", "777788889999", "133737826969")), In: reject,
			Want: []string{remove, "Record", decided, "reject [vpce-1]"}, Output: rejected("vpce-1", "777788889999"),
		},
		"a person who has accepted it just before notwithstanding": {
			Drift: both(gone, connected("available", "777788889999"), func(c *cloud) { c.contrary = &registry.Decision{Action: "accept", Time: noon} }), In: reject,
			Want: []string{remove, "Record", decided, "reject [vpce-1]"}, Output: rejected("vpce-1", "777788889999"),
		},
		"an attempt that comes after the permissions have changed knows it all the same": {
			Drift: both(connected("available", "777788889999"), func(c *cloud) {
				c.allowed, c.Recorded.Principals, c.Recorded.FormerAccounts = []string{vendor}, []string{vendor}, []string{"777788889999"}
			}), In: reject,
			Want: []string{decided, "reject [vpce-1]"}, Output: rejected("vpce-1", "777788889999"),
		},
		"another role of an account that stays is not told from the first": {
			Drift: both(func(c *cloud) { c.allowed = []string{role} }, connected("available", "444455556666")),
			In:    wanted("arn:aws:iam::444455556666:role/reader"),
			Want:  []string{"add [arn:aws:iam::444455556666:role/reader] remove [" + role + "]", "Record"},
		},
		"an AWS service connects from an account that nobody knows": {
			Drift: both(gone, connected("available", "777788889999", "222233334444")), In: wanted("firehose.amazonaws.com"),
			Want:   []string{"add [firehose.amazonaws.com] remove [" + vendor + " " + outdated + "]", "Record"},
			Output: new(told("vpce-1", "777788889999", "available")),
		},
		"what EC2 does not reject is asked again": {
			Drift: both(gone, connected("available", "777788889999"), func(c *cloud) { c.stubborn = true }), In: reject,
			Want: []string{remove, "Record", decided, "reject [vpce-1]"}, Err: "NotReady", Says: "reject connection vpce-1 of account 777788889999, which is available: no",
		},
		"who may not look does without": {
			Drift: both(gone, func(c *cloud) { c.denied = &smithy.GenericAPIError{Code: "UnauthorizedOperation"} }), Want: []string{remove, "Record"},
		},
		"but not where the input says that it is to be rejected": {
			Drift: both(gone, func(c *cloud) { c.denied = &smithy.GenericAPIError{Code: "UnauthorizedOperation"} }), In: reject,
			Want: []string{remove, "Record"}, Err: "Failed",
		},
		"a lost claim ends the step": {
			Drift: func(c *cloud) { c.Lost = outcome.Conflict("claim lost") },
			Want:  []string{"add [" + vendor + "] remove []", "Record"}, Err: "Conflict",
		},
	})
}
