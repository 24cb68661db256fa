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
	var patterns []pattern
	for _, written := range slices.Concat(s.Action, s.NotAction) {
		patterns = append(patterns, glob(strings.ToLower(written)))
	}
	return func(name string) bool {
		covered := slices.ContainsFunc(patterns, func(p pattern) bool { return p.matches(name) })
		return covered == (s.NotAction == nil)
	}
}

// checkResource: "Resource must be in ARN format or *", and "you can't use a wildcard in the service segment".
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
func (s *Statement) checkResource(resource string) error {
	if s.variables {
		if _, err := pieces(resource); err != nil {
			return err
		}
	}
	if resource == "*" {
		return nil
	}
	segments := glob(variable.ReplaceAllString(resource, "variable")).segments()
	if len(segments) != 6 || segments[0].text() != "arn" || segments[1].text() == "" || segments[2].text() == "" {
		return fmt.Errorf("resource %q is neither an ARN nor *", resource)
	}
	if slices.ContainsFunc(segments[2], func(g glyph) bool { return g.wild }) {
		return fmt.Errorf("resource %q has a wildcard for its service", resource)
	}
	return nil
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
