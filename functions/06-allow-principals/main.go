// Step 6 lets the consumer's principals, and nobody else, ask for a connection.
package main

import (
	"context"
	"log"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() {
	config, err := step.Config(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	table := registry.New(dynamodb.NewFromConfig(config), step.Env("REGISTRY_TABLE"))
	step.Start(registry.Holding(table, allower{
		services: ec2.NewFromConfig(config),
		registry: table,
	}.run))
}
