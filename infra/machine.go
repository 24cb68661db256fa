package main

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/jsii-runtime-go"

	"github.com/rdslink/rdslink/statemachine"
)

// newSetup makes the state machine of the ten steps. CDK grants nothing for a definition given as text: its role may invoke
// the ten functions, and nothing else.
func newSetup(r *resources) awsstepfunctions.StateMachine {
	role := newRole(r, machineName, "SetupRole", &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(ptr("states.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": *r.stack.Account()}},
		}),
		Description: ptr("The setup state machine"),
	})
	substitutions := map[string]*string{"Partition": r.stack.Partition()}
	for _, f := range functions {
		if f.watcher == nil {
			substitutions[substitution(f)] = ptr(r.functionARN(f.name()))
			role.AddToPrincipalPolicy(allows("lambda", at(r.functionARN(f.name())), "InvokeFunction").statements()[0])
		}
	}
	machine := awsstepfunctions.NewStateMachine(r.stack, ptr("Setup"), &awsstepfunctions.StateMachineProps{
		StateMachineName:        ptr(r.options.name.StateMachine()),
		DefinitionBody:          awsstepfunctions.DefinitionBody_FromString(ptr(statemachine.Setup)),
		DefinitionSubstitutions: &substitutions,
		Role:                    role,
		TracingEnabled:          jsii.Bool(true),
		Logs: &awsstepfunctions.LogOptions{
			// The prefix keeps the log out of the resource policy, whose size is limited. Execution data would show task tokens.
			Destination:          newLogGroup(r.stack, "setup-log", "/aws/vendedlogs/states/"+r.options.name.StateMachine()),
			Level:                awsstepfunctions.LogLevel_ALL,
			IncludeExecutionData: jsii.Bool(false),
		},
	})
	for _, f := range r.functions {
		machine.Node().AddDependency(f)
	}
	return machine
}

// substitution is the name by which the definition refers to a function: the step's name without blanks.
func substitution(f function) string {
	var name strings.Builder
	for _, word := range strings.Split(f.name(), "-") {
		switch word {
		case "rds", "ip":
			name.WriteString(strings.ToUpper(word))
		default:
			name.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return name.String()
}
