package iam

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// question is a request that can be judged.
type question struct {
	Request
	action  Action
	keys    []string // the service's own condition keys that such a request can have
	context Context  // with its keys in lower case
	bounded bool     // who asks has a permissions boundary
}

// Evaluate decides about a request. The error names what cannot be judged, and the statement that asks for it.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func Evaluate(r Request, p Policies) (Decision, error) {
	d, err := evaluate(r, p)
	if err != nil {
		return Decision{}, fmt.Errorf("evaluate %s on %s: %w", r.Action, r.Resource, err)
	}
	return d, nil
}

func evaluate(r Request, p Policies) (Decision, error) {
	q, err := r.question()
	if err != nil {
		return Decision{}, err
	}
	if err := p.check(); err != nil {
		return Decision{}, err
	}
	q.bounded = p.Boundary != nil && !r.Principal.root()
	v, err := q.ask(p)
	if err != nil {
		return Decision{}, err
	}
	d := Decision{Allows: slices.Concat(v.identity.allows, v.resource.allows), Denies: v.denies()}
	d.Reason = v.refusal(q, p)
	d.Allowed = d.Reason == ""
	return d, nil
}

func (r Request) question() (question, error) {
	action, known := Lookup(r.Action)
	if !known {
		return question{}, errors.New("the reference has no such action")
	}
	q := question{Request: r, action: action, keys: action.Keys}
	switch t, ok := action.ResourceType(r.Resource); {
	case ok:
		q.keys = slices.Concat(q.keys, t.Keys)
	case r.Resource != "*":
		return question{}, errors.New("the resource is of none of the action's types")
	case len(action.Resources) > 0 && !r.Everywhere:
		return question{}, errors.New("the action is asked for a resource of a type")
	}
	if err := r.Principal.check(); err != nil {
		return question{}, err
	}
	context, err := r.Context.fold()
	q.context = context
	return q, err
}

func (p Principal) check() error {
	if p.Service != "" {
		if p.Account != "" || p.ARN != "" || p.Role != "" {
			return errors.New("the principal is a service and an account's")
		}
		return nil
	}
	session := strings.HasPrefix(segment(p.ARN, 5), "assumed-role/")
	switch {
	case !session && !p.root() && !strings.HasPrefix(segment(p.ARN, 5), "user/"):
		return fmt.Errorf("the principal %q is no session, user or root", p.ARN)
	case p.Account == "" || segment(p.ARN, 4) != p.Account:
		return fmt.Errorf("the principal %q is not account %q's", p.ARN, p.Account)
	case session != (p.Role != ""), p.Role != "" && segment(p.Role, 4) != p.Account:
		return fmt.Errorf("the principal %q does not go with the role %q", p.ARN, p.Role)
	}
	return nil
}

// check finds policies that are attached to what they are not for: nil stands for one that could not be read.
func (p Policies) check() error {
	for _, policy := range p.Identity {
		if policy == nil || policy.Kind != Identity {
			return errors.New("an identity-based policy is none")
		}
	}
	switch {
	case p.Boundary != nil && p.Boundary.Kind != Boundary:
		return fmt.Errorf("%s is no permissions boundary", p.Boundary.Name)
	case p.Resource != nil && p.Resource.Kind != Resource && p.Resource.Kind != Trust:
		return fmt.Errorf("%s is no resource-based policy", p.Resource.Name)
	}
	return nil
}

// values reads a condition key. A key of a service that the reference does not have for this action and resource is absent.
func (q question) values(key string) ([]string, error) {
	values, err := q.context.values(key)
	if err != nil && !global(key) && !hasKey(q.keys, key) {
		return nil, nil
	}
	return values, err
}

// matches says whether a statement is about the request, and as what it names who asks. All its conditions must hold: "if
// your policy has multiple condition operators or multiple keys, the conditions are evaluated using a logical AND".
func (q question) matches(s Statement) (grant, error) {
	if !s.actionCover()(strings.ToLower(q.Action)) {
		return none, nil
	}
	as := s.names(q)
	if as == none {
		return none, nil
	}
	if s.Resource != nil || s.NotResource != nil {
		covered, err := s.coversResource(q.Resource, q.context)
		if err != nil || !covered {
			return none, err
		}
	}
	for _, c := range s.Condition {
		holds, err := s.holds(c, q)
		if err != nil {
			return none, err
		}
		if !holds {
			as = none // and the other keys must be modelled as well
		}
	}
	return as, nil
}

// names: an identity-based policy names whom it is attached to.
func (s Statement) names(q question) grant {
	switch {
	case s.Principal != nil:
		return s.Principal.grant(q.Principal)
	case s.NotPrincipal != nil && s.NotPrincipal.spares(q.Principal, q.bounded):
		return none
	}
	return direct
}
