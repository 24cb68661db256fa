package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/metric"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// result is what the waiting step results in.
type result struct {
	VPCEndpointID string `json:"vpcEndpointId"`
	Owner         string `json:"owner"`
	State         string `json:"state"`
}

// complete ends the wait when it is over: with the connection that is available, or with the refusal of endpoint when no
// other connection of its account may still come to something.
func (d decision) complete(ctx context.Context, exposure registry.Exposure, found []connection.Connection, endpoint string) error {
	if exposure.Token == nil {
		return nil
	}
	if c, ok := available(exposure, found, endpoint); ok {
		return d.succeed(ctx, exposure, c)
	}
	if c, ok := refused(exposure, found, endpoint); ok {
		return d.fail(ctx, exposure, c)
	}
	return nil
}

// available prefers the connection that the event is about.
func available(exposure registry.Exposure, found []connection.Connection, endpoint string) (connection.Connection, bool) {
	ready := slices.DeleteFunc(slices.Clone(found), func(c connection.Connection) bool {
		return !c.Connected() || !connection.Expected(exposure, c.Owner)
	})
	if len(ready) == 0 {
		return connection.Connection{}, false
	}
	at := slices.IndexFunc(ready, func(c connection.Connection) bool { return c.VPCEndpointID == endpoint })
	return ready[max(at, 0)], true
}

func refused(exposure registry.Exposure, found []connection.Connection, endpoint string) (connection.Connection, bool) {
	at := slices.IndexFunc(found, func(c connection.Connection) bool { return c.VPCEndpointID == endpoint })
	if at < 0 || !found[at].Refused() || !connection.Expected(exposure, found[at].Owner) {
		return connection.Connection{}, false
	}
	// A refusal from before the wait is why someone started it again, and not its answer.
	before := exposure.Connections[endpoint]
	if before.State == found[at].State && before.Seen.Before(exposure.Token.Since) {
		return connection.Connection{}, false
	}
	hope := slices.ContainsFunc(found, func(c connection.Connection) bool { return c.Owner == found[at].Owner && c.Live() })
	return found[at], !hope
}

func (d decision) succeed(ctx context.Context, exposure registry.Exposure, c connection.Connection) error {
	output, err := json.Marshal(result{c.VPCEndpointID, c.Owner, c.State})
	if err != nil {
		return fmt.Errorf("encode result of exposure %s: %w", exposure.ID, err)
	}
	slog.InfoContext(ctx, "send task success", "exposure", exposure.ID, "vpcEndpointId", c.VPCEndpointID)
	_, err = d.tasks.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &exposure.Token.Value, Output: aws.String(string(output))})
	if closed(err) {
		return d.checkStuck(ctx, exposure)
	}
	if err != nil {
		return fmt.Errorf("send task success for exposure %s: %w", exposure.ID, err)
	}
	return d.registry.ClearToken(ctx, exposure.ID, exposure.Token.Value)
}

func (d decision) fail(ctx context.Context, exposure registry.Exposure, c connection.Connection) error {
	slog.InfoContext(ctx, "send task failure", "exposure", exposure.ID, "vpcEndpointId", c.VPCEndpointID)
	_, err := d.tasks.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{
		TaskToken: &exposure.Token.Value,
		Error:     aws.String(outcome.NameConnectionRejected),
		Cause:     aws.String(cause(exposure, c)),
	})
	if err != nil && !closed(err) {
		return fmt.Errorf("send task failure for exposure %s: %w", exposure.ID, err)
	}
	return d.registry.ClearToken(ctx, exposure.ID, exposure.Token.Value)
}

// cause says what to do, and whose word it was where that is known.
func cause(exposure registry.Exposure, c connection.Connection) string {
	word := ""
	for _, past := range exposure.Decisions {
		if past.EndpointID == c.VPCEndpointID && past.Action == bus.Reject && past.By != "" {
			word = strings.TrimSuffix(fmt.Sprintf(" by %s: %s", past.By, past.Reason), ": ")
		}
	}
	return fmt.Sprintf("the connection of account %s (%s) is %s%s, and no other connection of that account is pending; "+
		"have the consumer delete that endpoint and make a new one, then redrive this execution or start one with the same input",
		c.Owner, c.VPCEndpointID, c.State, word)
}

// closed tells a token that does nothing any more. Step Functions has one answer for a task that was completed and for one
// that is overdue (API_SendTaskSuccess).
func closed(err error) bool {
	_, timedOut := errors.AsType[*types.TaskTimedOut](err)
	_, missing := errors.AsType[*types.TaskDoesNotExist](err)
	return timedOut || missing
}

// checkStuck looks whether a closed token means that the wait is over, as it nearly always does, or that the execution waits
// for a token that nobody has: then its alarm is raised, at every look until someone redrives or stops the execution.
func (d decision) checkStuck(ctx context.Context, exposure registry.Exposure) error {
	current, err := d.registry.Get(ctx, exposure.ID)
	if err != nil {
		return err
	}
	if current.Token == nil || current.Token.Value != exposure.Token.Value {
		return nil // a newer one came meanwhile: the next look completes it
	}
	waits, err := d.waits(ctx, exposure.Token.Execution)
	if err != nil {
		return err
	}
	if !waits {
		return d.registry.ClearToken(ctx, exposure.ID, exposure.Token.Value)
	}
	slog.ErrorContext(ctx,
		"the connection is available, and the execution waits for a token that nobody has: redrive it, or stop it and start again",
		"exposure", exposure.ID, "execution", exposure.Token.Execution, metric.Stuck.Value(d.name, 1, d.now()))
	return nil
}

// waits reports whether the last that happened in the execution is that it began to wait for a token. The history is read
// without its data, which holds tokens.
func (d decision) waits(ctx context.Context, execution string) (bool, error) {
	out, err := d.tasks.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{
		ExecutionArn: &execution, ReverseOrder: true, MaxResults: 1, IncludeExecutionData: aws.Bool(false),
	})
	if _, gone := errors.AsType[*types.ExecutionDoesNotExist](err); gone {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("get history of execution %s: %w", execution, err)
	}
	if len(out.Events) == 0 || out.Events[0].TaskSubmittedEventDetails == nil {
		return false, nil
	}
	return strings.HasSuffix(aws.ToString(out.Events[0].TaskSubmittedEventDetails.Resource), ".waitForTaskToken"), nil
}
