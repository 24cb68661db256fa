package main

import (
	"fmt"
	"io"
	"runtime"
)

// print prints everything that was measured.
func (b *bench) print(out io.Writer) {
	fmt.Fprintf(out, "\n%d cores, %s, %s, %s\n", runtime.NumCPU(), runtime.GOARCH, runtime.Version(), b.sample.version)
	b.printFunctions(out)
	b.printSteps(out)
	b.printTick(out)
}

func (b *bench) printFunctions(out io.Writer) {
	fmt.Fprintf(out, "\nFunctions: zip; start to the first call of the Runtime API, %d times; memory at that call, and after executions\n", rounds)
	fmt.Fprintf(out, "  %-34s %8s %10s %8s %10s %10s\n", "", "zip, MB", "start, ms", "worst", "start, MB", "served, MB")
	for _, f := range b.functions {
		mark := "✓"
		if f.excess() != "" {
			mark = "✗"
		}
		fmt.Fprintf(out, "%s %-34s %8.2f %10.1f %8.1f %10.1f %10.1f\n", mark, f.folder, f.zip, millis(f.starts.median()), millis(f.starts.worst()), f.begun, f.served)
	}
	fmt.Fprintf(out, "  %-34s %8.0f %10.0f %8s %10.0f %10.0f\n", "at most", zipLimit, millis(startLimit), "", memoryLimit, memoryLimit)
}

// printSteps shows the set-up, and what the same input takes once everything exists.
func (b *bench) printSteps(out io.Writer) {
	var later calls
	for _, e := range b.later {
		later = append(later, e.calls...)
	}
	fmt.Fprintf(out, "\nSteps: AWS calls of one set-up, and of the same input %d times more; how long Step Functions then waits for the function\n", again)
	fmt.Fprintf(out, "  %-34s %8s %10s %8s %10s\n", "", "asked", "calls", "again", "again, ms")
	first, second := 0, 0
	for _, f := range b.functions {
		if !f.numbered() {
			continue
		}
		ours, ourLater := len(b.first.calls.by(f.name())), len(later.by(f.name()))
		first, second = first+ours, second+ourLater
		asked := len(b.first.calls.invocations(b.first.name, f.name()))
		fmt.Fprintf(out, "  %-34s %8d %10d %8s %10.1f\n", f.folder, asked, ours, per(ourLater, again), millis(b.warm(f).median()))
	}
	fmt.Fprintf(out, "  %-34s %8s %10d %8s\n", "all ten", "", first, per(second, again))
	for _, name := range []string{"rdslink-observer", "rdslink-decision", "rdslink-ip-sync"} {
		fmt.Fprintf(out, "  %-34s %8s %10d %8s\n", name+", meanwhile", "", len(b.first.calls.by(name)), per(len(later.by(name)), again))
	}
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
	fmt.Fprintf(out, "  %-34s %8s %10s   %s\n", "", "ip-sync", "sample", "ip-sync : sample")
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
		fmt.Fprintf(out, "  %-34s %8.1f %10.1f   %s\n", line.title, line.ours, line.theirs, ratio(line.ours, line.theirs))
	}
	fmt.Fprintf(out, `
ip-sync calls %s; the sample calls %s.
%.1f ms of a tick of ip-sync are the resolver's: it asks the VPC's DNS and tries the database. The sample tries nothing, and is
told the address beforehand, at no cost: in the VPC, where the document puts it, it would reach no AWS API.
`, b.ours.calls.actions(ticks), b.theirs.calls.actions(ticks), millis(b.ours.calls.invocations(b.ours.session, b.resolver()).median()))
}
