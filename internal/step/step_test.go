package step

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

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
