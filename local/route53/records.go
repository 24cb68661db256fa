package route53

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/rdslink/rdslink/local/wire"
)

// mostRecords is what an answer has at most (API_ListResourceRecordSets.html, MaxItems).
const mostRecords = 300

func (s *Service) listRecords(
	ctx context.Context, in *route53.ListResourceRecordSetsInput,
) (*route53.ListResourceRecordSetsOutput, error) {
	z, err := s.zoneOf(ctx, in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	most, err := page(in.MaxItems, mostRecords)
	switch {
	case err != nil:
		return nil, err
	case in.StartRecordIdentifier != nil:
		return nil, unmodelled("StartRecordIdentifier")
	case in.StartRecordType != "" && in.StartRecordName == nil:
		return nil, wire.Errorf("InvalidInput", "A type of a record to begin with needs its name")
	}
	sets := slices.SortedFunc(slices.Values(z.records), func(a, b types.ResourceRecordSet) int { return strings.Compare(place(a), place(b)) })
	if in.StartRecordName != nil {
		from := order(*in.StartRecordName) + " " + string(in.StartRecordType)
		sets = slices.DeleteFunc(sets, func(set types.ResourceRecordSet) bool { return place(set) < from })
	}
	out := &route53.ListResourceRecordSetsOutput{MaxItems: aws.Int32(int32(most)), ResourceRecordSets: sets[:min(most, len(sets))]}
	if len(sets) > most {
		out.IsTruncated, out.NextRecordName, out.NextRecordType = true, sets[most].Name, sets[most].Type
	}
	return out, nil
}

// place is where a record stands in a list.
func place(set types.ResourceRecordSet) string { return order(*set.Name) + " " + string(set.Type) }

// changeRecords makes all of the changes or none, and tells everything that is wrong with them
// (API_ChangeResourceRecordSets.html). Its words are those that botocore's and Terraform's issues quote.
func (s *Service) changeRecords(
	ctx context.Context, in *route53.ChangeResourceRecordSetsInput,
) (*route53.ChangeResourceRecordSetsOutput, error) {
	z, err := s.zoneOf(ctx, in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	sets := slices.Clone(z.records)
	var wrong []string
	for _, change := range in.ChangeBatch.Changes {
		set := *change.ResourceRecordSet
		name, err := domain(aws.ToString(set.Name))
		if err != nil {
			return nil, err
		}
		set.Name = aws.String(dotted(name))
		if err := s.check(z, name, set); err != nil {
			return nil, err
		}
		var refused string
		if sets, refused = changed(z, sets, change.Action, set); refused != "" {
			wrong = append(wrong, refused)
		}
	}
	if len(wrong) > 0 {
		return nil, wire.Errorf("InvalidChangeBatch", "[%s]", strings.Join(wrong, ", "))
	}
	z.records = sets
	return &route53.ChangeResourceRecordSetsOutput{ChangeInfo: s.change(z, aws.ToString(in.ChangeBatch.Comment))}, nil
}

// changed are the records after one change, or what is wrong with that.
func changed(
	z *zone, sets []types.ResourceRecordSet, action types.ChangeAction, set types.ResourceRecordSet,
) ([]types.ResourceRecordSet, string) {
	what := fmt.Sprintf("[name='%s', type='%s']", *set.Name, set.Type)
	i := slices.IndexFunc(sets, func(other types.ResourceRecordSet) bool { return *other.Name == *set.Name && other.Type == set.Type })
	needed := set.Type == types.RRTypeSoa || set.Type == types.RRTypeNs && plain(*set.Name) == z.name
	switch {
	case action == types.ChangeActionDelete && i < 0:
		return sets, "Tried to delete resource record set " + what + " but it was not found"
	case action == types.ChangeActionDelete && needed:
		return sets, "A HostedZone must contain at least one NS record for the zone itself, and exactly one SOA record."
	case action == types.ChangeActionDelete && !same(sets[i], set):
		return sets, "Tried to delete resource record set " + what + " but the values provided do not match the current values"
	case action == types.ChangeActionDelete:
		return slices.Delete(sets, i, i+1), ""
	case action == types.ChangeActionCreate && i >= 0:
		return sets, "Tried to create resource record set " + what + " but it already exists"
	case i >= 0:
		sets[i] = set
		return sets, ""
	}
	for _, other := range sets {
		if *other.Name == *set.Name && (set.Type == types.RRTypeCname || other.Type == types.RRTypeCname) {
			return sets, fmt.Sprintf("RRSet of type %s with DNS name %s is not permitted as it conflicts with other records with the same "+
				"DNS name in zone %s", set.Type, *set.Name, dotted(z.name))
		}
	}
	return append(sets, set), ""
}

func same(a, b types.ResourceRecordSet) bool {
	if a.AliasTarget != nil && b.AliasTarget != nil {
		return plain(aws.ToString(a.AliasTarget.DNSName)) == plain(aws.ToString(b.AliasTarget.DNSName)) &&
			aws.ToString(a.AliasTarget.HostedZoneId) == aws.ToString(b.AliasTarget.HostedZoneId)
	}
	return aws.ToInt64(a.TTL) == aws.ToInt64(b.TTL) && a.AliasTarget == nil && b.AliasTarget == nil && slices.Equal(values(a), values(b))
}

// values are a record's, in order.
func values(set types.ResourceRecordSet) []string {
	var all []string
	for _, r := range set.ResourceRecords {
		all = append(all, aws.ToString(r.Value))
	}
	slices.Sort(all)
	return all
}

// text is what a TXT record has: texts in quotation marks, each of 255 characters at most
// (docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html#TXTFormat).
var text = regexp.MustCompile(`^"[^"]{0,255}"( "[^"]{0,255}")*$`)

// check refuses what no zone takes, and what is not modelled.
func (s *Service) check(z *zone, name string, set types.ResourceRecordSet) error {
	refused := func(format string, args ...any) error {
		return wire.Errorf("InvalidChangeBatch", "["+format+"]", args...)
	}
	routed := set.SetIdentifier != nil || set.Weight != nil || set.Failover != "" || set.GeoLocation != nil || set.Region != "" ||
		set.MultiValueAnswer != nil || set.HealthCheckId != nil || set.CidrRoutingConfig != nil || set.GeoProximityLocation != nil
	switch {
	case !within(name, z.name):
		return refused("RRSet with DNS name %s is not permitted in zone %s", dotted(name), dotted(z.name))
	case set.Type == types.RRTypeCname && name == z.name:
		return refused("RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s", dotted(name), dotted(z.name))
	case routed || strings.Contains(name, "*"):
		return unmodelled("Routing policies, health checks and wildcards")
	case set.AliasTarget != nil:
		return s.checkAlias(z, set)
	case set.TTL == nil || len(set.ResourceRecords) == 0:
		return wire.Errorf("InvalidInput", "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "+
			"TrafficPolicyInstanceId], but found none in Change with [Action=%s, Name=%s, Type=%s]", "CREATE", dotted(name), set.Type)
	case !slices.Contains([]types.RRType{"A", "CNAME", "TXT", "NS", "SOA"}, set.Type):
		return unmodelled("Records of type " + string(set.Type))
	}
	for _, value := range values(set) {
		_, err := netip.ParseAddr(value)
		switch {
		case set.Type == types.RRTypeTxt && !text.MatchString(value):
			return refused("Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) "+
				"encountered with '%s''", value)
		case set.Type == types.RRTypeA && err != nil:
			return refused("Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) "+
				"encountered with '%s''", value)
		case set.Type == types.RRTypeCname && len(set.ResourceRecords) > 1:
			return refused("CNAME record sets cannot have more than one value")
		}
	}
	return nil
}

// endpoints is the hosted zone of the names of VPC endpoints in a Region.
const endpoints = "Z273ZU8SZ5RJPC"

// checkAlias: an alias leads to a record of its own zone, or to an AWS resource by the id of its name's zone: here to a VPC
// endpoint's name (API_AliasTarget.html).
func (s *Service) checkAlias(z *zone, set types.ResourceRecordSet) error {
	target, zoneID := plain(aws.ToString(set.AliasTarget.DNSName)), aws.ToString(set.AliasTarget.HostedZoneId)
	if set.TTL != nil || len(set.ResourceRecords) > 0 || set.Type != types.RRTypeA {
		return unmodelled("Aliases other than of type A; a TTL or values beside one")
	}
	lies := zoneID == z.id && within(target, z.name) || zoneID == endpoints && within(target, s.world.Region+".vpce.amazonaws.com")
	if !lies {
		return wire.Errorf("InvalidChangeBatch", "[Tried to create an alias that targets %s, type A in zone %s, but the alias target name does "+
			"not lie within the target zone]", dotted(target), zoneID)
	}
	_, _, known := s.network.Lookup("", target)
	if zoneID == z.id {
		known = slices.ContainsFunc(z.records, func(r types.ResourceRecordSet) bool {
			return *r.Name == dotted(target) && r.Type == types.RRTypeA
		})
	}
	if !known {
		return wire.Errorf("InvalidChangeBatch", "[Tried to create an alias that targets %s, type A in zone %s, but that target was not found]",
			dotted(target), zoneID)
	}
	return nil
}

// aliasTTL is that of the names of VPC endpoints, which an alias takes over, in seconds.
const aliasTTL = 60

// mostHops is how many names may lead to one another.
const mostHops = 8

// Lookup answers as the DNS server of a VPC does, or as public DNS when vpc is "". A private zone of the VPC answers for all
// names below its own, also that there is none, and the longest of several is it
// (docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html). AWS keeps the private name of
// an endpoint in such a zone, too, which has the name itself for its own.
func (s *Service) Lookup(vpc, name string) ([]netip.Addr, uint32, bool) {
	return s.lookup(vpc, name, mostHops)
}

func (s *Service) lookup(vpc, name string, hops int) ([]netip.Addr, uint32, bool) {
	zones, addrs := s.network.Private(vpc, name)
	if len(addrs) > 0 {
		return addrs, aliasTTL, true
	}
	if zones {
		if sets, ok := s.authority(name, func(z *zone) bool { return slices.Contains(z.vpcs, vpc) }); ok {
			return s.answer(vpc, name, sets, hops)
		}
	}
	if addrs, ttl, found := s.network.Lookup(vpc, name); found {
		return addrs, ttl, found
	}
	sets, _ := s.authority(name, func(z *zone) bool { return !z.private })
	return s.answer(vpc, name, sets, hops)
}

// authority is what the zone with the longest name that fits has of a name. Of several with that name, the one that was made
// first is taken for the one that its domain is delegated to.
func (s *Service) authority(name string, asked func(*zone) bool) (sets []types.ResourceRecordSet, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var best *zone
	for _, z := range s.zones {
		if asked(z) && within(name, z.name) && (best == nil || len(z.name) > len(best.name)) {
			best = z
		}
	}
	if best == nil {
		return nil, false
	}
	for _, set := range best.answered {
		if *set.Name == dotted(name) {
			sets = append(sets, set)
		}
	}
	return sets, true
}

// answer are the addresses that a name's records lead to.
func (s *Service) answer(vpc, name string, sets []types.ResourceRecordSet, hops int) (addrs []netip.Addr, ttl uint32, found bool) {
	for _, set := range sets {
		next := ""
		switch {
		case set.AliasTarget != nil:
			next = *set.AliasTarget.DNSName
		case set.Type == types.RRTypeCname:
			next = values(set)[0]
		}
		if next = plain(next); next != "" && next != name && hops > 0 {
			addrs, ttl, _ := s.lookup(vpc, next, hops-1)
			return addrs, cmp.Or(ttl, aliasTTL), true
		}
		if set.Type == types.RRTypeA && set.AliasTarget == nil {
			for _, value := range values(set) {
				addrs = append(addrs, netip.MustParseAddr(value))
			}
			ttl = uint32(aws.ToInt64(set.TTL))
		}
	}
	return addrs, ttl, len(sets) > 0
}

// Texts are what public DNS answers to who asks for a name's TXT records.
func (s *Service) Texts(name string) []string {
	sets, _ := s.authority(plain(name), func(z *zone) bool { return !z.private })
	var all []string
	for _, set := range sets {
		if set.Type == types.RRTypeTxt {
			for _, value := range values(set) {
				all = append(all, strings.ReplaceAll(strings.Trim(value, `"`), `" "`, ""))
			}
		}
	}
	return all
}

// Conflicts says whether a VPC has a private zone of that name already. The world's lock is held.
func (s *Service) Conflicts(vpc, name string) bool {
	return slices.ContainsFunc(s.zones, func(z *zone) bool { return z.name == name && slices.Contains(z.vpcs, vpc) })
}
