package e2e

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
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

// logged are the calls that a story has read from the log: it has a hundred thousand lines in the end.
var logged struct {
	sync.Mutex
	calls []call
}

// callsSoFar are all calls of the log.
func (s story) callsSoFar() []call {
	s.Helper()
	logged.Lock()
	defer logged.Unlock()
	lines, err := cloud.Calls(s.ctx, len(logged.calls))
	s.check(err)
	for line := range bytes.Lines(lines) {
		var c call
		s.check(json.Unmarshal(line, &c))
		logged.calls = append(logged.calls, c)
	}
	return logged.calls
}

// calls are the calls since the n-th for which wanted holds.
func (s story) calls(since int, wanted func(call) bool) []call {
	s.Helper()
	return slices.DeleteFunc(slices.Clone(s.callsSoFar()[since:]), func(c call) bool { return !wanted(c) })
}

// callsUntilNow is how many calls the log has.
func (s story) callsUntilNow() int {
	s.Helper()
	return len(s.callsSoFar())
}
