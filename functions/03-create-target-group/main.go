// Step 3 creates the target group and registers the database's address in it.
package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/targets"
)

func main() {
	step.Start(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
		client := elb.NewFromConfig(config)
		return createTargetGroup{
			groups:     client,
			attributes: client,
			registry:   table,
			sync:       targets.New(config, table).Sync,
			owner:      owned.FromEnv(),
		}.run
	})
}
