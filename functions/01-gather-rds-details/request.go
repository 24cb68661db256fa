package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/ingress"
	"github.com/rdslink/rdslink/internal/nearest"
	"github.com/rdslink/rdslink/internal/outcome"
)

// request is what a person types:
//
//	{
//	  "database": "orders-prod",             DB instance, DB cluster or RDS Proxy: identifier or ARN
//	  "vendor": "pushmetrics",               a preset, or instead of it:
//	  "name": "acme",                        who the consumer is, and
//	  "principals": ["123456789012"],        account ids, account, role or user ARNs, service principals
//
//	  "vendorAccount": "123456789012",       what a vendor's console shows, for vendors that tell each customer
//	  "vendorAvailabilityZoneIds": ["euc1-az1"],  another account and other zones
//
//	  "endpoint": "writer",
//	  "listenerPort": 5432,                  the database's own by default
//	  "acceptance": {"mode": "manual", "maxConnections": 1, "timeoutDays": 14},
//	  "supportedRegions": ["eu-west-1"],     further regions to connect from
//	  "ingress": "subnets",                  or "addresses"
//	  "resolver": "vpc",                     or "none"
//	  "notify": ["dba@example.com"]
//	}
//
// Everything after the first blank line may be left out (the vendor's account and zones unless the vendor asks for them), down to single fields of acceptance; its mode may also be
// "expected-account", and its time limit is in days.
type request struct {
	database         string
	vendor           string
	name             string
	principals       []string
	vendorAccount    string
	vendorZones      []string // Availability Zone ids
	endpoint         string
	listenerPort     int // 0 for the database's
	acceptance       acceptance
	supportedRegions []string
	ingress          string
	resolver         string
	notify           []string
}

type acceptance struct {
	mode           string
	maxConnections int
	timeoutDays    int
}

const (
	manual          = "manual"
	expectedAccount = "expected-account"
	resolverVPC     = "vpc"
	resolverNone    = "none"

	// An execution lives for a year at most, and the other steps need a part of it.
	longestTimeoutDays = 360

	// Nothing that we ask for is longer: the longest is an IAM role's ARN.
	longestText = 256
	longestList = 100

	secondsPerDay = 24 * 60 * 60
)

var requestFields = []string{"database", "vendor", "name", "principals", "vendorAccount", "vendorAvailabilityZoneIds", "endpoint", "listenerPort", "acceptance",
	"supportedRegions", "ingress", "resolver", "notify"}

// parse reads the request and checks what can be checked without asking AWS.
func parse(input json.RawMessage, home database.Home) (request, error) {
	in, err := object(input, "the input", requestFields)
	if err != nil {
		return request{}, err
	}
	r := request{
		database:         in.text("database", ""),
		vendor:           in.text("vendor", ""),
		name:             in.text("name", ""),
		principals:       in.texts("principals"),
		vendorAccount:    in.text("vendorAccount", ""),
		vendorZones:      in.texts("vendorAvailabilityZoneIds"),
		endpoint:         in.text("endpoint", database.Writer),
		listenerPort:     in.whole("listenerPort", 0, 1, 65535),
		acceptance:       in.acceptance(),
		supportedRegions: in.texts("supportedRegions"),
		ingress:          in.oneOf("ingress", ingress.Subnets, ingress.Addresses),
		resolver:         in.oneOf("resolver", resolverVPC, resolverNone),
		notify:           in.texts("notify"),
	}
	if in.err != nil {
		return request{}, in.err
	}
	if err := r.check(); err != nil {
		return request{}, err
	}
	r.supportedRegions, err = otherRegions(r.supportedRegions, home)
	return r, err
}

func (r request) check() error {
	if r.database == "" {
		return outcome.BadInput(`database is missing: give the identifier or the ARN of a DB instance, a DB cluster or an RDS Proxy, such as {"database": "orders-prod", "vendor": "pushmetrics"}`)
	}
	for _, address := range r.notify {
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
			return outcome.BadInput("notify: %q is not an e-mail address", address)
		}
	}
	return nil
}

// otherRegions are the given regions besides home's, which a service always supports.
func otherRegions(given []string, home database.Home) ([]string, error) {
	regions := []string{}
	for _, region := range given {
		if !regionName.MatchString(region) {
			return nil, outcome.BadInput("supportedRegions: %q is not a region's name, such as eu-west-1", region)
		}
		if partitionOf(region) != home.Partition {
			return nil, outcome.BadInput("supportedRegions: %s is in another partition than %s, and PrivateLink does not cross partitions", region, home.Region)
		}
		if region != home.Region && !slices.Contains(regions, region) {
			regions = append(regions, region)
		}
	}
	slices.Sort(regions)
	return regions, nil
}

var regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// homeOf reads where we run from the execution's ARN, which no one can mistype.
func homeOf(execution string) (database.Home, error) {
	parsed, err := arn.Parse(execution)
	if err != nil {
		return database.Home{}, outcome.Failed("read execution %q: %w", execution, err)
	}
	return database.Home{Partition: parsed.Partition, Region: parsed.Region, Account: parsed.AccountID}, nil
}

// fields are the fields of a JSON object. The first field of a wrong type is remembered, so that reading many stays plain.
type fields struct {
	prefix string
	values map[string]json.RawMessage
	err    error
}

func object(input json.RawMessage, what string, known []string) (*fields, error) {
	f := &fields{}
	kind := kindOf(input)
	if err := json.Unmarshal(input, new(json.RawMessage)); err != nil && kind != "nothing" {
		return nil, outcome.BadInput("%s must be valid JSON: %w", what, err)
	}
	if kind != "an object" || json.Unmarshal(input, &f.values) != nil {
		return nil, outcome.BadInput(`%s must be an object, got %s`, what, kind)
	}
	for _, name := range slices.Sorted(maps.Keys(f.values)) {
		if slices.Contains(known, name) {
			continue
		}
		if near := nearest.To(name, known); len(near) > 0 {
			return nil, outcome.BadInput("%s has no field %q; did you mean %q?", what, short(name), near[0])
		}
		return nil, outcome.BadInput("%s has no field %q; the fields are %s", what, short(name), strings.Join(known, ", "))
	}
	return f, nil
}

func (f *fields) acceptance() acceptance {
	input, given := f.values["acceptance"]
	if !given {
		input = json.RawMessage(`{}`)
	}
	in, err := object(input, "acceptance", []string{"mode", "maxConnections", "timeoutDays"})
	if err != nil {
		f.fail(err)
		return acceptance{}
	}
	in.prefix = "acceptance."
	a := acceptance{
		mode:           in.oneOf("mode", manual, expectedAccount),
		maxConnections: in.whole("maxConnections", 1, 1, 1000),
		timeoutDays:    in.whole("timeoutDays", 14, 1, longestTimeoutDays),
	}
	f.fail(in.err)
	return a
}

func (f *fields) text(name, absent string) string {
	value := absent
	f.read(name, "a string", &value)
	if _, given := f.values[name]; given && value == "" {
		f.fail(outcome.BadInput("%s%s is empty: give a value, or leave the field out", f.prefix, name))
	}
	f.limit(name, value)
	return value
}

func (f *fields) texts(name string) []string {
	value := []string{}
	f.read(name, "a list of strings", &value)
	if len(value) > longestList {
		f.fail(outcome.BadInput("%s%s must have at most %d entries, got %d", f.prefix, name, longestList, len(value)))
	}
	for _, text := range value {
		f.limit(name, text)
	}
	return value
}

func (f *fields) limit(name, text string) {
	if len(text) > longestText {
		f.fail(outcome.BadInput("%s%s must have at most %d characters, got %d", f.prefix, name, longestText, len(text)))
	}
}

func (f *fields) whole(name string, absent, lowest, highest int) int {
	value := absent
	f.read(name, "a whole number", &value)
	if _, given := f.values[name]; given && (value < lowest || value > highest) {
		f.fail(outcome.BadInput("%s%s must be from %d to %d, got %d", f.prefix, name, lowest, highest, value))
	}
	return value
}

// oneOf reads one of the values; the first is what an absent field means.
func (f *fields) oneOf(name string, values ...string) string {
	value := f.text(name, values[0])
	if !slices.Contains(values, value) {
		f.fail(outcome.BadInput("%s%s must be %s, got %q", f.prefix, name, strings.Join(values, " or "), value))
	}
	return value
}

func (f *fields) read(name, kind string, into any) {
	value, given := f.values[name]
	if !given {
		return
	}
	if got := kindOf(value); got == "null" || json.Unmarshal(value, into) != nil {
		f.fail(outcome.BadInput("%s%s must be %s, got %s", f.prefix, name, kind, got))
	}
}

func (f *fields) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// kindOf says in words what a JSON value is.
func kindOf(value json.RawMessage) string {
	value = bytes.TrimSpace(value)
	if len(value) == 0 {
		return "nothing"
	}
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "the list " + short(string(value))
	case '"':
		return "the string " + short(string(value))
	case 't', 'f':
		return fmt.Sprintf("the boolean %s", value)
	case 'n':
		return "null"
	default:
		return "the number " + short(string(value))
	}
}

// short keeps a message readable, whatever it quotes.
func short(text string) string {
	const longest = 80
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "..."
}
