package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// newGuard has CloudFormation ask on-stack-change about every update that brings new resolver code, and about the deletion of
// the stack. The guard depends on everything else: it is made last, and deleted first. When it refuses, nothing is deleted,
// because CloudFormation deletes a resource only after those that depend on it.
func newGuard(r *resources) {
	others := *r.stack.Node().Children()
	guard := awscdk.NewCustomResource(r.stack, ptr("Guard"), &awscdk.CustomResourceProps{
		ResourceType:   ptr("Custom::Exposures"),
		ServiceToken:   r.functions["on-stack-change"].FunctionArn(),
		ServiceTimeout: awscdk.Duration_Minutes(jsii.Number(15)),
		Properties:     &map[string]any{"ResolverCode": r.resolverCode.S3ObjectKey()},
	})
	for _, other := range others {
		guard.Node().AddDependency(other)
	}
}
