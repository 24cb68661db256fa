package iam

import "fmt"

// answer is what one kind of policy says.
type answer struct {
	allows, denies []Statement
	widest         grant // of the Allow statements
	delegates      bool  // one of them allows the account
}

type verdict struct{ identity, boundary, resource answer }

// ask matches the statements of all policies. An account's root has no identity-based policies and no boundary, and no service
// has.
func (q question) ask(p Policies) (verdict, error) {
	var v verdict
	policies := func(list ...*Policy) []*Policy { return list }
	for _, one := range []struct {
		into     *answer
		policies []*Policy
	}{{&v.identity, p.Identity}, {&v.boundary, policies(p.Boundary)}, {&v.resource, policies(p.Resource)}} {
		if one.into != &v.resource && (q.Principal.root() || q.Principal.Service != "") {
			continue
		}
		for _, policy := range one.policies {
			if err := one.into.add(q, policy); err != nil {
				return verdict{}, err
			}
		}
	}
	return v, nil
}

func (a *answer) add(q question, p *Policy) error {
	if p == nil {
		return nil
	}
	for _, s := range p.Statements {
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
			a.delegates = a.delegates || as == account
		}
	}
	return nil
}

func (v verdict) denies() []Statement {
	return append(append(append([]Statement(nil), v.identity.denies...), v.resource.denies...), v.boundary.denies...)
}

// refusal is why the request is refused, in the words of AWS's access denied messages, or nothing.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (v verdict) refusal(q question, p Policies) string {
	resourceKind := Resource
	if p.Resource != nil {
		resourceKind = p.Resource.Kind
	}
	missing := func(kind Kind) string { return fmt.Sprintf("because no %s allows the %s action", kind, q.Action) }
	switch {
	case len(v.identity.denies) > 0:
		return "with an explicit deny in an identity-based policy"
	case len(v.resource.denies) > 0 && resourceKind == Trust:
		return "with an explicit deny in the role trust policy"
	case len(v.resource.denies) > 0:
		return "with an explicit deny in a resource-based policy"
	case len(v.boundary.denies) > 0:
		return "with an explicit deny in a permissions boundary"
	}
	identityAllows := len(v.identity.allows) > 0 || q.Principal.root()
	within := p.Boundary == nil || len(v.boundary.allows) > 0 || q.Principal.root()
	switch {
	case q.Principal.Service != "" || q.crossAccount():
		switch {
		case v.resource.widest == none:
			return missing(resourceKind)
		case q.Principal.Service != "":
			return ""
		}
	case v.resource.widest == direct:
		return ""
	case v.resource.widest == role:
		identityAllows = true
	case p.Sole && !v.resource.delegates:
		return missing(resourceKind)
	}
	switch {
	case !identityAllows:
		return missing(Identity)
	case !within:
		return missing(Boundary)
	}
	return ""
}

// crossAccount: the account that owns a resource is in its ARN or, as for a bucket, in the context. Of a resource that neither
// tells (an image, a snapshot) the principal's account decides alone.
func (q question) crossAccount() bool {
	owner := segment(q.Resource, 4)
	if owner == "" {
		if values := q.context["aws:resourceaccount"]; len(values) == 1 {
			owner = values[0]
		}
	}
	return owner != "" && owner != "aws" && owner != q.Principal.Account
}
