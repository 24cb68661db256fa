package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/rdslink/rdslink/internal/nearest"
	"github.com/rdslink/rdslink/internal/outcome"
)

// Nothing that we ask for is longer: the longest is an IAM role's ARN.
const (
	longestText = 256
	longestList = 100
)

// fields are the fields of a JSON object. The first field of a wrong type is remembered, so that reading many stays plain.
type fields struct {
	prefix string
	values map[string]json.RawMessage
	err    error
}

func object(input json.RawMessage, what string, known []string) (*fields, error) {
	f := &fields{}
	kind := kindOf(input)
	if err := json.Unmarshal(input, new(json.RawMessage)); err != nil && kind != "nothing" {
		return nil, outcome.BadInput("%s must be valid JSON: %w", what, err)
	}
	if kind != "an object" || json.Unmarshal(input, &f.values) != nil {
		return nil, outcome.BadInput(`%s must be an object, got %s%s`, what, kind, unquote(input, &f.values))
	}
	for _, name := range slices.Sorted(maps.Keys(f.values)) {
		if slices.Contains(known, name) {
			continue
		}
		typed := outcome.Typed(name)
		if why := elsewhere(name, known); why != "" {
			return nil, outcome.BadInput("%s has no field %q: %s", what, typed, why)
		}
		if near := meant(name, known); near != "" {
			return nil, outcome.BadInput("%s has no field %q; did you mean %q?", what, typed, near)
		}
		return nil, outcome.BadInput("%s has no field %q; the fields are %s", what, typed, strings.Join(known, ", "))
	}
	return f, nil
}

// elsewhere says what stands instead of a field that people look for, or where it belongs.
func elsewhere(name string, known []string) string {
	if why := noField[strings.ToLower(name)]; why != "" {
		return why
	}
	if slices.Contains(requestFields, name) && !slices.Contains(known, name) {
		return "put it beside acceptance, not into it"
	}
	return ""
}

// noField are the fields that people look for in vain, in small letters.
var noField = map[string]string{
	"region": "databases are found in the region that rdslink runs in; leave it out",
	"engine": "it is found with the database; leave it out",
}

// otherWords are what people call a field that has another name.
var otherWords = map[string]string{
	"db": "database", "databaseIdentifier": "database", "dbInstanceIdentifier": "database", "dbClusterIdentifier": "database",
	"dbs":  "databases",
	"host": "database", "hostname": "database", "arn": "database", "instance": "database", "cluster": "database", "proxy": "database",
	"consumer": "name", "accounts": "principals", "account": "principals", "accountId": "principals", "awsAccountId": "principals",
	"port": "listenerPort", "regions": "supportedRegions", "dnsName": "privateDnsName", "domain": "privateDnsName",
	"emails": "notify", "email": "notify",
}

// meant is the field that a person probably meant by one that is not known: a part of another field, what others call it, or
// one that is spelled much like it.
func meant(name string, known []string) string {
	if slices.Contains(known, "acceptance") {
		for _, part := range acceptanceFields {
			if strings.EqualFold(name, part) {
				return "acceptance." + part
			}
		}
	}
	for word, field := range otherWords {
		if strings.EqualFold(name, word) && slices.Contains(known, field) {
			return field
		}
	}
	if near := nearest.To(name, known); len(near) > 0 {
		return near[0]
	}
	if near := nearest.To(name, acceptanceFields); len(near) > 0 && slices.Contains(known, "acceptance") {
		return "acceptance." + near[0]
	}
	return ""
}

func (f *fields) text(name, absent string) string {
	value := absent
	f.read(name, "a string", &value)
	value = trim(value)
	if _, given := f.values[name]; given && value == "" {
		f.fail(outcome.BadInput("%s%s is empty: give a value, or leave the field out", f.prefix, name))
	}
	f.limit(name, value)
	return value
}

func (f *fields) texts(name string) []string {
	value := []string{}
	f.read(name, "a list of strings", &value)
	if len(value) > longestList {
		f.fail(outcome.BadInput("%s%s must have at most %d entries, got %d", f.prefix, name, longestList, len(value)))
	}
	for i, text := range value {
		value[i] = trim(text)
		f.limit(name, value[i])
	}
	return value
}

// trim takes away what is not seen around a text that somebody has pasted.
func trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })
}

func (f *fields) limit(name, text string) {
	if len(text) > longestText {
		f.fail(outcome.BadInput("%s%s must have at most %d characters, got %d", f.prefix, name, longestText, len(text)))
	}
}

// whole reads a whole number from 1 on, however it is written: JSON knows one kind of number, and some programs write 5432
// as 5432.0.
func (f *fields) whole(name string, absent, highest int) int {
	var value wholeNumber
	f.read(name, "a whole number", &value)
	if _, given := f.values[name]; !given {
		return absent
	}
	if value < 1 || value > wholeNumber(highest) {
		f.fail(outcome.BadInput("%s%s must be from 1 to %d, got %s", f.prefix, name, highest, outcome.Typed(string(f.values[name]))))
	}
	return int(value)
}

type wholeNumber float64

func (n *wholeNumber) UnmarshalJSON(text []byte) error {
	var value float64
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	if value != math.Trunc(value) {
		return errors.New("not whole")
	}
	*n = wholeNumber(value)
	return nil
}

// oneOf reads one of the values; the first is what an absent field means.
func (f *fields) oneOf(name string, values ...string) string {
	value := f.text(name, values[0])
	if !slices.Contains(values, value) {
		f.fail(outcome.BadInput("%s%s must be %s, got %q", f.prefix, name, strings.Join(values, " or "), outcome.Typed(value)))
	}
	return value
}

// flag is false where the field is left out.
func (f *fields) flag(name string) (value bool) {
	f.read(name, "true or false", &value)
	return value
}

func (f *fields) read(name, kind string, into any) {
	value, given := f.values[name]
	if !given {
		return
	}
	if got := kindOf(value); got == "null" || json.Unmarshal(value, into) != nil {
		f.fail(outcome.BadInput("%s%s must be %s, got %s%s", f.prefix, name, kind, got, unquote(value, into)))
	}
}

// unquote says how a string becomes what is asked for, if it has that in it.
func unquote(value json.RawMessage, into any) string {
	var text string
	if json.Unmarshal(value, &text) == nil && json.Unmarshal([]byte(text), into) == nil {
		return ": leave the quotation marks around it out"
	}
	return ""
}

func (f *fields) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// kindOf says in words what a JSON value is.
func kindOf(value json.RawMessage) string {
	value = bytes.TrimSpace(value)
	if len(value) == 0 {
		return "nothing"
	}
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "the list " + visible(outcome.Typed(string(value)))
	case '"':
		return "the string " + visible(outcome.Typed(string(value)))
	case 't', 'f':
		return fmt.Sprintf("the boolean %s", value)
	case 'n':
		return "null"
	default:
		return "the number " + visible(outcome.Typed(string(value)))
	}
}

// visible writes out what nobody would see.
func visible(text string) string {
	var written strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			written.WriteRune(r)
		} else {
			fmt.Fprintf(&written, "%U", r)
		}
	}
	return written.String()
}
