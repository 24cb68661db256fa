// The decision function accepts and rejects consumers' requests on someone's word, and completes the execution that waits.
package main

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

func function(config aws.Config, table *registry.Table) any {
	return decision{
		name:        deployment.Own(),
		registry:    table,
		connections: ec2.NewFromConfig(config),
		tasks:       sfn.NewFromConfig(config),
		topic:       sns.NewFromConfig(config),
		operators:   step.Env(deployment.OperatorsTopicARN),
		now:         time.Now,
	}.handle
}
