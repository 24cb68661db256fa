package permissions

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/rdslink/rdslink/local/iam"
)

// Print writes what each role may do and how often it was needed, the exceptions with their reasons, and what
// becomes of changed policies.
func Print(w io.Writer, r Record, rules *Rules) error {
	for _, role := range r.Roles {
		if role.Twin {
			continue
		}
		if err := printRole(w, role); err != nil {
			return err
		}
	}
	fmt.Fprintln(w, "\nGranted, or allowed next to what is needed, for a reason")
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, reason := range rules.Reasons {
		fmt.Fprintf(out, "  %s\t%s\t%s\t%s\n", reason.Role, reason.Action, reason.About, reason.Why)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	printImplied(w, r)
	return printMutants(w, r, rules)
}

// printRole writes a line for each action of each statement: on what, under which conditions, how often needed.
func printRole(w io.Writer, role Role) error {
	policies, err := role.parsed()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s\n", role.Name)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	c := checker{role: role.Name, uses: role.Uses, policies: policies}
	for _, p := range policies {
		for _, s := range p.Statements {
			if s.Deny {
				fmt.Fprintf(out, "  deny %s\t%s\t%s\t\t%s\n", strings.Join(s.Action, " "), strings.Join(s.Resource, " "), conditions(s), s)
				continue
			}
			uses := c.of(s)
			for _, action := range s.Action {
				fmt.Fprintf(out, "  %s\t%s\t%s\t%d\t%s\n", action, strings.Join(s.Resource, " "), conditions(s), count(uses, action), s)
			}
		}
	}
	return out.Flush()
}

func conditions(s iam.Statement) string {
	var all []string
	for _, c := range s.Condition {
		all = append(all, c.Key+" "+c.Operator+" "+strings.Join(c.Values, "|"))
	}
	return strings.Join(all, ", ")
}

func count(uses []Use, pattern string) int {
	sum := 0
	for _, u := range uses {
		if iam.Like(strings.ToLower(pattern), strings.ToLower(u.Action)) {
			sum += u.Count
		}
	}
	return sum
}

// printImplied writes what AWS needed beside the calls, with its sources.
func printImplied(w io.Writer, r Record) {
	sources := map[string]int{}
	for _, role := range r.Roles {
		for _, u := range role.Uses {
			if u.Implied != "" {
				sources[u.Action+"\t"+u.Implied] += u.Count
			}
		}
	}
	fmt.Fprintln(w, "\nNeeded beside what was called, as AWS documents it")
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	lines := make([]string, 0, len(sources))
	for line, n := range sources {
		lines = append(lines, fmt.Sprintf("  %s\t%d", line, n))
	}
	slices.Sort(lines)
	fmt.Fprintln(out, strings.Join(lines, "\n"))
	_ = out.Flush() // the reader is gone
}

// printMutants writes how many changes of each sort were tried and noticed, and each that was not.
func printMutants(w io.Writer, r Record, rules *Rules) error {
	mutants, err := Mutants(r, rules)
	if err != nil {
		return err
	}
	type tally struct{ tried, caught int }
	sorts := map[string]*tally{}
	statements := map[string]bool{}
	var survivors []string
	for _, m := range mutants {
		sort := strings.Join(strings.Fields(m.Change)[:1], " ")
		if strings.HasPrefix(m.Change, "let") || strings.HasPrefix(m.Change, "drop the condition") {
			sort = "widen or drop a condition"
		}
		if sorts[sort] == nil {
			sorts[sort] = new(tally)
		}
		statements[m.Role+m.Statement] = true
		sorts[sort].tried++
		if m.Caught == "" {
			survivors = append(survivors, m.Role+": "+m.Statement+": "+m.Change)
			continue
		}
		sorts[sort].caught++
	}
	fmt.Fprintf(w, "\nChanges to policies, one at a time: %d statements\n", len(statements))
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, sort := range sortedKeys(sorts) {
		fmt.Fprintf(out, "  %s\t%d tried\t%d noticed\n", sort, sorts[sort].tried, sorts[sort].caught)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, s := range survivors {
		fmt.Fprintln(w, "  nobody would notice:", s)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
