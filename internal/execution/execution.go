// Package execution asks Step Functions about an execution that somebody else may have ended.
package execution

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// API is the one call that tells.
type API interface {
	DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error)
}

// Running tells whether the execution runs, or is about to run again. Step Functions forgets an execution after 90 days.
func Running(ctx context.Context, api API, arn string) (bool, error) {
	out, err := api.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if _, gone := errors.AsType[*types.ExecutionDoesNotExist](err); gone {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("describe execution %s: %w", arn, err)
	}
	running, known := statuses[out.Status]
	if !known { // whoever takes it for ended takes its exposure away
		slog.ErrorContext(ctx, "execution has a status that this version does not know", "execution", arn, "status", out.Status)
	}
	return running || !known, nil
}

// statuses tell whether an execution runs.
var statuses = map[types.ExecutionStatus]bool{
	types.ExecutionStatusRunning:        true,
	types.ExecutionStatusPendingRedrive: true,
	types.ExecutionStatusSucceeded:      false,
	types.ExecutionStatusFailed:         false,
	types.ExecutionStatusTimedOut:       false,
	types.ExecutionStatusAborted:        false,
}
