package database

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/internal/outcome"
)

// Names of endpoints: the identifier, what kind of endpoint it is with something of the account's own, and the region
// (RDS guide, "Finding the connection information"; Aurora guide, "Amazon Aurora endpoint connections"; RDS guide, "Viewing
// an RDS Proxy").
var endpointName = regexp.MustCompile(`(?i)\b([a-z][a-z0-9-]*)\.` +
	`((?:cluster-ro-|cluster-custom-|cluster-|proxy-)?)([a-z0-9]+)\.([a-z0-9-]+)\.rds\.amazonaws\.com\b`)

// referAddress takes apart what people have at hand instead of an identifier, and reports whether it is one: the name of an
// endpoint, alone, with a port, in a URL or in a connection string, or the address of a page of the RDS console.
func referAddress(text string, home Home) (ref reference, is bool, err error) {
	if page, err := url.Parse(text); err == nil && strings.Contains(page.Host, "console.") && strings.HasPrefix(page.Path, "/rds/") {
		return referPage(page, home)
	}
	found := endpointName.FindAllStringSubmatch(text, -1)
	if len(found) == 0 {
		return reference{}, false, nil
	}
	host, identifier, kind, region := found[0][0], found[0][1], strings.ToLower(found[0][2]), strings.ToLower(found[0][4])
	if slices.ContainsFunc(found, func(other []string) bool { return !strings.EqualFold(other[0], host) }) {
		return reference{}, true, outcome.BadInput("database: the address names several endpoints: give one, or the identifier")
	}
	if kind == "cluster-ro-" || kind == "cluster-custom-" {
		return reference{}, true, outcome.BadInput("database: %s is not the endpoint that takes writes: %s", host, supported)
	}
	if err := here(host, region, home); err != nil {
		return reference{}, true, err
	}
	resource := map[string]string{"": "db", "cluster-": "cluster", "proxy-": "db-proxy"}[kind]
	return reference{resource: resource, identifier: strings.ToLower(identifier), host: strings.ToLower(host)}, true, nil
}

// referPage reads which database a page of the console is about:
// …/rds/home?region=R#database:id=orders-prod;is-cluster=false.
func referPage(page *url.URL, home Home) (reference, bool, error) {
	_, about, _ := strings.Cut(page.Fragment, ":")
	values := map[string]string{}
	for pair := range strings.SplitSeq(about, ";") {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	if values["id"] == "" {
		return reference{}, true, outcome.BadInput("database: the page of the console is that of no database: give the identifier")
	}
	if region := page.Query().Get("region"); region != "" {
		if err := here(values["id"], region, home); err != nil {
			return reference{}, true, err
		}
	}
	return reference{identifier: strings.ToLower(values["id"])}, true, nil
}

func here(what, region string, home Home) error {
	if region == home.Region {
		return nil
	}
	return outcome.BadInput("database %s is in region %s, and rdslink runs in %s: start the execution of the rdslink in %s",
		what, region, home.Region, region)
}

// means reports, as an error, that the database which was found is not the one at the address that was given: identifiers
// are an account's own. An instance of a cluster has the cluster's domain.
func (r reference) means(db Database) error {
	if r.host == "" || domain(r.host) == domain(db.Host) {
		return nil
	}
	return outcome.BadInput("database %s has the endpoint %s, and not %s: is that one in another account? "+
		"Then start the execution there", db.Identifier, db.Host, r.host)
}

// domain is what an account's endpoints in a region have in common.
func domain(host string) string {
	_, rest, _ := strings.Cut(strings.ToLower(host), ".")
	for _, kind := range []string{"cluster-", "proxy-"} {
		rest = strings.TrimPrefix(rest, kind)
	}
	return rest
}
