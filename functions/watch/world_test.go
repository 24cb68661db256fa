package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/registry"
)

// world is what a sweep looks at, with a clock of its own.
type world struct {
	mu        sync.Mutex
	clock     time.Time
	exposures map[string]*registry.Exposure
	own       registry.Watch
	schedules map[string]*types.ScheduleSummary
	runs      bool // the executions
	reports   map[string]inspect.Report
	inspected []string
	queues    map[string][]*heldLetter // by function

	readError, writeError, listError, publishError, invokeError error

	said    []string // subjects
	texts   []string
	invoked []string
	writes  int
	publish func() // in the middle of a Publish
}

type heldLetter struct {
	sqstypes.Message
	hidden time.Time
}

func newWorld(views ...view) *world {
	w := &world{
		clock: noon, exposures: map[string]*registry.Exposure{}, schedules: map[string]*types.ScheduleSummary{},
		reports: map[string]inspect.Report{}, queues: map[string][]*heldLetter{"observer": nil, "decision": nil},
	}
	for _, v := range views {
		w.exposures[v.exposure.ID] = &v.exposure
		if v.schedule != nil {
			w.schedules[v.exposure.ID] = v.schedule
		}
	}
	return w
}

// named is a view of an exposure of another name.
func named(id string, v view) view {
	v.exposure.ID, v.exposure.ScheduleName, v.exposure.Binding = id, id, &registry.Binding{Exposure: id}
	if v.schedule != nil {
		v.schedule = ticking(id)
	}
	return v
}

// process is a process of the function.
func (w *world) process() *watcher {
	return &watcher{
		registry: w, schedules: w, executions: w, functions: w, inspector: w, topic: w, queues: w,
		operators:   arn.ARN{Partition: "aws", Service: "sns", Region: "eu-central-1", AccountID: "111122223333", Resource: "rdslink-operators"},
		deadLetters: map[string]string{"observer": "observer", "decision": "decision"},
		sync:        syncARN, patience: 5 * time.Minute, now: func() time.Time { return w.clock },
	}
}

func (w *world) Survey(context.Context) (all []registry.Exposure, _ registry.Watch, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(w.exposures)) {
		e := *w.exposures[id]
		if e.Watch != nil {
			e.Watch = new(e.Watch.Clone())
		}
		all = append(all, e)
	}
	return all, w.own.Clone(), w.readError
}

func (w *world) WriteWatch(_ context.Context, id string, before, after registry.Watch) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writeError != nil {
		return false, w.writeError
	}
	current := w.own
	if id != "" {
		e, found := w.exposures[id]
		if !found {
			return false, nil
		}
		if current = (registry.Watch{}); e.Watch != nil {
			current = *e.Watch
		}
	}
	if current.Version != before.Version {
		return false, nil
	}
	w.writes++
	after = after.Clone()
	after.Version = before.Version + 1
	if id == "" {
		w.own = after
	} else {
		w.exposures[id].Watch = &after
	}
	return true, nil
}

func (w *world) ListSchedules(context.Context, *scheduler.ListSchedulesInput, ...func(*scheduler.Options)) (*scheduler.ListSchedulesOutput, error) {
	out := &scheduler.ListSchedulesOutput{Schedules: []types.ScheduleSummary{
		{Name: aws.String("rdslink-SweepExposures"), Target: &types.TargetSummary{Arn: aws.String("watch")}},
	}}
	for _, name := range slices.Sorted(maps.Keys(w.schedules)) {
		out.Schedules = append(out.Schedules, *w.schedules[name])
	}
	return out, w.listError
}

func (w *world) GetSchedule(_ context.Context, in *scheduler.GetScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error) {
	if w.schedules[*in.Name] == nil {
		return nil, &types.ResourceNotFoundException{}
	}
	return &scheduler.GetScheduleOutput{}, nil
}

func (w *world) DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	if w.runs {
		return &sfn.DescribeExecutionOutput{Status: sfntypes.ExecutionStatusRunning}, nil
	}
	return &sfn.DescribeExecutionOutput{Status: sfntypes.ExecutionStatusAborted}, nil
}

func (w *world) Inspect(_ context.Context, exposures []registry.Exposure) (all []inspect.Report) {
	for _, e := range exposures {
		w.inspected = append(w.inspected, e.ID)
		report := w.reports[e.ID]
		report.Exposure = e.ID
		all = append(all, report)
	}
	return all
}

func (w *world) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	if w.invokeError != nil {
		return nil, w.invokeError
	}
	name := (*in.FunctionName)[strings.LastIndex(*in.FunctionName, ":")+1:]
	w.invoked = append(w.invoked, fmt.Sprintf("%s %s %s", name, in.InvocationType, in.Payload))
	return &lambda.InvokeOutput{}, nil
}

func (w *world) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	if w.publish != nil {
		w.publish()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.publishError != nil {
		return nil, w.publishError
	}
	w.said, w.texts = append(w.said, *in.Subject), append(w.texts, *in.Message)
	return &sns.PublishOutput{}, nil
}

func (w *world) letter(function, id, body string) {
	w.queues[function] = append(w.queues[function], &heldLetter{Message: sqstypes.Message{
		MessageId: &id, ReceiptHandle: &id, Body: &body,
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{"ErrorMessage": {StringValue: aws.String("not authorized")}},
	}})
}

func (w *world) ReceiveMessage(_ context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	out := &sqs.ReceiveMessageOutput{}
	for _, l := range w.queues[*in.QueueUrl] {
		if !l.hidden.After(w.clock) && len(out.Messages) < int(in.MaxNumberOfMessages) {
			l.hidden = w.clock.Add(time.Duration(in.VisibilityTimeout) * time.Second)
			out.Messages = append(out.Messages, l.Message)
		}
	}
	return out, nil
}

func (w *world) DeleteMessage(_ context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	w.queues[*in.QueueUrl] = slices.DeleteFunc(w.queues[*in.QueueUrl], func(l *heldLetter) bool { return *l.ReceiptHandle == *in.ReceiptHandle })
	return &sqs.DeleteMessageOutput{}, nil
}

func (w *world) ChangeMessageVisibilityBatch(_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	if len(in.Entries) > 10 {
		return nil, errors.New("AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
	}
	for _, entry := range in.Entries {
		for _, l := range w.queues[*in.QueueUrl] {
			if *l.ReceiptHandle == *entry.ReceiptHandle {
				l.hidden = time.Time{}
			}
		}
	}
	return &sqs.ChangeMessageVisibilityBatchOutput{}, nil
}

// nudged are the exposures that ip-sync is to look at.
func (w *world) nudged() (ids []string) {
	for _, call := range w.invoked {
		if payload, is := strings.CutPrefix(call, "rdslink-ip-sync Event "); is {
			var of struct {
				Exposures []string
				Full      bool
			}
			if json.Unmarshal([]byte(payload), &of) == nil && of.Full {
				ids = append(ids, of.Exposures...)
			}
		}
	}
	return ids
}

// A simulation sweeps thousands of times.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}
