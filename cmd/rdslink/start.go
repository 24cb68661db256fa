package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rdslink/rdslink/internal/vendor"
)

func (t *tool) startCommand() *cobra.Command {
	var input, database, preset string
	command := &cobra.Command{
		Use:   "start",
		Short: "start an execution and follow it",
		Args:  takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			o, err := t.operator(ctx)
			if err != nil {
				return err
			}
			if input == "" {
				// Step 1 judges the values, the same here as from the console.
				text, err := json.Marshal(map[string]string{"database": database, "vendor": preset})
				if err != nil {
					return fmt.Errorf("encode input: %w", err)
				}
				input = string(text)
			}
			execution, err := o.Start(ctx, input)
			if err != nil {
				return err
			}
			fmt.Fprintln(t.err, execution)
			return t.follow(ctx, o, execution)
		},
	}
	flags := command.Flags()
	flags.StringVar(&input, "input", "", "the whole input, JSON")
	flags.StringVar(&database, "database", "", "the database's identifier or ARN")
	flags.StringVar(&preset, "vendor", "", "the vendor's preset")
	_ = command.RegisterFlagCompletionFunc("vendor", cobra.FixedCompletions(vendor.IDs(), cobra.ShellCompDirectiveNoFileComp))
	return command
}
