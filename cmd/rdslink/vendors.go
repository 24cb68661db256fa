package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rdslink/rdslink/internal/vendor"
)

func (t *tool) vendorsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "vendors",
		Short: "the presets: who connects, from where, and to which engines",
		Long: `vendors prints what the vendors' own documents say about themselves, with the document and the date on which it said so.
It needs no credentials.`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			return t.print(vendor.All(), func(out io.Writer) { printVendors(out, vendor.All()) })
		},
	}
}

func printVendors(out io.Writer, all []vendor.Vendor) {
	for n, v := range all {
		if n > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s (%s)\n", v.ID, v.Name)
		facts := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fact := func(name, text string) { fmt.Fprintf(facts, "  %s\t%s\n", name, text) }
		fact("who connects", v.Who())
		fact("connects from", v.Where())
		fact("engines", strings.Join(v.Engines, ", "))
		if v.MinZones > 0 {
			fact("zones", fmt.Sprintf("%d or more", v.MinZones))
		}
		fact("hand-off", v.Handoff)
		fact("then", v.AfterShare)
		fact("source", v.Source+", "+v.Checked)
		_ = facts.Flush() // what cannot be written now cannot be above either
	}
}
