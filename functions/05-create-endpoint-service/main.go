// Step 5 creates the endpoint service that consumers connect to.
package main

import (
	"context"
	"log"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() {
	config, err := step.Config(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	network := ec2.NewFromConfig(config)
	table := registry.New(dynamodb.NewFromConfig(config), step.Env("REGISTRY_TABLE"))
	step.Start(registry.Holding(table, createEndpointService{
		balancers:     elasticloadbalancingv2.NewFromConfig(config),
		services:      network,
		notifications: network,
		registry:      table,
		topic:         step.Env("CONNECTIONS_TOPIC_ARN"),
		tags:          owned.DeployerTags(),
	}.run))
}
