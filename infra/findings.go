package main

import (
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// wildcards are the patterns in our policies that cdk-nag reports, each with the reason why it is no narrower.
var wildcards = []struct{ finding, reason string }{
	{`/^Resource::\*$/`, "These actions have no resource-level permissions in the Service Authorization Reference; TestStarOnlyWhereIAMHasNothingNarrower holds the list."},
	{`/^Resource::arn:.*:(security-group|security-group-rule|vpc-endpoint-service|targetgroup|loadbalancer|listener)\/.*$/`, "AWS chooses these ids. Creation needs our tag in the request, changes need it on the resource; ingress rules go to the database's own group, which may carry no tag."},
	{`/^Resource::arn:.*:vpc\/\*$/`, "The database's VPC is known only when an execution starts; the group made in it must carry our tag."},
	{`/^Resource::arn:.*:rds:.*:(db|cluster|db-proxy|subgrp|global-cluster):\*$/`, "Describing databases: which one is known only when an execution starts, and an unknown name is answered with the nearest ones."},
	{`/^Resource::arn:.*:function:rdslink-resolver-\*$/`, "One resolver per VPC, made by step 2 under this prefix."},
	{`/^Resource::arn:.*:log-group:\/aws\/lambda\/rdslink-resolver-\*$/`, "The logs of the resolvers, one per VPC."},
	{`/^Resource::arn:.*:schedule\/rdslink\/\*$/`, "One schedule per exposure, in our own group."},
	{`/^Resource::arn:.*:execution:rdslink-setup:\*$/`, "Executions of this state machine only: is the holder of a claim still running?"},
	{`/^Resource::arn:.*:log-group:\/aws\/lambda\/rdslink-\*$/`, "What operators may read: the logs of our functions, one for each."},
	{`/^Resource::arn:.*:log-group:\/aws\/vendedlogs\/states\/rdslink-setup:\*$/`, "What operators may read: the streams of one log."},
	{`/^Resource::arn:.*:cloudformation:.*:stack\/rdslink\/\*$/`, "What operators may read: this stack's outputs. CloudFormation chooses the last part of a stack's ARN."},
}

// suppressFindings answers the findings of cdk-nag's AWS Solutions rules that do not hold here, each with its reason.
func suppressFindings(r *resources) {
	var suppressions []*cdknag.NagPackSuppression
	for _, w := range wildcards {
		suppressions = append(suppressions, &cdknag.NagPackSuppression{
			Id:        ptr("AwsSolutions-IAM5"),
			Reason:    &w.reason,
			AppliesTo: &[]any{map[string]any{"regex": w.finding}},
		})
	}
	cdknag.NagSuppressions_AddStackSuppressions(r.stack, &suppressions, jsii.Bool(true))
}
