package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
)

// newPeoplesPolicies makes the managed policies for those who start executions and for those who decide about connections. No
// policy holds both: whoever asks for a connection shall not be the one who lets it in. Names are the account's, a stack is a
// region's.
func newPeoplesPolicies(r *resources) {
	if !r.options.makesRoles() {
		return
	}
	operator := newPeoplesPolicy(r, "Operator", "rdslink-operator", "Start, follow, redrive and stop executions of rdslink; not decide about connections", operatorGrants(r))
	approver := newPeoplesPolicy(r, "Approver", "rdslink-approver", "Accept or reject connections to databases; not start executions", approverGrants(r))
	output(r.stack, "OperatorPolicyArn", *operator.ManagedPolicyArn(), "Attach this to whoever starts executions")
	output(r.stack, "ApproverPolicyArn", *approver.ManagedPolicyArn(), "Attach this to whoever accepts connections")
}

func newPeoplesPolicy(r *resources, id, name, description string, grants []grant) awsiam.ManagedPolicy {
	var statements []awsiam.PolicyStatement
	for _, g := range grants {
		statements = append(statements, g.statement())
	}
	return awsiam.NewManagedPolicy(r.stack, ptr(id), &awsiam.ManagedPolicyProps{
		ManagedPolicyName: ptr(name + "-" + *r.stack.Region()),
		Description:       &description,
		Statements:        &statements,
	})
}

// operatorGrants are what `make start` calls, redriving and stopping, and what the console needs to show executions and logs.
func operatorGrants(r *resources) []grant {
	machine := r.arn("states", "stateMachine:"+deployment.StateMachine)
	executions := r.arn("states", "execution:"+deployment.StateMachine+":*")
	return []grant{
		{actions: []string{"states:StartExecution", "states:DescribeStateMachine", "states:ListExecutions"}, resources: []string{machine}},
		{actions: []string{"states:DescribeExecution", "states:GetExecutionHistory", "states:DescribeStateMachineForExecution", "states:RedriveExecution", "states:StopExecution"}, resources: []string{executions}},
		{actions: []string{"states:ListStateMachines"}, resources: anywhere},
		{actions: []string{"logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"}, resources: []string{
			r.arn("logs", "log-group:/aws/lambda/"+deployment.Function("*")), r.arn("logs", "log-group:/aws/vendedlogs/states/"+deployment.StateMachine+":*"),
		}},
		{actions: []string{"cloudformation:DescribeStacks"}, resources: []string{r.arn("cloudformation", "stack/"+*r.stack.StackName()+"/*")}},
	}
}

// approverGrants are the one event that is a decision, and a look at who asks.
func approverGrants(r *resources) []grant {
	return []grant{
		{actions: []string{"events:PutEvents"}, resources: []string{*r.bus.EventBusArn()}, conditions: map[string]any{
			"StringEquals": map[string]any{"events:detail-type": bus.ConnectionDecision, "events:source": bus.Source},
		}},
		{actions: []string{"ec2:DescribeVpcEndpointConnections"}, resources: anywhere},
	}
}
