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
	Exposure string `json:"exposure"`
	Port     int    `json:"port"`
}

func TestHandler(t *testing.T) {
	for name, row := range map[string]struct {
		payload string
		err     error
		want    string
	}{
		"a good run":            {payload: `{"exposure":"x","port":1}`},
		"an unknown field":      {payload: `{"exposure":"x","prot":1}`, want: "BadInput"},
		"a field of wrong type": {payload: `{"port":"1"}`, want: "BadInput"},
		"not JSON":              {payload: `]`, want: "BadInput"},
		"the step's own error":  {payload: `{}`, err: fmt.Errorf("wrapped: %w", outcome.NotReady("wait")), want: "NotReady"},
	} {
		t.Run(name, func(t *testing.T) {
			serve := handler(func(context.Context, input) (int, error) { return 0, row.err })
			_, err := serve(t.Context(), json.RawMessage(row.payload))
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
