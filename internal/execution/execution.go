// Package execution asks Step Functions about an execution that somebody else may have ended.
package execution

import (
	"context"
	"errors"
	"fmt"

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
	return out.Status == types.ExecutionStatusRunning || out.Status == types.ExecutionStatusPendingRedrive, nil
}
