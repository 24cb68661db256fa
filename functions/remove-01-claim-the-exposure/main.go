// Step 1 of a removal finds out what is to be removed, and makes sure that nobody makes it anew meanwhile.
package main

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.First(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	return claimTheExposure{
		found: belongings.Cloud{Owner: owned.FromEnv(), Network: ec2.NewFromConfig(config), Balancing: elb.NewFromConfig(config),
			Schedules: scheduler.NewFromConfig(config)},
		executions: sfn.NewFromConfig(config),
		registry:   table,
		now:        time.Now,
	}.run
})
