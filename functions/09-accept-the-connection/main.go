// Step 9 waits until the consumer's connection is available. It only stores what the wait is completed with.
package main

import (
	"context"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() {
	config, err := step.Config(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	step.Start(acceptTheConnection{
		registry:  registry.New(dynamodb.NewFromConfig(config), step.Env(deployment.RegistryTable)),
		functions: lambda.NewFromConfig(config),
		observer:  deployment.Function("observer"),
		now:       time.Now,
	}.run)
}
