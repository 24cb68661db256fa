// Package confirm holds docs/assumptions.md against an account in which rdslink runs. It reads what the deployment and the
// executions left behind, and changes nothing.
package confirm

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rdslink/rdslink/internal/outcome"
)

// The verdicts.
const (
	Confirmed    = "confirmed"
	Contradicted = "contradicted"
	NotSeen      = "not seen"
	ByHand       = "by hand"
)

// Row is an assumption, and what became of it.
type Row struct {
	Number     int    `json:"row"`
	Section    string `json:"section"`
	Assumption string `json:"assumption"`
	Verdict    string `json:"verdict"`
	// Because is what was seen; of what was not seen, the action that was denied or what must happen first; by hand, the
	// command and what to expect.
	Because string `json:"because"`
	Do      string `json:"do,omitempty"` // where the row is contradicted

	wrong, how string
}

// Report is what an account shows.
type Report struct {
	Account   string   `json:"account"`
	Region    string   `json:"region"`
	Exposures []string `json:"exposures"`
	Rows      []Row    `json:"rows"`
	// Gathered is what no document of AWS's says, as far as it was seen.
	Gathered []Fact `json:"gathered"`
}

// Count is how many rows have a verdict.
func (r Report) Count(verdict string) (n int) {
	for _, row := range r.Rows {
		if row.Verdict == verdict {
			n++
		}
	}
	return n
}

// Row is the row of a number.
func (r Report) Row(number int) Row {
	i := slices.IndexFunc(r.Rows, func(row Row) bool { return row.Number == number })
	if i < 0 {
		return Row{}
	}
	return r.Rows[i]
}

var (
	section = regexp.MustCompile(`^## (.+)$`)
	line    = regexp.MustCompile(`^\| (\d+) \| ([^|]+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$`)
)

// byHand begins the last column of a row that no check looks at.
const byHand = "By hand: "

// Rows reads the rows of docs/assumptions.md.
func Rows(page string) (rows []Row) {
	under := ""
	for text := range strings.Lines(page) {
		text = strings.TrimSuffix(text, "\n")
		if head := section.FindStringSubmatch(text); head != nil {
			under = head[1]
		}
		if cells := line.FindStringSubmatch(text); cells != nil {
			number, _ := strconv.Atoi(cells[1]) // digits
			rows = append(rows, Row{Number: number, Section: under, Assumption: cells[2], wrong: cells[3], how: cells[4]})
		}
	}
	return rows
}

// ErrNoExposure is the error of an exposure that the account does not have.
var ErrNoExposure = errors.New("no endpoint service carries its tag")

// Run looks at every row, for one exposure or for all. Whatever is denied is told in its row.
func Run(ctx context.Context, account Account, rows []Row, exposure string) (Report, error) {
	id, region, err := account.Identity(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("get caller identity: %w", err)
	}
	v := &view{Account: account, account: id, only: exposure, answers: map[string]answer{}}
	found, err := v.exposures(ctx)
	if err == nil && exposure != "" && len(found) == 0 {
		return Report{}, fmt.Errorf("exposure %s: %w in account %s, region %s", exposure, ErrNoExposure, id, region)
	}
	report := Report{Account: id, Region: region, Exposures: []string{}}
	for _, e := range found {
		report.Exposures = append(report.Exposures, e.id)
	}
	for _, row := range rows {
		report.Rows = append(report.Rows, row.judged(ctx, v))
	}
	report.Gathered = gather(ctx, v)
	return report, nil
}

func (r Row) judged(ctx context.Context, v *view) Row {
	if text, ok := strings.CutPrefix(r.how, byHand); ok {
		r.Verdict, r.Because = ByHand, text
		return r
	}
	i := slices.IndexFunc(checks, func(c check) bool { return c.row == r.Number })
	if i < 0 { // a test finds such a row
		r.Verdict, r.Because = ByHand, r.how
		return r
	}
	found := findings{}
	if err := checks[i].look(ctx, v, &found); err != nil {
		found = findings{}
		found.miss("%s", unread(err))
	}
	r.Verdict, r.Because, r.Do = found.verdict()
	if r.Verdict == Contradicted {
		r.Do = strings.TrimSuffix("If it is wrong: "+r.wrong+". "+r.Do, " ")
	}
	return r
}

// unread says why something could not be read.
func unread(err error) string {
	if action, denied := outcome.Denied(err); denied {
		return "denied: " + action
	}
	return "not read: " + err.Error()
}

// findings are what a check finds of the things that it looks at. One that contradicts decides.
type findings struct {
	confirmed, contradicted, missing []string
	do                               string
}

func (f *findings) confirm(format string, args ...any) {
	f.confirmed = append(f.confirmed, fmt.Sprintf(format, args...))
}

// contradict says what was seen instead, and what to do.
func (f *findings) contradict(do, format string, args ...any) {
	f.do = do
	f.contradicted = append(f.contradicted, fmt.Sprintf(format, args...))
}

// miss says what must happen first.
func (f *findings) miss(format string, args ...any) {
	f.missing = append(f.missing, fmt.Sprintf(format, args...))
}

func (f *findings) verdict() (verdict, because, do string) {
	switch {
	case len(f.contradicted) > 0:
		return Contradicted, together(f.contradicted), f.do
	case len(f.confirmed) > 0:
		return Confirmed, together(f.confirmed), ""
	case len(f.missing) > 0:
		return NotSeen, together(f.missing), ""
	}
	return NotSeen, noExposure, ""
}

const noExposure = "start an execution first: no endpoint service here carries rdslink's tag"

// together joins different sentences; of many the first.
func together(all []string) string {
	const most = 3
	var different []string
	for _, text := range all {
		if !slices.Contains(different, text) {
			different = append(different, text)
		}
	}
	if more := len(different) - most; more > 0 {
		return strings.Join(different[:most], "; ") + fmt.Sprintf("; and %d more", more)
	}
	return strings.Join(different, "; ")
}
