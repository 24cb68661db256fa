package operator

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// View shows progress: a line per step with its time. On a terminal the lines are redrawn, elsewhere each line is written
// once, when its step has ended or begins to wait for people.
type View struct {
	out      io.Writer
	terminal bool
	drawn    int             // lines to go back up, on a terminal
	said     map[string]bool // lines already written, elsewhere
}

// NewView makes a View on out.
func NewView(out io.Writer) *View {
	file, opened := out.(*os.File)
	return &View{out: out, terminal: opened && term.IsTerminal(int(file.Fd())), said: map[string]bool{}}
}

// Show shows p.
func (v *View) Show(p Progress) {
	if v.terminal && v.drawn > 0 {
		fmt.Fprintf(v.out, "\x1b[%dA", v.drawn)
	}
	v.drawn = len(p.Steps)
	for _, s := range p.Steps {
		line := s.line(time.Now())
		switch {
		case v.terminal:
			fmt.Fprintf(v.out, "\x1b[2K%s\n", line)
		case s.settled() && !v.said[s.key()]:
			v.said[s.key()] = true
			fmt.Fprintln(v.out, line)
		}
	}
}

// settled says whether the step's line is worth a line of its own where nothing can be redrawn.
func (s Step) settled() bool { return s.Waiting || !s.Ended.IsZero() }

func (s Step) key() string { return fmt.Sprint(s.Name, s.Waiting, s.Failed) }

func (s Step) line(now time.Time) string {
	end, mark, note := s.Ended, "✓", ""
	switch {
	case s.Failed:
		mark = "✗"
	case s.Waiting:
		end, mark, note = now, "…", "  waiting for people"
	case s.Ended.IsZero():
		end, mark = now, "·"
	}
	if s.Retries > 0 && !s.Failed {
		note += fmt.Sprintf("  (asked again %d times)", s.Retries)
	}
	return fmt.Sprintf("  %s %-34s %7.1f s%s", mark, s.Name, end.Sub(s.Entered).Seconds(), note)
}
