package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/outcome"
)

type input struct {
	Execution string `json:"execution"`
	Exposure  string `json:"exposure"`
	Port      int    `json:"port"`
}

func TestHandler(t *testing.T) {
	for name, row := range map[string]struct {
		payload string
		err     error
		want    string
		ran     bool
	}{
		"a good run":                {payload: `{"execution":"holder","exposure":"x","port":1}`, ran: true},
		"an unknown field":          {payload: `{"execution":"holder","exposure":"x","prot":1}`, want: "Failed"},
		"a field of wrong type":     {payload: `{"execution":"holder","port":"1"}`, want: "Failed"},
		"not JSON":                  {payload: `]`, want: "Failed"},
		"a panic":                   {payload: `{"execution":"holder","exposure":"x","port":-1}`, want: "Failed", ran: true},
		"a lost claim runs nothing": {payload: `{"execution":"another","exposure":"x"}`, want: "Conflict"},
		"no execution, no claim":    {payload: `{"exposure":"x"}`, want: "Conflict"},
		"the step's own error":      {payload: `{"execution":"holder","exposure":"x"}`, err: fmt.Errorf("wrapped: %w", outcome.NotReady("wait")), want: "NotReady", ran: true},
	} {
		t.Run(name, func(t *testing.T) {
			held := func(_ context.Context, exposure, execution string) error {
				if exposure != "x" || execution != "holder" {
					return outcome.Conflict("exposure %s is not of %s", exposure, execution)
				}
				return nil
			}
			ran := false
			serve := handler(held, func(_ context.Context, in input) (int, error) {
				ran = true
				if in.Port < 0 {
					panic("a port below zero")
				}
				return 0, row.err
			})
			_, err := serve(t.Context(), json.RawMessage(row.payload))
			if ran != row.ran {
				t.Errorf("ran: %t, want %t", ran, row.ran)
			}
			if row.want == "" && err == nil {
				return
			}
			reported, byValue := err.(messages.InvokeResponse_Error) //nolint:errorlint // aws-lambda-go asserts this very type, not something that wraps it
			if !byValue || reported.Type != row.want {
				t.Errorf("error = %#v, want type %s", err, row.want)
			}
		})
	}
}

// What was there when a step looked may be gone when it acts, and AWS denies it then: the step looks again, once.
func TestAStepThatIsDeniedLooksAgain(t *testing.T) {
	refused := fmt.Errorf("delete: %w", &smithy.GenericAPIError{Code: "AccessDenied", Message: "User: u is not authorized to perform: a:Delete"})
	for name, row := range map[string]struct {
		attempts []error
		want     string
	}{
		"gone":                   {[]error{refused, nil}, ""},
		"denied":                 {[]error{refused, refused}, "Failed"},
		"something else is next": {[]error{refused, outcome.NotReady("it is being deleted")}, "NotReady"},
		"another error":          {[]error{outcome.Failed("no")}, "Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			ran := 0
			serve := handler(unclaimed, func(context.Context, input) (int, error) {
				ran++
				return ran, row.attempts[ran-1]
			})
			out, err := serve(t.Context(), json.RawMessage(`{}`))
			reported, _ := err.(messages.InvokeResponse_Error) //nolint:errorlint // as above
			if reported.Type != row.want || ran != len(row.attempts) || err == nil && out != ran {
				t.Errorf("ran %d times, %d, %v", ran, out, err)
			}
		})
	}
}

func TestNothingLoggedHasAPasswordInIt(t *testing.T) {
	var logged strings.Builder
	const pasted = "postgres://me:canary@orders/db"
	Logger(&logged).With("exposure", pasted).Error(pasted, "texts", []string{"orders", pasted}, slog.Group("of", "text", pasted),
		"raw", json.RawMessage(`{"typed":"`+pasted+`"}`), "of", []struct{ Typed string }{{pasted}}, "error", errors.New(pasted), "count", 7)
	if strings.Contains(logged.String(), "canary") {
		t.Errorf("a password is logged: %s", logged.String())
	}
	for _, want := range []string{`"texts":["orders","postgres://***@orders/db"]`, `"raw":{"typed":"postgres://***@orders/db"}`, `"count":7`, `"level":"ERROR"`} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("%s is not in %s", want, logged.String())
		}
	}
}
