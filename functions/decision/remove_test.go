package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/registry"
)

func TestARemovalGoesOnWhenItMay(t *testing.T) {
	const end = `{"exposure":"orders","connections":"end","by":"olga","reason":"ticket 4711"}`
	goesOn := []string{"success ", "clear removal"}
	for name, row := range map[string]struct {
		event   string
		asked   string
		states  []string
		fault   func(*world)
		want    []string
		refusal string
	}{
		"an approver says so": {
			event: bus.RemovalDecision, asked: end, states: []string{"available"}, want: append([]string{"record end  by olga: ticket 4711"}, goesOn...),
		},
		"a token that is used up is forgotten": {
			event: bus.RemovalDecision, asked: end, states: []string{"available"}, fault: func(w *world) { w.closed = true },
			want: append([]string{"record end  by olga: ticket 4711"}, goesOn...),
		},
		"what has begun needs no other word": {
			event: bus.RemovalDecision, asked: end, fault: func(w *world) { w.exposure.Removing = "execution" },
		},
		"nothing waits": {
			event: bus.RemovalDecision, asked: end, fault: func(w *world) { w.exposure.Removal = nil },
			want: []string{"refuse"}, refusal: "no removal of it waits",
		},
		"another word": {
			event: bus.RemovalDecision, asked: `{"exposure":"orders","connections":"keep"}`, want: []string{"refuse"}, refusal: "stop the removal's execution",
		},
		"an unknown exposure": {
			event: bus.RemovalDecision, asked: `{"exposure":"users","connections":"end"}`, want: []string{"refuse"}, refusal: "no such exposure",
		},
		"no exposure":       {event: bus.RemovalDecision, asked: `{"connections":"end"}`, want: []string{"refuse"}, refusal: "no such exposure"},
		"what is no detail": {event: bus.RemovalDecision, asked: `[]`, want: []string{"refuse"}, refusal: "does not read"},

		"the last connection is gone":   {event: bus.ConnectionDeleted, asked: `{"exposure":"orders"}`, states: []string{"deleted"}, want: goesOn},
		"or rejected":                   {event: bus.ConnectionRejected, asked: `{"exposure":"orders"}`, states: []string{"rejected"}, want: goesOn},
		"another connection is live":    {event: bus.ConnectionDeleted, asked: `{"exposure":"orders"}`, states: []string{"deleted", "pending"}},
		"a deletion ends no other wait": {event: bus.ConnectionDeleted, asked: `{"exposure":"orders"}`, fault: func(w *world) { w.exposure.Removal = nil }},
		"nobody is let into what is removed": {event: bus.ConnectionDecision, asked: `{"exposure":"orders","decision":"accept"}`,
			states: []string{"pendingAcceptance"}, fault: func(w *world) { w.exposure.Removing = "execution" }, want: []string{"refuse"}, refusal: "is being removed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.exposure.Token, w.exposure.Removal = nil, &registry.Token{Value: "secret", Execution: "execution"}
			for _, state := range row.states {
				w.connect(vendor, state)
			}
			if row.fault != nil {
				row.fault(w)
			}
			if err := w.decision().handle(t.Context(), event(row.event, row.asked)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(w.mutations, row.want) || !strings.Contains(w.refusal, row.refusal) {
				t.Errorf("did %v (%s), want %v (%s)", w.mutations, w.refusal, row.want, row.refusal)
			}
		})
	}
}
