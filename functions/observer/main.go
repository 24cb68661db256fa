// The observer looks at consumers' connections, announces on our own bus what changed, and tells the operators.
package main

import (
	"context"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	config, err := step.Config(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	operators, err := arn.Parse(step.Env(deployment.OperatorsTopicARN))
	if err != nil {
		log.Fatal(err)
	}
	table := registry.New(dynamodb.NewFromConfig(config), step.Env(deployment.RegistryTable))
	lambda.Start(observer{
		registry:    table,
		waiting:     table,
		connections: ec2.NewFromConfig(config),
		events:      eventbridge.NewFromConfig(config),
		functions:   awslambda.NewFromConfig(config),
		executions:  sfn.NewFromConfig(config),
		topic:       sns.NewFromConfig(config),
		operators:   operators,
		bus:         deployment.Bus,
		sync:        step.Env(deployment.IPSyncFunctionARN),
		now:         time.Now,
	}.handle)
}
