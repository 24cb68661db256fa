// Step 7 opens the database's security group to the load balancer's nodes and to the resolver, and to nothing else.
package main

import (
	"context"
	"log"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() {
	config, err := step.Config(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client := ec2.NewFromConfig(config)
	table := registry.New(dynamodb.NewFromConfig(config), step.Env("REGISTRY_TABLE"))
	step.Start(registry.Holding(table, updater{
		rules:    client,
		network:  client,
		registry: table,
		tags:     owned.DeployerTags(),
		tagged:   owned.OnlyTaggedGroups(),
	}.run))
}
