package iam

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The forms of principals: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
// "You cannot use a wildcard to match part of a principal name or ARN." The unique ID of a principal that was
// deleted (AROA…) is none of them.
var principalForms = map[string]*regexp.Regexp{
	"AWS": regexp.MustCompile(`^(\*|\d{12}|arn:[a-z-]+:iam::\d{12}:(root|(user|role)/[\w+=,.@/-]+)|` +
		`arn:[a-z-]+:sts::\d{12}:(assumed-role/[\w+=,.@-]+/[\w+=,.@-]+|federated-user/[\w+=,.@-]+))$`),
	"Service":       regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$`),
	"Federated":     regexp.MustCompile(`^[\w:/.=+,@-]+$`),
	"CanonicalUser": regexp.MustCompile(`^[0-9a-f]{64}$`),
}

// parsePrincipals: "Principal": "*" and "Principal": {"AWS": "*"} are equivalent.
func parsePrincipals(element string, value any) (Principals, error) {
	if value == "*" {
		return Principals{"*": {"*"}}, nil
	}
	members, ok := value.(object)
	if !ok || len(members) == 0 {
		return nil, fmt.Errorf("%s is neither * nor a JSON object of principals", element)
	}
	principals := Principals{}
	for _, m := range members {
		form, known := principalForms[m.name]
		if !known {
			return nil, fmt.Errorf("%s has no kind %q", element, m.name)
		}
		values, err := texts(element, m.value)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			switch {
			case !form.MatchString(v):
				return nil, fmt.Errorf("%s %s %q is of no known form", element, m.name, v)
			case v == "*":
				principals["*"] = []string{"*"}
			default:
				principals[m.name] = append(principals[m.name], v)
			}
		}
	}
	return principals, nil
}

func (s *Statement) checkPrincipals(kind Kind) error {
	attached := kind == Resource || kind == Trust
	switch {
	case !attached && (s.Principal != nil || s.NotPrincipal != nil):
		return fmt.Errorf("%s has no Principal", kind)
	case attached && (s.Principal == nil) == (s.NotPrincipal == nil):
		return errors.New("it has not exactly one of Principal and NotPrincipal")
	case s.NotPrincipal["*"] != nil:
		return errors.New("NotPrincipal is nobody")
	case kind == Trust && s.NotPrincipal != nil:
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
		return errors.New("a role trust policy has no NotPrincipal")
	case s.NotPrincipal != nil && !s.Deny:
		return errors.New("NotPrincipal must be used with Deny")
	case kind == Trust && s.Principal["CanonicalUser"] != nil:
		return errors.New("a role trust policy has no CanonicalUser")
	case kind == Resource && s.Principal["Federated"] != nil, s.Deny && s.Principal["CanonicalUser"] != nil:
		return errors.New("its principal cannot be judged: no request is known to come from it")
	}
	return nil
}

// grant is how a principal element names who asks. What an Allow then gives differs:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
type grant int

const (
	none    grant = iota
	account       // the account: identity-based policies decide
	role          // the role: it needs no identity-based policy, but a permissions boundary limits it
	direct        // the session, the user, the service itself or everyone: not even a boundary limits it
)

// grant finds the widest. Everyone is AWS services too: that is why policies ask for aws:PrincipalIsAWSService.
func (p Principals) grant(who Principal) grant {
	if p["*"] != nil || slices.Contains(p["Service"], who.Service) {
		return direct
	}
	widest := none
	for _, named := range p["AWS"] {
		widest = max(widest, who.named(named))
	}
	return widest
}

func (p Principal) named(principal string) grant {
	switch {
	case principal == p.Account, segment(principal, 5) == "root" && segment(principal, 4) == p.Account:
		return account
	case principal == p.Role:
		return role
	case principal == p.ARN:
		return direct
	}
	return none
}

// spares says that a Deny with NotPrincipal spares who asks. It must name the account as well, and of an assumed role both
// the role and the session. "The NotPrincipal element with a Deny effect will always deny any IAM principal that has a
// permissions boundary policy attached."
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
func (p Principals) spares(who Principal, bounded bool) bool {
	if who.Service != "" {
		return slices.Contains(p["Service"], who.Service)
	}
	names := func(as grant) bool {
		return slices.ContainsFunc(p["AWS"], func(named string) bool { return who.named(named) == as })
	}
	return !bounded && names(account) && (who.root() || names(direct) && (who.Role == "" || names(role)))
}

// segment is one of the six that colons separate in an ARN, or nothing.
func segment(arn string, n int) string {
	segments := strings.SplitN(arn, ":", 6)
	if len(segments) != 6 {
		return ""
	}
	return segments[n]
}
