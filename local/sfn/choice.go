package sfn

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"
)

// choice is one rule of a Choice state.
type choice struct {
	next    string
	matches func(scope) (bool, error)
}

// choice reads a Choice state.
func (r *reader) choice(s *State) {
	rules := r.objects("Choices")
	if len(rules) == 0 {
		r.problem("Choices", "Value cannot be empty")
	}
	for _, rule := range rules {
		rule.require("Next")
		s.Choices = append(s.Choices, choice{rule.text("Next"), rule.rule()})
	}
	s.Default = r.text("Default")
}

// rule reads And, Or, Not, or the comparison of a variable.
func (r *reader) rule() func(scope) (bool, error) {
	r.text("Comment")
	defer r.rest()
	switch {
	case r.has("And"):
		return junction(r.rules("And"), true)
	case r.has("Or"):
		return junction(r.rules("Or"), false)
	case r.has("Not"):
		fields, _ := r.take("Not").(map[string]any)
		below := newReader(fields, r.at+"/Not", r.problems).rule()
		return func(in scope) (bool, error) {
			matched, err := below(in)
			return !matched, err
		}
	}
	return r.comparison()
}

func (r *reader) rules(field string) []func(scope) (bool, error) {
	var rules []func(scope) (bool, error)
	for _, below := range r.objects(field) {
		rules = append(rules, below.rule())
	}
	if len(rules) == 0 {
		r.problem(field, "Value cannot be empty")
	}
	return rules
}

// junction is And when all must match, else Or. It stops at the first rule that decides: a later one may name what is absent.
func junction(rules []func(scope) (bool, error), all bool) func(scope) (bool, error) {
	return func(in scope) (bool, error) {
		for _, matches := range rules {
			matched, err := matches(in)
			if err != nil || matched != all {
				return matched, err
			}
		}
		return all, nil
	}
}

// comparison reads Variable and its one operator.
func (r *reader) comparison() func(scope) (bool, error) {
	r.require("Variable")
	variable := r.pointer("Variable")
	for field := range r.fields {
		if test, ok := typeTests[field]; ok {
			return typeTest(variable, field, test, r.flag(field))
		}
		name, byPath := strings.CutSuffix(field, "Path")
		compare := comparer(name)
		if compare == nil {
			continue
		}
		operand := r.operand(field, byPath)
		return func(in scope) (bool, error) {
			left, err := variable.find(in)
			if err != nil {
				return false, err
			}
			right, err := operand(in)
			return err == nil && compare(left, right), err
		}
	}
	r.problem("", "One comparison operator that is supported is required")
	return nil
}

// operand is what a comparison's field compares with: what its path finds, or its value itself.
func (r *reader) operand(field string, byPath bool) expression {
	if byPath {
		return r.pointer(field).find
	}
	literal := r.take(field)
	return func(scope) (any, error) { return literal, nil }
}

// typeTests are the operators that ask what a variable is.
var typeTests = map[string]func(any) bool{
	"IsPresent":   func(any) bool { return true },
	"IsNull":      func(v any) bool { return v == nil },
	"IsString":    is[string],
	"IsNumeric":   is[json.Number],
	"IsBoolean":   is[bool],
	"IsTimestamp": func(v any) bool { _, ok := timestamp(v); return ok },
}

func is[T any](v any) bool {
	_, ok := v.(T)
	return ok
}

// typeTest compares what test says with want. Only IsPresent may ask about what is absent.
func typeTest(variable *Path, field string, test func(any) bool, want bool) func(scope) (bool, error) {
	return func(in scope) (bool, error) {
		v, err := variable.find(in)
		if err != nil && field == "IsPresent" {
			return !want, nil
		}
		return err == nil && test(v) == want, err
	}
}

// comparer is the operator of that name; nil if there is none. Operands of another type do not match.
func comparer(name string) func(left, right any) bool {
	if name == "BooleanEquals" {
		return func(left, right any) bool { return is[bool](left) && left == right }
	}
	for kind, order := range orders {
		operator, ok := strings.CutPrefix(name, kind)
		accept := operators[operator]
		if !ok || accept == nil {
			continue
		}
		return func(left, right any) bool {
			sign, comparable := order(left, right)
			return comparable && accept(sign)
		}
	}
	return nil
}

var operators = map[string]func(sign int) bool{
	"Equals":            func(sign int) bool { return sign == 0 },
	"LessThan":          func(sign int) bool { return sign < 0 },
	"GreaterThan":       func(sign int) bool { return sign > 0 },
	"LessThanEquals":    func(sign int) bool { return sign <= 0 },
	"GreaterThanEquals": func(sign int) bool { return sign >= 0 },
}

var orders = map[string]func(left, right any) (sign int, comparable bool){
	"String": func(left, right any) (int, bool) {
		a, ok1 := left.(string)
		b, ok2 := right.(string)
		return cmp.Compare(a, b), ok1 && ok2
	},
	"Numeric": func(left, right any) (int, bool) {
		a, ok1 := number(left)
		b, ok2 := number(right)
		return cmp.Compare(a, b), ok1 && ok2
	},
	"Timestamp": func(left, right any) (int, bool) {
		a, ok1 := timestamp(left)
		b, ok2 := timestamp(right)
		return a.Compare(b), ok1 && ok2
	},
}

func number(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

func timestamp(v any) (time.Time, bool) {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339, text)
	return t, err == nil
}
