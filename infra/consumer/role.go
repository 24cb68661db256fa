package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// newRole makes the role with which a person looks after the endpoint, in the console too: sees what belongs to it, and
// makes an endpoint to the same service anew, in the same VPC and with the same group, or takes one away. It can be named in
// principals.
func newRole(stack awscdk.Stack, p plan, group awsec2.CfnSecurityGroup) awsiam.Role {
	role := awsiam.NewRole(stack, ptr("Role"), &awsiam.RoleProps{
		Description: ptr("looks after the endpoint to " + p.Exposure), AssumedBy: trust(p.Trusted),
	})
	arn := func(resource string) string {
		return "arn:" + *stack.Partition() + ":ec2:" + *stack.Region() + ":" + *stack.Account() + ":" + resource
	}
	tag := map[string]any{"StringEquals": map[string]any{"aws:ResourceTag/" + exposureTag: p.Exposure}}
	for _, statement := range []awsiam.PolicyStatementProps{
		{
			Sid: ptr("See"), Resources: jsii.Strings("*"), // none of these takes a resource
			Actions: jsii.Strings("ec2:DescribeVpcEndpoints", "ec2:DescribeVpcEndpointServices", "ec2:DescribeVpcs", "ec2:DescribeSubnets",
				"ec2:DescribeSecurityGroups", "ec2:DescribeNetworkInterfaces"),
		},
		{
			Sid: ptr("Make"), Actions: jsii.Strings("ec2:CreateVpcEndpoint"), Resources: jsii.Strings(arn("vpc-endpoint/*")),
			Conditions: &map[string]any{"StringEquals": map[string]any{
				"ec2:VpceServiceName": p.ServiceName, "aws:RequestTag/" + exposureTag: p.Exposure,
			}},
		},
		{
			Sid: ptr("MakeIn"), Actions: jsii.Strings("ec2:CreateVpcEndpoint"),
			Resources: jsii.Strings(append(prefixed(arn("subnet/"), p.Subnets), arn("vpc/"+p.VPC), arn("security-group/"+*group.AttrGroupId()))...),
		},
		{
			Sid: ptr("Tag"), Actions: jsii.Strings("ec2:CreateTags"), Resources: jsii.Strings(arn("vpc-endpoint/*")),
			Conditions: &map[string]any{"StringEquals": map[string]any{"ec2:CreateAction": "CreateVpcEndpoint"}},
		},
		{
			Sid: ptr("TakeAway"), Actions: jsii.Strings("ec2:DeleteVpcEndpoints"), Resources: jsii.Strings(arn("vpc-endpoint/*")), Conditions: &tag,
		},
	} {
		role.AddToPolicy(awsiam.NewPolicyStatement(&statement))
	}
	cdknag.NagSuppressions_AddResourceSuppressions(role, &[]*cdknag.NagPackSuppression{{
		Id:     ptr("AwsSolutions-IAM5"),
		Reason: ptr("Describes take no resource; AWS chooses the id of an endpoint, and conditions name its service and its tag."),
	}}, jsii.Bool(true))
	return role
}

// trust lets in whom the options name, or whom the account's own policies let take the role.
func trust(arns []string) awsiam.IPrincipal {
	if len(arns) == 0 {
		return awsiam.NewAccountRootPrincipal()
	}
	var all []awsiam.IPrincipal
	for _, arn := range arns {
		all = append(all, awsiam.NewArnPrincipal(&arn))
	}
	return awsiam.NewCompositePrincipal(all...)
}

func prefixed(prefix string, names []string) (all []string) {
	for _, name := range names {
		all = append(all, prefix+name)
	}
	return all
}
