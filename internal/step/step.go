// Package step runs one step of the state machine under Lambda: it decodes the step's input strictly, asks whether
// its execution still holds the exposure, logs the boundary, and reports errors by the names that the state
// machine's Retry rules know.
package step

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// Run is what a step does.
type Run[I, O any] func(context.Context, I) (O, error)

// A Function puts what Lambda calls together, of the SDK's configuration and the registry.
type Function func(aws.Config, *registry.Table) any

// New is the function of a step. It changes nothing unless its execution holds the exposure.
func New[I, O any](wire func(aws.Config, *registry.Table) Run[I, O]) Function {
	return func(config aws.Config, table *registry.Table) any { return handler(table.Held, wire(config, table)) }
}

// First is New for the step that makes the claim.
func First[I, O any](wire func(aws.Config, *registry.Table) Run[I, O]) Function {
	return func(config aws.Config, table *registry.Table) any { return handler(unclaimed, wire(config, table)) }
}

// Last is New for the step that gives the claim up, and may find it given up: it asks by itself.
func Last[I, O any](wire func(aws.Config, *registry.Table) Run[I, O]) Function { return First(wire) }

// Serve serves a function for as long as Lambda keeps the process. The handler of one that is no step is one of those that
// the Lambda runtime takes.
func Serve(function Function) {
	slog.SetDefault(Logger(os.Stdout))
	config, err := load(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(function(config, registry.New(dynamodb.NewFromConfig(config), Env(deployment.RegistryTable))))
}

// Logger writes what is logged as JSON, without the passwords in it: whatever a person typed may come to be a part of it.
func Logger(to io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{ReplaceAttr: discreet}))
}

func discreet(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(outcome.Discreet(a.Value.String()))
	case slog.KindAny:
		if err, is := a.Value.Any().(error); is {
			a.Value = slog.StringValue(outcome.Discreet(err.Error()))
			break
		}
		text, err := json.Marshal(a.Value.Any())
		if err != nil {
			break // the handler says so
		}
		safe := outcome.Discreet(string(text))
		if a.Value = slog.StringValue(safe); json.Valid([]byte(safe)) {
			a.Value = slog.AnyValue(json.RawMessage(safe))
		}
	}
	return a
}

// claim reports, as an error, that an execution may not work on an exposure.
type claim func(ctx context.Context, exposure, execution string) error

func unclaimed(context.Context, string, string) error { return nil }

// common is what every step but the first has in its input.
type common struct {
	Exposure  string `json:"exposure"`
	Execution string `json:"execution"`
}

// handler wraps run. Its errors are of type messages.InvokeResponse_Error and not a pointer to it: aws-lambda-go looks for
// exactly that type, and names every other error after its outermost Go type, which no Retry rule matches.
func handler[I, O any](held claim, run Run[I, O]) func(context.Context, json.RawMessage) (O, error) {
	return func(ctx context.Context, payload json.RawMessage) (O, error) {
		var of common
		_ = json.Unmarshal(payload, &of) // a payload that does not decode is reported below
		logger := slog.With("exposure", of.Exposure, "execution", of.Execution)
		logger.InfoContext(ctx, "step started")
		out, err := checkAndRun(ctx, held, of, payload, run)
		if err != nil {
			reported := messages.InvokeResponse_Error{Type: outcome.Name(err), Message: outcome.Message(err)}
			logger.Log(ctx, level(reported.Type), "step failed", "error", reported.Type, "message", reported.Message)
			return out, reported
		}
		logger.InfoContext(ctx, "step done")
		return out, nil
	}
}

// checkAndRun runs a step once more when AWS denies it something: what it wanted to change may be gone since it looked, with
// the tags by which the step's role may change it, and IAM is asked before the service could say so. What is still denied
// then is a missing permission.
func checkAndRun[I, O any](ctx context.Context, held claim, of common, payload json.RawMessage, run Run[I, O]) (out O, err error) {
	// Lambda would name a panic after its Go type, which nobody finds in the README.
	defer func() {
		if fault := recover(); fault != nil {
			slog.ErrorContext(ctx, "panic", "fault", fault, "stack", string(debug.Stack()))
			err = outcome.Failed("a fault of rdslink, which its log tells more of: report it: %v", fault)
		}
	}()
	var in I
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return out, outcome.Failed("decode input: %w: another version of rdslink has begun this execution: start again with the same input", err)
	}
	if err := held(ctx, of.Exposure, of.Execution); err != nil {
		return out, err
	}
	out, err = run(ctx, in)
	if action, denied := outcome.Denied(err); denied {
		slog.WarnContext(ctx, "refused: look again", "action", action, "message", outcome.Message(err))
		return run(ctx, in)
	}
	return out, err
}

// level keeps what the state machine waits out apart from what a person must read.
func level(name string) slog.Level {
	if name == outcome.NameNotReady || name == outcome.NameThrottled {
		return slog.LevelInfo
	}
	return slog.LevelError
}

// load loads the SDK's configuration. A call that hangs must fail well inside the function's own timeout, so that the
// state machine sees an error with a name instead of Sandbox.Timedout.
func load(ctx context.Context) (aws.Config, error) {
	return config.LoadDefaultConfig(ctx,
		config.WithRetryMaxAttempts(4),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(10*time.Second)))
}

// Env is the required environment variable name. It panics when that is missing, which fails the function's start with a
// line that names it; only main functions call it.
func Env(name string) string {
	value := os.Getenv(name)
	if value == "" {
		panic("environment variable " + name + " is not set")
	}
	return value
}
