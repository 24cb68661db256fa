package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

func TestPlanOfALink(t *testing.T) {
	fake := newFake()
	withLedger(fake)
	// The ledger is in a zone where the orders are not.
	fake.subnets = append(fake.subnets, subnet("subnet-c", "euc1-az3", 100))
	fake.instances[1].DBSubnetGroup.Subnets = []rdstypes.Subnet{{SubnetIdentifier: aws.String("subnet-b")}, {SubnetIdentifier: aws.String("subnet-c")}}
	plan, err := run(t, fake, linkInput(two))
	if err != nil {
		t.Fatal(err)
	}
	database := func(identifier string, port int32) link.Database {
		arn := "arn:aws:rds:eu-central-1:111122223333:db:" + identifier
		return link.Database{
			Exposure:    owned.Owner{}.OnLinkID(acmeLink, arn, "writer", identifier, owned.Consumer{Name: "acme"}),
			DatabaseARN: arn, DatabaseKind: "instance", DatabaseIdentifier: identifier, Endpoint: "writer", Engine: "postgres",
			Host: identifier + ".c0ffee.eu-central-1.rds.amazonaws.com", Port: 5432, ListenerPort: port, SecurityGroupIDs: []string{"sg-db"},
		}
	}
	want := Output{
		Exposure: acmeLink, Consumer: "acme", Region: "eu-central-1", VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16", "10.1.0.0/16"},
		DNSServers: []string{}, SubnetIDs: []string{"subnet-a", "subnet-b", "subnet-c"}, DatabaseZoneSubnetIDs: []string{"subnet-a", "subnet-b", "subnet-c"},
		VendorZoneSubnetIDs: []string{}, ResolverSubnetIDs: []string{"subnet-a", "subnet-b", "subnet-c"}, SecurityGroupIDs: []string{},
		Principals: []string{"arn:aws:iam::444455556666:root"}, Removed: "tell", AcceptanceTimeoutSeconds: 14 * 86400, SupportedRegions: []string{},
		Ingress: "subnets", Resolver: "vpc", Notify: []string{},
		Databases: []link.Database{database("orders-prod", 5432), database("ledger-prod", 5433)}, NotListed: []link.Kept{}, FlowLogIDs: []string{},
	}
	if !reflect.DeepEqual(plan, want) {
		t.Errorf("plan\n%+v, want\n%+v", plan, want)
	}
	var claimed []string
	for _, e := range fake.claimed {
		claimed = append(claimed, e.ID+" on "+e.Link+" of "+e.DatabaseIdentifier)
	}
	if want := []string{
		acmeLink + " on " + acmeLink + " of ",
		plan.Databases[0].Exposure + " on " + acmeLink + " of orders-prod", plan.Databases[1].Exposure + " on " + acmeLink + " of ledger-prod",
	}; !slices.Equal(claimed, want) {
		t.Errorf("claims %v, want %v", claimed, want)
	}
}

// What is on the link already is known: its port stays, and what the list leaves out is told.
func TestALinkKeepsWhatItHas(t *testing.T) {
	fake := newFake()
	withLedger(fake)
	first, err := run(t, fake, linkInput(two))
	if err != nil {
		t.Fatal(err)
	}
	there := onLink(first.Databases[0].Exposure, 6432)
	left, coming := onLink("stock-acme-00000000", 7432), registry.Exposure{ID: "new-acme-00000000", Link: acmeLink} // has nothing yet
	fake.recorded = []registry.Exposure{there, left, coming, {ID: acmeLink, Link: acmeLink, Made: registry.Made{SupportedRegions: []string{"eu-west-1"}}}}
	fake.made = registry.Made{SupportedRegions: []string{"eu-west-1"}}
	plan, err := run(t, fake, linkInput(two))
	if err != nil {
		t.Fatal(err)
	}
	if plan.Databases[0].ListenerPort != 6432 || !slices.Equal(plan.SupportedRegions, []string{"eu-west-1"}) {
		t.Errorf("the port is %d, the regions are %v", plan.Databases[0].ListenerPort, plan.SupportedRegions)
	}
	if want := []link.Kept{{Exposure: "stock-acme-00000000", ListenerPort: 7432, Port: 5432}}; !reflect.DeepEqual(plan.NotListed, want) {
		t.Errorf("not listed are %+v, want %+v", plan.NotListed, want)
	}
}

// A link has another id than the database by itself, so that a consumer can move from one to the other.
func TestADatabaseMayBeOnALinkAndByItself(t *testing.T) {
	fake := newFake()
	withLedger(fake)
	alone, err := run(t, fake, `{"database":"orders-prod","name":"acme","principals":["444455556666"]}`)
	if err != nil {
		t.Fatal(err)
	}
	fake.recorded = []registry.Exposure{{ID: alone.Exposure, Consumer: "acme", Made: registry.Made{ListenerPort: 5432}}}
	plan, err := run(t, fake, linkInput(two))
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{alone.Exposure, plan.Exposure, plan.Databases[0].Exposure, plan.Databases[1].Exposure}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 4 {
		t.Errorf("ids are %v", ids)
	}
}

// Rules that the databases of a link share count once, also those of nodes, whose addresses nobody knows yet.
func TestALinksSharedRulesCountOnce(t *testing.T) {
	for _, ingress := range []string{"subnets", "addresses"} {
		fake := newFake()
		withLedger(fake)
		fake.rules = otherRules(57) // and three more for both
		if _, err := run(t, fake, strings.TrimSuffix(linkInput(two), "}")+`,"ingress":"`+ingress+`"}`); err != nil {
			t.Errorf("%s: %v", ingress, err)
		}
	}
}

// The largest link, whose groups take more rules than AWS lets them have by itself, fits into the state of an
// execution (256 KiB: Step Functions guide, "Service quotas").
func TestTheLargestLinkFits(t *testing.T) {
	fake := newFake()
	fake.instances, fake.ruleLimit = nil, 200
	fake.groups = append(fake.groups, ec2types.SecurityGroup{GroupId: aws.String("sg-more"), OwnerId: aws.String(account)})
	var entries []string
	for i := range link.MostListeners {
		id := strings.Repeat("x", 60) + strconv.Itoa(i)
		fake.instances = append(fake.instances, instance(id))
		if i%2 > 0 { // a rule that databases share has a tag for each, and takes 50
			fake.instances[i].VpcSecurityGroups[0].VpcSecurityGroupId = aws.String("sg-more")
		}
		entries = append(entries, `{"database":"`+id+`","listenerPort":`+strconv.Itoa(6000+i)+`}`)
	}
	plan, err := run(t, fake, linkInput("["+strings.Join(entries, ",")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	// Beside the plan come bindings, listeners and rules, which are no more than it twice.
	if len(text) > 256<<10/3 {
		t.Errorf("the plan has %d bytes", len(text))
	}
}

// What cannot be read may be served: nobody may take its port from it.
func TestWhatIsOnTheLinkAndCannotBeReadStopsIt(t *testing.T) {
	fake := newFake()
	withLedger(fake)
	fake.recorded = []registry.Exposure{{ID: "stock-acme-00000000", Link: acmeLink, Unreadable: errHeld}}
	if _, err := run(t, fake, linkInput(two)); outcome.Name(err) != outcome.NameFailed || len(fake.claimed) > 0 {
		t.Errorf("%v, claimed %v", err, fake.claimed)
	}
}

func TestALinksFitIsDoneWithout(t *testing.T) {
	fake := newFake()
	withLedger(fake)
	fake.denied = "DescribeSecurityGroupRules"
	fake.groups = append(fake.groups, ec2types.SecurityGroup{GroupId: aws.String("sg-own"), GroupName: aws.String("rdslink-" + acmeLink)})
	if _, err := run(t, fake, linkInput(two)); err != nil {
		t.Error(err)
	}
}
