// On-stack-change is asked by CloudFormation whenever the stack is created, updated or deleted: it upgrades the resolvers, which
// are none of the stack's resources, and refuses the deletion of a stack that exposures still need.
package main

import (
	"context"
	"log"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
	"github.com/rdslink/rdslink/internal/upgrade"
)

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	config, err := step.Config(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(cfn.LambdaWrap(guard{
		registry:  registry.New(dynamodb.NewFromConfig(config), step.Env("REGISTRY_TABLE")),
		functions: awslambda.NewFromConfig(config),
		code: upgrade.Code{
			Bucket:       step.Env("RESOLVER_CODE_BUCKET"),
			Key:          step.Env("RESOLVER_CODE_KEY"),
			Architecture: types.Architecture(step.Env("RESOLVER_ARCHITECTURE")),
		},
	}.handle))
}
