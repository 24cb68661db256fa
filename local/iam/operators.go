package iam

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// comparison is what an operator does with one value of the request and one of the policy. It is wrong about a value that is
// not of its type: in a policy that is found by comparing the value with itself.
type comparison func(actual string, wanted pattern) (bool, error)

// comparisons are the operators without ForAllValues:, ForAnyValue:, Not and IfExists.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var comparisons = map[string]comparison{
	"StringEquals": func(actual string, wanted pattern) (bool, error) { return actual == wanted.text(), nil },
	"StringEqualsIgnoreCase": func(actual string, wanted pattern) (bool, error) {
		return strings.EqualFold(actual, wanted.text()), nil
	},
	"StringLike":               func(actual string, wanted pattern) (bool, error) { return wanted.matches(actual), nil },
	"NumericEquals":            numeric(func(actual, wanted float64) bool { return actual == wanted }),
	"NumericLessThan":          numeric(func(actual, wanted float64) bool { return actual < wanted }),
	"NumericLessThanEquals":    numeric(func(actual, wanted float64) bool { return actual <= wanted }),
	"NumericGreaterThan":       numeric(func(actual, wanted float64) bool { return actual > wanted }),
	"NumericGreaterThanEquals": numeric(func(actual, wanted float64) bool { return actual >= wanted }),
	"DateEquals":               date(func(order int) bool { return order == 0 }),
	"DateLessThan":             date(func(order int) bool { return order < 0 }),
	"DateLessThanEquals":       date(func(order int) bool { return order <= 0 }),
	"DateGreaterThan":          date(func(order int) bool { return order > 0 }),
	"DateGreaterThanEquals":    date(func(order int) bool { return order >= 0 }),
	"Bool":                     boolean,
	"BinaryEquals":             binary,
	"IpAddress":                address,
	"ArnEquals":                likeARN, // "ArnEquals and ArnLike behave identically"
	"ArnLike":                  likeARN,
}

// inversions are the operators that hold if no value of the policy matches.
var inversions = map[string]string{
	"StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase", "StringNotLike": "StringLike",
	"NumericNotEquals": "NumericEquals", "DateNotEquals": "DateEquals", "NotIpAddress": "IpAddress",
	"ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike",
}

// operator is a condition operator, taken apart.
type operator struct {
	set      string // ForAllValues, ForAnyValue
	name     string // without Not
	compare  comparison
	inverted bool
	ifExists bool
}

func parseOperator(text string) (operator, error) {
	set, name, isSet := strings.Cut(text, ":")
	if !isSet {
		set, name = "", text
	}
	o := operator{set: set}
	// "You can add IfExists to the end of any condition operator name except the Null condition."
	name, o.ifExists = strings.CutSuffix(name, "IfExists")
	o.name = name
	if plain, ok := inversions[name]; ok {
		o.name, o.inverted = plain, true
	}
	o.compare = comparisons[o.name]
	null := name == "Null" && !isSet && !o.ifExists
	if o.compare == nil && !null || isSet && set != "ForAllValues" && set != "ForAnyValue" {
		return operator{}, fmt.Errorf("there is no condition operator %s", text)
	}
	return o, nil
}

// variables may stand "for string operators or ARN operators".
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-conditionelement
func (o operator) variables() bool {
	return strings.HasPrefix(o.name, "String") || strings.HasPrefix(o.name, "Arn")
}

var decimal = regexp.MustCompile(`^[-+]?[0-9]+(\.[0-9]+)?$`)

func numeric(holds func(actual, wanted float64) bool) comparison {
	number := func(text string) (float64, error) {
		if !decimal.MatchString(text) {
			return 0, fmt.Errorf("%q is not a number", text)
		}
		return strconv.ParseFloat(text, 64)
	}
	return func(actual string, wanted pattern) (bool, error) {
		w, err := number(wanted.text())
		if err != nil {
			return false, err
		}
		a, err := number(actual)
		return err == nil && holds(a, w), err
	}
}

func date(holds func(order int) bool) comparison {
	return func(actual string, wanted pattern) (bool, error) {
		w, err := instant(wanted.text())
		if err != nil {
			return false, err
		}
		a, err := instant(actual)
		return err == nil && holds(a.Compare(w)), err
	}
}

// instant reads "one of the W3C implementations of the ISO 8601 date formats or epoch (UNIX) time".
func instant(text string) (time.Time, error) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) > len("2026") {
		return time.Unix(seconds, 0), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly, "2006-01", "2006"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date", text)
}

func boolean(actual string, wanted pattern) (bool, error) {
	for _, text := range []string{wanted.text(), actual} {
		if !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
			return false, fmt.Errorf("%q is neither true nor false", text)
		}
	}
	return strings.EqualFold(actual, wanted.text()), nil
}

func binary(actual string, wanted pattern) (bool, error) {
	w, err := base64.StdEncoding.DecodeString(wanted.text())
	if err != nil {
		return false, fmt.Errorf("%q is not base64", wanted.text())
	}
	a, err := base64.StdEncoding.DecodeString(actual)
	if err != nil {
		return false, fmt.Errorf("%q is not base64", actual)
	}
	return string(a) == string(w), nil
}

// address: "a specific IP address or range"; without a mask it is one address.
func address(actual string, wanted pattern) (bool, error) {
	text := wanted.text()
	w, err := netip.ParsePrefix(text)
	if one, e := netip.ParseAddr(text); e == nil {
		w, err = netip.PrefixFrom(one, one.BitLen()), nil
	}
	if err != nil {
		return false, fmt.Errorf("%q is not an IP address or range", text)
	}
	a, err := netip.ParseAddr(actual)
	if err != nil {
		return false, fmt.Errorf("%q is not an IP address", actual)
	}
	return w.Masked().Contains(a.Unmap()), nil
}

// likeARN: "each of the six colon-delimited components of the ARN is checked separately". What is not an ARN is like none.
func likeARN(actual string, wanted pattern) (bool, error) {
	wantedSegments, segments := wanted.segments(), strings.SplitN(actual, ":", 6)
	if len(wantedSegments) != 6 {
		return false, fmt.Errorf("%q is not an ARN", wanted.text())
	}
	if len(segments) != 6 {
		return false, nil
	}
	for i, w := range wantedSegments {
		if !w.matches(segments[i]) {
			return false, nil
		}
	}
	return true, nil
}
