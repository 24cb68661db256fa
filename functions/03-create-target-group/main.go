// Step 3 creates the target group and registers the database's address in it.
package main

import (
	"context"
	"log"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/targets"
)

func main() {
	config, err := step.Config(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	elb := elasticloadbalancingv2.NewFromConfig(config)
	table := registry.New(dynamodb.NewFromConfig(config), step.Env("REGISTRY_TABLE"))
	deps := targets.Deps{
		ELB:      elb,
		RDS:      rds.NewFromConfig(config),
		EC2:      ec2.NewFromConfig(config),
		Lambda:   lambda.NewFromConfig(config),
		Registry: table,
	}
	step.Start(registry.Holding(table, createTargetGroup{
		groups:     elb,
		attributes: elb,
		registry:   table,
		sync: func(ctx context.Context, binding targets.Binding) (targets.Report, error) {
			return targets.Sync(ctx, deps, binding)
		},
		tags: owned.DeployerTags(),
	}.run))
}
