package sfn

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// modelled is what a definition may have: the fields of each kind of object, a state's kind being its type, and the members
// of the context object.
var modelled map[string][]string

//go:embed modelled.json
var modelledJSON []byte

func init() {
	if err := json.Unmarshal(modelledJSON, &modelled); err != nil {
		panic(err) // the file is compiled in
	}
}

// unmodelled are the fields that AWS takes and modelled does not have: of a machine, of states, of lambda:invoke, of
// retriers, and the comparisons of a choice.
var unmodelled = regexp.MustCompile(`^(Assign|Arguments|Catch|Comment|Credentials|End|HeartbeatSeconds(Path)?|InputPath|Output|` +
	`OutputPath|QueryLanguage|Seconds|Timestamp|Version|` +
	`ClientContext(\.\$)?|FunctionName\.\$|InvocationType(\.\$)?|LogType(\.\$)?|Payload\.\$|Qualifier(\.\$)?|` +
	`And|Condition|Not|Or|Is[A-Z]\w+|(Boolean|Numeric|String|Timestamp)(Equals|GreaterThan|LessThan|Matches)\w*)$`)

// reader reads the fields of one object of a definition and notes what is wrong with them. It has only fields that are
// modelled.
type reader struct {
	fields   map[string]any
	at       string
	problems *[]Problem
	foreign  bool // a field was left out that AWS takes
}

// newReader makes the reader of an object of that kind, which modelled knows.
func newReader(kind string, fields map[string]any, at string, problems *[]Problem) *reader {
	r := &reader{fields: map[string]any{}, at: at, problems: problems}
	for field, v := range fields {
		switch {
		case slices.Contains(modelled[kind], field):
			r.fields[field] = v
		case unmodelled.MatchString(field):
			r.foreign = true
			r.unmodelled(field, "the field "+field)
		default:
			r.problem(field, "Field is not supported")
		}
	}
	return r
}

func (r *reader) problem(field, message string, args ...any) {
	r.note(schema, strings.TrimSuffix(r.at+"/"+field, "/"), fmt.Sprintf(message, args...))
}

func (r *reader) note(code, at, message string) {
	if at == "" {
		at = "/"
	}
	*r.problems = append(*r.problems, Problem{code, message, at})
}

// require notes the missing of names as AWS does: all in one problem. A field that was left out may stand for one of them.
func (r *reader) require(names ...string) {
	if r.foreign {
		return
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := r.fields[name]; return ok })
	if len(missing) > 0 {
		r.problem("", "These fields are required: [%s]", strings.Join(missing, ", "))
	}
}

func (r *reader) has(field string) bool {
	_, ok := r.fields[field]
	return ok
}

func (r *reader) unmodelled(field, what string) {
	r.note(notModelled, r.at+"/"+field, "The local cloud does not model "+what)
}

func (r *reader) text(field string) string {
	if !r.has(field) {
		return ""
	}
	text, ok := r.fields[field].(string)
	if !ok {
		r.problem(field, "Expected value of type String")
	}
	return text
}

func (r *reader) flag(field string) bool {
	if !r.has(field) {
		return false
	}
	flag, ok := r.fields[field].(bool)
	if !ok {
		r.problem(field, "Expected value of type Boolean")
	}
	return flag
}

// number is the field's number, or other when the field is absent.
func (r *reader) number(field string, other float64) float64 {
	if !r.has(field) {
		return other
	}
	number, _ := r.fields[field].(json.Number)
	n, err := number.Float64()
	if err != nil {
		r.problem(field, "Expected value of type Number")
	}
	return n
}

// integer is the field's whole number from least to AWS's most, or other when the field is absent.
func (r *reader) integer(field string, least, other int64) int64 {
	if !r.has(field) {
		return other
	}
	number, _ := r.fields[field].(json.Number)
	n, err := number.Int64()
	if err != nil || n < least || n > maxInteger {
		r.problem(field, "Expected an integer from %d to %d", least, maxInteger)
	}
	return n
}

func (r *reader) seconds(field string, least int64) time.Duration {
	return time.Duration(r.integer(field, least, 0)) * time.Second
}

// path is the field's path; an absent field is the root.
func (r *reader) path(field string) Path {
	if !r.has(field) {
		return Path{text: "$"}
	}
	if r.fields[field] == nil {
		r.unmodelled(field, "null for "+field)
		return Path{}
	}
	text, _ := r.fields[field].(string)
	p, err := ParsePath(text)
	if _, ok := errors.AsType[unmodelledError](err); ok {
		r.unmodelled(field, err.Error())
	} else if err != nil {
		r.problem(field, "Value is not a valid JSONPath (%v)", err)
	}
	return p
}

// resultPath is a path below the input; nil stands for JSON's null.
func (r *reader) resultPath() *Path {
	if r.has("ResultPath") && r.fields["ResultPath"] == nil {
		return nil
	}
	p := r.path("ResultPath")
	if p.inContext {
		r.problem("ResultPath", "Value is not a Reference Path: the path '%s' may only name members of the input", p.text)
	}
	return &p
}

func (r *reader) template(field string) template {
	if !r.has(field) {
		return nil
	}
	return compileTemplate(r.fields[field], r.at+"/"+field, r.note)
}

func (r *reader) timeout() timeout {
	if !r.has("TimeoutSecondsPath") {
		return timeout{seconds: r.integer("TimeoutSeconds", 1, 0)}
	}
	if r.has("TimeoutSeconds") {
		r.problem("", "You cannot specify both 'TimeoutSeconds' and 'TimeoutSecondsPath'")
	}
	return timeout{path: ptr(r.path("TimeoutSecondsPath"))}
}

// objects are the elements of a list of objects, whose kind is the field's name.
func (r *reader) objects(field string) []*reader {
	if !r.has(field) {
		return nil
	}
	list, ok := r.fields[field].([]any)
	if !ok {
		r.problem(field, "Expected value of type Array")
	}
	readers := make([]*reader, 0, len(list))
	for i, element := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		fields, ok := element.(map[string]any)
		if !ok {
			r.problem(at, "Expected value of type Object")
			continue
		}
		readers = append(readers, newReader(field, fields, r.at+"/"+at, r.problems))
	}
	return readers
}

func (r *reader) texts(field string) []string {
	list, _ := r.fields[field].([]any)
	if len(list) == 0 {
		r.problem(field, "Value cannot be empty")
	}
	texts := make([]string, 0, len(list))
	for _, element := range list {
		text, ok := element.(string)
		if !ok {
			r.problem(field, "Expected value of type String")
		}
		texts = append(texts, text)
	}
	return texts
}
