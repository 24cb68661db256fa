package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/registry"
)

// Listing is every exposure of a stack.
type Listing struct {
	Exposures  []Overview `json:"exposures"`
	MonthlyUSD float64    `json:"monthlyUsd"`
	Err        error      `json:"-"` // what could not be read; the rest was
}

// List is every exposure that the registry has, in the order of their ids. It asks four times, whatever their number is up
// to a few hundred: for the stack, the registry, its executions and all connections.
func (o *Operator) List(ctx context.Context) (Listing, error) {
	stack, err := o.installed(ctx)
	if err != nil {
		return Listing{}, err
	}
	exposures, _, err := registry.NewShown(dynamodb.NewFromConfig(o.config), stack.table).Survey(ctx)
	if err != nil {
		return Listing{}, err
	}
	found, connectionsErr := connection.All(ctx, ec2.NewFromConfig(o.config))
	statuses, executionsErr := statuses(ctx, o.executions, exposures)
	l := Listing{Exposures: []Overview{}, Err: errors.Join(connectionsErr, executionsErr)}
	for _, e := range exposures {
		l.Exposures = append(l.Exposures, overview(e, found, connectionsErr == nil, statuses[e.Claim], time.Now()))
		l.MonthlyUSD += l.Exposures[len(l.Exposures)-1].MonthlyUSD
	}
	return l, nil
}

// statuses are those of the executions that hold or held the exposures, by their ARNs. The list has the latest first: it is
// read no further than to the last of them.
func statuses(ctx context.Context, client sfn.ListExecutionsAPIClient, exposures []registry.Exposure) (map[string]string, error) {
	wanted := map[string]map[string]bool{} // by state machine
	for _, e := range exposures {
		if machine, is := machineOf(e.Claim); is {
			if wanted[machine] == nil {
				wanted[machine] = map[string]bool{}
			}
			wanted[machine][e.Claim] = true
		}
	}
	found := map[string]string{}
	var errs []error
	for machine, executions := range wanted {
		pages := sfn.NewListExecutionsPaginator(client, &sfn.ListExecutionsInput{StateMachineArn: &machine, MaxResults: 1000})
		for pages.HasMorePages() && len(executions) > 0 {
			page, err := pages.NextPage(ctx)
			if err != nil {
				errs = append(errs, fmt.Errorf("list executions of %s: %w", machine, err))
				executions = nil
				break
			}
			for _, e := range page.Executions {
				if arn := aws.ToString(e.ExecutionArn); executions[arn] {
					found[arn] = string(e.Status)
					delete(executions, arn)
				}
			}
		}
		for arn := range executions {
			found[arn] = forgotten
		}
	}
	return found, errors.Join(errs...)
}

// machineOf is the state machine of an execution: arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME.
func machineOf(execution string) (machine string, is bool) {
	parts := strings.Split(execution, ":")
	if len(parts) != 8 || parts[5] != "execution" {
		return "", false
	}
	return strings.Join(slices.Concat(parts[:5], []string{"stateMachine", parts[6]}), ":"), true
}
