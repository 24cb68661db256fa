package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// clients reach the cloud as its parts do: through the door when somebody acts, past it to MiniStack when a record is read.
type clients struct {
	door, ministack string
	region          string
}

// config makes SDK clients that act as a session of a role, or as the root of account when there is no role.
func (c clients) config(account, roleARN, session string) aws.Config {
	who := identity.Root(account)
	if roleARN != "" {
		who = identity.Credentials(roleARN, session)
	}
	config := identity.Config(c.door, c.region, who)
	// What retries here is Step Functions or Lambda's queue, by their own rules.
	config.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return config
}

func (c clients) records(account string) aws.Config {
	return identity.Config(c.ministack, c.region, identity.Root(account))
}

func (c clients) invoke(
	ctx context.Context, roleARN, session, functionARN string, payload []byte,
) (answer, functionError []byte, err error) {
	out, err := lambda.NewFromConfig(c.config(model.AccountOf(functionARN), roleARN, session)).Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String(functionARN), Payload: payload,
	})
	if err != nil {
		return nil, nil, err
	}
	if out.FunctionError != nil {
		return nil, out.Payload, nil
	}
	return out.Payload, nil, nil
}

func (c clients) stateMachine(ctx context.Context, arn string) (definition, roleARN string, err error) {
	out, err := sfn.NewFromConfig(c.records(model.AccountOf(arn))).DescribeStateMachine(ctx,
		&sfn.DescribeStateMachineInput{StateMachineArn: aws.String(arn)})
	if refused, ok := errors.AsType[smithy.APIError](err); ok {
		return "", "", wire.Errorf(refused.ErrorCode(), "%s", refused.ErrorMessage())
	}
	if err != nil {
		return "", "", err
	}
	return aws.ToString(out.Definition), aws.ToString(out.RoleArn), nil
}

func (c clients) scheduleGroup(ctx context.Context, account, name string) (bool, error) {
	_, err := scheduler.NewFromConfig(c.records(account)).GetScheduleGroup(ctx, &scheduler.GetScheduleGroupInput{Name: aws.String(name)})
	if _, ok := errors.AsType[*schedulertypes.ResourceNotFoundException](err); ok {
		return false, nil
	}
	return err == nil, err
}
