package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rdslink/rdslink/internal/inspect"
	"github.com/rdslink/rdslink/internal/registry"
)

// showCommand prints an exposure's hops, as AWS describes them. A broken one is an error, for scripts.
func (t *tool) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show EXPOSURE",
		Short: "is it served, and what is broken where; it changes nothing",
		Args:  takes("EXPOSURE"),
		RunE: func(command *cobra.Command, args []string) error {
			o, err := t.operator(command.Context())
			if err != nil {
				return err
			}
			exposure, report, err := o.Show(command.Context(), args[0])
			if err != nil {
				return fmt.Errorf("show exposure %s: %w", args[0], err)
			}
			if err := t.printShown(exposure, report); err != nil {
				return err
			}
			if hop, broken := report.Broken(); broken {
				return errors.Join(fmt.Errorf("exposure %s: %s is broken", args[0], hop.Name), report.Err)
			}
			return report.Err
		},
	}
}

func (t *tool) printShown(exposure registry.Exposure, report inspect.Report) error {
	return t.print(report, func(out io.Writer) {
		fmt.Fprintf(out, "%s: %s for %s\n\n", exposure.ID, exposure.DatabaseARN, exposure.Consumer)
		report.Print(out)
	})
}
