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
	"strconv"
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
	TimestampPath      string // of a Wait
	SecondsPath        string // of another
	Choices            []struct{ Variable, Next string }
	Default            string
}

type definition struct {
	StartAt        string
	TimeoutSeconds int
	States         map[string]state

	prefix string // of its steps' folders
}

// The definitions. What the folders of a machine's steps begin with tells them from the other's.
func machines(t *testing.T) map[string]definition {
	t.Helper()
	all := map[string]definition{}
	for prefix, text := range map[string]string{"": Setup, "remove-": Remove} {
		d := definition{prefix: prefix}
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		all[prefix] = d
	}
	return all
}

func setup(t *testing.T) definition { return machines(t)[""] }

// order is the states' names from start to end, where nothing is special: choices take their default.
func (d definition) order() []string {
	var names []string
	for name := d.StartAt; name != ""; name = cmp.Or(d.States[name].Next, d.States[name].Default) {
		names = append(names, name)
	}
	return names
}

// steps are the names of the states that a function does, in the order of their numbers.
func (d definition) steps() []string {
	var names []string
	for name, s := range d.States {
		if s.Type == "Task" {
			names = append(names, name)
		}
	}
	number := func(name string) int {
		digits, _, _ := strings.Cut(name, ".")
		n, _ := strconv.Atoi(digits)
		return n
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	return names
}

// folder is the state's folder below functions/: its name in lower case, joined by hyphens, with a two-digit number.
func (d definition) folder(state string) string {
	slug := strings.ToLower(strings.NewReplacer(". ", "-", " ", "-").Replace(state))
	if slug[1] == '-' {
		slug = "0" + slug
	}
	return d.prefix + slug
}

func TestStatesFoldersSectionsAndRowsAgree(t *testing.T) {
	entries, err := os.ReadDir("../functions")
	if err != nil {
		t.Fatal(err)
	}
	for prefix, page := range map[string]string{"": "steps.md", "remove-": "removing.md"} {
		d := machines(t)[prefix]
		names := d.steps()
		var folders []string
		for i, name := range names {
			folders = append(folders, d.folder(name))
			if !strings.HasPrefix(name, strconv.Itoa(i+1)+". ") {
				t.Errorf("step %d is called %q", i+1, name)
			}
		}
		var steps []string
		for _, e := range entries {
			if rest, is := strings.CutPrefix(e.Name(), prefix); is && rest[0] >= '0' && rest[0] <= '9' {
				steps = append(steps, e.Name())
			}
		}
		if !slices.Equal(steps, folders) {
			t.Errorf("folders in functions/ are\n%v, states say\n%v", steps, folders)
		}
		if got := matches(t, "../docs/"+page, `(?m)^##+ (\d+\. .+)$`); !slices.Equal(got, names) {
			t.Errorf("sections of docs/%s are\n%v, states are\n%v", page, got, names)
		}
	}
	names := setup(t).steps()
	var folders []string
	for _, name := range names {
		folders = append(folders, setup(t).folder(name))
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
	for _, d := range machines(t) {
		for _, name := range d.steps() {
			payload := d.States[name].Parameters["Payload"].(map[string]any)
			var got []string
			for key := range payload {
				got = append(got, strings.TrimSuffix(key, ".$"))
			}
			slices.Sort(got)
			want := jsonFields(t, d.folder(name), "Input")
			if !slices.Equal(got, want) {
				t.Errorf("%s: the payload has\n%v, Input has\n%v", name, got, want)
			}
		}
	}
}

// What a state reads was given by an earlier one, and what one gives is read by a later one: the last one's result is the
// execution's output.
func TestWhatIsGivenIsRead(t *testing.T) {
	for _, d := range machines(t) {
		d.givesWhatIsRead(t)
	}
}

func (d definition) givesWhatIsRead(t *testing.T) {
	t.Helper()
	given, unread := map[string]bool{}, map[string]string{}
	for _, name := range d.order() {
		s := d.States[name]
		read := append(paths(s.Parameters), s.TimeoutSecondsPath, s.TimestampPath, s.SecondsPath)
		for _, c := range s.Choices {
			read = append(read, c.Variable)
		}
		for _, path := range read {
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
		if s.Type != "Task" {
			continue
		}
		for _, path := range s.gives(t, d.folder(name), name) {
			given[path], unread[path] = true, name
		}
	}
	for at, name := range d.order() {
		for _, c := range d.States[name].Choices {
			// A way back: what is read there is read later, too.
			for _, again := range d.order()[min(max(slices.Index(d.order(), c.Next), 0), at):at] {
				for _, path := range paths(d.States[again].Parameters) {
					delete(unread, path)
				}
			}
		}
	}
	for path, name := range unread {
		t.Errorf("%s: nobody reads %s", name, path)
	}
}

// gives are the paths at which the state leaves what it selects of its result. A step's is selected whole. The result of the
// wait comes from the decision function, and people read the rest of it in the execution's history.
func (s state) gives(t *testing.T, folder, name string) []string {
	t.Helper()
	result := jsonFields(t, folder, "Output")
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
	want := setup(t).States[setup(t).StartAt].Retry
	for _, d := range machines(t) {
		for _, name := range d.steps() {
			retry := d.States[name].Retry
			if d.prefix == "remove-" && name == "6. Retire the resolver" {
				// The one exception: Lambda keeps a function's network interfaces for up to 45 minutes.
				if wait := retry[0]["IntervalSeconds"].(float64) * retry[0]["MaxAttempts"].(float64); wait != 90*60 {
					t.Errorf("%s: waits for %g s", name, wait)
				}
				retry = slices.Clone(retry)
				retry[0] = maps.Clone(retry[0])
				retry[0]["IntervalSeconds"] = want[0]["IntervalSeconds"]
			}
			if !reflect.DeepEqual(retry, want) {
				t.Errorf("%s: retries differently from %s", name, setup(t).StartAt)
			}
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

func TestDefinitionsKeepTheirRules(t *testing.T) {
	for _, d := range machines(t) {
		if d.TimeoutSeconds == 0 {
			t.Error("the definition has no TimeoutSeconds: CDK ignores its own property for a definition given as text")
		}
		for _, name := range slices.Sorted(maps.Keys(d.States)) {
			s := d.States[name]
			switch s.Type {
			case "Choice":
				if len(s.Choices) != 1 || s.Default == "" || strings.Contains(name, ".") {
					t.Errorf("%s: a choice is between two ways, and no step", name)
				}
				continue
			case "Wait":
				if (s.TimestampPath == "") == (s.SecondsPath == "") || strings.Contains(name, ".") {
					t.Errorf("%s: what waits without asking waits for a moment, or for as long as a step says, and is no step", name)
				}
				continue
			}
			if s.Type != "Task" || len(s.Catch) > 0 {
				t.Errorf("%s: a failed step fails the execution with its own error, so that redriving it continues there", name)
			}
			waits := strings.HasSuffix(s.Resource, ".waitForTaskToken")
			if waits != slices.Contains([]string{"9. Accept the connection", "2. Ask about the connections"}, name) {
				t.Errorf("%s: only the steps that ask people wait for a token", name)
			}
			if (s.TimeoutSecondsPath != "") == (s.TimeoutSeconds != 0) || waits && d.prefix == "" && s.TimeoutSecondsPath == "" {
				t.Errorf("%s: people have the time that the plan gives, functions have a fixed one", name)
			}
		}
	}
	if got, want := len(setup(t).order()), len(setup(t).States); got != want {
		t.Errorf("%d of %d states are on the way from start to end", got, want)
	}
}
