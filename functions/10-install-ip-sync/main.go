// Step 10 installs the sync that follows the database, proves that the path works, and hands it over.
package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/targets"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	deps, api := targets.New(config, table), ec2.NewFromConfig(config)
	return installIPSync{
		schedules:   scheduler.NewFromConfig(config),
		connections: api,
		interfaces:  api,
		registry:    table.Living(),
		inspect: func(ctx context.Context, e registry.Exposure) inspect.Report {
			return inspect.New(config, table, owned.FromEnv(), deployment.Patience()).Inspect(ctx, []registry.Exposure{e})[0]
		},
		named: &brokenHop{},
		sync: func(ctx context.Context, b registry.Binding) (targets.Report, error) {
			return deps.Sync(ctx, b, targets.Asked{Full: true, Record: true})
		},
		group:    deployment.Own().ScheduleGroup(),
		role:     step.Env(deployment.ScheduleRoleARN),
		function: step.Env(deployment.IPSyncFunctionARN),
		now:      time.Now,
	}.run
})
