// The observer looks at consumers' connections, announces on our own bus what changed, and tells the operators.
package main

import (
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

func function(config aws.Config, table *registry.Table) any {
	operators, err := arn.Parse(step.Env(deployment.OperatorsTopicARN))
	if err != nil {
		log.Fatal(err)
	}
	return observer{
		name:        deployment.Own(),
		registry:    table,
		waiting:     table,
		connections: ec2.NewFromConfig(config),
		events:      eventbridge.NewFromConfig(config),
		functions:   lambda.NewFromConfig(config),
		executions:  sfn.NewFromConfig(config),
		topic:       sns.NewFromConfig(config),
		operators:   operators,
		sync:        step.Env(deployment.IPSyncFunctionARN),
		now:         time.Now,
	}.handle
}
