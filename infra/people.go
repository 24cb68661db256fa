package main

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/drift"
	"github.com/rdslink/rdslink/internal/registry"
)

// newPeoplesPolicies makes the managed policies for those who start executions, for those who decide about connections, and
// for those who look whether AWS is as it was assumed to be. No policy holds the first two: whoever asks for a connection
// shall not be the one who lets it in. Names are the account's, a stack is a region's.
func newPeoplesPolicies(r *resources) {
	if !r.options.makesRoles() {
		return
	}
	operator := newPeoplesPolicy(r, "Operator", "operator",
		"Start, follow, redrive and stop executions of rdslink; not decide about connections", operatorGrants(r))
	approver := newPeoplesPolicy(r, "Approver", "approver",
		"Accept or reject connections to databases; not start executions", approverGrants(r))
	confirmer := newPeoplesPolicy(r, "Confirmer", "confirmer",
		"Read what rdslink's deployment and executions left behind; change nothing", confirmerGrants(r))
	output(r.stack, "OperatorPolicyArn", *operator.ManagedPolicyArn(), "Attach this to whoever starts executions")
	output(r.stack, "ApproverPolicyArn", *approver.ManagedPolicyArn(), "Attach this to whoever accepts connections")
	output(r.stack, "ConfirmerPolicyArn", *confirmer.ManagedPolicyArn(), "Attach this to whoever runs make confirm")
}

func newPeoplesPolicy(r *resources, id, name, description string, may grants) awsiam.ManagedPolicy {
	statements := may.statements()
	return awsiam.NewManagedPolicy(r.stack, ptr(id), &awsiam.ManagedPolicyProps{
		ManagedPolicyName: ptr(r.options.name.Of(name + "-" + *r.stack.Region())),
		Description:       &description,
		Statements:        &statements,
	})
}

// operatorGrants are what `make start`, `make list`, `make show` and `make handoff` call, redriving and stopping, `make
// replay`, and what the console needs to show executions, logs and the dashboard. A replay hands over letters as they are:
// nobody can decide about a connection by it.
func operatorGrants(r *resources) grants {
	machine := at(r.arn("states", "stateMachine:"+r.options.name.StateMachine()))
	machine = append(machine, at(r.arn("states", "stateMachine:"+r.options.name.RemovalMachine()))...)
	runs := r.runs()
	logs := slices.Concat(
		r.wide("logs", "log-group:/aws/lambda/"+r.options.name.Function("*"),
			"The logs of rdslink's functions and state machine, and no others."),
		r.wide("logs", "log-group:/aws/vendedlogs/states/"+r.options.name.StateMachine()+":*",
			"Step Functions names the streams of the state machine's log."),
		r.wide("logs", "log-group:/aws/vendedlogs/states/"+r.options.name.RemovalMachine()+":*",
			"Step Functions names the streams of the state machine's log."),
	)
	stacks := r.wide("cloudformation", "stack/"+*r.stack.StackName()+"/*", "CloudFormation chooses the last part of a stack's ARN.")
	return slices.Concat(
		allows("states", machine, "StartExecution", "DescribeStateMachine", "ListExecutions"),
		allows("states", runs, "DescribeExecution", "GetExecutionHistory", "DescribeStateMachineForExecution",
			"RedriveExecution", "StopExecution"),
		reads("states", "ListStateMachines"),
		allows("logs", logs, "DescribeLogStreams", "FilterLogEvents", "GetLogEvents"),
		allows("lambda", at(r.functionARN("watch")), "InvokeFunction"),
		allows("cloudformation", stacks, "DescribeStacks"),
		allows("cloudwatch", at(r.globalARN("cloudwatch", "dashboard/"+r.options.name.Dashboard())), "GetDashboard"),
		allows("cloudwatch", wide("*", "Its only resources are datasets, and the metrics of AWS's services are in none."), "GetMetricData"),
		inspectGrants(r),
		// Items by their keys or all of them, and of them what is named: not the task token, which completes a step.
		// DynamoDB says of a request that names no attributes that it selects all:
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_dynamodb_attributes.html
		allows("dynamodb", at(*r.table.TableArn()), "GetItem", "Scan").only("dynamodb:Select", "SPECIFIC_ATTRIBUTES").
			where("ForAllValues:StringEquals", "dynamodb:Attributes", registry.Shown()),
		allows("kms", at(*r.key.KeyArn()), "Decrypt").only("kms:ViaService", r.via("dynamodb")),
	)
}

// inspectGrants are what an inspection of an exposure reads of AWS (internal/inspect), beside the registry. Some have other
// grants that allow a part of it already.
func inspectGrants(r *resources, allowed ...string) grants {
	without := func(all ...string) []string { return drift.Without(all, allowed) }
	resolvers := r.wide("lambda", "function:"+r.options.name.Resolver("*"), perVPC)
	databases := slices.Concat(r.wide("rds", "db:*", atRunTime), r.wide("rds", "cluster:*", atRunTime), r.wide("rds", "db-proxy:*", atRunTime))
	schedules := r.wide("scheduler", "schedule/"+r.options.name.ScheduleGroup()+"/*", "One schedule per exposure, in our own group.")
	services := r.wide("ec2", "vpc-endpoint-service/*", tagged)
	all := slices.Concat(
		reads("elasticloadbalancing", without("DescribeLoadBalancers", "DescribeTargetGroups", "DescribeTags", "DescribeListeners",
			"DescribeTargetHealth", "DescribeLoadBalancerAttributes", "DescribeTargetGroupAttributes")...),
		reads("ec2", without("DescribeVpcEndpointServiceConfigurations", "DescribeVpcEndpointConnections",
			"DescribeVpcEndpointConnectionNotifications", "DescribeSecurityGroups", "DescribeSecurityGroupRules", "DescribeNetworkInterfaces",
			"DescribeSubnets", "DescribeNetworkAcls", "DescribeFlowLogs")...),
		r.changes("ec2", services, "DescribeVpcEndpointServicePermissions"),
		allows("lambda", resolvers, "GetFunctionConfiguration", "ListTags"),
		allows("scheduler", schedules, without("GetSchedule")...),
		allows("route53", r.zones(), "ListResourceRecordSets"),
		allows("rds", databases, without("DescribeDBInstances", "DescribeDBClusters", "DescribeDBProxies")...),
	)
	return slices.DeleteFunc(all, func(g grant) bool { return len(g.actions) == 0 })
}

// runs are the executions of both state machines.
func (r *resources) runs() places {
	return slices.Concat(r.wide("states", "execution:"+r.options.name.StateMachine()+":*", perRun),
		r.wide("states", "execution:"+r.options.name.RemovalMachine()+":*", perRun))
}

// approverGrants are the events that are decisions, a look at whether the bus is there, and one at who asks.
func approverGrants(r *resources) grants {
	return slices.Concat(
		putsOn(r.bus, bus.Decisions...),
		allows("events", at(*r.bus.EventBusArn()), "DescribeEventBus"),
		reads("ec2", "DescribeVpcEndpointConnections"),
	)
}

// confirmerGrants are what `make confirm` reads (internal/confirm): not the registry, and histories without their data, as
// task tokens are in both.
func confirmerGrants(r *resources) grants {
	runs := r.wide("states", "execution:"+r.options.name.StateMachine()+":*", perRun)
	return slices.Concat(
		allows("states", at(r.arn("states", "stateMachine:"+r.options.name.StateMachine())), "ListExecutions"),
		allows("states", runs, "DescribeExecution", "GetExecutionHistory"),
		allows("logs", r.wide("logs", "log-group:/aws/lambda/"+r.options.name.Function("*"),
			"The logs of rdslink's functions, and no others."), "FilterLogEvents"),
		allows("lambda", at(r.functionARN("update-the-rds-security-group")), "GetFunctionConfiguration"),
		allows("scheduler", r.wide("scheduler", "schedule/"+r.options.name.ScheduleGroup()+"/*",
			"One schedule per exposure, in our own group."), "GetSchedule"),
		reads("ec2", "DescribeVpcEndpointServiceConfigurations", "DescribeVpcEndpointConnections", "DescribeNetworkInterfaces",
			"DescribeSecurityGroupRules"),
		reads("elasticloadbalancing", "DescribeLoadBalancers", "DescribeTargetGroups", "DescribeTargetHealth", "DescribeAccountLimits"),
		reads("cloudwatch", "GetMetricStatistics"),
		allows("rds", r.wide("rds", "db:*", atRunTime), "DescribeDBInstances"),
		allows("rds", r.wide("rds", "cluster:*", atRunTime), "DescribeDBClusters"),
		allows("rds", r.wide("rds", "db-proxy:*", atRunTime), "DescribeDBProxies"),
		allows("rds", wide(r.globalARN("rds", "global-cluster:*"), atRunTime), "DescribeGlobalClusters"),
		reads("servicequotas", "ListServiceQuotas"),
		allows("servicequotas", wide("*", aQuota), "GetServiceQuota"),
	)
}
