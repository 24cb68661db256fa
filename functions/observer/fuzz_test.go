package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/steptest"
)

// Whatever invokes the observer, it looks or it reports that it does not understand; what it says comes from what it sees.
func FuzzInput(f *testing.F) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	handed := steptest.Texts(
		`{"Records":[{"Sns":{"Message":"{}"}}]}`, `{"Records":null}`, `{"Records":7}`, `{"sweep":"all"}`, `{"sweep":"awaited"}`, `{"sweep":"some"}`,
		`{"serviceId":"vpce-svc-1"}`, `{"serviceId":"vpce-svc-9"}`, `{"serviceId":7}`, `{}`, `[]`, `null`, ``, `{"records":[],"SWEEP":"all"}`,
	)
	known := []string{
		"ConnectionPending vpce-1 expected", "tell rdslink: connection requested: orders", "record vpce-1 pendingAcceptance", `invoke ip-sync Event {"exposures":["orders"]}`,
	}
	steptest.Inputs(f, handed, func(t testing.TB, payload []byte) {
		w := newWorld()
		w.expose("orders", "vpce-svc-1")
		w.exposures[0].Token = &registry.Token{Value: "token", Since: noon, Deadline: noon.Add(time.Hour)}
		w.connect("vpce-svc-1", "vpce-1", vendor, "pendingAcceptance")
		w.connect("vpce-svc-2", "vpce-2", vendor, "pendingAcceptance")
		var in Input
		if json.Unmarshal(payload, &in) != nil {
			return // Lambda's runtime refuses it
		}
		err := w.observer().handle(t.Context(), in)
		if got := outcome.Name(err); err != nil && got != "Failed" {
			t.Errorf("error %v is %s", err, got)
		}
		if err != nil && len(w.mutations) > 0 {
			t.Errorf("%s is an error (%v) and did %q", payload, err, w.mutations)
		}
		for _, done := range w.mutations {
			if !slices.Contains(known, done) {
				t.Errorf("%s did %s", payload, done)
			}
		}
		understood := in.ServiceID == "vpce-svc-1" || in.ServiceID == "" && (in.Sweep == sweepAll || in.Sweep == sweepAwaited || in.Records != nil)
		if understood != (err == nil) {
			t.Errorf("%s: error %v", payload, err)
		}
	})
}

func FuzzHandler(f *testing.F) { steptest.Fuzz[Input](f, function) }
