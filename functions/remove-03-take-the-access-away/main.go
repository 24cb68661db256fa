// Step 3 of a removal takes away what lets consumers in: from here on nobody is served.
package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	network := ec2.NewFromConfig(config)
	schedules := scheduler.NewFromConfig(config)
	return takeTheAccessAway{
		found:     belongings.Cloud{Owner: owned.FromEnv(), Network: network, Schedules: schedules},
		services:  network,
		schedules: schedules,
		zones:     route53.NewFromConfig(config),
		registry:  table,
	}.run
})
