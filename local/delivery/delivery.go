// Package delivery is the one place through which AWS services reach functions, buses and topics by themselves: asynchronous
// invocations with Lambda's queue behind them, events of AWS services, and notifications to topics.
package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/local/model"
)

// Invocation is an event on its way to a function.
type Invocation struct {
	Account     string // of the function
	FunctionARN string
	Payload     []byte

	// Principal and SourceARN are the service that invokes and its resource (events.amazonaws.com and a rule): the function's
	// own policy has to allow them. When Role is set, that role's permission counts instead, as with EventBridge Scheduler.
	Principal string
	SourceARN string
	Role      string

	// DeadLetterARN is the source's dead-letter queue, for events that Lambda does not accept. What a function fails with
	// goes to the function's own.
	DeadLetterARN string

	// Over is told when the function is through with it, or never gets it; nil is not.
	Over func()
}

// Invoker calls a function as a role and waits for it; roleARN is empty when Lambda itself runs an accepted event.
// functionError is the error document of a function that failed, err a refusal of the Lambda service.
type Invoker func(ctx context.Context, roleARN, session, functionARN string, payload []byte) (answer, functionError []byte, err error)

// Refusal is something that AWS would not have done, for the call log.
type Refusal struct {
	Account, Principal, Action, Resource, Code, Message string
}

// Disturbance is what goes wrong with one invocation on purpose.
type Disturbance struct {
	Drop       bool          // lost before it reaches Lambda's queue
	Delay      time.Duration // real time, before the first attempt
	Duplicates int           // Lambda's queue delivers at least once
}

// Delivery delivers.
type Delivery struct {
	// Disturb is asked before each invocation; nil disturbs nothing.
	Disturb func(Invocation) Disturbance
	// Refused is told what AWS would have refused; nil tells nobody.
	Refused func(Refusal)
	// Begin is told that a delivery is under way, until it calls end; nil is not.
	Begin func(what string) (end func())

	world     *model.World
	invoke    Invoker
	functions functions
	outlets   outlets
	outbox    outbox
}

// New makes a delivery. config makes the configuration of SDK clients that act as a role, or as an account's root when the
// role is empty; records that of clients which write past the door what AWS itself writes.
func New(
	w *model.World, invoke Invoker, config func(account, roleARN, session string) aws.Config, records func(account string) aws.Config,
) *Delivery {
	sdk := &sdk{config, records}
	return &Delivery{world: w, invoke: invoke, functions: sdk, outlets: sdk}
}

// Invoke accepts an event and returns at once.
func (d *Delivery) Invoke(i Invocation) {
	var disturbance Disturbance
	if d.Disturb != nil {
		disturbance = d.Disturb(i)
	}
	var copies sync.WaitGroup
	if !disturbance.Drop {
		copies.Add(1 + disturbance.Duplicates)
		for range 1 + disturbance.Duplicates {
			end := d.begin("delivery to " + i.FunctionARN)
			time.AfterFunc(disturbance.Delay, func() {
				defer copies.Done()
				defer end()
				d.submit(i)
			})
		}
	}
	if i.Over != nil {
		go func() {
			copies.Wait()
			i.Over()
		}()
	}
}

func (d *Delivery) begin(what string) (end func()) {
	if d.Begin == nil {
		return func() {}
	}
	return d.Begin(what)
}

// principals are the services whose deliveries are handed over, by the kind that the hand-over names.
var principals = map[string]string{
	"events": "events.amazonaws.com",
	"sns":    "sns.amazonaws.com",
}

// ServeHTTP takes over a delivery to a function, or of a rule to a topic: POST
// {"kind":"events"|"sns","account","region","source", "target","payload"}, with the ARN of the rule or topic as source, that
// of the function or topic as target, and the payload in base64.
func (d *Delivery) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var handed struct {
		Kind, Account, Region, Source, Target string
		Payload                               []byte
	}
	if err := json.NewDecoder(r.Body).Decode(&handed); err != nil {
		http.Error(w, "read delivery: "+err.Error(), http.StatusBadRequest)
		return
	}
	principal, known := principals[handed.Kind]
	account := model.AccountOf(handed.Target)
	switch {
	case known && account != "" && strings.Contains(handed.Target, ":function:"):
		d.Invoke(Invocation{
			Account: account, FunctionARN: handed.Target, Payload: handed.Payload, Principal: principal, SourceARN: handed.Source,
		})
	case handed.Kind == "events" && strings.HasPrefix(handed.Target, "arn:aws:sns:"):
		d.Notify(model.Notification{
			TopicARN: handed.Target, Service: principal, SourceARN: handed.Source, Account: handed.Account, Message: string(handed.Payload),
		})
	default:
		http.Error(w, fmt.Sprintf("deliver %s to %q: unknown kind, or neither function nor topic", handed.Kind, handed.Target),
			http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (d *Delivery) refuse(r Refusal) {
	if d.Refused != nil {
		d.Refused(r)
	}
}

// outbox runs what it is given one after the other, off its callers' goroutine: events of one service stay in order.
type outbox struct {
	mu      sync.Mutex
	waiting []func()
	busy    bool
}

func (o *outbox) add(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, f)
	if !o.busy {
		o.busy = true
		go o.empty()
	}
}

func (o *outbox) empty() {
	for {
		o.mu.Lock()
		if len(o.waiting) == 0 {
			o.busy = false
			o.mu.Unlock()
			return
		}
		next := o.waiting[0]
		o.waiting = o.waiting[1:]
		o.mu.Unlock()
		next()
	}
}
