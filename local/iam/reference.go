package iam

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed reference.json.gz
var packed []byte

// ResourceType is a type of resource that an action can be allowed for.
type ResourceType struct {
	Name string   `json:"-"`
	ARN  string   // a pattern with ${Partition} and its like, and .* for the rest
	Keys []string // condition keys
}

// Action is one action of the Service Authorization Reference.
type Action struct {
	Name      string // as AWS spells it
	Resources []ResourceType
	Keys      []string // condition keys of the action, whatever its resource
	Many      []string // condition keys of its service that have many values
}

type service struct {
	Many    []string
	Actions map[string]struct{ Types, Keys []string }
	Types   map[string]ResourceType
}

// reference has the actions by their names in lower case, such as ec2:createtags. reference.py writes it.
var reference = sync.OnceValue(func() map[string]Action {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic(err) // the embedded file is broken
	}
	var services map[string]service
	if err := json.NewDecoder(z).Decode(&services); err != nil {
		panic(err)
	}
	actions := map[string]Action{}
	for prefix, s := range services {
		for name, a := range s.Actions {
			action := Action{Name: prefix + ":" + name, Keys: a.Keys, Many: s.Many}
			for _, name := range a.Types {
				t := s.Types[name]
				t.Name = name
				action.Resources = append(action.Resources, t)
			}
			actions[strings.ToLower(action.Name)] = action
		}
	}
	return actions
})

// names are the actions of the reference in order.
var names = sync.OnceValue(func() []string {
	all := make([]string, 0, len(reference()))
	for name := range reference() {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
})

// Lookup finds an action by its name in any case.
func Lookup(action string) (Action, bool) {
	found, ok := reference()[strings.ToLower(action)]
	return found, ok
}

// Expand lists the actions of the reference that a pattern such as kms:GenerateDataKey* covers, in lower case.
func Expand(pattern string) []string {
	pattern = strings.ToLower(pattern)
	if _, known := reference()[pattern]; known {
		return []string{pattern}
	}
	p := glob(pattern)
	var covered []string
	for _, name := range names() {
		if p.matches(name) {
			covered = append(covered, name)
		}
	}
	return covered
}

// ResourceType finds which of the action's types of resource an ARN is: of several that fit, the one that says most.
func (a Action) ResourceType(arn string) (ResourceType, bool) {
	var best ResourceType
	for _, t := range a.Resources {
		if arnPattern(t.ARN).MatchString(arn) && len(t.ARN) > len(best.ARN) {
			best = t
		}
	}
	return best, best.ARN != ""
}

var (
	variable    = regexp.MustCompile(`\$\{[^}]*\}`)
	beforeColon = regexp.MustCompile(`\$\{\w+\}:`)
	arnPatterns sync.Map
)

// arnPattern makes a regular expression of a reference's ARN. A variable ends where the next character begins: at
// a colon, else at a slash.
func arnPattern(arn string) *regexp.Regexp {
	if known, ok := arnPatterns.Load(arn); ok {
		return known.(*regexp.Regexp)
	}
	pattern := variable.ReplaceAllString(beforeColon.ReplaceAllString(arn, "[^:]*:"), "[^/]*")
	compiled := regexp.MustCompile("^" + pattern + "$")
	arnPatterns.Store(arn, compiled)
	return compiled
}
