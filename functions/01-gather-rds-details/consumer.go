package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/database"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/vendor"
)

// consumer is who may connect.
type consumer struct {
	owned.Consumer
	vendor     vendor.Vendor // the zero value for plain principals
	principals []string      // sorted ARNs and service principals
	accounts   []string      // of the principals: from them a connection request is expected
	zones      []string      // ids of the Availability Zones in which it makes endpoints, where it says so
}

func consumerOf(r request, home database.Home) (consumer, error) {
	preset, err := presetOf(r, home)
	if err != nil {
		return consumer{}, err
	}
	c := consumer{Consumer: owned.Consumer{Vendor: preset.ID, Name: r.name}, vendor: preset}
	c.zones = slices.Compact(slices.Sorted(slices.Values(r.vendorZones)))
	if preset.AsksFor(vendor.Account) {
		c.Account = plain(r.vendorAccount)
	}
	given := r.principals // also where a vendor has others: it may have changed them, or the customer allows fewer
	switch {
	case len(given) > 0:
	case c.Account != "":
		given = []string{c.Account}
	default:
		given = preset.Allowed(cmp.Or(r.vendorRegion, home.Region))
	}
	if c.principals, c.accounts, err = principals(given, home); err != nil {
		return consumer{}, err
	}
	if r.acceptance.mode == expectedAccount && len(c.accounts) == 0 && !preset.Later {
		return consumer{}, outcome.BadInput("acceptance.mode expected-account needs an account to expect, " +
			"and a service principal has none: use manual")
	}
	return c, nil
}

// presetOf finds the vendor's preset, or none for a consumer that is named and given by principals.
func presetOf(r request, home database.Home) (vendor.Vendor, error) {
	if r.vendor == "" {
		return vendor.Vendor{}, checkNamed(r)
	}
	preset, known := vendor.Find(r.vendor)
	switch {
	case !known:
		return vendor.Vendor{}, outcome.BadInput("vendor %q is not known; %s", outcome.Typed(r.vendor), vendor.Instead(r.vendor))
	case r.name != "" && !consumerName.MatchString(r.name):
		return vendor.Vendor{}, badName(r.name)
	}
	if err := checkRegion(r, preset, home); err != nil {
		return vendor.Vendor{}, err
	}
	return preset, checkAsked(r, preset)
}

// checkRegion reports, as an error, a region in which the vendor makes no endpoint, or from which it does not reach home.
func checkRegion(r request, preset vendor.Vendor, home database.Home) error {
	elsewhere := r.vendorRegion != "" && r.vendorRegion != home.Region
	has := len(preset.Regions) == 0 || slices.Contains(preset.Regions, cmp.Or(r.vendorRegion, home.Region))
	switch {
	case elsewhere && !preset.AcrossRegions:
		return outcome.BadInput("vendorRegion: %s does not say that it connects across regions (source: %s, %s), and this database is in %s: "+
			"leave vendorRegion out; if it does by now, give supportedRegions", preset.Name, preset.Source, preset.Checked, home.Region)
	case has:
		return nil
	case elsewhere:
		return outcome.BadInput("vendorRegion: %s makes endpoints in %s only, and not in %s (source: %s, %s): give one of them; "+
			"if it does by now, use name, principals and supportedRegions",
			preset.Name, strings.Join(preset.Regions, ", "), r.vendorRegion, preset.Source, preset.Checked)
	case preset.AcrossRegions:
		return outcome.BadInput("vendorRegion is missing: %s makes endpoints in %s only (source: %s, %s), and this database is in %s: "+
			"give the one in which it makes yours, which reaches this region",
			preset.Name, strings.Join(preset.Regions, ", "), preset.Source, preset.Checked, home.Region)
	}
	return outcome.BadInput("vendor %s connects from %s only, and this database is in %s (source: %s, %s): "+
		"if it connects from there by now, use name and principals",
		preset.ID, strings.Join(preset.Regions, ", "), home.Region, preset.Source, preset.Checked)
}

// checkAsked reports, as an error, what a vendor that asks is not told, and what one that does not ask is.
func checkAsked(r request, preset vendor.Vendor) error {
	account := plain(r.vendorAccount)
	switch {
	case !preset.AsksFor(vendor.Account) && account != "" && preset.AsksFor(vendor.Principals):
		return outcome.BadInput("vendorAccount is given, and %s tells each customer a principal: leave vendorAccount out and give principals; "+
			"find it %s", preset.Name, preset.Ask)
	case !preset.AsksFor(vendor.Account) && account != "":
		return outcome.BadInput("vendorAccount is given, and %s has one account for all its customers, which rdslink knows: "+
			"leave vendorAccount out", preset.Name)
	case !preset.AsksFor(vendor.Zones) && len(r.vendorZones) > 0:
		return outcome.BadInput("vendorAvailabilityZoneIds is given, and %s does not publish zones by customer: "+
			"leave vendorAvailabilityZoneIds out", preset.Name)
	case preset.AsksFor(vendor.Account) && account == "":
		return outcome.BadInput("vendorAccount is missing: %s tells each customer another account; find it %s", preset.Name, preset.Ask)
	case preset.AsksFor(vendor.Account) && !accountID.MatchString(account):
		return outcome.BadInput("vendorAccount: %q is not a 12-digit account id; find it %s", outcome.Typed(r.vendorAccount), preset.Ask)
	case preset.AsksFor(vendor.Principals) && !preset.Later && len(r.principals) == 0:
		return outcome.BadInput("principals are missing: %s tells each customer another; find it %s", preset.Name, preset.Ask)
	case preset.AsksFor(vendor.Zones) && len(r.vendorZones) == 0:
		return outcome.BadInput("vendorAvailabilityZoneIds is missing: %s makes endpoints in some Availability Zones only; find them %s",
			preset.Name, preset.Ask)
	}
	return nil
}

func checkNamed(r request) error {
	switch {
	case r.vendorAccount != "" || len(r.vendorZones) > 0:
		return outcome.BadInput("vendorAccount and vendorAvailabilityZoneIds need a vendor: give vendor too, or put the account into principals")
	case r.vendorRegion != "":
		return outcome.BadInput("vendorRegion needs a vendor: give vendor too, or put the region into supportedRegions")
	case len(r.principals) == 0:
		return outcome.BadInput("no consumer: give vendor (%s), or name and principals", vendor.Listed)
	case r.name == "":
		return outcome.BadInput("name is missing: principals need a name, which tells this consumer's service from another's")
	case !consumerName.MatchString(r.name):
		return badName(r.name)
	}
	return nil
}

// consumerName is what a person can recognise in the names of the resources.
var consumerName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func badName(name string) error {
	return outcome.BadInput("name %q must be lower-case letters, digits and hyphens, at most 63 of them, with no hyphen at either end",
		outcome.Typed(name))
}

// suits reports, as an error, a database that the consumer cannot use.
func (c consumer) suits(db database.Database) error {
	if c.vendor.ID != "" && !c.vendor.Connects(db.Engine) {
		return outcome.BadInput("vendor %s connects to %s only, and database %s is %s (source: %s, %s): "+
			"if it connects to that by now, use name and principals",
			c.vendor.ID, strings.Join(c.vendor.Engines, ", "), db.Identifier, db.Engine, c.vendor.Source, c.vendor.Checked)
	}
	return nil
}

// checkZoneCount reports, as an error, fewer zones than the vendor wants of an endpoint service.
func (c consumer) checkZoneCount(chosen []ec2types.Subnet) error {
	if len(chosen) >= c.vendor.MinZones {
		return nil
	}
	return outcome.BadInput("vendor %s wants an endpoint service in %d Availability Zones or more (source: %s, %s), "+
		"and the database's subnet group has %d: add a subnet in another zone to it; if it takes fewer by now, use name and principals",
		c.vendor.ID, c.vendor.MinZones, c.vendor.Source, c.vendor.Checked, len(chosen))
}

// meet adds to the zones in which the database can be those in which the VPC and the vendor are, when they have none in
// common: an endpoint can only be made in a zone of the load balancer, which then reaches the database across zones.
func (c consumer) meet(reachable, ofVPC []string) ([]string, error) {
	common := func(zone string) bool { return slices.Contains(c.zones, zone) }
	if len(c.zones) == 0 || slices.ContainsFunc(reachable, common) {
		return reachable, nil
	}
	if !slices.ContainsFunc(ofVPC, common) {
		return nil, outcome.BadInput("vendorAvailabilityZoneIds: %s makes endpoints in %s, and the database's VPC has usable subnets in %s: "+
			"add a subnet in one of the vendor's zones", c.vendor.Name, strings.Join(c.zones, ", "), strings.Join(ofVPC, ", "))
	}
	for _, zone := range ofVPC {
		if common(zone) {
			reachable = append(reachable, zone)
		}
	}
	slices.Sort(reachable)
	return reachable, nil
}

// ofVendor are the chosen subnets in whose zones the vendor makes endpoints; none, where it does in all.
func (c consumer) ofVendor(chosen []ec2types.Subnet) []ec2types.Subnet {
	return slices.DeleteFunc(slices.Clone(chosen), func(s ec2types.Subnet) bool {
		return !slices.Contains(c.zones, aws.ToString(s.AvailabilityZoneId))
	})
}

// checkZones reports, as an error, zones that are none of the region's.
func (c consumer) checkZones(region []string) error {
	for _, zone := range c.zones {
		if !slices.Contains(region, zone) {
			return outcome.BadInput("vendorAvailabilityZoneIds: %q is not the id of an Availability Zone of this region, which has %s; "+
				"names such as eu-central-1a differ from account to account: give ids", outcome.Typed(zone), strings.Join(region, ", "))
		}
	}
	return nil
}

// principals normalises the given ones as the endpoint service's permissions hold them, and lists their accounts.
func principals(given []string, home database.Home) (normal, accounts []string, err error) {
	normal, accounts = []string{}, []string{}
	for _, text := range given {
		principal, account, err := principal(plain(text), home)
		if err != nil {
			return nil, nil, err
		}
		if slices.Contains(normal, principal) {
			return nil, nil, outcome.BadInput("principals: %s is given twice: leave one out", principal)
		}
		normal = append(normal, principal)
		if account != "" && !slices.Contains(accounts, account) {
			accounts = append(accounts, account)
		}
	}
	slices.Sort(normal)
	slices.Sort(accounts)
	return normal, accounts, nil
}

// plain is an account's id as it is, which the console writes with hyphens: 4444-5555-6666.
func plain(text string) string {
	if hyphened.MatchString(text) {
		return strings.ReplaceAll(text, "-", "")
	}
	return text
}

var (
	hyphened         = regexp.MustCompile(`^[0-9]{4}-[0-9]{4}-[0-9]{4}$`)
	accountID        = regexp.MustCompile(`^[0-9]{12}$`)
	servicePrincipal = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+){0,2}\.amazonaws\.com$`) // endpoints are longer
	iamResource      = regexp.MustCompile(`^(root|(role|user)/[\w+=,.@-]+)$`)
)

func principal(text string, home database.Home) (normal, account string, err error) {
	switch {
	case text == "*":
		return "", "", outcome.BadInput(`principals: "*" would let every AWS account ask for a connection; name the account`)
	case accountID.MatchString(text):
		return "arn:" + home.Partition + ":iam::" + text + ":root", text, nil
	case servicePrincipal.MatchString(text):
		return text, "", nil
	}
	parsed, parseErr := arn.Parse(text)
	if parseErr != nil || parsed.Service != "iam" || parsed.Region != "" || !accountID.MatchString(parsed.AccountID) {
		return "", "", outcome.BadInput("principals: %q is no principal: give a 12-digit account id, the ARN of an account's root, "+
			"of a role or of a user, a service principal such as firehose.amazonaws.com", outcome.Typed(text))
	}
	if parsed.Partition != home.Partition {
		return "", "", outcome.BadInput("principals: %q is of partition %q, and this database is in %s; "+
			"PrivateLink does not cross partitions: give principals of %s, or leave it out",
			outcome.Typed(text), parsed.Partition, home.Partition, home.Partition)
	}
	return text, parsed.AccountID, resource(text, parsed.Resource)
}

// resource checks the last part of a principal's ARN. EC2 takes no path in it (API_ModifyVpcEndpointServicePermissions).
func resource(text, resource string) error {
	if iamResource.MatchString(resource) {
		return nil
	}
	if strings.Count(resource, "/") > 1 {
		return outcome.BadInput("principals: %q has a path, which endpoint services do not support; use the account, or a role without a path",
			outcome.Typed(text))
	}
	return outcome.BadInput("principals: %q must end in root, role/NAME or user/NAME", outcome.Typed(text))
}
