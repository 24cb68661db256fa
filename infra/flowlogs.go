package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"

	"github.com/rdslink/rdslink/internal/flowlog"
)

// flowLogs is the service that writes flow logs.
const flowLogs = "vpc-flow-logs.amazonaws.com"

// newFlowLogs makes the place of the flow logs that step 4 makes where an input asks for them, and the question that is
// asked of them. The role may not make log groups: one that AWS makes keeps everything for ever
// (vpc/latest/userguide/flow-logs-iam-role.html has the permissions, and the conditions of who may use it).
func newFlowLogs(r *resources) {
	r.flowLog = newLogGroup(r.stack, "FlowLogs", r.options.name.FlowLog())
	awslogs.NewCfnQueryDefinition(r.stack, ptr("WhoTalkedToMyDatabase"), &awslogs.CfnQueryDefinitionProps{
		Name:          ptr(r.options.name.Stack() + "/who talked to my database"),
		LogGroupNames: &[]any{r.flowLog.LogGroupName()},
		QueryString:   ptr(flowlog.Query()),
	})
	if !r.options.logsFlows() {
		return
	}
	r.flowLogRole = newRole(r, flowLogsName, "FlowLogRole", &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(ptr(flowLogs), &awsiam.ServicePrincipalOpts{Conditions: &map[string]any{
			"StringEquals": map[string]any{"aws:SourceAccount": *r.stack.Account()},
			"ArnLike":      map[string]any{"aws:SourceArn": r.arn("ec2", "vpc-flow-log/*")},
		}}),
		Description: ptr("The flow logs of load balancers' nodes"),
	})
	for _, statement := range flowLogGrants(r).statements() {
		r.flowLogRole.AddToPrincipalPolicy(statement)
	}
}

// flowLogGrants are what EC2 does to write a flow log.
func flowLogGrants(r *resources) grants {
	group := "log-group:" + r.options.name.FlowLog()
	streams := r.wide("logs", group+":*", "A stream for each network interface, in the one group.")
	return append(allows("logs", streams, "CreateLogStream", "DescribeLogStreams", "PutLogEvents"),
		allows("logs", wide("*", "It lists groups by the beginning of their names: no policy can name what is found."), "DescribeLogGroups")...)
}
