// Step 4 creates the internal network load balancer in front of the database.
package main

import (
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	network, client := ec2.NewFromConfig(config), elb.NewFromConfig(config)
	return createLoadBalancer{
		groups:     network,
		subnets:    network,
		balancers:  client,
		attributes: client,
		listeners:  client,
		flows:      network,
		logs:       logPlace{os.Getenv(deployment.FlowLogGroup), os.Getenv(deployment.FlowLogRoleARN)},
		registry:   table,
		owner:      owned.FromEnv(),
	}.run
})
