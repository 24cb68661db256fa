package main

import (
	"os"
	"regexp"
	"testing"
)

// docs/input.md shows what people type, case by case, and which demo plays it.
func TestTheCasesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/input.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)\\| `make demo(?: DATABASE=(\\S+) VENDOR=(\\S+))?` \\| `(.*)` \\|$")
	shownKinds, shownConsumers := map[string]bool{}, map[string]bool{}
	for _, match := range row.FindAllStringSubmatch(string(page), -1) {
		var d demo
		if err := d.cast(match[1], match[2]); err != nil {
			t.Error(err)
			continue
		}
		input, err := d.input()
		if err != nil {
			t.Fatal(err)
		}
		if match[3] != input {
			t.Errorf("docs/input.md has %s, the demo types %s", match[3], input)
		}
		shownKinds[match[1]], shownConsumers[match[2]] = true, true
	}
	if len(shownKinds) != len(kinds) || len(shownConsumers) != len(consumers) {
		t.Errorf("docs/input.md has the databases %v of %s, and the consumers %v of %s",
			shownKinds, choice(kinds), shownConsumers, choice(consumers))
	}
}
