package main

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
)

// columns writes lines of cells, each cell with a tab behind it.
func columns(out io.Writer) *tabwriter.Writer {
	return tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
}

// print prints everything that was measured.
func (b *bench) print(out io.Writer) {
	fmt.Fprintf(out, "\n%d cores, %s, %s, %s\n", runtime.NumCPU(), runtime.GOARCH, runtime.Version(), b.sample.version)
	b.printFunctions(out)
	b.printSteps(out)
	b.printTick(out)
}

func (b *bench) printFunctions(out io.Writer) {
	fmt.Fprintf(out, "\nFunctions: zip; start to the first call of the Runtime API, %d times; memory at that call, and after executions\n",
		rounds)
	rows := columns(out)
	fmt.Fprintln(rows, "\t\tzip, MB\tstart, ms\tworst\tstart, MB\tserved, MB\t")
	for _, f := range b.functions {
		mark := "✓"
		if f.excess() != "" {
			mark = "✗"
		}
		fmt.Fprintf(rows, "%s\t%s\t%.2f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", mark, f.folder, f.zip, millis(f.starts.median()),
			millis(f.starts.worst()), f.begun, f.served)
	}
	fmt.Fprintf(rows, "\tat most\t%.0f\t%.0f\t\t%.0f\t%.0f\t\n", zipLimit, millis(startLimit), memoryLimit, memoryLimit)
	_ = rows.Flush() // the reader is gone
}

// printSteps shows the set-up, and what the same input takes once everything exists.
func (b *bench) printSteps(out io.Writer) {
	var later calls
	for _, e := range b.later {
		later = append(later, e.calls...)
	}
	fmt.Fprintf(out,
		"\nSteps: AWS calls of one set-up, and of the same input %d times more; how long Step Functions then waits for the function\n", again)
	rows := columns(out)
	fmt.Fprintln(rows, "\tasked\tcalls\tagain\tagain, ms\t")
	first, second := 0, 0
	for _, f := range b.functions {
		if !f.numbered() {
			continue
		}
		ours, ourLater := len(b.first.calls.by(f.name())), len(later.by(f.name()))
		first, second = first+ours, second+ourLater
		asked := len(b.first.calls.invocations(b.first.name, f.name()))
		fmt.Fprintf(rows, "%s\t%d\t%d\t%s\t%.1f\t\n", f.folder, asked, ours, per(ourLater, again), millis(b.warm(f).median()))
	}
	fmt.Fprintf(rows, "all ten\t\t%d\t%s\t\t\n", first, per(second, again))
	for _, name := range []string{"rdslink-observer", "rdslink-decision", "rdslink-ip-sync"} {
		fmt.Fprintf(rows, "%s, meanwhile\t\t%d\t%s\t\t\n", name, len(b.first.calls.by(name)), per(len(later.by(name)), again))
	}
	_ = rows.Flush() // the reader is gone
}

// warm is how long a step takes once everything exists.
func (b *bench) warm(f *function) durations {
	var took durations
	for _, e := range b.later {
		took = append(took, e.calls.invocations(e.name, f.name())...)
	}
	return took
}

func (b *bench) printTick(out io.Writer) {
	sync := b.sync()
	fmt.Fprintf(out, "\nThe sync beside the document's sample in Python: starts as above, then %d steady ticks\n", ticks)
	rows := columns(out)
	fmt.Fprintln(rows, "\tip-sync\tsample\tip-sync : sample\t")
	for _, line := range []struct {
		title        string
		ours, theirs float64
	}{
		{"start, ms", millis(sync.starts.median()), millis(b.sample.starts.median())},
		{"memory at the start, MB", sync.begun, b.sample.begun},
		{"memory after a tick, MB", b.ours.served, b.theirs.served},
		{"AWS calls of a tick", float64(len(b.ours.calls)) / ticks, float64(len(b.theirs.calls)) / ticks},
		{"a tick, ms", millis(b.ours.took.median()), millis(b.theirs.took.median())},
	} {
		fmt.Fprintf(rows, "%s\t%.1f\t%.1f\t%s\t\n", line.title, line.ours, line.theirs, ratio(line.ours, line.theirs))
	}
	_ = rows.Flush() // the reader is gone
	fmt.Fprintf(out, `
ip-sync calls %s; the sample calls %s.
%.1f ms of a tick of ip-sync are the resolver's: it asks the VPC's DNS and tries the database. The sample tries nothing, and is
told the address beforehand, at no cost: in the VPC, where the document puts it, it would reach no AWS API.
`, b.ours.calls.actions(ticks), b.theirs.calls.actions(ticks), millis(b.ours.calls.invocations(b.ours.session, b.resolver()).median()))
}
