package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

func TestRun(t *testing.T) {
	const (
		look  = `invoke observer Event {"serviceId":"vpce-svc-1"}`
		store = "store %s of orders for execution, redrive %d retry %d, until 12:10"
	)
	for name, row := range map[string]struct {
		redrive, retry int
		token          string
		fault          func(*world)
		want           []string
		err            string
	}{
		"the token is stored before anyone looks": {token: "first", want: []string{fmt.Sprintf(store, "first", 0, 0), look}},
		"a second run stores its own token":       {token: "second", retry: 1, want: []string{fmt.Sprintf(store, "second", 0, 1), look}},
		"so does a redriven one":                  {token: "third", redrive: 1, want: []string{fmt.Sprintf(store, "third", 1, 0), look}},
		"an attempt that was overtaken looks at nothing": {
			token: "late", fault: func(w *world) { w.storeError = outcome.Conflict("overtaken") },
			want: []string{fmt.Sprintf(store, "late", 0, 0)}, err: "Conflict",
		},
		"a look that nobody may start is done without": {
			token: "first", fault: func(w *world) { w.invokeError = &smithy.GenericAPIError{Code: "AccessDeniedException"} },
			want: []string{fmt.Sprintf(store, "first", 0, 0), look},
		},
		"a look that cannot be started is an error": {
			token: "first", fault: func(w *world) { w.invokeError = errors.New("no function") },
			want: []string{fmt.Sprintf(store, "first", 0, 0), look}, err: "Failed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			if row.fault != nil {
				row.fault(w)
			}
			noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
			s := acceptTheConnection{registry: w, functions: w, observer: "observer", now: func() time.Time { return noon }}

			_, err := s.run(t.Context(), Input{
				Execution: "execution", Exposure: "orders", ServiceID: "vpce-svc-1", TimeoutSeconds: 600,
				Token: row.token, RedriveCount: row.redrive, RetryCount: row.retry,
			})

			if got := outcome.Name(err); got != row.err {
				t.Fatalf("error %q (%v), want %q", got, err, row.err)
			}
			if !slices.Equal(w.mutations, row.want) {
				t.Errorf("did %q, want %q", w.mutations, row.want)
			}
		})
	}
}

// world is the registry and Lambda.
type world struct {
	storeError, invokeError error
	mutations               []string
}

func (w *world) StoreToken(_ context.Context, id, execution string, token registry.Token) error {
	w.mutations = append(w.mutations, fmt.Sprintf("store %s of %s for %s, redrive %d retry %d, until %s",
		token.Value, id, execution, token.RedriveCount, token.RetryCount, token.Deadline.Format("15:04")))
	return w.storeError
}

func (w *world) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	w.mutations = append(w.mutations, fmt.Sprintf("invoke %s %s %s", *in.FunctionName, in.InvocationType, in.Payload))
	return &lambda.InvokeOutput{}, w.invokeError
}
