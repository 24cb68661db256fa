package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/execution"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// Some vendors tell whom to allow only once they have the service name. The first execution allows nobody and waits; a
// second one, whose input brings the principals, takes its place.

type executionAPI interface {
	execution.API
	StopExecution(context.Context, *sfn.StopExecutionInput, ...func(*sfn.Options)) (*sfn.StopExecutionOutput, error)
}

// toldLater is the exposure as it is recorded, of a vendor that tells its principals later; the zero value of any other.
// Principals that an earlier input brought stay where this one brings none.
func (s gatherRDSDetails) toldLater(ctx context.Context, plan *Output, c *consumer) (registry.Exposure, error) {
	if !c.vendor.Later {
		return registry.Exposure{}, nil
	}
	recorded, err := s.registry.Get(ctx, plan.Exposure)
	if errors.Is(err, registry.ErrNotFound) {
		return registry.Exposure{}, nil
	}
	if err != nil {
		return registry.Exposure{}, err
	}
	if len(plan.Principals) == 0 && len(recorded.Principals) > 0 {
		plan.Principals, c.accounts = recorded.Principals, connection.Accounts(recorded.Principals)
	}
	return recorded, nil
}

// takesPlace tells a holder that can only wait for the principals that the plan brings. A removal is none.
func takesPlace(recorded registry.Exposure, plan Output, holder, own string) bool {
	return holder == recorded.Claim && holder != own && machineOf(holder) == machineOf(own) &&
		connection.AllowsNobody(recorded) && len(plan.Principals) > 0
}

// machineOf is the state machine's part of an execution's ARN.
func machineOf(execution string) string { return execution[:max(strings.LastIndex(execution, ":"), 0)] }

// superseded is the error with which an execution ends whose place another takes. The rule that tells people of executions'
// ends leaves it out.
const superseded = "Superseded"

// supersede ends the holder where it waits for people, and nowhere else: there is no step at work that would go on.
func (s gatherRDSDetails) supersede(ctx context.Context, recorded registry.Exposure, holder, own string) error {
	if recorded.Token == nil || recorded.Token.Execution != holder {
		return outcome.NotReady("exposure %s: execution %s has not come to its wait yet", recorded.ID, holder)
	}
	slog.InfoContext(ctx, "stop execution", "executionArn", holder)
	_, err := s.executions.StopExecution(ctx, &sfn.StopExecutionInput{
		ExecutionArn: &holder, Error: aws.String(superseded),
		Cause: aws.String(fmt.Sprintf("Execution %s has the principals that this one waited for, and has taken its place.", own)),
	})
	if err != nil {
		return fmt.Errorf("stop execution %s: %w", holder, err)
	}
	return nil
}
