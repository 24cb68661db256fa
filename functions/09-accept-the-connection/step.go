package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// Input is what the state machine passes. The token goes into the registry and nowhere else.
type Input struct {
	Execution      string `json:"execution"`
	RedriveCount   int    `json:"redriveCount"`
	RetryCount     int    `json:"retryCount"`
	Token          string `json:"token"`
	Exposure       string `json:"exposure"`
	ServiceID      string `json:"serviceId"`
	TimeoutSeconds int64  `json:"timeoutSeconds"`
}

// Output is empty: the state's result is what the decision function completes the token with.
type Output struct{}

type registryAPI interface {
	StoreToken(ctx context.Context, id, execution string, token registry.Token) error
}

type functionAPI interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

type acceptTheConnection struct {
	registry  registryAPI
	functions functionAPI
	observer  string
	now       func() time.Time
}

func (s acceptTheConnection) run(ctx context.Context, in Input) (Output, error) {
	now := s.now()
	token := registry.Token{
		Value:        in.Token,
		RedriveCount: in.RedriveCount,
		RetryCount:   in.RetryCount,
		Since:        now,
		Deadline:     now.Add(time.Duration(in.TimeoutSeconds) * time.Second),
	}
	slog.InfoContext(ctx, "store token", "redriveCount", in.RedriveCount, "retryCount", in.RetryCount, "deadline", token.Deadline)
	if err := s.registry.StoreToken(ctx, in.Exposure, in.Execution, token); err != nil {
		return Output{}, err
	}
	return Output{}, s.look(ctx, in.ServiceID)
}

// look has the observer look at once: the request may have come before anyone waited for it, and its notification with it.
func (s acceptTheConnection) look(ctx context.Context, serviceID string) error {
	payload, err := json.Marshal(map[string]string{"serviceId": serviceID})
	if err != nil {
		return fmt.Errorf("encode service %s: %w", serviceID, err)
	}
	_, err = s.functions.Invoke(ctx, &lambda.InvokeInput{
		FunctionName:   &s.observer,
		InvocationType: types.InvocationTypeEvent,
		Payload:        payload,
	})
	if err != nil && !outcome.DoWithout(ctx, err, "a look at once, which the observer takes within a minute") {
		return fmt.Errorf("invoke %s for endpoint service %s: %w", s.observer, serviceID, err)
	}
	return nil
}
