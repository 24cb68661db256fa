package sfn

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// intrinsics are the intrinsic functions that are implemented; a machine that calls another is refused.
var intrinsics = map[string]struct {
	min, max int // arguments
	call     func(args []any) (any, error)
}{
	"States.Format":        {1, 100, format},
	"States.JsonToString":  {1, 1, func(args []any) (any, error) { return encode(args[0]), nil }},
	"States.StringToJson":  {1, 1, stringToJSON},
	"States.Array":         {0, 100, func(args []any) (any, error) { return args, nil }},
	"States.ArrayContains": {2, 2, arrayContains},
	"States.ArrayLength":   {1, 1, arrayLength},
}

// intrinsicError is an intrinsic function that could not work on its arguments: States.IntrinsicFailure.
type intrinsicError struct{ message string }

func (e *intrinsicError) Error() string { return e.message }

func format(args []any) (any, error) {
	template, ok := args[0].(string)
	if !ok {
		return nil, &intrinsicError{"the template of States.Format is not a string"}
	}
	parts := strings.Split(template, "{}")
	if len(parts) != len(args) {
		return nil, &intrinsicError{fmt.Sprintf("States.Format has %d placeholders and %d arguments", len(parts)-1, len(args)-1)}
	}
	text := parts[0]
	for i, arg := range args[1:] {
		switch arg := arg.(type) {
		case string:
			text += arg
		case map[string]any, []any:
			// AWS writes objects in Java's notation, {a=1}: nobody means that.
			return nil, &intrinsicError{"States.Format is supported for strings, numbers, booleans and null only"}
		default:
			text += encode(arg)
		}
		text += parts[i+1]
	}
	return text, nil
}

func stringToJSON(args []any) (any, error) {
	text, ok := args[0].(string)
	if !ok {
		return nil, &intrinsicError{"the argument of States.StringToJson is not a string"}
	}
	if strings.TrimSpace(text) == "" {
		return nil, nil // null on AWS too: test_json_manipulation.snapshot.json of 9 Feb 2023
	}
	v, err := decode([]byte(text))
	if err != nil {
		return nil, &intrinsicError{"States.StringToJson: " + err.Error()}
	}
	return v, nil
}

func arrayContains(args []any) (any, error) {
	elements, ok := args[0].([]any)
	if !ok {
		return nil, &intrinsicError{"the first argument of States.ArrayContains is not an array"}
	}
	for _, e := range elements {
		if reflect.DeepEqual(e, args[1]) {
			return true, nil
		}
	}
	return false, nil
}

func arrayLength(args []any) (any, error) {
	elements, ok := args[0].([]any)
	if !ok {
		return nil, &intrinsicError{"the argument of States.ArrayLength is not an array"}
	}
	return json.Number(fmt.Sprint(len(elements))), nil
}

// compileIntrinsic reads a call such as States.Format('{}-{}', $.a, States.JsonToString($.b)).
func compileIntrinsic(text string) (expression, error) {
	p := callParser{rest: text}
	call, err := p.argument()
	if err != nil {
		return nil, err
	}
	if p.rest != "" {
		return nil, fmt.Errorf("%q follows the call", p.rest)
	}
	return call, nil
}

type callParser struct{ rest string }

func (p *callParser) argument() (expression, error) {
	p.space()
	switch {
	case strings.HasPrefix(p.rest, "States."):
		return p.call()
	case strings.HasPrefix(p.rest, "'"):
		return p.quoted()
	case strings.HasPrefix(p.rest, "$"):
		path, err := ParsePath(p.word())
		return path.find, err
	default:
		word := p.word()
		v, err := decode([]byte(word))
		if err != nil {
			return nil, fmt.Errorf("%q is not an argument", word)
		}
		return func(scope) (any, error) { return v, nil }, nil
	}
}

func (p *callParser) call() (expression, error) {
	name, rest, ok := strings.Cut(p.rest, "(")
	function, known := intrinsics[name]
	if !ok || !known {
		return nil, fmt.Errorf("%s is not a supported intrinsic function", name)
	}
	p.rest = rest
	args, err := p.arguments()
	if err != nil {
		return nil, err
	}
	if len(args) < function.min || len(args) > function.max {
		return nil, fmt.Errorf("%s does not take %d arguments", name, len(args))
	}
	return func(in scope) (any, error) {
		values, err := evaluateAll(args, in)
		if err != nil {
			return nil, err
		}
		return function.call(values)
	}, nil
}

func (p *callParser) arguments() ([]expression, error) {
	if p.space(); p.skip(")") {
		return nil, nil
	}
	var args []expression
	for {
		arg, err := p.argument()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		if p.space(); p.skip(")") {
			return args, nil
		}
		if !p.skip(",") {
			return nil, fmt.Errorf("a comma is missing before %q", p.rest)
		}
	}
}

// quoted reads a string; a backslash keeps the quote or the backslash that follows it. Escaped braces are refused: States.Format
// would take them for a placeholder.
func (p *callParser) quoted() (expression, error) {
	var text strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case '\'':
			p.rest = p.rest[i+1:]
			return func(scope) (any, error) { return text.String(), nil }, nil
		case '\\':
			i++
			if i == len(p.rest) || p.rest[i] != '\'' && p.rest[i] != '\\' {
				return nil, fmt.Errorf("%q has an escape that is not supported", p.rest)
			}
			text.WriteByte(p.rest[i])
		default:
			text.WriteByte(c)
		}
	}
	return nil, fmt.Errorf("%q is not closed", p.rest)
}

// word takes what stands before the next comma or closing parenthesis.
func (p *callParser) word() string {
	end := strings.IndexAny(p.rest, ",)")
	if end < 0 {
		end = len(p.rest)
	}
	word := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	return word
}

func (p *callParser) space() { p.rest = strings.TrimLeft(p.rest, " ") }

func (p *callParser) skip(token string) bool {
	rest, ok := strings.CutPrefix(p.rest, token)
	p.rest = rest
	return ok
}
