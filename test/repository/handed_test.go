package repository

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever may call a function, its handler is played on what it may be handed, and on what comes of that when something is
// wrong. Its inputs of every version are kept.
func TestEveryFunctionIsPlayedOnMalformedInputs(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(root, "functions", "*"))
	if err != nil || len(folders) < 20 {
		t.Fatalf("only %d functions are found (%v)", len(folders), err)
	}
	for _, folder := range folders {
		text, err := os.ReadFile(filepath.Join(folder, "fuzz_test.go"))
		if err != nil || !strings.Contains(string(text), "func FuzzHandler(f *testing.F) {") || !strings.Contains(string(text), "steptest.Fuzz[") {
			t.Errorf("%s: fuzz_test.go has no FuzzHandler that calls steptest.Fuzz (%v)", folder, err)
		}
		if kept, _ := filepath.Glob(filepath.Join(folder, "testdata", "formats", "*", "input*.json")); len(kept) == 0 {
			t.Errorf("%s: testdata/formats has no input", folder)
		}
	}
}
