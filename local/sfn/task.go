package sfn

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// visitTask runs a task's attempts, and its Catch when none of them worked.
func (r *run) visitTask(s *State, at position) (any, string, *failure) {
	attempts := make([]int, len(s.Retry))
	for retries := 0; ; retries++ {
		output, f := r.attempt(s, at, retries)
		if f == nil || r.ctx.Err() != nil {
			return output, s.Next, nil
		}
		if delay, again := s.retry(f, attempts); again {
			r.service.sleep(r.ctx, delay)
			continue
		}
		i := slices.IndexFunc(s.Catch, func(c Catcher) bool { return f.matches(c.ErrorEquals) })
		if i < 0 {
			return nil, "", f
		}
		caught := s.Catch[i]
		output, f = place(&State{ResultPath: caught.ResultPath, OutputPath: &Path{text: "$"}}, at, f.document(), nil)
		return output, caught.Next, f
	}
}

// retry finds the retrier of a failure and counts the attempt. Every retrier counts for itself.
func (s *State) retry(f *failure, attempts []int) (time.Duration, bool) {
	i := slices.IndexFunc(s.Retry, func(r Retrier) bool { return f.matches(r.ErrorEquals) })
	if i < 0 || attempts[i] >= s.Retry[i].MaxAttempts {
		return 0, false
	}
	attempts[i]++
	return s.Retry[i].delay(attempts[i]), true
}

// delay is the time before the nth retry, n from 1.
func (r Retrier) delay(n int) time.Duration {
	d := float64(r.Interval) * math.Pow(r.BackoffRate, float64(n-1))
	limit := float64(maxMaxDelay * time.Second)
	if r.MaxDelay > 0 {
		limit = float64(r.MaxDelay)
	}
	d = min(d, limit)
	if r.Jitter {
		d *= rand.Float64()
	}
	return time.Duration(d)
}

// matches says whether one of names stands for the failure: its own, or a wildcard.
func (f *failure) matches(names []string) bool {
	if f.final {
		return false
	}
	name := ""
	if f.name != nil {
		name = *f.name
	}
	return slices.ContainsFunc(names, func(n string) bool {
		switch n {
		case "States.ALL":
			return true
		case "States.TaskFailed":
			// "Matches any error except States.Timeout": docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
			return name != errTimeout
		case "States.HeartbeatTimeout":
			return f.heartbeat || name == n
		}
		return n == name
	})
}

// document is what Catch puts into the state's output. A timeout has an empty cause there and none in the history:
// test_task_service_lambda.snapshot.json (test_invoke_timeout of 28 Nov 2024); a failure without error and cause has nulls:
// test_callback.snapshot.json (test_sqs_failure_in_wait_for_task_tok_no_error_field of 29 Apr 2024).
func (f *failure) document() any {
	document := map[string]any{"Error": nil, "Cause": nil}
	if f.name != nil {
		document["Error"] = *f.name
	}
	if f.cause != nil {
		document["Cause"] = *f.cause
	} else if f.timeout {
		document["Cause"] = ""
	}
	return document
}

const errTimeout = "States.Timeout"

// task is one attempt that waits for its token.
type task struct {
	account   string
	closed    bool          // guarded by the service's lock
	answer    chan answer   // one place
	heartbeat chan struct{} // one place
}

// answer is what SendTaskSuccess or SendTaskFailure brought.
type answer struct {
	output any
	failed *failure
}

// attempt schedules the task once, with a new token, and returns the state's output.
func (r *run) attempt(s *State, at position, retries int) (any, *failure) {
	context := r.contextObject(at)
	context["State"].(map[string]any)["RetryCount"] = jsonInt(retries)
	waiting := r.openTask(s, context)
	defer r.closeTask(waiting)

	call, f := r.prepare(s, at, context)
	if f != nil {
		return nil, f
	}
	r.record(taskScheduled(s, call, r.service.world.Region))
	r.record(taskStarted(s))
	result, f := r.perform(s, call, waiting)
	if r.ctx.Err() != nil {
		return nil, nil
	}
	if f != nil {
		r.record(taskFailed(s, f))
		return nil, f
	}
	r.record(taskSucceeded(s, encode(result)))
	return r.finish(s, at, result, context)
}

// finish applies ResultSelector, ResultPath and OutputPath.
func (r *run) finish(s *State, at position, result any, context any) (any, *failure) {
	if s.ResultSelector != nil {
		var err error
		if result, err = s.ResultSelector(scope{result, context}); err != nil {
			return nil, runtime(at, err)
		}
	}
	return place(s, at, result, context)
}

// call is a task whose data has been computed.
type call struct {
	parameters         string
	function           string
	payload            string
	timeout, heartbeat time.Duration // 0: none
}

func (r *run) prepare(s *State, at position, context any) (call, *failure) {
	if err := r.atHome(s); err != nil {
		return call{}, runtime(at, err)
	}
	input, err := choose(s.InputPath, scope{at.input, context})
	if err != nil {
		return call{}, runtime(at, err)
	}
	var c call
	// Timeouts come from the state's input, not from Parameters.
	if c.timeout, err = s.Timeout.length(scope{input, context}, "TimeoutSecondsPath"); err != nil {
		return call{}, runtime(at, err)
	}
	if c.heartbeat, err = s.Heartbeat.length(scope{input, context}, "HeartbeatSecondsPath"); err != nil {
		return call{}, runtime(at, err)
	}
	parameters, err := s.Parameters(scope{input, context})
	if err != nil {
		return call{}, runtime(at, err)
	}
	members := parameters.(map[string]any) // Parse has seen FunctionName in it
	function, ok := members["FunctionName"].(string)
	if !ok {
		return call{}, runtime(at, causef("The field 'FunctionName' must be a STRING: %s", encode(members["FunctionName"])))
	}
	payload, ok := members["Payload"]
	if !ok {
		payload = map[string]any{}
	}
	c.parameters, c.function, c.payload = encode(parameters), function, encode(payload)
	if len(c.parameters) > maxBytes {
		return call{}, tooLarge(s.Name)
	}
	return c, nil
}

// atHome compares the partition of a task's resource with the execution's. Step Functions looks when the state runs, and not
// when the machine is made (aws/aws-cdk#4597); worded as in
// aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws#478.
func (r *run) atHome(s *State) error {
	if home := partition(r.arn); s.Partition != home {
		return causef("The resource belongs to a different partition from the running execution. Expected '%s', was '%s'.", home, s.Partition)
	}
	return nil
}

// partition is the second part of an ARN of ours.
func partition(ours string) string { return strings.Split(ours, ":")[1] }

// perform invokes the function and, for a token, waits for the answer: whichever comes first of result, timeout and the end
// of the run. The function runs on after a timeout, as Lambda's do.
func (r *run) perform(s *State, c call, waiting *task) (any, *failure) {
	invoked := make(chan answer, 1)
	go func() { invoked <- r.service.invokeFunction(context.WithoutCancel(r.ctx), r.execution, c) }()
	timeout := r.service.deadline(c.timeout)
	var missed <-chan time.Time
	var answered chan answer
	var alive chan struct{}
	if waiting != nil {
		answered, alive = waiting.answer, waiting.heartbeat
	} else {
		missed = r.service.deadline(c.heartbeat)
	}
	for {
		select {
		case a := <-invoked:
			if a.failed != nil || waiting == nil {
				return a.output, a.failed
			}
			r.record(taskSubmitted(s, encode(a.output)))
			// With a token the heartbeat's clock starts when the function has returned:
			// docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html.
			missed = r.service.deadline(c.heartbeat)
		case a := <-answered:
			return a.output, a.failed
		case <-alive:
			missed = r.service.deadline(c.heartbeat)
		case <-timeout:
			return nil, &failure{name: ptr(errTimeout), timeout: true}
		case <-missed:
			// Reported as States.Timeout: test_heartbeats.snapshot.json of 18 Apr 2024. The documents say that
			// States.HeartbeatTimeout matches it in Catch.
			return nil, &failure{name: ptr(errTimeout), timeout: true, heartbeat: true}
		case <-r.ctx.Done():
			return nil, nil
		}
	}
}

// deadline fires after d as timeouts are scaled; never for 0.
func (s *Service) deadline(d time.Duration) <-chan time.Time {
	if d == 0 {
		return nil
	}
	return time.After(s.patience(d))
}

// openTask makes the token of an attempt and puts it into the context object; nil when the task needs none.
func (r *run) openTask(s *State, context map[string]any) *task {
	if !s.Token {
		return nil
	}
	t := &task{account: r.account, answer: make(chan answer, 1), heartbeat: make(chan struct{}, 1)}
	token := newToken()
	context["Task"] = map[string]any{"Token": token}
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	r.service.tasks[token] = t
	t.closed = r.over
	r.task = t
	return t
}

func (r *run) closeTask(t *task) {
	if t == nil {
		return
	}
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	t.closed, r.task = true, nil
}
