// Step 6 of a removal waits for what the set-up may still have made, and takes the VPC's resolver away with its last
// exposure.
package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	network := ec2.NewFromConfig(config)
	return retireTheResolver{
		found: belongings.Cloud{
			Owner: owned.FromEnv(), Network: network, Balancing: elb.NewFromConfig(config), Schedules: scheduler.NewFromConfig(config),
		},
		groups:    network,
		functions: lambda.NewFromConfig(config),
		logs:      cloudwatchlogs.NewFromConfig(config),
		registry:  table,
	}.run
})
