package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// CodeTag holds the key of the code that a resolver runs: an upgrade of the stack brings a new key. Where a resolver was
// upgraded, "@" follows, and when it had last been modified before.
const CodeTag = "rdslink:code"

// Code is where the code of this version lies, and what it was built for.
type Code struct {
	Bucket, Key  string
	Architecture types.Architecture
}

// runs tells whether the function runs the code: its tag names it, and the update that the tag announced has come through.
func (c Code) runs(found *lambda.GetFunctionOutput) bool {
	key, before, upgraded := strings.Cut(found.Tags[CodeTag], "@")
	return key == c.Key && (!upgraded || before != aws.ToString(found.Configuration.LastModified))
}

// Upgrade brings a resolver up to the code that this version came with, unless its tag says that it has it, and tells
// whether the function can be used at once. The steps make resolvers, so no stack update reaches them by itself. What is in
// the making, or failed, takes no code: Usable says what becomes of it.
//
// The tag comes before the code: Lambda refuses both while an update is under way, so a tag that followed at once would be
// refused, and the code sent again, for good (API_TagResource and API_UpdateFunctionCode, ResourceConflictException).
func Upgrade(ctx context.Context, api API, code Code, found *lambda.GetFunctionOutput) (ready bool, err error) {
	function := found.Configuration
	if code.runs(found) || function.State == types.StatePending || function.State == types.StateFailed {
		return true, nil
	}
	arn := aws.ToString(function.FunctionArn)
	if function.LastUpdateStatus == types.LastUpdateStatusInProgress {
		slog.InfoContext(ctx, "function is busy", "functionArn", arn)
		return false, nil
	}
	if tag := code.Key + "@" + aws.ToString(function.LastModified); found.Tags[CodeTag] != tag {
		_, err = api.TagResource(ctx, &lambda.TagResourceInput{Resource: &arn, Tags: map[string]string{CodeTag: tag}})
		if err != nil {
			return false, unlessBusy(ctx, arn, fmt.Errorf("tag function %s: %w", arn, err))
		}
	}
	slog.InfoContext(ctx, "update function code", "functionArn", arn, "s3Key", code.Key)
	_, err = api.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
		FunctionName:  function.FunctionName,
		S3Bucket:      &code.Bucket,
		S3Key:         &code.Key,
		Architectures: []types.Architecture{code.Architecture},
	})
	if err != nil {
		return false, unlessBusy(ctx, arn, fmt.Errorf("update code of function %s: %w", arn, err))
	}
	return false, nil
}

// unlessBusy is err, unless it says that the function is being updated: by somebody else, or by a call whose answer was
// lost.
func unlessBusy(ctx context.Context, arn string, err error) error {
	if _, busy := errors.AsType[*types.ResourceConflictException](err); !busy {
		return err
	}
	slog.InfoContext(ctx, "function is busy", "functionArn", arn, "reason", err.Error())
	return nil
}
