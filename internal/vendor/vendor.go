// Package vendor holds what consumers publish about themselves: whom to allow, from where they can connect, and
// how they want to be told.
package vendor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/internal/nearest"
)

// Vendor is one preset. Its principals are either published, or told to each customer: then Asks says which fields of the
// input take what a customer is told, and Ask where.
type Vendor struct {
	ID            string   `json:"vendor"`
	Name          string   `json:"name"`
	Principals    []string `json:"principals,omitempty"` // OfRegion in one stands for the region of the vendor's endpoint
	Asks          []string `json:"asks,omitempty"`
	Ask           string   `json:"ask,omitempty"`
	Later         bool     `json:"later,omitempty"`         // it tells its principals only once it has the service name
	Regions       []string `json:"regions,omitempty"`       // where its endpoints live; empty where each customer has chosen its own
	AcrossRegions bool     `json:"acrossRegions,omitempty"` // its endpoints reach services of other regions, if these support its region
	MinZones      int      `json:"minZones,omitempty"`      // of the endpoint service, if it wants more than one
	Engines       []string `json:"engines"`                 // as RDS spells them, without the edition: sqlserver stands for sqlserver-se
	Handoff       string   `json:"handoff"`                 // how the vendor wants to receive the service name
	AfterShare    string   `json:"afterShare"`              // what the vendor does then
	Source        string   `json:"source"`
	Checked       string   `json:"checked"` // the date on which the source said so
}

// OfRegion stands in a principal for the region in which the vendor makes its endpoint.
const OfRegion = "<region>"

// The fields of the input in which a customer says what the vendor has told it.
const (
	Account    = "vendorAccount"
	Zones      = "vendorAvailabilityZoneIds"
	Principals = "principals"
)

// Connects reports whether the vendor connects to databases of the engine.
func (v Vendor) Connects(engine string) bool {
	return slices.ContainsFunc(v.Engines, func(family string) bool {
		return engine == family || strings.HasPrefix(engine, family+"-")
	})
}

// AsksFor reports whether the vendor tells each customer another value of the input's field.
func (v Vendor) AsksFor(field string) bool { return slices.Contains(v.Asks, field) }

// Allowed are the published principals of a vendor whose endpoint is in the region.
func (v Vendor) Allowed(region string) []string {
	allowed := make([]string, len(v.Principals))
	for i, principal := range v.Principals {
		allowed[i] = strings.ReplaceAll(principal, OfRegion, region)
	}
	return allowed
}

// Who is who connects, for people: principals, or the fields of the input and where a customer is told their values.
func (v Vendor) Who() string {
	if len(v.Asks) > 0 {
		when := ""
		if v.Later {
			when = ", once it has the service name"
		}
		return "`" + strings.Join(v.Asks, "` and `") + "`" + when + ": " + v.Ask
	}
	return strings.Join(v.Principals, ", ")
}

// Where is from which regions the vendor connects, for people.
func (v Vendor) Where() string {
	where := "as the customer has chosen"
	if len(v.Regions) > 0 {
		where = strings.Join(v.Regions, ", ")
	}
	if v.AcrossRegions {
		where += "; to databases of every region"
	}
	return where
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

// Listed says where the presets are to be found.
const Listed = "rdslink vendors and docs/vendors.md list the presets"

// Instead says, of an id that is no preset's, which may be meant.
func Instead(id string) string {
	if near := nearest.To(id, IDs()); len(near) > 0 {
		return fmt.Sprintf("did you mean %s?", strings.Join(near, " or "))
	}
	return Listed + "; for others use name and principals"
}
