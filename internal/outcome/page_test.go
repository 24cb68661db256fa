package outcome

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Whoever sees one of the names in the console finds it in the README. States.Timeout is the state machine's own.
func TestTheNamesAreDocumented(t *testing.T) {
	names := found(t, "outcome.go", `(?m)^\tName\w+ += "(\w+)"`, "")
	names = append(names, "States.Timeout")
	rows := found(t, "../../README.md", "(?m)^\\| `([\\w.]+)` \\|", "\n| Error | Meaning |")
	slices.Sort(names)
	slices.Sort(rows)
	if len(names) < 7 || !slices.Equal(names, rows) {
		t.Errorf("the names are %v, the README explains %v", names, rows)
	}
}

// found are the groups of a pattern in a file, from a text on.
func found(t *testing.T, file, pattern, from string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), from)
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(rest, -1) {
		all = append(all, match[1])
	}
	return all
}
