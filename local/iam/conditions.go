package iam

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func parseConditions(value any) ([]Condition, error) {
	operators, ok := value.(object)
	if !ok {
		return nil, errors.New("its Condition is not a JSON object")
	}
	var conditions []Condition
	for _, o := range operators {
		keys, ok := o.value.(object)
		if !ok {
			return nil, fmt.Errorf("condition %s is not a JSON object", o.name)
		}
		seen := map[string]bool{}
		for _, k := range keys {
			if seen[strings.ToLower(k.name)] {
				return nil, fmt.Errorf("condition %s has the key %s twice", o.name, k.name)
			}
			seen[strings.ToLower(k.name)] = true
			values, err := conditionValues(k.name, k.value)
			if err != nil {
				return nil, err
			}
			conditions = append(conditions, Condition{Operator: o.name, Key: k.name, Values: values})
		}
	}
	slices.SortFunc(conditions, func(a, b Condition) int {
		return cmp.Or(cmp.Compare(a.Operator, b.Operator), cmp.Compare(a.Key, b.Key))
	})
	return conditions, nil
}

// conditionValues: numbers and booleans may be written without quotes.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func conditionValues(key string, value any) ([]string, error) {
	list, several := value.([]any)
	if !several {
		list = []any{value}
	}
	quoted := make([]any, len(list))
	for i, v := range list {
		switch v := v.(type) {
		case bool:
			quoted[i] = strconv.FormatBool(v)
		case json.Number:
			quoted[i] = v.String()
		default:
			quoted[i] = v
		}
	}
	return texts("condition key "+key, quoted)
}

func (s *Statement) checkCondition(c Condition) error {
	o, err := parseOperator(c.Operator)
	if err != nil {
		return err
	}
	if strings.Contains(c.Key, "${") || !s.knowsKey(c.Key) {
		return fmt.Errorf("condition key %s is neither global nor one of its actions'", c.Key)
	}
	// "For multivalued context keys, you must use" a set operator; what a plain one does with them is not defined:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
	if o.set == "" && o.compare != nil && s.hasMany(c.Key) {
		return fmt.Errorf("condition key %s has many values, and %s compares one: put ForAllValues: or ForAnyValue: before it", c.Key, c.Operator)
	}
	for _, value := range c.Values {
		if err := s.checkValue(o, value); err != nil {
			return fmt.Errorf("condition key %s: %w", c.Key, err)
		}
	}
	return nil
}

// checkValue compares the value with itself.
func (s *Statement) checkValue(o operator, value string) error {
	p := glob(value)
	if s.variables && o.variables() {
		if _, err := pieces(value); err != nil {
			return err
		}
		p = literal(variable.ReplaceAllString(value, "variable"))
	}
	compare := o.compare
	if compare == nil {
		compare = boolean // Null
	}
	if o.name == "IpAddress" {
		value, _, _ = strings.Cut(value, "/") // a range is compared with its first address
	}
	_, err := compare(value, p)
	return err
}

func (s *Statement) knowsKey(key string) bool {
	if global(key) {
		return true
	}
	return slices.ContainsFunc(s.actions(), func(name string) bool { return reference()[name].hasKey(key) })
}

func (s *Statement) hasMany(key string) bool {
	return slices.ContainsFunc(s.actions(), func(name string) bool { return hasKey(reference()[name].Many, key) })
}

// hasKey says that the reference knows the key for the action or for a type of its resources.
func (a Action) hasKey(key string) bool {
	return hasKey(a.Keys, key) || slices.ContainsFunc(a.Resources, func(t ResourceType) bool { return hasKey(t.Keys, key) })
}

// hasKey finds a key in any case; aws:ResourceTag/${TagKey} is the whole family.
func hasKey(keys []string, key string) bool {
	return slices.ContainsFunc(keys, func(known string) bool {
		prefix, rest, isFamily := strings.Cut(known, "${")
		if !isFamily {
			return strings.EqualFold(known, key)
		}
		_, suffix, _ := strings.Cut(rest, "}")
		end := len(key) - len(suffix)
		return end > len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) && strings.EqualFold(key[end:], suffix)
	})
}

// holds judges one condition. "If the key that you specify in a policy condition is not present in the request context, the
// values do not match and the condition is false. If the policy condition requires that the key is not matched, the
// condition is true." https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func (s Statement) holds(c Condition, q question) (bool, error) {
	o, err := parseOperator(c.Operator)
	if err != nil {
		return false, err
	}
	actual, err := q.values(c.Key)
	if err != nil {
		return false, err
	}
	wanted, err := s.wanted(c, q.context)
	switch {
	case err != nil:
		return false, err
	case o.compare == nil: // Null
		return slices.ContainsFunc(wanted, func(w pattern) bool { return strings.EqualFold(w.text(), "true") == (len(actual) == 0) }), nil
	case len(actual) == 0 && o.ifExists:
		return true, nil
	case o.set != "":
		return o.holdsForSet(actual, wanted)
	case len(actual) == 0:
		return o.inverted, nil
	case len(actual) > 1:
		return false, fmt.Errorf("condition key %s has several values, and %s compares one", c.Key, c.Operator)
	}
	return o.matches(actual[0], wanted)
}

// wanted are the values of the condition without those that name a variable without a value. That only operators of strings
// and ARNs have variables was checked when the policy was read.
func (s Statement) wanted(c Condition, context Context) ([]pattern, error) {
	var wanted []pattern
	for _, value := range c.Values {
		p, found, err := s.resolve(value, context)
		if err != nil {
			return nil, err
		}
		if found {
			wanted = append(wanted, p)
		}
	}
	return wanted, nil
}

// holdsForSet: ForAllValues "also returns true if there are no context keys in the request, or if the context key value
// resolves to a null dataset, such as an empty string"; ForAnyValue then is false.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func (o operator) holdsForSet(actual []string, wanted []pattern) (bool, error) {
	all, some := true, false
	for _, value := range actual {
		if value == "" {
			continue
		}
		matched, err := o.matches(value, wanted)
		if err != nil {
			return false, err
		}
		all, some = all && matched, some || matched
	}
	if o.set == "ForAllValues" {
		return all, nil
	}
	return some, nil
}

// matches compares one value of the request with the policy's: one must match (OR), or with a Not none may (NOR).
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
func (o operator) matches(actual string, wanted []pattern) (bool, error) {
	matched := false
	for _, w := range wanted {
		one, err := o.compare(actual, w)
		if err != nil {
			return false, err
		}
		matched = matched || one
	}
	return matched != o.inverted, nil
}
