// Package vendor holds what consumers publish about themselves: whom to allow, from where they can connect, and how they want
// to be told.
package vendor

import "slices"

// Vendor is one preset.
type Vendor struct {
	ID         string
	Name       string
	Principals []string
	Regions    []string // where its endpoints live; a database elsewhere is out of its reach
	Engines    []string // as RDS spells them
	Handoff    string   // how the vendor wants to receive the service name
	AfterShare string   // what the vendor does then
	Source     string
	Checked    string // the date on which the source said so
}

var presets = []Vendor{
	{
		ID:         "pushmetrics",
		Name:       "PushMetrics",
		Principals: []string{"arn:aws:iam::133737826969:root"},
		Regions:    []string{"eu-central-1"},
		Engines:    []string{"postgres", "mysql"},
		Handoff:    "Send to your PushMetrics contact (e-mail or account manager).",
		AfterShare: "PushMetrics creates an interface endpoint to the service, tests the connection once we have accepted it, " +
			"and uses the endpoint's DNS name as the database host. Credentials are given in the PushMetrics application, and only then.",
		Source:  "PushMetrics documentation on RDS over AWS PrivateLink",
		Checked: "2026-11-21",
	},
}

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
