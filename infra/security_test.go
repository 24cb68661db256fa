package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
)

const securityDoc = "../docs/security.md"

// reading are the beginnings of the names of actions that change nothing of AWS's.
var reading = []string{"Describe", "Get", "List", "Query", "Scan", "Decrypt"}

func isChange(action string) bool {
	_, verb, _ := strings.Cut(action, ":")
	if action == "logs:CreateLogStream" || action == "logs:PutLogEvents" {
		return false // of its own log
	}
	return !slices.ContainsFunc(reading, func(prefix string) bool { return strings.HasPrefix(verb, prefix) })
}

// changesOf lists what a role's policy lets it change, a statement a line.
func changesOf(permissions any) (lines []string) {
	document, ok := permissions.(map[string]any)
	if !ok {
		return nil
	}
	for _, statement := range document["Statement"].([]any) {
		s := statement.(map[string]any)
		if s["Effect"] != "Allow" {
			continue
		}
		var changing []string
		for _, action := range actions(s) {
			if isChange(action) {
				changing = append(changing, "`"+action+"`")
			}
		}
		if len(changing) > 0 {
			lines = append(lines, strings.Join(changing, ", ")+" on "+strings.Join(resourcesOf(s), ", ")+conditionsOf(s))
		}
	}
	return lines
}

// resourcesOf are a statement's resources without partition, region and account.
func resourcesOf(s map[string]any) (names []string) {
	all, several := s["Resource"].([]any)
	if !several {
		all = []any{s["Resource"]}
	}
	for _, r := range all {
		name := fmt.Sprint(r)
		if parts := strings.SplitN(name, ":", 6); len(parts) == 6 {
			name = parts[5]
		}
		names = append(names, "`"+hash.ReplaceAllString(name, "$1-*")+"`")
	}
	slices.Sort(names)
	return names
}

// hash is CloudFormation's part of a name, which says nothing to people.
var hash = regexp.MustCompile(`\b(rdslink-[A-Za-z]+)[0-9A-F]{8}-\*`)

func conditionsOf(s map[string]any) string {
	conditions, _ := s["Condition"].(map[string]any)
	var all []string
	for _, operator := range slices.Sorted(maps.Keys(conditions)) {
		keys := conditions[operator].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			value, _ := json.Marshal(keys[key])
			all = append(all, "`"+key+"` "+operator+" `"+strings.ReplaceAll(string(value), `"`, "")+"`")
		}
	}
	if all == nil {
		return ""
	}
	return " where " + strings.Join(all, ", ")
}

func securityTable() string {
	s := onlyTagged()
	needs := s.required(s.json, options{}, target{"111122223333", "eu-central-1"})
	purposes := map[string]string{machineName: "The state machine", schedulesName: "The schedules of ip-sync and observer",
		resolverName: "The resolvers in the databases' VPCs: Lambda may, their code may not"}
	for _, f := range functions {
		purposes[f.name()] = f.description
	}
	var table strings.Builder
	table.WriteString("| Role | What for | May change |\n|---|---|---|\n")
	for _, name := range roleNames() {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", name, purposes[name], strings.Join(changesOf(needs.Roles[name].Permissions), "<br>"))
	}
	return table.String()
}

func TestTheSecurityPageListsWhatEachFunctionMayChange(t *testing.T) {
	golden.ComparePage(t, "security.md", "what each function may change", securityTable())
}

var (
	testName = regexp.MustCompile("`(Test\\w+)`")
	declared = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// allTests are the names of the project's tests.
func allTests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, root := range []string{"../cmd", "../functions", "../infra", "../internal", "../local", "../statemachine", "../test", "../tools"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, match := range declared.FindAllStringSubmatch(string(source), -1) {
				names[match[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func TestEveryTestThatTheSecurityPageNamesExists(t *testing.T) {
	page, err := os.ReadFile(securityDoc)
	if err != nil {
		t.Fatal(err)
	}
	names := testName.FindAllStringSubmatch(string(page), -1)
	if len(names) < 20 {
		t.Errorf("the page names %d tests", len(names))
	}
	all := allTests(t)
	for _, name := range names {
		if !all[name[1]] {
			t.Errorf("there is no %s", name[1])
		}
	}
}
