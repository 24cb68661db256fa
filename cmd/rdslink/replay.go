package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// replayCommand says what it has handed over. Whether that is dealt with now, the operators' topic says, as it did before.
func (t *tool) replayCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "replay",
		Short: "have what functions gave up on dealt with again, letter by letter, as it is",
		Args:  takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			o, err := t.operator(command.Context())
			if err != nil {
				return err
			}
			done, err := o.Replay(command.Context())
			if err != nil && len(done.Failed) == 0 {
				return err
			}
			printing := t.print(done, func(out io.Writer) {
				for _, letter := range done.Replayed {
					fmt.Fprintln(out, "handed over again to", letter)
				}
				for _, letter := range done.Failed {
					fmt.Fprintln(out, "not handed over:", letter)
				}
				if len(done.Replayed)+len(done.Failed) == 0 {
					fmt.Fprintln(out, "there is nothing to replay")
				}
			})
			if printing != nil {
				return printing
			}
			return err
		},
	}
}
