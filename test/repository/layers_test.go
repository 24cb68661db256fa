package repository

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// CONTRIBUTING.md says which folder may import which; here each package is held to it.
func TestTheLayersAreAsContributingSays(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n| Folder | What it is | May import |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	may := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([\\w/]+)` \\| .* \\| ([^|]+) \\|$").FindAllStringSubmatch(table, -1) {
		may[row[1]] = []string{}
		for _, name := range regexp.MustCompile("`([\\w/]+)`").FindAllStringSubmatch(row[2], -1) {
			may[row[1]] = append(may[row[1]], name[1])
		}
	}
	folderOf := func(path string) string {
		for name := range may {
			if within(path, product+"/"+name) {
				return name
			}
		}
		return ""
	}
	for path, imported := range imports(t, ".") {
		folder := folderOf(path)
		for _, other := range imported {
			switch {
			case within(other, "github.com/aws/aws-lambda-go"):
				if folder != "functions" && path != product+"/internal/step" && path != product+"/internal/steptest" {
					t.Errorf("%s imports %s", path, other)
				}
			case !within(other, product):
			case folder == "" && within(path, product+"/tools"):
				t.Errorf("%s imports %s", path, other)
			case folder == "":
				t.Errorf("CONTRIBUTING.md does not say what %s may import", path)
			case !slices.Contains(may[folder], folderOf(other)):
				t.Errorf("%s imports %s, which CONTRIBUTING.md does not allow to %s", path, other, folder)
			}
		}
	}
}
