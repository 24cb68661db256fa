package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/rdslink/rdslink/internal/golden"
)

// docs/cli.md has the help of every command, as the command gives it.
func TestTheCommandsAreDocumented(t *testing.T) {
	alone(t)
	var page []string
	var add func(*cobra.Command)
	add = func(command *cobra.Command) {
		words := strings.Fields(command.CommandPath())[1:]
		code, help, said := played(t, append(words, "--help")...)
		if code != exitDone || said != "" {
			t.Errorf("%v --help ends with %d and says %q", words, code, said)
		}
		help, _, _ = strings.Cut(help, "\nGlobal Flags:") // they are the root's
		page = append(page, "### "+command.CommandPath()+"\n\n```\n"+strings.TrimSpace(help)+"\n```\n")
		for _, sub := range command.Commands() {
			if name := sub.Name(); name != "help" && command.Name() != "completion" {
				add(sub)
			}
		}
	}
	root := newTool("rdslink", nil, nil, nil).newRoot()
	root.InitDefaultCompletionCmd()
	add(root)
	golden.ComparePage(t, "cli.md", "commands", strings.Join(page, "\n"))
}

// What people hear who use a command in a wrong way, as they hear it. Nothing of it asks AWS.
func TestWrongUse(t *testing.T) {
	alone(t)
	const password = "postgres://olga:hunter2@host/db"
	var page strings.Builder
	for _, args := range [][]string{
		{"shw"}, {"frobnicate"}, {"--output", "xml", "version"}, {"--stack", "Finance", "version"}, {"version", "now"}, {"show", "--outptu", "json"},
		{"start"}, {"start", "orders-prod"}, {"start", "--input", "none.json"}, {"start", "--input", `{"database": "orders-prod",}`},
		{"start", "--input", `{'database': 'orders-prod'}`}, {"start", "--input", "-"}, {"start", "--input", `{"database": "` + password + `"`},
		{"start", "--input", "{}", "--vendor", "pushmetrics"}, {"start", "--database", "orders"},
		{"start", "--vendor", "pushmetrics"}, {"start", "--database", "o", "--vendor", "pushmetric"}, {"start", "--database", "o", "--name", "acme"},
		{"start", "--database", "o", "--principals", "555566667777"}, {"start", "--database", "", "--vendor", "fivetran"}, {"start", "--input", "[]"},
		{"start", "--listener-port", "high"}, {"start", "--database", "o", "--timeout", "5"},
		{"follow"}, {"follow", "olga"}, {"follow", password}, {"start", password}, {"approve"}, {"approve", "--reason"}, {"reject"}, {"reject", "a", "b"},
		{"show"}, {"handoff"}, {"list", "all"}, {"vendors", "pushmetrics"}, {"confirm", "a", "b"},
		{"remove"}, {"remove", "a", "b"}, {"remove", "a", "--connections", "end"}, {"end"}, {"end", "a", "b"},
		{"preflight"}, {"replay", "all"}, {"restore"}, {"destroy", "now"},
	} {
		code, out, said := played(t, args...)
		if code != exitWrongUse || out != "" || strings.Contains(said, "hunter2") {
			t.Errorf("%q ends with %d and prints %q", args, code, out)
		}
		fmt.Fprintf(&page, "$ rdslink %s\n%s\n", quoted(args), said)
	}
	golden.Compare(t, "wrong-use.txt", page.String())
}

func quoted(args []string) string {
	var words []string
	for _, arg := range args {
		if arg == "" || strings.ContainsAny(arg, ` "'{`) {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
