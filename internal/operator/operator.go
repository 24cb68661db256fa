// Package operator is what people do with a deployed rdslink: start an execution, follow it, decide about a connection.
package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/outcome"
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

// Start starts an execution with input, a JSON object as the README describes it, and returns the execution's ARN. An input
// that does not say who asked says that the caller has: Step Functions tells nobody who started an execution.
func (o *Operator) Start(ctx context.Context, input string) (string, error) {
	return o.start(ctx, o.name.StateMachine(), input, requested)
}

// Remove starts the removal of what input means: an exposure, or the input of its set-up.
func (o *Operator) Remove(ctx context.Context, input string) (string, error) {
	return o.start(ctx, o.name.RemovalMachine(), input, func(input, _ string) string { return input })
}

// start starts an execution of a state machine with what complete makes of an input and of who the caller is.
func (o *Operator) start(ctx context.Context, name, input string, complete func(input, by string) string) (string, error) {
	caller, err := o.caller(ctx)
	if err != nil {
		return "", err
	}
	machine := o.machineARN(caller, name)
	input = complete(input, caller.String())
	out, err := o.executions.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine, Input: &input})
	if err != nil {
		return "", fmt.Errorf("start execution of %s: %w", machine, o.at(ctx, err))
	}
	return aws.ToString(out.ExecutionArn), nil
}

// requested is an input that says who asked, as it was typed for the rest. What is no object step 1 refuses.
func requested(input, by string) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(input), &fields) != nil || fields == nil {
		return input
	}
	if _, said := fields["requestedBy"]; said {
		return input
	}
	field, _ := json.Marshal(map[string]string{"requestedBy": by}) // strings always do
	before, after, _ := strings.Cut(input, "{")
	if len(fields) > 0 {
		after = "," + after
	}
	return before + strings.TrimSuffix(string(field), "}") + after
}

// caller is who the credentials are.
func (o *Operator) caller(ctx context.Context) (arn.ARN, error) {
	who, err := sts.NewFromConfig(o.config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return arn.ARN{}, fmt.Errorf("get caller identity: %w", err)
	}
	caller, err := arn.Parse(aws.ToString(who.Arn))
	if err != nil {
		return arn.ARN{}, fmt.Errorf("parse caller's ARN %s: %w", aws.ToString(who.Arn), err)
	}
	return caller, nil
}

// machineARN is the ARN of a state machine in the caller's account.
func (o *Operator) machineARN(caller arn.ARN, name string) string {
	return arn.ARN{Partition: caller.Partition, Service: "states", Region: o.config.Region, AccountID: caller.AccountID,
		Resource: "stateMachine:" + name}.String()
}

// Decide puts d on the deployment's event bus. EventBridge takes an event for a bus that does not exist, and drops it
// (github.com/localstack/localstack/pull/8264 has tried it): so the bus is looked at first. Whoever may not see it may still
// be one who decides.
func (o *Operator) Decide(ctx context.Context, d bus.Decision) error {
	return o.put(ctx, bus.ConnectionDecision, d)
}

// End puts on the bus that the connections of an exposure whose removal waits may end.
func (o *Operator) End(ctx context.Context, r bus.Removal) error {
	r.Connections = bus.End
	return o.put(ctx, bus.RemovalDecision, r)
}

func (o *Operator) put(ctx context.Context, detailType string, event any) error {
	detail, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encode %s: %w", detailType, err)
	}
	events := eventbridge.NewFromConfig(o.config)
	_, err = events.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: aws.String(o.name.Bus())})
	if _, unseen := outcome.Denied(err); err != nil && !unseen {
		return fmt.Errorf("describe event bus %s: %w", o.name.Bus(), o.at(ctx, err))
	}
	out, err := events.PutEvents(ctx,
		&eventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{{
			EventBusName: aws.String(o.name.Bus()),
			Source:       aws.String(bus.Source),
			DetailType:   &detailType,
			Detail:       aws.String(string(detail)),
		}}})
	if _, denied := outcome.Denied(err); denied {
		return fmt.Errorf("put %s on the bus %s in %s: that takes the approvers' policy, "+
			"of the account and region where the stack is: %w",
			detailType, o.name.Bus(), o.config.Region, err)
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", detailType, err)
	}
	if out.FailedEntryCount > 0 {
		return fmt.Errorf("put %s: %s: %s", detailType, aws.ToString(out.Entries[0].ErrorCode), aws.ToString(out.Entries[0].ErrorMessage))
	}
	return nil
}
