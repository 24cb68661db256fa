// Package pagetest lets a test write a part of a page from the code that the page speaks of, and hold the page to it.
package pagetest

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what this test holds into its page")

// Hold compares the text between the two marks `<!-- mark -->` of a page with want, the whole page where mark is empty. With
// -update it writes want there instead.
func Hold(t *testing.T, file, mark, want string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, after := "", ""
	if mark != "" {
		line := "<!-- " + mark + " -->\n"
		parts := strings.Split(string(text), line)
		if len(parts) != 3 {
			t.Fatalf("%s has %d marks %q, want 2", file, len(parts)-1, mark)
		}
		before, after = parts[0]+line, line+parts[2]
		want = "\n" + want + "\n"
	}
	want = before + want + after
	switch {
	case want == string(text):
	case !*update:
		t.Errorf("%s is not what the code says: run this test with -update", file)
	default:
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
