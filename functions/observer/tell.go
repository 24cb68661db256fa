package main

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/execution"
	"github.com/rdslink/rdslink/internal/message"
	"github.com/rdslink/rdslink/internal/registry"
)

type topicAPI interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

//go:embed messages
var texts embed.FS

// messages are one for each report, by its detail type, the reminder, and what several of them say. SNS takes 100 ASCII
// characters as a subject (API_Publish), and an exposure's id has 32.
var messages = message.Read(texts)

// The messages about a request and about a connection of an account that the exposure is not made for, or not any more.
const (
	requestedUnexpected = bus.ConnectionPending + "-unexpected"
	connectedUnexpected = bus.ConnectionAvailable + "-unexpected"
)

// The messages about a connection that is there in part, and about one in a state that this version does not know.
const (
	inPart       = bus.ConnectionAvailable + "-partial"
	unknownState = "unknown-state"
)

// tellOperators publishes each change once. A rule of the bus could not: its text templates do not carry line breaks and
// quotation marks, and the command to accept has both.
func (o observer) tellOperators(ctx context.Context, exposure registry.Exposure, changes []news) error {
	for _, n := range changes {
		if n.repeated {
			continue
		}
		if !n.Known() {
			slog.ErrorContext(ctx, "connection is in a state that this version does not know", "exposure", exposure.ID,
				"vpcEndpointId", n.VPCEndpointID, "state", n.State)
		}
		event, subject := o.event(exposure, n)
		text := event.Message
		if n.Connected() && o.unfollowed(ctx, exposure) {
			text += "\n\n" + messages.Text("unfollowed", message.Facts{"Exposure": exposure.ID})
		}
		if err := o.publish(ctx, subject, text); err != nil {
			return err
		}
	}
	return nil
}

// unfollowed tells an exposure whose set-up has ended before it had a schedule. What became of a schedule the watch says,
// and what to do, within a minute; whoever hears that somebody is connected shall not take it for done.
func (o observer) unfollowed(ctx context.Context, exposure registry.Exposure) bool {
	if exposure.Followed() {
		return false
	}
	if exposure.Claim == "" {
		return true
	}
	runs, err := execution.Running(ctx, o.executions, exposure.Claim)
	if err != nil {
		slog.WarnContext(ctx, "not known whether an execution runs", "exposure", exposure.ID, "error", err.Error())
	}
	return err == nil && !runs
}

func (o observer) publish(ctx context.Context, subject, text string) error {
	topic := o.operators.String()
	slog.InfoContext(ctx, "tell operators", "subject", subject)
	if _, err := o.topic.Publish(ctx, &sns.PublishInput{TopicArn: &topic, Subject: &subject, Message: &text}); err != nil {
		return fmt.Errorf("publish %q to %s: %w", subject, topic, err)
	}
	return nil
}

// goals are the Makefile's for what can be decided.
var goals = map[string]string{bus.Accept: "approve", bus.Reject: "reject"}

// facts are what the messages about a connection say, with what whoever decides about it needs: a command, and a page.
func (o observer) facts(e bus.Event, exposure registry.Exposure) message.Facts {
	decision := bus.Accept
	if !e.Expected {
		decision = bus.Reject
	}
	facts := message.Facts{
		"Exposure": e.Exposure, "Owner": e.Owner, "VPCEndpointID": e.VPCEndpointID, "State": e.State, "deadline": deadline(exposure),
		"Decision": decision, "stack": o.stack(), "Goal": goals[decision], "Command": o.command(e, decision), "Console": o.console(e.ServiceID),
	}
	facts["ways"] = messages.Text("ways", facts)
	return facts
}

// stack is what a command needs to know of which stack, if it needs any.
func (o observer) stack() string {
	if o.name == deployment.Unnamed {
		return ""
	}
	return " STACK=" + string(o.name)
}

// deadline says until when an execution waits, if one does.
func deadline(exposure registry.Exposure) string {
	if exposure.Token == nil {
		return ""
	}
	return messages.Text("deadline", message.Facts{"Deadline": exposure.Token.Deadline.UTC().Format(time.RFC1123)})
}

// command is the shell command that decides about a request.
func (o observer) command(e bus.Event, decision string) string {
	detail := encode(bus.Decision{Exposure: e.Exposure, VPCEndpointID: e.VPCEndpointID, Decision: decision})
	entry := encode([]map[string]string{{
		"EventBusName": o.name.Bus(), "Source": bus.Source, "DetailType": bus.ConnectionDecision, "Detail": detail,
	}})
	return "aws events put-events --region " + o.operators.Region + " --entries '" + entry + "'"
}

// consoles are where a partition's console is.
var consoles = map[string]string{
	"aws":        "console.aws.amazon.com",
	"aws-us-gov": "console.amazonaws-us-gov.com",
}

// console is the page of the endpoint service.
func (o observer) console(serviceID string) string {
	return fmt.Sprintf("https://%s/vpcconsole/home?region=%s#EndpointServices:serviceId=%s",
		consoles[o.operators.Partition], o.operators.Region, serviceID)
}
