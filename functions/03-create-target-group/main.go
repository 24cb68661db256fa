// Step 3 creates the target group and registers the database's address in it.
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/targets"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	client, deps := elb.NewFromConfig(config), targets.New(config, table)
	return createTargetGroup{
		groups:     client,
		attributes: client,
		registry:   table,
		sync: func(ctx context.Context, b registry.Binding) (targets.Report, error) {
			return deps.Sync(ctx, b, targets.Asked{})
		},
		owner: owned.FromEnv(),
	}.run
})
