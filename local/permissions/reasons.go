package permissions

import "strings"

// Reason is why something that nothing needed is granted all the same, or why next to something that was needed more is allowed.
// Role, Action and About are patterns with stars.
type Reason struct {
	Role, Action, About, Why string
}

// Reasons are all the exceptions.
type Reasons []Reason

func (r Reason) covers(role, action, about string) bool {
	return like(strings.ToLower(r.Role), role) && like(strings.ToLower(r.Action), strings.ToLower(action)) && like(r.About, about)
}

const (
	atRunTime = "Which one is known only when an execution starts; it is only looked at."
	awsNames  = "AWS chooses the id. What is made must carry our tag."
	ours      = "What carries our tag is ours: a function works for every exposure."
	twoTypes  = "The step makes both, or one call needs both."
	perVPC    = "One resolver per VPC, made by step 2 under this prefix."
	ownLog    = "Lambda names the streams of a function's own log."
	perRun    = "Executions of this state machine only; their names are new each time."
	asAWSHas  = "As AWS documents the role of a function in a VPC, for all interfaces and regions. The Deny keeps the function's own code from it: docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-best-practice"
)

// Known are the exceptions in the app's policies.
var Known = Reasons{
	{Role: "*", Action: "logs:PutLogEvents", About: "on log-group:/aws/lambda/rdslink-*:log-stream:other", Why: ownLog},
	{Role: "resolverrole*", Action: "logs:Create*", About: "on log-group:/aws/lambda/rdslink-resolver-other:log-stream:other", Why: perVPC},

	{Role: "*", Action: "rds:DescribeDBInstances", About: "on db:other", Why: atRunTime},
	{Role: "*", Action: "rds:DescribeDBClusters", About: "on cluster:other", Why: atRunTime},
	{Role: "*", Action: "rds:DescribeDBProxies", About: "on db-proxy:other", Why: atRunTime},
	{Role: "gatherrdsdetails*", Action: "rds:DescribeDBSubnetGroups", About: "on subgrp:other", Why: atRunTime},
	{Role: "gatherrdsdetails*", Action: "servicequotas:GetServiceQuota", About: "on vpc/other", Why: "One quota is read, whose code AWS may change; quotas are no secret."},
	{Role: "gatherrdsdetails*", Action: "rds:DescribeGlobalClusters", About: "unused arn:aws:rds::*:global-cluster:*", Why: "See its action."},
	{Role: "gatherrdsdetails*", Action: "rds:DescribeGlobalClusters", About: "unused", Why: "For members of a global database, which the local cloud does not have: TestRefusedBeforeAnythingIsMade has the row."},
	{Role: "gatherrdsdetails*", Action: "states:DescribeExecution", About: "on execution:rdslink-setup:other", Why: perRun},
	{Role: "decision*", Action: "states:GetExecutionHistory", About: "on execution:rdslink-setup:other", Why: perRun},
	{Role: "starter", Action: "states:*", About: "on execution:rdslink-setup:other", Why: perRun},
	{Role: "starter", Action: "cloudformation:DescribeStacks", About: "on stack/rdslink/other", Why: "CloudFormation chooses the last part of a stack's ARN."},
	{Role: "starter", Action: "logs:*", About: "on log-group:/aws/vendedlogs/states/rdslink-setup:other", Why: "Step Functions names the streams of the state machine's log."},
	{Role: "starter", Action: "logs:*", About: "on log-group:/aws/lambda/rdslink-other:log-stream:other", Why: "The logs of rdslink's functions and state machine, and no others."},
	{Role: "observer*", Action: "states:DescribeExecution", About: "unused arn:aws:states:*:execution:rdslink-setup:*", Why: "See its action."},
	{Role: "observer*", Action: "states:DescribeExecution", About: "unused", Why: "For reminders, the first after a day of waiting: TestRemind."},

	{Role: "*", Action: "lambda:*", About: "on function:rdslink-resolver-other", Why: perVPC},
	{Role: "*", Action: "ec2:CreateSecurityGroup", About: "on vpc/other", Why: "The database's VPC is known only when an execution starts; the group that is made in it must carry our tag."},
	{Role: "*", Action: "ec2:*", About: "on security-group/other", Why: awsNames},
	{Role: "*", Action: "ec2:*", About: "on security-group-rule/other", Why: awsNames},
	{Role: "createendpointservice*", Action: "ec2:*", About: "on vpc-endpoint-service/other", Why: awsNames},
	{Role: "createendpointservice*", Action: "vpce:AllowMultiRegion", About: "on vpc-endpoint-service/other", Why: "It has no condition key for tags; the call that it goes with must carry ours, or act on what does."},
	{Role: "create*", Action: "elasticloadbalancing:*", About: "on targetgroup/*/other", Why: "Names are the exposures'. What is made must carry our tag."},
	{Role: "create*", Action: "elasticloadbalancing:*", About: "on loadbalancer/net/*/other", Why: "Names are the exposures'. What is made must carry our tag."},
	{Role: "create*", Action: "elasticloadbalancing:*", About: "on listener/net/*/other", Why: "Names are the exposures'. What is made must carry our tag."},
	{Role: "installipsync*", Action: "scheduler:*", About: "on schedule/rdslink/other", Why: "One schedule per exposure, in our own group."},

	{Role: "*", Action: "ec2:*", About: "on vpc-endpoint-service/other with our tag", Why: ours},
	{Role: "*", Action: "ec2:*", About: "on security-group/other with our tag", Why: ours},
	{Role: "*", Action: "ec2:*", About: "on security-group-rule/other with our tag", Why: ours},
	{Role: "*", Action: "elasticloadbalancing:*", About: "on targetgroup/*/other with our tag", Why: ours},
	{Role: "createloadbalancer*", Action: "elasticloadbalancing:*", About: "on loadbalancer/net/*/other with our tag", Why: ours},
	{Role: "createloadbalancer*", Action: "elasticloadbalancing:*", About: "on listener/net/*/*/other with our tag", Why: ours},
	{Role: "*", Action: "lambda:*", About: "on function:rdslink-resolver-other with our tag", Why: ours},
	{Role: "*", Action: "ec2:CreateSecurityGroup", About: "on a vpc", Why: twoTypes},
	{Role: "resolveprivateip*", Action: "ec2:CreateTags", About: "on a security-group", Why: twoTypes},
	{Role: "resolveprivateip*", Action: "ec2:CreateTags", About: "on a security-group-rule", Why: twoTypes},
	{Role: "createloadbalancer*", Action: "ec2:CreateTags", About: "on a security-group", Why: twoTypes},
	{Role: "createloadbalancer*", Action: "ec2:CreateTags", About: "on a security-group-rule", Why: twoTypes},
	{Role: "update*", Action: "ec2:AuthorizeSecurityGroupIngress", About: "on a security-group", Why: twoTypes},

	{Role: "resolverrole*", Action: "ec2:*", About: "in another region", Why: asAWSHas},
	{Role: "resolverrole*", Action: "ec2:*", About: "of another account", Why: asAWSHas},
	{Role: "resolverrole*", Action: "ec2:*", About: "on a *", Why: asAWSHas},
	{Role: "resolverrole*", Action: "ec2:*", About: "on *other", Why: asAWSHas},
}
