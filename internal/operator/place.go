package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// at says of a refusal that means it that the deployment is not where the caller looks. Everybody may ask who they are.
func (o *Operator) at(ctx context.Context, err error) error {
	if !absent(err) {
		return err
	}
	account := "this account"
	if who, err := sts.NewFromConfig(o.config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err == nil {
		account = "account " + aws.ToString(who.Account)
	}
	return fmt.Errorf("no stack %s in %s of %s: deploy it first, say which one you mean (--stack NAME, STACK=NAME after make), "+
		"or point AWS_REGION and AWS_PROFILE at where it is: %w", o.name.Stack(), o.config.Region, account, err)
}

// absent tells the refusals of a bus, a function, a state machine and a stack that are not there.
func absent(err error) bool {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ValidationError" {
		return strings.HasSuffix(api.ErrorMessage(), " does not exist") // CloudFormation has no better word for it
	}
	_, bus := errors.AsType[*eventbridgetypes.ResourceNotFoundException](err)
	_, function := errors.AsType[*lambdatypes.ResourceNotFoundException](err)
	_, machine := errors.AsType[*sfntypes.StateMachineDoesNotExist](err)
	return bus || function || machine
}
