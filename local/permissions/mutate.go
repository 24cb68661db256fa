package permissions

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rdslink/rdslink/local/iam"
)

// Mutant is a role whose policies were changed in one place.
type Mutant struct {
	Role, Statement, Change string
	Caught                  string // the first finding; empty: nobody would notice
}

// Mutants drops and widens every part of every statement of every role of the first deployment, one at a time, and checks
// each.
func Mutants(r Record, rules *Rules) ([]Mutant, error) {
	var statements []func() []Mutant
	for _, role := range rules.lent(r).Roles {
		if role.Twin {
			continue
		}
		policies, err := role.parsed()
		if err != nil {
			return nil, err
		}
		c := checker{role: strings.ToLower(role.Name), uses: role.Uses, policies: policies, rules: rules}
		c.uses = c.representatives()
		for at, p := range policies {
			for _, s := range p.Statements {
				statements = append(statements, func() []Mutant { return c.mutants(at, s) })
			}
		}
	}
	return concurrently(statements), nil
}

// concurrently does everything, as many at once as the machine can, and joins the results in their order.
func concurrently[T any](work []func() []T) []T {
	results := make([][]T, len(work))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(work); i = next.Add(1) - 1 {
				results[i] = work[i]()
			}
		})
	}
	workers.Wait()
	return slices.Concat(results...)
}

// mutants are the changes of one statement. A change can only matter to what is of the statement's
// services, and to the statement.
func (c checker) mutants(at int, s iam.Statement) []Mutant {
	c.uses = slices.DeleteFunc(slices.Clone(c.uses), func(u Use) bool {
		service, _, _ := strings.Cut(u.Action, ":")
		return !slices.ContainsFunc(s.Action, func(a string) bool { return strings.HasPrefix(a, service+":") })
	})
	c.only, c.used = s.N, map[*Reason]bool{}
	before := c
	before.all()
	var all []Mutant
	for _, change := range changes(s, granted(c.policies)) {
		after := c
		after.policies, after.used, after.enough = changed(c.policies, at, s.N, change.to), map[*Reason]bool{}, true
		m := Mutant{Role: c.role, Statement: s.String(), Change: change.what}
		if found := after.all(); len(found) > 0 {
			m.Caught = found[0].What
		} else if lost := unneeded(before.used, after.used); lost != "" {
			m.Caught = "nothing needs the reason for " + lost
		}
		all = append(all, m)
	}
	return all
}

// unneeded is a reason that the unchanged policies need and the changed ones do not.
func unneeded(before, after map[*Reason]bool) string {
	for r := range before {
		if !after[r] {
			return r.Action + ": " + r.About
		}
	}
	return ""
}

// change is another version of a statement; nil: none.
type change struct {
	what string
	to   *iam.Statement
}

// changed is policies with a statement changed.
func changed(policies []*iam.Policy, at, n int, to *iam.Statement) []*iam.Policy {
	all := slices.Clone(policies)
	p := *all[at]
	p.Statements = slices.DeleteFunc(slices.Clone(p.Statements), func(s iam.Statement) bool { return s.N == n })
	if to != nil {
		p.Statements = append(p.Statements, *to)
	}
	all[at] = &p
	return all
}

// granted are the actions that the policies allow, in lower case.
func granted(policies []*iam.Policy) []string {
	var all []string
	for _, p := range policies {
		for _, s := range p.Statements {
			for _, pattern := range s.Action {
				for _, action := range iam.Expand(pattern) {
					all = append(all, strings.ToLower(action))
				}
			}
		}
	}
	return all
}

// changes are what is tried with a statement: to drop it and each of its parts, to add to it, to widen each of its parts. A
// Deny is widened by dropping from it.
func changes(s iam.Statement, granted []string) []change {
	all := []change{{"drop the statement", nil}}
	try := func(what string, edit func(*iam.Statement)) {
		to := s
		to.Action, to.Resource = slices.Clone(s.Action), slices.Clone(s.Resource)
		to.Condition = slices.Clone(s.Condition)
		for i := range to.Condition {
			to.Condition[i].Values = slices.Clone(to.Condition[i].Values)
		}
		edit(&to)
		all = append(all, change{what, &to})
	}
	dropParts(s, try)
	if s.Deny {
		return all
	}
	if more := another(s, granted); more != "" {
		try("allow "+more, func(to *iam.Statement) { to.Action = append(to.Action, more) })
	}
	service, _, _ := strings.Cut(s.Action[0], ":")
	if another(s, granted) != "" {
		try("allow "+service+":*", func(to *iam.Statement) { to.Action = []string{service + ":*"} })
	}
	widenResources(s, try)
	widenConditions(s, try)
	return all
}

type attempt = func(what string, edit func(*iam.Statement))

func dropParts(s iam.Statement, try attempt) {
	if len(s.Action) > 1 {
		for i, action := range s.Action {
			try("drop "+action, func(to *iam.Statement) { to.Action = slices.Delete(to.Action, i, i+1) })
		}
	}
	if len(s.Resource) > 1 {
		for i, resource := range s.Resource {
			try("drop "+resource, func(to *iam.Statement) { to.Resource = slices.Delete(to.Resource, i, i+1) })
		}
	}
	for i, c := range s.Condition {
		if len(c.Values) < 2 {
			continue
		}
		for j, value := range c.Values {
			try("drop "+c.Key+" "+value, func(to *iam.Statement) { to.Condition[i].Values = slices.Delete(to.Condition[i].Values, j, j+1) })
		}
	}
}

// another is an action of the statement's service that the role is not allowed yet.
func another(s iam.Statement, granted []string) string {
	service, _, _ := strings.Cut(s.Action[0], ":")
	for _, action := range iam.Expand(service + ":*") {
		if !slices.Contains(granted, strings.ToLower(action)) {
			return action
		}
	}
	return ""
}

// widenResources cuts each pattern off wherever a part of it begins, and puts a star there.
func widenResources(s iam.Statement, try attempt) {
	for i, pattern := range s.Resource {
		for _, at := range boundaries(pattern) {
			wider := pattern[:at] + "*"
			if same(s, pattern, wider) {
				continue
			}
			try("widen "+pattern+" to "+wider, func(to *iam.Statement) { to.Resource[i] = wider })
		}
	}
}

// same says whether a wider pattern means nothing else: its star begins behind region and account, or there are none, as
// of hosted zones, and of no type of resource that the statement's actions act on does it match more than the statement's
// patterns do already.
func same(s iam.Statement, pattern, wider string) bool {
	parts := strings.SplitN(pattern, ":", 6)
	if pattern == wider {
		return true
	}
	if len(parts) < 6 || strings.Count(wider, ":") < 5 && parts[3]+parts[4] != "" {
		return false
	}
	for _, written := range s.Action {
		for _, name := range iam.Expand(written) {
			action, _ := iam.Lookup(name)
			for _, t := range action.Resources {
				arn := generic(t.ARN, parts[3], parts[4])
				if iam.Like(wider, arn) && !slices.ContainsFunc(s.Resource,
					func(r string) bool { return iam.Like(r, arn) || strings.HasPrefix(arn, strings.TrimRight(r, "*/:")) }) {
					return false
				}
			}
		}
	}
	return true
}

func widenConditions(s iam.Statement, try attempt) {
	for i, c := range s.Condition {
		try("drop the condition on "+c.Key, func(to *iam.Statement) { to.Condition = slices.Delete(to.Condition, i, i+1) })
		if c.Operator == "Null" {
			continue // only says that the key is there
		}
		try(fmt.Sprintf("let any %s pass", c.Key), func(to *iam.Statement) {
			to.Condition[i] = iam.Condition{Operator: "StringLike", Key: c.Key, Values: []string{"*"}}
		})
		try(fmt.Sprintf("let another %s pass", c.Key), func(to *iam.Statement) {
			to.Condition[i].Values = append(to.Condition[i].Values, "another")
		})
		if strings.HasPrefix(c.Operator, "ForAllValues:") {
			continue // lets a request without the key pass as it is
		}
		try(fmt.Sprintf("let a request without %s pass", c.Key), func(to *iam.Statement) {
			to.Condition[i].Operator = c.Operator + "IfExists"
		})
	}
}
