package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rdslink/rdslink/internal/operator"
)

// restoreCommand is for when the registry was lost. The AWS CLI does not do for it: what is binary in an item comes back as
// other bytes from its first version, without a word.
func (t *tool) restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "restore TABLE",
		Short: "put what the registry has lost back, from the table that a restore to a point in time has made",
		Long: `restore puts every item that the registry has not into it, from the table that a restore to a point in time has made
(docs/watching.md, "When the registry is lost"). What the registry has is newer and stays; an item that is no exposure any more
is replaced. Done twice, it does no harm.

It takes somebody who may read that table whole, task tokens too, and write the registry: none of the stack's policies for
people lets anybody do that.`,
		Args: takes("TABLE"),
		RunE: func(command *cobra.Command, args []string) error {
			o, err := t.operator(command.Context())
			if err != nil {
				return err
			}
			done, err := o.Restore(command.Context(), args[0])
			if err != nil {
				return err
			}
			return t.print(done, func(out io.Writer) { printRestored(out, args[0], done) })
		},
	}
}

func printRestored(out io.Writer, table string, done operator.Restored) {
	for _, id := range done.Restored {
		fmt.Fprintln(out, "restored:", id)
	}
	for _, id := range done.Kept {
		fmt.Fprintln(out, "kept, as the registry has it:", id)
	}
	if len(done.Restored)+len(done.Kept) == 0 {
		fmt.Fprintln(out, table, "has no exposure")
	}
	if len(done.Restored) > 0 {
		fmt.Fprintln(out, "\nThey are as they were. Start again what has changed since (rdslink start), and take away again what was "+
			"removed since (rdslink remove EXPOSURE)")
	}
}
