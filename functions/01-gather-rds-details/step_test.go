package main

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/internal/link"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/registry"
)

var errHeld = outcome.Conflict("held")

const usual = `{"database":"orders-prod","vendor":"pushmetrics"}`

func run(t *testing.T, f *fakeAWS, input string) (Output, error) {
	t.Helper()
	return f.step().run(t.Context(), Input{Execution: ourExecution, Input: json.RawMessage(input)})
}

func TestPlanOfTheUsualInput(t *testing.T) {
	fake := newFake()
	plan, err := run(t, fake, usual)
	if err != nil {
		t.Fatal(err)
	}
	want := Output{
		Exposure: plan.Exposure, Consumer: "pushmetrics", Vendor: "pushmetrics",
		DatabaseARN: "arn:aws:rds:eu-central-1:111122223333:db:orders-prod", DatabaseKind: "instance", DatabaseIdentifier: "orders-prod",
		Endpoint: "writer", Engine: "postgres", Host: "orders-prod.c0ffee.eu-central-1.rds.amazonaws.com", Port: 5432,
		Region: "eu-central-1", VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16", "10.1.0.0/16"}, DNSServers: []string{},
		SubnetIDs: []string{"subnet-a", "subnet-b"}, DatabaseZoneSubnetIDs: []string{"subnet-a", "subnet-b"}, VendorZoneSubnetIDs: []string{},
		ResolverSubnetIDs: []string{"subnet-a", "subnet-b"}, SecurityGroupIDs: []string{"sg-db"},
		Principals:               []string{"arn:aws:iam::133737826969:root"},
		AcceptanceTimeoutSeconds: 14 * 86400,
		ListenerPort:             5432, SupportedRegions: []string{}, Removed: "tell", Ingress: "subnets", Resolver: "vpc", Notify: []string{},
		Databases: []link.Database{}, NotListed: []link.Kept{},
		FlowLogIDs: []string{},
	}
	if !reflect.DeepEqual(plan, want) {
		t.Errorf("plan\n%+v, want\n%+v", plan, want)
	}
	if plan.Exposure != (owned.Owner{}).ID(plan.DatabaseARN, "writer", "orders-prod", owned.Consumer{Vendor: "pushmetrics"}) {
		t.Errorf("exposure = %s", plan.Exposure)
	}
	claim := registry.Exposure{
		ID: plan.Exposure, DatabaseARN: plan.DatabaseARN, DatabaseIdentifier: "orders-prod", Consumer: "pushmetrics", Vendor: "pushmetrics", VPCID: "vpc-1",
		Accounts: []string{"133737826969"}, Acceptance: registry.Acceptance{Mode: "manual", MaxConnections: 1},
		Requested: &registry.Request{},
	}
	if !reflect.DeepEqual(fake.claimed, []registry.Exposure{claim}) {
		t.Errorf("claimed %+v, want %+v", fake.claimed, claim)
	}
}

func TestWhoAskedIsRecorded(t *testing.T) {
	fake := newFake()
	if _, err := run(t, fake, option(`"requestedBy":"olga"`)); err != nil {
		t.Fatal(err)
	}
	if by := fake.claimed[0].Requested.By; by != "olga" {
		t.Errorf("recorded is %q", by)
	}
}

// The claim is the step's only write, and the registry writes nothing when the claim is the same.
func TestASecondRunMakesNoMutatingCall(t *testing.T) {
	fake := newFake()
	first, err := run(t, fake, usual)
	if err != nil {
		t.Fatal(err)
	}
	second, err := run(t, fake, usual)
	if err != nil || !reflect.DeepEqual(first, second) || !reflect.DeepEqual(fake.claimed[0], fake.claimed[1]) {
		t.Errorf("second plan %+v, %v, claims %+v", second, err, fake.claimed)
	}
}

func TestEveryFieldOfThePlanIsPresent(t *testing.T) {
	plan, err := run(t, newFake(), `{"database":"orders-prod","name":"acme","principals":["firehose.amazonaws.com"],"resolver":"none"}`)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "null") {
		t.Errorf("a field is null: %s", text)
	}
}

func TestOptions(t *testing.T) {
	for name, row := range map[string]struct {
		options string // added to the usual input
		got     func(Output) any
		want    any
	}{
		"listener port":       {`"listenerPort":6432`, func(o Output) any { return o.ListenerPort }, 6432},
		"time limit":          {`"acceptance":{"timeoutDays":3}`, func(o Output) any { return o.AcceptanceTimeoutSeconds }, 3 * 86400},
		"a private DNS name":  {`"privateDnsName":"DB.Example.com."`, func(o Output) any { return o.PrivateDNSName }, "db.example.com"},
		"regions":             {`"supportedRegions":["us-east-1","eu-central-1","eu-west-1"]`, func(o Output) any { return o.SupportedRegions }, []string{"eu-west-1", "us-east-1"}},
		"ingress":             {`"ingress":"addresses"`, func(o Output) any { return o.Ingress }, "addresses"},
		"no resolver":         {`"resolver":"none"`, func(o Output) any { return o.ResolverSubnetIDs }, []string{}},
		"a name of one's own": {`"name":"reports"`, func(o Output) any { return o.Consumer }, "reports"},
		"notify":              {`"notify":["dba@example.com"]`, func(o Output) any { return o.Notify }, []string{"dba@example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := run(t, newFake(), strings.TrimSuffix(usual, "}")+","+row.options+"}")
			if err != nil {
				t.Fatal(err)
			}
			if got := row.got(plan); !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestTheClaimSaysWhoMayAccept(t *testing.T) {
	fake := newFake()
	if _, err := run(t, fake, strings.TrimSuffix(usual, "}")+`,"acceptance":{"mode":"expected-account","maxConnections":3}}`); err != nil {
		t.Fatal(err)
	}
	if want := (registry.Acceptance{Mode: "expected-account", MaxConnections: 3}); fake.claimed[0].Acceptance != want {
		t.Errorf("claimed %+v, want %+v", fake.claimed[0].Acceptance, want)
	}
}

func TestDatabasesOfEveryKind(t *testing.T) {
	for name, row := range map[string]struct {
		database           string
		change             func(*fakeAWS)
		kind, id, endpoint string
		port               int
	}{
		"an Aurora cluster":     {"ledger", withCluster(), "cluster", "ledger", "ledger.cluster-c0ffee", 5432},
		"a member's cluster":    {"ledger-2", withCluster(), "cluster", "ledger", "ledger.cluster-c0ffee", 5432},
		"a proxy":               {"pool", withProxy(), "proxy", "pool", "pool.proxy-c0ffee", 5432},
		"a proxy before MySQL":  {"pool", withProxy(func(p *rdstypes.DBProxy) { p.EngineFamily = aws.String("MYSQL") }), "proxy", "pool", "pool.proxy-c0ffee", 3306},
		"a port of its own":     {"orders-prod", with(func(d *rdstypes.DBInstance) { d.Endpoint.Port = aws.Int32(6543) }), "instance", "orders-prod", "orders-prod.c0ffee", 6543},
		"an instance of MySQL":  {"orders-prod", engine("mysql"), "instance", "orders-prod", "orders-prod.c0ffee", 5432},
		"a Multi-AZ DB cluster": {"ledger", withCluster(func(c *rdstypes.DBCluster) { c.Engine = aws.String("postgres") }), "cluster", "ledger", "ledger.cluster-c0ffee", 5432},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			row.change(fake)
			plan, err := run(t, fake, databaseInput(row.database))
			if err != nil || plan.DatabaseKind != row.kind || plan.DatabaseIdentifier != row.id || plan.Port != row.port ||
				plan.Host != row.endpoint+".eu-central-1.rds.amazonaws.com" || plan.ListenerPort != row.port {
				t.Errorf("%s %s at %s:%d, %v", plan.DatabaseKind, plan.DatabaseIdentifier, plan.Host, plan.Port, err)
			}
			if !slices.Equal(plan.SubnetIDs, []string{"subnet-a", "subnet-b"}) || !slices.Equal(plan.SecurityGroupIDs, []string{"sg-db"}) {
				t.Errorf("subnets %v and groups %v", plan.SubnetIDs, plan.SecurityGroupIDs)
			}
		})
	}
}

// A vendor that tells each customer another account and other zones.
func TestVendorThatAsks(t *testing.T) {
	for name, row := range map[string]struct {
		zones   string
		change  func(*fakeAWS)
		subnets []string
		theirs  []string // of these, those that the vendor can use
	}{
		"a zone in common": {zones: `"euc1-az2","euc1-az3"`, subnets: []string{"subnet-a", "subnet-b"}, theirs: []string{"subnet-b"}},
		"none in common: further subnets of the VPC": {zones: `"euc1-az3"`,
			change: func(f *fakeAWS) {
				f.subnets = append(f.subnets, subnet("subnet-c", "euc1-az3", 9), subnet("subnet-d", "euc1-az3", 90))
			},
			subnets: []string{"subnet-a", "subnet-b", "subnet-d"}, theirs: []string{"subnet-d"}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			engine("mysql")(fake)
			if row.change != nil {
				row.change(fake)
			}
			plan, err := run(t, fake, tidb(`,"vendorAccount":"444455556666","vendorAvailabilityZoneIds":[`+row.zones+`]`))
			if err != nil {
				t.Fatal(err)
			}
			if plan.Consumer != "tidb-cloud-444455556666" || !slices.Equal(plan.Principals, []string{"arn:aws:iam::444455556666:root"}) ||
				!slices.Equal(fake.claimed[0].Accounts, []string{"444455556666"}) || !slices.Equal(plan.SubnetIDs, row.subnets) ||
				!slices.Equal(plan.VendorZoneSubnetIDs, row.theirs) {
				t.Errorf("plan %+v", plan)
			}
		})
	}
}

// What a vendor publishes, or tells each customer, is what a person may give instead.
func TestWhomAVendorHasAllowed(t *testing.T) {
	const ofDatabricks = "arn:aws:iam::565502421330:role/private-connectivity-role-"
	for name, row := range map[string]struct {
		input    string
		allowed  []string
		accounts []string
		regions  []string
		consumer string
	}{
		"what it publishes":      {of("dbt-cloud", ""), []string{"arn:aws:iam::346425330055:role/MTPL_Admin"}, []string{"346425330055"}, []string{}, "dbt-cloud"},
		"a role for each region": {of("databricks", ""), []string{ofDatabricks + "eu-central-1"}, []string{"565502421330"}, []string{}, "databricks"},
		"that of another region": {of("databricks", `,"vendorRegion":"us-east-1"`), []string{ofDatabricks + "us-east-1"}, []string{"565502421330"},
			[]string{"us-east-1"}, "databricks"},
		"a region that is the database's": {of("databricks", `,"vendorRegion":"eu-central-1"`), []string{ofDatabricks + "eu-central-1"}, []string{"565502421330"},
			[]string{}, "databricks"},
		"another region beside further ones": {of("powersync", `,"vendorRegion":"us-east-1","supportedRegions":["us-east-1","eu-west-1"]`),
			[]string{"arn:aws:iam::131569880293:root"}, []string{"131569880293"}, []string{"eu-west-1", "us-east-1"}, "powersync"},
		"what it tells this customer": {of("hasura", `,"principals":["arn:aws:iam::444455556666:role/dp"]`), []string{"arn:aws:iam::444455556666:role/dp"},
			[]string{"444455556666"}, []string{}, "hasura"},
		"an account that it tells": {of("trigger-dev", `,"vendorAccount":"444455556666"`), []string{"arn:aws:iam::444455556666:root"}, []string{"444455556666"},
			[]string{}, "trigger-dev-444455556666"},
		"others instead": {option(`"principals":["arn:aws:iam::444455556666:role/loader"]`), []string{"arn:aws:iam::444455556666:role/loader"},
			[]string{"444455556666"}, []string{}, "pushmetrics"},
		"others instead of its account": {of("trigger-dev", `,"vendorAccount":"444455556666","principals":["arn:aws:iam::444455556666:role/vpce"]`),
			[]string{"arn:aws:iam::444455556666:role/vpce"}, []string{"444455556666"}, []string{}, "trigger-dev-444455556666"},
		"a service": {of("firehose", ""), []string{"firehose.amazonaws.com"}, []string{}, []string{}, "firehose"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			plan, err := run(t, fake, row.input)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(plan.Principals, row.allowed) || !slices.Equal(fake.claimed[0].Accounts, row.accounts) ||
				!slices.Equal(plan.SupportedRegions, row.regions) || plan.Consumer != row.consumer {
				t.Errorf("allowed %v, accounts %v, regions %v, consumer %s", plan.Principals, fake.claimed[0].Accounts, plan.SupportedRegions, plan.Consumer)
			}
		})
	}
}

// A preset may get any name that a consumer without one has had until then.
func TestAConsumerMayHaveTheNameOfAPreset(t *testing.T) {
	plan, err := run(t, newFake(), `{"database":"orders-prod","name":"databricks","principals":["444455556666"]}`)
	if err != nil || plan.Vendor != "" || plan.Consumer != "databricks" {
		t.Errorf("planned for %q at %q, %v", plan.Consumer, plan.Vendor, err)
	}
}

// The load balancer can do without zones where the database neither is nor fails over to.
func TestTheZonesThatTheDatabaseNeeds(t *testing.T) {
	for name, row := range map[string]struct {
		multiAZ         bool
		zone, secondary string
		want            []string
	}{
		"one instance":                                   {false, "eu-central-1b", "", []string{"subnet-b"}},
		"a former standby's zone":                        {false, "eu-central-1b", "eu-central-1a", []string{"subnet-b"}},
		"an instance and its standby":                    {true, "eu-central-1a", "eu-central-1b", []string{"subnet-a", "subnet-b"}},
		"a standby in the making, which can be anywhere": {true, "eu-central-1a", "", []string{"subnet-a", "subnet-b", "subnet-c"}},
		"RDS does not tell":                              {false, "", "", []string{"subnet-a", "subnet-b", "subnet-c"}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			fake.subnets = append(fake.subnets, subnet("subnet-c", "euc1-az3", 100))
			for i, letter := range []string{"a", "b", "c"} {
				fake.subnets[i].AvailabilityZone = aws.String("eu-central-1" + letter)
			}
			with(func(d *rdstypes.DBInstance) {
				d.DBSubnetGroup.Subnets = append(d.DBSubnetGroup.Subnets, rdstypes.Subnet{SubnetIdentifier: aws.String("subnet-c")})
				d.MultiAZ, d.AvailabilityZone, d.SecondaryAvailabilityZone = &row.multiAZ, &row.zone, &row.secondary
			})(fake)
			plan, err := run(t, fake, usual)
			if err != nil || !slices.Equal(plan.DatabaseZoneSubnetIDs, row.want) {
				t.Errorf("needs %v (%v), want %v", plan.DatabaseZoneSubnetIDs, err, row.want)
			}
		})
	}
}

// What passes by itself is waited for before anything is made, and so is what RDS did not have when this was written.
func TestADatabaseThatIsAboutToServeIsWaitedFor(t *testing.T) {
	for name, row := range map[string]struct {
		database string
		change   func(*fakeAWS)
		says     string
	}{
		"an instance that starts":    {"orders-prod", status("starting"), "orders-prod is starting"},
		"an instance that reboots":   {"orders-prod", status("rebooting"), "orders-prod is rebooting"},
		"an upgrade":                 {"orders-prod", status("upgrading"), "orders-prod is upgrading"},
		"a status unknown to us":     {"orders-prod", status("dreaming"), `"dreaming" is a value that this version of rdslink does not know`},
		"a cluster that fails over":  {"ledger", withCluster(func(c *rdstypes.DBCluster) { c.Status = aws.String("failing-over") }), "ledger is failing-over"},
		"a writer that reboots":      {"ledger", withMember("ledger-1", "rebooting"), "writer ledger-1 of database ledger is rebooting"},
		"a proxy that is woken":      {"pool", withProxy(func(p *rdstypes.DBProxy) { p.Status = rdstypes.DBProxyStatusReactivating }), "pool is reactivating"},
		"a proxy's status, unknown":  {"pool", withProxy(func(p *rdstypes.DBProxy) { p.Status = "dreaming" }), `"dreaming" is a value that this version of rdslink does not know`},
		"a cluster's status unknown": {"ledger", withCluster(func(c *rdstypes.DBCluster) { c.Status = aws.String("dreaming") }), "status of database ledger"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			row.change(fake)
			_, err := run(t, fake, databaseInput(row.database))
			if outcome.Name(err) != "NotReady" || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error = %v, want NotReady with %q", err, row.says)
			}
			if len(fake.claimed) > 0 {
				t.Errorf("claimed %+v", fake.claimed)
			}
		})
	}
}

// A VPC's attributes are asked for one by one, and only where they decide.
func TestTheVPCsDNS(t *testing.T) {
	public := with(func(d *rdstypes.DBInstance) { d.PubliclyAccessible = aws.Bool(true) })
	asks := func(servers ...string) func(*fakeAWS) { return func(f *fakeAWS) { f.dnsServers = servers } }
	for name, row := range map[string]struct {
		input    string
		change   func(*fakeAWS)
		servers  []string
		attrs    []string
		plainDNS bool // without DNS support and hostnames
	}{
		"Amazon's":                          {attrs: []string{"enableDnsSupport"}},
		"Amazon's, and a public database":   {change: public, attrs: []string{"enableDnsSupport", "enableDnsHostnames"}},
		"Amazon's by its addresses":         {change: asks("10.0.0.2", "169.254.169.253"), attrs: []string{"enableDnsSupport"}},
		"one's own, which need no Amazon's": {change: asks("192.168.7.53", "10.0.3.53"), servers: []string{"192.168.7.53", "10.0.3.53"}, plainDNS: true},
		"one's own beside Amazon's":         {change: asks("192.168.7.53", "10.0.0.2"), servers: []string{"192.168.7.53"}, plainDNS: true},
		"over IPv6, where nothing goes":     {change: asks("2001:db8::53"), attrs: []string{"enableDnsSupport"}},
		"nobody asks it":                    {input: option(`"resolver":"none"`), change: asks("192.168.7.53"), plainDNS: true},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			if row.change != nil {
				row.change(fake)
			}
			fake.noDNS, fake.noHostnames = row.plainDNS, row.plainDNS
			plan, err := run(t, fake, cmp.Or(row.input, usual))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(plan.DNSServers, row.servers) || !slices.Equal(fake.attributes, row.attrs) || plan.DNSServers == nil {
				t.Errorf("servers %v after asking for %v, want %v and %v", plan.DNSServers, fake.attributes, row.servers, row.attrs)
			}
		})
	}
}

func TestAClusterThatPausesIsExposedToThoseWhoWantIt(t *testing.T) {
	for name, row := range map[string]struct {
		fields string
		change func(*fakeAWS)
	}{
		"with a word":                    {`,"autoPause":"prevent"`, withServerless(0, "db.serverless")},
		"with a capacity":                {"", withServerless(0.5, "db.serverless")},
		"without a serverless instance":  {"", withServerless(0, "db.r8g.large")},
		"with a word that is not needed": {`,"autoPause":"prevent"`, withCluster()},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			row.change(fake)
			if _, err := run(t, fake, strings.TrimSuffix(databaseInput("ledger"), "}")+row.fields+"}"); err != nil {
				t.Error(err)
			}
		})
	}
}

// A reader that does not serve is in nobody's way.
func TestAReadersStatusDoesNotCount(t *testing.T) {
	fake := newFake()
	withMember("ledger-2", "incompatible-parameters")(fake)
	if _, err := run(t, fake, databaseInput("ledger")); err != nil {
		t.Error(err)
	}
}

func TestDatabaseByARNAndInCapitals(t *testing.T) {
	for _, name := range []string{"arn:aws:rds:eu-central-1:111122223333:db:orders-prod", "Orders-Prod"} {
		if plan, err := run(t, newFake(), `{"database":"`+name+`","vendor":"pushmetrics"}`); err != nil || plan.DatabaseIdentifier != "orders-prod" {
			t.Errorf("%s: %s, %v", name, plan.DatabaseIdentifier, err)
		}
	}
}

func TestPrincipals(t *testing.T) {
	fake := newFake()
	plan, err := run(t, fake, `{"database":"orders-prod","name":"acme","principals":
		["444455556666","arn:aws:iam::444455556666:role/loader","arn:aws:iam::123456789012:user/ana","firehose.amazonaws.com"]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"arn:aws:iam::123456789012:user/ana", "arn:aws:iam::444455556666:role/loader", "arn:aws:iam::444455556666:root", "firehose.amazonaws.com"}
	if !slices.Equal(plan.Principals, want) || !slices.Equal(fake.claimed[0].Accounts, []string{"123456789012", "444455556666"}) {
		t.Errorf("principals %v of accounts %v", plan.Principals, fake.claimed[0].Accounts)
	}
}

// A quota that Service Quotas could not read is no quota of 0.
func TestAQuotaWithAReasonHasNoValue(t *testing.T) {
	fake := newFake()
	fake.ruleLimit = 0
	if limit, err := fake.step().rulesQuota(t.Context()); err != nil || limit != rulesPerGroup {
		t.Errorf("%d, %v", limit, err)
	}
}

// A check that AWS does not let us make is no reason to fail: the step that makes the thing finds out. What the plan rests
// on ends the step, and names the action.
func TestWhatAWSRefusesToTell(t *testing.T) {
	for operation, row := range map[string]struct {
		change func(*fakeAWS) // to what would be refused, could it be seen
		err    string
	}{
		"DescribeAccountLimits":      {change: func(f *fakeAWS) { f.balancers = fiftyBalancers(elbtypes.LoadBalancerTypeEnumNetwork) }},
		"GetServiceQuota":            {change: func(f *fakeAWS) { f.rules = otherRules(58) }},
		"DescribeManagedPrefixLists": {change: func(f *fakeAWS) { f.listed("office", "IPv4", 60) }},
		"DescribeSecurityGroupRules": {change: func(f *fakeAWS) { f.rules = otherRules(60) }},
		"DescribeDhcpOptions":        {change: func(f *fakeAWS) { f.noDNS = true }},
		"DescribeVpcAttribute":       {change: func(f *fakeAWS) { f.noDNS = true }},
		"DescribeSubnets":            {change: func(*fakeAWS) {}, err: "ec2:DescribeSubnets is not allowed"},
	} {
		t.Run(operation, func(t *testing.T) {
			fake := newFake()
			row.change(fake)
			fake.denied = operation
			plan, err := run(t, fake, `{"database":"orders-prod","vendor":"pushmetrics"}`)
			if (err == nil) != (row.err == "") || err != nil && !strings.Contains(outcome.Message(err), row.err) {
				t.Fatalf("%v, want %q", err, row.err)
			}
			if err == nil && (!slices.Equal(plan.SecurityGroupIDs, []string{"sg-db"}) || len(fake.claimed) != 1) {
				t.Errorf("planned %v", plan.SecurityGroupIDs)
			}
		})
	}
}

func TestRegionsAreAskedForOnlyWhereTheInputNamesSome(t *testing.T) {
	for input, row := range map[string]struct {
		denied string
		want   []string
		asked  int
	}{
		``:                                     {want: []string{}},
		`,"supportedRegions":[]`:               {want: []string{}},
		`,"supportedRegions":["eu-central-1"]`: {want: []string{}}, // the service's own
		`,"supportedRegions":["us-east-1","eu-central-2"]`: {want: []string{"eu-central-2", "us-east-1"}, asked: 1},
		`,"supportedRegions":["eu-west-9"]`:                {want: []string{"eu-west-9"}, denied: "DescribeRegions", asked: 1},
	} {
		t.Run(input, func(t *testing.T) {
			fake := newFake()
			fake.denied = row.denied
			plan, err := run(t, fake, `{"database":"orders-prod","vendor":"pushmetrics"`+input+`}`)
			if err != nil || !slices.Equal(plan.SupportedRegions, row.want) || fake.regionsAsked != row.asked {
				t.Errorf("planned %q after asking %d times, %v", plan.SupportedRegions, fake.regionsAsked, err)
			}
		})
	}
}

func TestWhatStillWorks(t *testing.T) {
	for name, row := range map[string]struct {
		change  func(*fakeAWS)
		subnets []string
		groups  []string
	}{
		"a database that is being modified": {change: func(f *fakeAWS) { f.instances[0].DBInstanceStatus = aws.String("modifying") }},
		"a raised rules quota":              {change: func(f *fakeAWS) { f.rules, f.ruleLimit = otherRules(58), 100 }},
		"a full group with rules of ours": {change: func(f *fakeAWS) {
			f.rules = append(sharedRules(0), otherRules(57)...)
			for i := range 3 {
				f.rules[i].Tags = owned.EC2Tags(owned.Owner{}.RuleTags(ourID(f)))
			}
		}},
		"a full group with the rules of another exposure": {change: func(f *fakeAWS) { f.rules = append(sharedRules(1), otherRules(57)...) }},
		"IPv6 rules, which have a quota of their own": {change: func(f *fakeAWS) {
			f.rules = otherRules(60)
			for i := range f.rules {
				f.rules[i].CidrIpv4, f.rules[i].CidrIpv6 = nil, aws.String("2001:db8::/64")
			}
		}},
		"shared rules with room for a last tag": {change: func(f *fakeAWS) { f.rules = sharedRules(48) }},
		"shared rules without room for a tag that have ours": {change: func(f *fakeAWS) {
			f.rules = sharedRules(48)
			for i := range f.rules {
				f.rules[i].Tags = append(f.rules[i].Tags, owned.EC2Tags(map[string]string{owned.RuleTag(ourID(f)): "true"})...)
			}
		}},
		"another group, where a rule can take no further tag": {change: func(f *fakeAWS) {
			f.rules = sharedRules(49)
			addGroup(f, "sg-roomy")
		}, groups: []string{"sg-roomy", "sg-db"}},
		"the group with room comes first": {change: func(f *fakeAWS) {
			f.rules = otherRules(60)
			addGroup(f, "sg-roomy")
		}, groups: []string{"sg-roomy", "sg-db"}},
		"only the groups that may be changed, where the deployment asks for the tag": {change: func(f *fakeAWS) {
			f.tagged = true
			f.groups[0].Tags = owned.EC2Tags(map[string]string{owned.IngressTag: "refused"})
			f.groups = append(f.groups, ec2types.SecurityGroup{GroupId: aws.String("sg-open"), OwnerId: aws.String(account),
				Tags: owned.EC2Tags(map[string]string{owned.IngressTag: owned.IngressAllowed})})
			f.instances[0].VpcSecurityGroups = append(f.instances[0].VpcSecurityGroups,
				rdstypes.VpcSecurityGroupMembership{VpcSecurityGroupId: aws.String("sg-open"), Status: aws.String("active")})
		}, groups: []string{"sg-open"}},
		"of several groups those of this account": {change: func(f *fakeAWS) {
			addGroup(f, "sg-theirs")
			addGroup(f, "sg-unseen")
			f.groups[1].OwnerId, f.groups = aws.String("999999999999"), f.groups[:2]
		}},
		"prefix lists that leave room": {change: func(f *fakeAWS) {
			f.rules = otherRules(1)
			f.listed("com.amazonaws.global.cloudfront.origin-facing", "IPv4", 0) // 55
			f.listed("com.amazonaws.eu-central-1.s3", "IPv4", 0)
			f.listed("office", "IPv6", 1000)
		}},
		"a prefix list that nobody may see any more counts as one": {change: func(f *fakeAWS) {
			f.rules = otherRules(56)
			f.listed("office", "IPv4", 1000)
			f.lists = nil
		}},
		"a prefix list of AWS's without a known weight counts as one": {change: func(f *fakeAWS) {
			f.rules = otherRules(56)
			f.listed("com.amazonaws.global.teleport", "IPv4", 0)
		}},
		"a full group that has the rules already": {change: func(f *fakeAWS) {
			f.rules = sharedRules(1)
			f.listed("office", "IPv4", 1000)
		}},
		"a limit that ELB does not name": {change: func(f *fakeAWS) {
			f.limitName, f.balancers = "load-balancers-of-the-network", fiftyBalancers(elbtypes.LoadBalancerTypeEnumNetwork)
		}},
		"a limit that is no number": {change: func(f *fakeAWS) {
			f.nlbLimit, f.balancers = "many", fiftyBalancers(elbtypes.LoadBalancerTypeEnumNetwork)
		}},
		"application load balancers do not count": {change: func(f *fakeAWS) { f.balancers = fiftyBalancers(elbtypes.LoadBalancerTypeEnumApplication) }},
		"our own load balancer does not count": {change: func(f *fakeAWS) {
			f.balancers = append(fiftyBalancers(elbtypes.LoadBalancerTypeEnumNetwork), ours(f, "subnet-x"))
		}},
		"the roomiest of a zone's subnets": {change: func(f *fakeAWS) {
			f.subnets = append(f.subnets, subnet("subnet-c", "euc1-az1", 200))
			f.instances[0].DBSubnetGroup.Subnets = append(f.instances[0].DBSubnetGroup.Subnets, rdstypes.Subnet{SubnetIdentifier: aws.String("subnet-c")})
		}, subnets: []string{"subnet-c", "subnet-b"}},
		"a subnet of the group before a roomier stranger": {change: func(f *fakeAWS) {
			f.subnets = append(f.subnets, subnet("subnet-c", "euc1-az1", 200))
		}},
		"a roomy stranger before a crowded subnet of the group": {change: func(f *fakeAWS) {
			f.subnets[0].AvailableIpAddressCount = aws.Int32(7)
			f.subnets = append(f.subnets, subnet("subnet-c", "euc1-az1", 8))
		}, subnets: []string{"subnet-c", "subnet-b"}},
		"a zone keeps its load balancer's subnet": {change: func(f *fakeAWS) {
			f.subnets = append(f.subnets, subnet("subnet-x", "euc1-az1", 0))
			f.balancers = []elbtypes.LoadBalancer{ours(f, "subnet-x")}
		}, subnets: []string{"subnet-x", "subnet-b"}},
		"a load balancer that has taken the last addresses": {change: func(f *fakeAWS) {
			everySubnet(func(s *ec2types.Subnet) { s.AvailableIpAddressCount = aws.Int32(0) })(f)
			f.balancers = []elbtypes.LoadBalancer{ours(f, "subnet-a", "subnet-b")}
		}},
		"dual-stack subnets, by their IPv4 blocks": {change: everySubnet(func(s *ec2types.Subnet) {
			s.Ipv6CidrBlockAssociationSet = []ec2types.SubnetIpv6CidrBlockAssociation{{Ipv6CidrBlock: aws.String("2001:db8::/64")}}
		})},
		"a subnet without IPv4 beside one with it": {change: func(f *fakeAWS) {
			only6 := subnet("subnet-c", "euc1-az1", 200)
			only6.CidrBlock, only6.Ipv6Native = nil, aws.Bool(true)
			f.subnets = append(f.subnets, only6)
			f.instances[0].DBSubnetGroup.Subnets = append(f.instances[0].DBSubnetGroup.Subnets, rdstypes.Subnet{SubnetIdentifier: aws.String("subnet-c")})
		}},
		"a zone that the database cannot reach is left out": {change: func(f *fakeAWS) {
			f.subnets = append(f.subnets, subnet("subnet-c", "euc1-az3", 200))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			row.change(fake)
			if row.subnets == nil {
				row.subnets = []string{"subnet-a", "subnet-b"}
			}
			if row.groups == nil {
				row.groups = []string{"sg-db"}
			}
			plan, err := run(t, fake, usual)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(plan.SubnetIDs, row.subnets) || !slices.Equal(plan.SecurityGroupIDs, row.groups) {
				t.Errorf("subnets %v and groups %v, want %v and %v", plan.SubnetIDs, plan.SecurityGroupIDs, row.subnets, row.groups)
			}
		})
	}
}

// Lambda may lack zones, and only says so when the resolver is made.
func TestTheResolverMayLieWhereverTheLoadBalancerDoes(t *testing.T) {
	fake := newFake()
	fake.subnets = append(fake.subnets, subnet("subnet-c", "euc1-az3", 200))
	fake.instances[0].DBSubnetGroup.Subnets = append(fake.instances[0].DBSubnetGroup.Subnets, rdstypes.Subnet{SubnetIdentifier: aws.String("subnet-c")})
	plan, err := run(t, fake, usual)
	if want := []string{"subnet-a", "subnet-b", "subnet-c"}; err != nil || !slices.Equal(plan.ResolverSubnetIDs, want) {
		t.Errorf("resolver in %v, error %v", plan.ResolverSubnetIDs, err)
	}
}

func ourID(f *fakeAWS) string {
	return owned.Owner{}.ID(*f.instances[0].DBInstanceArn, "writer", "orders-prod", owned.Consumer{Vendor: "pushmetrics"})
}

// ours is the exposure's load balancer, in the given subnets.
func ours(f *fakeAWS, subnets ...string) elbtypes.LoadBalancer {
	balancer := elbtypes.LoadBalancer{LoadBalancerName: aws.String(ourID(f)), Type: elbtypes.LoadBalancerTypeEnumNetwork}
	for _, id := range subnets {
		balancer.AvailabilityZones = append(balancer.AvailabilityZones, elbtypes.AvailabilityZone{SubnetId: &id})
	}
	return balancer
}

// addGroup attaches a further security group to the database.
func addGroup(f *fakeAWS, id string) {
	f.groups = append(f.groups, ec2types.SecurityGroup{GroupId: &id, OwnerId: aws.String(account)})
	f.instances[0].VpcSecurityGroups = append(f.instances[0].VpcSecurityGroups,
		rdstypes.VpcSecurityGroupMembership{VpcSecurityGroupId: &id, Status: aws.String("active")})
}

// RDS's identifiers have 63 characters, and load balancers' names 32.
func TestLongNamesThatBeginAlikeAreToldApart(t *testing.T) {
	const alike = "orders-production-central-europe-main-cluster-of-all-shops"
	fake := newFake()
	ids := map[string]string{}
	for _, end := range []string{"-a001", "-b002"} {
		fake.instances = append(fake.instances, instance(alike+end))
		for _, consumer := range []string{strings.Repeat("c", 62) + "1", strings.Repeat("c", 62) + "2"} {
			plan, err := run(t, fake, `{"database":"`+strings.ToUpper(alike+end)+`","name":"`+consumer+`","principals":["444455556666"]}`)
			if err != nil {
				t.Fatal(err)
			}
			if plan.DatabaseIdentifier != alike+end || len(alike+end) != 63 {
				t.Errorf("found %s", plan.DatabaseIdentifier)
			}
			if other, taken := ids[plan.Exposure]; taken || len(plan.Exposure) > 32 {
				t.Errorf("%s for %s has the id %s, as %s", alike+end, consumer, plan.Exposure, other)
			}
			ids[plan.Exposure] = alike + end + " for " + consumer
		}
	}
}

func TestHolderOfTheClaim(t *testing.T) {
	for name, row := range map[string]struct {
		status sfntypes.ExecutionStatus
		want   string
	}{
		"still running":     {sfntypes.ExecutionStatusRunning, "Conflict"},
		"about to continue": {sfntypes.ExecutionStatusPendingRedrive, "Conflict"},
		"failed":            {sfntypes.ExecutionStatusFailed, ""},
		"forgotten":         {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			fake.holder, fake.status = "arn:aws:states:eu-central-1:111122223333:execution:rdslink-setup:other", row.status
			_, err := run(t, fake, usual)
			if got := outcome.Name(err); got != row.want {
				t.Errorf("error = %v (%s), want %q", err, got, row.want)
			}
		})
	}
}

// What two consumers are called may be the same. An exposure that they share would have one endpoint service, and each run
// would put the one's principals in the other's place.
func TestTwoConsumersNeverShareAnExposure(t *testing.T) {
	ids := map[string]string{}
	for _, consumer := range []string{
		`"vendor":"pushmetrics"`, `"vendor":"fivetran"`,
		`"vendor":"pushmetrics","name":"analytics"`, `"vendor":"fivetran","name":"analytics"`, `"name":"analytics","principals":["444455556666"]`,
		`"vendor":"pushmetrics","name":"fivetran"`, `"vendor":"fivetran","name":"pushmetrics"`,
		tidbOf("444455556666", ""), tidbOf("555566667777", ""), tidbOf("444455556666", "analytics"), tidbOf("555566667777", "analytics"),
		`"name":"tidb-cloud-444455556666","principals":["444455556666"]`, `"vendor":"pushmetrics","name":"tidb-cloud-444455556666"`,
	} {
		fake := newFake()
		fake.instances[0].Engine = aws.String("mysql")
		fake.instances[0].Endpoint.Port = aws.Int32(5432)
		plan, err := run(t, fake, `{"database":"orders-prod",`+consumer+`}`)
		if err != nil {
			t.Fatalf("%s: %v", consumer, err)
		}
		if other, taken := ids[plan.Exposure]; taken {
			t.Errorf("%s and %s have the exposure %s", consumer, other, plan.Exposure)
		}
		ids[plan.Exposure] = consumer
		if again, err := run(t, fake, `{"database":"orders-prod",`+consumer+`,"supportedRegions":["eu-west-1"],"ingress":"addresses"}`); err != nil || again.Exposure != plan.Exposure {
			t.Errorf("%s: with other options it is %s, not %s: %v", consumer, again.Exposure, plan.Exposure, err)
		}
	}
	first := idWith(t, "444455556666")
	if second := idWith(t, "555566667777"); first != second {
		t.Errorf("with other principals the exposure %s is %s", first, second)
	}
}

func tidbOf(account, name string) string {
	consumer := `"vendor":"tidb-cloud","vendorAccount":"` + account + `","vendorAvailabilityZoneIds":["euc1-az1"]`
	if name != "" {
		consumer += `,"name":"` + name + `"`
	}
	return consumer
}

// idWith is the id of the exposure to acme with these principals.
func idWith(t *testing.T, account string) string {
	t.Helper()
	plan, err := run(t, newFake(), `{"database":"orders-prod","name":"acme","principals":["`+account+`"]}`)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Exposure
}

// Earlier versions told consumers apart by what they are called.
func TestAnExposureOfAnEarlierVersionKeepsItsIDForItsConsumerAlone(t *testing.T) {
	const (
		database = "arn:aws:rds:eu-central-1:111122223333:db:orders-prod"
		input    = `{"database":"orders-prod","vendor":"pushmetrics","name":"analytics"}`
	)
	former := owned.Owner{}.FormerID(database, "writer", "orders-prod", owned.Consumer{Name: "analytics"})
	for name, row := range map[string]struct {
		recorded registry.Exposure
		input    string
		says     []string // nothing: the id stays
	}{
		"the same": {registry.Exposure{Vendor: "pushmetrics", Consumer: "analytics", Accounts: []string{"133737826969"}}, input, nil},
		"another vendor's": {registry.Exposure{Vendor: "fivetran", Consumer: "analytics", Accounts: []string{"834469178297"}}, input,
			[]string{former, "analytics at fivetran (account 834469178297)", "analytics at pushmetrics"}},
		"nobody's of a preset": {registry.Exposure{Consumer: "analytics", Accounts: []string{"444455556666"}}, input,
			[]string{former, "that of analytics (account 444455556666)", "analytics at pushmetrics"}},
		"the same vendor's, at another account": {registry.Exposure{Vendor: "tidb-cloud", Consumer: "analytics", Accounts: []string{"555566667777"}},
			`{"database":"orders-prod",` + tidbOf("444455556666", "analytics") + `}`, []string{former, "(account 555566667777)", "(account 444455556666)"}},
		"of one's own, with other ones": {registry.Exposure{Consumer: "analytics", Accounts: []string{"444455556666"}}, `{"database":"orders-prod","name":"analytics","principals":["555566667777"]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			engine("mysql")(fake)
			row.recorded.ID = former
			fake.recorded = []registry.Exposure{row.recorded}
			plan, err := run(t, fake, row.input)
			if len(row.says) == 0 {
				if err != nil || plan.Exposure != former {
					t.Errorf("the exposure is %s, not %s: %v", plan.Exposure, former, err)
				}
				return
			}
			for _, says := range row.says {
				if outcome.Name(err) != outcome.NameBadInput || !strings.Contains(err.Error(), says) {
					t.Errorf("%v: it does not say %q", err, says)
				}
			}
			if len(fake.claimed) > 0 {
				t.Errorf("%v is claimed", fake.claimed)
			}
		})
	}
}

func TestAWholeNumberIsOneHoweverItIsWritten(t *testing.T) {
	for _, written := range []string{"6432", "6432.0", "6.432e3", "643200e-2"} {
		if plan, err := run(t, newFake(), `{"database":"orders-prod","vendor":"pushmetrics","listenerPort":`+written+`}`); err != nil || plan.ListenerPort != 6432 {
			t.Errorf("%s: %d, %v", written, plan.ListenerPort, err)
		}
	}
}

// The plan says when the server would block the load balancer, with every consumer behind it.
func TestThePlanHasWhatTheServerForgives(t *testing.T) {
	for name, row := range map[string]struct {
		engine, set string
		want        int
	}{
		"MySQL's default":             {"mysql", "", 100},
		"a value that somebody chose": {"mysql", "3", 3},
		"PostgreSQL holds nothing":    {"postgres", "3", 0},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			engine(row.engine)(fake)
			fake.connectErrors = row.set
			plan, err := run(t, fake, usual)
			if err != nil || plan.MaxConnectErrors != row.want {
				t.Errorf("got %d, %v", plan.MaxConnectErrors, err)
			}
		})
	}
}
