package golden

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Formats holds what a T is written as, in testdata/formats: a folder for each version, in which every file that begins with
// name is a T as that version wrote it. Today's code understands them all, field by field, and the latest version has an
// example of each field. Where it has not, go test -update adds a version: nothing that is there changes any more.
func Formats[T any](t testing.TB, name string, read func([]byte) (T, error), write func(T) ([]byte, error)) {
	t.Helper()
	folders := versions(t)
	var latest map[string]string // a version has no file of a format that has not changed
	for _, folder := range folders {
		found := files(t, folder, name)
		for _, text := range found {
			understood(t, text, read, write)
		}
		if len(found) > 0 {
			latest = found
		}
	}
	whole, err := write(example(reflect.TypeFor[T]()).Interface().(T))
	if err != nil {
		t.Fatal(err)
	}
	var examples []any
	for _, path := range slices.Sorted(maps.Keys(latest)) {
		examples = append(examples, tree(t, latest[path]))
	}
	missing := without(tree(t, string(whole)), examples)
	switch {
	case missing == nil:
	case !*update:
		text, _ := json.Marshal(missing) // it was JSON
		t.Errorf("%s: the latest version of %q has no example of %s (go test -update adds a version: write what is real into it)",
			formats, name, text)
	default:
		add(t, folders, name, merged(missing, examples))
	}
}

// JSON is what Formats needs of a T that is written as JSON. A field that T does not have is not understood.
func JSON[T any]() (read func([]byte) (T, error), write func(T) ([]byte, error)) {
	return func(text []byte) (value T, err error) {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		return value, decoder.Decode(&value)
	}, func(value T) ([]byte, error) { return json.Marshal(value) }
}

const formats = "testdata/formats"

// versions are the folders of all versions, the latest last.
func versions(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(formats)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%s holds no format (%v): see CONTRIBUTING.md", formats, err)
	}
	numbers := make([]int, len(entries))
	for i, entry := range entries {
		if numbers[i], err = strconv.Atoi(entry.Name()); err != nil {
			t.Fatalf("%s/%s: a version is a number", formats, entry.Name())
		}
	}
	slices.Sort(numbers)
	folders := make([]string, len(numbers))
	for i, number := range numbers {
		folders[i] = filepath.Join(formats, strconv.Itoa(number))
	}
	return folders
}

// files are the contents, by path, of those of a version that begin with name.
func files(t testing.TB, folder, name string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, name+"*.json"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[path] = string(text)
	}
	return found
}

// understood checks that all that a text says is there when it was read, and written again.
func understood[T any](t testing.TB, text string, read func([]byte) (T, error), write func(T) ([]byte, error)) {
	t.Helper()
	value, err := read([]byte(text))
	if err != nil {
		t.Errorf("%v is not understood any more: %s", err, text)
		return
	}
	again, err := write(value)
	if err != nil {
		t.Fatal(err)
	}
	if lost := lost(tree(t, text), tree(t, string(again)), ""); lost != "" {
		t.Errorf("%s is lost of %s: read, it is %s", lost, text, again)
	}
}

func tree(t testing.TB, text string) (value any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

// lost is where the first of what was said is that is not said again. What is nothing need not be.
func lost(said, again any, at string) string {
	if nothing(said) && (again == nil || nothing(again)) {
		return ""
	}
	switch s := said.(type) {
	case map[string]any:
		a, is := again.(map[string]any)
		if !is {
			return at
		}
		for _, name := range slices.Sorted(maps.Keys(s)) {
			if lost := lost(s[name], a[name], at+"."+name); lost != "" {
				return lost
			}
		}
		return ""
	case []any:
		a, is := again.([]any)
		if !is || len(a) != len(s) {
			return at
		}
		for i := range s {
			if lost := lost(s[i], a[i], fmt.Sprintf("%s[%d]", at, i)); lost != "" {
				return lost
			}
		}
		return ""
	}
	if said == again {
		return ""
	}
	return at
}

func nothing(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	case json.Number:
		return v == "0"
	}
	return value == nil || value == "" || value == false
}

// anyKey is the key of a map in an example: any other is as good.
const anyKey = "*"

// without is what of a whole none of the examples has; nil where they have all.
func without(whole any, examples []any) any {
	switch w := whole.(type) {
	case map[string]any:
		missing := map[string]any{}
		for name, inner := range w {
			var of []any
			for _, example := range examples {
				e, _ := example.(map[string]any)
				if name == anyKey {
					of = slices.AppendSeq(of, maps.Values(e))
				} else if value, has := e[name]; has && value != nil {
					of = append(of, value)
				}
			}
			if left := without(inner, of); left != nil {
				missing[name] = left
			}
		}
		if len(missing) > 0 {
			return missing
		}
		return nil
	case []any:
		var of []any
		for _, example := range examples {
			e, _ := example.([]any)
			of = append(of, e...)
		}
		if left := without(w[0], of); left != nil {
			return []any{left}
		}
		return nil
	}
	if len(examples) > 0 {
		return nil
	}
	return whole
}

// merged is an example with what is missing in it.
func merged(missing any, examples []any) any {
	if len(examples) == 0 {
		return missing
	}
	m, isMap := missing.(map[string]any)
	e, same := examples[0].(map[string]any)
	if !isMap || !same {
		return missing
	}
	for name, inner := range m {
		if old, has := e[name]; has && old != nil {
			e[name] = merged(inner, []any{old})
		} else {
			e[name] = inner
		}
	}
	return e
}

// add adds a version.
func add(t testing.TB, folders []string, name string, value any) {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(formats, strconv.Itoa(len(folders)+1))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".json"), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// example is a value of a type in which everything is something.
func example(t reflect.Type) reflect.Value {
	value := reflect.New(t).Elem()
	switch {
	case t == reflect.TypeFor[time.Time]():
		value.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
		return value
	case t == reflect.TypeFor[json.RawMessage]():
		value.SetBytes([]byte(`"x"`))
		return value
	}
	switch t.Kind() {
	case reflect.String:
		value.SetString("x")
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		value.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		value.SetUint(1)
	case reflect.Float32, reflect.Float64:
		value.SetFloat(1)
	case reflect.Pointer:
		value.Set(reflect.New(t.Elem()))
		value.Elem().Set(example(t.Elem()))
	case reflect.Slice:
		value.Set(reflect.Append(value, example(t.Elem())))
	case reflect.Map:
		value.Set(reflect.MakeMap(t))
		element := reflect.New(t.Elem()).Elem()
		if t.Elem().Kind() != reflect.Interface {
			element = example(t.Elem())
		}
		key := reflect.New(t.Key()).Elem()
		key.SetString(anyKey)
		value.SetMapIndex(key, element)
	case reflect.Struct:
		for i := range t.NumField() {
			if t.Field(i).IsExported() && t.Field(i).Type.Kind() != reflect.Interface {
				value.Field(i).Set(example(t.Field(i).Type))
			}
		}
	}
	return value
}
