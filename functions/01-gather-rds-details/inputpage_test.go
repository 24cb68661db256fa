package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/database"
)

// The fields that docs/input.md lists, in its order, are those that the reader knows: it lists them itself when it is given
// one that it does not know.
func TestTheInputIsDocumented(t *testing.T) {
	documented := documentedFields(t)
	var names []string
	for _, name := range readersFields(t, `{"?":1}`) {
		if name != "acceptance" {
			names = append(names, name)
			continue
		}
		for _, part := range readersFields(t, `{"acceptance":{"?":1}}`) {
			names = append(names, name+"."+part)
		}
	}
	var rows []string
	for _, f := range documented {
		rows = append(rows, f.name)
	}
	if len(rows) == 0 || !slices.Equal(rows, names) {
		t.Errorf("docs/input.md has the fields\n%v, the reader knows\n%v", rows, names)
	}
}

// What docs/input.md says of an absent field in code's letters is what the reader makes of it.
func TestTheDefaultsAreDocumented(t *testing.T) {
	r, err := parse(json.RawMessage(usual), database.Home{Partition: "aws", Region: "eu-central-1", Account: "111122223333"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"endpoint":                  r.endpoint,
		"acceptance.mode":           r.acceptance.mode,
		"acceptance.maxConnections": r.acceptance.maxConnections,
		"acceptance.timeoutDays":    r.acceptance.timeoutDays,
		"ingress":                   r.ingress,
		"resolver":                  r.resolver,
		"autoPause":                 r.autoPause,
		"flowLogs":                  r.flowLogs,
	}
	for _, f := range documentedFields(t) {
		value, told := want[f.name]
		if told && f.absent != fmt.Sprintf("`%v`", value) {
			t.Errorf("%s: docs/input.md says %s, the reader %v", f.name, f.absent, value)
		}
		delete(want, f.name)
	}
	if len(want) > 0 {
		t.Errorf("docs/input.md does not have %v", want)
	}
}

type documentedField struct{ name, absent string }

func documentedFields(t *testing.T) (fields []documentedField) {
	t.Helper()
	page, err := os.ReadFile("../../docs/input.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n| Field | ")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, row := range regexp.MustCompile("(?m)^\\| `([\\w.]+)` \\| .* \\| ([^|]+) \\|$").FindAllStringSubmatch(table, -1) {
		fields = append(fields, documentedField{row[1], row[2]})
	}
	return fields
}

func readersFields(t *testing.T, input string) []string {
	t.Helper()
	_, err := parse(json.RawMessage(input), database.Home{})
	if err == nil {
		t.Fatalf("%s is taken", input)
	}
	_, list, found := strings.Cut(err.Error(), "; the fields are ")
	if !found {
		t.Fatalf("%v does not list the fields", err)
	}
	return strings.Split(list, ", ")
}
