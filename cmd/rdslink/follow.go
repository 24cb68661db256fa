package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/spf13/cobra"

	"github.com/rdslink/rdslink/internal/operator"
)

func (t *tool) followCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "follow EXECUTION",
		Short: "follow an execution, by its ARN, to its end",
		Args:  takes("EXECUTION"),
		RunE: func(command *cobra.Command, args []string) error {
			o, err := t.operator(command.Context())
			if err != nil {
				return err
			}
			return t.follow(command.Context(), o, args[0])
		},
	}
}

// followed is an execution for programs.
type followed struct {
	Execution string          `json:"execution"`
	Status    string          `json:"status"`
	Error     string          `json:"error,omitempty"`
	Cause     string          `json:"cause,omitempty"`
	Output    json.RawMessage `json:"output,omitempty"`
}

// follow shows how an execution goes on, and prints what comes out of it.
func (t *tool) follow(ctx context.Context, o *operator.Operator, execution string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	view := operator.NewView(t.err)
	p, err := o.Follow(ctx, execution, time.Second, func(p operator.Progress) bool {
		view.Show(p)
		return false
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if t.output == asJSON {
		err := t.printJSON(followed{Execution: execution, Status: string(p.Status), Error: p.Error, Cause: p.Cause, Output: []byte(p.Output)})
		if err != nil {
			return err
		}
	}
	switch {
	case !p.Done():
		return waitingError{fmt.Errorf("the execution goes on; to follow it again: %s follow %s", t.program, execution)}
	case p.Status != sfntypes.ExecutionStatusSucceeded:
		return ended(p)
	case t.output == asText:
		fmt.Fprintln(t.out, p.Output)
	}
	return nil
}

// ended says how an execution ended that did not succeed. One that was stopped need not say why.
func ended(p operator.Progress) error {
	if p.Error == "" {
		return fmt.Errorf("the execution is %s", p.Status)
	}
	return fmt.Errorf("%s: %s", p.Error, p.Cause)
}
