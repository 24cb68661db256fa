package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rdslink/rdslink/internal/cost"
	"github.com/rdslink/rdslink/internal/operator"
)

// showCommand prints what there is to know of an exposure. A hop that is broken is an error, for scripts.
func (t *tool) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show EXPOSURE",
		Short: "what is shown to whom, who is connected, is it served, and what is broken where",
		Long: `show prints what is known of an exposure: for whom it is, since when and at whose request, who decided about which
connection, who is connected, what it costs, what went through in the last hour; then every hop of a consumer's connection as
AWS describes it now, and what is not as the steps left it. It changes nothing. Where a hop is broken it ends with 1.

Who asked and who decided is what they have said themselves. CloudTrail has who called StartExecution and PutEvents.`,
		Args: takes("EXPOSURE"),
		RunE: func(command *cobra.Command, args []string) error {
			o, err := t.operator(command.Context())
			if err != nil {
				return err
			}
			shown, err := o.Show(command.Context(), args[0])
			if err != nil {
				return fmt.Errorf("show exposure %s: %w", args[0], err)
			}
			if err := t.print(shown, func(out io.Writer) { printShown(out, shown) }); err != nil {
				return err
			}
			if hop, broken := shown.Report.Broken(); broken {
				return errors.Join(fmt.Errorf("exposure %s: %s is broken", args[0], hop.Name), shown.Report.Err)
			}
			return shown.Report.Err
		},
	}
}

func printShown(out io.Writer, s operator.Shown) {
	fmt.Fprintf(out, "%s is %s\n\n", s.Exposure, strings.TrimSuffix(s.State+": "+s.Why, ": "))
	facts := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fact := func(name, format string, a ...any) { fmt.Fprintf(facts, "%s\t%s\n", name, fmt.Sprintf(format, a...)) }
	if s.Link == s.Exposure && s.Link != "" {
		for n, e := range s.On {
			fact(first(n, "databases"), "port %d: %s, exposure %s, %s", e.ListenerPort, e.DatabaseIdentifier, e.Exposure, e.State)
		}
	} else {
		fact("database", "%s (%s)", s.DatabaseIdentifier, s.DatabaseARN)
	}
	if s.Link != "" && s.Link != s.Exposure {
		fact("link", "%s, which has its load balancer, its service and its connections", s.Link)
	}
	fact("for", "%s", whom(s))
	switch {
	case s.ServiceName != "" && s.Port == 0:
		fact("service", "%s", s.ServiceName)
	case s.ServiceName != "":
		fact("service", "%s, port %d", s.ServiceName, s.Port)
	}
	since := clock(s.Since)
	if since == "" {
		since = "not recorded: an earlier version made it"
	}
	fact("since", "%s", since)
	fact("asked", "%s", asked(s))
	for n, d := range s.Decisions {
		fact(first(n, "decided"), "%s", decided(d))
	}
	for n, c := range s.Connections {
		fact(first(n, "connected"), "%s, since %s", connection(c), or(clock(c.Since)))
	}
	if len(s.Connections) == 0 {
		fact("connected", "nobody")
	}
	fact("served", "last good look %s", or(clock(s.LastGoodLook)))
	fact("costs", "$%.2f a month (%s; traffic comes on top)", s.MonthlyUSD, cost.Region)
	_ = facts.Flush() // what cannot be written now cannot be below either
	fmt.Fprintln(out)
	printTraffic(out, s.LastHour)
	s.Report.Print(out)
}

func first(n int, name string) string {
	if n > 0 {
		return ""
	}
	return name
}

func whom(s operator.Shown) string {
	text := forWhom(s.Overview)
	if len(s.Accounts) > 0 {
		text += ", account " + strings.Join(s.Accounts, ", ")
	}
	return text
}

// asked says who did, and what the last execution came to.
func asked(s operator.Shown) string {
	by := s.RequestedBy
	if by == "" {
		by = "somebody whom the input does not name"
	}
	text := "by " + by
	if at := clock(s.RequestedAt); at != "" {
		text += ", " + at
	}
	if s.Execution == "" {
		return text
	}
	status := s.Status
	if status == "" {
		status = "not known"
	}
	text += fmt.Sprintf("; execution %s: %s", s.Execution, strings.ToLower(status))
	if s.Failure != "" {
		text += ", " + s.Failure
	}
	return text
}

func decided(d operator.Decided) string {
	text := fmt.Sprintf("%s %s %s by %s", clock(d.At), d.Decision, d.VPCEndpointID, or(d.By))
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	return text
}
