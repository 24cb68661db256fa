// Step 4 creates the internal network load balancer in front of the database.
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
	network, elb := ec2.NewFromConfig(config), elasticloadbalancingv2.NewFromConfig(config)
	table := registry.New(dynamodb.NewFromConfig(config), step.Env("REGISTRY_TABLE"))
	step.Start(registry.Holding(table, createLoadBalancer{
		groups:     network,
		subnets:    network,
		balancers:  elb,
		attributes: elb,
		listeners:  elb,
		registry:   table,
		tags:       owned.DeployerTags(),
	}.run))
}
