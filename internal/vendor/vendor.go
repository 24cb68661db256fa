// Package vendor holds what consumers publish about themselves: whom to allow, from where they can connect, and
// how they want to be told.
package vendor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/internal/nearest"
)

// Vendor is one preset. Its principals are either published, or told to each customer: then Ask says where.
type Vendor struct {
	ID         string   `json:"vendor"`
	Name       string   `json:"name"`
	Principals []string `json:"principals,omitempty"`
	Ask        string   `json:"ask,omitempty"`     // where a customer is told the vendor's account and Availability Zone ids
	Regions    []string `json:"regions,omitempty"` // where its endpoints live; empty where each customer has chosen its own
	Engines    []string `json:"engines"`           // as RDS spells them, without the edition: sqlserver stands for sqlserver-se
	Handoff    string   `json:"handoff"`           // how the vendor wants to receive the service name
	AfterShare string   `json:"afterShare"`        // what the vendor does then
	Source     string   `json:"source"`
	Checked    string   `json:"checked"` // the date on which the source said so
}

// Connects reports whether the vendor connects to databases of the engine.
func (v Vendor) Connects(engine string) bool {
	return slices.ContainsFunc(v.Engines, func(family string) bool {
		return engine == family || strings.HasPrefix(engine, family+"-")
	})
}

// Asks reports whether the vendor has another account for each customer.
func (v Vendor) Asks() bool { return v.Ask != "" }

// Who is who connects, for people: principals, or the fields of the input and where a customer is told their values.
func (v Vendor) Who() string {
	if v.Asks() {
		return "`vendorAccount`, in `vendorAvailabilityZoneIds`: both " + v.Ask
	}
	return strings.Join(v.Principals, ", ")
}

// Where is in which regions databases may be, for people.
func (v Vendor) Where() string {
	if len(v.Regions) == 0 {
		return "as the customer has chosen, which is not checked"
	}
	return strings.Join(v.Regions, ", ")
}

// All are the presets.
func All() []Vendor { return slices.Clone(presets) }

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

// Instead says, of an id that is no preset's, which may be meant.
func Instead(id string) string {
	if near := nearest.To(id, IDs()); len(near) > 0 {
		return fmt.Sprintf("did you mean %s?", strings.Join(near, " or "))
	}
	return fmt.Sprintf("the presets are %s. For others use name and principals", strings.Join(IDs(), ", "))
}
