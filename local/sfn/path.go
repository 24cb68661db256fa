package sfn

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Path is a JSONPath that names members: $, $.a.b, and what is modelled of the context object $$. Any other is refused when
// the machine is created.
type Path struct {
	text      string
	inContext bool
	members   []string
}

// unmodelledError says what this interpreter does not know of a path that AWS takes.
type unmodelledError string

func (e unmodelledError) Error() string { return string(e) }

var (
	members = regexp.MustCompile(`^(\.[^.*?@()[\] '"]+)*$`)
	// several begins what AWS has besides: descents, wildcards, functions, and whatever stands in brackets.
	several = regexp.MustCompile(`^[^ ]*?(\.\.|\.\*|\(|\[)`)
)

// ParsePath reads a JSONPath.
func ParsePath(text string) (Path, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return Path{}, fmt.Errorf("path %q does not start with $", text)
	}
	rest, inContext := strings.CutPrefix(rest, "$")
	switch {
	case !members.MatchString(rest) && several.MatchString(rest):
		return Path{}, unmodelledError("paths of anything but members: " + text)
	case !members.MatchString(rest):
		return Path{}, fmt.Errorf("path %q: %q is not a member", text, rest)
	case inContext && !slices.ContainsFunc(modelled["context"], func(known string) bool { return within(text, known) }):
		return Path{}, unmodelledError("the context object's " + text)
	}
	return Path{text, inContext, strings.FieldsFunc(rest, func(c rune) bool { return c == '.' })}, nil
}

// within says whether a path is that of another, or goes on from it.
func within(path, other string) bool { return path == other || strings.HasPrefix(path, other+".") }

// scope is what paths look into.
type scope struct{ input, context any }

// find returns the value at p. A missing value is a *missingError.
func (p Path) find(in scope) (any, error) {
	at := in.input
	if p.inContext {
		at = in.context
	}
	for i, name := range p.members {
		below, _ := at.(map[string]any)
		value, ok := below[name]
		if !ok {
			return nil, &missingError{p, i}
		}
		at = value
	}
	return at, nil
}

// put returns into with value at p; it makes the objects on the way and copies those it changes, since a state's input stays
// as it was.
func (p Path) put(into, value any) (any, error) {
	return putAt(p.members, into, value)
}

func putAt(path []string, into, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	members, ok := into.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s does not fit into %s", path[0], encode(into))
	}
	below, ok := members[path[0]]
	if !ok {
		below = map[string]any{}
	}
	below, err := putAt(path[1:], below, value)
	if err != nil {
		return nil, err
	}
	changed := make(map[string]any, len(members)+1)
	maps.Copy(changed, members)
	changed[path[0]] = below
	return changed, nil
}

// missingError says that a path leads nowhere, in the words of test_base_scenarios.snapshot.json (test_invalid_jsonpath of
// 2 Jan 2025, test_catch_states_runtime of 23 Nov 2023).
type missingError struct {
	path   Path
	member int // the first that is missing
}

func (e *missingError) Error() string {
	place := "$"
	for _, name := range e.path.members[:e.member+1] {
		place += "['" + name + "']"
	}
	if e.member < len(e.path.members)-1 {
		return fmt.Sprintf("Invalid path '%s' : Missing property in path %s", e.path.text, place)
	}
	return fmt.Sprintf("Invalid path '%s' : No results for path: %s", e.path.text, place)
}
