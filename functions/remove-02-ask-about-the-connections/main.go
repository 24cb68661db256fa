// Step 2 of a removal waits until people let live connections end. It stores what the wait is completed with, and asks.
package main

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	return askAboutTheConnections{
		found:     belongings.Cloud{Owner: owned.FromEnv(), Network: ec2.NewFromConfig(config)},
		registry:  table,
		topic:     sns.NewFromConfig(config),
		operators: step.Env(deployment.OperatorsTopicARN),
		functions: lambda.NewFromConfig(config),
		region:    config.Region,
		now:       time.Now,
	}.run
})
