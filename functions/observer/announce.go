package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/registry"
)

type eventAPI interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

const entriesPerCall = 10 // PutEvents takes no more

func (o observer) announce(ctx context.Context, exposure registry.Exposure, tell []news) error {
	var entries []types.PutEventsRequestEntry
	for _, n := range tell {
		if !n.Known() {
			continue // the operators hear of it; what listens to the bus could do nothing with it
		}
		event, _ := o.event(exposure, n)
		slog.InfoContext(ctx, "put event", "detailType", report(n.Connection), "detail", event)
		entries = append(entries, types.PutEventsRequestEntry{
			EventBusName: aws.String(o.name.Bus()),
			Source:       aws.String(bus.Source),
			DetailType:   aws.String(report(n.Connection)),
			Detail:       aws.String(encode(event)),
		})
	}
	for batch := range slices.Chunk(entries, entriesPerCall) {
		if err := o.put(ctx, batch); err != nil {
			return fmt.Errorf("announce connections of exposure %s: %w", exposure.ID, err)
		}
	}
	return nil
}

// put counts what was refused: PutEvents answers 200 for a batch of which nothing arrived.
func (o observer) put(ctx context.Context, batch []types.PutEventsRequestEntry) error {
	out, err := o.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: batch})
	if err != nil {
		return fmt.Errorf("put events on %s: %w", o.name.Bus(), err)
	}
	for _, entry := range out.Entries {
		if entry.ErrorCode != nil {
			return fmt.Errorf("put events on %s: %d of %d refused: %s: %s",
				o.name.Bus(), out.FailedEntryCount, len(batch), *entry.ErrorCode, aws.ToString(entry.ErrorMessage))
		}
	}
	return nil
}

// event is what a change is on the bus, with the message to the operators, and that message's subject.
func (o observer) event(exposure registry.Exposure, n news) (event bus.Event, subject string) {
	event = bus.Event{
		Exposure:      exposure.ID,
		ServiceID:     exposure.ServiceID,
		ServiceName:   exposure.ServiceName,
		VPCEndpointID: n.VPCEndpointID,
		Owner:         n.Owner,
		Expected:      connection.Expected(exposure, n.Owner),
		State:         n.State,
		Repeated:      n.repeated,
	}
	subject, event.Message = messages.Write(textOf(n, event.Expected), o.facts(event, exposure))
	return event, subject
}

// textOf is the message about a connection.
func textOf(n news, expected bool) string {
	text := report(n.Connection)
	switch {
	case !n.Known():
		return unknownState
	case !expected && n.Connected():
		return connectedUnexpected
	case !expected && text == bus.ConnectionPending:
		return requestedUnexpected
	case n.State == connection.Partial:
		return inPart
	}
	return text
}

// encode writes what consists of strings and flags, which cannot fail.
func encode(v any) string {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}
