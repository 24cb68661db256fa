// Step 5 creates the endpoint service that consumers connect to.
package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() {
	step.Start(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
		network := ec2.NewFromConfig(config)
		return createEndpointService{
			balancers:     elb.NewFromConfig(config),
			subnets:       network,
			services:      network,
			notifications: network,
			registry:      table,
			topic:         step.Env(deployment.ConnectionsTopicARN),
			owner:         owned.FromEnv(),
		}.run
	})
}
