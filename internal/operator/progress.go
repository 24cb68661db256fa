package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Step is one state of an execution as far as it has come.
type Step struct {
	Name    string
	Entered time.Time
	Ended   time.Time // zero while it runs
	Retries int
	Waiting bool // for a task token: for people
	Failed  bool
	Not     string // what was not ready when it was last asked, in its words
}

// Progress is an execution as far as it has come.
type Progress struct {
	ExecutionARN string
	Status       sfntypes.ExecutionStatus
	Steps        []Step // in the order of their first entry; a redriven step counts from its first
	Error, Cause string
	Output       string // JSON, when succeeded
}

// Done says whether the execution has ended.
func (p Progress) Done() bool {
	return p.Status != sfntypes.ExecutionStatusRunning && p.Status != sfntypes.ExecutionStatusPendingRedrive
}

// Err is why an execution that has ended did not succeed. One that somebody stopped need not say why.
func (p Progress) Err() error {
	why := ""
	if p.Error != "" {
		why = ": " + p.Error
	}
	if p.Cause != "" {
		why += ": " + p.Cause
	}
	switch p.Status {
	case sfntypes.ExecutionStatusSucceeded:
		return nil
	case sfntypes.ExecutionStatusAborted:
		return errors.New("the execution was stopped" + why)
	case sfntypes.ExecutionStatusTimedOut:
		return errors.New("the execution ran out of time" + why)
	}
	return errors.New("the execution failed" + why)
}

// said is what a cause says to people: a function's error arrives in Lambda's wrapping.
func said(cause *string) string {
	var wrapped struct {
		ErrorMessage string `json:"errorMessage"`
	}
	text := aws.ToString(cause)
	if json.Unmarshal([]byte(text), &wrapped) != nil || wrapped.ErrorMessage == "" {
		return text
	}
	return wrapped.ErrorMessage
}

// Waiting is the step that waits for people; nil if none does.
func (p Progress) Waiting() *Step {
	for i := range p.Steps {
		if p.Steps[i].Waiting && p.Steps[i].Ended.IsZero() {
			return &p.Steps[i]
		}
	}
	return nil
}

// Progress reads how far an execution has come.
func (o *Operator) Progress(ctx context.Context, executionARN string) (Progress, error) {
	out, err := o.executions.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &executionARN})
	if err != nil {
		return Progress{}, noExecution(executionARN, err)
	}
	p := Progress{ExecutionARN: executionARN, Status: out.Status, Error: aws.ToString(out.Error), Cause: said(out.Cause),
		Output: aws.ToString(out.Output)}
	// Inputs and outputs stay where they are: one of them is the task token.
	history := sfn.NewGetExecutionHistoryPaginator(o.executions,
		&sfn.GetExecutionHistoryInput{ExecutionArn: &executionARN, IncludeExecutionData: aws.Bool(false)})
	for history.HasMorePages() {
		page, err := history.NextPage(ctx)
		if err != nil {
			return Progress{}, fmt.Errorf("get history of execution %s: %w", executionARN, err)
		}
		for _, event := range page.Events {
			p.add(event)
		}
	}
	return p, nil
}

// add takes one event of the history into account. The states follow one another: an event without a name is the last one's.
func (p *Progress) add(event sfntypes.HistoryEvent) {
	at := aws.ToTime(event.Timestamp)
	switch event.Type {
	case sfntypes.HistoryEventTypeTaskStateEntered:
		p.enter(aws.ToString(event.StateEnteredEventDetails.Name), at)
		return
	case sfntypes.HistoryEventTypeTaskStateExited:
		if s := p.last(); s != nil {
			s.Ended, s.Waiting = at, false
		}
		return
	}
	s := p.last()
	if s == nil {
		return
	}
	switch event.Type {
	case sfntypes.HistoryEventTypeTaskScheduled:
		s.Failed = false
	case sfntypes.HistoryEventTypeTaskSubmitted:
		s.Waiting = true
	case sfntypes.HistoryEventTypeTaskFailed, sfntypes.HistoryEventTypeTaskTimedOut:
		s.Waiting, s.Not = false, ""
		s.Retries++
		if event.TaskFailedEventDetails != nil {
			s.Not = said(event.TaskFailedEventDetails.Cause)
		}
	case sfntypes.HistoryEventTypeExecutionFailed, sfntypes.HistoryEventTypeExecutionTimedOut, sfntypes.HistoryEventTypeExecutionAborted:
		s.Failed, s.Waiting, s.Ended = true, false, at
	case sfntypes.HistoryEventTypeExecutionRedriven:
		s.Failed, s.Ended = false, time.Time{}
	}
}

func (p *Progress) enter(name string, at time.Time) {
	for i := range p.Steps {
		if p.Steps[i].Name == name {
			p.Steps[i].Ended = time.Time{}
			return
		}
	}
	p.Steps = append(p.Steps, Step{Name: name, Entered: at})
}

func (p *Progress) last() *Step {
	if len(p.Steps) == 0 {
		return nil
	}
	return &p.Steps[len(p.Steps)-1]
}

// Follow reads the progress of an execution every interval and gives it to each, until each says stop, the execution has
// ended or ctx is done. It returns the last progress that it has seen.
func (o *Operator) Follow(
	ctx context.Context, executionARN string, interval time.Duration, each func(Progress) (stop bool),
) (Progress, error) {
	last := Progress{ExecutionARN: executionARN, Status: sfntypes.ExecutionStatusRunning}
	for {
		p, err := o.Progress(ctx, executionARN)
		if ctx.Err() != nil {
			return last, ctx.Err()
		}
		if err != nil {
			return last, err
		}
		last = p
		if each(p) || p.Done() {
			return p, nil
		}
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-time.After(interval):
		}
	}
}

// noExecution words why an execution cannot be described.
func noExecution(executionARN string, err error) error {
	if _, missing := errors.AsType[*sfntypes.ExecutionDoesNotExist](err); missing {
		return fmt.Errorf("no execution %s: Step Functions forgets executions after 90 days; `aws stepfunctions list-executions` has the others",
			executionARN)
	}
	return fmt.Errorf("describe execution %s: %w", executionARN, err)
}
