// Package repository holds the checkout as a whole to what its parts say of it: two modules, and a wall between them.
package repository

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	root    = "../.."
	product = "github.com/rdslink/rdslink"
	cloud   = product + "/local"
)

// goCommand runs the go command in a folder of the checkout.
func goCommand(t *testing.T, folder string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = filepath.Join(root, folder)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, said.String())
	}
	return string(out)
}

// module is a go.mod.
type module struct {
	Module  struct{ Path string }
	Require []struct {
		Path, Version string
		Indirect      bool
	}
	Replace []json.RawMessage
}

func readModule(t *testing.T, folder string) module {
	t.Helper()
	var m module
	if err := json.Unmarshal([]byte(goCommand(t, folder, "mod", "edit", "-json")), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// imports are what each package of a module and its tests import, by the package's path.
func imports(t *testing.T, folder string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	out := goCommand(t, folder, "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}} {{join .TestImports \" \"}} {{join .XTestImports \" \"}}", "./...")
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		all[fields[0]] = fields[1:]
	}
	return all
}

func within(path, module string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// The local cloud is a module of its own, and neither module knows the other: they speak HTTP.
func TestNoImportCrossesTheWall(t *testing.T) {
	for name, imported := range imports(t, ".") {
		for _, path := range imported {
			if within(path, cloud) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
	for name, imported := range imports(t, "local") {
		for _, path := range imported {
			if within(path, product) && !within(path, cloud) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
	ours, clouds := readModule(t, "."), readModule(t, "local")
	if clouds.Module.Path != cloud || len(ours.Replace)+len(clouds.Replace) > 0 {
		t.Errorf("the local cloud is module %s; modules are replaced: %s, %s", clouds.Module.Path, ours.Replace, clouds.Replace)
	}
	for _, m := range []module{ours, clouds} {
		for _, r := range m.Require {
			if within(r.Path, product) {
				t.Errorf("%s requires %s", m.Module.Path, r.Path)
			}
		}
	}
}

// What both modules require, they require in one version.
func TestBothModulesAgree(t *testing.T) {
	versions := map[string]string{}
	for _, r := range readModule(t, ".").Require {
		versions[r.Path] = r.Version
	}
	shared := 0
	for _, r := range readModule(t, "local").Require {
		version, ok := versions[r.Path]
		if ok && version != r.Version {
			t.Errorf("%s is %s in go.mod and %s in local/go.mod", r.Path, version, r.Version)
		}
		if ok {
			shared++
		}
	}
	if shared < 15 {
		t.Errorf("only %d modules are compared", shared)
	}
}

// Each requirement is somebody's work to follow: more need a reason, and these numbers a change.
func TestRequirementsAreFew(t *testing.T) {
	const most, mostOutsideTests = 37, 34
	var direct []string
	for _, r := range readModule(t, ".").Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	outside := map[string]bool{}
	for name, imported := range imports(t, ".") {
		if within(name, product+"/test") {
			continue
		}
		for _, path := range imported {
			if owner := owner(direct, path); owner != "" {
				outside[owner] = true
			}
		}
	}
	if len(direct) > most || len(outside) > mostOutsideTests || len(outside) == 0 {
		t.Errorf("%d direct requirements, %d of them outside test/; want at most %d and %d", len(direct), len(outside), most, mostOutsideTests)
	}
}

// Functions run under Lambda, and one package meets it for them. The command-line tool and all that the steps
// share do not link its runtime.
func TestOnlyFunctionsLinkTheLambdaRuntime(t *testing.T) {
	boundary := []string{product + "/internal/belongings/belongingstest", product + "/internal/step", product + "/internal/steptest"}
	linking := strings.Fields(goCommand(t, ".", "list", "-f", `{{range .Deps}}{{if eq . "github.com/aws/aws-lambda-go/lambda"}}{{$.ImportPath}}{{end}}{{end}}`,
		"./cmd/...", "./internal/...", "./infra/..."))
	if !slices.Equal(linking, boundary) {
		t.Errorf("linked by %v, want %v", linking, boundary)
	}
}

// owner is the module, of some, that has a package: the one with the longest path.
func owner(modules []string, path string) string {
	best := ""
	for _, m := range modules {
		if within(path, m) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

// Whoever wants the local cloud for something else finds nothing of this product in it but the path of its module.
func TestTheLocalCloudDoesNotKnowTheProduct(t *testing.T) {
	allowed := regexp.MustCompile(`^(module |import |\t|\t\w+ )"?` + cloud + `[/\w]*"?$`)
	seen := map[string]bool{}
	eachLine(t, "local", func(path, line string, number int) {
		seen[path] = true
		if strings.Contains(strings.ToLower(line), "rdslink") &&
			(!slices.Contains([]string{".go", ".mod"}, filepath.Ext(path)) || !allowed.MatchString(line)) {
			t.Errorf("%s:%d: %s", path, number, line)
		}
	})
	if len(seen) < 100 {
		t.Errorf("only %d files seen", len(seen))
	}
}

// Comments wrap sooner than code, which lll holds. An address does not wrap.
func TestCommentsWrapAt125Columns(t *testing.T) {
	seen := 0
	eachLine(t, ".", func(path, line string, number int) {
		if filepath.Ext(path) != ".go" || !strings.HasPrefix(strings.TrimLeft(line, "\t"), "// ") {
			return
		}
		seen++
		if width := utf8.RuneCountInString(line); width > 125 && !strings.Contains(line, "://") {
			t.Errorf("%s:%d has %d columns", path, number, width)
		}
	})
	if seen < 1000 {
		t.Errorf("only %d lines of comments seen", seen)
	}
}

// eachLine visits the lines of a folder's files, without what was built or is Git's.
func eachLine(t *testing.T, folder string, visit func(path, line string, number int)) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && slices.Contains([]string{"build", "cdk.out", ".git"}, entry.Name()) {
			return filepath.SkipDir
		}
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			visit(path, strings.TrimRight(line, "\n"), number)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
