package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// serve answers one invocation as a function's runtime does: with the event itself.
func serve(t *testing.T, a *runtimeAPI, how string) {
	base := "http://" + a.address + "/2018-06-01/runtime/invocation/"
	next, err := http.Get(base + "next")
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = next.Body.Close() }()
	event, err := io.ReadAll(next.Body)
	if err != nil {
		t.Error(err)
		return
	}
	done, err := http.Post(base+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/"+how, "application/json", bytes.NewReader(event))
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = done.Body.Close() }()
	if done.StatusCode != http.StatusAccepted {
		t.Errorf("the answer is answered %s", done.Status)
	}
}

func TestInvoke(t *testing.T) {
	for how, want := range map[string]string{"response": "", "error": `the function failed: {"errorType":"Failed"}`} {
		t.Run(how, func(t *testing.T) {
			a, err := newRuntimeAPI()
			if err != nil {
				t.Fatal(err)
			}
			defer a.close()
			served := make(chan struct{})
			go func() { defer close(served); serve(t, a, how) }()
			took, err := a.invoke(t.Context(), nil, []byte(`{"errorType":"Failed"}`))
			<-served
			if want != "" {
				if err == nil || err.Error() != want {
					t.Errorf("the error is %v, want %s", err, want)
				}
				return
			}
			if err != nil || took <= 0 {
				t.Errorf("it took %v, %v", took, err)
			}
		})
	}
}

func TestAnEndedProcessIsNotWaitedFor(t *testing.T) {
	a, err := newRuntimeAPI()
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	ended := make(chan struct{})
	close(ended)
	if _, err := a.invoke(t.Context(), ended, nil); !errors.Is(err, errEnded) {
		t.Errorf("the error is %v", err)
	}
}

func TestAProgramThatEndsSaysWhy(t *testing.T) {
	p := program{name: "broken", command: []string{"/bin/sh", "-c", "echo no such variable >&2; exit 1"}}
	r, err := p.start(t.Context())
	if err == nil {
		r.stop()
		t.Fatal("it has started")
	}
	if want := "start broken: the process has ended: no such variable"; !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %q, want %q", err, want)
	}
}
