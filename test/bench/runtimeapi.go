package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// runtimeAPI is Lambda's Runtime API for one process (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), on loopback.
type runtimeAPI struct {
	server  *http.Server
	address string

	once    sync.Once
	ready   chan time.Time // when the process first asked for an invocation
	events  chan []byte
	sent    chan time.Time
	answers chan answer
}

// answer is what a process made of an invocation.
type answer struct {
	took   time.Duration // from the event's last byte to the answer's
	body   []byte
	failed bool
}

func newRuntimeAPI() (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a Runtime API: %w", err)
	}
	a := &runtimeAPI{
		address: listener.Addr().String(),
		ready:   make(chan time.Time, 1), events: make(chan []byte), sent: make(chan time.Time, 1), answers: make(chan answer, 1),
	}
	paths := http.NewServeMux()
	paths.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.next)
	paths.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response",
		func(w http.ResponseWriter, r *http.Request) { a.finish(w, r, false) })
	paths.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { a.finish(w, r, true) })
	a.server = &http.Server{Handler: paths, ReadHeaderTimeout: time.Minute}
	go func() { _ = a.server.Serve(listener) }() // until close
	return a, nil
}

func (a *runtimeAPI) close() { _ = a.server.Close() }

// next hands the next event over; a process waits here in between, as it does on Lambda.
func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	a.once.Do(func() { a.ready <- time.Now() })
	select {
	case event := <-a.events:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(event)))
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(patience).UnixMilli(), 10))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:111122223333:function:bench")
		a.sent <- time.Now()
		_, _ = w.Write(event) // a process that is gone shows in invoke
	case <-r.Context().Done():
	}
}

func (a *runtimeAPI) finish(w http.ResponseWriter, r *http.Request, failed bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the process is gone
	}
	select {
	case sent := <-a.sent:
		a.answers <- answer{time.Since(sent), body, failed}
		w.WriteHeader(http.StatusAccepted)
	default:
		http.Error(w, "nothing was invoked", http.StatusBadRequest)
	}
}

var errEnded = errors.New("the process has ended")

// invoke sends an event and waits for the answer, unless the process ends before.
func (a *runtimeAPI) invoke(ctx context.Context, ended <-chan struct{}, event []byte) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case a.events <- event:
	case <-ended:
		return 0, errEnded
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case got := <-a.answers:
		if got.failed {
			return 0, fmt.Errorf("the function failed: %s", got.body)
		}
		return got.took, nil
	case <-ended:
		return 0, errEnded
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
