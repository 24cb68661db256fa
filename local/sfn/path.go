package sfn

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Path is a JSONPath that points at one value: $, $.a.b, $['a'], $.a[0], and the same below the context object $$.
// What can point at several values is refused when the machine is created.
type Path struct {
	text      string
	inContext bool
	steps     []step
}

// step is one descent: into a member, or into an array's element.
type step struct {
	name  string
	index int // of an element; -1 for a member
}

func (s step) String() string {
	if s.index >= 0 {
		return fmt.Sprintf("[%d]", s.index)
	}
	return "['" + s.name + "']"
}

// unmodelledError is a path that AWS takes.
type unmodelledError struct{ path string }

func (e unmodelledError) Error() string {
	return "filters, slices, wildcards and functions of JSONPath: " + e.path
}

// ParsePath reads a JSONPath.
func ParsePath(text string) (Path, error) {
	p := Path{text: text}
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return Path{}, fmt.Errorf("path %q does not start with $", text)
	}
	rest, p.inContext = strings.CutPrefix(rest, "$")
	for rest != "" {
		s, after, err := nextStep(rest)
		if err != nil && several.MatchString(rest) {
			return Path{}, unmodelledError{text}
		}
		if err != nil {
			return Path{}, fmt.Errorf("path %q: %w", text, err)
		}
		p.steps, rest = append(p.steps, s), after
	}
	return p, nil
}

// several begins what this interpreter has no step for: a descent, a wildcard, a function, an index
// from the end, a quoted list.
var several = regexp.MustCompile(`^(\.\.|\.\*|\.\w+\(|\[([-*?:,@ "(]|\d+[:,]|'[^']*',))`)

func nextStep(text string) (step, string, error) {
	if name, ok := strings.CutPrefix(text, "."); ok {
		end := strings.IndexAny(name, ".[")
		if end < 0 {
			end = len(name)
		}
		if end == 0 || strings.ContainsAny(name[:end], "*?@() '\"]") {
			return step{}, "", fmt.Errorf("%q is not a member", text)
		}
		return step{name: name[:end], index: -1}, name[end:], nil
	}
	if quoted, ok := strings.CutPrefix(text, "['"); ok {
		name, after, closed := strings.Cut(quoted, "']")
		if !closed || name == "" || strings.Contains(name, "'") {
			return step{}, "", fmt.Errorf("%q is not a quoted member", text)
		}
		return step{name: name, index: -1}, after, nil
	}
	if bracket, ok := strings.CutPrefix(text, "["); ok {
		digits, after, _ := strings.Cut(bracket, "]")
		if n, err := strconv.ParseUint(digits, 10, 31); err == nil {
			return step{index: int(n)}, after, nil
		}
	}
	return step{}, "", fmt.Errorf("%q is not a member or an index", text)
}

// scope is what paths look into.
type scope struct{ input, context any }

// find returns the value at p. A missing value is a *missingError.
func (p Path) find(in scope) (any, error) {
	at := in.input
	if p.inContext {
		at = in.context
	}
	for i, s := range p.steps {
		value, ok := s.descend(at)
		if !ok {
			return nil, &missingError{p, i}
		}
		at = value
	}
	return at, nil
}

func (s step) descend(from any) (any, bool) {
	if s.index >= 0 {
		elements, _ := from.([]any)
		if s.index >= len(elements) {
			return nil, false
		}
		return elements[s.index], true
	}
	members, _ := from.(map[string]any)
	value, ok := members[s.name]
	return value, ok
}

// put returns into with value at p, a path of members only; it makes the objects on the way and copies those it changes,
// since a state's input stays as it was.
func (p Path) put(into, value any) (any, error) {
	return putAt(p.steps, into, value)
}

func putAt(steps []step, into, value any) (any, error) {
	if len(steps) == 0 {
		return value, nil
	}
	members, ok := into.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s does not fit into %s", steps[0], encode(into))
	}
	below, ok := members[steps[0].name]
	if !ok {
		below = map[string]any{}
	}
	below, err := putAt(steps[1:], below, value)
	if err != nil {
		return nil, err
	}
	changed := make(map[string]any, len(members)+1)
	for name, member := range members {
		changed[name] = member
	}
	changed[steps[0].name] = below
	return changed, nil
}

// missingError says that a path leads nowhere, in the words of test_base_scenarios.snapshot.json (test_invalid_jsonpath of
// 2 Jan 2025, test_catch_states_runtime of 23 Nov 2023).
type missingError struct {
	path Path
	step int // the first that is missing
}

func (e *missingError) Error() string {
	place := "$"
	for _, s := range e.path.steps[:e.step+1] {
		place += s.String()
	}
	if e.step < len(e.path.steps)-1 {
		return fmt.Sprintf("Invalid path '%s' : Missing property in path %s", e.path.text, place)
	}
	return fmt.Sprintf("Invalid path '%s' : No results for path: %s", e.path.text, place)
}
