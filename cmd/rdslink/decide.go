package main

import (
	"fmt"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/rdslink/rdslink/internal/bus"
)

func (t *tool) approveCommand() *cobra.Command {
	return t.decideCommand("approve EXPOSURE", "accept a pending connection", bus.Accept)
}

func (t *tool) rejectCommand() *cobra.Command {
	return t.decideCommand("reject EXPOSURE", "reject a pending connection, or end one that is available", bus.Reject)
}

func (t *tool) decideCommand(use, short, decision string) *cobra.Command {
	d := bus.Decision{Decision: decision}
	command := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  takes("EXPOSURE"),
		RunE: func(command *cobra.Command, args []string) error {
			d.Exposure = args[0]
			if u, err := user.Current(); err == nil {
				d.By = u.Username
			}
			if goOn, err := t.meant(d); !goOn || err != nil {
				return err
			}
			o, err := t.operator(command.Context())
			if err != nil {
				return err
			}
			if err := o.Decide(command.Context(), d); err != nil {
				return err
			}
			if t.output == asJSON {
				return t.printJSON(d)
			}
			fmt.Fprintf(t.out, "%s of %s is on its way; the operators' topic says what became of it\n", decision, d.Exposure)
			return nil
		},
	}
	flags := command.Flags()
	flags.StringVar(&d.VPCEndpointID, "endpoint", "", "the VPC endpoint; the only pending one if not given")
	flags.StringVar(&d.Reason, "reason", "", "kept with the decision")
	return command
}

// meant asks before a connection is rejected by name, which may be one that carries data. Whoever may decide need not be
// allowed to look which it is.
func (t *tool) meant(d bus.Decision) (bool, error) {
	if d.Decision != bus.Reject || d.VPCEndpointID == "" {
		return true, nil
	}
	goOn, err := t.ask(fmt.Sprintf("Reject %s of %s? If it is connected, its connections end. It is for good: the consumer would have "+
		"to make a new endpoint.", d.VPCEndpointID, d.Exposure))
	if err == nil && !goOn {
		t.say("nothing was decided")
	}
	return goOn, err
}
