package iam

import (
	"cmp"
	"fmt"
	"slices"
)

// answer is what one kind of policy says.
type answer struct {
	allows, denies []Statement
	widest         grant // of the Allow statements
}

type verdict struct{ identity, boundary, resource answer }

// ask matches the statements of all policies. An account's root has no identity-based policies and no
// boundary, and no service has.
func (q question) ask(p Policies) (verdict, error) {
	var v verdict
	err := v.resource.add(q, p.Resource)
	if !q.Principal.root() && q.Principal.Service == "" {
		err = cmp.Or(err, v.identity.add(q, p.Identity...), v.boundary.add(q, p.Boundary))
	}
	return v, err
}

func (a *answer) add(q question, policies ...*Policy) error {
	var statements []Statement
	for _, p := range policies {
		if p != nil {
			statements = append(statements, p.Statements...)
		}
	}
	for _, s := range statements {
		as, err := q.matches(s)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", s, err)
		case as == none:
		case s.Deny:
			a.denies = append(a.denies, s)
		default:
			a.allows = append(a.allows, s)
			a.widest = max(a.widest, as)
		}
	}
	return nil
}

func (v verdict) denies() []Statement {
	return slices.Concat(v.identity.denies, v.resource.denies, v.boundary.denies)
}

// refusal is why the request is refused, in the words of AWS's access denied messages, or nothing.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (v verdict) refusal(q question, p Policies) string {
	attached := Resource
	if p.Resource != nil {
		attached = p.Resource.Kind
	}
	switch {
	case len(v.identity.denies) > 0:
		return "with an explicit deny in an identity-based policy"
	case len(v.resource.denies) > 0 && attached == Trust:
		return "with an explicit deny in the role trust policy"
	case len(v.resource.denies) > 0:
		return "with an explicit deny in a resource-based policy"
	case len(v.boundary.denies) > 0:
		return "with an explicit deny in a permissions boundary"
	}
	if missing, kind := v.missing(q, attached, p.Sole || attached == Trust); missing {
		return fmt.Sprintf("because no %s allows the %s action", kind, q.Action)
	}
	return ""
}

// missing finds the kind of policy that had to allow and does not.
//
// Within an account: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
// Across accounts: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
func (v verdict) missing(q question, attached Kind, sole bool) (bool, Kind) {
	identityAllows := len(v.identity.allows) > 0 || q.Principal.root()
	switch {
	case q.Principal.Service != "":
		return v.resource.widest == none, attached
	case q.crossAccount():
		if v.resource.widest == none {
			return true, attached
		}
	case v.resource.widest == direct:
		return false, attached
	case v.resource.widest == role:
		identityAllows = true
	case sole && v.resource.widest == none:
		return true, attached
	}
	if !identityAllows {
		return true, Identity
	}
	return q.bounded && len(v.boundary.allows) == 0, Boundary
}

// crossAccount: the account that owns a resource is in its ARN or, as for a bucket, in the context. Of a resource that
// neither tells (an image, a snapshot) the principal's account decides alone.
func (q question) crossAccount() bool {
	owner := segment(q.Resource, 4)
	if owner == "" {
		if values := q.context["aws:resourceaccount"]; len(values) == 1 {
			owner = values[0]
		}
	}
	return owner != "" && owner != "aws" && owner != q.Principal.Account
}
