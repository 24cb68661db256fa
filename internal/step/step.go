// Package step runs one step of the state machine under Lambda: it decodes the step's input strictly, logs the boundary, and
// reports errors by the names that the state machine's Retry rules know.
package step

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/rdslink/rdslink/internal/outcome"
)

// Start serves run for as long as Lambda keeps the process.
func Start[I, O any](run func(context.Context, I) (O, error)) {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	lambda.Start(handler(run))
}

// handler wraps run. Its errors are of type messages.InvokeResponse_Error and not a pointer to it: aws-lambda-go looks for
// exactly that type, and names every other error after its outermost Go type, which no Retry rule matches.
func handler[I, O any](run func(context.Context, I) (O, error)) func(context.Context, json.RawMessage) (O, error) {
	return func(ctx context.Context, payload json.RawMessage) (O, error) {
		log := slog.With(boundary(payload)...)
		log.InfoContext(ctx, "step started")
		out, err := decodeAndRun(ctx, payload, run)
		if err != nil {
			reported := messages.InvokeResponse_Error{Type: outcome.Name(err), Message: outcome.Message(err)}
			log.Log(ctx, level(reported.Type), "step failed", "error", reported.Type, "message", reported.Message)
			return out, reported
		}
		log.InfoContext(ctx, "step done")
		return out, nil
	}
}

// level keeps what the state machine waits out apart from what a person must read.
func level(name string) slog.Level {
	if name == outcome.NameNotReady || name == outcome.NameThrottled {
		return slog.LevelInfo
	}
	return slog.LevelError
}

func decodeAndRun[I, O any](ctx context.Context, payload json.RawMessage, run func(context.Context, I) (O, error)) (O, error) {
	var in I
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		var none O
		return none, outcome.BadInput("decode input: %w", err)
	}
	return run(ctx, in)
}

// boundary picks what every log line of a step carries. It forgives any payload: a payload that does not decode is the
// step's error to report.
func boundary(payload json.RawMessage) []any {
	var common struct {
		Exposure  string `json:"exposure"`
		Execution string `json:"execution"`
	}
	_ = json.Unmarshal(payload, &common)
	return []any{"exposure", common.Exposure, "execution", common.Execution}
}

// Config loads the SDK's configuration. A call that hangs must fail well inside the function's own timeout, so that the
// state machine sees an error with a name instead of Sandbox.Timedout.
func Config(ctx context.Context) (aws.Config, error) {
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
