// Step 5 creates the endpoint service that consumers connect to.
package main

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	network := ec2.NewFromConfig(config)
	return createEndpointService{
		balancers:     elb.NewFromConfig(config),
		subnets:       network,
		services:      network,
		notifications: network,
		domains:       route53.NewFromConfig(config),
		topics:        sns.NewFromConfig(config),
		registry:      table,
		topic:         step.Env(deployment.ConnectionsTopicARN),
		operators:     step.Env(deployment.OperatorsTopicARN),
		owner:         owned.FromEnv(),
		now:           time.Now,
	}.run
})
