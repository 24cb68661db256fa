package sfn

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// Limits of the language: docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html and .../state-wait.html.
const (
	maxStateName = 80
	maxMaxDelay  = 31622400
	maxInteger   = 99999999 // seconds to wait, of a timeout, of a heartbeat, of an interval; attempts
)

// state reads one state.
func (r *reader) state(name string) *State {
	s := &State{Name: name, Type: r.text("Type")}
	if len([]rune(name)) > maxStateName {
		r.problem("", "State name exceeds %d characters", maxStateName)
	}
	r.text("Comment")
	r.language()
	read, known := map[string]func(*State){
		"Task":    r.task,
		"Pass":    r.pass,
		"Wait":    r.wait,
		"Succeed": func(*State) {},
		"Choice":  r.choice,
	}[s.Type]
	switch s.Type {
	case "Fail", "Parallel", "Map":
		r.unmodelled("Type", "states of the type "+s.Type)
		return s
	}
	if !known { // worded as in test_sfn_api.snapshot.json
		r.problem("Type", "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]")
		return s
	}
	read(s)
	s.InputPath, s.OutputPath = r.path("InputPath"), r.path("OutputPath")
	if s.Type == "Task" || s.Type == "Pass" || s.Type == "Wait" {
		r.transition(s)
	}
	r.rest()
	return s
}

func (r *reader) transition(s *State) {
	s.Next = r.text("Next")
	end := r.flag("End")
	if (s.Next == "") != end {
		r.problem("", "Exactly one of these fields is required: [Next, End]")
	}
}

func (r *reader) pass(s *State) {
	s.Parameters = r.template("Parameters")
	s.ResultPath = r.resultPath()
	s.HasResult = r.has("Result")
	s.Result = r.take("Result")
}

func (r *reader) wait(s *State) {
	given := 0
	for _, field := range []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"} {
		if r.has(field) {
			given++
		}
	}
	if given != 1 {
		r.problem("", "Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath]")
	}
	s.Wait = r.duration("Seconds", 0)
	s.Wait.untilPath = r.pointer("TimestampPath")
	if r.has("Timestamp") {
		until, err := time.Parse(time.RFC3339, r.text("Timestamp"))
		if err != nil {
			r.problem("Timestamp", "String does not match RFC3339 timestamp")
		}
		s.Wait.until = &until
	}
}

// choice reads a choice. Without a Default, what fits no comparison fails the execution: a definition here has one.
func (r *reader) choice(s *State) {
	if r.require("Choices"); !r.has("Default") {
		r.unmodelled("Default", "a choice without Default")
	}
	s.Default = r.text("Default")
	for _, element := range r.objects("Choices") {
		element.require("Variable", "Next")
		c := Choice{Variable: element.pointer("Variable"), Next: element.text("Next")}
		if !element.has("BooleanEquals") {
			element.unmodelled("", "comparisons other than BooleanEquals")
			continue
		}
		c.Equals = element.flag("BooleanEquals")
		element.rest()
		s.Choices = append(s.Choices, c)
	}
}

// task reads a task on the optimized integration of Lambda, the only one here.
func (r *reader) task(s *State) {
	r.require("Resource")
	r.resource(s)
	r.invocation()
	s.Parameters = r.template("Parameters")
	s.ResultSelector = r.template("ResultSelector")
	s.ResultPath = r.resultPath()
	s.Timeout, s.Heartbeat = r.duration("TimeoutSeconds", 1), r.duration("HeartbeatSeconds", 1)
	if s.Timeout.seconds > 0 && s.Heartbeat.seconds >= s.Timeout.seconds {
		r.problem("HeartbeatSeconds", "The value of 'HeartbeatSeconds' must be smaller than that of 'TimeoutSeconds'")
	}
	for i, retrier := range r.objects("Retry") {
		s.Retry = append(s.Retry, retrier.retrier())
		r.onlyAll("Retry", s.Retry[i].ErrorEquals)
	}
	for i, catcher := range r.objects("Catch") {
		s.Catch = append(s.Catch, catcher.catcher())
		r.onlyAll("Catch", s.Catch[i].ErrorEquals)
	}
	r.allLast("Retry", len(s.Retry), func(i int) []string { return s.Retry[i].ErrorEquals })
	r.allLast("Catch", len(s.Catch), func(i int) []string { return s.Catch[i].ErrorEquals })
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

// invocation looks at what lambda:invoke is to be called with: FunctionName and Payload.
func (r *reader) invocation() {
	parameters, _ := r.fields["Parameters"].(map[string]any)
	below := newReader(parameters, r.at+"/Parameters", r.problems)
	if !below.has("FunctionName") && !below.has("FunctionName.$") {
		below.require("FunctionName")
	}
	for _, field := range []string{"FunctionName", "FunctionName.$", "Payload", "Payload.$"} {
		below.take(field)
	}
	below.rest()
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
	switch jitter := r.text("JitterStrategy"); jitter {
	case "", "NONE":
	case "FULL":
		retrier.Jitter = true
	default:
		r.problem("JitterStrategy", "Value must be one of: [FULL, NONE]")
	}
	r.text("Comment")
	r.rest()
	return retrier
}

func (r *reader) catcher() Catcher {
	r.require("Next")
	c := Catcher{ErrorEquals: r.texts("ErrorEquals"), Next: r.text("Next"), ResultPath: r.resultPath()}
	r.text("Comment")
	r.rest()
	return c
}

// onlyAll and allLast: States.ALL must stand alone, and in the last element.
func (r *reader) onlyAll(field string, names []string) {
	if len(names) > 1 && slices.Contains(names, "States.ALL") {
		r.problem(field, "States.ALL must appear alone in ErrorEquals")
	}
}

func (r *reader) allLast(field string, n int, names func(int) []string) {
	for i := range n - 1 {
		if slices.Contains(names(i), "States.ALL") {
			r.problem(field, "States.ALL must appear in the last element")
		}
	}
}
