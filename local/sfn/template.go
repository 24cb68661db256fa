package sfn

import (
	"errors"
	"fmt"
	"strings"
)

// expression computes a value when a state runs.
type expression func(scope) (any, error)

// compileTemplate reads a payload template (Parameters, ResultSelector): JSON in which a member named "x.$" is the member
// "x" with the value of a path. Intrinsic functions are refused when the machine is created.
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
		if strings.HasPrefix(text, "States.") {
			problem(notModelled, at+"/"+field, "The local cloud does not model intrinsic functions")
			continue
		}
		p, err := ParsePath(text)
		if _, ok := errors.AsType[unmodelledError](err); ok {
			problem(notModelled, at+"/"+field, "The local cloud does not model "+err.Error())
			continue
		}
		if err != nil {
			problem(schema, at,
				fmt.Sprintf("The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call (%v)", field, err))
			continue
		}
		members[name] = func(in scope) (any, error) {
			v, err := p.find(in)
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
	missing, ok := errors.AsType[*missingError](err)
	if !ok {
		return err
	}
	return causef("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", missing.path.text,
		field, encode(in.input))
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
