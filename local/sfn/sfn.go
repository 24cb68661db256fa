// Package sfn is AWS Step Functions as far as somebody here has use for it: an interpreter of what modelled.json lists of
// the Amazon States Language, executions with their histories, task tokens, stops and redrives. What AWS takes besides is
// refused when a machine is made.
//
// State machines themselves are kept elsewhere; a definition is read when an execution starts. Event sequences
// and the wording of errors follow recordings of real AWS: the *.snapshot.json files beside LocalStack's tests,
// named where they are used.
package sfn

import (
	"context"
	"sync"
	"time"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// MachineReader reads a state machine's definition and role. Its error is the API's answer when the machine does not exist.
type MachineReader func(ctx context.Context, stateMachineARN string) (definition, roleARN string, err error)

// Invoker calls a Lambda function as a role. functionError is the error document of a function that failed; err is a
// refusal of the Lambda service.
type Invoker func(ctx context.Context, roleARN, executionName, functionARN string, payload []byte) (answer, functionError []byte, err error)

// Service holds executions and task tokens.
type Service struct {
	// TimeoutSpeed divides TimeoutSeconds, apart from the world's speed: a person or a real process may have to beat them.
	// Set it before the first execution.
	TimeoutSpeed float64

	world   *model.World
	machine MachineReader
	invoke  Invoker

	mu         sync.Mutex // guards everything below and every execution and task
	executions map[string]*execution
	order      []*execution // by start
	tasks      map[string]*task
}

// New makes a service without executions.
func New(w *model.World, machine MachineReader, invoke Invoker) *Service {
	return &Service{
		TimeoutSpeed: 1,
		world:        w,
		machine:      machine,
		invoke:       invoke,
		executions:   map[string]*execution{},
		tasks:        map[string]*task{},
	}
}

// Operations are the API operations on executions and tasks. They lock for themselves.
func (s *Service) Operations() wire.Operations {
	return wire.Operations{
		"StartExecution":                   wire.Op(s.startExecution),
		"StopExecution":                    wire.Op(s.stopExecution),
		"RedriveExecution":                 wire.Op(s.redriveExecution),
		"DescribeExecution":                wire.Op(s.describeExecution),
		"DescribeStateMachineForExecution": wire.Op(s.describeStateMachineForExecution),
		"ListExecutions":                   wire.Op(s.listExecutions),
		"GetExecutionHistory":              wire.Op(s.getExecutionHistory),
		"SendTaskSuccess":                  wire.Op(s.sendTaskSuccess),
		"SendTaskFailure":                  wire.Op(s.sendTaskFailure),
	}
}

// patience is d as timeouts are scaled.
func (s *Service) patience(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.TimeoutSpeed)
}

// rest waits for d of this machine's time, or until ctx ends.
func (s *Service) rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
