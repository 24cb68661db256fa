// Step 2 resolves the database's name to its private address, from inside its VPC.
package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/resolver"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

var function = step.New(func(config aws.Config, table *registry.Table) step.Run[Input, Output] {
	network := ec2.NewFromConfig(config)
	return resolvePrivateIP{
		groups:    network,
		subnets:   network,
		functions: lambda.NewFromConfig(config),
		registry:  table,
		outside:   resolve.Outside(),
		code: resolver.Code{
			Bucket:       step.Env(deployment.ResolverCodeBucket),
			Key:          step.Env(deployment.ResolverCodeKey),
			Architecture: types.Architecture(step.Env(deployment.ResolverArchitecture)),
		},
		role:  step.Env(deployment.ResolverRoleARN),
		owner: owned.FromEnv(),
	}.run
})
