// Step 10 installs the sync that follows the database, proves that the path
// works, and hands it over.
package main

import (
	"context"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/targets"
)

func main() {
	config, err := step.Config(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	ec2Client := ec2.NewFromConfig(config)
	table := registry.New(dynamodb.NewFromConfig(config), step.Env(deployment.RegistryTable))
	deps := targets.Deps{
		ELB:      elasticloadbalancingv2.NewFromConfig(config),
		RDS:      rds.NewFromConfig(config),
		EC2:      ec2Client,
		Lambda:   lambda.NewFromConfig(config),
		Registry: table,
	}
	step.Start(registry.Holding(table, installIPSync{
		schedules:   scheduler.NewFromConfig(config),
		connections: ec2Client,
		registry:    table,
		sync: func(ctx context.Context, b targets.Binding) (targets.Report, error) {
			return targets.Sync(ctx, deps, b)
		},
		group:    deployment.ScheduleGroup,
		role:     step.Env(deployment.ScheduleRoleARN),
		function: step.Env(deployment.IPSyncFunctionARN),
		now:      time.Now,
	}.run))
}
