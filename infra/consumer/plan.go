package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/rdslink/rdslink/internal/handoff"
)

// plan is what the stack is made of: the hand-off, what was asked for, and what the look at the account has found.
type plan struct {
	Account string `json:"account,omitempty"` // where it goes; empty: wherever cdk's credentials lead
	Region  string `json:"region,omitempty"`

	Exposure    string     `json:"exposure"` // a link's own, where there are several databases
	ServiceName string     `json:"serviceName"`
	Databases   []database `json:"databases"`

	VPC       string   `json:"vpc"`
	Subnets   []string `json:"subnets"`
	Clients   []string `json:"clients"` // security groups and blocks
	Host      string   `json:"host,omitempty"`
	Operators string   `json:"operators,omitempty"`
	Trusted   []string `json:"trusted,omitempty"`
}

// database is one that the stack leads to.
type database struct {
	Exposure string `json:"exposure"` // of a link each has its own
	Host     string `json:"host"`     // the name in its certificate
	Port     int    `json:"port"`     // the listener's
}

// databasesOf are those of a hand-off: of an exposure by itself one.
func databasesOf(d handoff.Document) (all []database) {
	for _, one := range d.Databases {
		all = append(all, database{one.Exposure, one.TLSServerName, one.Port})
	}
	if all == nil {
		all = []database{{d.Exposure, d.TLSServerName, d.Port}}
	}
	return all
}

// idOf tells a database's resources from those of the link's others, whichever of them come and go: a name that moved from
// one resource to another would be made before it is taken away.
func (p plan) idOf(d database) string {
	if d.Exposure == p.Exposure {
		return ""
	}
	return d.Exposure
}

// ports are the databases', each once.
func (p plan) ports() (all []int) {
	for _, d := range p.Databases {
		all = append(all, d.Port)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// mostRules are how many a security group takes. A link has no more databases than that: with one client there is always
// room.
const mostRules = 60

// checkRules: each client has a rule for each port.
func (p plan) checkRules() error {
	if clients, ports := len(p.Clients), len(p.ports()); clients*ports > mostRules {
		return fmt.Errorf("context clients: with %d of them and %d ports the endpoint's security group would have %d rules, and the "+
			"limit is %d: give one group or block that all clients are in, CLIENTS=sg-…", clients, ports, clients*ports, mostRules)
	}
	return nil
}

// stackName is one for each exposure and VPC: another VPC is another stack.
func (p plan) stackName() string { return "rdslink-consumer-" + p.Exposure + "-" + p.VPC }

// leastZones are how many of the service's zones an endpoint is in: a zone may fail.
const leastZones = 2

// chooseSubnets takes a subnet in each zone that the service has, by zone id: names are every account's own. Those that the
// endpoint is in stay; of others the first by id that has a free address.
func chooseSubnets(o options, zones []string, found []types.Subnet, held []string) ([]string, error) {
	byZone := map[string]string{}
	slices.SortFunc(found, func(a, b types.Subnet) int {
		return strings.Compare(aws.ToString(a.SubnetId), aws.ToString(b.SubnetId))
	})
	var own, full []string
	for _, s := range found {
		id, zone := aws.ToString(s.SubnetId), aws.ToString(s.AvailabilityZoneId)
		own = append(own, zone)
		switch kept := slices.Contains(held, id); {
		case !slices.Contains(zones, zone):
		case kept:
			byZone[zone] = id
		case aws.ToInt32(s.AvailableIpAddressCount) < 1:
			full = append(full, id)
		case byZone[zone] == "":
			byZone[zone] = id
		}
	}
	if len(byZone) < leastZones {
		return nil, fewZones(o.vpc, zones, own, full)
	}
	return sortedValues(byZone), nil
}

func fewZones(vpc string, zones, own, full []string) error {
	slices.Sort(own)
	text := fmt.Sprintf("context vpc: %s has subnets in %s, and the service is in %s: the endpoint needs %d zones that both have",
		vpc, listed(slices.Compact(own)), listed(zones), leastZones)
	if len(full) > 0 {
		text += fmt.Sprintf(" and free addresses, which %s has not", listed(full))
	}
	return fmt.Errorf("%s: make subnets there (ids tell zones apart, names differ between accounts), or have the owner add zones", text)
}

// checkSubnets judges those that were asked for.
func checkSubnets(o options, zones []string, found []types.Subnet) ([]string, error) {
	byZone := map[string]string{}
	for _, id := range o.subnets {
		i := slices.IndexFunc(found, func(s types.Subnet) bool { return aws.ToString(s.SubnetId) == id })
		if i < 0 {
			return nil, fmt.Errorf("context subnets: %s is not in %s: give subnets of that VPC, or leave them out", id, o.vpc)
		}
		zone := aws.ToString(found[i].AvailabilityZoneId)
		switch other := byZone[zone]; {
		case !slices.Contains(zones, zone):
			return nil, fmt.Errorf("context subnets: %s is in %s, and the service is in %s: give subnets in these zones, or leave them out",
				id, zone, listed(zones))
		case other != "":
			return nil, fmt.Errorf("context subnets: %s and %s are both in %s, and an endpoint takes one of each zone: leave one out",
				other, id, zone)
		}
		byZone[zone] = id
	}
	if len(byZone) < leastZones {
		return nil, fmt.Errorf("context subnets: they are in one zone, and that may fail: give subnets in %d of %s, or leave them out",
			leastZones, listed(zones))
	}
	return sortedValues(byZone), nil
}

func sortedValues(of map[string]string) (all []string) {
	for _, value := range of {
		all = append(all, value)
	}
	slices.Sort(all)
	return all
}

func listed(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}
