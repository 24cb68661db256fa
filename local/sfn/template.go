package sfn

import (
	"errors"
	"fmt"
	"strings"
)

// expression computes a value when a state runs.
type expression func(scope) (any, error)

// compileTemplate reads a payload template (Parameters, ResultSelector): JSON in which a member named "x.$" is the member "x"
// with the value of a path or an intrinsic function.
func compileTemplate(t any, at string, problem func(code, at, message string)) expression {
	switch t := t.(type) {
	case map[string]any:
		return compileObject(t, at, problem)
	case []any:
		elements := make([]expression, len(t))
		for i, e := range t {
			elements[i] = compileTemplate(e, fmt.Sprintf("%s[%d]", at, i), problem)
		}
		return func(in scope) (any, error) { return evaluateAll(elements, in) }
	default:
		return func(scope) (any, error) { return t, nil }
	}
}

func compileObject(t map[string]any, at string, problem func(code, at, message string)) expression {
	members := map[string]expression{}
	for field, value := range t {
		name, computed := strings.CutSuffix(field, ".$")
		if !computed {
			members[field] = compileTemplate(value, at+"/"+field, problem)
			continue
		}
		text, _ := value.(string)
		compute, err := compileExpression(text)
		if err != nil {
			problem(schema, at, fmt.Sprintf("The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call (%v)", field, err))
			continue
		}
		members[name] = func(in scope) (any, error) {
			v, err := compute(in)
			return v, notFound(err, field, in)
		}
	}
	return func(in scope) (any, error) {
		object := make(map[string]any, len(members))
		for name, compute := range members {
			v, err := compute(in)
			if err != nil {
				return nil, err
			}
			object[name] = v
		}
		return object, nil
	}
}

// notFound words a missing path as AWS does for a field that a path computes (test_base_scenarios.snapshot.json,
// test_invalid_jsonpath of 2 Jan 2025).
func notFound(err error, field string, in scope) error {
	var missing *missingError
	if !errors.As(err, &missing) {
		return err
	}
	return causef("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", missing.path.text, field, encode(in.input))
}

// compileExpression reads a path or an intrinsic function.
func compileExpression(text string) (expression, error) {
	if strings.HasPrefix(text, "States.") {
		return compileIntrinsic(text)
	}
	p, err := ParsePath(text)
	if err != nil {
		return nil, err
	}
	return p.find, nil
}

func evaluateAll(expressions []expression, in scope) ([]any, error) {
	values := make([]any, len(expressions))
	for i, compute := range expressions {
		v, err := compute(in)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}
