package sfn

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// execution is one execution, through all its redrives.
type execution struct {
	arn, name, account       string
	machineARN, roleARN      string
	definition               string
	machine                  *Machine
	input                    string
	started                  time.Time
	stopped                  time.Time
	status                   types.ExecutionStatus
	output, errorName, cause *string

	redrives     int32
	redriven     time.Time
	redriveToken string // client token of the last redrive

	at       position // of the state that runs, or ran last
	history  []types.HistoryEvent
	previous int64 // previousEventId of the next event
	run      *run
}

// position is a visit to a state.
type position struct {
	state     string
	input     any
	enteredID int64 // of the StateEntered event; 0 before it
}

// run is one drive of an execution: from its start or a redrive until it stops running.
type run struct {
	*execution
	service *Service
	ctx     context.Context // ends with the run
	cancel  context.CancelFunc
	over    bool  // guarded by the service's lock, as task
	task    *task // waiting for its token's answer

	// Of this run: a redrive changes the execution's while an older run may still be on its way out.
	redriveCount int32
}

// begin starts a run at e.at. The caller holds the lock.
func (s *Service) begin(e *execution) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{execution: e, service: s, ctx: ctx, cancel: cancel, redriveCount: e.redrives}
	e.run, e.status = r, types.ExecutionStatusRunning
	e.stopped, e.output, e.errorName, e.cause = time.Time{}, nil, nil, nil
	s.publish(e.statusChange())
	if e.machine.Timeout > 0 {
		time.AfterFunc(s.patience(e.machine.Timeout), r.timeOut)
	}
	go r.drive(e.at)
}

// drive visits states until the execution ends.
func (r *run) drive(at position) {
	for {
		state := r.machine.States[at.state]
		output, next, f := r.visit(state, at)
		switch {
		case r.ctx.Err() != nil:
			return // whoever ended the run has recorded why
		case f != nil:
			r.fail(f)
			return
		case next == "":
			r.succeed(encode(output))
			return
		}
		at = position{state: next, input: output}
	}
}

// visit enters a state and leaves it. next is "" after an end state.
func (r *run) visit(s *State, at position) (output any, next string, f *failure) {
	// A redriven task is rescheduled, every other state is entered again:
	// docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html.
	if at.enteredID == 0 || s.Type != "Task" {
		at.enteredID = r.record(stateEntered(s, encode(at.input)))
	}
	r.locked(func() { r.at = at })

	output, next, f = r.visitOf(s.Type)(s, at)
	if f != nil || r.ctx.Err() != nil {
		return nil, "", f
	}
	text := encode(output)
	if len(text) > maxBytes {
		return nil, "", tooLarge(s.Name)
	}
	r.record(stateExited(s, text))
	return output, next, nil
}

func (r *run) visitOf(stateType string) func(*State, position) (any, string, *failure) {
	switch stateType {
	case "Wait":
		return r.visitWait
	case "Choice":
		return r.visitChoice
	default: // Task: Parse lets no other pass
		return r.visitTask
	}
}

// locked runs f under the lock unless the run is over.
func (r *run) locked(f func()) {
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	if !r.over {
		f()
	}
}

// maxEvents is the limit of a history: docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html.
const maxEvents = 25000

// record appends an event to the history of a run that is not over; the last place is for the execution's end.
func (r *run) record(e types.HistoryEvent) (id int64) {
	r.locked(func() {
		if len(r.history) < maxEvents-1 {
			id = r.append(e)
			return
		}
		f := failed("States.Runtime", fmt.Sprintf("The execution reached the maximum number of history events (%d).", maxEvents))
		r.end(types.ExecutionStatusFailed, executionFailed(f), nil, f.name, f.cause)
	})
	return id
}

// append gives an event its id. The caller holds the lock.
func (e *execution) append(event types.HistoryEvent) int64 {
	event.Id, event.PreviousEventId, event.Timestamp = int64(len(e.history)+1), e.previous, aws.Time(time.Now())
	e.history = append(e.history, event)
	// The first state's entry has no previous event: every recording shows 0 there.
	if event.Type != types.HistoryEventTypeExecutionStarted {
		e.previous = event.Id
	}
	return event.Id
}

// end closes the run with its last event and tells EventBridge; the first to do so wins. The caller holds the lock.
func (r *run) end(status types.ExecutionStatus, last types.HistoryEvent, output, errorName, cause *string) {
	if r.over {
		return
	}
	if status == types.ExecutionStatusAborted || status == types.ExecutionStatusTimedOut {
		// What ends an execution from outside has no previous event: test_sfn_api.snapshot.json (test_stop_execution of
		// 6 May 2024); for timeouts by analogy.
		r.previous = 0
	}
	r.append(last)
	r.over, r.status, r.stopped = true, status, time.Now()
	r.output, r.errorName, r.cause = output, errorName, cause
	if r.task != nil {
		r.task.closed = true
	}
	r.cancel()
	r.service.publish(r.statusChange())
}

func (r *run) succeed(output string) {
	r.locked(func() { r.end(types.ExecutionStatusSucceeded, executionSucceeded(output), &output, nil, nil) })
}

func (r *run) fail(f *failure) {
	r.locked(func() { r.end(types.ExecutionStatusFailed, executionFailed(f), nil, f.name, f.cause) })
}

// timeOut ends an execution whose machine's TimeoutSeconds have passed. DescribeExecution then shows neither error nor
// cause: test_timeouts.snapshot.json (test_global_timeout of 10 Mar 2024).
func (r *run) timeOut() {
	r.locked(func() { r.end(types.ExecutionStatusTimedOut, executionTimedOut(), nil, nil, nil) })
}

// contextObject is $$ as a state sees it, as far as modelled.json names it; a task's attempt adds State and Task.
func (r *run) contextObject() map[string]any {
	input, err := decode([]byte(r.input))
	if err != nil {
		panic(err) // StartExecution has read it
	}
	return map[string]any{"Execution": map[string]any{"Id": r.arn, "Input": input, "RedriveCount": jsonInt(int(r.redriveCount))}}
}

func jsonInt(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// failure is an error of a state. Error and cause may be absent: SendTaskFailure needs neither.
type failure struct {
	name, cause *string
	timeout     bool // found by Step Functions itself
}

func failed(name, cause string) *failure { return &failure{name: &name, cause: &cause} }

// runtime is States.Runtime, worded as in every recording of it.
func runtime(at position, err error) *failure {
	return failed("States.Runtime",
		fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", at.state, at.enteredID, err))
}

// causef is an error that is a failure's cause word for word: with AWS's capital, and full stop where it has one.
func causef(format string, args ...any) error { return fmt.Errorf(format, args...) }

// tooLarge is worded as in test_states_errors.snapshot.json of 21 Mar 2024.
func tooLarge(what string) *failure {
	return failed("States.DataLimitExceeded",
		fmt.Sprintf("The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", what))
}
