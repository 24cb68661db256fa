package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rdslink/rdslink/internal/operator"
)

func (t *tool) followCommand() *cobra.Command {
	var limit time.Duration
	command := &cobra.Command{
		Use:   "follow EXECUTION",
		Short: "follow an execution, by its ARN, to its end",
		Args:  takes("EXECUTION"),
		RunE: func(command *cobra.Command, args []string) error {
			settings, err := t.settings(command.Context())
			if err != nil {
				return err
			}
			of, err := arn.Parse(args[0])
			if err != nil || of.Service != "states" || !strings.HasPrefix(of.Resource, "execution:") {
				return usageError{fmt.Errorf("EXECUTION is the ARN that start prints, arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME, "+
					"not %q", args[0])}
			}
			settings.Region = of.Region
			return t.follow(command.Context(), operator.New(settings, t.name()), args[0], limit)
		},
	}
	limitFlag(command.Flags(), &limit)
	return command
}

func limitFlag(flags *pflag.FlagSet, limit *time.Duration) {
	flags.DurationVar(limit, "timeout", 0, "how long to follow it, such as 90s or 2h; it goes on after that")
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
func (t *tool) follow(ctx context.Context, o *operator.Operator, execution string, limit time.Duration) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	view := operator.NewView(t.err)
	p, err := o.Follow(ctx, execution, time.Second, func(p operator.Progress) bool {
		view.Show(p)
		return false
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w; to follow it again: %s", err, t.again("follow", execution))
	}
	if t.output == asJSON {
		err := t.printJSON(followed{Execution: execution, Status: string(p.Status), Error: p.Error, Cause: p.Cause, Output: []byte(p.Output)})
		if err != nil {
			return err
		}
	}
	switch {
	case !p.Done():
		return waitingError{fmt.Errorf("the execution goes on%s; to follow it again: %s", waitsFor(p), t.again("follow", execution))}
	case p.Err() == nil && t.output == asText:
		fmt.Fprintln(t.out, p.Output)
	}
	return p.Err()
}

// again is a command as whoever called this one would type it.
func (t *tool) again(args ...string) string {
	if t.stack != "" {
		args = append([]string{"--stack", t.stack}, args...)
	}
	return strings.Join(append([]string{t.program}, args...), " ")
}

func waitsFor(p operator.Progress) string {
	if s := p.Waiting(); s != nil {
		return " and waits for people (" + s.Name + ")"
	}
	return ""
}
