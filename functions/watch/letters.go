package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/message"
	"github.com/rdslink/rdslink/internal/registry"
)

type queueAPI interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// letter is the kind of what lies in a dead-letter queue. In a Watch it has the message's id behind it.
const letter = "letter"

// What is known of dead letters, and how many a sweep reads of each queue.
const (
	receives      = 10 // of ten letters each
	lettersTold   = 500
	lettersKept   = 15 * 24 * time.Hour // a day longer than the queues keep them
	hidden        = 30                  // seconds in which a letter that is read is read by nobody else
	letterExcerpt = 200
	errorExcerpt  = 1000
)

// letters are what a sweep finds in the dead-letter queues.
type letters struct {
	troubles []trouble
	present  map[string]bool
	told     map[string]registry.Tale
	now      time.Time
}

// open keeps a letter told for as long as it can be in its queue: one receive does not see all of them.
func (l letters) open(key string) bool { return l.now.Sub(l.told[key].At) < lettersKept }

// a dead letter, and whose it is.
type deadLetter struct {
	types.Message
	queue, function string
}

// letters reads the dead-letter queues. It leaves there what is to be told, once, and replayed by people, and takes out
// what nobody needs.
func (w *watcher) letters(ctx context.Context, watch registry.Watch) (letters, error) {
	l := letters{present: map[string]bool{}, told: watch.Told, now: w.now()}
	found, err := w.receive(ctx, 0)
	byQueue := map[string][]types.ChangeMessageVisibilityBatchRequestEntry{}
	for _, d := range found {
		byQueue[d.queue] = append(byQueue[d.queue], types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(len(byQueue[d.queue]))), ReceiptHandle: d.ReceiptHandle,
		})
		key := letter + "/" + aws.ToString(d.MessageId)
		if l.present[key] || len(l.told)+len(l.troubles) >= lettersTold {
			continue
		}
		l.present[key] = true
		l.troubles = append(l.troubles, trouble{kind: letter, key: key, what: d.function, detail: d.said()})
	}
	errs := []error{err}
	for _, queue := range slices.Sorted(maps.Keys(byQueue)) {
		for batch := range slices.Chunk(byQueue[queue], 10) {
			_, err := w.queues.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &queue, Entries: batch})
			if err != nil { // it is seen again soon enough
				errs = append(errs, fmt.Errorf("give back letters of %s: %w", queue, err))
			}
		}
	}
	return l, errors.Join(errs...)
}

// receive takes the letters of every queue and hides them for a while. A sweep's letter is deleted: the next sweep has done
// what it asked for.
func (w *watcher) receive(ctx context.Context, wait int32) (found []deadLetter, err error) {
	var errs []error
	for _, function := range slices.Sorted(maps.Keys(w.deadLetters)) {
		queue := w.deadLetters[function]
		for range receives {
			out, err := w.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
				QueueUrl: &queue, MaxNumberOfMessages: 10, VisibilityTimeout: hidden, WaitTimeSeconds: wait, MessageAttributeNames: []string{"All"},
			})
			if err != nil {
				errs = append(errs, fmt.Errorf("receive letters of %s: %w", queue, err))
				break
			}
			for _, m := range out.Messages {
				if d := (deadLetter{m, queue, function}); !d.needless() {
					found = append(found, d)
				} else if err := w.delete(ctx, d); err != nil {
					errs = append(errs, err)
				}
			}
			if len(out.Messages) == 0 {
				break
			}
		}
	}
	return found, errors.Join(errs...)
}

func (w *watcher) delete(ctx context.Context, d deadLetter) error {
	slog.InfoContext(ctx, "delete dead letter", "function", d.function, "body", aws.ToString(d.Body))
	if _, err := w.queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &d.queue, ReceiptHandle: d.ReceiptHandle}); err != nil {
		return fmt.Errorf("delete letter %s of %s: %w", aws.ToString(d.MessageId), d.queue, err)
	}
	return nil
}

// body is what an event of a watcher may be.
type body struct {
	Sweep      string          `json:"sweep"`
	ServiceID  string          `json:"serviceId"`
	Records    json.RawMessage `json:"Records"`
	DetailType string          `json:"detail-type"`
	Detail     bus.Decision    `json:"detail"`
}

func (d deadLetter) body() (b body) {
	_ = json.Unmarshal([]byte(aws.ToString(d.Body)), &b) // what does not decode is shown as it is
	return b
}

// needless tells a letter that nobody has to do anything about.
func (d deadLetter) needless() bool { return d.body().Sweep != "" }

// said says in short what a letter is about, and why it was given up on. People put events on the bus: what they hold is
// quoted, and cut.
func (d deadLetter) said() string {
	what := "an event: " + quote(aws.ToString(d.Body))
	switch b := d.body(); {
	case b.DetailType == bus.ConnectionDecision:
		what = fmt.Sprintf("the decision %s about exposure %s, endpoint %s, by %s", quote(b.Detail.Decision), quote(b.Detail.Exposure),
			quote(b.Detail.VPCEndpointID), quote(b.Detail.By))
	case b.DetailType != "":
		what = fmt.Sprintf("%s of exposure %s, endpoint %s", quote(b.DetailType), quote(b.Detail.Exposure), quote(b.Detail.VPCEndpointID))
	case b.ServiceID != "":
		what = "a look at endpoint service " + quote(b.ServiceID)
	case b.Records != nil:
		what = "a notification that connections have changed"
	}
	if cause, has := d.MessageAttributes["ErrorMessage"]; has {
		what += "; the last error was " + quoted(aws.ToString(cause.StringValue), errorExcerpt)
	}
	return what
}

func quote(text string) string { return quoted(text, letterExcerpt) }

func quoted(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strconv.Quote(text)
}

// lost says what was given up on, and what to do.
func (w *watcher) lost(fresh []trouble) told {
	var lines []string
	for _, t := range fresh {
		lines = append(lines, fmt.Sprintf("- %s gave up on %s", w.name.Function(t.what), t.detail))
	}
	subject, text := messages.Write(letter, message.Facts{
		"Stack": w.name.Stack(), "Letters": strings.Join(lines, "\n"), "stack": w.stack(), "Region": w.operators.Region,
		"Watch": w.name.Function("watch"),
	})
	return told{subject, text}
}

// Replayed is what a replay did.
type Replayed struct {
	Replayed []string `json:"replayed,omitempty"` // what was handed over again
	Failed   []string `json:"failed,omitempty"`   // what could not be, and why
}

// replay hands each letter over to its function again, with the very body that it has: nobody can put words into it.
// The function's queue takes it, and a letter that was taken is deleted. Should it fail again, it comes back. Handed over
// twice, a letter does no harm: functions judge by what they see, and remember the events that they have followed.
func (w *watcher) replay(ctx context.Context) (done Replayed, err error) {
	found, err := w.receive(ctx, 1)
	errs := []error{err}
	for _, d := range found {
		function := w.name.Function(d.function)
		slog.InfoContext(ctx, "replay dead letter", "function", function, "body", aws.ToString(d.Body))
		_, err := w.functions.Invoke(ctx, &lambda.InvokeInput{
			FunctionName: &function, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(aws.ToString(d.Body)),
		})
		if err == nil {
			err = w.delete(ctx, d)
		}
		if err != nil {
			done.Failed = append(done.Failed, fmt.Sprintf("%s: %s: %v", function, d.said(), err))
			continue
		}
		done.Replayed = append(done.Replayed, function+": "+d.said())
	}
	return done, errors.Join(errs...)
}
