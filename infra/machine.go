package main

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/jsii-runtime-go"

	"github.com/rdslink/rdslink/statemachine"
)

// A machine is a state machine of steps, which are functions.
type machine struct {
	id         string // in the template
	role       string // its name
	name       string
	about      string
	definition string
	of         func(function) bool // whether a function is one of its steps
}

// newMachines makes the state machines of the ten steps and of the removal. CDK grants nothing for a definition given as
// text: each role may invoke the functions of its steps, and nothing else.
func newMachines(r *resources) {
	step := func(f function) bool { return f.watcher == nil }
	r.setup = newMachine(r, machine{"Setup", machineName, r.options.name.StateMachine(), "The setup state machine", statemachine.Setup,
		func(f function) bool { return step(f) && !f.removes() }})
	r.removal = newMachine(r, machine{"Remove", removalName, r.options.name.RemovalMachine(), "The state machine of removals",
		statemachine.Remove, func(f function) bool { return step(f) && f.removes() }})
}

func newMachine(r *resources, m machine) awsstepfunctions.StateMachine {
	role := newRole(r, m.role, m.id+"Role", &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(ptr("states.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": *r.stack.Account()}},
		}),
		Description: ptr(m.about),
	})
	substitutions := map[string]*string{"Partition": r.stack.Partition()}
	for _, f := range functions {
		if m.of(f) {
			substitutions[substitution(f)] = ptr(r.functionARN(f.name()))
			role.AddToPrincipalPolicy(allows("lambda", at(r.functionARN(f.name())), "InvokeFunction").statements()[0])
		}
	}
	made := awsstepfunctions.NewStateMachine(r.stack, ptr(m.id), &awsstepfunctions.StateMachineProps{
		StateMachineName:        &m.name,
		DefinitionBody:          awsstepfunctions.DefinitionBody_FromString(&m.definition),
		DefinitionSubstitutions: &substitutions,
		Role:                    role,
		TracingEnabled:          jsii.Bool(true),
		Logs: &awsstepfunctions.LogOptions{
			// The prefix keeps the log out of the resource policy, whose size is limited. Execution data would show task tokens.
			Destination:          newLogGroup(r.stack, m.role+"-log", "/aws/vendedlogs/states/"+m.name),
			Level:                awsstepfunctions.LogLevel_ALL,
			IncludeExecutionData: jsii.Bool(false),
		},
	})
	for _, f := range r.functions {
		made.Node().AddDependency(f)
	}
	return made
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
