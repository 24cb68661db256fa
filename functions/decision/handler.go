package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/message"
	"github.com/rdslink/rdslink/internal/registry"
)

type registryAPI interface {
	ByLink(ctx context.Context, id string) (registry.Exposure, error)
	Get(ctx context.Context, id string) (registry.Exposure, error)
	ByService(ctx context.Context, serviceID string) (registry.Exposure, bool, error)
	AddDecision(ctx context.Context, id string, decision registry.Decision, said time.Time) (contrary *registry.Decision, err error)
	FailDecision(ctx context.Context, id string, decision registry.Decision) error
	ClearToken(ctx context.Context, id, value string) error
	ClearRemoval(ctx context.Context, id, value string) error
}

type connectionAPI interface {
	connection.API
	AcceptVpcEndpointConnections(context.Context, *ec2.AcceptVpcEndpointConnectionsInput, ...func(*ec2.Options)) (*ec2.AcceptVpcEndpointConnectionsOutput, error)
	RejectVpcEndpointConnections(context.Context, *ec2.RejectVpcEndpointConnectionsInput, ...func(*ec2.Options)) (*ec2.RejectVpcEndpointConnectionsOutput, error)
}

type taskAPI interface {
	SendTaskSuccess(context.Context, *sfn.SendTaskSuccessInput, ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error)
	SendTaskFailure(context.Context, *sfn.SendTaskFailureInput, ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error)
	GetExecutionHistory(context.Context, *sfn.GetExecutionHistoryInput, ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput, error)
}

type topicAPI interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

type decision struct {
	name        deployment.Name
	registry    registryAPI
	connections connectionAPI
	tasks       taskAPI
	topic       topicAPI
	operators   string
	now         func() time.Time
}

func (d decision) handle(ctx context.Context, in events.EventBridgeEvent) error {
	switch in.DetailType {
	case bus.ConnectionDecision:
		return d.decide(ctx, in)
	case bus.RemovalDecision:
		return d.decideRemoval(ctx, in)
	}
	var event bus.Event
	if err := json.Unmarshal(in.Detail, &event); err != nil {
		return fmt.Errorf("decode %s %s: %w", in.DetailType, in.ID, err)
	}
	exposure, found, err := d.look(ctx, event.Exposure)
	if errors.Is(err, registry.ErrNotFound) {
		slog.InfoContext(ctx, "the exposure is gone", "exposure", event.Exposure)
		return nil
	}
	if err != nil {
		return err
	}
	switch in.DetailType {
	case bus.ConnectionPending:
		return d.acceptExpected(ctx, in, exposure, found, event.VPCEndpointID)
	case bus.ConnectionAvailable, bus.ConnectionRejected:
		return errors.Join(d.complete(ctx, exposure, found, event.VPCEndpointID), d.unlessLive(ctx, exposure, found))
	case bus.ConnectionDeleted:
		return d.unlessLive(ctx, exposure, found)
	}
	return fmt.Errorf("decide about event %s: its detail type %q is none of ours", in.ID, in.DetailType)
}

// look reads the exposure and its connections as they are now: an event says what was. Those of an exposure that is on a
// link are the link's.
func (d decision) look(ctx context.Context, id string) (registry.Exposure, []connection.Connection, error) {
	if id == "" {
		return registry.Exposure{}, nil, registry.ErrNotFound
	}
	exposure, err := d.registry.ByLink(ctx, id)
	if err != nil || exposure.ServiceID == "" { // it is younger than its service: nothing can be connected to it
		return exposure, nil, err
	}
	found, err := connection.To(ctx, d.connections, exposure.ServiceID)
	return exposure, found, err
}

//go:embed messages
var texts embed.FS

var messages = message.Read(texts)

// refuse tells people about a decision that cannot be followed: whoever sent the event gets no answer from the bus.
func (d decision) refuse(ctx context.Context, asked bus.Decision, why string) error {
	subject, text := messages.Write("refusal", message.Facts{
		"Decision": strconv.Quote(asked.Decision), "By": strconv.Quote(asked.By), "Exposure": strconv.Quote(asked.Exposure),
		"Service": strconv.Quote(asked.ServiceID), "VPCEndpoint": strconv.Quote(asked.VPCEndpointID), "Why": why,
	})
	slog.WarnContext(ctx, "decision refused", "exposure", asked.Exposure, "message", text)
	if _, err := d.topic.Publish(ctx, &sns.PublishInput{TopicArn: &d.operators, Subject: &subject, Message: &text}); err != nil {
		return fmt.Errorf("publish refusal on %s: %w", d.operators, err)
	}
	return nil
}
