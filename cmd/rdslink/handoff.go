package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (t *tool) handoffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "handoff EXPOSURE",
		Short: "the text that its consumer needs to connect, once more",
		Long: `handoff prints the text that the hand-off topic published last, as it was published. With --output json it prints the
output of the execution, from what the registry has kept and with the connection as it is now: Step Functions forgets an
execution after 90 days. An account of one's own connects from that (make deploy-consumer, docs/consumer.md).`,
		Args: takes("EXPOSURE"),
		RunE: func(command *cobra.Command, args []string) error {
			o, err := t.operator(command.Context())
			if err != nil {
				return err
			}
			done, err := o.HandOff(command.Context(), args[0])
			if err != nil {
				return fmt.Errorf("hand exposure %s over: %w", args[0], err)
			}
			return t.print(done.Document, func(out io.Writer) { fmt.Fprint(out, done.Text) })
		},
	}
}
