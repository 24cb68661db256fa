// Step 7 of a removal ends the exposure's subscriptions, and has the registry forget it: from here on nothing is left.
package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.Last(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	return forgetTheExposure{
		subscriptions: sns.NewFromConfig(config),
		topicARN:      step.Env(deployment.HandoffTopicARN),
		registry:      table,
	}.run
})
