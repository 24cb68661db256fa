// Package vendor holds what consumers publish about themselves: whom to allow, from where they can connect, and
// how they want to be told.
package vendor

import (
	"slices"
	"strings"
)

// Vendor is one preset. Its principals are either published, or told to each customer: then Ask says where.
type Vendor struct {
	ID         string
	Name       string
	Principals []string
	Ask        string   // where a customer is told the vendor's account and Availability Zone ids
	Regions    []string // where its endpoints live; empty where each customer has chosen its own
	Engines    []string // as RDS spells them, without the edition: sqlserver stands for sqlserver-se
	Handoff    string   // how the vendor wants to receive the service name
	AfterShare string   // what the vendor does then
	Source     string
	Checked    string // the date on which the source said so
}

// Connects reports whether the vendor connects to databases of the engine.
func (v Vendor) Connects(engine string) bool {
	return slices.ContainsFunc(v.Engines, func(family string) bool {
		return engine == family || strings.HasPrefix(engine, family+"-")
	})
}

// Asks reports whether the vendor has another account for each customer.
func (v Vendor) Asks() bool { return v.Ask != "" }

// Find is the preset id.
func Find(id string) (Vendor, bool) {
	i := slices.IndexFunc(presets, func(v Vendor) bool { return v.ID == id })
	if i < 0 {
		return Vendor{}, false
	}
	return presets[i], true
}

// IDs lists the presets.
func IDs() []string {
	ids := make([]string, len(presets))
	for i, v := range presets {
		ids[i] = v.ID
	}
	return ids
}
