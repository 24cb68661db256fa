// Step 8 tells the consumer what it needs to connect.
package main

import (
	"context"
	"log"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() {
	config, err := step.Config(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	topics := sns.NewFromConfig(config)
	step.Start(sharer{
		topic:         topics,
		subscriptions: topics,
		topicARN:      step.Env("HANDOFF_TOPIC_ARN"),
		registry:      registry.New(dynamodb.NewFromConfig(config), step.Env("REGISTRY_TABLE")),
	}.run)
}
