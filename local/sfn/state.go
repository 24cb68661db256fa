package sfn

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// Limits of the language: docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html and .../state-task.html.
const (
	maxStateName = 80
	maxMaxDelay  = 31622400
	maxInteger   = 99999999 // seconds of a timeout, of an interval; attempts
)

// state reads one state.
func (r *reader) state(name string, fields map[string]any) *State {
	s := &State{Name: name}
	s.Type, _ = fields["Type"].(string)
	at := "/States/" + name
	if len([]rune(name)) > maxStateName {
		r.note(schema, at, fmt.Sprintf("State name exceeds %d characters", maxStateName))
	}
	switch s.Type {
	case "Task":
		newReader(s.Type, fields, at, r.problems).task(s)
	case "Wait":
		newReader(s.Type, fields, at, r.problems).wait(s)
	case "Choice":
		newReader(s.Type, fields, at, r.problems).choice(s)
	case "Pass", "Succeed", "Fail", "Parallel", "Map":
		r.note(notModelled, at+"/Type", "The local cloud does not model states of the type "+s.Type)
	default: // worded as in test_sfn_api.snapshot.json
		r.note(schema, at+"/Type",
			"The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]")
	}
	return s
}

// wait reads a wait for one thing, as the States Language has it. AWS's words for several are not recorded.
func (r *reader) wait(s *State) {
	r.require("Next")
	s.Next = r.text("Next")
	if r.has("SecondsPath") {
		if r.has("TimestampPath") {
			r.problem("", "Only one of these fields is allowed: [TimestampPath, SecondsPath]")
		}
		s.While = ptr(r.path("SecondsPath"))
		return
	}
	r.require("TimestampPath")
	s.Until = r.path("TimestampPath")
}

// choice reads a choice. Without a Default, what fits no comparison fails the execution: a definition here has one.
func (r *reader) choice(s *State) {
	if r.require("Choices"); !r.has("Default") {
		r.unmodelled("Default", "a choice without Default")
	}
	s.Default = r.text("Default")
	for _, element := range r.objects("Choices") {
		element.require("Variable", "BooleanEquals", "Next")
		s.Choices = append(s.Choices,
			Choice{Variable: element.path("Variable"), Equals: element.flag("BooleanEquals"), Next: element.text("Next")})
	}
}

// task reads a task on the optimized integration of Lambda, the only one here.
func (r *reader) task(s *State) {
	r.require("Resource")
	r.resource(s)
	r.invocation(s)
	s.ResultSelector = r.template("ResultSelector")
	s.ResultPath, s.OutputPath = r.resultPath(), r.path("OutputPath")
	s.Timeout = r.timeout()
	for _, retrier := range r.objects("Retry") {
		s.Retry = append(s.Retry, retrier.retrier())
	}
	s.Next = r.text("Next")
	if (s.Next == "") != r.flag("End") {
		r.problem("", "Exactly one of these fields is required: [Next, End]")
	}
}

// resource reads what a task is done by. A definition may name any partition; an execution takes its own only.
func (r *reader) resource(s *State) {
	text := r.text("Resource")
	resource, err := arn.Parse(text)
	integration := err == nil && resource.Service == "states" && resource.Region == "" && resource.AccountID == ""
	switch {
	case integration && resource.Resource == "lambda:invoke":
		s.Partition = resource.Partition
	case integration && resource.Resource == "lambda:invoke.waitForTaskToken":
		s.Partition, s.Token = resource.Partition, true
	case integration, err == nil && resource.Service == "lambda":
		r.unmodelled("Resource", "the resource "+text)
	default:
		r.problem("Resource",
			"The resource provided %s is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.",
			text)
	}
}

// invocation reads what lambda:invoke is called with. Without a Payload the function gets an empty object: a definition here
// has one.
func (r *reader) invocation(s *State) {
	parameters, _ := r.fields["Parameters"].(map[string]any)
	below := newReader("Parameters", parameters, r.at+"/Parameters", r.problems)
	if below.require("FunctionName"); !below.has("Payload") {
		below.unmodelled("Payload", "an invocation without Payload")
	}
	s.Function, s.Payload = below.text("FunctionName"), below.template("Payload")
}

func (r *reader) retrier() Retrier {
	retrier := Retrier{
		ErrorEquals: r.texts("ErrorEquals"),
		Interval:    time.Duration(r.integer("IntervalSeconds", 1, 1)) * time.Second,
		MaxAttempts: int(r.integer("MaxAttempts", 0, 3)),
		BackoffRate: r.number("BackoffRate", 2),
		MaxDelay:    r.seconds("MaxDelaySeconds", 1),
	}
	if retrier.BackoffRate < 1 {
		r.problem("BackoffRate", "Value must be greater than or equal to 1.0")
	}
	if retrier.MaxDelay > 0 && retrier.MaxDelay <= retrier.Interval || retrier.MaxDelay > maxMaxDelay*time.Second {
		r.problem("MaxDelaySeconds", "Value must be greater than IntervalSeconds and at most %d", maxMaxDelay)
	}
	if r.has("JitterStrategy") {
		if retrier.Jitter = r.text("JitterStrategy") == "FULL"; !retrier.Jitter {
			r.unmodelled("JitterStrategy", "jitter strategies other than FULL")
		}
	}
	for _, name := range retrier.ErrorEquals { // AWS's own, of which some stand for many
		if strings.HasPrefix(name, "States.") {
			r.unmodelled("ErrorEquals", "the error "+name+" in a retrier")
		}
	}
	return retrier
}
