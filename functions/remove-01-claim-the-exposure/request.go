package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/nearest"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/vendor"
)

// request is what a person types: {"exposure": "…"}, or what the exposure was set up with. "connections": "end" lets
// consumers be cut off without asking.
type request struct {
	Exposure      string `json:"exposure"`
	Connections   string `json:"connections"`
	Database      string `json:"database"`
	Vendor        string `json:"vendor"`
	VendorAccount string `json:"vendorAccount"`
	Name          string `json:"name"`
	Endpoint      string `json:"endpoint"`

	Databases []struct {
		Database string `json:"database"`
	} `json:"databases"` // of a link
}

// What may become of connections.
const (
	wait = "wait"
	end  = "end"
)

// ofOurs are the fields of a removal; ofSetUp are those of a set-up, which say what it is about or do not matter here.
var (
	ofOurs  = []string{"exposure", "connections"}
	ofSetUp = []string{"database", "databases", "vendor", "name", "principals", "vendorAccount", "vendorAvailabilityZoneIds",
		"vendorRegion", "endpoint",
		"listenerPort", "removed", "acceptance", "supportedRegions", "privateDnsName", "ingress", "resolver", "autoPause", "flowLogs",
		"notify", "requestedBy"}
)

// anID is what an exposure's id consists of.
var anID = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

func parse(input json.RawMessage) (request, error) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(input, &given); err != nil {
		return request{}, outcome.BadInput(`the input is no object: give one such as {"exposure": "orders-prod-pushmetrics-17ac466a"}: %w`, err)
	}
	known := slices.Concat(ofOurs, ofSetUp)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, name) {
			return request{}, outcome.BadInput("%q is no field of a removal or of a set-up: %s", outcome.Typed(name), meant(name, known))
		}
	}
	var r request
	if err := json.Unmarshal(input, &r); err != nil {
		return request{}, outcome.BadInput("give each field what it takes in the input of a set-up: %w", err)
	}
	if r.Connections == "" {
		r.Connections = wait
	}
	switch {
	case r.Connections != wait && r.Connections != end:
		return request{}, outcome.BadInput("connections must be %q or %q, and is %q", wait, end, outcome.Typed(r.Connections))
	case r.Exposure != "" && !anID.MatchString(r.Exposure):
		return request{}, outcome.BadInput("exposure: %q is no exposure's id: give one as make list prints it", outcome.Typed(r.Exposure))
	case r.Exposure != "" && (r.Database != "" || len(r.Databases) > 0):
		return request{}, outcome.BadInput("exposure and database are both given: leave one of them out")
	case r.Database != "" && len(r.Databases) > 0:
		return request{}, outcome.BadInput("database and databases are both given: leave one of them out")
	case r.Exposure == "" && (r.Database == "" && len(r.Databases) == 0 || r.Vendor == "" && r.Name == ""):
		return request{}, outcome.BadInput(`what is to be removed? give exposure, such as {"exposure": "orders-prod-pushmetrics-17ac466a"}, ` +
			"or the whole input of its set-up")
	}
	return r, nil
}

func meant(name string, known []string) string {
	if near := nearest.To(name, known); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return "leave it out"
}

// consumer is who the exposure is for.
func (r request) consumer() owned.Consumer {
	c := owned.Consumer{Vendor: r.Vendor, Name: r.Name}
	if preset, known := vendor.Find(r.Vendor); known && preset.AsksFor(vendor.Account) {
		c.Account = r.VendorAccount
	}
	return c
}

// exposure is the id of what is meant. A database may be gone, so nobody asks RDS: the registry knows what a name meant, and
// where it does not, the ids follow from what the database's ARN must have been.
func (s claimTheExposure) exposure(ctx context.Context, r request, execution string) (string, error) {
	if r.Exposure != "" {
		return r.Exposure, nil
	}
	own, err := arn.Parse(execution)
	if err != nil {
		return "", outcome.Failed("read execution %q, report this to rdslink's developers: %w", execution, err)
	}
	home := database.Home{Partition: own.Partition, Region: own.Region, Account: own.AccountID}
	if len(r.Databases) > 0 {
		return s.link(ctx, r, home)
	}
	meant, err := database.Refer(r.Database, home)
	if err != nil {
		return "", err
	}
	all, err := s.registry.All(ctx)
	if err != nil {
		return "", err
	}
	c := r.consumer()
	var ids []string
	for _, e := range all {
		if meant.Is(e.DatabaseARN, e.DatabaseIdentifier) && is(e, c) {
			ids = append(ids, e.ID)
		}
	}
	switch len(ids) {
	case 1:
		return ids[0], nil
	case 0:
		return s.unrecorded(ctx, meant, c)
	}
	return "", outcome.BadInput("the input means %s: give one of them as exposure", strings.Join(ids, " and "))
}

// link is the id of the link of a consumer that has one of the databases that are named.
func (s claimTheExposure) link(ctx context.Context, r request, home database.Home) (string, error) {
	all, err := s.registry.All(ctx)
	if err != nil {
		return "", err
	}
	c := r.consumer()
	var ids []string
	for _, one := range r.Databases {
		meant, err := database.Refer(one.Database, home)
		if err != nil {
			return "", err
		}
		for _, e := range all {
			if e.OnLink() && meant.Is(e.DatabaseARN, e.DatabaseIdentifier) && is(e, c) && !slices.Contains(ids, e.Link) {
				ids = append(ids, e.Link)
			}
		}
	}
	switch len(ids) {
	case 1:
		return ids[0], nil
	case 0:
		return "", outcome.BadInput("databases: the registry knows no link of them for %q: give exposure, as make list prints it",
			outcome.Typed(c.String()))
	}
	return "", outcome.BadInput("databases: the input means %s: give one of them as exposure", strings.Join(ids, " and "))
}

// is tells the exposure's consumer. A vendor that has an account for each customer was expected from that.
func is(e registry.Exposure, c owned.Consumer) bool {
	return e.Vendor == c.Vendor && e.Consumer == c.String() && (c.Account == "" || slices.Contains(e.Accounts, c.Account))
}

// unrecorded is the exposure that the registry does not know, if anything carries its tags.
func (s claimTheExposure) unrecorded(ctx context.Context, meant database.Named, c owned.Consumer) (string, error) {
	for _, database := range meant.ARNs {
		for _, id := range []string{
			s.found.Owner.ID(database, writer, meant.Identifier, c), s.found.Owner.FormerID(database, writer, meant.Identifier, c),
		} {
			there, err := s.found.All(ctx, id)
			if err != nil {
				return "", err
			}
			if len(there.Things) > 0 {
				return id, nil
			}
		}
	}
	return "", outcome.BadInput("nothing is left of an exposure of %s for %q: neither the registry knows one, nor does anything carry "+
		"its tags. It is removed already, or another: give exposure", meant.Identifier, outcome.Typed(c.String()))
}

// writer is the only endpoint that there are exposures of.
const writer = "writer"

func nothing(id string) error {
	return outcome.BadInput("nothing is left of exposure %s: the registry does not know it, and nothing carries its tags. "+
		"It is removed already, or has another id: make list names all", id)
}

func stopped(id, execution string) string {
	return fmt.Sprintf("%s removes exposure %s", execution, id)
}
