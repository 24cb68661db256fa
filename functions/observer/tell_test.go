package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/registry"
)

func awaited() registry.Exposure {
	return registry.Exposure{
		ID: "orders-prod-acme-0a1b2c3d", Consumer: "acme", Accounts: []string{vendor},
		Made: registry.Made{
			ServiceID: "vpce-svc-0123456789abcdef0", ServiceName: "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0",
		},
		Token: &registry.Token{
			Execution: "arn:aws:states:eu-central-1:111122223333:execution:rdslink-setup:orders", Deadline: noon.Add(11 * day),
		},
	}
}

func TestReportsReadAsAWhole(t *testing.T) {
	for name, c := range map[string]connection.Connection{
		"requested":               {Owner: vendor, State: connection.PendingAcceptance},
		"requested-by-a-stranger": {Owner: stranger, State: connection.PendingAcceptance},
		"connected":               {Owner: vendor, State: connection.Available},
		"connected-by-a-stranger": {Owner: stranger, State: connection.Available},
		"connected-in-part":       {Owner: vendor, State: connection.Partial},
		"unknown-state":           {Owner: vendor, State: "meditating"},
		"rejected":                {Owner: vendor, State: connection.Expired},
		"deleted":                 {Owner: vendor, State: connection.Deleted},
	} {
		t.Run(name, func(t *testing.T) {
			c.VPCEndpointID = "vpce-0123456789abcdef0"
			event, subject := newWorld().observer().event(awaited(), news{Connection: c})
			golden.Compare(t, name+".txt", subject+"\n\n"+event.Message+"\n")
		})
	}
}

// Whoever decides about a connection of one of several stacks is told the command for that one.
func TestAStackWithANameNamesItself(t *testing.T) {
	o := newWorld().observer()
	o.name = "finance"
	event, _ := o.event(awaited(), news{Connection: connection.Connection{VPCEndpointID: "vpce-1", Owner: vendor, State: connection.PendingAcceptance}})
	for _, want := range []string{`"EventBusName":"rdslink-finance"`, "make approve EXPOSURE=orders-prod-acme-0a1b2c3d ENDPOINT=vpce-1 STACK=finance\n"} {
		if !strings.Contains(event.Message, want) {
			t.Errorf("the message does not say %s:\n%s", want, event.Message)
		}
	}
}

func TestAReminderSaysHowLongAtWhatCostAndWhatToDo(t *testing.T) {
	const endpoint = "vpce-0123456789abcdef0"
	for name, row := range map[string]struct {
		waited   time.Duration
		recorded map[string]registry.Connection
		file     string
	}{
		"nobody has asked": {day + time.Hour, nil, "reminder"},
		"a request waits":  {3 * day, map[string]registry.Connection{endpoint: {Owner: vendor, State: connection.PendingAcceptance}}, "reminder-of-a-request"},
		"a stranger's request is not what is awaited": {
			day + time.Hour, map[string]registry.Connection{endpoint: {Owner: stranger, State: connection.PendingAcceptance}}, "reminder",
		},
		"nobody may ask": {day + time.Hour, nil, "reminder-of-principals"},
	} {
		t.Run(name, func(t *testing.T) {
			exposure := awaited()
			if row.file == "reminder-of-principals" {
				exposure.Vendor, exposure.Consumer, exposure.Accounts, exposure.Principals = "materialize", "materialize", nil, nil
			}
			exposure.Connections = row.recorded
			subject, text := newWorld().observer().reminder(exposure, row.waited)
			golden.Compare(t, row.file+".txt", subject+"\n\n"+text+"\n")
		})
	}
}

func TestSubjectsFitSNS(t *testing.T) {
	facts := newWorld().observer().facts(bus.Event{Exposure: strings.Repeat("x", 32)}, awaited())
	for _, name := range append(slices.Clone(bus.Reports), requestedUnexpected, connectedUnexpected) {
		if subject, _ := messages.Write(name, facts); len(subject) > 100 || strings.Contains(subject, "\n") {
			t.Errorf("%s: subject %q of %d characters", name, subject, len(subject))
		}
	}
}
