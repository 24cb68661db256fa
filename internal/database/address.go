package database

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rdslink/rdslink/internal/outcome"
)

// endpointName are the names of endpoints: the identifier, what kind of endpoint it is with something of the account's own,
// and the region, which China has behind rds (RDS guide, "Finding the connection information" and "Viewing an RDS Proxy";
// Aurora guide, "Amazon Aurora endpoint connections"; aws-advanced-jdbc-wrapper, RdsUtils.java).
var endpointName = regexp.MustCompile(`(?i)\b([a-z][a-z0-9-]*)\.` +
	`((?:cluster-ro-|cluster-custom-|cluster-|endpoint\.proxy-|proxy-|global-|shardgrp-)?)([a-z0-9]+)\.` +
	`(?:([a-z0-9-]+)\.rds|rds\.([a-z0-9-]+))\.amazonaws\.com(?:\.cn)?\b`)

// writing are the kinds of endpoints that can be exposed, by the type of resource that has them.
var writing = map[string]string{"": "db", "cluster-": "cluster", "proxy-": "db-proxy"}

// referAddress takes apart what people have at hand instead of an identifier, and reports whether it is one: the name of an
// endpoint, alone, with a port, in a URL or in a connection string, or the address of a page of the RDS console. No refusal
// repeats more of it than the endpoint: there may be a password in it.
func referAddress(text string, home Home) (ref reference, is bool, err error) {
	if page := consolePage.FindStringSubmatch(text); page != nil {
		ref, err := referPage(page, home)
		return ref, true, err
	}
	found := endpointName.FindAllStringSubmatch(text, -1)
	if len(found) == 0 {
		if strings.ContainsAny(text, ".:/@=\\[") { // which no identifier has
			err = outcome.BadInput("database is neither an identifier, nor an ARN, nor an address with the name of an RDS endpoint in it " +
				"(a name of your own and an IP address do not say whose they are): give the identifier")
		}
		return reference{}, err != nil, err
	}
	host, identifier, kind := strings.ToLower(found[0][0]), strings.ToLower(found[0][1]), strings.ToLower(found[0][2])
	if slices.ContainsFunc(found, func(other []string) bool { return !strings.EqualFold(other[0], host) }) {
		return reference{}, true, outcome.BadInput("database: the address names several endpoints: give one, or the identifier")
	}
	resource, writes := writing[kind]
	if !writes {
		return reference{}, true, notWriting(kind, host, identifier)
	}
	if err := here(host, strings.ToLower(found[0][4]+found[0][5]), home); err != nil {
		return reference{}, true, err
	}
	return reference{resource: resource, identifier: identifier, host: host}, true, nil
}

// notWriting refuses an endpoint that is not the one of a database that takes its writes.
func notWriting(kind, host, identifier string) error {
	advice := supported
	switch kind {
	case "cluster-ro-":
		advice = fmt.Sprintf("give %q for the one of its cluster that does; %s", identifier, supported)
	case "endpoint.proxy-":
		advice = "give the proxy's name for its default one; " + supported
	case "global-":
		return outcome.BadInput("database: %s is that of a global database, which changes its region: "+
			"give the cluster of this region that takes its writes", host)
	}
	return outcome.BadInput("database: %s is not the endpoint that takes writes: %s", host, advice)
}

// consolePage is a page of the RDS console, of any partition, with the account where one is signed in to several:
// https://REGION.console.aws.amazon.com/rds/home?region=REGION#database:id=orders-prod;is-cluster=false.
var consolePage = regexp.MustCompile(`(?i)(?:\b(\d{12})-[a-z0-9]+\.)?(?:\b([a-z]{2}(?:-[a-z]+)+-\d)\.)?` +
	`\bconsole\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)/rds/[^#]*(?:#(.*))?`)

// pages are the pages that are about one database, by what is before the colon.
var pages = map[string]string{"database": "", "dbinstance": "db", "dbcluster": "cluster", "proxy": "db-proxy"}

// referPage reads which database a page of the console is about.
func referPage(page []string, home Home) (reference, error) {
	account, region, fragment := page[1], strings.ToLower(page[2]), page[3]
	if asked := queriedRegion.FindStringSubmatch(page[0]); asked != nil {
		region = strings.ToLower(asked[1])
	}
	about, list, _ := strings.Cut(fragment, ":")
	values := map[string]string{}
	for pair := range strings.SplitSeq(list, ";") {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	id := strings.ToLower(values["id"])
	resource, known := pages[strings.ToLower(about)]
	if !known || !identifierRule.MatchString(id) {
		return reference{}, outcome.BadInput("database: the page of the console is that of no database: give the identifier")
	}
	if region != "" {
		if err := here(id, region, home); err != nil {
			return reference{}, err
		}
	}
	if account != "" && account != home.Account {
		return reference{}, elsewhere(id, account, home)
	}
	switch values["is-cluster"] {
	case "true":
		resource = "cluster"
	case "false":
		resource = "db"
	}
	return reference{resource: resource, identifier: id}, nil
}

var queriedRegion = regexp.MustCompile(`[?&]region=([\w-]+)`)

func here(what, region string, home Home) error {
	if region == home.Region {
		return nil
	}
	return outcome.BadInput("database %s is in region %s, and rdslink runs in %s: start the execution of the rdslink in %s",
		what, region, home.Region, region)
}

func elsewhere(what, account string, home Home) error {
	return outcome.BadInput("database %s belongs to account %s, and rdslink runs in %s: start the execution in the account of the database",
		what, account, home.Account)
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
