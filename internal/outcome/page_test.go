package outcome

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
)

// Whoever sees the name of an error with which an execution ends finds it in the README, in one row: ours, what Lambda may
// answer, what is asked again in vain, and Step Functions' own (its guide, "Handling errors in Step Functions workflows").
func TestTheNamesAreDocumented(t *testing.T) {
	names := found(t, "outcome.go", `(?m)^\tName\w+ += "(\w+)"`, "")
	retried := found(t, "../../statemachine/setup.asl.json", `"((?:Lambda|Sandbox|Runtime)\.\w+)"`, "")
	invoke := map[string][]string{"lambda": {"Invoke"}}
	for _, code := range codes(directories(t, invoke)["lambda"], invoke["lambda"]) {
		names = append(names, "Lambda."+code)
	}
	if len(names) < 30 || len(retried) < 100 {
		t.Fatalf("found %v and %v", names, retried)
	}
	names = append(names, "States.Timeout", "States.DataLimitExceeded", "States.ParameterPathFailure", "States.Permissions",
		"States.ResultPathMatchFailure", "States.Runtime", "States.TaskFailed")
	used := map[string]bool{}
	rows := readmesErrors(t)
	for _, name := range append(names, retried...) {
		kind, _, dotted := strings.Cut(name, ".")
		switch {
		case slices.Contains(rows, name):
			used[name] = true
		case dotted && slices.Contains(rows, kind+".*"):
			used[kind+".*"] = true
		default:
			t.Errorf("the README does not explain %s", name)
		}
	}
	for _, row := range rows {
		if !used[row] {
			t.Errorf("the README explains %s, with which nothing ends", row)
		}
	}
}

// readmesErrors are the names in the first column of the README's table of errors.
func readmesErrors(t *testing.T) (names []string) {
	t.Helper()
	for _, cell := range found(t, "../../README.md", "(?m)^\\| (`[^|]+) \\|", "\n| Error | Meaning |") {
		for _, name := range strings.Split(cell, ", ") {
			names = append(names, strings.Trim(name, "`"))
		}
	}
	return names
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

// remedies are the words by which a message says what to do. One that ends in another text has it from there.
var remedies = regexp.MustCompile(`\b(add|allow|attach|expose|find|free|give|have AWS|leave|make|merge|move|must (?:be|have|end)|name|put|raise|redrive|` +
	`report|restore|start|the fields are|see that|tear|turn on|use|wait|did you mean|do(?:es)? not support)\b|(?:^|[:;] )%s$|delete (?:it|one)`)

// Whoever reads an error that ends an execution reads what to do.
func TestEveryMessageThatEndsAnExecutionSaysWhatToDo(t *testing.T) {
	said := 0
	everySource(t, func(path, text string) {
		if watchers.MatchString(path) {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, isCall := n.(*ast.CallExpr)
			if !isCall {
				return true
			}
			name, isName := call.Fun.(*ast.SelectorExpr)
			if !isName || !slices.Contains([]string{"BadInput", "Conflict", "Failed"}, name.Sel.Name) {
				return true
			}
			if of, isPackage := name.X.(*ast.Ident); !isPackage || of.Name != "outcome" {
				return true
			}
			said++
			if message := literal(call.Args[0]); !remedies.MatchString(message) {
				t.Errorf("%s: %q does not say what to do", path, message)
			}
			return true
		})
	})
	if said < 100 {
		t.Errorf("found %d messages only", said)
	}
}

// watchers are invoked by AWS alone, whose mistakes nobody mends at a keyboard.
var watchers = regexp.MustCompile(`functions/(ip-sync|watch)/|internal/database/events|internal/registry/moving`)

// literal is a text as it is written down, in parts or as one.
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return strings.Trim(e.Value, "\"`")
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	}
	return ""
}

// everySource gives each file of the functions and of what they share.
func everySource(t *testing.T, each func(path, text string)) {
	t.Helper()
	for _, root := range []string{"functions", "internal"} {
		err := filepath.WalkDir("../../"+root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			each(path, string(text))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What AWS may refuse without ending a set-up is said where people read what a boundary must allow.
func TestWhatIsDoneWithoutIsDocumented(t *testing.T) {
	call := regexp.MustCompile(`outcome\.DoWithout\(ctx, err, "([^"]+)"\)`)
	var rows []string
	everySource(t, func(path, text string) {
		for _, match := range call.FindAllStringSubmatch(text, -1) {
			rows = append(rows, "| "+strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")+" | "+match[1]+" |\n")
		}
		if calls := strings.Count(text, "outcome.DoWithout("); calls != len(call.FindAllString(text, -1)) {
			t.Errorf("%s: %d calls, of which not all say what they do without", path, calls)
		}
	})
	if len(rows) < 8 {
		t.Errorf("only %d are done without", len(rows))
	}
	golden.ComparePage(t, "security.md", "done without", "| Where | Without |\n|---|---|\n"+strings.Join(rows, ""))
}
