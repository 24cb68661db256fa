// Command watch judges every exposure each minute, and tells the operators what has changed: it runs where no exposure's own
// schedule, function or message can keep it from speaking.
package main

import (
	"encoding/json"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

func function(config aws.Config, table *registry.Table) any {
	operators, err := arn.Parse(step.Env(deployment.OperatorsTopicARN))
	if err != nil {
		log.Fatal(err)
	}
	var letterQueues map[string]string
	if err := json.Unmarshal([]byte(step.Env(deployment.DeadLetters)), &letterQueues); err != nil {
		log.Fatal(err)
	}
	w := &watcher{
		name:        deployment.Own(),
		registry:    table,
		schedules:   scheduler.NewFromConfig(config),
		executions:  sfn.NewFromConfig(config),
		functions:   lambda.NewFromConfig(config),
		topic:       sns.NewFromConfig(config),
		operators:   operators,
		inspector:   inspect.New(config, table, owned.FromEnv(), deployment.Patience()),
		queues:      sqs.NewFromConfig(config),
		deadLetters: letterQueues,
		sync:        step.Env(deployment.IPSyncFunctionARN),
		patience:    deployment.Patience(),
		now:         time.Now,
	}
	return w.handle
}
