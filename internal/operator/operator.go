// Package operator is what people do with a deployed rdslink: start an execution, follow it, decide about a connection.
package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
)

// Operator acts with somebody's credentials in one account and region.
type Operator struct {
	name       deployment.Name
	config     aws.Config
	executions *sfn.Client
}

// New makes an Operator of the deployment of that name, of an AWS configuration.
func New(config aws.Config, name deployment.Name) *Operator {
	return &Operator{name: name, config: config, executions: sfn.NewFromConfig(config)}
}

// Start starts an execution with input, a JSON object as the README describes it, and returns the execution's ARN.
func (o *Operator) Start(ctx context.Context, input string) (string, error) {
	if !json.Valid([]byte(input)) {
		return "", fmt.Errorf("start execution: the input is not JSON: %s", input)
	}
	machine, err := o.machineARN(ctx)
	if err != nil {
		return "", err
	}
	out, err := o.executions.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine, Input: &input})
	if _, missing := errors.AsType[*sfntypes.StateMachineDoesNotExist](err); missing {
		return "", fmt.Errorf("start execution: no stack %s in %s: deploy it first, say which one you mean (STACK=…), "+
			"or point AWS_REGION and the credentials at its account: %w",
			o.name.Stack(), o.config.Region, err)
	}
	if err != nil {
		return "", fmt.Errorf("start execution of %s: %w", machine, err)
	}
	return aws.ToString(out.ExecutionArn), nil
}

// machineARN is the ARN of the setup state machine in the caller's account.
func (o *Operator) machineARN(ctx context.Context) (string, error) {
	who, err := sts.NewFromConfig(o.config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("get caller identity: %w", err)
	}
	caller, err := arn.Parse(aws.ToString(who.Arn))
	if err != nil {
		return "", fmt.Errorf("parse caller's ARN %s: %w", aws.ToString(who.Arn), err)
	}
	return arn.ARN{Partition: caller.Partition, Service: "states", Region: o.config.Region, AccountID: caller.AccountID,
		Resource: "stateMachine:" + o.name.StateMachine()}.String(), nil
}

// Decide puts d on the deployment's event bus.
func (o *Operator) Decide(ctx context.Context, d bus.Decision) error {
	detail, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode decision: %w", err)
	}
	out, err := eventbridge.NewFromConfig(o.config).PutEvents(ctx,
		&eventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{{
			EventBusName: aws.String(o.name.Bus()),
			Source:       aws.String(bus.Source),
			DetailType:   aws.String(bus.ConnectionDecision),
			Detail:       aws.String(string(detail)),
		}}})
	if err != nil {
		return fmt.Errorf("put ConnectionDecision: %w", err)
	}
	if out.FailedEntryCount > 0 {
		return fmt.Errorf("put ConnectionDecision: %s: %s", aws.ToString(out.Entries[0].ErrorCode), aws.ToString(out.Entries[0].ErrorMessage))
	}
	return nil
}
