package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/cost"
	"github.com/rdslink/rdslink/internal/execution"
	"github.com/rdslink/rdslink/internal/message"
	"github.com/rdslink/rdslink/internal/registry"
)

const day = 24 * time.Hour

// due is the day of the wait whose reminder should have been sent by now: the first, the third, and then every week's.
func due(waited time.Duration) int {
	switch days := int(waited / day); {
	case days >= 7:
		return days - days%7
	case days >= 3:
		return 3
	default:
		return min(days, 1)
	}
}

// remind tells the operators now and then that somebody is still awaited. It records what it has sent, so that a reminder
// that could not be sent comes a minute later, and none comes twice.
func (o observer) remind(ctx context.Context, exposure registry.Exposure) error {
	waited := o.now().Sub(exposure.Token.Since)
	reminder := due(waited)
	if reminder <= exposure.Token.Reminded {
		return nil
	}
	// Nobody is told when a person stops an execution.
	runs, err := execution.Running(ctx, o.executions, exposure.Token.Execution)
	if err != nil {
		return err
	}
	if !runs {
		slog.InfoContext(ctx, "forget token of ended execution", "exposure", exposure.ID, "execution", exposure.Token.Execution)
		return o.waiting.ClearToken(ctx, exposure.ID, exposure.Token.Value)
	}
	subject, text := o.reminder(exposure, waited)
	if err := o.publish(ctx, subject, text); err != nil {
		return err
	}
	return o.waiting.RecordReminder(ctx, exposure.ID, exposure.Token.Value, reminder)
}

func (o observer) reminder(exposure registry.Exposure, waited time.Duration) (subject, text string) {
	days := "1 day"
	if n := int(waited / day); n != 1 {
		days = fmt.Sprintf("%d days", n)
	}
	return messages.Write("reminder", message.Facts{
		"Exposure": exposure.ID, "Execution": exposure.Token.Execution, "Region": o.operators.Region, "Waited": days,
		"deadline": deadline(exposure), "CostRegion": cost.Region, "CostUSD": fmt.Sprintf("%.2f", cost.LoadBalancerUSD(waited)),
		"next": o.next(exposure),
	})
}

// next says what to do: to decide about the request that a person may accept, if there is one.
func (o observer) next(exposure registry.Exposure) string {
	for _, id := range slices.Sorted(maps.Keys(exposure.Connections)) {
		c := exposure.Connections[id]
		if c.State == connection.PendingAcceptance && connection.Expected(exposure, c.Owner) {
			event := bus.Event{Exposure: exposure.ID, ServiceID: exposure.ServiceID, VPCEndpointID: id, Owner: c.Owner, Expected: true}
			return messages.Text("next-decide", o.facts(event, exposure))
		}
	}
	text := "next-remind"
	if connection.AllowsNobody(exposure) {
		text = "next-allow"
	}
	return messages.Text(text, message.Facts{"Consumer": exposure.Consumer, "ServiceName": exposure.ServiceName})
}
