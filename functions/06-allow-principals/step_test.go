package main

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/outcome"
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
	allowed []string
	unseen  string // the code of a service that does not show
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

func TestRun(t *testing.T) {
	allowed := func(principals ...string) func(*cloud) {
		return func(c *cloud) { c.allowed, c.Recorded.Principals = principals, principals }
	}
	wanted := func(principals ...string) func(*Input) {
		return func(in *Input) { in.Principals = principals }
	}
	steptest.Step[*cloud, Input, Output]{
		Cloud:  func() *cloud { return &cloud{} },
		In:     func() Input { return Input{ServiceID: "vpce-svc-1", Principals: []string{vendor}} },
		Run:    func(c *cloud) step.Run[Input, Output] { return allowPrincipals{c, c}.run },
		Output: func(*cloud, Input) Output { return Output{} },
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
		"a lost claim ends the step": {
			Drift: func(c *cloud) { c.Lost = outcome.Conflict("claim lost") },
			Want:  []string{"add [" + vendor + "] remove []", "Record"}, Err: "Conflict",
		},
	})
}
