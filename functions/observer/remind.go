package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/cost"
	"github.com/rdslink/rdslink/internal/execution"
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

// remind tells the operators now and then that somebody is still awaited. It records what it has sent, so that a reminder that
// could not be sent comes a minute later, and none comes twice.
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
	if err := o.publish(ctx, "rdslink: still waiting: "+exposure.ID, o.reminder(exposure, waited)); err != nil {
		return err
	}
	return o.waiting.RecordReminder(ctx, exposure.ID, exposure.Token.Value, reminder)
}

func (o observer) reminder(exposure registry.Exposure, waited time.Duration) string {
	days := "1 day"
	if waited >= 2*day {
		days = fmt.Sprintf("%d days", waited/day)
	}
	return strings.Join([]string{
		fmt.Sprintf("%s has waited for its connection for %s.%s", exposure.ID, days, deadline(exposure)),
		fmt.Sprintf("Its load balancer has cost about $%.2f in that time (%s).", cost.LoadBalancerUSD(waited), cost.Region),
		"",
		o.next(exposure),
		"",
		"To give up:",
		fmt.Sprintf("aws stepfunctions stop-execution --region %s --execution-arn %s", o.operators.Region, exposure.Token.Execution),
		"That ends the wait; the load balancer costs on until it is deleted.",
	}, "\n")
}

// next is whose turn it is.
func (o observer) next(exposure registry.Exposure) string {
	for _, id := range slices.Sorted(maps.Keys(exposure.Connections)) {
		c := exposure.Connections[id]
		if c.State == connection.PendingAcceptance && connection.Expected(exposure, c.Owner) {
			request := bus.Event{Exposure: exposure.ID, ServiceID: exposure.ServiceID, VPCEndpointID: id}
			return fmt.Sprintf("Account %s asks to connect (%s).\n%s", c.Owner, id, o.ways(request, bus.Accept))
		}
	}
	return fmt.Sprintf("No expected request is there yet: remind %s of the message with the service name %s.", exposure.Consumer, exposure.ServiceName)
}
