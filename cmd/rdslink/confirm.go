package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rdslink/rdslink/docs"
	"github.com/rdslink/rdslink/internal/confirm"
)

// confirmCommand holds docs/assumptions.md against the account. A row that is contradicted is an error, for scripts.
func (t *tool) confirmCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "confirm [EXPOSURE]",
		Short: "hold docs/assumptions.md against this account; it changes nothing",
		Args:  takes("[EXPOSURE]"),
		RunE: func(command *cobra.Command, args []string) error {
			settings, err := t.settings(command.Context())
			if err != nil {
				return err
			}
			exposure := ""
			if len(args) > 0 {
				exposure = args[0]
			}
			checks := confirm.New(settings, t.name(), nil)
			report, err := confirm.Run(command.Context(), checks, confirm.Rows(docs.Assumptions), exposure)
			if err != nil {
				return fmt.Errorf("confirm assumptions: %w", err)
			}
			if err := t.print(report, report.Print); err != nil {
				return err
			}
			if n := report.Count(confirm.Contradicted); n > 0 {
				return fmt.Errorf("%d assumptions are contradicted: see what to do above", n)
			}
			return nil
		},
	}
}
