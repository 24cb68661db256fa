package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/bus"
)

func (t *tool) removeCommand() *cobra.Command {
	var dry, end bool
	var limit time.Duration
	command := &cobra.Command{
		Use:   "remove EXPOSURE",
		Short: "take an exposure away, and all that belongs to it",
		Long: `remove prints what belongs to the exposure, asks, has it removed, and follows that.

Where consumers are connected, the removal waits until an approver lets them be cut off: rdslink end EXPOSURE.`,
		Args: takes("EXPOSURE"),
		RunE: func(command *cobra.Command, args []string) error {
			ctx, id := command.Context(), args[0]
			o, err := t.operator(ctx)
			if err != nil {
				return err
			}
			found, err := o.Belongings(ctx, id)
			if err != nil {
				return fmt.Errorf("look for what belongs to exposure %s: %w", id, err)
			}
			if dry {
				return t.print(found.Things, func(out io.Writer) { printBelongings(out, id, found) })
			}
			printBelongings(t.err, id, found)
			if goOn, err := t.ask("Remove all of it?"); err != nil || !goOn {
				return errors.Join(err, errors.New("nothing was removed"))
			}
			input := map[string]string{"exposure": id}
			if end {
				input["connections"] = bus.End
			}
			text, err := json.Marshal(input)
			if err != nil {
				return fmt.Errorf("encode input: %w", err)
			}
			execution, err := o.Remove(ctx, string(text))
			if err != nil {
				return err
			}
			fmt.Fprintln(t.err, execution)
			return t.follow(ctx, o, execution, limit)
		},
	}
	flags := command.Flags()
	limitFlag(flags, &limit)
	flags.BoolVar(&dry, "dry-run", false, "only print what would be removed")
	flags.BoolVar(&end, "end-connections", false, "cut off whoever is connected, without asking an approver")
	return command
}

// printBelongings prints what a removal finds. The registry's item, and the resolver where no other exposure needs it, go
// too.
func printBelongings(out io.Writer, id string, found belongings.Found) {
	fmt.Fprintf(out, "%s has, beside its item in the registry and the resolver of its VPC, if no other exposure needs that:\n", id)
	for _, thing := range found.Things {
		fmt.Fprintf(out, "  %s\n", thing)
	}
	if n := len(found.Live); n > 0 {
		fmt.Fprintf(out, "%d of its connections are live: who uses them will be cut off\n", n)
	}
}

func (t *tool) endCommand() *cobra.Command {
	var r bus.Removal
	command := &cobra.Command{
		Use:   "end EXPOSURE",
		Short: "let connections end that keep an exposure from being removed",
		Args:  takes("EXPOSURE"),
		RunE: func(command *cobra.Command, args []string) error {
			r.Exposure = args[0]
			if u, err := user.Current(); err == nil {
				r.By = u.Username
			}
			o, err := t.operator(command.Context())
			if err != nil {
				return err
			}
			if err := o.End(command.Context(), r); err != nil {
				return err
			}
			return t.print(r, func(out io.Writer) {
				fmt.Fprintf(out, "the end of the connections of %s is on its way\n", r.Exposure)
			})
		},
	}
	command.Flags().StringVar(&r.Reason, "reason", "", "kept with the decision")
	return command
}
