package iam

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Parse reads a policy. It refuses what IAM refuses, and what Evaluate could not judge: an operator, a condition key, an
// action, a form of principal or a policy variable that this package does not know. The error names the policy and the
// statement.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func Parse(kind Kind, name, document string) (*Policy, error) {
	p, err := parse(kind, name, document)
	if err != nil {
		return nil, fmt.Errorf("read policy %s: %w", name, err)
	}
	return p, nil
}

// IAM's own documents have this alphabet; those of other services do not.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
var alphabet = regexp.MustCompile(`^[\x{09}\x{0A}\x{0D}\x{20}-\x{FF}]+$`)

func parse(kind Kind, name, document string) (*Policy, error) {
	value, err := decode(document)
	if err != nil {
		return nil, err
	}
	members, ok := value.(object)
	switch {
	case !ok:
		return nil, errors.New("it is not a JSON object")
	case kind != Resource && !alphabet.MatchString(document):
		return nil, errors.New("it has characters beyond Latin-1")
	}
	// "If you do not include a Version element, the value defaults to 2008-10-17."
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
	p, version, statements := &Policy{Name: name, Kind: kind}, "2008-10-17", any(nil)
	for _, m := range members {
		switch {
		case m.name == "Version":
			version, err = text(m.name, m.value)
		case m.name == "Statement":
			statements = m.value
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_id.html
		case m.name == "Id" && (kind == Resource || kind == Trust):
			_, err = text(m.name, m.value)
		default:
			err = fmt.Errorf("it has an element %q", m.name)
		}
		if err != nil {
			return nil, err
		}
	}
	if version != "2012-10-17" && version != "2008-10-17" {
		return nil, fmt.Errorf("there is no version %q", version)
	}
	return p, p.parseStatements(statements, version == "2012-10-17")
}

func (p *Policy) parseStatements(value any, variables bool) error {
	list, several := value.([]any)
	if !several && value != nil {
		list = []any{value}
	}
	if len(list) == 0 {
		return errors.New("it has no Statement")
	}
	sids := map[string]bool{}
	for i, value := range list {
		s := Statement{Policy: p.Name, N: i + 1, variables: variables}
		if err := s.parse(p.Kind, value); err != nil {
			return fmt.Errorf("%s: %w", s.label(), err)
		}
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
		if s.Sid != "" && sids[s.Sid] {
			return fmt.Errorf("%s: another statement has its Sid", s.label())
		}
		sids[s.Sid] = true
		p.Statements = append(p.Statements, s)
	}
	return nil
}

// label names the statement within its policy.
func (s Statement) label() string { return strings.TrimPrefix(s.String(), s.Policy+" ") }

func (s *Statement) parse(kind Kind, value any) error {
	members, ok := value.(object)
	if !ok {
		return errors.New("it is not a JSON object")
	}
	effect := ""
	for _, m := range members {
		if err := s.parseElement(m, &effect); err != nil {
			return err
		}
	}
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_effect.html
	if effect != "Allow" && effect != "Deny" {
		return fmt.Errorf("its Effect is %q, not Allow or Deny", effect)
	}
	s.Deny = effect == "Deny"
	return s.check(kind)
}

func (s *Statement) parseElement(m member, effect *string) (err error) {
	switch m.name {
	case "Sid":
		s.Sid, err = text(m.name, m.value)
	case "Effect":
		*effect, err = text(m.name, m.value)
	case "Principal":
		s.Principal, err = parsePrincipals(m.name, m.value)
	case "NotPrincipal":
		s.NotPrincipal, err = parsePrincipals(m.name, m.value)
	case "Action":
		s.Action, err = texts(m.name, m.value)
	case "NotAction":
		s.NotAction, err = texts(m.name, m.value)
	case "Resource":
		s.Resource, err = texts(m.name, m.value)
	case "NotResource":
		s.NotResource, err = texts(m.name, m.value)
	case "Condition":
		s.Condition, err = parseConditions(m.value)
	default:
		err = fmt.Errorf("it has an element %q", m.name)
	}
	return err
}

var plainSid = regexp.MustCompile(`^[A-Za-z0-9]*$`)

// check refuses what a statement of this kind of policy cannot say.
func (s *Statement) check(kind Kind) error {
	switch {
	case kind != Resource && !plainSid.MatchString(s.Sid):
		return errors.New("its Sid has other characters than letters and digits")
	case (s.Action == nil) == (s.NotAction == nil):
		return errors.New("it has not exactly one of Action and NotAction")
	case kind == Trust && (s.Resource != nil || s.NotResource != nil):
		return errors.New("a role trust policy has no Resource")
	case kind != Trust && (s.Resource == nil) == (s.NotResource == nil):
		return errors.New("it has not exactly one of Resource and NotResource")
	}
	if err := s.checkPrincipals(kind); err != nil {
		return err
	}
	if err := s.checkActions(kind); err != nil {
		return err
	}
	for _, resources := range [][]string{s.Resource, s.NotResource} {
		for i, r := range resources {
			complete, err := s.completed(kind, r)
			if err != nil {
				return err
			}
			resources[i] = complete
		}
	}
	for _, c := range s.Condition {
		if err := s.checkCondition(c); err != nil {
			return err
		}
	}
	return nil
}
