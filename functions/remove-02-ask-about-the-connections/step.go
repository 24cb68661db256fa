package main

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/message"
	"github.com/rdslink/rdslink/internal/registry"
)

// Input is what the state machine passes. The token goes into the registry and nowhere else.
type Input struct {
	Execution    string `json:"execution"`
	RedriveCount int    `json:"redriveCount"`
	RetryCount   int    `json:"retryCount"`
	Token        string `json:"token"`
	Exposure     string `json:"exposure"`
	Link         string `json:"link"` // on which the exposure is; empty for what is on none
}

// Output is empty: the wait's end is all that it results in.
type Output struct{}

type registryAPI interface {
	StoreRemoval(ctx context.Context, id, execution string, token registry.Token) error
}

type topicAPI interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

type functionAPI interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

type askAboutTheConnections struct {
	found     belongings.Cloud
	registry  registryAPI
	topic     topicAPI
	operators string
	functions functionAPI
	region    string
	now       func() time.Time
}

//go:embed messages
var texts embed.FS

var messages = message.Read(texts)

func (s askAboutTheConnections) run(ctx context.Context, in Input) (Output, error) {
	token := registry.Token{Value: in.Token, RedriveCount: in.RedriveCount, RetryCount: in.RetryCount, Since: s.now()}
	slog.InfoContext(ctx, "store removal's token", "redriveCount", in.RedriveCount, "retryCount", in.RetryCount)
	if err := s.registry.StoreRemoval(ctx, in.Exposure, in.Execution, token); err != nil {
		return Output{}, err
	}
	live, err := s.found.Live(ctx, cmp.Or(in.Link, in.Exposure))
	if err != nil {
		return Output{}, err
	}
	if len(live) == 0 {
		return Output{}, s.goOn(ctx, in.Exposure)
	}
	return Output{}, s.ask(ctx, in, live)
}

// goOn has the decision function look: the last connection went before anybody waited for its end, and no event comes of it.
func (s askAboutTheConnections) goOn(ctx context.Context, id string) error {
	name := s.found.Owner.Name.Function("decision")
	payload, err := json.Marshal(map[string]any{"detail-type": bus.ConnectionDeleted, "detail": bus.Event{Exposure: id}})
	if err != nil {
		return fmt.Errorf("encode look at exposure %s: %w", id, err)
	}
	_, err = s.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, InvocationType: types.InvocationTypeEvent, Payload: payload})
	if err != nil {
		return fmt.Errorf("invoke %s for exposure %s: %w", name, id, err)
	}
	return nil
}

func (s askAboutTheConnections) ask(ctx context.Context, in Input, live []connection.Connection) error {
	var lines []string
	for _, c := range live {
		lines = append(lines, fmt.Sprintf("  %s of account %s, %s", c.VPCEndpointID, c.Owner, c.State))
	}
	subject, text := messages.Write("ask", message.Facts{
		"Exposure": in.Exposure, "Execution": in.Execution, "Connections": strings.Join(lines, "\n"),
		"Command": s.command(in.Exposure),
	})
	slog.InfoContext(ctx, "tell operators", "subject", subject)
	if _, err := s.topic.Publish(ctx, &sns.PublishInput{TopicArn: &s.operators, Subject: &subject, Message: &text}); err != nil {
		return fmt.Errorf("publish %q to %s: %w", subject, s.operators, err)
	}
	return nil
}

// command is the shell command that lets the connections end. What it holds are strings, which always marshal.
func (s askAboutTheConnections) command(id string) string {
	detail, _ := json.Marshal(bus.Removal{Exposure: id, Connections: bus.End})
	entries, _ := json.Marshal([]map[string]string{{
		"EventBusName": s.found.Owner.Name.Bus(), "Source": bus.Source, "DetailType": bus.RemovalDecision, "Detail": string(detail),
	}})
	return "aws events put-events --region " + s.region + " --entries '" + string(entries) + "'"
}
