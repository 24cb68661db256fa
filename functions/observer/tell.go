package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/registry"
)

type topicAPI interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// tellOperators publishes each change once. A rule of the bus could not: its text templates do not carry line breaks and
// quotation marks, and the command to accept has both.
func (o observer) tellOperators(ctx context.Context, exposure registry.Exposure, changes []news) error {
	for _, n := range changes {
		if n.repeated {
			continue
		}
		event := o.event(exposure, n)
		if err := o.publish(ctx, subjects[report(n.Connection)]+exposure.ID, event.Message); err != nil {
			return err
		}
	}
	return nil
}

// subjects begin the subject lines. SNS takes 100 ASCII characters (API_Publish), and an exposure's id has 32.
var subjects = map[string]string{
	bus.ConnectionPending:   "rdslink: connection requested: ",
	bus.ConnectionAvailable: "rdslink: connected: ",
	bus.ConnectionRejected:  "rdslink: connection rejected: ",
	bus.ConnectionDeleted:   "rdslink: connection deleted: ",
}

func (o observer) publish(ctx context.Context, subject, message string) error {
	topic := o.operators.String()
	slog.InfoContext(ctx, "tell operators", "subject", subject)
	if _, err := o.topic.Publish(ctx, &sns.PublishInput{TopicArn: &topic, Subject: &subject, Message: &message}); err != nil {
		return fmt.Errorf("publish %q to %s: %w", subject, topic, err)
	}
	return nil
}

// message says what happened and, where someone has to act, how.
func (o observer) message(exposure registry.Exposure, e bus.Event, kind string) string {
	switch {
	case kind == bus.ConnectionPending && e.Expected:
		return fmt.Sprintf("Account %s asks to connect to %s (%s).%s\n\n%s",
			e.Owner, e.Exposure, e.VPCEndpointID, deadline(exposure), o.ways(e, bus.Accept))
	case kind == bus.ConnectionPending:
		return fmt.Sprintf("Account %s, which is not one that %s was made for, asks to connect to it (%s); it is not accepted.\n\n%s",
			e.Owner, e.Exposure, e.VPCEndpointID, o.ways(e, bus.Reject))
	case kind == bus.ConnectionAvailable:
		return fmt.Sprintf("Account %s is connected to %s (%s).", e.Owner, e.Exposure, e.VPCEndpointID)
	case kind == bus.ConnectionRejected:
		return fmt.Sprintf("The connection of account %s to %s (%s) is %s; the consumer has to delete the endpoint and make a new one.",
			e.Owner, e.Exposure, e.VPCEndpointID, e.State)
	}
	return fmt.Sprintf("Account %s has taken its connection to %s (%s) away.", e.Owner, e.Exposure, e.VPCEndpointID)
}

func deadline(exposure registry.Exposure) string {
	if exposure.Token == nil {
		return ""
	}
	return " The execution waits until " + exposure.Token.Deadline.UTC().Format(time.RFC1123) + "."
}

// ways are the ways to decide about a request. The first two leave a trace of who did.
func (o observer) ways(e bus.Event, decision string) string {
	title, target := "To accept it", "approve"
	if decision == bus.Reject {
		title, target = "To reject it", "reject"
	}
	return strings.Join([]string{
		title + " with the AWS CLI:",
		o.command(e, decision),
		title + " from a checkout of rdslink:",
		fmt.Sprintf("make %s EXPOSURE=%s ENDPOINT=%s", target, e.Exposure, e.VPCEndpointID),
		title + " in the console (Endpoint connections, Actions):",
		o.console(e.ServiceID),
	}, "\n")
}

// command is the shell command that decides about a request.
func (o observer) command(e bus.Event, decision string) string {
	detail := encode(bus.Decision{Exposure: e.Exposure, VPCEndpointID: e.VPCEndpointID, Decision: decision})
	entry := encode([]map[string]string{{
		"EventBusName": o.bus, "Source": bus.Source, "DetailType": bus.ConnectionDecision, "Detail": detail,
	}})
	return "aws events put-events --region " + o.operators.Region + " --entries '" + entry + "'"
}

// consoles are where a partition's console is.
var consoles = map[string]string{
	"aws":        "console.aws.amazon.com",
	"aws-cn":     "console.amazonaws.cn",
	"aws-us-gov": "console.amazonaws-us-gov.com",
}

// console is the page of the endpoint service.
func (o observer) console(serviceID string) string {
	return fmt.Sprintf("https://%s/vpcconsole/home?region=%s#EndpointServices:serviceId=%s",
		consoles[o.operators.Partition], o.operators.Region, serviceID)
}
