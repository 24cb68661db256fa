package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/local/model"
)

// functions is what Lambda knows about functions.
type functions interface {
	// Policy is a function's resource-based policy, empty if it has none.
	Policy(ctx context.Context, functionARN string) (string, error)
	Settings(ctx context.Context, functionARN string) (settings, error)
}

// settings are how a function wants to be invoked asynchronously.
type settings struct {
	role          string // the function's own: it must be allowed to send to deadLetter and onFailure
	retries       int
	maxAge        time.Duration
	deadLetterARN string // DeadLetterConfig: gets the event
	onFailureARN  string // DestinationConfig: gets a record of the invocation
}

// Lambda's defaults and delays: docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html.
const (
	defaultRetries = 2
	defaultMaxAge  = 6 * time.Hour
	firstBackoff   = time.Second // of throttles and system errors
	maxBackoff     = 5 * time.Minute
)

// retryDelay is the time after the nth attempt that the function itself failed.
func retryDelay(n int) time.Duration { return time.Duration(n) * time.Minute }

// event is an invocation in Lambda's queue.
type event struct {
	Invocation
	settings *settings // nil until an attempt has failed
	id       string    // of the request, the same for all attempts
	accepted time.Time
	attempts int // that the function saw
}

// submit is what the source does: Lambda accepts the event into the function's queue, or refuses it.
func (d *Delivery) submit(i Invocation) {
	ctx := context.Background()
	if err := d.admit(ctx, i); err != nil {
		d.rejected(ctx, i, err)
		return
	}
	d.run(ctx, &event{Invocation: i, id: model.UUID(), accepted: time.Now()})
}

// admit asks the function's policy, unless a role invokes, whose permission is judged with the call, or no service does: an
// asynchronous Invoke has been let in where it arrived.
func (d *Delivery) admit(ctx context.Context, i Invocation) error {
	if i.Role != "" || i.Principal == "" {
		return nil
	}
	policy, err := d.functions.Policy(ctx, i.FunctionARN)
	if err != nil {
		return err
	}
	return allow(policy, request{
		principal: i.Principal, action: "lambda:InvokeFunction", resource: i.FunctionARN,
		sourceARN: i.SourceARN, sourceAccount: model.AccountOf(i.SourceARN),
	})
}

// rejected ends an event that Lambda does not accept: the source does not try again when permission or function is missing,
// and sends it to its own dead-letter queue (docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html).
func (d *Delivery) rejected(ctx context.Context, i Invocation, err error) {
	principal := i.Principal
	if i.Role != "" {
		principal = i.Role
	}
	d.refuse(Refusal{i.Account, principal, "lambda:InvokeFunction", i.FunctionARN, errorCode(err), err.Error()})
	if i.DeadLetterARN == "" {
		return
	}
	attributes := map[string]string{"ERROR_CODE": errorCode(err), "ERROR_MESSAGE": err.Error(), "TARGET_ARN": i.FunctionARN}
	if i.Role == "" {
		attributes["RULE_ARN"] = i.SourceARN
	}
	d.send(ctx, i.Account, i.Role, i.DeadLetterARN, letter{body: i.Payload, attributes: attributes})
}

// run attempts an accepted event until the function succeeds, its retries are used up or the event is too old.
func (d *Delivery) run(ctx context.Context, e *event) {
	role, backoff := e.Role, firstBackoff
	for {
		_, functionError, err := d.invoke(ctx, role, "delivery", e.FunctionARN, e.Payload)
		if err == nil && functionError == nil {
			return
		}
		if refused := d.refusal(ctx, e, err); refused != nil {
			d.rejected(ctx, e.Invocation, refused)
			return
		}
		delay := backoff
		switch {
		case err != nil:
			// Throttles and system errors go back to the queue and do not count as attempts. Whether there is a place for a
			// function is Lambda's to say, as for every other invocation.
			backoff = min(2*backoff, maxBackoff)
		default:
			e.attempts++
			// The queue retries on its own: the source's role has done its part.
			role = ""
			if e.attempts > e.settings.retries {
				d.failed(ctx, e, "RetriesExhausted", functionError)
				return
			}
			delay = retryDelay(e.attempts)
		}
		if d.age(e)+delay > e.settings.maxAge {
			d.failed(ctx, e, "EventAgeExceeded", functionError)
			return
		}
		time.Sleep(d.world.Scale(delay))
	}
}

// refusal is why an event whose attempt failed is not tried again. How the function wants that to be done is read here: most
// events succeed.
func (d *Delivery) refusal(ctx context.Context, e *event, err error) error {
	if err != nil && !passing(err) {
		return err
	}
	if e.settings != nil {
		return nil
	}
	s, err := d.functions.Settings(ctx, e.FunctionARN)
	e.settings = &s
	return err
}

// age is how old an event is in AWS's time.
func (d *Delivery) age(e *event) time.Duration {
	real := time.Since(e.accepted)
	return time.Duration(float64(real) * float64(time.Hour) / float64(d.world.Scale(time.Hour)))
}

// passing says whether Lambda keeps the event and tries again: throttles (429) and system errors (5xx), but also whatever
// did not reach Lambda at all.
func passing(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return true
	}
	switch api.ErrorCode() {
	case "TooManyRequestsException", "ServiceException", "ResourceNotReadyException", "ResourceConflictException",
		"EC2ThrottledException", "EC2UnexpectedException", "SubnetIPAddressLimitReachedException", "ENILimitReachedException":
		return true
	}
	return api.ErrorFault() == smithy.FaultServer
}

func errorCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return "SDK_CLIENT_ERROR"
}
