// Step 6 lets the consumer's principals, and nobody else, ask for a connection, and says who is connected all the same.
package main

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	return allowPrincipals{
		services: ec2.NewFromConfig(config),
		registry: table,
		now:      time.Now,
	}.run
})
