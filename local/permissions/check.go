package permissions

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rdslink/rdslink/local/iam"
	"github.com/rdslink/rdslink/local/model"
)

// Finding is something that is not as it must be.
type Finding struct{ Role, What string }

func (f Finding) String() string { return f.Role + ": " + f.What }

// Check holds every role against what it needed. Each grant that nothing needed and each neighbour that is allowed must have
// its reason, and each reason its grant or neighbour, unless chance decides.
func Check(r Record, rules *Rules) ([]Finding, error) {
	var checkers []*checker
	var checks []func() []Finding
	for _, role := range rules.lent(r).Roles {
		policies, err := role.parsed()
		if err != nil {
			return nil, err
		}
		c := &checker{
			role: strings.ToLower(role.Name), twin: role.Twin, uses: role.Uses, policies: policies, rules: rules, used: map[*Reason]bool{},
		}
		checkers, checks = append(checkers, c), append(checks, c.all)
	}
	all := concurrently(checks)
	used := map[*Reason]bool{}
	for _, c := range checkers {
		maps.Copy(used, c.used)
	}
	for i, reason := range rules.Reasons {
		if !used[&rules.Reasons[i]] && !reason.Sometimes {
			all = append(all, Finding{reason.Role, fmt.Sprintf("nothing needs the reason for %s: %s", reason.Action, reason.About)})
		}
	}
	return all, nil
}

// Prove checks the record, and that the check notices every single change to a policy.
func Prove(r Record, rules *Rules) error {
	findings, err := Check(r, rules)
	if err != nil {
		return err
	}
	var wrong []string
	for _, f := range findings {
		wrong = append(wrong, f.String())
	}
	if len(wrong) == 0 {
		mutants, err := Mutants(r, rules)
		if err != nil {
			return err
		}
		for _, m := range mutants {
			if m.Caught == "" {
				wrong = append(wrong, fmt.Sprintf("%s: nobody would notice: %s: %s", m.Role, m.Statement, m.Change))
			}
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("permissions, %d findings:\n%s", len(wrong), strings.Join(wrong, "\n"))
	}
	return nil
}

// checker checks one role's policies.
type checker struct {
	role     string
	twin     bool // what it does not need, its like of the first deployment may
	uses     []Use
	policies []*iam.Policy
	rules    *Rules
	used     map[*Reason]bool
	found    []Finding
	enough   bool // one finding is: the rest need not be looked for
	only     int  // the statements of this number alone are asked what of them is unused; 0: all

	decisions []iam.Decision // about each use; nil: not yet asked
}

func (c *checker) all() []Finding {
	c.missing()
	if c.more() && !c.twin {
		c.unused()
	}
	if c.more() {
		c.neighbours()
	}
	return c.found
}

func (c *checker) more() bool { return !c.enough || len(c.found) == 0 }

func (c *checker) add(format string, args ...any) {
	c.found = append(c.found, Finding{c.role, fmt.Sprintf(format, args...)})
}

// excused looks for a reason.
func (c *checker) excused(action, about string, context iam.Context) bool {
	if c.twin {
		about = c.rules.Twins.first(about)
	}
	for i := range c.rules.Reasons {
		r := &c.rules.Reasons[i]
		if r.covers(c.role, action, about, context) {
			c.used[r] = true
			return true
		}
	}
	return false
}

// evaluate asks the role's policies alone. What cannot be judged is not allowed.
func (c *checker) evaluate(action, resource string, context iam.Context, role string) iam.Decision {
	d, err := iam.Evaluate(iam.Request{
		Principal: iam.Principal{Account: model.AccountOf(role), ARN: session(role), Role: role},
		Action:    action, Resource: resource, Everywhere: resource == "*", Context: context,
	}, iam.Policies{Identity: c.policies, Resource: hospitable(role, resource)})
	if err != nil {
		return iam.Decision{Reason: err.Error()}
	}
	return d
}

// hospitable is the policy of a resource in another account that lets everybody in: then the role's own policies decide. In
// its own account it is not asked.
func hospitable(role, resource string) *iam.Policy {
	if model.AccountOf(resource) == "" || model.AccountOf(resource) == model.AccountOf(role) {
		return nil
	}
	return open()
}

var open = sync.OnceValue(func() *iam.Policy {
	p, err := iam.Parse(iam.Resource, "hospitable",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`)
	if err != nil {
		panic(err) // it is well-formed
	}
	return p
})

// decided are the policies' decisions about the uses, in their order.
func (c *checker) decided() []iam.Decision {
	if c.decisions == nil {
		c.decisions = make([]iam.Decision, len(c.uses))
		for i, u := range c.uses {
			c.decisions[i] = c.evaluate(u.Action, u.Resource, u.Context, u.Role)
		}
	}
	return c.decisions
}

// missing finds what was needed and is not allowed.
func (c *checker) missing() {
	for i, d := range c.decided() {
		if !d.Allowed && c.more() {
			c.add("missing: %s on %s %s", c.uses[i].Action, c.uses[i].Resource, d.Reason)
		}
	}
}

// unused finds the parts of statements that nothing needed.
func (c *checker) unused() {
	for _, p := range c.policies {
		for _, s := range p.Statements {
			if s.Deny || !c.more() || c.only != 0 && c.only != s.N {
				continue
			}
			c.unusedParts(s, c.of(s))
		}
	}
}

// of are the uses that a statement allows.
func (c *checker) of(s iam.Statement) []Use {
	var all []Use
	for i, d := range c.decided() {
		if slices.ContainsFunc(d.Allows, func(a iam.Statement) bool { return a.Policy == s.Policy && a.N == s.N }) {
			all = append(all, c.uses[i])
		}
	}
	return all
}

func (c *checker) unusedParts(s iam.Statement, uses []Use) {
	for _, pattern := range s.Action {
		for _, action := range iam.Expand(pattern) {
			used := slices.ContainsFunc(uses, func(u Use) bool { return strings.EqualFold(u.Action, action) })
			if !used && !c.excused(action, "unused", nil) {
				c.add("unused: %s allows %s", s, action)
			}
		}
	}
	for _, pattern := range s.Resource {
		used := slices.ContainsFunc(uses, func(u Use) bool { return iam.Like(pattern, u.Resource) })
		if !used && !c.excused(s.Action[0], "unused "+pattern, nil) {
			c.add("unused: %s speaks of %s", s, pattern)
		}
	}
	for _, condition := range s.Condition {
		if condition.Operator == "Null" {
			continue // its value is none of the key's
		}
		for _, value := range condition.Values {
			used := slices.ContainsFunc(uses, func(u Use) bool {
				has := values(u, condition.Key)
				if condition.Operator == "Null" {
					return strconv.FormatBool(len(has) == 0) == value
				}
				return slices.ContainsFunc(has, func(v string) bool { return iam.Like(value, v) })
			})
			if !used && !c.excused(s.Action[0], "unused "+value, nil) {
				c.add("unused: %s allows %s %s", s, condition.Key, value)
			}
		}
	}
}

// values are a use's values for a condition key, whose name has no letter case.
func values(u Use, key string) []string {
	for name, v := range u.Context {
		if strings.EqualFold(name, key) {
			return v
		}
	}
	return nil
}

// session is the ARN of a session of a role.
func session(role string) string {
	return "arn:aws:sts::" + model.AccountOf(role) + ":assumed-role/" + role[strings.LastIndex(role, "/")+1:] + "/session"
}
