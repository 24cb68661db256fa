package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// Input is the endpoint service and the principals that may ask it for a connection.
type Input struct {
	Execution  string   `json:"execution"`
	Exposure   string   `json:"exposure"`
	ServiceID  string   `json:"serviceId"`
	Principals []string `json:"principals"`
}

// Work is what the execution works on.
func (in Input) Work() (exposure, execution string) { return in.Exposure, in.Execution }

// Output is the principals that are allowed now.
type Output struct {
	Principals []string `json:"principals"`
}

type servicesAPI interface {
	DescribeVpcEndpointServicePermissions(context.Context, *ec2.DescribeVpcEndpointServicePermissionsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServicePermissionsOutput, error)
	ModifyVpcEndpointServicePermissions(context.Context, *ec2.ModifyVpcEndpointServicePermissionsInput, ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointServicePermissionsOutput, error)
}

type recorder interface {
	Record(ctx context.Context, id, execution string, set map[string]any) error
}

type allower struct {
	services servicesAPI
	registry recorder
}

// run makes the service's permissions equal to the plan's principals. Only the difference is sent: AWS does not say what
// allowing an allowed principal does.
func (a allower) run(ctx context.Context, in Input) (Output, error) {
	allowed, err := a.allowed(ctx, in.ServiceID)
	if err != nil {
		return Output{}, err
	}
	if err := a.correct(ctx, in, without(in.Principals, allowed), without(allowed, in.Principals)); err != nil {
		return Output{}, err
	}
	if err := a.registry.Record(ctx, in.Exposure, in.Execution, map[string]any{"principals": in.Principals}); err != nil {
		return Output{}, err
	}
	return Output{Principals: in.Principals}, nil
}

func (a allower) allowed(ctx context.Context, serviceID string) ([]string, error) {
	pages := ec2.NewDescribeVpcEndpointServicePermissionsPaginator(a.services,
		&ec2.DescribeVpcEndpointServicePermissionsInput{ServiceId: &serviceID})
	var allowed []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe permissions of endpoint service %s: %w", serviceID, err)
		}
		for _, principal := range page.AllowedPrincipals {
			allowed = append(allowed, aws.ToString(principal.Principal))
		}
	}
	return allowed, nil
}

// correct sends additions and removals in one call, so that a consumer whose principal changes is never without one. A
// removal does not cut the connections that the principal already has.
func (a allower) correct(ctx context.Context, in Input, add, remove []string) error {
	if len(add)+len(remove) == 0 {
		return nil
	}
	slog.InfoContext(ctx, "modify endpoint service permissions", "serviceId", in.ServiceID, "add", add, "remove", remove)
	_, err := a.services.ModifyVpcEndpointServicePermissions(ctx, &ec2.ModifyVpcEndpointServicePermissionsInput{
		ServiceId:               &in.ServiceID,
		AddAllowedPrincipals:    add,
		RemoveAllowedPrincipals: remove,
	})
	if err != nil {
		return fmt.Errorf("modify permissions of endpoint service %s: %w", in.ServiceID, err)
	}
	return nil
}

func without(all, excluded []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(excluded, s) })
}
