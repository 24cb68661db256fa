package statemachine

import (
	"cmp"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A state of the definition, as far as the tests read it.
type state struct {
	Type               string
	Resource           string
	Parameters         map[string]any
	ResultSelector     map[string]any
	ResultPath         string
	OutputPath         string
	Retry              []map[string]any
	Catch              []any
	TimeoutSeconds     int
	TimeoutSecondsPath string
	Next               string
	End                bool
}

type definition struct {
	StartAt        string
	TimeoutSeconds int
	States         map[string]state
}

func setup(t *testing.T) definition {
	t.Helper()
	var d definition
	if err := json.Unmarshal([]byte(Setup), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// order is the states' names from start to end.
func (d definition) order() []string {
	var names []string
	for name := d.StartAt; name != ""; name = d.States[name].Next {
		names = append(names, name)
	}
	return names
}

// folder is the state's folder below functions/: its name in lower case, joined by hyphens, with a two-digit number.
func folder(state string) string {
	slug := strings.ToLower(strings.NewReplacer(". ", "-", " ", "-").Replace(state))
	if slug[1] == '-' {
		slug = "0" + slug
	}
	return slug
}

func TestStatesFoldersSectionsAndRowsAgree(t *testing.T) {
	names := setup(t).order()
	var folders []string
	for _, name := range names {
		folders = append(folders, folder(name))
	}

	entries, err := os.ReadDir("../functions")
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, e := range entries {
		if e.Name()[0] >= '0' && e.Name()[0] <= '9' {
			steps = append(steps, e.Name())
		}
	}
	if !slices.Equal(steps, folders) {
		t.Errorf("folders in functions/ are\n%v, states say\n%v", steps, folders)
	}
	if got := matches(t, "../docs/steps.md", `(?m)^## (\d+\. .+)$`); !slices.Equal(got, names) {
		t.Errorf("sections of docs/steps.md are\n%v, states are\n%v", got, names)
	}
	var rows []string
	for i, name := range names {
		number, words, _ := strings.Cut(name, ". ")
		anchor := strings.ToLower(number + "-" + strings.ReplaceAll(words, " ", "-"))
		rows = append(rows, "["+number+"](docs/steps.md#"+anchor+") | ["+words+"](functions/"+folders[i]+")")
	}
	if got := matches(t, "../README.md", `(?m)^\| (\[\d+\]\([^|]+\| [^|]+) \|`); !slices.Equal(got, rows) {
		t.Errorf("rows of README.md's table begin\n%v, want\n%v", strings.Join(got, "\n"), strings.Join(rows, "\n"))
	}
}

func matches(t *testing.T, file, pattern string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	return found
}

// A step gets exactly the fields of its Input: one that the definition forgets would be empty, one that the step does not
// know is refused when it runs.
func TestPayloadsAreTheStepsInputs(t *testing.T) {
	for name, s := range setup(t).States {
		payload := s.Parameters["Payload"].(map[string]any)
		var got []string
		for key := range payload {
			got = append(got, strings.TrimSuffix(key, ".$"))
		}
		slices.Sort(got)
		want := jsonFields(t, folder(name), "Input")
		if !slices.Equal(got, want) {
			t.Errorf("%s: the payload has\n%v, Input has\n%v", name, got, want)
		}
	}
}

// What a state reads was given by an earlier one, and what one gives is read by a later one: the last one's result is the
// execution's output.
func TestWhatIsGivenIsRead(t *testing.T) {
	d := setup(t)
	given, unread := map[string]bool{}, map[string]string{}
	for _, name := range d.order() {
		s := d.States[name]
		for _, path := range append(paths(s.Parameters), s.TimeoutSecondsPath) {
			if ofContext := !strings.HasPrefix(path, "$."); !ofContext && !given[path] {
				t.Errorf("%s: reads %s, which no earlier state gives", name, path)
			}
			delete(unread, path)
		}
		if s.End {
			if s.OutputPath != "$.Payload" {
				t.Errorf("%s: the execution's output is %q, and should be the step's", name, s.OutputPath)
			}
			continue
		}
		for _, path := range s.gives(t, name) {
			given[path], unread[path] = true, name
		}
	}
	for path, name := range unread {
		t.Errorf("%s: nobody reads %s", name, path)
	}
}

// gives are the paths at which the state leaves what it selects of its result. A step's is selected whole. The result of the
// wait comes from the decision function, and people read the rest of it in the execution's history.
func (s state) gives(t *testing.T, name string) []string {
	t.Helper()
	result := jsonFields(t, folder(name), "Output")
	prefix := "$.Payload."
	if strings.HasSuffix(s.Resource, ".waitForTaskToken") {
		result, prefix = append(result, jsonFields(t, "decision", "result")...), "$."
	}
	var given, selected []string
	for key, source := range s.ResultSelector {
		path := cmp.Or(s.ResultPath, "$") + "." + strings.TrimSuffix(key, ".$")
		if source == "$.Payload" {
			selected = result
			for _, field := range result {
				given = append(given, path+"."+field)
			}
			continue
		}
		field, _ := strings.CutPrefix(source.(string), prefix)
		given, selected = append(given, path), append(selected, field)
	}
	slices.Sort(selected)
	if waits := prefix == "$."; !waits && !slices.Equal(selected, result) {
		t.Errorf("%s: selects\n%v, Output has\n%v", name, selected, result)
	}
	for _, field := range selected {
		if !slices.Contains(result, field) {
			t.Errorf("%s: selects %s, which its result does not have", name, field)
		}
	}
	return given
}

// paths are all JSONPaths in a template.
func paths(template map[string]any) []string {
	var found []string
	for key, value := range template {
		switch v := value.(type) {
		case string:
			if strings.HasSuffix(key, ".$") {
				found = append(found, v)
			}
		case map[string]any:
			found = append(found, paths(v)...)
		}
	}
	return found
}

// jsonFields are the json names of a struct of a step, sorted.
func jsonFields(t *testing.T, folder, structName string) []string {
	t.Helper()
	files, err := filepath.Glob("../functions/" + folder + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go files in functions/%s: %v", folder, err)
	}
	var names []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != structName {
				return true
			}
			for _, f := range spec.Type.(*ast.StructType).Fields.List {
				if f.Tag != nil {
					name, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
					names = append(names, name)
				}
			}
			return false
		})
	}
	slices.Sort(names)
	return names
}

func TestEveryStepRetriesTheSameWay(t *testing.T) {
	d := setup(t)
	want := d.States[d.StartAt].Retry
	for name, s := range d.States {
		if !reflect.DeepEqual(s.Retry, want) {
			t.Errorf("%s: retries differently from %s", name, d.StartAt)
		}
	}
}

// The error names are the contract between the steps and the definition: what a step raises is either retried here or ends
// the execution under its own name.
func TestRetriedErrorsAreTheSteps(t *testing.T) {
	var retried []string
	for _, r := range setup(t).States["1. Gather RDS details"].Retry {
		for _, e := range r["ErrorEquals"].([]any) {
			if name := e.(string); !strings.Contains(name, ".") {
				retried = append(retried, name)
			}
		}
	}
	if want := []string{"NotReady", "Throttled"}; !slices.Equal(retried, want) {
		t.Errorf("own errors that are retried: %v, want %v", retried, want)
	}
}

// A function that ends in the middle, for want of memory or because Lambda took its sandbox away, left nothing half done:
// what each call made is found again (Step Functions guide, "Handling errors in Step Functions workflows").
func TestAFunctionThatEndsInTheMiddleIsAskedAgain(t *testing.T) {
	var retried []any
	for _, r := range setup(t).States["1. Gather RDS details"].Retry {
		retried = append(retried, r["ErrorEquals"].([]any)...)
	}
	for _, name := range []string{"Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory", "Lambda.Unknown"} {
		if !slices.Contains(retried, any(name)) {
			t.Errorf("%s is not retried", name)
		}
	}
}

func TestDefinitionKeepsItsRules(t *testing.T) {
	d := setup(t)
	if d.TimeoutSeconds == 0 {
		t.Error("the definition has no TimeoutSeconds: CDK ignores its own property for a definition given as text")
	}
	if got, want := len(d.order()), len(d.States); got != want {
		t.Errorf("%d of %d states are on the way from start to end", got, want)
	}
	for _, name := range slices.Sorted(maps.Keys(d.States)) {
		s := d.States[name]
		waits := strings.HasSuffix(s.Resource, ".waitForTaskToken")
		if waits != (s.TimeoutSecondsPath != "") || waits == (s.TimeoutSeconds != 0) {
			t.Errorf("%s: people have the time that the plan gives, functions have a fixed one", name)
		}
		if s.Type != "Task" || len(s.Catch) > 0 {
			t.Errorf("%s: a failed step fails the execution with its own error, so that redriving it continues there", name)
		}
		if strings.Contains(name, "9.") != waits {
			t.Errorf("%s: only step 9 waits for a token", name)
		}
	}
}
