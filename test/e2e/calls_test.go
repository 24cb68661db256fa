package e2e

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// call is a line of the cloud's log.
type call struct {
	N         int
	Session   string // a function's name, or the name of an execution that invokes one
	Trace     string // of the invocation that an Invoke makes, and of all that is called in it
	Service   string
	Action    string
	Resources []string
	Status    int
	Error     string
	Time      time.Time
	Millis    float64
}

func (c call) String() string {
	return c.Session + " " + c.Service + ":" + c.Action + " " + strings.Join(c.Resources, " ") + " " + c.Error
}

var reads = regexp.MustCompile(`^(Describe|Get|List|Query|Scan|BatchGet|Invoke$)`)

// changes says whether the call changes something, unless it was refused.
func (c call) changes() bool { return !reads.MatchString(c.Action) }

// about says whether the call speaks of one of the names; a function counts by its ARN too.
func (c call) about(names ...string) bool {
	return slices.ContainsFunc(c.Resources, func(r string) bool {
		return slices.Contains(names, r) || slices.Contains(names, r[strings.LastIndex(r, ":")+1:])
	})
}

// calls are the calls since the n-th for which wanted holds.
func (s story) calls(since int, wanted func(call) bool) []call {
	s.Helper()
	lines, err := cloud.Calls(s.ctx, since)
	s.check(err)
	var found []call
	for line := range bytes.Lines(lines) {
		var c call
		s.check(json.Unmarshal(line, &c))
		if wanted(c) {
			found = append(found, c)
		}
	}
	return found
}

// callsUntilNow is how many calls the log has.
func (s story) callsUntilNow() int {
	s.Helper()
	return len(s.calls(0, func(call) bool { return true }))
}
