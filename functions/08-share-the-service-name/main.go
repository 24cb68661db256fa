// Step 8 tells the consumer what it needs to connect.
package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	topics := sns.NewFromConfig(config)
	return shareTheServiceName{
		topic:         topics,
		subscriptions: topics,
		topicARN:      step.Env(deployment.HandoffTopicARN),
		operatorsARN:  step.Env(deployment.OperatorsTopicARN),
		registry:      table,
	}.run
})
