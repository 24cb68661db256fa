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

func TestYESAnswers(t *testing.T) {
	t.Setenv("YES", "1")
	if goOn, err := ask("Delete all of it?"); !goOn || err != nil {
		t.Error(goOn, err)
	}
}
