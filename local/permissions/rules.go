package permissions

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/local/iam"
)

// Rules are what an app says of itself: which roles are its own, and what about them needs a reason.
type Rules struct {
	Roles   string // what the names of the app's roles begin with
	Twins   Twins
	Tags    []string
	Guards  []Guard
	Except  string // the session name of those who are refused on purpose: what they try is no need of the app's
	Lends   []Lend
	Reasons []Reason
}

// Twins are a second deployment of the app, whose policies differ from the first's in names alone.
type Twins struct {
	Roles string   // what the names of its roles begin with
	Names []string // what the second calls something, what the first calls it, and so on: reasons speak as the first does
}

// first is what the first deployment calls what the second calls so.
func (t Twins) first(text string) string { return strings.NewReplacer(t.Names...).Replace(text) }

// second is the reverse.
func (t Twins) second(text string) string {
	names := slices.Clone(t.Names)
	for i := 0; i+1 < len(names); i += 2 {
		names[i], names[i+1] = names[i+1], names[i]
	}
	return strings.NewReplacer(names...).Replace(text)
}

// Guard is a condition key that keeps a grant narrow, with a value that nobody of the app's may have. An empty value means
// that the request does not have the key. With Action, a pattern with stars, it is also tried on what of these actions does
// not have the key: nobody may have the value there either.
type Guard struct{ Key, Other, Action string }

// Lend is that some roles run another role's code: what that one needed of these actions, they need, too. From and
// To are patterns with stars.
type Lend struct {
	From, Why   string
	To, Actions []string
}

// Reason is why something that nothing needed is granted all the same, or why next to something that was needed more is
// allowed. Role, Action and About are patterns with stars.
type Reason struct {
	Role, Action, About, Why string
	// With narrows it to requests one of whose condition keys has this value; empty: all.
	With string
	// Sometimes: whether a run needs it is chance, because it is about what executions do that race.
	Sometimes bool
}

// ReadRules reads rules from a file, JSON.
func ReadRules(file string) (*Rules, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	defer func() { _ = opened.Close() }()
	decoder := json.NewDecoder(opened)
	decoder.DisallowUnknownFields()
	r := new(Rules)
	if err := decoder.Decode(r); err != nil {
		return nil, fmt.Errorf("read rules %s: %w", file, err)
	}
	if r.Roles == "" {
		return nil, fmt.Errorf("read rules %s: it names no roles", file)
	}
	if len(r.Twins.Names)%2 != 0 {
		return nil, fmt.Errorf("read rules %s: the twins' names are no pairs", file)
	}
	for _, reason := range r.Reasons {
		if reason.Role == "" || reason.Action == "" || reason.About == "" || reason.Why == "" {
			return nil, fmt.Errorf("read rules %s: a reason says not all: %+v", file, reason)
		}
	}
	for _, l := range r.Lends {
		if l.From == "" || len(l.To) == 0 || len(l.Actions) == 0 || l.Why == "" {
			return nil, fmt.Errorf("read rules %s: a lend says not all: %+v", file, l)
		}
	}
	return r, nil
}

// role is the role of that name, and whether it is the app's.
func (r *Rules) role(name string) (Role, bool) {
	if rest, twin := strings.CutPrefix(name, r.Twins.Roles); twin && r.Twins.Roles != "" {
		return Role{Name: rest, Twin: true}, true
	}
	rest, ours := strings.CutPrefix(name, r.Roles)
	return Role{Name: rest}, ours
}

func (r Reason) covers(role, action, about string, context iam.Context) bool {
	named := func(values []string) bool { return slices.Contains(values, r.With) }
	if r.With != "" && !slices.ContainsFunc(slices.Collect(maps.Values(context)), named) {
		return false
	}
	return iam.Like(strings.ToLower(r.Role), role) && iam.Like(strings.ToLower(r.Action), strings.ToLower(action)) && iam.Like(r.About, about)
}

// lent is a record in which what a role needed is needed by those who run its code.
func (r *Rules) lent(record Record) Record {
	all := Record{Roles: slices.Clone(record.Roles)}
	for i, role := range all.Roles {
		if len(role.Uses) == 0 {
			continue
		}
		uses := slices.Clone(role.Uses)
		for _, l := range r.Lends {
			if !slices.ContainsFunc(l.To, func(to string) bool { return iam.Like(to, strings.ToLower(role.Name)) }) {
				continue
			}
			for _, lender := range record.Roles {
				if lender.Twin != role.Twin || !iam.Like(l.From, strings.ToLower(lender.Name)) {
					continue
				}
				for _, u := range lender.Uses {
					if slices.Contains(l.Actions, u.Action) {
						u.Role = role.Uses[0].Role
						uses = append(uses, u)
					}
				}
			}
		}
		all.Roles[i].Uses = uses
	}
	return all
}
