package iam

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// "Actions/Conditions must be prefaced by a vendor": a wildcard cannot stand for the service.
var actionForm = regexp.MustCompile(`^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$`)

// assuming are all that a role trust policy may speak of: "AssumeRole policy may only specify STS AssumeRole actions".
var assuming = []string{
	"sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:setcontext", "sts:setsourceidentity", "sts:tagsession",
}

func (s *Statement) checkActions(kind Kind) error {
	if kind == Trust && s.NotAction != nil {
		return errors.New("a role trust policy has no NotAction")
	}
	for _, pattern := range slices.Concat(s.Action, s.NotAction) {
		if !actionForm.MatchString(pattern) {
			return fmt.Errorf("%q is not an action", pattern)
		}
		covered := Expand(pattern)
		if len(covered) == 0 {
			return fmt.Errorf("the reference has no action %s", pattern)
		}
		if kind == Trust && slices.ContainsFunc(covered, func(action string) bool { return !slices.Contains(assuming, action) }) {
			return fmt.Errorf("a role trust policy cannot speak of %s", pattern)
		}
	}
	return nil
}

// actions are those that the statement is about.
func (s *Statement) actions() []string {
	covers := s.actionCover()
	return slices.DeleteFunc(slices.Clone(names()), func(name string) bool { return !covers(name) })
}

// actionCover judges names of actions, which have no case, in lower case.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
func (s *Statement) actionCover() func(name string) bool {
	var patterns []string
	for _, written := range slices.Concat(s.Action, s.NotAction) {
		patterns = append(patterns, strings.ToLower(written))
	}
	return func(name string) bool {
		covered := slices.ContainsFunc(patterns, func(p string) bool { return Like(p, name) })
		return covered == (s.NotAction == nil)
	}
}

// completed checks a resource: "Resource must be in ARN format or *", and "you can't use a wildcard in the service segment".
// "When you specify an incomplete ARN (one with fewer than the standard six fields) in an identity-based policy, AWS
// automatically completes the ARN by adding wildcard characters (*) to all missing fields." A variable before the resource
// is refused here: AWS takes the document, and the statement is then about nothing.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-resourceelement
func (s *Statement) completed(kind Kind, resource string) (string, error) {
	if s.variables {
		if _, err := pieces(resource); err != nil {
			return "", err
		}
	}
	if resource == "*" {
		return resource, nil
	}
	fields := strings.SplitN(variable.ReplaceAllString(resource, "$$"), ":", 6) // a variable has a colon of its own
	missing := 6 - len(fields)
	switch {
	case len(fields) < 3, fields[0] != "arn", fields[1] == "", fields[2] == "", missing > 0 && kind == Resource:
		return "", fmt.Errorf("resource %q is neither an ARN nor *", resource)
	case strings.ContainsAny(fields[2], "*?"):
		return "", fmt.Errorf("resource %q has a wildcard for its service", resource)
	case s.variables && strings.Contains(strings.Join(fields[:min(len(fields), 5)], ""), "$"):
		return "", fmt.Errorf("resource %q has a policy variable before its fifth colon", resource)
	}
	return resource + strings.Repeat(":*", missing), nil
}

// coversResource: an action without types of resource is allowed or denied only for all resources. Its * is like no ARN.
func (s *Statement) coversResource(resource string, c Context) (bool, error) {
	patterns, not := s.Resource, false
	if s.NotResource != nil {
		patterns, not = s.NotResource, true
	}
	for _, value := range patterns {
		p, found, err := s.resolve(value, c)
		if err != nil {
			return false, err
		}
		if found && (p.all() || p.matchesARN(resource)) {
			return !not, nil
		}
	}
	return not, nil
}
