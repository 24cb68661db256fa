package operator

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// View shows progress: a line per step with its time. On a terminal the lines are redrawn, elsewhere each line is written
// once, when its step has ended, begins to wait for people, or says what it waits for.
type View struct {
	out   io.Writer
	width func() int      // of the terminal; nil where nothing can be redrawn
	drawn int             // lines to go back up, on a terminal
	said  map[string]bool // lines already written, elsewhere
}

// NewView makes a View on out.
func NewView(out io.Writer) *View {
	v := &View{out: out, said: map[string]bool{}}
	if file, opened := out.(*os.File); opened && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		v.width = func() int {
			width, _, err := term.GetSize(int(file.Fd()))
			if err != nil {
				return 80
			}
			return width
		}
	}
	return v
}

// Show shows p.
func (v *View) Show(p Progress) { v.show(p, time.Now()) }

func (v *View) show(p Progress, now time.Time) {
	if v.width == nil {
		for _, s := range p.Steps {
			if s.settled() && !v.said[s.key()] {
				v.said[s.key()] = true
				fmt.Fprintln(v.out, s.line(now))
			}
		}
		return
	}
	if v.drawn > 0 {
		fmt.Fprintf(v.out, "\x1b[%dA", v.drawn)
	}
	v.drawn = len(p.Steps)
	width := v.width()
	for _, s := range p.Steps {
		fmt.Fprintf(v.out, "\x1b[2K%s\n", cut(s.line(now), width))
	}
}

// cut leaves of a line what a terminal shows in one: a line that wraps cannot be redrawn.
func cut(line string, width int) string {
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	return string(runes[:max(0, width-1)]) + "…"
}

// settled says whether the step's line is worth a line of its own where nothing can be redrawn.
func (s Step) settled() bool { return s.Waiting || s.Not != "" || !s.Ended.IsZero() }

func (s Step) key() string {
	if s.Ended.IsZero() {
		return fmt.Sprint(s.Name, s.Waiting, s.Not)
	}
	return fmt.Sprint(s.Name, s.Failed, s.Ended)
}

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
	switch {
	case s.Failed || s.Retries == 0:
	case s.Ended.IsZero() && !s.Waiting && s.Not != "":
		note = "  not yet: " + s.Not
	default:
		note += fmt.Sprintf("  (asked again %d times)", s.Retries)
	}
	return fmt.Sprintf("  %s %-34s %9s%s", mark, s.Name, elapsed(end.Sub(s.Entered)), note)
}

// elapsed is as exact as a person wants to know it.
func elapsed(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d m %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d m", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}
