// Step 4 of a removal deletes the load balancer and its target group.
package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, _ *registry.Table) step.Run[Input, Output] {
	balancing, network := elb.NewFromConfig(config), ec2.NewFromConfig(config)
	return deleteTheLoadBalancer{
		found:     belongings.Cloud{Owner: owned.FromEnv(), Network: network, Balancing: balancing},
		balancers: balancing,
		flows:     network,
	}.run
})
