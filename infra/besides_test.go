package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var actionNames = regexp.MustCompile("`([a-z0-9]+:[A-Z]\\w+)`")

// besides is what calls ask for besides, by the call's action, as docs/security.md says.
func besides(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(securityDoc)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### What AWS asks for besides\n")
	section, _, _ = strings.Cut(section, "\n## ")
	found := map[string][]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 {
			continue
		}
		for _, call := range actionNames.FindAllStringSubmatch(cells[0], -1) {
			for _, asked := range actionNames.FindAllStringSubmatch(cells[1], -1) {
				found[call[1]] = append(found[call[1]], asked[1])
			}
			if !strings.Contains(cells[2], "https://") && !strings.Contains(cells[2], "the same") && !strings.Contains(cells[2], "API permissions") {
				t.Errorf("%s: %q is no source", call[1], cells[2])
			}
		}
	}
	if len(found) < 20 {
		t.Fatalf("the page tells of %d calls", len(found))
	}
	return found
}

// called says which operations the functions' code calls, by their names alone.
func called(t *testing.T) map[string]bool {
	t.Helper()
	call, found := regexp.MustCompile(`\.(?:New)?([A-Z]\w+?)(?:Paginator)?\(`), map[string]bool{}
	for _, root := range []string{"../functions", "../internal"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, match := range call.FindAllStringSubmatch(string(source), -1) {
				found[match[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	found["InvokeFunction"] = found["Invoke"]
	found["ChangeMessageVisibility"] = found["ChangeMessageVisibilityBatch"]
	return found
}

// AWS asks for more than the call. Whoever may make a call may do what it asks for, and what nobody calls is on the page as
// what some call asks for.
func TestWhatAWSAsksForBesides(t *testing.T) {
	asks, calls := besides(t), called(t)
	for name, may := range permissions(synthesized().resources) {
		var granted, asked []string
		for _, g := range may {
			granted = append(granted, g.actions...)
		}
		for _, action := range granted {
			if action == "sns:Publish" && !encrypted(may) {
				continue
			}
			asked = append(asked, asks[action]...)
			for _, besides := range asks[action] {
				if !slices.Contains(granted, besides) {
					t.Errorf("%s may %s, which asks for %s", name, action, besides)
				}
			}
		}
		for _, action := range granted {
			if _, operation, _ := strings.Cut(action, ":"); !calls[operation] && !slices.Contains(asked, action) {
				t.Errorf("%s may %s, which nothing calls and none of its calls asks for", name, action)
			}
		}
	}
	for _, call := range slices.Sorted(maps.Keys(asks)) {
		if !slices.ContainsFunc(allGrants(synthesized().resources), func(g grant) bool { return slices.Contains(g.actions, call) }) {
			t.Errorf("the page tells of %s, which nobody may", call)
		}
	}
}

// encrypted says whether one of the topics that somebody publishes to has a key. The operators' has none.
func encrypted(may grants) bool {
	return slices.ContainsFunc(may, func(g grant) bool {
		return slices.Contains(g.actions, "sns:Publish") && !slices.Equal(g.arns(), []string{*synthesized().operators.TopicArn()})
	})
}
