package main

import (
	"bytes"
	"io"
	"testing"

	"github.com/rdslink/rdslink/internal/bus"
)

// A connection that is named may be one that carries data. Where nobody can be asked, nothing is decided.
func TestARejectionByNameIsAskedFor(t *testing.T) {
	t.Setenv("YES", "")
	for name, row := range map[string]struct {
		decision bus.Decision
		yes      bool
		asked    bool
	}{
		"an approval":                   {decision: bus.Decision{Decision: bus.Accept, VPCEndpointID: "vpce-1"}},
		"a rejection of who is named":   {decision: bus.Decision{Decision: bus.Reject, VPCEndpointID: "vpce-1"}, asked: true},
		"a rejection of the only asker": {decision: bus.Decision{Decision: bus.Reject}},
		"who has said yes":              {decision: bus.Decision{Decision: bus.Reject, VPCEndpointID: "vpce-1"}, yes: true},
	} {
		t.Run(name, func(t *testing.T) {
			it := newTool("rdslink", nil, io.Discard, &bytes.Buffer{})
			it.yes = row.yes
			asked := ""
			it.question = func(question string) (bool, error) {
				asked = question
				return false, nil
			}
			goOn, err := it.meant(row.decision)
			if err != nil || goOn == row.asked || (asked != "") != row.asked {
				t.Errorf("goes on %t after %q, %v", goOn, asked, err)
			}
		})
	}
}
