package sfn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

const (
	account    = "111122223333"
	machineARN = "arn:aws:states:eu-central-1:111122223333:stateMachine:setup"
)

var caller = wire.WithCaller(context.Background(), wire.Caller{Account: account})

// lambda is a fake of the Lambda service: one outcome per invocation, the last one repeated; without any, empty answers.
type lambda struct {
	mu       sync.Mutex
	outcomes []outcome
	payloads []string // of the invocations, in order
	tokens   chan string
}

// outcome is what an invocation leads to: an answer, a function error or a refusal.
type outcome struct {
	answer, functionError string
	refusal               error
	hold                  chan struct{} // the function runs until it is closed
}

func (l *lambda) invoke(_ context.Context, _, _, _ string, payload []byte) (answer, functionError []byte, err error) {
	l.mu.Lock()
	o := l.outcomes[min(len(l.payloads), len(l.outcomes)-1)]
	l.payloads = append(l.payloads, string(payload))
	l.mu.Unlock()
	var in struct{ Token string }
	_ = json.Unmarshal(payload, &in) // a payload without a token has none
	if in.Token != "" {
		l.tokens <- in.Token
	}
	if o.hold != nil {
		<-o.hold
	}
	if o.functionError != "" {
		functionError = []byte(o.functionError)
	}
	return []byte(o.answer), functionError, o.refusal
}

// cloud is a service with one state machine.
type cloud struct {
	*Service
	t      *testing.T
	lambda *lambda
	events []model.Event // guarded by the world's lock
}

func newCloud(t *testing.T, definition string, outcomes ...outcome) *cloud {
	t.Helper()
	if outcomes == nil {
		outcomes = []outcome{{answer: "{}"}}
	}
	c := &cloud{t: t, lambda: &lambda{outcomes: outcomes, tokens: make(chan string, 100)}}
	world := &model.World{Region: "eu-central-1", Speed: 1000}
	world.Publish = func(e model.Event) { c.events = append(c.events, e) }
	machine := func(_ context.Context, arn string) (string, string, error) {
		if arn != machineARN {
			return "", "", wire.Errorf("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", arn)
		}
		return definition, "arn:aws:iam::111122223333:role/machine", nil
	}
	c.Service = New(world, machine, c.lambda.invoke)
	c.TimeoutSpeed = 100
	return c
}

func (c *cloud) start(input string) string {
	c.t.Helper()
	out, err := c.startExecution(caller, &sfn.StartExecutionInput{StateMachineArn: aws.String(machineARN), Input: &input, Name: aws.String("run")})
	if err != nil {
		c.t.Fatal(err)
	}
	return *out.ExecutionArn
}

// ended waits until the execution no longer runs.
func (c *cloud) ended(arn string) *sfn.DescribeExecutionOutput {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		out, err := c.describeExecution(caller, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if err != nil {
			c.t.Fatal(err)
		}
		if out.Status != types.ExecutionStatusRunning {
			return out
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("execution still runs: %q", c.history(arn))
		}
	}
}

// reached waits until the history has an event of that type.
func (c *cloud) reached(arn, event string) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(strings.Join(c.history(arn), "\n"), event); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("no %s in %q", event, c.history(arn))
		}
	}
}

func (c *cloud) recorded(arn string) []types.HistoryEvent {
	c.t.Helper()
	out, err := c.getExecutionHistory(caller, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 1000})
	if err != nil {
		c.t.Fatal(err)
	}
	return out.Events
}

// history is one line per event: id<-previous type and the details that matter.
func (c *cloud) history(arn string) []string {
	c.t.Helper()
	var lines []string
	for _, e := range c.recorded(arn) {
		lines = append(lines, fmt.Sprintf("%d<-%d %s%s", e.Id, e.PreviousEventId, e.Type, details(e)))
	}
	return lines
}

func details(e types.HistoryEvent) string {
	var text string
	add := func(name string, value *string) {
		if value != nil {
			text += fmt.Sprintf(" %s=%s", name, *value)
		}
	}
	switch {
	case e.StateEnteredEventDetails != nil:
		add("name", e.StateEnteredEventDetails.Name)
	case e.StateExitedEventDetails != nil:
		add("name", e.StateExitedEventDetails.Name)
	case e.TaskScheduledEventDetails != nil:
		add("resource", e.TaskScheduledEventDetails.Resource)
		if limit := e.TaskScheduledEventDetails.TimeoutInSeconds; limit != nil {
			text += fmt.Sprintf(" timeout=%d", *limit)
		}
	case e.TaskSucceededEventDetails != nil && *e.TaskSucceededEventDetails.Resource != "invoke":
		add("output", e.TaskSucceededEventDetails.Output)
	case e.TaskFailedEventDetails != nil:
		add("error", e.TaskFailedEventDetails.Error)
		add("cause", e.TaskFailedEventDetails.Cause)
	case e.TaskTimedOutEventDetails != nil:
		add("error", e.TaskTimedOutEventDetails.Error)
		add("cause", e.TaskTimedOutEventDetails.Cause)
	case e.ExecutionFailedEventDetails != nil:
		add("error", e.ExecutionFailedEventDetails.Error)
		add("cause", e.ExecutionFailedEventDetails.Cause)
	case e.ExecutionAbortedEventDetails != nil:
		add("error", e.ExecutionAbortedEventDetails.Error)
	case e.ExecutionRedrivenEventDetails != nil:
		text = fmt.Sprintf(" count=%d", *e.ExecutionRedrivenEventDetails.RedriveCount)
	}
	return text
}

// token is the next token that a function was given.
func (c *cloud) token() string {
	c.t.Helper()
	select {
	case token := <-c.lambda.tokens:
		return token
	case <-time.After(20 * time.Second):
		c.t.Fatal("no token arrived")
		return ""
	}
}

// refusal is an error of the Lambda service as its client returns it.
func refusal(status int, code, message string) error {
	return &awshttp.ResponseError{
		RequestID: "id",
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: message},
		},
	}
}

func code(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return e.Code
	}
	return err.Error()
}

// one makes a machine of one state called S.
func one(state string) string { return `{"StartAt":"S","States":{"S":` + state + `}}` }

const (
	invoke = `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload":{"in.$":"$"}}`
	// passing is a state that gives its input on.
	passing = `{` + invoke + `,"ResultPath":null,"End":true}`
	waiting = `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"f","Payload":{"Token.$":"$$.Task.Token"}}`
)
