package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rdslink/rdslink/internal/cost"
	"github.com/rdslink/rdslink/internal/operator"
)

func (t *tool) listCommand() *cobra.Command {
	var fromTags bool
	command := &cobra.Command{
		Use:   "list",
		Short: "every exposure: what is shown to whom, how it is, and who is connected",
		Long: `list prints every exposure of the stack, with what the registry knows and EC2 and Step Functions say. It asks a few times,
however many they are, and looks into none of them: what the watch has told of it does, up to some minutes ago.

The states:
  live        served, and somebody is connected
  idle        served, and nobody is connected
  waiting     an execution waits for a connection
  making      an execution works on it
  half-made   no execution works on it, and it was never finished
  leaving     a removal takes it away
  cut-off     consumers do not reach the database
  unsettled   the last looks were not good, and that nobody is served is not known
  stopped     the database is stopped
  unwatched   nobody has looked at it for long
  unreadable  its item in the registry cannot be read

With --from-tags it prints what carries the tags of exposures, whether or not the registry knows them: after the registry was
lost, each of these is to be started again with the input that it was started with, or to be removed.`,
		Args: takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			o, err := t.operator(command.Context())
			if err != nil {
				return err
			}
			if fromTags {
				tagged, err := o.FromTags(command.Context())
				if err != nil {
					return fmt.Errorf("list exposures by their tags: %w", err)
				}
				return t.print(tagged, func(out io.Writer) { printTagged(out, tagged) })
			}
			listing, err := o.List(command.Context())
			if err != nil {
				return fmt.Errorf("list exposures: %w", err)
			}
			if err := t.print(listing, func(out io.Writer) { printListing(out, listing) }); err != nil {
				return err
			}
			return listing.Err
		},
	}
	command.Flags().BoolVar(&fromTags, "from-tags", false, "what carries the tags of exposures, also where the registry has forgotten them")
	return command
}

// printTagged writes a line for each exposure, and what becomes of those that the registry does not have.
func printTagged(out io.Writer, all []operator.Tagged) {
	if len(all) == 0 {
		fmt.Fprintln(out, "nothing carries the tags of an exposure")
		return
	}
	rows := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(rows, "EXPOSURE\tIN THE REGISTRY\tTAGGED\tDATABASE")
	forgotten := 0
	for _, t := range all {
		known := "yes"
		if !t.Recorded {
			known = "no"
			forgotten++
		}
		fmt.Fprintf(rows, "%s\t%s\t%d\t%s\n", t.Exposure, known, len(t.Things), or(t.DatabaseARN))
	}
	_ = rows.Flush()
	if forgotten > 0 {
		fmt.Fprintf(out, "\n%d not in the registry: nobody follows or watches these. Start each again with the input that it was started with,\n"+
			"which finds what there is (rdslink start), or take it away (rdslink remove EXPOSURE)\n", forgotten)
	}
}

// printListing writes a line for each exposure, and below it what is not as it should be.
func printListing(out io.Writer, l operator.Listing) {
	if len(l.Exposures) == 0 {
		fmt.Fprintln(out, "there are no exposures")
		return
	}
	var table bytes.Buffer
	rows := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(rows, "EXPOSURE\tDATABASE\tFOR\tSTATE\tSINCE\tLAST GOOD LOOK\tA MONTH\tCONNECTED")
	for _, e := range l.Exposures {
		var connected []string
		for _, c := range e.Connections {
			connected = append(connected, connection(c))
		}
		fmt.Fprintf(rows, "%s\t%s\t%s\t%s\t%s\t%s\t$%.2f\t%s\n", e.Exposure, or(what(e)), or(forWhom(e)), e.State,
			or(day(e.Since)), or(clock(e.LastGoodLook)), e.MonthlyUSD, or(strings.Join(connected, "; ")))
	}
	_ = rows.Flush() // into memory
	for n, line := range strings.Split(strings.TrimSuffix(table.String(), "\n"), "\n") {
		fmt.Fprintln(out, strings.TrimRight(line, " "))
		if n == 0 {
			continue
		}
		e := l.Exposures[n-1]
		if e.Why != "" {
			fmt.Fprintln(out, "  "+e.State+": "+e.Why)
		}
		if len(e.ChangedByHand) > 0 {
			fmt.Fprintln(out, "  changed by hand: "+strings.Join(e.ChangedByHand, ", "))
		}
	}
	fmt.Fprintf(out, "\n%d exposures, $%.2f a month (%s; traffic comes on top)\n", len(l.Exposures), l.MonthlyUSD, cost.Region)
}

// what is the database, or what stands in front of several.
func what(e operator.Overview) string {
	if e.Link != "" && e.Link == e.Exposure {
		return "(link)"
	}
	return e.DatabaseIdentifier
}

// forWhom is the consumer, with the vendor where its name does not say that.
func forWhom(e operator.Overview) string {
	if e.Vendor == "" || strings.HasPrefix(e.Consumer, e.Vendor) {
		return e.Consumer
	}
	return e.Consumer + " at " + e.Vendor
}

// connection is who is connected, or asks.
func connection(c operator.Connected) string {
	text := fmt.Sprintf("%s by %s (%s)", c.Account, c.VPCEndpointID, c.State)
	if !c.Expected {
		text += ", whom nobody expects"
	}
	return text
}

func or(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func day(at time.Time) string { return moment(at, time.DateOnly) }

func clock(at time.Time) string { return moment(at, "2006-01-02 15:04:05Z") }

func moment(at time.Time, layout string) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(layout)
}
