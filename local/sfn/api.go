package sfn

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

func (s *Service) startExecution(ctx context.Context, in *sfn.StartExecutionInput) (*sfn.StartExecutionOutput, error) {
	e, err := s.newExecution(ctx, in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if existing := s.executions[e.arn]; existing != nil {
		// Idempotent only while the first runs: test_sfn_api.snapshot.json (test_start_execution_idempotent of 21 Aug 2024).
		if existing.status == types.ExecutionStatusRunning && existing.input == e.input {
			return &sfn.StartExecutionOutput{ExecutionArn: &existing.arn, StartDate: &existing.started}, nil
		}
		return nil, wire.Errorf("ExecutionAlreadyExists", "Execution Already Exists: '%s'", e.arn)
	}
	s.executions[e.arn], s.order = e, append(s.order, e)
	e.append(executionStarted(e.input, e.roleARN))
	s.begin(e)
	return &sfn.StartExecutionOutput{ExecutionArn: &e.arn, StartDate: &e.started}, nil
}

// newExecution checks what StartExecution was given.
func (s *Service) newExecution(ctx context.Context, in *sfn.StartExecutionInput) (*execution, error) {
	if in.TraceHeader != nil {
		return nil, wire.Errorf("ValidationException", "traceHeader is not supported")
	}
	arn, err := parseARN(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.Name)
	if in.Name == nil {
		name = model.UUID()
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	input := "{}"
	if in.Input != nil {
		input = *in.Input
	}
	value, err := decode([]byte(input))
	if err != nil {
		return nil, wire.Errorf("InvalidExecutionInput", "Invalid State Machine Execution Input: '%s'", err)
	}
	if len(input) > maxBytes {
		return nil, wire.Errorf("InvalidExecutionInput", "Invalid State Machine Execution Input: 'longer than %d bytes'", maxBytes)
	}
	definition, roleARN, err := s.machine(ctx, *in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	m, err := Parse([]byte(definition))
	if err != nil {
		return nil, err
	}
	return &execution{
		arn:  strings.Join([]string{"arn", arn[1], "states", arn[3], arn[4], "execution", arn[6], name}, ":"),
		name: name, account: arn[4], machineARN: *in.StateMachineArn, roleARN: roleARN,
		definition: definition, machine: m, input: input,
		started: time.Now(), at: position{state: m.StartAt, input: value},
	}, nil
}

// parseARN splits the ARN of a state machine or an execution. Worded as in test_sfn_api.snapshot.json of 8 Mar 2024.
func parseARN(arn *string) ([]string, error) {
	parts := strings.Split(aws.ToString(arn), ":")
	if parts[0] != "arn" || len(parts) < 7 || parts[2] != "states" {
		return nil, wire.Errorf("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: %s'", aws.ToString(arn))
	}
	return parts, nil
}

// checkName refuses what docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html forbids in a name.
func checkName(name string) error {
	forbidden := strings.ContainsFunc(name, func(c rune) bool {
		return unicode.IsSpace(c) || unicode.IsControl(c) || strings.ContainsRune("<>{}[]?*\"#%\\^|~`$&,;:/", c)
	})
	if name == "" || len([]rune(name)) > maxStateName || forbidden {
		return wire.Errorf("InvalidName", "Invalid Name: '%s'", name)
	}
	return nil
}

// find returns the caller's execution. The caller holds the lock.
func (s *Service) find(ctx context.Context, arn *string) (*execution, error) {
	if _, err := parseARN(arn); err != nil {
		return nil, err
	}
	e := s.executions[*arn]
	if e == nil || e.account != wire.CallerOf(ctx).Account {
		return nil, wire.Errorf("ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", *arn)
	}
	return e, nil
}

// stopExecution aborts an execution; for one that has ended it only says when.
func (s *Service) stopExecution(ctx context.Context, in *sfn.StopExecutionInput) (*sfn.StopExecutionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	e.run.end(types.ExecutionStatusAborted, executionAborted(in.Error, in.Cause), nil, in.Error, in.Cause)
	return &sfn.StopExecutionOutput{StopDate: aws.Time(e.stopped)}, nil
}

func (s *Service) redriveExecution(ctx context.Context, in *sfn.RedriveExecutionInput) (*sfn.RedriveExecutionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	if in.ClientToken != nil && *in.ClientToken == e.redriveToken {
		return &sfn.RedriveExecutionOutput{RedriveDate: aws.Time(e.redriven)}, nil
	}
	if status, reason := e.redriveStatus(); status != types.ExecutionRedriveStatusRedrivable {
		return nil, wire.Errorf("ExecutionNotRedrivable", "Execution Not Redrivable: '%s'", *reason)
	}
	e.redrives++
	e.redriven, e.redriveToken = time.Now(), aws.ToString(in.ClientToken)
	e.previous = int64(len(e.history))
	e.append(executionRedriven(e.redrives))
	s.begin(e)
	return &sfn.RedriveExecutionOutput{RedriveDate: aws.Time(e.redriven)}, nil
}

func (s *Service) describeExecution(ctx context.Context, in *sfn.DescribeExecutionInput) (*sfn.DescribeExecutionOutput, error) {
	if in.IncludedData == types.IncludedDataMetadataOnly {
		return nil, wire.Errorf("ValidationException", "includedData METADATA_ONLY is not supported")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	redrivable, reason := e.redriveStatus()
	out := &sfn.DescribeExecutionOutput{
		ExecutionArn: &e.arn, Name: &e.name, StateMachineArn: &e.machineARN, Status: e.status,
		StartDate: &e.started, StopDate: date(e.stopped),
		Input: &e.input, InputDetails: &types.CloudWatchEventsExecutionDataDetails{Included: true},
		Output: e.output, Error: e.errorName, Cause: e.cause,
		RedriveCount: aws.Int32(e.redrives), RedriveDate: date(e.redriven), RedriveStatus: redrivable, RedriveStatusReason: reason,
	}
	if e.output != nil {
		out.OutputDetails = &types.CloudWatchEventsExecutionDataDetails{Included: true}
	}
	return out, nil
}

func date(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Service) describeStateMachineForExecution(
	ctx context.Context, in *sfn.DescribeStateMachineForExecutionInput,
) (*sfn.DescribeStateMachineForExecutionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	return &sfn.DescribeStateMachineForExecutionOutput{
		StateMachineArn: &e.machineARN, Name: aws.String(machineName(e.machineARN)), Definition: &e.definition, RoleArn: &e.roleARN,
		// The machine may have been updated since: what is known is that this definition was current at the start.
		UpdateDate: &e.started,
	}, nil
}

func (s *Service) listExecutions(ctx context.Context, in *sfn.ListExecutionsInput) (*sfn.ListExecutionsOutput, error) {
	if in.MapRunArn != nil || in.RedriveFilter != "" || in.StatusFilter != "" {
		return nil, wire.Errorf("ValidationException", "mapRunArn, redriveFilter and statusFilter are not supported")
	}
	if _, err := parseARN(in.StateMachineArn); err != nil {
		return nil, err
	}
	if _, _, err := s.machine(ctx, *in.StateMachineArn); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []types.ExecutionListItem{}
	for _, e := range slices.Backward(s.order) {
		if e.machineARN == *in.StateMachineArn {
			items = append(items, types.ExecutionListItem{
				ExecutionArn: &e.arn, Name: &e.name, StateMachineArn: &e.machineARN, Status: e.status,
				StartDate: &e.started, StopDate: date(e.stopped), RedriveCount: aws.Int32(e.redrives), RedriveDate: date(e.redriven),
			})
		}
	}
	page, next, err := paged(items, in.NextToken, in.MaxResults)
	return &sfn.ListExecutionsOutput{Executions: page, NextToken: next}, err
}

func (s *Service) getExecutionHistory(ctx context.Context, in *sfn.GetExecutionHistoryInput) (*sfn.GetExecutionHistoryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	events := slices.Clone(e.history)
	if in.IncludeExecutionData != nil && !*in.IncludeExecutionData {
		for i := range events {
			events[i] = withoutData(events[i])
		}
	}
	if in.ReverseOrder {
		slices.Reverse(events)
	}
	page, next, err := paged(events, in.NextToken, in.MaxResults)
	return &sfn.GetExecutionHistoryOutput{Events: page, NextToken: next}, err
}

// defaultPage is how many results a call returns that does not say:
// docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html.
const defaultPage = 100

// paged cuts the page out of items that token asks for. A token is the number of items before its page.
func paged[T any](items []T, token *string, size int32) (page []T, next *string, err error) {
	from := 0
	if token != nil {
		text, _ := base64.StdEncoding.DecodeString(*token)
		if from, err = strconv.Atoi(string(text)); err != nil || from < 0 || from > len(items) {
			return nil, nil, invalidToken()
		}
	}
	if size == 0 {
		size = defaultPage
	}
	to := from + int(size)
	if to >= len(items) {
		return items[from:], nil, nil
	}
	return items[from:to], aws.String(base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(to)))), nil
}
