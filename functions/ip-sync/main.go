// Command ip-sync keeps the target groups on the addresses that the databases
// have: every minute for each exposure, and at once when RDS says that a
// database moves.
package main

import (
	"context"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	lambdaapi "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/targets"
)

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	config, err := step.Config(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	table := registry.New(dynamodb.NewFromConfig(config), step.Env("REGISTRY_TABLE"))
	deps := targets.Deps{
		ELB:      elasticloadbalancingv2.NewFromConfig(config),
		RDS:      rds.NewFromConfig(config),
		EC2:      ec2.NewFromConfig(config),
		Lambda:   lambdaapi.NewFromConfig(config),
		Registry: table,
	}
	lambda.Start(ipSync{
		registry: table,
		cluster: func(ctx context.Context, sourceARN string) (string, error) {
			return database.ClusterOf(ctx, deps.RDS, sourceARN)
		},
		sync: func(ctx context.Context, b targets.Binding) (targets.Report, error) {
			return targets.Sync(ctx, deps, b)
		},
		follow: func(ctx context.Context, b targets.Binding) (targets.Report, error) {
			return targets.Follow(ctx, deps, b)
		},
		metrics: os.Stdout,
		now:     time.Now,
	}.handle)
}
