// Package docs holds the pages to what they speak of. What one package alone can tell (the input's fields, the vendors, the
// options, the alarms) that package's own tests hold.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages are all that people read, from the root.
func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "local/*.md", "test/*.md"} {
		found, err := filepath.Glob(filepath.Join("..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			all = append(all, strings.TrimPrefix(file, "../"))
		}
	}
	if len(all) < 12 {
		t.Fatalf("found only %v", all)
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whoever sees the project for the first time reads all of the front page or nothing.
func TestTheREADMEIsShort(t *testing.T) {
	const most = 10_240
	if size := len(read(t, "README.md")); size > most {
		t.Errorf("README.md has %d bytes, more than %d: move something to docs/", size, most)
	}
}

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
	code    = regexp.MustCompile("`[^`]*`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	links := 0
	for _, page := range pages(t) {
		prose := code.ReplaceAllString(fence.ReplaceAllString(read(t, page), ""), "")
		for _, match := range link.FindAllStringSubmatch(prose, -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			links++
			file, anchor, _ := strings.Cut(match[1], "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s: there is no %s", page, match[1])
			} else if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s: %s has no section %s", page, target, anchor)
			}
		}
	}
	if links < 50 {
		t.Errorf("found only %d links", links)
	}
}

// anchors are the names by which a page's sections are linked to.
func anchors(page string) (all []string) {
	for _, match := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		slug := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(match[1]), "")
		all = append(all, strings.ReplaceAll(slug, " ", "-"))
	}
	return all
}

// A line that stands in two places will be right in one of them. Tests write refusals.md,
// security.md and cli.md, whose rows are alike.
func TestNothingIsSaidTwice(t *testing.T) {
	const telling = 64 // bytes beside names of AWS's calls; shorter lines repeat by chance, as the heads of tables do
	said := map[string]string{}
	for _, page := range pages(t) {
		if page == "docs/refusals.md" || page == "docs/security.md" || page == "docs/cli.md" {
			continue
		}
		for line := range strings.Lines(read(t, page)) {
			line = strings.TrimSpace(line)
			if len(code.ReplaceAllString(line, "")) < telling {
				continue
			}
			if other, twice := said[line]; twice {
				t.Errorf("%s and %s both say: %s", other, page, line)
			}
			said[line] = page
		}
	}
}

var (
	command = regexp.MustCompile("(?m)(?:^|`|[A-Z]+=\\S+ )make (?:-s )?([a-z][a-z-]*)")
	rule    = regexp.MustCompile(`(?m)^([a-z-]+):`)
)

func TestEveryMakeCommandExists(t *testing.T) {
	named := map[string]bool{}
	for _, page := range pages(t) {
		rules := makeRules(t, page)
		for _, match := range command.FindAllStringSubmatch(read(t, page), -1) {
			named[match[1]] = true
			if !slices.Contains(rules, match[1]) {
				t.Errorf("%s: there is no make %s", page, match[1])
			}
		}
	}
	if len(named) < 10 {
		t.Errorf("found only %v", named)
	}
}

// makeRules are those of the Makefile beside the page, where it has one, else of the root's.
func makeRules(t *testing.T, page string) (names []string) {
	t.Helper()
	file := filepath.Join(filepath.Dir(page), "Makefile")
	if _, err := os.Stat(filepath.Join("..", file)); err != nil {
		file = "Makefile"
	}
	for _, match := range rule.FindAllStringSubmatch(read(t, file), -1) {
		names = append(names, match[1])
	}
	return names
}

// The samples are cut from what the commands printed. Their words are held, their figures and ids are another each time.
func TestTheREADMEsSamplesAreInTheCommandsWords(t *testing.T) {
	for mark, sources := range map[string][]string{
		"demo output": {"cmd/demo/*.go", "test/stage/*.go", "statemachine/setup.asl.json"},
		"test output": {"Makefile"},
	} {
		parts := strings.Split(read(t, "README.md"), "<!-- "+mark+" -->\n")
		if len(parts) != 3 {
			t.Fatalf("README.md has %d marks %q, want 2", len(parts)-1, mark)
		}
		var source strings.Builder
		for _, pattern := range sources {
			files, err := filepath.Glob(filepath.Join("..", pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				source.WriteString(read(t, strings.TrimPrefix(file, "../")))
			}
		}
		held := 0
		for line := range strings.Lines(parts[1]) {
			match := words.FindStringSubmatch(line)
			if match == nil {
				continue // rows, what go test prints, fences
			}
			held++
			if name := match[1] + match[2] + match[3]; !strings.Contains(source.String(), name) {
				t.Errorf("nothing in %v prints %q", sources, name)
			}
		}
		if held < 3 {
			t.Errorf("%s: only %d lines are held", mark, held)
		}
	}
}

// words is the part of a sample's line that is the same in every run: the name of a step, of a phase or of a line of the
// checklist, the beginning of a sentence.
var words = regexp.MustCompile(`^(?: *[✓…] (.+?)  | *(\S.*?) +\d+\.\d s  ok|([A-Z][A-Za-z ]* ))`)

// Where an assumption is made stands in its third column.
func TestEveryAssumptionIsWhereItSays(t *testing.T) {
	row := regexp.MustCompile(`(?m)^\| \d+ \|[^|]*\| ([^|]*) \|`)
	rows := row.FindAllStringSubmatch(read(t, "docs/assumptions.md"), -1)
	if len(rows) < 50 {
		t.Errorf("found only %d rows", len(rows))
	}
	for _, match := range rows {
		for file := range strings.SplitSeq(match[1], ", ") {
			if _, err := os.Stat(filepath.Join("..", file)); err != nil {
				t.Errorf("there is no %s: %s", file, match[0])
			}
		}
	}
}

// make cases plays the stories that docs/cases.md names.
func TestEveryStoryOfTheCasesIsThere(t *testing.T) {
	files, err := filepath.Glob("../test/e2e/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		all.WriteString(read(t, strings.TrimPrefix(file, "../")))
	}
	stories := regexp.MustCompile(`Test[A-Za-z]+`).FindAllString(read(t, "docs/cases.md"), -1)
	if len(stories) < 10 {
		t.Errorf("docs/cases.md has only %v", stories)
	}
	for _, story := range stories {
		if !strings.Contains(all.String(), "func "+story+"(t *testing.T)") {
			t.Errorf("there is no story %s", story)
		}
	}
}
