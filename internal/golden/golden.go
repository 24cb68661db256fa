// Package golden compares documents that a person reads with what the code makes of them. go test -update writes them.
package golden

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files, and the parts of docs/ that tests hold")

// Compare compares a document with a file in testdata.
func Compare(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	want, err := os.ReadFile(path)
	if err != nil && (!*update || !errors.Is(err, fs.ErrNotExist)) {
		t.Fatal(err)
	}
	hold(t, path, string(want), got, got)
}

// ComparePage compares a part of a page of docs/ with what the code says: what stands between the two marks `<!-- mark -->`,
// or the whole page where mark is empty.
func ComparePage(t *testing.T, page, mark, got string) {
	t.Helper()
	path := filepath.Join(docs(t), page)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := got
	if mark != "" {
		line := "<!-- " + mark + " -->\n"
		parts := strings.Split(string(text), line)
		if len(parts) != 3 {
			t.Fatalf("%s has %d marks %q, want 2", page, len(parts)-1, mark)
		}
		whole = parts[0] + line + "\n" + got + "\n" + line + parts[2]
	}
	hold(t, path, string(text), whole, got)
}

// docs is the folder docs/ of the checkout, seen from a test's folder.
func docs(t *testing.T) string {
	t.Helper()
	for up := "."; len(up) < 20; up = filepath.Join("..", up) {
		if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
			return filepath.Join(up, "docs")
		}
	}
	t.Fatal("no go.mod above")
	return ""
}

// hold compares what a file has with what it should have, of which part is worth showing.
func hold(t *testing.T, path, has, should, part string) {
	t.Helper()
	switch {
	case has == should:
	case !*update:
		t.Errorf("%s is not what the code says (go test -update writes it):\n%s", path, part)
	default:
		if err := os.WriteFile(path, []byte(should), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
