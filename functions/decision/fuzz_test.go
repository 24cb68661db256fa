package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/steptest"
)

// Whatever comes on the bus, nobody is let in but on the word accept, about this exposure, for an
// account that it was made for.
func FuzzEvent(f *testing.F) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	for _, detail := range []string{
		`{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"accept","by":"alice","reason":"it is theirs"}`,
		`{"exposure":"orders","decision":"reject"}`, `{"serviceId":"vpce-svc-1","decision":"accept"}`, `{"exposure":"orders","vpcEndpointId":"vpce-2"}`,
		`["accept"]`, `null`, `7`, ``, `{"exposure":null}`, `{"exposure":"vpc/vpc-1","decision":"accept"}`, `{"EXPOSURE":"orders","Decision":"ACCEPT"}`,
	} {
		for _, kind := range []string{bus.ConnectionDecision, bus.ConnectionPending, bus.ConnectionAvailable, bus.ConnectionRejected, "Another"} {
			f.Add(kind, "event", []byte(detail), byte(0))
			f.Add(kind, "", []byte(detail), byte(7))
		}
	}
	states := []string{"pendingAcceptance", "pending", "available", "rejected", "deleting", "expired", "new"}
	f.Fuzz(func(t *testing.T, kind, id string, detail []byte, seed byte) {
		w := newWorld()
		w.connect(vendor, states[int(seed)%len(states)])
		w.connect(stranger, states[int(seed/7)%len(states)])
		if seed%2 == 1 {
			w.exposure.Acceptance.Mode, w.exposure.Acceptance.MaxConnections = connection.ExpectedAccount, 1
		}
		err := w.decision().handle(t.Context(), events.EventBridgeEvent{ID: id, Source: bus.Source, DetailType: kind, Detail: json.RawMessage(detail)})
		if got := outcome.Name(err); err != nil && got != "Failed" {
			t.Errorf("error %v is %s", err, got)
		}
		var asked bus.Decision
		readable := json.Unmarshal(detail, &asked) == nil
		about := readable && (asked.Exposure == "orders" || asked.Exposure == "" && asked.ServiceID == "vpce-svc-1" && kind == bus.ConnectionDecision)
		if !about && slices.ContainsFunc(w.mutations, func(m string) bool { return m != "refuse" }) {
			t.Errorf("%s %s did %q", kind, detail, w.mutations)
		}
		for _, done := range w.mutations {
			switch {
			case done == "accept vpce-2":
				t.Errorf("%s %s lets a stranger in", kind, detail)
			case strings.HasPrefix(done, "accept ") && kind == bus.ConnectionDecision && asked.Decision != bus.Accept:
				t.Errorf("%s accepts", detail)
			case strings.HasPrefix(done, "accept ") && kind != bus.ConnectionDecision && (kind != bus.ConnectionPending || seed%2 == 0):
				t.Errorf("an event %s accepts", kind)
			case strings.HasPrefix(done, "reject ") && (kind != bus.ConnectionDecision || asked.Decision != bus.Reject):
				t.Errorf("%s %s rejects", kind, detail)
			}
		}
		if kind == bus.ConnectionDecision && err == nil && len(w.mutations) == 0 && !about {
			t.Errorf("nobody is told about %s", detail)
		}
		if len(w.refusal) > 10000 {
			t.Errorf("the refusal has %d characters", len(w.refusal))
		}
	})
}

func FuzzHandler(f *testing.F) { steptest.Fuzz[events.EventBridgeEvent](f, function) }
