package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// terminal is one at which somebody types.
type terminal struct {
	io.Reader
	bytes.Buffer
}

func (t *terminal) Read(p []byte) (int, error) { return t.Reader.Read(p) }

func TestOnlyAYesIsAYes(t *testing.T) {
	for typed, want := range map[string]bool{"y\n": true, "YES\n": true, "yes": true, "\n": false, "n\n": false, "": false, "yellow\n": false} {
		at := &terminal{Reader: strings.NewReader(typed)}
		goOn, err := prompt(at, "Delete all of it?")
		if goOn != want || err != nil || at.String() != "rdslink: Delete all of it? [y/N] " {
			t.Errorf("%q is %v, %v, after %q", typed, goOn, err, at.String())
		}
	}
}

func TestYesAnswers(t *testing.T) {
	for what, row := range map[string]struct {
		environment string
		args        []string
	}{
		"the flag":        {"", []string{"version", "--yes"}},
		"the environment": {"1", []string{"version"}},
	} {
		t.Setenv("YES", row.environment)
		it := newTool("rdslink", nil, io.Discard, io.Discard)
		if code := it.run(t.Context(), row.args); code != exitDone {
			t.Fatalf("%s: exit code %d", what, code)
		}
		if goOn, err := it.ask("Delete all of it?"); !goOn || err != nil {
			t.Error(what, goOn, err)
		}
	}
}
