// Step 9 waits until the consumer's connection is available. It only stores what the wait is completed with.
package main

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	return acceptTheConnection{
		registry:  table,
		functions: lambda.NewFromConfig(config),
		observer:  deployment.Own().Function("observer"),
		now:       time.Now,
	}.run
})
