package repository

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What the local cloud models of the Amazon States Language is what the two definitions use of it: for each kind of object
// the fields that some has, and for the context object the paths. What neither uses is refused there, and not kept up.
func TestTheLocalCloudModelsWhatTheDefinitionsUse(t *testing.T) {
	used := map[string]map[string]bool{}
	use := func(kind, name string) {
		if used[kind] == nil {
			used[kind] = map[string]bool{}
		}
		used[kind][name] = true
	}
	for _, name := range []string{"setup", "remove"} {
		definition := read[map[string]any](t, "statemachine/"+name+".asl.json")
		for field := range definition {
			use("machine", field)
		}
		for _, state := range definition["States"].(map[string]any) {
			eachObject("", state, func(kind string, object map[string]any) {
				for field, value := range object {
					if kind != "" { // not of a template, whose fields are the steps'
						use(kind, field)
					}
					if path, is := value.(string); is && strings.HasPrefix(path, "$$") {
						use("context", path)
					}
				}
			})
		}
	}
	modelled := read[map[string][]string](t, "local/sfn/modelled.json")
	for kind := range used {
		if modelled[kind] == nil {
			t.Errorf("nothing is modelled of %s", kind)
		}
	}
	for kind, fields := range modelled {
		if got, want := slices.Sorted(slices.Values(fields)), slices.Sorted(maps.Keys(used[kind])); !slices.Equal(got, want) {
			t.Errorf("of %s is modelled\n%q, used is\n%q", kind, got, want)
		}
	}
}

// eachObject visits a state and the objects in it, each with its kind: the type of a state, or the field that has it.
func eachObject(field string, in any, visit func(kind string, object map[string]any)) {
	switch in := in.(type) {
	case []any:
		for _, element := range in {
			eachObject(field, element, visit)
		}
	case map[string]any:
		kind, is := in["Type"].(string)
		if !is && slices.Contains([]string{"Parameters", "Retry", "Choices"}, field) {
			kind = field
		}
		visit(kind, in)
		for name, value := range in {
			eachObject(name, value, visit)
		}
	}
}

// read decodes a file of the checkout.
func read[T any](t *testing.T, path string) T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}
