// The decision function accepts and rejects consumers' requests on someone's word, and completes the execution that waits.
package main

import (
	"context"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	config, err := step.Config(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(decider{
		registry:    registry.New(dynamodb.NewFromConfig(config), step.Env("REGISTRY_TABLE")),
		connections: ec2.NewFromConfig(config),
		tasks:       sfn.NewFromConfig(config),
		topic:       sns.NewFromConfig(config),
		operators:   step.Env("OPERATORS_TOPIC_ARN"),
		now:         time.Now,
	}.handle)
}
