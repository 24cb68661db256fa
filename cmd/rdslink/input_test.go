package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsNotJSONIsToldByItsPlaceAndReason(t *testing.T) {
	const one = `{"database": "orders-prod", `
	for text, want := range map[string]string{
		"":                                  "it is empty",
		"  \n":                              "it is empty",
		"orders-prod":                       "line 1, column 1: it is not JSON: a text stands in double quotes",
		one + `}`:                           "line 1, column 29: it is not JSON: a comma stands before }",
		one + "\n\n\t}":                     "line 3, column 2: it is not JSON: a comma stands before }",
		`{"principals": ["555566667777",]}`: "line 1, column 32: it is not JSON: a comma stands before ]",
		`{'database': 'orders-prod'}`:       "line 1, column 2: it is not JSON: names and texts stand in double quotes",
		`{"database": 'orders-prod'}`:       "line 1, column 14: it is not JSON: names and texts stand in double quotes",
		`{“database”: “orders-prod”}`:       "line 1, column 2: it is not JSON: names and texts stand in straight quotes",
		"{\n  // which\n  \"database\": \"x\"\n}":  "line 2, column 3: it is not JSON: JSON has no comments",
		"{\n  \"database\": \"x\", # this one\n}":  "line 2, column 20: it is not JSON: JSON has no comments",
		`{database:nope}`:                          "line 1, column 2: it is not JSON: a field's name stands in double quotes",
		`{"database":nope}`:                        "line 1, column 14: it is not JSON: a text stands in double quotes",
		`{"listenerPort":None}`:                    "line 1, column 17: it is not JSON: a text stands in double quotes, true",
		"{\"database\": \"orders\n-prod\"}":        "line 1, column 21: it is not JSON: a line break or another control character",
		"{\n\"database\": \"x\"\n\"vendor\":\"\"}": "line 3, column 1: it is not JSON: a comma is missing",
		`{"database" "x"}`:                         "line 1, column 13: it is not JSON: a colon is missing",
		`{"notify": ["a" "b"]}`:                    "line 1, column 17: it is not JSON: a comma is missing",
		`{"database": "a\_b"}`:                     "line 1, column 17: it is not JSON: \\ stands before",
		`{"database": "x"`:                         "line 1, column 17: it is not JSON: it ends before",
		"{\"database\": \"x\",\n":                  "line 1, column 18: it is not JSON: it ends before",
		`{"database": "x`:                          "line 1, column 16: it is not JSON: it ends before",
		`{"database": "x"} {}`:                     "line 1, column 19: it is not JSON: something follows",
		`{"ü": "ü",}`:                              "line 1, column 11: it is not JSON: a comma stands before }",
		"\xff\xfe{\x00}\x00":                       "it is UTF-16",
	} {
		err := checkJSON([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{`{}`, one + "\n\n\"vendor\":\t\"x\"}\n"} {
		if err := checkJSON([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAnInputIsAFileTheStandardInputOrTheJSONItself(t *testing.T) {
	const text = `{"database": "orders-prod",` + "\n" + `"vendor": "it's $5"}`
	file := filepath.Join(t.TempDir(), "input.json")
	if err := os.WriteFile(file, []byte("\ufeff"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{file, "-", text, "\n  " + text} {
		it := newTool("rdslink", strings.NewReader(text), io.Discard, io.Discard)
		got, err := it.readInput(from)
		if err != nil || strings.TrimSpace(got) != text {
			t.Errorf("%q: %q, %v", from, got, err)
		}
	}
	for from, want := range map[string]string{
		filepath.Join(t.TempDir(), "none.json"): "no such file",
		"orders-prod":                           "--input takes a file, - for the standard input, or JSON that begins with {",
		`{"database":}`:                         "--input: line 1, column 13",
	} {
		_, err := newTool("rdslink", strings.NewReader(""), io.Discard, io.Discard).readInput(from)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", from, err, want)
		}
	}
}
