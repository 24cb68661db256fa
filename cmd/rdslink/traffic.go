package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/rdslink/rdslink/internal/operator"
)

// bars are a minute's value against the most of the hour, from nothing on.
var bars = []rune("▁▂▃▄▅▆▇█")

// printTraffic prints a line for each figure: the hour's value, and a character for each of its minutes.
func printTraffic(out io.Writer, t *operator.Traffic) {
	if t == nil {
		return
	}
	fmt.Fprintf(out, "The last hour, from %s on. A character is a minute, · one of which AWS has measured nothing, as nothing went through.\n",
		clock(t.From))
	lines := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range t.Figures {
		fmt.Fprintf(lines, "%s\t%s\t%s\n", f.Name, said(f), chart(f.Minutes))
	}
	_ = lines.Flush() // what cannot be written now cannot be below either
	fmt.Fprintln(out)
}

// said is the hour's value, and which it is where that is not their sum.
func said(f operator.Figure) string {
	switch {
	case f.Value == nil:
		return "-"
	case f.Unit == "bytes":
		return size(*f.Value)
	case f.Of == operator.Sum:
		return fmt.Sprintf("%.0f", *f.Value)
	}
	return fmt.Sprintf("%.0f (%s)", *f.Value, f.Of)
}

func size(bytes float64) string {
	units := []string{"B", "kB", "MB", "GB"}
	for bytes >= 1000 && len(units) > 1 {
		bytes, units = bytes/1000, units[1:]
	}
	return fmt.Sprintf("%.4g %s", bytes, units[0])
}

func chart(minutes []*float64) string {
	most := 0.0
	for _, v := range minutes {
		if v != nil {
			most = max(most, *v)
		}
	}
	var b strings.Builder
	for _, v := range minutes {
		switch {
		case v == nil:
			b.WriteRune('·')
		case most == 0:
			b.WriteRune(bars[0])
		default:
			b.WriteRune(bars[int(*v/most*float64(len(bars)-1)+0.5)])
		}
	}
	return b.String()
}
