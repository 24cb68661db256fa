package sfn

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/local/model"
)

// statusChange is the detail of "Step Functions Execution Status Change". Absent values are null, times are epoch
// milliseconds: test_base.snapshot.json (test_event_bridge_events_base of 7 Feb 2024).
type statusChange struct {
	ExecutionARN           string    `json:"executionArn"`
	StateMachineARN        string    `json:"stateMachineArn"`
	Name                   string    `json:"name"`
	Status                 string    `json:"status"`
	StartDate              int64     `json:"startDate"`
	StopDate               *int64    `json:"stopDate"`
	Input                  string    `json:"input"`
	Output                 *string   `json:"output"`
	StateMachineVersionARN *string   `json:"stateMachineVersionArn"`
	StateMachineAliasARN   *string   `json:"stateMachineAliasArn"`
	RedriveCount           int32     `json:"redriveCount"`
	RedriveDate            *int64    `json:"redriveDate"`
	RedriveStatus          string    `json:"redriveStatus"`
	RedriveStatusReason    *string   `json:"redriveStatusReason"`
	InputDetails           included  `json:"inputDetails"`
	OutputDetails          *included `json:"outputDetails"`
	Error                  *string   `json:"error"`
	Cause                  *string   `json:"cause"`
}

type included struct {
	Included bool `json:"included"`
}

// statusChange describes e as it is. The caller holds the lock.
func (e *execution) statusChange() model.Event {
	redrivable, reason := e.redriveStatus()
	detail := statusChange{
		ExecutionARN: e.arn, StateMachineARN: e.machineARN, Name: e.name, Status: string(e.status),
		StartDate: e.started.UnixMilli(), StopDate: milliseconds(e.stopped),
		Input: e.input, InputDetails: included{true}, Output: e.output,
		RedriveCount: e.redrives, RedriveDate: milliseconds(e.redriven),
		RedriveStatus: string(redrivable), RedriveStatusReason: reason,
		Error: e.errorName, Cause: e.cause,
	}
	if e.output != nil {
		detail.OutputDetails = &included{true}
	}
	return model.Event{
		Account: e.account, Source: "aws.states", DetailType: "Step Functions Execution Status Change",
		Resources: []string{e.arn}, Detail: detail,
	}
}

func milliseconds(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return ptr(t.UnixMilli())
}

// publish hands an event to the world. The caller holds the service's lock, which keeps an execution's events in order; the
// world's lock comes second.
func (s *Service) publish(e model.Event) {
	s.world.Lock()
	defer s.world.Unlock()
	if s.world.Publish != nil {
		s.world.Publish(e)
	}
}

// Limits of RedriveExecution: docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html.
const (
	redrivePeriod    = 14 * 24 * time.Hour
	maxRedriveEvents = 24999
)

// redriveStatus says whether e can be redriven, and else why not. The caller holds the lock.
func (e *execution) redriveStatus() (types.ExecutionRedriveStatus, *string) {
	reason := ""
	switch {
	case e.status == types.ExecutionStatusRunning || e.status == types.ExecutionStatusSucceeded:
		// Worded as in test_base.snapshot.json and test_sfn_api.snapshot.json (test_describe_execution of 21 Aug 2024).
		reason = fmt.Sprintf("Execution is %s and cannot be redriven", e.status)
	case time.Since(e.stopped) > redrivePeriod:
		reason = "Execution is too old to be redriven"
	case len(e.history) >= maxRedriveEvents:
		reason = "Execution history event limit exceeded"
	default:
		return types.ExecutionRedriveStatusRedrivable, nil
	}
	return types.ExecutionRedriveStatusNotRedrivable, &reason
}
