package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// CodeTag holds the key of the code that a resolver runs: an upgrade of the stack brings a new key.
const CodeTag = "rdslink:code"

// Code is where the code of this version lies, and what it was built for.
type Code struct {
	Bucket, Key  string
	Architecture types.Architecture
}

// Upgrade brings a resolver up to the code that this version came with, unless its tag says that it has it, and tells
// whether the function can be used at once. The steps make resolvers, so no stack update reaches them by itself. The tag
// follows the code: when the second call is lost, the first is made again, and changes nothing.
func Upgrade(ctx context.Context, api API, code Code, found *lambda.GetFunctionOutput) (ready bool, err error) {
	function := found.Configuration
	if found.Tags[CodeTag] == code.Key || function.State == types.StatePending {
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
	_, err = api.TagResource(ctx, &lambda.TagResourceInput{Resource: &arn, Tags: map[string]string{CodeTag: code.Key}})
	if err != nil {
		return false, fmt.Errorf("tag function %s: %w", arn, err)
	}
	return false, nil
}
