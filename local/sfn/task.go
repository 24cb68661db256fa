package sfn

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// visitTask runs a task's attempts until one works or none is left.
func (r *run) visitTask(s *State, at position) (any, string, *failure) {
	attempts := make([]int, len(s.Retry))
	for retries := 0; ; retries++ {
		output, f := r.attempt(s, at, retries)
		if f == nil || r.ctx.Err() != nil {
			return output, s.Next, nil
		}
		delay, again := s.retry(f, attempts)
		if !again {
			return nil, "", f
		}
		r.service.rest(r.ctx, r.service.world.Scale(delay))
	}
}

// retry finds the retrier of a failure and counts the attempt. Every retrier counts for itself.
func (s *State) retry(f *failure, attempts []int) (time.Duration, bool) {
	i := slices.IndexFunc(s.Retry, func(r Retrier) bool { return f.name != nil && slices.Contains(r.ErrorEquals, *f.name) })
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

// task is one attempt that waits for its token.
type task struct {
	account string
	closed  bool        // guarded by the service's lock
	answer  chan answer // one place
}

// answer is what SendTaskSuccess or SendTaskFailure brought.
type answer struct {
	output any
	failed *failure
}

// attempt schedules the task once, with a new token, and returns the state's output.
func (r *run) attempt(s *State, at position, retries int) (any, *failure) {
	context := r.contextObject()
	context["State"] = map[string]any{"RetryCount": jsonInt(retries)}
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
		if result, err = s.ResultSelector.evaluate(scope{result, context}); err != nil {
			return nil, runtime(at, err)
		}
	}
	output := at.input
	if s.ResultPath != nil {
		var err error
		if output, err = s.ResultPath.put(at.input, result); err != nil {
			return nil, failed("States.ResultPathMatchFailure",
				fmt.Sprintf("Unable to apply step \"%s\" to input %s", s.ResultPath.text, encode(at.input)))
		}
	}
	output, err := s.OutputPath.find(scope{output, context})
	if err != nil {
		return nil, runtime(at, err)
	}
	return output, nil
}

// call is a task whose data has been computed.
type call struct {
	parameters string
	function   string
	payload    string
	timeout    time.Duration // 0: none
}

func (r *run) prepare(s *State, at position, context any) (call, *failure) {
	if err := r.atHome(s); err != nil {
		return call{}, runtime(at, err)
	}
	in := scope{at.input, context}
	limit, err := s.Timeout.length(in)
	if err != nil {
		return call{}, runtime(at, err)
	}
	payload, err := s.Payload.evaluate(in)
	if err != nil {
		return call{}, runtime(at, err)
	}
	parameters := encode(map[string]any{"FunctionName": s.Function, "Payload": payload})
	if len(parameters) > maxBytes {
		return call{}, tooLarge(s.Name)
	}
	return call{parameters, s.Function, encode(payload), limit}, nil
}

// length is the timeout's; 0 if there is none.
func (t timeout) length(in scope) (time.Duration, error) {
	if t.path == nil {
		return time.Duration(t.seconds) * time.Second, nil
	}
	return seconds("TimeoutSecondsPath", *t.path, in)
}

// seconds is what a path refers to. Worded as a Wait's SecondsPath in test_wait.snapshot.json of 22 Mar 2024.
func seconds(parameter string, path Path, in scope) (time.Duration, error) {
	v, err := path.find(in)
	if err != nil {
		return 0, err
	}
	n, _ := v.(json.Number)
	seconds, err := n.Int64()
	if err != nil {
		return 0, causef("The %s parameter cannot be parsed as a long value: %s == %s", parameter, path.text, encode(v))
	}
	if seconds > maxInteger { // AWS's limit; the words are ours
		return 0, causef("The %s parameter references a value above %d: %s == %d", parameter, maxInteger, path.text, seconds)
	}
	if seconds < 0 {
		return 0, causef("The %s parameter references a negative value: %s == %d", parameter, path.text, seconds)
	}
	return time.Duration(seconds) * time.Second, nil
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
	late := r.service.deadline(c.timeout)
	var answered chan answer
	if waiting != nil {
		answered = waiting.answer
	}
	for {
		select {
		case a := <-invoked:
			if a.failed != nil || waiting == nil {
				return a.output, a.failed
			}
			r.record(taskSubmitted(s, encode(a.output)))
		case a := <-answered:
			return a.output, a.failed
		case <-late:
			return nil, &failure{name: ptr("States.Timeout"), timeout: true}
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
	t := &task{account: r.account, answer: make(chan answer, 1)}
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
