package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// readInput reads the JSON that --input names: a file, - for the standard input, or the JSON itself, which no file's name
// looks like.
func (t *tool) readInput(from string) (string, error) {
	var text []byte
	var err error
	switch name := from; {
	case from == "-":
		from = "the standard input"
		text, err = io.ReadAll(t.in)
	case looksLikeJSON(from):
		from, text = "--input", []byte(name)
	default:
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return "", usageError{fmt.Errorf("--input takes a file, - for the standard input, or JSON that begins with {: %w", err)}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as editors on Windows leave it
	if err := checkJSON(text); err != nil {
		return "", usageError{fmt.Errorf("%s: %w", from, err)}
	}
	return string(text), nil
}

func looksLikeJSON(text string) bool {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	return strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") || strings.HasPrefix(text, `"`)
}

// checkJSON says where a text is not JSON, and why. It quotes nothing: there may be a password.
func checkJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return errors.New("it is UTF-16, as PowerShell's > writes it: save it as UTF-8")
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return errors.New("it is empty")
	}
	err := json.Unmarshal(text, new(json.RawMessage))
	bad, syntax := errors.AsType[*json.SyntaxError](err)
	if !syntax {
		return err
	}
	at := int(bad.Offset) - 1
	if strings.HasPrefix(bad.Error(), "unexpected end") {
		at = len(bytes.TrimRight(text, " \t\r\n"))
	}
	at = max(0, min(at, len(text)))
	line := 1 + bytes.Count(text[:at], []byte("\n"))
	column := 1 + utf8.RuneCount(text[bytes.LastIndexByte(text[:at], '\n')+1:at])
	return fmt.Errorf("line %d, column %d: it is not JSON: %s", line, column, reason(bad.Error(), text, at))
}

// reason is what a person did who wrote what the parser did not expect, where that is plain, and else what the parser says.
func reason(said string, text []byte, at int) string {
	before := bytes.TrimSpace(text[:at])
	found, _ := utf8.DecodeRune(text[at:])
	is := func(what string) bool { return strings.Contains(said, what) }
	switch {
	case at == len(text), is("unexpected end"):
		return "it ends before all braces, brackets and quotes are closed"
	case (found == '}' || found == ']') && bytes.HasSuffix(before, []byte(",")):
		return fmt.Sprintf("a comma stands before %c: leave it out", found)
	case is("after top-level value"):
		return "something follows after its end"
	case is("in string literal"):
		return `a line break or another control character stands in a text: is a " missing? Else write \n`
	case is("in string escape code"):
		return `\ stands before a character that needs none: write \\ for a backslash`
	case found == '\'':
		return `names and texts stand in double quotes ("), not in single ones`
	case strings.ContainsRune("“”„‘’«»", found):
		return `names and texts stand in straight quotes ("), not in typographic ones`
	case found == '/' || found == '#':
		return "JSON has no comments"
	case is("looking for beginning of object key"):
		return `a field's name stands in double quotes, as in {"database": "orders-prod"}; did a shell take them away? Then give a file`
	case is("after object key:value pair"), is("after array element"):
		return "a comma is missing before this"
	case is("after object key"):
		return "a colon is missing before this"
	case is("looking for beginning of value"), is("in literal"), is("in numeric literal"):
		return "a text stands in double quotes, true, false and null in small letters, a number as in 5432"
	}
	return said
}
