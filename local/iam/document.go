package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// object is a JSON object in the order of its text. encoding/json would take any case for a name and the last of two members
// of one name; IAM refuses both.
type object []member

type member struct {
	name  string
	value any // string, json.Number, bool, nil, []any or object
}

func decode(document string) (any, error) {
	if !utf8.ValidString(document) {
		return nil, errors.New("it is not UTF-8")
	}
	// Unmarshal sees the whole text at once, and so what follows the value, which a Decoder's tokens do not tell.
	var whole json.RawMessage
	if err := json.Unmarshal([]byte(document), &whole); err != nil {
		return nil, err
	}
	d := json.NewDecoder(strings.NewReader(document))
	d.UseNumber()
	return decodeValue(d)
}

func decodeValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	switch {
	case err != nil:
		return nil, err
	case token == json.Delim('{'):
		return decodeObject(d)
	case token == json.Delim('['):
		return decodeArray(d)
	}
	return token, nil
}

func decodeObject(d *json.Decoder) (any, error) {
	members := object{}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		if seen[name.(string)] {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		seen[name.(string)] = true
		value, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		members = append(members, member{name.(string), value})
	}
	_, err := d.Token() // the closing brace
	return members, err
}

func decodeArray(d *json.Decoder) (any, error) {
	values := []any{}
	for d.More() {
		value, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	_, err := d.Token() // the closing bracket
	return values, err
}

// text reads one string.
func text(element string, value any) (string, error) {
	if s, ok := value.(string); ok {
		return s, nil
	}
	return "", fmt.Errorf("%s is not a string", element)
}

// texts reads what a policy writes as one string or as an array of strings. An array without any is refused: IAM takes it,
// and the statement then says nothing.
func texts(element string, value any) ([]string, error) {
	values, several := value.([]any)
	if !several {
		values = []any{value}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("%s is empty", element)
	}
	list := make([]string, len(values))
	for i, v := range values {
		s, err := text(element, v)
		if err != nil {
			return nil, err
		}
		list[i] = s
	}
	return list, nil
}
