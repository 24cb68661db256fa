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
		event := o.event(exposure, n)
		slog.InfoContext(ctx, "put event", "detailType", n.EventType(), "detail", event)
		entries = append(entries, types.PutEventsRequestEntry{
			EventBusName: &o.bus,
			Source:       aws.String(connection.Source),
			DetailType:   aws.String(n.EventType()),
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
		return fmt.Errorf("put events on %s: %w", o.bus, err)
	}
	for _, entry := range out.Entries {
		if entry.ErrorCode != nil {
			return fmt.Errorf("put events on %s: %d of %d refused: %s: %s",
				o.bus, out.FailedEntryCount, len(batch), *entry.ErrorCode, aws.ToString(entry.ErrorMessage))
		}
	}
	return nil
}

func (o observer) event(exposure registry.Exposure, n news) connection.Event {
	event := connection.Event{
		Exposure:      exposure.ID,
		ServiceID:     exposure.ServiceID,
		ServiceName:   exposure.ServiceName,
		VPCEndpointID: n.VPCEndpointID,
		Owner:         n.Owner,
		Expected:      connection.Expected(exposure, n.Owner),
		State:         n.State,
		Repeated:      n.repeated,
	}
	event.Message = o.message(event, n.EventType())
	return event
}

// message says in a sentence what happened and, where someone has to act, how.
func (o observer) message(e connection.Event, kind string) string {
	switch {
	case kind == connection.PendingEvent && e.Expected:
		return fmt.Sprintf("Account %s asks to connect to %s (%s). To accept: %s",
			e.Owner, e.Exposure, e.VPCEndpointID, o.command(e, connection.Accept))
	case kind == connection.PendingEvent:
		return fmt.Sprintf("Account %s, which is not one that %s was made for, asks to connect to it (%s); it is not accepted. To reject: %s",
			e.Owner, e.Exposure, e.VPCEndpointID, o.command(e, connection.Reject))
	case kind == connection.AvailableEvent:
		return fmt.Sprintf("Account %s is connected to %s (%s).", e.Owner, e.Exposure, e.VPCEndpointID)
	case kind == connection.RejectedEvent:
		return fmt.Sprintf("The connection of account %s to %s (%s) is %s; the consumer has to delete the endpoint and make a new one.",
			e.Owner, e.Exposure, e.VPCEndpointID, e.State)
	}
	return fmt.Sprintf("Account %s has taken its connection to %s (%s) away.", e.Owner, e.Exposure, e.VPCEndpointID)
}

// command is the shell command that decides about a request and leaves a trace of who did.
func (o observer) command(e connection.Event, decision string) string {
	detail := encode(connection.Decision{Exposure: e.Exposure, VPCEndpointID: e.VPCEndpointID, Decision: decision})
	entry := encode([]map[string]string{{
		"EventBusName": o.bus, "Source": connection.Source, "DetailType": connection.DecisionEvent, "Detail": detail,
	}})
	return "aws events put-events --entries '" + entry + "'"
}

// encode writes what consists of strings and flags, which cannot fail.
func encode(v any) string {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}
