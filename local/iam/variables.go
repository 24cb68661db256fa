package iam

import (
	"fmt"
	"strings"
)

// Policy variables: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
//
// "Policy variables were introduced in version 2012-10-17; previous versions take them as literal strings". Any context key
// with one value may be a variable; these are the ones that are modelled.
func modelledVariable(name string) bool {
	switch strings.ToLower(name) {
	case "aws:principalaccount", "aws:principalarn", "aws:resourceaccount", "aws:userid", "aws:username":
		return true
	}
	tag, isTag := strings.CutPrefix(strings.ToLower(name), "aws:principaltag/")
	return isTag && tag != ""
}

// piece is a part of a value in a policy: text, or a variable.
type piece struct {
	text, variable, otherwise string
	literal                   bool // text is ${*}, ${?} or ${$}, which stand for the character
	hasDefault                bool // ${aws:username, 'otherwise'}
}

// pieces cuts a value at its variables.
func pieces(value string) ([]piece, error) {
	var cut []piece
	for {
		before, after, found := strings.Cut(value, "${")
		cut = append(cut, piece{text: before})
		if !found {
			return cut, nil
		}
		inside, rest, closed := strings.Cut(after, "}")
		if !closed {
			return nil, fmt.Errorf("the policy variable ${%s is not closed", after)
		}
		p, err := readVariable(inside)
		if err != nil {
			return nil, err
		}
		cut, value = append(cut, p), rest
	}
}

func readVariable(inside string) (piece, error) {
	if inside == "*" || inside == "?" || inside == "$" {
		return piece{text: inside, literal: true}, nil
	}
	name, otherwise, hasDefault := strings.Cut(inside, ",")
	otherwise = strings.TrimSpace(otherwise)
	if strings.Contains(name, " ") || !modelledVariable(name) { // "A space is not supported within the policy variable text."
		return piece{}, fmt.Errorf("policy variable ${%s} is not modelled", inside)
	}
	quoted := len(otherwise) >= 2 && otherwise[0] == '\'' && otherwise[len(otherwise)-1] == '\''
	if hasDefault && (!quoted || strings.ContainsAny(otherwise[1:len(otherwise)-1], "'$*?")) {
		return piece{}, fmt.Errorf("policy variable ${%s} has no default value in single quotes", inside)
	}
	return piece{variable: name, otherwise: strings.Trim(otherwise, "'"), hasDefault: hasDefault}, nil
}

// resolve makes a pattern of a value. A variable without a value is no pattern: "the resource that includes a policy
// variable with no value will not match any resource", and no value of a condition key equals it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-no-value
func (s Statement) resolve(value string, c Context) (resolved pattern, found bool, err error) {
	if !s.variables {
		return glob(value), true, nil
	}
	cut, err := pieces(value)
	if err != nil {
		return nil, false, err
	}
	for _, p := range cut {
		part, found, err := p.resolve(c)
		if err != nil || !found {
			return nil, false, err
		}
		resolved = append(resolved, part...)
	}
	return resolved, true, nil
}

func (p piece) resolve(c Context) (pattern, bool, error) {
	switch {
	case p.literal:
		return literal(p.text), true, nil
	case p.variable == "":
		return glob(p.text), true, nil
	}
	values, err := c.values(p.variable)
	switch {
	case err != nil:
		return nil, false, err
	case len(values) > 1:
		return nil, false, fmt.Errorf("policy variable ${%s} has several values", p.variable)
	case len(values) == 1 && values[0] != "":
		return literal(values[0]), true, nil
	}
	return literal(p.otherwise), p.hasDefault, nil
}
