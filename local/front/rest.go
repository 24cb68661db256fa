package front

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Rest knows what is under way.
type Rest struct {
	mu       sync.Mutex
	last     int
	underWay map[int]string
	ended    chan struct{} // closed when something has ended, and renewed
}

// NewRest makes a Rest in which nothing is under way.
func NewRest() *Rest { return &Rest{underWay: map[int]string{}, ended: make(chan struct{})} }

// Begin notes that something is under way until end is called.
func (r *Rest) Begin(what string) (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	n := r.last
	r.underWay[n] = what
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.underWay, n)
		close(r.ended)
		r.ended = make(chan struct{})
	}
}

// Await waits until nothing is under way.
func (r *Rest) Await(ctx context.Context) error {
	for {
		r.mu.Lock()
		left, ended := slices.Sorted(maps.Values(r.underWay)), r.ended
		r.mu.Unlock()
		if len(left) == 0 {
			return nil
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return fmt.Errorf("still under way: %s: %w", strings.Join(left, ", "), ctx.Err())
		}
	}
}

// begin notes a call that is under way, unless it does nothing but wait for messages.
func (r *Rest) begin(c Call) (end func()) {
	if c.Service == "sqs" && c.Action == "ReceiveMessage" {
		return func() {}
	}
	return r.Begin(c.Service + ":" + c.Action + " by " + c.Caller.ARN)
}

// patience is the longest that a function may take (Lambda's quotas).
const patience = 15 * time.Minute

// After serves a call of the local cloud's own that stops what begins by itself, and answers when
// nothing is under way any more.
func (r *Rest) After(stop func()) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		stop()
		ctx, cancel := context.WithTimeout(request.Context(), patience)
		defer cancel()
		if err := r.Await(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}
}
