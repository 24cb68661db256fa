package repository

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// awkward are values that make or a shell would take for something else.
var awkward = map[string]string{
	"an apostrophe":      `it's the vendor's`,
	"a price":            `costs $5, or $(5), or ${5}, or $$5`,
	"a variable of make": `$(MAKE) $(shell touch typed) $(error typed)`,
	"an open bracket":    `$(`,
	"a command":          "`touch typed` $(touch typed); touch typed & touch typed",
	"quotes":             `"double" and \"escaped\" and \\`,
	"a comment":          `ticket #4711 \# and \`,
	"blanks":             "two  between, a tab\tbetween, two behind  ", // those in front of a value are make's
	"lines":              "first\nsecond\n\n\tfourth",
	"JSON":               "{\n  \"database\": \"orders-prod\",\n  \"name\": \"it's $5\"\n}\n",
	"letters":            `für 日本 % * ? [a] ~ ! = : , ( ) { } < > |`,
	"a flag":             `--reason=none`,
}

// makes are what the targets hand to the program: TYPED stands for what is typed, and last comes the deployment's name.
var makes = []struct {
	target    string
	variables []string
	want      []string
}{
	{"start", []string{"INPUT", "DATABASE", "VENDOR", "NAME", "PRINCIPALS", "TIMEOUT", "STACK"}, []string{"start", "--input", "TYPED",
		"--database", "TYPED", "--vendor", "TYPED", "--name", "TYPED", "--principals", "TYPED", "--timeout", "TYPED", "TYPED"}},
	{"start", []string{"DATABASE"}, []string{"start", "--database", "TYPED", ""}},
	{"follow", []string{"EXECUTION", "TIMEOUT"}, []string{"follow", "TYPED", "--timeout", "TYPED", ""}},
	{"approve", []string{"EXPOSURE", "ENDPOINT", "REASON"}, []string{"approve", "TYPED", "--endpoint", "TYPED", "--reason", "TYPED", ""}},
	{"reject", []string{"EXPOSURE", "REASON", "STACK"}, []string{"reject", "TYPED", "--reason", "TYPED", "TYPED"}},
	{"handoff", []string{"EXPOSURE"}, []string{"handoff", "TYPED", ""}},
	{"show", []string{"EXPOSURE"}, []string{"show", "TYPED", ""}},
	{"confirm", []string{"EXPOSURE"}, []string{"confirm", "TYPED", ""}},
	{"destroy", []string{"STACK"}, []string{"destroy", "TYPED"}},
	{"deploy", []string{"STACK"}, []string{"deploy", "-c", "name=TYPED", "TYPED"}},
	{"deploy-consumer", []string{"HANDOFF", "VPC", "CLIENTS"}, []string{"deploy", "--app", "build/bin/consumer", "--output", "build/consumer",
		"-c", "handoff=TYPED", "-c", "vpc=TYPED", "-c", "clients=TYPED", ""}},
	{"destroy-consumer", []string{"HANDOFF", "VPC"}, []string{"destroy", "--app", "build/bin/consumer name", "--output", "build/consumer",
		"-c", "handoff=TYPED", "-c", "vpc=TYPED", ""}},
	{"deploy-login", []string{"HANDOFF", "DB_USER", "TRUSTED"}, []string{"deploy", "--app", "build/bin/consumer login", "--output", "build/consumer",
		"-c", "handoff=TYPED", "-c", "user=TYPED", "-c", "trusted=TYPED", ""}},
	{"destroy-login", []string{"HANDOFF", "DB_USER"}, []string{"destroy", "--app", "build/bin/consumer login name", "--output", "build/consumer",
		"-c", "handoff=TYPED", "-c", "user=TYPED", ""}},
}

// Whatever a person types after make, or has in the environment, reaches the program as it was typed.
func TestWhatIsTypedReachesTheProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	const script = "#!/bin/sh\nprintf '%s\\0' \"$@\" \"$RDSLINK_NAME\"\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for what, value := range awkward {
		for _, m := range makes {
			var typed []string
			for _, name := range m.variables {
				typed = append(typed, name+"="+value)
			}
			for where, run := range map[string]func() (string, error){
				"after make":         func() (string, error) { return handed(program, nil, append(typed, m.target)...) },
				"in the environment": func() (string, error) { return handed(program, typed, m.target) },
			} {
				if where == "in the environment" && slices.Contains(m.variables, "NAME") {
					continue // there it is the machine's
				}
				t.Run(m.target+", "+what+" "+where, func(t *testing.T) {
					t.Parallel()
					var want []string
					for _, argument := range m.want {
						want = append(want, strings.ReplaceAll(argument, "TYPED", value))
					}
					got, err := run()
					if err != nil || got != strings.Join(want, "\x00")+"\x00" {
						t.Errorf("%q, want %q (%v)", got, want, err)
					}
				})
			}
		}
	}
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(root, "typed")); err == nil {
			t.Error("what was typed was run")
			_ = os.Remove(filepath.Join(root, "typed"))
		}
	})
}

// The machine's name, which some systems have in the environment, is nobody's.
func TestTheMachinesNameIsNoConsumers(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := handed(program, []string{"NAME=LAPTOP"}, "start", "DATABASE=orders"); err != nil || got != "start --database orders\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// handed is what make gives to the program, in whose place another stands.
func handed(program string, environment []string, words ...string) (string, error) {
	made := []string{"--silent", "rdslink=" + program, "cdk=" + program}
	for _, built := range []string{"build/bin/rdslink", "build/bin/infra", "build/bin/consumer", "build/.npm", "functions", "sbom"} {
		made = append(made, "-o", built)
	}
	cmd := exec.Command("make", append(made, words...)...)
	cmd.Dir = root
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !strings.HasPrefix(name, "MAKE") && name != "MFLAGS" && name != "RDSLINK_NAME" {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, environment...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("make %q: %w: %s", words, err, said.String())
	}
	return string(out), nil
}

// A new variable is typed as those are, or nobody types it.
func TestRecipesReadNothingTypedButFromTheEnvironment(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)^typed := (.*)$`).FindStringSubmatch(string(text))
	if list == nil {
		t.Fatal("the Makefile lists nothing typed")
	}
	typed := strings.Fields(list[1])
	mentioned := regexp.MustCompile(`\(call (?:flag|context),(\w+)|"\$\$([A-Z_]+)"|\b([A-Z_]+)=…|\[([A-Z_]+)=`)
	own := []string{"CDK_OUTDIR", "RDSLINK_NAME"}
	seen := 0
	for _, m := range mentioned.FindAllStringSubmatch(string(text), -1) {
		name := strings.Join(m[1:], "")
		seen++
		if !slices.Contains(typed, name) && !slices.Contains(own, name) {
			t.Errorf("%s is not among what may be typed", name)
		}
	}
	if seen < 20 {
		t.Errorf("only %d variables are seen", seen)
	}
	expanded := regexp.MustCompile(`(?m)^\t.*?\$[({](` + strings.Join(slices.DeleteFunc(typed, func(name string) bool { return name == "ARGS" }), "|") + `)[)}]`)
	for _, line := range expanded.FindAllString(string(text), -1) {
		t.Errorf("a recipe has a value that was typed read by the shell: %s", line)
	}
}
