// On-stack-change is asked by CloudFormation whenever the stack is created, updated or deleted: it upgrades the resolvers,
// which are none of the stack's resources, and refuses the deletion of a stack that exposures still need.
package main

import (
	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolver"
	"github.com/rdslink/rdslink/internal/step"
)

func main() { step.Serve(function) }

func function(config aws.Config, table *registry.Table) any {
	return cfn.LambdaWrap(onStackChange{
		registry:  table,
		functions: lambda.NewFromConfig(config),
		code: resolver.Code{
			Bucket:       step.Env(deployment.ResolverCodeBucket),
			Key:          step.Env(deployment.ResolverCodeKey),
			Architecture: types.Architecture(step.Env(deployment.ResolverArchitecture)),
		},
		owner:     owned.FromEnv(),
		topic:     sns.NewFromConfig(config),
		operators: step.Env(deployment.OperatorsTopicARN),
	}.handle)
}
