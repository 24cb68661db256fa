package sfn

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// whole says that data in an event is not truncated.
func whole() *types.HistoryEventExecutionDataDetails {
	return &types.HistoryEventExecutionDataDetails{Truncated: false}
}

func executionStarted(input, roleARN string) types.HistoryEvent {
	return types.HistoryEvent{
		Type:                         types.HistoryEventTypeExecutionStarted,
		ExecutionStartedEventDetails: &types.ExecutionStartedEventDetails{Input: &input, InputDetails: whole(), RoleArn: &roleARN},
	}
}

func executionSucceeded(output string) types.HistoryEvent {
	return types.HistoryEvent{
		Type:                           types.HistoryEventTypeExecutionSucceeded,
		ExecutionSucceededEventDetails: &types.ExecutionSucceededEventDetails{Output: &output, OutputDetails: whole()},
	}
}

func executionFailed(f *failure) types.HistoryEvent {
	return types.HistoryEvent{
		Type:                        types.HistoryEventTypeExecutionFailed,
		ExecutionFailedEventDetails: &types.ExecutionFailedEventDetails{Error: f.name, Cause: f.cause},
	}
}

func executionTimedOut() types.HistoryEvent {
	return types.HistoryEvent{
		Type:                          types.HistoryEventTypeExecutionTimedOut,
		ExecutionTimedOutEventDetails: &types.ExecutionTimedOutEventDetails{},
	}
}

func executionAborted(errorName, cause *string) types.HistoryEvent {
	return types.HistoryEvent{
		Type:                         types.HistoryEventTypeExecutionAborted,
		ExecutionAbortedEventDetails: &types.ExecutionAbortedEventDetails{Error: errorName, Cause: cause},
	}
}

func executionRedriven(count int32) types.HistoryEvent {
	return types.HistoryEvent{
		Type:                          types.HistoryEventTypeExecutionRedriven,
		ExecutionRedrivenEventDetails: &types.ExecutionRedrivenEventDetails{RedriveCount: &count},
	}
}

func stateEntered(s *State, input string) types.HistoryEvent {
	return types.HistoryEvent{
		Type:                     types.HistoryEventType(s.Type + "StateEntered"),
		StateEnteredEventDetails: &types.StateEnteredEventDetails{Name: &s.Name, Input: &input, InputDetails: whole()},
	}
}

func stateExited(s *State, output string) types.HistoryEvent {
	return types.HistoryEvent{
		Type:                    types.HistoryEventType(s.Type + "StateExited"),
		StateExitedEventDetails: &types.StateExitedEventDetails{Name: &s.Name, Output: &output, OutputDetails: whole()},
	}
}

// resource is how task events call the integration.
func (s *State) resource() *string {
	if s.Token {
		return aws.String("invoke.waitForTaskToken")
	}
	return aws.String("invoke")
}

var resourceType = aws.String("lambda")

func taskScheduled(s *State, c call, region string) types.HistoryEvent {
	return types.HistoryEvent{
		Type: types.HistoryEventTypeTaskScheduled,
		TaskScheduledEventDetails: &types.TaskScheduledEventDetails{
			Parameters: &c.parameters, Region: &region, Resource: s.resource(), ResourceType: resourceType,
			TimeoutInSeconds: wholeSeconds(c.timeout),
		},
	}
}

func wholeSeconds(d time.Duration) *int64 {
	if d == 0 {
		return nil
	}
	return aws.Int64(int64(d / time.Second))
}

func taskStarted(s *State) types.HistoryEvent {
	return types.HistoryEvent{
		Type:                    types.HistoryEventTypeTaskStarted,
		TaskStartedEventDetails: &types.TaskStartedEventDetails{Resource: s.resource(), ResourceType: resourceType},
	}
}

func taskSubmitted(s *State, output string) types.HistoryEvent {
	return types.HistoryEvent{
		Type: types.HistoryEventTypeTaskSubmitted,
		TaskSubmittedEventDetails: &types.TaskSubmittedEventDetails{
			Output: &output, OutputDetails: whole(), Resource: s.resource(), ResourceType: resourceType,
		},
	}
}

func taskSucceeded(s *State, output string) types.HistoryEvent {
	return types.HistoryEvent{
		Type: types.HistoryEventTypeTaskSucceeded,
		TaskSucceededEventDetails: &types.TaskSucceededEventDetails{
			Output: &output, OutputDetails: whole(), Resource: s.resource(), ResourceType: resourceType,
		},
	}
}

// taskFailed is TaskTimedOut for a timeout, else TaskFailed. A worker that names its error States.Timeout is no timeout.
func taskFailed(s *State, f *failure) types.HistoryEvent {
	if f.timeout {
		return types.HistoryEvent{
			Type: types.HistoryEventTypeTaskTimedOut,
			TaskTimedOutEventDetails: &types.TaskTimedOutEventDetails{
				Error: f.name, Cause: f.cause, Resource: s.resource(), ResourceType: resourceType,
			},
		}
	}
	return types.HistoryEvent{
		Type: types.HistoryEventTypeTaskFailed,
		TaskFailedEventDetails: &types.TaskFailedEventDetails{
			Error: f.name, Cause: f.cause, Resource: s.resource(), ResourceType: resourceType,
		},
	}
}

// withoutData is an event as GetExecutionHistory shows it without execution data.
func withoutData(e types.HistoryEvent) types.HistoryEvent {
	if d := e.ExecutionStartedEventDetails; d != nil {
		e.ExecutionStartedEventDetails = &types.ExecutionStartedEventDetails{RoleArn: d.RoleArn}
	}
	if d := e.ExecutionSucceededEventDetails; d != nil {
		e.ExecutionSucceededEventDetails = &types.ExecutionSucceededEventDetails{}
	}
	if d := e.StateEnteredEventDetails; d != nil {
		e.StateEnteredEventDetails = &types.StateEnteredEventDetails{Name: d.Name}
	}
	if d := e.StateExitedEventDetails; d != nil {
		e.StateExitedEventDetails = &types.StateExitedEventDetails{Name: d.Name}
	}
	if d := e.TaskSubmittedEventDetails; d != nil {
		e.TaskSubmittedEventDetails = &types.TaskSubmittedEventDetails{Resource: d.Resource, ResourceType: d.ResourceType}
	}
	if d := e.TaskSucceededEventDetails; d != nil {
		e.TaskSucceededEventDetails = &types.TaskSucceededEventDetails{Resource: d.Resource, ResourceType: d.ResourceType}
	}
	return e
}

// machineName is the last part of a state machine's ARN.
func machineName(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }
