package route53

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/wire"
)

const (
	provider = "111122223333"
	consumer = "444455556667"
	endpoint = "vpce-1-0a.vpce-svc-1.eu-central-1.vpce.amazonaws.com"
	database = "orders-prod.c9.eu-central-1.rds.amazonaws.com"
)

var (
	behind  = netip.MustParseAddr("10.0.1.9")
	itself  = netip.MustParseAddr("10.9.1.9")
	private = netip.MustParseAddr("10.0.1.7")
)

// amazon is an EC2 with a VPC of the consumer's, an endpoint in it that has a private name there, and a database elsewhere.
type amazon struct{}

func (amazon) Owner(vpc string) (string, bool) {
	owners := map[string]string{"vpc-1": provider, "vpc-2": consumer, "vpc-3": consumer}
	return owners[vpc], owners[vpc] != ""
}

func (amazon) Lookup(_, name string) ([]netip.Addr, uint32, bool) {
	a, ok := map[string]netip.Addr{endpoint: behind, database: itself}[name]
	return []netip.Addr{a}, 5, ok
}

// Private: vpc-3 has no DNS hostnames.
func (amazon) Private(vpc, name string) (bool, []netip.Addr) {
	if vpc == "vpc-2" && name == "db.shop.example" {
		return true, []netip.Addr{private}
	}
	return vpc == "vpc-2" || vpc == "vpc-1", nil
}

type cloud struct {
	*Service
	t *testing.T
}

func newCloud(t *testing.T) cloud {
	return cloud{New(&model.World{Region: "eu-central-1"}, amazon{}), t}
}

func ask[I, O any](c cloud, account string, serve func(context.Context, *I) (*O, error), in I) (*O, error) {
	c.world.Lock()
	defer c.world.Unlock()
	return serve(wire.WithCaller(context.Background(), wire.Caller{Account: account}), &in)
}

func (c cloud) zone(account, name string, vpcs ...string) string {
	c.t.Helper()
	in := route53.CreateHostedZoneInput{Name: &name, CallerReference: aws.String(model.Hex(8))}
	if len(vpcs) > 0 {
		in.VPC = in1(vpcs[0])
	}
	out, err := ask(c, account, c.createZone, in)
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimPrefix(*out.HostedZone.Id, "/hostedzone/")
}

func in1(vpc string) *types.VPC {
	return &types.VPC{VPCId: &vpc, VPCRegion: types.VPCRegionEuCentral1}
}

func (c cloud) change(account, zone string, action types.ChangeAction, set types.ResourceRecordSet) error {
	out, err := ask(c, account, c.changeRecords, route53.ChangeResourceRecordSetsInput{
		HostedZoneId: &zone, ChangeBatch: &types.ChangeBatch{Changes: []types.Change{{Action: action, ResourceRecordSet: &set}}},
	})
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		now, err := ask(c, account, c.getChange, route53.GetChangeInput{Id: out.ChangeInfo.Id})
		if err != nil || now.ChangeInfo.Status == types.ChangeStatusInsync {
			return err
		}
	}
	return errors.New("never in sync")
}

func (c cloud) create(account, zone string, set types.ResourceRecordSet) {
	c.t.Helper()
	if err := c.change(account, zone, "CREATE", set); err != nil {
		c.t.Fatal(err)
	}
}

func alias(name, target, zone string) types.ResourceRecordSet {
	return types.ResourceRecordSet{Name: &name, Type: "A", AliasTarget: &types.AliasTarget{DNSName: &target, HostedZoneId: &zone}}
}

func TestRefusals(t *testing.T) {
	c := newCloud(t)
	public := c.zone(provider, "shop.example")
	inside := c.zone(consumer, "shop.example", "vpc-2")
	txt := record("_a.shop.example", "TXT", 1800, `"vpce:1"`)
	c.create(provider, public, txt)
	changes := func(action types.ChangeAction, set types.ResourceRecordSet) func() error {
		return func() error { return c.change(provider, public, action, set) }
	}
	creates := func(account string, in route53.CreateHostedZoneInput) func() error {
		return func() error {
			in.CallerReference = aws.String(model.Hex(8))
			_, err := ask(c, account, c.createZone, in)
			return err
		}
	}
	alone := &types.HostedZoneConfig{PrivateZone: true}
	for sentence, row := range map[string]struct {
		do          func() error
		code, words string
	}{
		"a name that is none":                {creates(provider, route53.CreateHostedZoneInput{Name: aws.String("shop..example")}), "InvalidDomainName", "shop..example"},
		"a private zone without a VPC":       {creates(provider, route53.CreateHostedZoneInput{Name: aws.String("a.example"), HostedZoneConfig: alone}), "InvalidInput", "VPCId"},
		"a VPC that there is not":            {creates(provider, route53.CreateHostedZoneInput{Name: aws.String("a.example"), VPC: in1("vpc-9")}), "InvalidVPCId", "vpc-9"},
		"another account's VPC":              {creates(provider, route53.CreateHostedZoneInput{Name: aws.String("a.example"), VPC: in1("vpc-2")}), "NotAuthorizedException", "vpc-2"},
		"a second zone of a name in a VPC":   {creates(consumer, route53.CreateHostedZoneInput{Name: aws.String("shop.example"), VPC: in1("vpc-2")}), "ConflictingDomainExists", inside},
		"another account's zone is unknown":  {func() error { return c.change(consumer, public, "CREATE", txt) }, "NoSuchHostedZone", public},
		"what is there already":              {changes("CREATE", txt), "InvalidChangeBatch", "but it already exists"},
		"what is not there":                  {changes("DELETE", record("_b.shop.example", "TXT", 1800, `"vpce:1"`)), "InvalidChangeBatch", "but it was not found"},
		"a deletion with another value":      {changes("DELETE", record("_a.shop.example", "TXT", 1800, `"vpce:2"`)), "InvalidChangeBatch", "do not match the current values"},
		"a deletion with another TTL":        {changes("DELETE", record("_a.shop.example", "TXT", 300, `"vpce:1"`)), "InvalidChangeBatch", "do not match the current values"},
		"the deletion of the SOA record":     {changes("DELETE", record("shop.example", "SOA", 900, "x")), "InvalidChangeBatch", "exactly one SOA"},
		"a name of another zone":             {changes("CREATE", record("_a.shop.test", "TXT", 1800, `"x"`)), "InvalidChangeBatch", "not permitted in zone shop.example."},
		"a text without quotation marks":     {changes("CREATE", record("_b.shop.example", "TXT", 1800, "vpce:1")), "InvalidChangeBatch", "quotation marks"},
		"an address that is none":            {changes("CREATE", record("b.shop.example", "A", 60, "db")), "InvalidChangeBatch", "IPv4"},
		"a CNAME at the apex":                {changes("CREATE", record("shop.example", "CNAME", 60, "b.example")), "InvalidChangeBatch", "at apex"},
		"a CNAME beside others":              {changes("CREATE", record("_a.shop.example", "CNAME", 60, "b.example")), "InvalidChangeBatch", "conflicts with other records"},
		"neither values nor alias":           {changes("CREATE", types.ResourceRecordSet{Name: aws.String("b.shop.example"), Type: "A"}), "InvalidInput", "AliasTarget"},
		"an alias outside the target's zone": {changes("CREATE", alias("b.shop.example", database, endpoints)), "InvalidChangeBatch", "does not lie within"},
		"an alias to what is not there":      {changes("CREATE", alias("b.shop.example", "vpce-9."+endpoint, endpoints)), "InvalidChangeBatch", "was not found"},
		"the deletion of a zone with records": {func() error {
			_, err := ask(c, provider, c.deleteZone, route53.DeleteHostedZoneInput{Id: &public})
			return err
		}, "HostedZoneNotEmpty", ""},
		"a public zone has no VPCs": {func() error {
			_, err := ask(c, provider, c.associateVPC, route53.AssociateVPCWithHostedZoneInput{HostedZoneId: &public, VPC: in1("vpc-1")})
			return err
		}, "PublicZoneVPCAssociation", ""},
		"a private zone keeps one": {func() error {
			_, err := ask(c, consumer, c.disassociateVPC, route53.DisassociateVPCFromHostedZoneInput{HostedZoneId: &inside, VPC: in1("vpc-2")})
			return err
		}, "LastVPCAssociation", ""},
		"a change that there was not": {func() error {
			_, err := ask(c, provider, c.getChange, route53.GetChangeInput{Id: aws.String("C1")})
			return err
		}, "NoSuchChange", "C1"},
		"a type that is not modelled": {changes("CREATE", record("b.shop.example", "MX", 60, "10 mail.example")), "InvalidInput", "no part of this local cloud"},
		"a page of nothing": {func() error {
			_, err := ask(c, provider, c.listZones, route53.ListHostedZonesInput{MaxItems: aws.Int32(0)})
			return err
		}, "InvalidInput", "MaxItems"},
		"a second zone with the caller's reference": {func() error {
			in := route53.CreateHostedZoneInput{Name: aws.String("b.example"), CallerReference: aws.String("twice")}
			_, _ = ask(c, provider, c.createZone, in)
			_, err := ask(c, provider, c.createZone, in)
			return err
		}, "HostedZoneAlreadyExists", ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			e, ok := errors.AsType[*wire.Error](row.do())
			if !ok || e.Code != row.code || !strings.Contains(e.Message, row.words) {
				t.Errorf("got %v, want %s: %s", e, row.code, row.words)
			}
		})
	}
}

// DNS answers each VPC by its private zones, and everybody by the public ones.
func TestDNSAnswersByTheZoneThatFitsBest(t *testing.T) {
	c := newCloud(t)
	public := c.zone(provider, "Shop.Example.")
	c.create(provider, public, record("DB.shop.example", "A", 60, "203.0.113.9"))
	c.create(provider, public, record("www.shop.example", "CNAME", 60, "db.shop.example."))
	c.create(provider, public, record("_a.shop.example", "TXT", 1800, `"vpce:1"`, `"vpce:2"`))
	own := c.zone(consumer, database, "vpc-2")
	if _, err := ask(c, consumer, c.associateVPC, route53.AssociateVPCWithHostedZoneInput{HostedZoneId: &own, VPC: in1("vpc-3")}); err != nil {
		t.Fatal(err)
	}
	c.create(consumer, own, alias(database, endpoint, endpoints))
	c.create(consumer, c.zone(consumer, "example", "vpc-2"), record("intern.example", "A", 60, "10.0.1.8"))
	out := netip.MustParseAddr("203.0.113.9")
	for sentence, row := range map[string]struct {
		vpc, name string
		want      netip.Addr
	}{
		"a public zone":                     {"", "db.shop.example", out},
		"a CNAME":                           {"", "www.shop.example", out},
		"a VPC without a zone for the name": {"vpc-1", "db.shop.example", out},
		"AWS's own name":                    {"vpc-1", database, itself},
		"a private zone of AWS's own name":  {"vpc-2", database, behind},
		"a VPC without DNS hostnames has no private zones": {"vpc-3", database, itself},
		"a private zone": {"vpc-2", "intern.example", netip.MustParseAddr("10.0.1.8")},
		"an endpoint's private name has a zone of its own":  {"vpc-2", "db.shop.example", private},
		"a private zone answers that there is no such name": {"vpc-2", "www.shop.example", netip.Addr{}},
		"nobody's name": {"", "db.shop.test", netip.Addr{}},
	} {
		t.Run(sentence, func(t *testing.T) {
			addrs, ttl, found := c.Lookup(row.vpc, row.name)
			if found != row.want.IsValid() || found && (!slices.Equal(addrs, []netip.Addr{row.want}) || ttl == 0) {
				t.Errorf("got %v, TTL %d, %v", addrs, ttl, found)
			}
		})
	}
	if got := c.Texts("_A.shop.example"); !slices.Equal(got, []string{"vpce:1", "vpce:2"}) {
		t.Error(got)
	}
	if !c.Conflicts("vpc-2", database) || c.Conflicts("vpc-1", database) {
		t.Error("conflicts")
	}
	if err := c.change(provider, public, "DELETE", record("_a.shop.example", "TXT", 1800, `"vpce:2"`, `"vpce:1"`)); err != nil || len(c.Texts("_a.shop.example")) > 0 {
		t.Error(err, c.Texts("_a.shop.example"))
	}
}

// What is changed is answered when all servers have it.
func TestAChangeIsAnsweredWhenItIsInSync(t *testing.T) {
	c := newCloud(t)
	zone := c.zone(provider, "shop.example")
	c.world.Delays.RecordChange = time.Hour
	out, err := ask(c, provider, c.changeRecords, route53.ChangeResourceRecordSetsInput{HostedZoneId: &zone, ChangeBatch: &types.ChangeBatch{Changes: []types.Change{
		{Action: "UPSERT", ResourceRecordSet: new(record("a.shop.example", "TXT", 60, `"x"`))},
	}}})
	if err != nil || out.ChangeInfo.Status != types.ChangeStatusPending || len(c.Texts("a.shop.example")) > 0 {
		t.Error(out, err, c.Texts("a.shop.example"))
	}
}

func TestListsGoOnWhereTheyWere(t *testing.T) {
	c := newCloud(t)
	for _, name := range []string{"b.example", "example", "a.example", "a.test", "a.example"} {
		c.zone(provider, name)
	}
	zone := c.zone(consumer, "c.example")
	for _, name := range []string{"b.c.example", "a.c.example"} {
		c.create(consumer, zone, record(name, "TXT", 60, `"x"`))
	}
	var names []string
	in := route53.ListHostedZonesByNameInput{MaxItems: aws.Int32(2)}
	for more := true; more; {
		out, err := ask(c, provider, c.listZonesByName, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range out.HostedZones {
			names = append(names, *z.Name)
		}
		in.DNSName, in.HostedZoneId, more = out.NextDNSName, out.NextHostedZoneId, out.IsTruncated
	}
	if got := strings.Join(names, " "); got != "example. a.example. a.example. b.example. a.test." {
		t.Error(got)
	}
	from, err := ask(c, provider, c.listZonesByName, route53.ListHostedZonesByNameInput{DNSName: aws.String("B.example.")})
	if err != nil || *from.HostedZones[0].Name != "b.example." {
		t.Error(from, err)
	}
	names = nil
	page := route53.ListResourceRecordSetsInput{HostedZoneId: &zone, MaxItems: aws.Int32(1)}
	for more := true; more; {
		out, err := ask(c, consumer, c.listRecords, page)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, *out.ResourceRecordSets[0].Name+string(out.ResourceRecordSets[0].Type))
		page.StartRecordName, page.StartRecordType, more = out.NextRecordName, out.NextRecordType, out.IsTruncated
	}
	if got := strings.Join(names, " "); got != "c.example.NS c.example.SOA a.c.example.TXT b.c.example.TXT" {
		t.Error(got)
	}
	zones, err := ask(c, provider, c.listZones, route53.ListHostedZonesInput{MaxItems: aws.Int32(4)})
	if err != nil || len(zones.HostedZones) != 4 || zones.NextMarker == nil {
		t.Error(zones, err)
	}
	got, err := ask(c, consumer, c.getZone, route53.GetHostedZoneInput{Id: aws.String("/hostedzone/" + zone)})
	if err != nil || *got.HostedZone.ResourceRecordSetCount != 4 || len(got.DelegationSet.NameServers) != 4 {
		t.Error(got, err)
	}
}

func TestAVPCsZonesAreListedAndTagged(t *testing.T) {
	c := newCloud(t)
	first, second := c.zone(consumer, database, "vpc-2"), c.zone(consumer, "orders.internal", "vpc-2")
	c.zone(consumer, database, "vpc-3")
	in := route53.ListHostedZonesByVPCInput{VPCId: aws.String("vpc-2"), VPCRegion: types.VPCRegionEuCentral1, MaxItems: aws.Int32(1)}
	found := map[string]string{}
	for range 3 {
		out, err := ask(c, consumer, c.listZonesByVPC, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range out.HostedZoneSummaries {
			found[*z.HostedZoneId] = *z.Name
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if len(found) != 2 || found[first] != database+"." || found[second] != "orders.internal." {
		t.Errorf("found %v", found)
	}
	if _, err := ask(c, provider, c.listZonesByVPC, in); err == nil {
		t.Error("another account lists them")
	}
	tag := func(key string) types.Tag { return types.Tag{Key: aws.String(key), Value: aws.String("1")} }
	_, err := ask(c, consumer, c.changeTags, route53.ChangeTagsForResourceInput{
		ResourceId: &first, ResourceType: types.TagResourceTypeHostedzone, AddTags: []types.Tag{tag("b"), tag("a")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(c, consumer, c.changeTags, route53.ChangeTagsForResourceInput{
		ResourceId: &first, ResourceType: types.TagResourceTypeHostedzone, RemoveTagKeys: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	out, err := ask(c, consumer, c.listTags, route53.ListTagsForResourceInput{ResourceId: &first, ResourceType: types.TagResourceTypeHostedzone})
	if err != nil || len(out.ResourceTagSet.Tags) != 1 || *out.ResourceTagSet.Tags[0].Key != "b" {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := ask(c, consumer, c.listTags, route53.ListTagsForResourceInput{ResourceId: &first, ResourceType: types.TagResourceTypeHealthcheck}); err == nil {
		t.Error("a health check has tags")
	}
}
