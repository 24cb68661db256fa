// Package statemachine holds the definitions of the state machines, in the Amazon States Language.
package statemachine

import _ "embed"

// Setup puts a database behind a private link. Each ${Name} in it stands for the ARN of the function of that step, and
// ${Partition} for the partition: Step Functions runs no integration that is named in another one than its own.
//
//go:embed setup.asl.json
var Setup string

// Remove takes an exposure away.
//
//go:embed remove.asl.json
var Remove string
