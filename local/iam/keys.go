package iam

import (
	"slices"
	"strings"
)

// keyRow says which condition keys a request for some actions of a service can have whatever its resource is.
type keyRow struct{ service, keys, actions string }

// addTo adds the row's keys to the actions it names, or to * all of the service, and the names as AWS spells them. That the
// reference has these actions is TestReference's to see.
func (row keyRow) addTo(actions map[string]Action) {
	keys := strings.Fields(row.keys)
	add := func(name, spelt string) {
		action := actions[name]
		action.Keys = append(action.Keys, keys...)
		action.Name = spelt
		actions[name] = action
	}
	for _, name := range strings.Fields(row.actions) {
		if name != "*" {
			add(strings.ToLower(row.service+":"+name), row.service+":"+name)
			continue
		}
		for lower, action := range actions {
			if strings.HasPrefix(lower, row.service+":") {
				add(lower, action.Name)
			}
		}
	}
}

var actionKeys = slices.Concat(keysAToK, keysLToZ)
