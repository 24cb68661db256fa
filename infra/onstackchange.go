package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// onStackChange has CloudFormation ask the function of that name about every update that brings new resolver code, and about
// the deletion of the stack. What asks depends on everything else: it is made last, and deleted first. When the function
// refuses, nothing is deleted, because CloudFormation deletes a resource only after those that depend on it.
func onStackChange(r *resources) {
	others := *r.stack.Node().Children()
	// Under another id CloudFormation would delete this one, and ask whether it may.
	asks := awscdk.NewCustomResource(r.stack, ptr("Guard"), &awscdk.CustomResourceProps{
		ResourceType:   ptr("Custom::Exposures"),
		ServiceToken:   r.functions["on-stack-change"].FunctionArn(),
		ServiceTimeout: awscdk.Duration_Minutes(jsii.Number(15)),
		Properties:     &map[string]any{"ResolverCode": r.resolverCode.S3ObjectKey()},
	})
	for _, other := range others {
		asks.Node().AddDependency(other)
	}
}
