package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// Input is the endpoint service and the principals that may ask it for a connection.
type Input struct {
	Execution  string   `json:"execution"`
	Exposure   string   `json:"exposure"`
	ServiceID  string   `json:"serviceId"`
	Principals []string `json:"principals"`
}

// Output is empty: no later step needs anything of this one.
type Output struct{}

type servicesAPI interface {
	DescribeVpcEndpointServicePermissions(context.Context, *ec2.DescribeVpcEndpointServicePermissionsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServicePermissionsOutput, error)
	ModifyVpcEndpointServicePermissions(context.Context, *ec2.ModifyVpcEndpointServicePermissionsInput, ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointServicePermissionsOutput, error)
}

type recorder interface {
	Record(ctx context.Context, id, execution string, made func(*registry.Made)) error
}

type allowPrincipals struct {
	services servicesAPI
	registry recorder
}

// run makes the service's permissions equal to the plan's principals. Only the difference is sent: AWS does not say what
// allowing an allowed principal does.
func (s allowPrincipals) run(ctx context.Context, in Input) (Output, error) {
	allowed, err := s.allowed(ctx, in.ServiceID)
	if err != nil {
		return Output{}, err
	}
	if err := s.correct(ctx, in, drift.Without(in.Principals, allowed), drift.Without(allowed, in.Principals)); err != nil {
		return Output{}, err
	}
	return Output{}, s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) { m.Principals = in.Principals })
}

func (s allowPrincipals) allowed(ctx context.Context, serviceID string) ([]string, error) {
	pages := ec2.NewDescribeVpcEndpointServicePermissionsPaginator(s.services,
		&ec2.DescribeVpcEndpointServicePermissionsInput{ServiceId: &serviceID})
	var allowed []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe permissions of endpoint service %s: %w", serviceID, outcome.Unseen(err))
		}
		for _, principal := range page.AllowedPrincipals {
			allowed = append(allowed, aws.ToString(principal.Principal))
		}
	}
	return allowed, nil
}

// correct sends additions and removals in one call, so that a consumer whose principal changes is never without one. A
// removal does not cut the connections that the principal already has.
func (s allowPrincipals) correct(ctx context.Context, in Input, add, remove []string) error {
	if len(add)+len(remove) == 0 {
		return nil
	}
	slog.InfoContext(ctx, "modify endpoint service permissions", "serviceId", in.ServiceID, "add", add, "remove", remove)
	_, err := s.services.ModifyVpcEndpointServicePermissions(ctx, &ec2.ModifyVpcEndpointServicePermissionsInput{
		ServiceId:               &in.ServiceID,
		AddAllowedPrincipals:    add,
		RemoveAllowedPrincipals: remove,
	})
	if err != nil {
		return fmt.Errorf("modify permissions of endpoint service %s: %w", in.ServiceID, outcome.Unseen(err))
	}
	return nil
}
