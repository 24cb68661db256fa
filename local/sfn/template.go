package sfn

import (
	"errors"
	"fmt"
	"strings"
)

// template is a payload template (Payload, ResultSelector): the members of an object, each with the path of its value. In a
// definition the name of such a member ends in ".$".
type template map[string]Path

// compileTemplate reads a template. Whatever is no path is refused when the machine is created.
func compileTemplate(t any, at string, problem func(code, at, message string)) template {
	fields, ok := t.(map[string]any)
	if !ok {
		problem(notModelled, at, "The local cloud does not model templates other than objects")
	}
	members := template{}
	for field, value := range fields {
		name, computed := strings.CutSuffix(field, ".$")
		text, _ := value.(string)
		p, err := ParsePath(text)
		foreign, ok := errors.AsType[unmodelledError](err)
		switch {
		case !computed:
			problem(notModelled, at+"/"+field, "The local cloud does not model constants and objects in a template")
		case strings.HasPrefix(text, "States."):
			problem(notModelled, at+"/"+field, "The local cloud does not model intrinsic functions")
		case ok:
			problem(notModelled, at+"/"+field, "The local cloud does not model "+foreign.Error())
		case err != nil:
			problem(schema, at,
				fmt.Sprintf("The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call (%v)", field, err))
		default:
			members[name] = p
		}
	}
	return members
}

// evaluate computes the object. What is missing is worded as in test_base_scenarios.snapshot.json (test_invalid_jsonpath of
// 2 Jan 2025).
func (t template) evaluate(in scope) (map[string]any, error) {
	object := make(map[string]any, len(t))
	for name, p := range t {
		v, err := p.find(in)
		if err != nil {
			return nil, causef("The JSONPath '%s' specified for the field '%s.$' could not be found in the input '%s'", p.text, name,
				encode(in.input))
		}
		object[name] = v
	}
	return object, nil
}
