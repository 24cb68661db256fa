package main

import (
	"encoding/json"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/cost"
	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/ingress"
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
//	  "vendorRegion": "us-east-1",           where the vendor makes its endpoint, if elsewhere
//
//	  "endpoint": "writer",
//	  "listenerPort": 5432,                  the database's own by default
//	  "removed": "tell",                     or "reject": who is connected and not of the principals
//	  "acceptance": {"mode": "manual", "maxConnections": 1, "timeoutDays": 14},
//	  "supportedRegions": ["eu-west-1"],     further regions to connect from
//	  "privateDnsName": "db.example.com",    of the endpoint service, or "none"
//	  "ingress": "subnets",                  or "addresses"
//	  "resolver": "vpc",                     or "none"
//	  "autoPause": "keep",                   or "prevent"
//	  "flowLogs": false,                     or true: records of what goes through the load balancer
//	  "notify": ["dba@example.com"],
//	  "requestedBy": "olga"                  who is to be asked about the exposure
//	}
//
// Instead of database and listenerPort, databases has several, which share a load balancer and an endpoint service:
//
//	"databases": [{"database": "orders-prod", "listenerPort": 5432}, {"database": "ledger-prod", "listenerPort": 5433}]
//
// Everything after the first blank line may be left out (the vendor's account and zones unless the vendor asks for them),
// down to single fields of acceptance; its mode may also be "expected-account", and its time limit is in days.
type request struct {
	database         string
	vendor           string
	name             string
	principals       []string
	vendorAccount    string
	vendorZones      []string // Availability Zone ids
	vendorRegion     string   // empty for the database's
	endpoint         string
	listenerPort     int // 0 for the database's
	removed          string
	acceptance       acceptance
	supportedRegions []string
	regionsGiven     bool   // also where none are: then the exposure gives up those that it has
	privateDNSName   string // empty: the one that the exposure has
	ingress          string
	resolver         string
	autoPause        string
	flowLogs         bool
	notify           []string
	requestedBy      string
	databases        []linked // of a link; nil for a database by itself
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
	noName          = "none"
	keepPause       = "keep"
	preventPause    = "prevent"

	// An execution lives for a year at most, and the other steps need a part of it.
	longestTimeoutDays = 360

	secondsPerDay = 24 * 60 * 60
)

var requestFields = []string{"database", "databases", "vendor", "name", "principals", "vendorAccount", "vendorAvailabilityZoneIds",
	"vendorRegion", "endpoint", "listenerPort", "removed", "acceptance", "supportedRegions", "privateDnsName", "ingress", "resolver",
	"autoPause", "flowLogs", "notify", "requestedBy"}

var acceptanceFields = []string{"mode", "maxConnections", "timeoutDays"}

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
		vendorRegion:     in.text("vendorRegion", ""),
		endpoint:         in.text("endpoint", database.Writer),
		listenerPort:     in.whole("listenerPort", 0, 65535),
		removed:          in.oneOf("removed", connection.TellRemoved, connection.RejectRemoved),
		acceptance:       in.acceptance(),
		supportedRegions: in.texts("supportedRegions"),
		privateDNSName:   strings.ToLower(strings.TrimSuffix(in.text("privateDnsName", ""), ".")),
		ingress:          in.oneOf("ingress", ingress.Subnets, ingress.Addresses),
		resolver:         in.oneOf("resolver", resolverVPC, resolverNone),
		autoPause:        in.oneOf("autoPause", keepPause, preventPause),
		flowLogs:         in.flag("flowLogs"),
		notify:           in.texts("notify"),
		requestedBy:      in.text("requestedBy", ""),
		databases:        in.databases(),
	}
	if in.err != nil {
		return request{}, in.err
	}
	if err := r.check(); err != nil {
		return request{}, err
	}
	_, r.regionsGiven = in.values["supportedRegions"]
	if r.supportedRegions, err = otherRegions("supportedRegions", r.supportedRegions, home); err != nil || r.vendorRegion == "" {
		return r, err
	}
	theirs, err := otherRegions("vendorRegion", []string{r.vendorRegion}, home)
	r.supportedRegions = union(r.supportedRegions, theirs)
	return r, err
}

func (f *fields) acceptance() acceptance {
	input, given := f.values["acceptance"]
	if !given {
		input = json.RawMessage(`{}`)
	}
	in, err := object(input, "acceptance", acceptanceFields)
	if err != nil {
		f.fail(err)
		return acceptance{}
	}
	in.prefix = "acceptance."
	a := acceptance{
		mode:           in.oneOf("mode", manual, expectedAccount),
		maxConnections: in.whole("maxConnections", 1, 1000),
		timeoutDays:    in.whole("timeoutDays", 14, longestTimeoutDays),
	}
	f.fail(in.err)
	return a
}

func (r request) check() error {
	if r.database == "" && r.databases == nil {
		return outcome.BadInput(`database is missing: give the identifier or the ARN of a DB instance, a DB cluster or an RDS Proxy, ` +
			`such as {"database": "orders-prod", "vendor": "pushmetrics"}`)
	}
	for _, address := range r.notify {
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address || !mailbox.MatchString(address) {
			return outcome.BadInput("notify: %q is not an e-mail address that SNS takes: give one such as dba@example.com, "+
				"in ASCII, of a public domain", outcome.Typed(address))
		}
	}
	if err := r.checkLinked(); err != nil {
		return err
	}
	if strings.ContainsFunc(r.requestedBy, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return outcome.BadInput("requestedBy: %q has characters that are none to read: give a name on one line", outcome.Typed(r.requestedBy))
	}
	if r.privateDNSName != "" && r.privateDNSName != noName {
		return checkPrivateName(r.privateDNSName)
	}
	return nil
}

// mailbox is an address that SNS takes: ASCII (Amazon SNS FAQ and API_Subscribe, InvalidParameter "Email address"), at a
// domain of two labels at least. A comma or a space would make two of it.
var mailbox = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+/=?^_{|}~.-]{1,64}@` +
	`([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])$`)

// suits reports, as an error, what an exposure would take from the database without being asked to.
func (r request) suits(db database.Database) error {
	if !db.Pauses || r.autoPause == preventPause {
		return nil
	}
	return outcome.BadInput("database %s pauses while nobody connects (Aurora Serverless v2 with a minimum capacity of 0), "+
		"and an exposure keeps it awake: "+
		`every check of its health is a connection. Raise its minimum capacity, or give "autoPause": "prevent" to have it awake for good, `+
		"which costs at least $%.2f a month (%s)", db.Identifier, cost.AwakeUSD(), cost.Region)
}

// otherRegions are the regions that a field gives besides home's, which a service always supports.
func otherRegions(field string, given []string, home database.Home) ([]string, error) {
	regions := []string{}
	for _, region := range given {
		if !regionName.MatchString(region) {
			return nil, outcome.BadInput("%s: %q is not a region's name: give one such as eu-west-1", field, outcome.Typed(region))
		}
		if partitionOf(region) != home.Partition {
			return nil, outcome.BadInput("%s: %s is in another partition than %s, "+
				"and PrivateLink does not cross partitions: leave it out", field, region, home.Region)
		}
		if region != home.Region {
			regions = append(regions, region)
		}
	}
	return union(regions, nil), nil
}

// union holds what is in one of two lists, sorted.
func union(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
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
		return database.Home{}, outcome.Failed("read execution %q: %w: report it as a fault of rdslink", execution, err)
	}
	return database.Home{Partition: parsed.Partition, Region: parsed.Region, Account: parsed.AccountID}, nil
}
