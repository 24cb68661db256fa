package delivery

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
)

// request is a service's wish to act on a resource, as the resource's policy judges it.
type request struct {
	principal, action, resource string
	sourceARN, sourceAccount    string
}

// allow is nil if the policy allows r, else an AccessDeniedException that names the reason. Across accounts too the resource's
// policy decides alone: a service principal belongs to none.
func allow(policy string, r request) error {
	denied := func(reason string) error {
		return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: fmt.Sprintf(
			"%s (source %s) is not authorized to perform %s on %s: %s", r.principal, r.sourceARN, r.action, r.resource, reason)}
	}
	if policy == "" {
		return denied("the resource has no policy")
	}
	var document struct{ Statement list[statement] }
	if err := json.Unmarshal([]byte(policy), &document); err != nil {
		return denied("its policy cannot be read: " + err.Error())
	}
	allowed := false
	for _, s := range document.Statement {
		matched, err := s.matches(r)
		switch {
		case err != nil:
			return denied(err.Error())
		case matched && s.Effect == "Deny":
			return denied("statement " + s.Sid + " denies it")
		case matched:
			allowed = true
		}
	}
	if !allowed {
		return denied("no statement of its policy allows it")
	}
	return nil
}

// statement is one statement of a resource-based policy.
type statement struct {
	Sid, Effect string
	Principal   principal
	Action      list[string]
	Resource    list[string]
	Condition   map[string]map[string]list[string]
}

// list is what a policy writes as one element or as several.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(text []byte) error {
	var several []T
	if json.Unmarshal(text, &several) == nil {
		*l = several
		return nil
	}
	var one T
	if err := json.Unmarshal(text, &one); err != nil {
		return err
	}
	*l = list[T]{one}
	return nil
}

// principal is "*", or principals by their kind.
type principal map[string]list[string]

func (p *principal) UnmarshalJSON(text []byte) error {
	if string(text) == `"*"` {
		*p = principal{"Service": {"*"}}
		return nil
	}
	byKind := map[string]list[string]{}
	if err := json.Unmarshal(text, &byKind); err != nil {
		return err
	}
	*p = byKind
	return nil
}

// matches says whether the statement speaks about r. What it says in a way that is not modelled is an error.
func (s statement) matches(r request) (bool, error) {
	if len(s.Action) == 0 {
		return false, fmt.Errorf("statement %s has no Action", s.Sid)
	}
	if !anyLike(s.Principal["Service"], r.principal) || !anyLike(lower(s.Action), strings.ToLower(r.action)) || !anyLike(s.Resource, r.resource) {
		return false, nil
	}
	for operator, keys := range s.Condition {
		for key, values := range keys {
			met, err := condition(operator, key, values, r)
			if err != nil || !met {
				return false, err
			}
		}
	}
	return true, nil
}

func condition(operator, key string, values []string, r request) (bool, error) {
	var actual string
	switch strings.ToLower(key) {
	case "aws:sourcearn":
		actual = r.sourceARN
	case "aws:sourceaccount":
		actual = r.sourceAccount
	case "aws:principalservicename":
		actual = r.principal
	default:
		return false, nil // a key that a service's request does not carry: its condition is not met
	}
	switch operator {
	case "StringEquals":
		return slices.Contains(values, actual), nil
	case "StringLike", "ArnLike", "ArnEquals": // ArnEquals and ArnLike behave the same
		return anyLike(values, actual), nil
	}
	return false, fmt.Errorf("condition operator %s is not modelled", operator)
}

func lower(texts []string) []string {
	lowered := make([]string, len(texts))
	for i, text := range texts {
		lowered[i] = strings.ToLower(text)
	}
	return lowered
}

// anyLike matches text with patterns of * and ?.
func anyLike(patterns []string, text string) bool {
	// path.Match knows [ as well, and its * stops at a slash.
	plain := strings.NewReplacer("/", "\x00", "[", `\[`, `\`, `\\`)
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, err := path.Match(plain.Replace(pattern), strings.ReplaceAll(text, "/", "\x00"))
		return err == nil && matched
	})
}
