package preflight

import (
	"encoding/json"
	"slices"
	"strings"
)

// policy is as much of a policy document as says which service may do what.
type policy struct {
	Statement list[statement]
}

type statement struct {
	Effect    string
	Principal struct{ Service list[string] }
	Action    list[string]
}

// UnmarshalJSON takes "*" for a principal too, which is no service in particular.
func (s *statement) UnmarshalJSON(text []byte) error {
	var read struct {
		Effect    string
		Principal json.RawMessage
		Action    list[string]
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	s.Effect, s.Action = read.Effect, read.Action
	if len(read.Principal) == 0 || read.Principal[0] != '{' {
		return nil
	}
	return json.Unmarshal(read.Principal, &s.Principal)
}

// list is how a policy writes one thing or several.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]T)(l))
	}
	var one T
	if err := json.Unmarshal(text, &one); err != nil {
		return err
	}
	*l = list[T]{one}
	return nil
}

// lets says whether a policy lets a service do something, leaving conditions aside.
func lets(document, service, action string) (bool, error) {
	var p policy
	if err := json.Unmarshal([]byte(document), &p); err != nil {
		return false, err
	}
	return slices.ContainsFunc(p.Statement, func(s statement) bool {
		return s.Effect == "Allow" && slices.Contains(s.Principal.Service, service) &&
			slices.ContainsFunc(s.Action, func(pattern string) bool { return covers(pattern, action) })
	}), nil
}

// covers says whether an action of a policy, which may end in a star, is the one. IAM does not mind case.
func covers(pattern, action string) bool {
	pattern, action = strings.ToLower(pattern), strings.ToLower(action)
	if prefix, star := strings.CutSuffix(pattern, "*"); star {
		return strings.HasPrefix(action, prefix)
	}
	return pattern == action
}
