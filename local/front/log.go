package front

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Entry is one line of the log.
type Entry struct {
	N         int       `json:"n"` // counts from 1
	Time      time.Time `json:"time"`
	Account   string    `json:"account"`
	Caller    string    `json:"caller"`
	Role      string    `json:"role,omitempty"`
	Session   string    `json:"session,omitempty"`
	Trace     string    `json:"trace,omitempty"` // the same for an Invoke and for all that the invocation calls
	Service   string    `json:"service"`
	Action    string    `json:"action"`
	Resources []string  `json:"resources,omitempty"`
	Status    int       `json:"status"` // 0: the caller never heard
	Error     string    `json:"error,omitempty"`
	Millis    float64   `json:"millis"`

	Permissions []Permission `json:"permissions,omitempty"`
}

// Permission is one thing that a call had to be allowed, and what allowed or refused it.
type Permission struct {
	Role     string              `json:"role,omitempty"` // ARN of the role that needs it; empty for an account's root or a service
	Action   string              `json:"action"`
	Resource string              `json:"resource"` // an ARN, or * for an action without resource types
	Context  map[string][]string `json:"context,omitempty"`
	Allows   []string            `json:"allows,omitempty"`  // the statements that allowed it
	Refused  string              `json:"refused,omitempty"` // why not, in AWS's words
	// Gone says that the resource does not exist, so that no policy that asks for its tags allows anything.
	Gone bool `json:"gone,omitempty"`
	// Implied says where AWS documents that it needs this beside the action that was called.
	Implied string `json:"implied,omitempty"`
}

// Log is what happened, in the order in which it ended.
type Log struct {
	mu      sync.Mutex
	entries []Entry
}

func (l *Log) add(c asked, answer *captured, took time.Duration) {
	l.Add(Entry{
		Time: c.Time, Account: c.Caller.Account, Caller: c.Caller.ARN, Role: c.Caller.Role, Session: c.Session(), Trace: c.Trace,
		Service: c.Service, Action: c.Action, Resources: c.Resources(),
		Status: answer.status, Error: answer.code(), Millis: float64(took.Microseconds()) / 1000, Permissions: c.decision.Permissions,
	})
}

// Add appends an entry and numbers it.
func (l *Log) Add(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.N = len(l.entries) + 1
	l.entries = append(l.entries, e)
}

// Since returns the entries after the n-th.
func (l *Log) Since(n int) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(max(n, 0), len(l.entries))
	return l.entries[n:len(l.entries):len(l.entries)]
}

// ServeHTTP writes the entries after the one that since names, one JSON object per line.
func (l *Log) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	since := 0
	if text := r.URL.Query().Get("since"); text != "" {
		var err error
		if since, err = strconv.Atoi(text); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Content-Type", "application/jsonl")
	out := json.NewEncoder(w)
	for _, e := range l.Since(since) {
		if out.Encode(e) != nil {
			return // the reader is gone
		}
	}
}
