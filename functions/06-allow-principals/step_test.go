package main

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

const (
	vendor   = "arn:aws:iam::133737826969:root"
	role     = "arn:aws:iam::444455556666:role/loader"
	outdated = "arn:aws:iam::777788889999:root"
)

// fakeService is an endpoint service with its permissions, which it lists one a page.
type fakeService struct {
	allowed   []string
	mutations []string
}

func (f *fakeService) DescribeVpcEndpointServicePermissions(_ context.Context, in *ec2.DescribeVpcEndpointServicePermissionsInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServicePermissionsOutput, error) {
	at := 0
	if in.NextToken != nil {
		at = slices.Index(f.allowed, *in.NextToken)
	}
	out := &ec2.DescribeVpcEndpointServicePermissionsOutput{}
	if at < len(f.allowed) {
		out.AllowedPrincipals = []types.AllowedPrincipal{{Principal: &f.allowed[at]}}
	}
	if at+1 < len(f.allowed) {
		out.NextToken = aws.String(f.allowed[at+1])
	}
	return out, nil
}

func (f *fakeService) ModifyVpcEndpointServicePermissions(_ context.Context, in *ec2.ModifyVpcEndpointServicePermissionsInput, _ ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointServicePermissionsOutput, error) {
	f.mutations = append(f.mutations, fmt.Sprintf("add %v remove %v", in.AddAllowedPrincipals, in.RemoveAllowedPrincipals))
	f.allowed = append(without(f.allowed, in.RemoveAllowedPrincipals), in.AddAllowedPrincipals...)
	return &ec2.ModifyVpcEndpointServicePermissionsOutput{}, nil
}

type fakeRegistry struct {
	err      error
	recorded map[string]any
}

func (f *fakeRegistry) Record(_ context.Context, _, _ string, set map[string]any) error {
	f.recorded = set
	return f.err
}

func TestRun(t *testing.T) {
	for name, row := range map[string]struct {
		allowed   []string
		wanted    []string
		mutations []string
	}{
		"a new service":                       {nil, []string{vendor}, []string{"add [" + vendor + "] remove []"}},
		"a second run makes no mutating call": {[]string{role, vendor}, []string{vendor, role}, nil},
		"one more":                            {[]string{vendor}, []string{vendor, role}, []string{"add [" + role + "] remove []"}},
		"a removed principal is removed":      {[]string{vendor, outdated}, []string{vendor}, []string{"add [] remove [" + outdated + "]"}},
		"one instead of another":              {[]string{outdated}, []string{role}, []string{"add [" + role + "] remove [" + outdated + "]"}},
	} {
		t.Run(name, func(t *testing.T) {
			service, registry := &fakeService{allowed: row.allowed}, &fakeRegistry{}
			out, err := allower{service, registry}.run(t.Context(), Input{ServiceID: "vpce-svc-1", Principals: row.wanted})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(service.mutations, row.mutations) {
				t.Errorf("mutations %v, want %v", service.mutations, row.mutations)
			}
			slices.Sort(service.allowed)
			if want := slices.Sorted(slices.Values(row.wanted)); !slices.Equal(service.allowed, want) {
				t.Errorf("allowed %v, want %v", service.allowed, want)
			}
			if !slices.Equal(out.Principals, row.wanted) || !slices.Equal(registry.recorded["principals"].([]string), row.wanted) {
				t.Errorf("output %v, recorded %v", out.Principals, registry.recorded)
			}
		})
	}
}

func TestLostClaim(t *testing.T) {
	registry := &fakeRegistry{err: outcome.Conflict("lost")}
	_, err := allower{&fakeService{}, registry}.run(t.Context(), Input{Principals: []string{vendor}})
	if outcome.Name(err) != "Conflict" {
		t.Errorf("error = %v", err)
	}
}
