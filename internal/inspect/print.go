package inspect

import (
	"fmt"
	"io"
	"strings"
)

// marks are how a hop is printed.
var marks = map[State]string{Passes: "✓", Broken: "✗", Unknown: "?"}

// Print writes a report for people: the hops in order, what to do about one that is broken, and drift.
func (r Report) Print(out io.Writer) {
	width := 0
	for _, hop := range r.Hops {
		width = max(width, len(hop.Name))
	}
	indent := strings.Repeat(" ", width+4)
	for _, hop := range r.Hops {
		line := fmt.Sprintf("%s %-*s  %s", marks[hop.State], width, hop.Name, hop.Detail)
		fmt.Fprintln(out, strings.TrimRight(line, " "))
		if hop.State == Broken {
			fmt.Fprintf(out, "%s→ %s\n", indent, hop.Remedy)
		}
	}
	for n, finding := range r.Drift {
		if n == 0 {
			fmt.Fprintln(out, "\nNot as the steps left it, and cutting nobody off yet:")
		}
		fmt.Fprintf(out, "• %s\n  → %s\n", finding.Detail, finding.Remedy)
	}
}
