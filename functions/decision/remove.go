package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/registry"
)

// decideRemoval lets a removal go on that waits for the word that connections may end.
func (d decision) decideRemoval(ctx context.Context, in events.EventBridgeEvent) error {
	var asked bus.Removal
	if err := json.Unmarshal(in.Detail, &asked); err != nil {
		return d.refuse(ctx, bus.Decision{Decision: bus.RemovalDecision}, "its detail does not read: "+err.Error())
	}
	about := brief(bus.Decision{Exposure: asked.Exposure, Decision: asked.Connections, By: asked.By, Reason: asked.Reason})
	exposure, err := d.registry.Get(ctx, about.Exposure)
	switch {
	case about.Exposure == "" || errors.Is(err, registry.ErrNotFound):
		return d.refuse(ctx, about, "there is no such exposure")
	case err != nil:
		return err
	case asked.Connections != bus.End:
		return d.refuse(ctx, about, fmt.Sprintf("connections is not %q; to keep them, stop the removal's execution", bus.End))
	case exposure.Removing != "":
		return nil // said twice
	case exposure.Removal == nil:
		return d.refuse(ctx, about, "no removal of it waits for a decision")
	}
	contrary, err := d.registry.AddDecision(ctx, exposure.ID, registry.Decision{
		Action: bus.End, By: about.By, Reason: about.Reason, EventID: in.ID, Time: d.now(),
	}, in.Time)
	if err != nil || contrary != nil {
		return err
	}
	return d.goOn(ctx, exposure)
}

// unlessLive lets a removal go on that waits, when the last connection is gone.
func (d decision) unlessLive(ctx context.Context, exposure registry.Exposure, found []connection.Connection) error {
	if exposure.Removal == nil || slices.ContainsFunc(found, connection.Connection.Live) {
		return nil
	}
	return d.goOn(ctx, exposure)
}

func (d decision) goOn(ctx context.Context, exposure registry.Exposure) error {
	slog.InfoContext(ctx, "send task success", "exposure", exposure.ID, "execution", exposure.Removal.Execution)
	_, err := d.tasks.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &exposure.Removal.Value, Output: aws.String("{}")})
	if err != nil && !closed(err) {
		return fmt.Errorf("send task success for the removal of exposure %s: %w", exposure.ID, err)
	}
	return d.registry.ClearRemoval(ctx, exposure.ID, exposure.Removal.Value)
}
