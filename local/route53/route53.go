// Package route53 models the hosted zones of Amazon Route 53, public and private: which records they have, and what DNS
// answers for them to whom. One store has the zones of all accounts, whoever made them: the API, or CloudFormation.
package route53

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

// Network is what Route 53 knows of EC2: whose VPCs there are, and the names that AWS answers itself.
type Network interface {
	// Owner is the account of a VPC. The world's lock is held.
	Owner(vpc string) (account string, ok bool)
	// Lookup answers by AWS's own names, those of databases, endpoints and the like; "" is outside of every VPC.
	Lookup(vpc, name string) (addrs []netip.Addr, ttl uint32, found bool)
	// Private says whether a VPC's DNS answers by private hosted zones, and what it answers to the private name of an endpoint.
	Private(vpc, name string) (zones bool, addrs []netip.Addr)
}

// Service is Route 53 for all accounts. The world's lock guards all of it; what DNS answers has a lock of its own, which is
// taken inside the world's: DNS servers ask while that is held.
type Service struct {
	world   *model.World
	network Network

	mu      sync.RWMutex
	zones   []*zone
	changes map[string]*types.ChangeInfo
}

// New makes a Route 53 without zones.
func New(w *model.World, n Network) *Service {
	return &Service{world: w, network: n, changes: map[string]*types.ChangeInfo{}}
}

// zone is a hosted zone. Its records are what the API tells; those that are answered follow when the change is in sync.
type zone struct {
	id, account string
	name        string // lower case, without the final dot
	reference   string
	comment     string
	vpcs        []string // of a private zone
	tags        map[string]string
	private     bool
	records     []types.ResourceRecordSet
	answered    []types.ResourceRecordSet
	changed     int // how often the records were changed
	inSync      int // by how many of the changes is answered
}

// Operations are Route 53's operations, by their AWS name.
func (s *Service) Operations() wire.Operations {
	return wire.Operations{
		"CreateHostedZone":              wire.Op(s.createZone),
		"GetHostedZone":                 wire.Op(s.getZone),
		"ListHostedZones":               wire.Op(s.listZones),
		"ListHostedZonesByName":         wire.Op(s.listZonesByName),
		"ListHostedZonesByVPC":          wire.Op(s.listZonesByVPC),
		"DeleteHostedZone":              wire.Op(s.deleteZone),
		"AssociateVPCWithHostedZone":    wire.Op(s.associateVPC),
		"DisassociateVPCFromHostedZone": wire.Op(s.disassociateVPC),
		"ChangeResourceRecordSets":      wire.Op(s.changeRecords),
		"ListResourceRecordSets":        wire.Op(s.listRecords),
		"GetChange":                     wire.Op(s.getChange),
		"ChangeTagsForResource":         wire.Op(s.changeTags),
		"ListTagsForResource":           wire.Op(s.listTags),
	}
}

func unmodelled(what string) error {
	return wire.Errorf("InvalidInput", "%s: no part of this local cloud", what)
}

// plain is a name as it is kept: lower case, without the final dot.
func plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func dotted(name string) string { return name + "." }

// within says whether name is domain or below it.
func within(name, domain string) bool { return name == domain || strings.HasSuffix(name, "."+domain) }

// order is a name as Route 53 sorts by: its labels reversed (API_ListHostedZonesByName.html, "ASCII order").
func order(name string) string {
	labels := strings.Split(plain(name), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}

// domain checks a domain name (docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html).
func domain(name string) (string, error) {
	name = plain(name)
	bad := name == "" || len(name) > 255
	for label := range strings.SplitSeq(name, ".") {
		bad = bad || label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r > '~' })
	}
	if bad {
		return "", wire.Errorf("InvalidDomainName", "%s is not a valid domain name", name)
	}
	return name, nil
}

func unknown(id string) error {
	return &wire.Error{Code: "NoSuchHostedZone", Message: "No hosted zone found with ID: " + id, Status: http.StatusNotFound}
}

// zoneOf is the caller's zone with that id.
func (s *Service) zoneOf(ctx context.Context, id *string) (*zone, error) {
	for _, z := range s.zones {
		if z.id == strings.TrimPrefix(aws.ToString(id), "/hostedzone/") && z.account == wire.CallerOf(ctx).Account {
			return z, nil
		}
	}
	return nil, unknown(aws.ToString(id))
}

func (s *Service) createZone(ctx context.Context, in *route53.CreateHostedZoneInput) (*route53.CreateHostedZoneOutput, error) {
	name, err := domain(aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	config := types.HostedZoneConfig{}
	if in.HostedZoneConfig != nil {
		config = *in.HostedZoneConfig
	}
	z := &zone{
		id: "Z" + strings.ToUpper(model.Hex(20)), account: wire.CallerOf(ctx).Account, name: name, private: in.VPC != nil,
		reference: aws.ToString(in.CallerReference), comment: aws.ToString(config.Comment),
	}
	switch {
	case in.DelegationSetId != nil:
		return nil, unmodelled("DelegationSetId")
	case config.PrivateZone && in.VPC == nil:
		return nil, wire.Errorf("InvalidInput", "When you're creating a private hosted zone, VPCId and VPCRegion are required.")
	case slices.ContainsFunc(s.zones, func(o *zone) bool { return o.account == z.account && o.reference == z.reference }):
		return nil, &wire.Error{Code: "HostedZoneAlreadyExists", Status: http.StatusConflict,
			Message: "A hosted zone has already been created with the specified caller reference."}
	}
	if in.VPC != nil {
		if err := s.associate(ctx, z, in.VPC); err != nil {
			return nil, err
		}
	}
	z.records = []types.ResourceRecordSet{
		record(name, types.RRTypeNs, 172800, nameServers...),
		record(name, types.RRTypeSoa, 900, nameServers[0]+". awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"),
	}
	s.mu.Lock()
	s.zones = append(s.zones, z)
	s.mu.Unlock()
	out := &route53.CreateHostedZoneOutput{
		HostedZone: new(z.described()), ChangeInfo: s.change(z, ""), VPC: in.VPC,
		Location: aws.String("https://route53.amazonaws.com/2013-04-01/hostedzone/" + z.id),
	}
	out.DelegationSet = z.delegation()
	return out, nil
}

var nameServers = []string{"ns-1.awsdns-00.com", "ns-512.awsdns-00.net", "ns-1024.awsdns-00.org", "ns-1536.awsdns-00.co.uk"}

func record(name string, kind types.RRType, ttl int64, values ...string) types.ResourceRecordSet {
	set := types.ResourceRecordSet{Name: aws.String(dotted(name)), Type: kind, TTL: &ttl}
	for _, v := range values {
		set.ResourceRecords = append(set.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return set
}

// delegation are the name servers of a public zone; a private one has none that anybody could ask.
func (z *zone) delegation() *types.DelegationSet {
	if z.private {
		return nil
	}
	return &types.DelegationSet{NameServers: nameServers}
}

func (z *zone) described() types.HostedZone {
	out := types.HostedZone{
		Id: aws.String("/hostedzone/" + z.id), Name: aws.String(dotted(z.name)), CallerReference: &z.reference,
		Config:                 &types.HostedZoneConfig{PrivateZone: z.private},
		ResourceRecordSetCount: aws.Int64(int64(len(z.records))),
	}
	if z.comment != "" {
		out.Config.Comment = &z.comment
	}
	return out
}

// associate has a VPC's DNS answer by the zone. Two zones of a name would contradict each other in it
// (API_AssociateVPCWithHostedZone.html).
func (s *Service) associate(ctx context.Context, z *zone, v *types.VPC) error {
	id := aws.ToString(v.VPCId)
	owner, ok := s.network.Owner(id)
	switch {
	case !ok || string(v.VPCRegion) != s.world.Region:
		return wire.Errorf("InvalidVPCId", "The VPC: %s that you provided is not found in region %s.", id, v.VPCRegion)
	case owner != wire.CallerOf(ctx).Account:
		return &wire.Error{Code: "NotAuthorizedException", Status: http.StatusUnauthorized,
			Message: "The VPC " + id + " has not authorized to associate with your hosted zone."}
	}
	for _, other := range s.zones {
		if other.name == z.name && slices.Contains(other.vpcs, id) {
			return wire.Errorf("ConflictingDomainExists",
				"The VPC %s in region %s has already been associated with the hosted zone %s with the same domain name.", id, v.VPCRegion, other.id)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	z.vpcs = append(z.vpcs, id)
	return nil
}

func (s *Service) associateVPC(
	ctx context.Context, in *route53.AssociateVPCWithHostedZoneInput,
) (*route53.AssociateVPCWithHostedZoneOutput, error) {
	z, err := s.zoneOf(ctx, in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	if !z.private {
		return nil, wire.Errorf("PublicZoneVPCAssociation", "You're trying to associate a VPC with a public hosted zone.")
	}
	if err := s.associate(ctx, z, in.VPC); err != nil {
		return nil, err
	}
	return &route53.AssociateVPCWithHostedZoneOutput{ChangeInfo: s.change(z, aws.ToString(in.Comment))}, nil
}

func (s *Service) disassociateVPC(
	ctx context.Context, in *route53.DisassociateVPCFromHostedZoneInput,
) (*route53.DisassociateVPCFromHostedZoneOutput, error) {
	z, err := s.zoneOf(ctx, in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	i := slices.Index(z.vpcs, aws.ToString(in.VPC.VPCId))
	switch {
	case i < 0:
		return nil, &wire.Error{Code: "VPCAssociationNotFound", Status: http.StatusNotFound,
			Message: "The VPC is not associated with the hosted zone."}
	case len(z.vpcs) == 1:
		return nil, wire.Errorf("LastVPCAssociation", "The VPC is the only VPC that is associated with the private hosted zone.")
	}
	s.mu.Lock()
	z.vpcs = slices.Delete(z.vpcs, i, i+1)
	s.mu.Unlock()
	return &route53.DisassociateVPCFromHostedZoneOutput{ChangeInfo: s.change(z, aws.ToString(in.Comment))}, nil
}

func (s *Service) getZone(ctx context.Context, in *route53.GetHostedZoneInput) (*route53.GetHostedZoneOutput, error) {
	z, err := s.zoneOf(ctx, in.Id)
	if err != nil {
		return nil, err
	}
	out := &route53.GetHostedZoneOutput{HostedZone: new(z.described()), DelegationSet: z.delegation()}
	for _, id := range z.vpcs {
		out.VPCs = append(out.VPCs, types.VPC{VPCId: aws.String(id), VPCRegion: types.VPCRegion(s.world.Region)})
	}
	return out, nil
}

// mostZones is what an answer has at most (API_ListHostedZonesByName.html, MaxItems).
const mostZones = 100

// page is the size of an answer.
func page(asked *int32, most int) (int, error) {
	if asked == nil {
		return most, nil
	}
	if *asked < 1 {
		return 0, wire.Errorf("InvalidInput", "MaxItems must be greater than 0")
	}
	return min(int(*asked), most), nil
}

// owned are the caller's zones by name, and by id among those of a name.
func (s *Service) owned(ctx context.Context) []*zone {
	var own []*zone
	for _, z := range s.zones {
		if z.account == wire.CallerOf(ctx).Account {
			own = append(own, z)
		}
	}
	slices.SortFunc(own, func(a, b *zone) int {
		return strings.Compare(order(a.name)+" "+a.id, order(b.name)+" "+b.id)
	})
	return own
}

func (s *Service) listZones(ctx context.Context, in *route53.ListHostedZonesInput) (*route53.ListHostedZonesOutput, error) {
	if in.DelegationSetId != nil || in.HostedZoneType != "" {
		return nil, unmodelled("DelegationSetId, HostedZoneType")
	}
	most, err := page(in.MaxItems, mostZones)
	if err != nil {
		return nil, err
	}
	own := s.owned(ctx)
	if marker := aws.ToString(in.Marker); marker != "" {
		i := slices.IndexFunc(own, func(z *zone) bool { return z.id == marker })
		if i < 0 {
			return nil, unknown(marker)
		}
		own = own[i:]
	}
	out := &route53.ListHostedZonesOutput{Marker: in.Marker, MaxItems: aws.Int32(int32(most)), HostedZones: []types.HostedZone{}}
	for _, z := range own[:min(most, len(own))] {
		out.HostedZones = append(out.HostedZones, z.described())
	}
	if len(own) > most {
		out.IsTruncated, out.NextMarker = true, &own[most].id
	}
	return out, nil
}

// listZonesByName begins with the zone of that name, or with the next one: it does not look for a name.
func (s *Service) listZonesByName(
	ctx context.Context, in *route53.ListHostedZonesByNameInput,
) (*route53.ListHostedZonesByNameOutput, error) {
	most, err := page(in.MaxItems, mostZones)
	if err != nil {
		return nil, err
	}
	own, from := s.owned(ctx), ""
	if in.DNSName != nil {
		name, err := domain(*in.DNSName)
		if err != nil {
			return nil, err
		}
		from = order(name) + " " + aws.ToString(in.HostedZoneId)
	} else if in.HostedZoneId != nil {
		return nil, wire.Errorf("InvalidInput", "hostedzoneid needs dnsname")
	}
	own = slices.DeleteFunc(own, func(z *zone) bool { return order(z.name)+" "+z.id < from })
	out := &route53.ListHostedZonesByNameOutput{
		DNSName: in.DNSName, HostedZoneId: in.HostedZoneId, MaxItems: aws.Int32(int32(most)), HostedZones: []types.HostedZone{},
	}
	for _, z := range own[:min(most, len(own))] {
		out.HostedZones = append(out.HostedZones, z.described())
	}
	if len(own) > most {
		out.IsTruncated, out.NextDNSName, out.NextHostedZoneId = true, aws.String(dotted(own[most].name)), &own[most].id
	}
	return out, nil
}

// listZonesByVPC are the private zones that a VPC of the caller's answers by, whoever's they are
// (API_ListHostedZonesByVPC.html).
func (s *Service) listZonesByVPC(ctx context.Context, in *route53.ListHostedZonesByVPCInput) (*route53.ListHostedZonesByVPCOutput, error) {
	id := aws.ToString(in.VPCId)
	owner, ok := s.network.Owner(id)
	switch {
	case !ok || string(in.VPCRegion) != s.world.Region:
		return nil, wire.Errorf("InvalidInput", "The VPC: %s that you provided is not found in region %s.", id, in.VPCRegion)
	case owner != wire.CallerOf(ctx).Account:
		return nil, &wire.Error{Code: "AccessDenied", Status: http.StatusForbidden, Message: "The VPC " + id + " is not owned by you."}
	}
	most, err := page(in.MaxItems, mostZones)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(slices.Clone(s.zones), func(z *zone) bool {
		return !slices.Contains(z.vpcs, id) || z.id < aws.ToString(in.NextToken)
	})
	slices.SortFunc(found, func(a, b *zone) int { return strings.Compare(a.id, b.id) })
	out := &route53.ListHostedZonesByVPCOutput{MaxItems: aws.Int32(int32(most)), HostedZoneSummaries: []types.HostedZoneSummary{}}
	for _, z := range found[:min(most, len(found))] {
		out.HostedZoneSummaries = append(out.HostedZoneSummaries, types.HostedZoneSummary{
			HostedZoneId: &z.id, Name: aws.String(dotted(z.name)), Owner: &types.HostedZoneOwner{OwningAccount: &z.account},
		})
	}
	if len(found) > most {
		out.NextToken = &found[most].id
	}
	return out, nil
}

// taggedZone is the caller's zone that tags are asked for; health checks are not modelled.
func (s *Service) taggedZone(ctx context.Context, kind types.TagResourceType, id *string) (*zone, error) {
	if kind != types.TagResourceTypeHostedzone {
		return nil, unmodelled("Resources of type " + string(kind))
	}
	return s.zoneOf(ctx, id)
}

func (s *Service) changeTags(ctx context.Context, in *route53.ChangeTagsForResourceInput) (*route53.ChangeTagsForResourceOutput, error) {
	z, err := s.taggedZone(ctx, in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	if z.tags == nil {
		z.tags = map[string]string{}
	}
	for _, key := range in.RemoveTagKeys {
		delete(z.tags, key)
	}
	for _, tag := range in.AddTags {
		z.tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return &route53.ChangeTagsForResourceOutput{}, nil
}

func (s *Service) listTags(ctx context.Context, in *route53.ListTagsForResourceInput) (*route53.ListTagsForResourceOutput, error) {
	z, err := s.taggedZone(ctx, in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	set := &types.ResourceTagSet{ResourceId: &z.id, ResourceType: in.ResourceType, Tags: []types.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(z.tags)) {
		set.Tags = append(set.Tags, types.Tag{Key: aws.String(key), Value: aws.String(z.tags[key])})
	}
	return &route53.ListTagsForResourceOutput{ResourceTagSet: set}, nil
}

func (s *Service) deleteZone(ctx context.Context, in *route53.DeleteHostedZoneInput) (*route53.DeleteHostedZoneOutput, error) {
	z, err := s.zoneOf(ctx, in.Id)
	if err != nil {
		return nil, err
	}
	if len(z.records) > 2 { // those it was born with
		return nil, wire.Errorf("HostedZoneNotEmpty",
			"The specified hosted zone contains non-required resource record sets and so cannot be deleted.")
	}
	s.mu.Lock()
	s.zones = slices.DeleteFunc(s.zones, func(other *zone) bool { return other == z })
	s.mu.Unlock()
	return &route53.DeleteHostedZoneOutput{ChangeInfo: s.change(z, "")}, nil
}

// change notes a change, which all of Route 53's servers know a minute later (API_GetChange.html: "generally within 60
// seconds"). Only then is it answered by.
func (s *Service) change(z *zone, comment string) *types.ChangeInfo {
	info := &types.ChangeInfo{
		Id: aws.String("/change/C" + strings.ToUpper(model.Hex(20))), Status: types.ChangeStatusPending, SubmittedAt: aws.Time(time.Now()),
	}
	if comment != "" {
		info.Comment = &comment
	}
	s.changes[*info.Id] = info
	z.changed++
	now, records, changed := *info, slices.Clone(z.records), z.changed
	s.world.After(s.world.Delays.RecordChange, func() {
		info.Status = types.ChangeStatusInsync
		s.mu.Lock()
		defer s.mu.Unlock()
		if changed > z.inSync { // an earlier change may come last
			z.answered, z.inSync = records, changed
		}
	})
	return &now
}

func (s *Service) getChange(_ context.Context, in *route53.GetChangeInput) (*route53.GetChangeOutput, error) {
	info, ok := s.changes["/change/"+strings.TrimPrefix(aws.ToString(in.Id), "/change/")]
	if !ok {
		return nil, &wire.Error{Code: "NoSuchChange", Message: "A change with ID " + aws.ToString(in.Id) + " does not exist",
			Status: http.StatusNotFound}
	}
	return &route53.GetChangeOutput{ChangeInfo: new(*info)}, nil
}
