package confirm

import (
	"fmt"
	"io"
)

var marks = map[string]string{Confirmed: "✓", Contradicted: "✗", NotSeen: "·", ByHand: "☞"}

// Print writes the report for people.
func (r Report) Print(w io.Writer) {
	section := ""
	for _, row := range r.Rows {
		if row.Section != section {
			section = row.Section
			fmt.Fprintf(w, "\n%s\n", section)
		}
		fmt.Fprintf(w, "  %s %-12s %3d  %s\n%22s%s\n", marks[row.Verdict], row.Verdict, row.Number, row.Assumption, "", row.Because)
		if row.Do != "" {
			fmt.Fprintf(w, "%22s%s\n", "", row.Do)
		}
	}
	fmt.Fprintf(w, "\nGathered\n")
	for _, fact := range r.Gathered {
		fmt.Fprintf(w, "  %s\n", fact.Question)
		for _, text := range fact.Seen {
			fmt.Fprintf(w, "      %s\n", text)
		}
	}
	fmt.Fprintf(w, "\nAccount %s, %s: %d confirmed, %d contradicted, %d not seen, %d by hand\n", r.Account, r.Region,
		r.Count(Confirmed), r.Count(Contradicted), r.Count(NotSeen), r.Count(ByHand))
}
