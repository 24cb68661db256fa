// Command ip-sync keeps the target groups on the addresses that the databases have: every minute for each exposure, and at
// once when RDS says that a database moves.
package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/targets"
)

func main() { step.Serve(function) }

func function(config aws.Config, table *registry.Table) any {
	deps, api := targets.New(config, table), rds.NewFromConfig(config)
	return ipSync{
		name:     deployment.Own(),
		registry: table,
		meant: func(ctx context.Context, sourceARN string) ([]string, error) {
			return database.Meant(ctx, api, sourceARN)
		},
		sync: deps.Sync,
		look: deps.Look,
		now:  time.Now,
	}.handle
}
