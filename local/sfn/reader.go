package sfn

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// reader takes the fields of one object of a definition and notes what is wrong with them. A field
// that nobody takes is unknown.
type reader struct {
	fields   map[string]any
	at       string
	problems *[]Problem
}

func newReader(fields map[string]any, at string, problems *[]Problem) *reader {
	left := make(map[string]any, len(fields))
	for name, v := range fields {
		left[name] = v
	}
	return &reader{left, at, problems}
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

// require notes the missing of names as AWS does: all in one problem.
func (r *reader) require(names ...string) {
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := r.fields[name]; return ok })
	if len(missing) > 0 {
		r.problem("", "These fields are required: [%s]", strings.Join(missing, ", "))
	}
}

func (r *reader) has(field string) bool {
	_, ok := r.fields[field]
	return ok
}

func (r *reader) take(field string) any {
	v := r.fields[field]
	delete(r.fields, field)
	return v
}

// rest notes what nobody has taken.
func (r *reader) rest() {
	for field := range r.fields {
		if slices.Contains(unmodelledFields, field) {
			r.unmodelled(field, "the field "+field)
			continue
		}
		r.problem(field, "Field is not supported")
	}
}

// unmodelledFields are AWS's, of states and of lambda:invoke.
var unmodelledFields = strings.Fields("Assign Arguments Credentials Output ClientContext InvocationType LogType Qualifier")

func (r *reader) unmodelled(field, what string) {
	r.note(notModelled, r.at+"/"+field, "The local cloud does not model "+what)
}

func (r *reader) language() {
	switch language := r.text("QueryLanguage"); language {
	case "", "JSONPath":
	case "JSONata":
		r.unmodelled("QueryLanguage", "the query language JSONata")
	default:
		r.problem("QueryLanguage", "The query language '%s' is not supported", language)
	}
}

func (r *reader) text(field string) string {
	if !r.has(field) {
		return ""
	}
	text, ok := r.take(field).(string)
	if !ok {
		r.problem(field, "Expected value of type String")
	}
	return text
}

func (r *reader) flag(field string) bool {
	if !r.has(field) {
		return false
	}
	flag, ok := r.take(field).(bool)
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
	number, _ := r.take(field).(json.Number)
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
	number, _ := r.take(field).(json.Number)
	n, err := number.Int64()
	if err != nil || n < least || n > maxInteger {
		r.problem(field, "Expected an integer from %d to %d", least, maxInteger)
	}
	return n
}

func (r *reader) seconds(field string, least int64) time.Duration {
	return time.Duration(r.integer(field, least, 0)) * time.Second
}

// path is the field's path. nil stands for JSON's null; an absent field is the root.
func (r *reader) path(field string) *Path {
	if !r.has(field) {
		return &Path{text: "$"}
	}
	if r.fields[field] == nil {
		r.take(field)
		return nil
	}
	return r.pointer(field)
}

// pointer is the field's path; an absent field is nil.
func (r *reader) pointer(field string) *Path {
	if !r.has(field) {
		return nil
	}
	text, _ := r.take(field).(string)
	p, err := ParsePath(text)
	if _, ok := errors.AsType[unmodelledError](err); ok {
		r.unmodelled(field, err.Error())
	} else if err != nil {
		r.problem(field, "Value is not a valid JSONPath (%v)", err)
	}
	return &p
}

// resultPath is a path of members below the input.
func (r *reader) resultPath() *Path {
	p := r.path("ResultPath")
	if p == nil {
		return nil
	}
	if p.inContext || slices.ContainsFunc(p.steps, func(s step) bool { return s.index >= 0 }) {
		r.problem("ResultPath", "Value is not a Reference Path: the path '%s' may only name members of the input", p.text)
	}
	return p
}

func (r *reader) template(field string) expression {
	if !r.has(field) {
		return nil
	}
	return compileTemplate(r.take(field), r.at+"/"+field, r.note)
}

// duration reads seconds from fields such as TimeoutSeconds and TimeoutSecondsPath.
func (r *reader) duration(field string, least int64) duration {
	if r.has(field) && r.has(field+"Path") {
		r.problem("", "You cannot specify both '%s' and '%sPath'", field, field)
	}
	return duration{seconds: r.integer(field, least, 0), secondsPath: r.pointer(field + "Path")}
}

// objects are the elements of a list of objects.
func (r *reader) objects(field string) []*reader {
	if !r.has(field) {
		return nil
	}
	list, ok := r.take(field).([]any)
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
		readers = append(readers, newReader(fields, r.at+"/"+at, r.problems))
	}
	return readers
}

func (r *reader) texts(field string) []string {
	list, _ := r.take(field).([]any)
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
