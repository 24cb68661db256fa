// Step 1 finds out everything that the other steps need, refuses what cannot work before anything is made, and claims the
// exposure.
package main

import (
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.First(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	return gatherRDSDetails{
		databases:  rds.NewFromConfig(config),
		network:    ec2.NewFromConfig(config),
		balancers:  elb.NewFromConfig(config),
		quotas:     servicequotas.NewFromConfig(config),
		executions: sfn.NewFromConfig(config),
		registry:   table,
		owner:      owned.FromEnv(),
		tagged:     owned.OnlyTaggedGroups(),
		logsFlows:  os.Getenv(deployment.FlowLogRoleARN) != "",
	}.run
})
