package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/execution"
	"github.com/rdslink/rdslink/internal/registry"
)

// Input is the execution, and what a person typed to start it.
type Input struct {
	Execution string          `json:"execution"`
	Input     json.RawMessage `json:"input"`
}

// Output is what the other steps go by.
type Output struct {
	Exposure     string             `json:"exposure"`
	Members      []string           `json:"members"` // of a link, the exposures on it, which go with it
	Link         string             `json:"link"`    // on which the exposure is; empty for what is on none
	VPCID        string             `json:"vpcId"`
	Found        []belongings.Thing `json:"found"`
	Ask          bool               `json:"ask"`          // connections are live, and people have to say that they may end
	WorkingUntil string             `json:"workingUntil"` // until when a step that was stopped may be at work; RFC 3339, in seconds
}

type executionAPI interface {
	execution.API
	StopExecution(context.Context, *sfn.StopExecutionInput, ...func(*sfn.Options)) (*sfn.StopExecutionOutput, error)
	GetExecutionHistory(context.Context, *sfn.GetExecutionHistoryInput, ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput, error)
}

type registryAPI interface {
	Get(ctx context.Context, id string) (registry.Exposure, error)
	All(ctx context.Context) ([]registry.Exposure, error)
	On(ctx context.Context, link string) ([]registry.Exposure, error)
	ClaimRemoval(ctx context.Context, seed registry.Exposure, execution string,
		running func(context.Context, string) (bool, error)) (registry.Exposure, error)
}

type claimTheExposure struct {
	found      belongings.Cloud
	executions executionAPI
	registry   registryAPI
	now        func() time.Time
}

func (s claimTheExposure) run(ctx context.Context, in Input) (Output, error) {
	r, err := parse(in.Input)
	if err != nil {
		return Output{}, err
	}
	id, err := s.exposure(ctx, r, in.Execution)
	if err != nil {
		return Output{}, err
	}
	recorded, err := s.registry.Get(ctx, id)
	unknown := errors.Is(err, registry.ErrNotFound)
	if err != nil && !unknown {
		return Output{}, err
	}
	if err := s.stop(ctx, recorded, in.Execution); err != nil {
		return Output{}, err
	}
	out := Output{Exposure: id, Members: []string{}, Found: []belongings.Thing{}}
	if recorded.OnLink() {
		out.Link = recorded.Link
	}
	if recorded.IsLink() {
		on, err := s.registry.On(ctx, id)
		if err != nil {
			return Output{}, err
		}
		for _, e := range on {
			out.Members = append(out.Members, e.ID)
		}
		slices.Sort(out.Members)
	}
	there, err := s.found.Each(ctx, belongings.With(id, out.Members))
	if err != nil {
		return Output{}, err
	}
	if unknown && len(there.Things) == 0 {
		return Output{}, nothing(id)
	}
	claimed, err := s.claim(ctx, in, id, recorded, there)
	if err != nil {
		return Output{}, err
	}
	for _, member := range out.Members {
		if _, err := s.claim(ctx, in, member, registry.Exposure{}, belongings.Found{}); err != nil {
			return Output{}, err
		}
	}
	until, err := s.workingUntil(ctx, claimed.Superseded)
	if err != nil {
		return Output{}, err
	}
	live, err := s.live(ctx, out.Link, there)
	if err != nil {
		return Output{}, err
	}
	there.Proven(claimed)
	out.VPCID, out.Found = claimed.VPCID, append(out.Found, there.Things...)
	out.WorkingUntil = until.UTC().Format(time.RFC3339)
	out.Ask = live && r.Connections != end && claimed.Removing == ""
	if out.VPCID == "" {
		out.VPCID = there.VPCID
	}
	return out, nil
}

// claim claims one exposure. What the registry does not know, and no database is tagged on, can only be a link.
func (s claimTheExposure) claim(
	ctx context.Context, in Input, id string, recorded registry.Exposure, there belongings.Found,
) (registry.Exposure, error) {
	seed := registry.Exposure{ID: id, DatabaseARN: there.DatabaseARN, VPCID: there.VPCID, Link: recorded.Link}
	if seed.DatabaseARN == "" {
		seed.Link = id
	}
	return s.registry.ClaimRemoval(ctx, seed, in.Execution, func(ctx context.Context, holder string) (bool, error) {
		return execution.Running(ctx, s.executions, holder)
	})
}

// live says whether consumers are connected: to one of a link's exposures they are through the link.
func (s claimTheExposure) live(ctx context.Context, link string, there belongings.Found) (bool, error) {
	if link == "" {
		return len(there.Live) > 0, nil
	}
	live, err := s.found.Live(ctx, link)
	return len(live) > 0, err
}

// Removed is the error with which a set-up ends that is stopped because its exposure goes. The rule that tells people of
// executions' ends leaves it out.
const removed = "Removed"

// stop ends the set-up that holds the exposure. A removal that holds it is none of this one's: the claim tells.
func (s claimTheExposure) stop(ctx context.Context, recorded registry.Exposure, own string) error {
	holder := recorded.Claim
	if holder == "" || holder == own || machineOf(holder) == machineOf(own) {
		return nil
	}
	runs, err := execution.Running(ctx, s.executions, holder)
	if err != nil || !runs {
		return err
	}
	slog.InfoContext(ctx, "stop execution", "executionArn", holder)
	_, err = s.executions.StopExecution(ctx, &sfn.StopExecutionInput{
		ExecutionArn: &holder, Error: aws.String(removed), Cause: aws.String(stopped(recorded.ID, own)),
	})
	if err != nil {
		return fmt.Errorf("stop execution %s: %w", holder, err)
	}
	return nil
}

// machineOf is the state machine's part of an execution's ARN.
func machineOf(execution string) string { return execution[:max(strings.LastIndex(execution, ":"), 0)] }

// working is how long a step may be at work after its execution was stopped: its function's timeout, and some of the clocks'
// difference.
const working = 75 * time.Second

// workingUntil is until when what the superseded execution was doing may go on: now, where it waited for people, or ended by
// itself.
func (s claimTheExposure) workingUntil(ctx context.Context, superseded string) (time.Time, error) {
	now := s.now()
	if superseded == "" {
		return now, nil
	}
	out, err := s.executions.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &superseded})
	if _, gone := errors.AsType[*types.ExecutionDoesNotExist](err); gone {
		return now, nil
	}
	if err != nil {
		return now, fmt.Errorf("describe execution %s: %w", superseded, err)
	}
	until := aws.ToTime(out.StopDate).Add(working)
	if out.Status != types.ExecutionStatusAborted && out.Status != types.ExecutionStatusTimedOut || !now.Before(until) {
		return now, nil
	}
	// The last event is that it was ended; what it was doing is in the one before.
	history, err := s.executions.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{
		ExecutionArn: &superseded, ReverseOrder: true, MaxResults: 2, IncludeExecutionData: aws.Bool(false),
	})
	if err != nil {
		return now, fmt.Errorf("get history of execution %s: %w", superseded, err)
	}
	for _, event := range history.Events {
		if event.Type == types.HistoryEventTypeTaskSubmitted {
			return now, nil
		}
	}
	return until.Add(time.Second), nil // seconds are counted whole
}
