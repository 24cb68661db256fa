package handoff

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
)

func printed(t *testing.T) (Document, string) {
	t.Helper()
	d := NewDocument("orders-acme-00000000", "acme", facts, ZonesLeftOut{}, Connection{Path: NotProven}, Heed{}, Resources{})
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return d, string(text)
}

func TestADocumentIsReadAsItWasPrinted(t *testing.T) {
	d, text := printed(t)
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	otherwise, err := json.Marshal(value) // no indents, and the fields in the order of the alphabet
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{text, string(otherwise), text + "\n"} {
		if got, err := Read([]byte(text)); err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("%+v, %v, want %+v", got, err, d)
		}
	}
}

func TestWhatWasNotPrintedSoIsRefused(t *testing.T) {
	_, text := printed(t)
	for name, row := range map[string]struct{ text, says string }{
		"another port":        {strings.Replace(text, `"port": 5432`, `"port": 5433`, 1), "it was edited"},
		"another service":     {strings.Replace(text, "vpce-svc-0123456789abcdef0", "vpce-svc-00000000000000000", 1), "it was edited"},
		"a zone less":         {strings.Replace(text, `"euc1-az1",`, "", 1), "it was edited"},
		"a price":             {strings.Replace(text, `"amountUsd": `, `"amountUsd": 1`, 1), "it was edited"},
		"no digest":           {strings.Replace(text, `"sha256:`, `"`, 1), "it was edited"},
		"a field more":        {strings.Replace(text, "{", `{"colour": "red",`, 1), "it was edited"},
		"another kind of one": {strings.Replace(text, `"port": 5432`, `"port": "5432"`, 1), "it was edited"},
		"two documents":       {text + text, "it is not a hand-off in JSON"},
		"another version":     {strings.Replace(text, `"version": 1`, `"version": 2`, 1), "of version 2, and this rdslink reads version 1"},
		"no version":          {strings.Replace(text, `"version": 1,`, "", 1), "it has no version"},
		"the letter":          {"Private access to the database", "it is not a hand-off in JSON"},
		"a list":              {"[" + text + "]", "it is not a hand-off in JSON"},
		"null":                {"null", "it has no version"},
		"nothing":             {"", "it is not a hand-off in JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read([]byte(row.text))
			if err == nil || !strings.Contains(err.Error(), row.says) || !strings.Contains(err.Error(), again) {
				t.Errorf("%v, want %s: %s", err, row.says, again)
			}
		})
	}
}

// Who deploys from a document reads its own version alone: with other fields it is another one.
func TestTheVersionIsOfTheseFields(t *testing.T) {
	if Version != 1 {
		t.Error("write the fields of this version into a file of its own, and leave those of earlier ones")
	}
	golden.Compare(t, "version-1.txt", fields(reflect.TypeFor[Document](), ""))
}

func fields(of reflect.Type, under string) string {
	var text strings.Builder
	for i := range of.NumField() {
		f := of.Field(i)
		name := under + f.Tag.Get("json")
		inner := f.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		switch {
		case f.Anonymous:
			text.WriteString(fields(inner, under))
		case inner.Kind() == reflect.Struct:
			text.WriteString(fields(inner, name+"."))
		default:
			text.WriteString(name + " " + f.Type.String() + "\n")
		}
	}
	return text.String()
}
