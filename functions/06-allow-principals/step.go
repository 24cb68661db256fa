package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/handoff"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// Input is the endpoint service, the principals that may ask it for a connection, and what becomes of whoever is connected
// and is not of them.
type Input struct {
	Execution  string   `json:"execution"`
	Exposure   string   `json:"exposure"`
	Region     string   `json:"region"`
	ServiceID  string   `json:"serviceId"`
	Principals []string `json:"principals"`
	Removed    string   `json:"removed"`
}

// Output is for whoever started the execution.
type Output struct {
	Unexpected []handoff.Unexpected `json:"unexpectedConnections"`
}

type servicesAPI interface {
	connection.API
	DescribeVpcEndpointServicePermissions(context.Context, *ec2.DescribeVpcEndpointServicePermissionsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointServicePermissionsOutput, error)
	ModifyVpcEndpointServicePermissions(context.Context, *ec2.ModifyVpcEndpointServicePermissionsInput, ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointServicePermissionsOutput, error)
	RejectVpcEndpointConnections(context.Context, *ec2.RejectVpcEndpointConnectionsInput, ...func(*ec2.Options)) (*ec2.RejectVpcEndpointConnectionsOutput, error)
}

type recorder interface {
	Record(ctx context.Context, id, execution string, made func(*registry.Made)) error
	AddDecision(ctx context.Context, id string, decision registry.Decision, said time.Time) (contrary *registry.Decision, err error)
}

type allowPrincipals struct {
	services servicesAPI
	registry recorder
	now      func() time.Time
}

// run makes the service's permissions equal to the plan's principals. Only the difference is sent: AWS does not say what
// allowing an allowed principal does. Then it looks who is connected all the same.
func (s allowPrincipals) run(ctx context.Context, in Input) (Output, error) {
	allowed, err := s.allowed(ctx, in.ServiceID)
	if err != nil {
		return Output{}, err
	}
	if err := s.correct(ctx, in, drift.Without(in.Principals, allowed), drift.Without(allowed, in.Principals)); err != nil {
		return Output{}, err
	}
	exposure := registry.Exposure{ID: in.Exposure, Accounts: connection.Accounts(in.Principals)}
	if err := s.registry.Record(ctx, in.Exposure, in.Execution, func(m *registry.Made) {
		former := slices.Concat(m.FormerAccounts, connection.Accounts(m.Principals), connection.Accounts(allowed))
		slices.Sort(former)
		m.FormerAccounts = append([]string(nil), drift.Without(slices.Compact(former), exposure.Accounts)...)
		m.Principals = in.Principals
		exposure.Made = *m
	}); err != nil {
		return Output{}, err
	}
	found, err := s.unexpected(ctx, in, exposure)
	return Output{found}, err
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
