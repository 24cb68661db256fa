package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/database"
)

// connectEvents ties the watchers to what they watch.
func connectEvents(r *resources) {
	allowNotifications(r)
	r.connections.AddSubscription(awssnssubscriptions.NewLambdaSubscription(r.functions["observer"], nil))
	restrictBus(r)

	newRule(r, "Outcomes", r.bus, "What became of a connection, and what people decided", &awsevents.EventPattern{
		Source:     list(bus.Source),
		DetailType: list(bus.Outcomes...),
	}, awseventstargets.NewLambdaFunction(r.functions["decision"], nil))
	newRule(r, "Decisions", r.bus, "What an approver decided", &awsevents.EventPattern{
		DetailType: list(bus.Decisions...),
	}, awseventstargets.NewLambdaFunction(r.functions["decision"], nil))
	newRule(r, "DatabaseMoves", nil, "A database's address may have changed", &awsevents.EventPattern{
		Source: list("aws.rds"),
		Detail: &map[string]any{"EventID": moves()},
	}, awseventstargets.NewLambdaFunction(r.functions["ip-sync"], nil))
	newRule(r, "ExecutionEnds", nil, "Tells the operators of an execution that did not succeed", &awsevents.EventPattern{
		Source:     list("aws.states"),
		DetailType: list("Step Functions Execution Status Change"),
		Detail: &map[string]any{
			"stateMachineArn": list(r.arn("states", "stateMachine:"+r.options.name.StateMachine()),
				r.arn("states", "stateMachine:"+r.options.name.RemovalMachine())),
			"status": list("FAILED", "TIMED_OUT", "ABORTED"),
			// A set-up that a removal stops (functions/remove-01-claim-the-exposure), or that another takes the place of
			// (functions/01-gather-rds-details), ends with one of these errors, as somebody meant it.
			"error": []any{map[string]any{"anything-but": list("Removed", "Superseded")}, map[string]any{"exists": false}, nil},
		},
	}, awseventstargets.NewSnsTopic(r.operators, &awseventstargets.SnsTopicProps{
		// An object is valid JSON whatever the cause contains; what a text template makes of quotation marks is not defined.
		Message: awsevents.RuleTargetInput_FromObject(&map[string]any{
			"message": "An execution of rdslink did not succeed: mend what the cause names, then redrive it, " +
				"or start again with the same input.",
			"execution": awsevents.EventField_FromPath(ptr("$.detail.executionArn")),
			"status":    awsevents.EventField_FromPath(ptr("$.detail.status")),
			"error":     awsevents.EventField_FromPath(ptr("$.detail.error")),
			"cause":     awsevents.EventField_FromPath(ptr("$.detail.cause")),
		}),
	}))
}

// moves are the ids of the events that start the sync.
func moves() []string {
	ids := make([]string, len(database.Moves))
	for i, event := range database.Moves {
		ids[i] = event.ID
	}
	return ids
}

// newRule makes one rule on a bus; nil is the account's default bus, where AWS's own events arrive.
func newRule(
	r *resources, id string, on awsevents.IEventBus, description string, pattern *awsevents.EventPattern, target awsevents.IRuleTarget,
) {
	awsevents.NewRule(r.stack, &id, &awsevents.RuleProps{
		EventBus:     on,
		Description:  &description,
		EventPattern: pattern,
		Targets:      &[]awsevents.IRuleTarget{target},
	})
}

// newSweeps makes the schedules of observer and watch: nothing signals that a connection became available, and a
// notification may be lost; and nothing but a look says that an exposure is not served, or not looked at.
func newSweeps(r *resources, group awsscheduler.CfnScheduleGroup) {
	for _, sweep := range []struct{ id, function, rate, input string }{
		{"SweepAwaited", "observer", "rate(1 minute)", `{"sweep":"awaited"}`},
		{"SweepAll", "observer", "rate(15 minutes)", `{"sweep":"all"}`},
		{"SweepExposures", "watch", "rate(1 minute)", `{"sweep":"exposures"}`},
	} {
		noRetry := 0.0
		maxAge := 60.0
		schedule := awsscheduler.NewCfnSchedule(r.stack, &sweep.id, &awsscheduler.CfnScheduleProps{
			GroupName:          group.Name(),
			ScheduleExpression: &sweep.rate,
			FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: ptr("OFF")},
			Target: &awsscheduler.CfnSchedule_TargetProperty{
				Arn:     r.functions[sweep.function].FunctionArn(),
				RoleArn: r.scheduleRole.RoleArn(),
				Input:   &sweep.input,
				RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
					MaximumRetryAttempts: &noRetry, MaximumEventAgeInSeconds: &maxAge,
				},
			},
		})
		schedule.AddResourceDependency(group, nil)
	}
}

// allowNotifications lets PrivateLink publish connection notifications of this account's endpoint services.
// https://docs.aws.amazon.com/vpc/latest/privatelink/create-notification-endpoint-service.html
func allowNotifications(r *resources) {
	fromOurServices := &map[string]any{
		"ArnLike":      map[string]any{"aws:SourceArn": r.arn("ec2", "vpc-endpoint-service/*")},
		"StringEquals": map[string]any{"aws:SourceAccount": *r.stack.Account()},
	}
	r.connections.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(ptr("vpce.amazonaws.com"), nil)},
		Actions:    list("sns:Publish"),
		Resources:  list(*r.connections.TopicArn()),
		Conditions: fromOurServices,
	}))
	encrypts(r, "vpce.amazonaws.com", fromOurServices)
	ofOurAccount := &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": *r.stack.Account()}}
	r.operators.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(ptr("cloudwatch.amazonaws.com"), nil)},
		Actions:    list("sns:Publish"),
		Resources:  list(*r.operators.TopicArn()),
		Conditions: ofOurAccount,
	}))
}

// encrypts lets a service use the topics' key.
func encrypts(r *resources, service string, conditions *map[string]any) {
	r.key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(&service, nil)},
		Actions:    list("kms:GenerateDataKey*", "kms:Decrypt"),
		Resources:  list("*"),
		Conditions: conditions,
	}), nil)
}

// restrictBus denies events to everybody but those whose word they are: the observer reports, approvers decide. Without the
// approvers' roles in the context, IAM alone says who decides.
func restrictBus(r *resources) {
	deny := func(id string, detailTypes []string, speakers ...string) {
		awsevents.NewCfnEventBusPolicy(r.stack, &id, &awsevents.CfnEventBusPolicyProps{
			EventBusName: r.bus.EventBusName(),
			StatementId:  ptr(r.options.name.Statement(id)),
			Statement: map[string]any{
				"Sid":       id,
				"Effect":    "Deny",
				"Principal": "*",
				"Action":    "events:PutEvents",
				"Resource":  *r.bus.EventBusArn(),
				"Condition": map[string]any{
					"ForAnyValue:StringEquals": map[string]any{"events:detail-type": detailTypes},
					"ArnNotEquals":             map[string]any{"aws:PrincipalArn": speakers},
				},
			},
		})
	}
	deny("OnlyTheObserverReports", bus.Reports, *r.functions["observer"].Role().RoleArn())
	if len(r.options.approvers) > 0 {
		deny("OnlyApproversDecide", bus.Decisions, r.options.approvers...)
	}
}
