package outcome

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
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

// What AWS may refuse without ending a set-up is said where people read what a boundary must allow.
func TestWhatIsDoneWithoutIsDocumented(t *testing.T) {
	call := regexp.MustCompile(`outcome\.DoWithout\(ctx, err, "([^"]+)"\)`)
	var rows []string
	for _, root := range []string{"functions", "internal"} {
		err := filepath.WalkDir("../../"+root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, match := range call.FindAllStringSubmatch(string(text), -1) {
				rows = append(rows, "| "+strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")+" | "+match[1]+" |\n")
			}
			if calls := strings.Count(string(text), "outcome.DoWithout("); calls != len(call.FindAllString(string(text), -1)) {
				t.Errorf("%s: %d calls, of which not all say what they do without", path, calls)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(rows) < 8 {
		t.Errorf("only %d are done without", len(rows))
	}
	golden.ComparePage(t, "security.md", "done without", "| Where | Without |\n|---|---|\n"+strings.Join(rows, ""))
}
