// Package upgrade brings the resolvers up to the code that this version came with. The steps make resolvers, so no stack
// update reaches them by itself.
package upgrade

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Tag holds the key of the code that a resolver runs: an upgrade of the stack brings a new key.
const Tag = "rdslink:code"

// Code is where the code of this version lies, and what it was built for.
type Code struct {
	Bucket, Key  string
	Architecture types.Architecture
}

// API is what an upgrade changes.
type API interface {
	UpdateFunctionCode(context.Context, *lambda.UpdateFunctionCodeInput, ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error)
	TagResource(context.Context, *lambda.TagResourceInput, ...func(*lambda.Options)) (*lambda.TagResourceOutput, error)
}

// Resolver gives the function the code, unless its tag says that it has it, and tells whether the function can be used at once.
// The tag follows the code: when the second call is lost, the first is made again, and changes nothing.
func Resolver(ctx context.Context, api API, code Code, function types.FunctionConfiguration, tagged string) (ready bool, err error) {
	if tagged == code.Key || function.State == types.StatePending {
		return true, nil
	}
	arn := aws.ToString(function.FunctionArn)
	slog.InfoContext(ctx, "update function code", "functionArn", arn, "s3Key", code.Key)
	_, err = api.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
		FunctionName:  function.FunctionName,
		S3Bucket:      &code.Bucket,
		S3Key:         &code.Key,
		Architectures: []types.Architecture{code.Architecture},
	})
	if _, busy := errors.AsType[*types.ResourceConflictException](err); busy {
		slog.InfoContext(ctx, "function is busy", "functionArn", arn, "reason", err.Error())
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("update code of function %s: %w", arn, err)
	}
	_, err = api.TagResource(ctx, &lambda.TagResourceInput{Resource: &arn, Tags: map[string]string{Tag: code.Key}})
	if err != nil {
		return false, fmt.Errorf("tag function %s: %w", arn, err)
	}
	return false, nil
}
