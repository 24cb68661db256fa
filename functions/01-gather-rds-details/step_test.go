package main

import (
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

	"github.com/rdslink/rdslink/internal/owned"
	"github.com/rdslink/rdslink/internal/step"
)

var errHeld = step.Conflict("held")

const usual = `{"database":"orders-prod","vendor":"pushmetrics"}`

func run(t *testing.T, f *fakeAWS, input string) (Output, error) {
	t.Helper()
	return f.gatherer().run(t.Context(), Input{Execution: ourExecution, Input: json.RawMessage(input)})
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
		Endpoint: "writer", Engine: "postgres", Host: "orders-prod.c0ffee.eu-central-1.rds.amazonaws.com", Port: 5432, MultiAZ: true,
		Region: "eu-central-1", Account: account, VPCID: "vpc-1", VPCCIDRs: []string{"10.0.0.0/16", "10.1.0.0/16"},
		SubnetIDs: []string{"subnet-a", "subnet-b"}, ResolverSubnetIDs: []string{"subnet-a", "subnet-b"}, SecurityGroupIDs: []string{"sg-db"},
		Principals: []string{"arn:aws:iam::133737826969:root"}, Accounts: []string{"133737826969"},
		Acceptance: Acceptance{Mode: "manual", MaxConnections: 1}, AcceptanceTimeoutSeconds: 14 * 86400,
		ListenerPort: 5432, SupportedRegions: []string{}, Ingress: "subnets", Resolver: "vpc", Notify: []string{},
	}
	if !reflect.DeepEqual(plan, want) {
		t.Errorf("plan\n%+v, want\n%+v", plan, want)
	}
	if plan.Exposure != owned.ID(plan.DatabaseARN, "writer", "orders-prod", "pushmetrics") {
		t.Errorf("exposure = %s", plan.Exposure)
	}
	if len(fake.claimed) != 1 || fake.claimed[0].ID != plan.Exposure || !slices.Equal(fake.claimed[0].Accounts, plan.Accounts) {
		t.Errorf("claimed %+v", fake.claimed)
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
		"acceptance":          {`"acceptance":{"mode":"expected-account","maxConnections":3}`, func(o Output) any { return o.Acceptance }, Acceptance{"expected-account", 3}},
		"time limit":          {`"acceptance":{"timeoutDays":3}`, func(o Output) any { return o.AcceptanceTimeoutSeconds }, 3 * 86400},
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

func TestDatabaseByARNAndInCapitals(t *testing.T) {
	for _, name := range []string{"arn:aws:rds:eu-central-1:111122223333:db:orders-prod", "Orders-Prod"} {
		if plan, err := run(t, newFake(), `{"database":"`+name+`","vendor":"pushmetrics"}`); err != nil || plan.DatabaseIdentifier != "orders-prod" {
			t.Errorf("%s: %s, %v", name, plan.DatabaseIdentifier, err)
		}
	}
}

func TestPrincipals(t *testing.T) {
	plan, err := run(t, newFake(), `{"database":"orders-prod","name":"acme","principals":
		["444455556666","arn:aws:iam::444455556666:role/loader","arn:aws:iam::123456789012:user/ana","firehose.amazonaws.com"]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"arn:aws:iam::123456789012:user/ana", "arn:aws:iam::444455556666:role/loader", "arn:aws:iam::444455556666:root", "firehose.amazonaws.com"}
	if !slices.Equal(plan.Principals, want) || !slices.Equal(plan.Accounts, []string{"123456789012", "444455556666"}) {
		t.Errorf("principals %v of accounts %v", plan.Principals, plan.Accounts)
	}
}

// principalsInput is an input whose principals are the given JSON.
func principalsInput(list string) string {
	return `{"database":"orders-prod","name":"acme","principals":` + list + `}`
}

// option is the usual input with one more field.
func option(field string) string { return strings.TrimSuffix(usual, "}") + "," + field + "}" }

func TestInputIsRefusedBeforeAnythingIsMade(t *testing.T) {
	for name, row := range map[string]struct {
		input string
		want  string // in the message: the field, and the remedy
	}{
		"not an object":           {`[]`, "the input must be an object"},
		"no database":             {`{"vendor":"pushmetrics"}`, "database is missing"},
		"an empty database":       {`{"database":"","vendor":"pushmetrics"}`, "database is empty"},
		"a misspelt field":        {option(`"listnerPort":1`), `did you mean "listenerPort"`},
		"an unknown field":        {option(`"colour":"red"`), "the fields are database, vendor"},
		"a misspelt inner field":  {option(`"acceptance":{"maxConnection":1}`), `did you mean "maxConnections"`},
		"no consumer":             {`{"database":"orders-prod"}`, "give vendor (pushmetrics), or name and principals"},
		"a misspelt vendor":       {`{"database":"orders-prod","vendor":"pushmetric"}`, "did you mean pushmetrics"},
		"an unknown vendor":       {`{"database":"orders-prod","vendor":"acme"}`, "the presets are pushmetrics"},
		"vendor and principals":   {option(`"principals":["444455556666"]`), "vendor and principals are both given"},
		"principals without name": {`{"database":"orders-prod","principals":["444455556666"]}`, "name is missing"},
		"name without principals": {`{"database":"orders-prod","name":"acme"}`, "no consumer"},
		"a vendor's name":         {`{"database":"orders-prod","name":"pushmetrics","principals":["444455556666"]}`, "use vendor instead"},
		"a name in capitals":      {`{"database":"orders-prod","name":"Acme Inc","principals":["444455556666"]}`, "lower-case letters"},
		"everyone":                {principalsInput(`["*"]`), "every AWS account"},
		"a short account":         {principalsInput(`["4444"]`), "12-digit account id"},
		"an ARN of another kind":  {principalsInput(`["arn:aws:s3:::bucket"]`), "none of: a 12-digit account id"},
		"a role session":          {principalsInput(`["arn:aws:sts::444455556666:assumed-role/loader/x"]`), "none of"},
		"a role with a path":      {principalsInput(`["arn:aws:iam::444455556666:role/team/loader"]`), "has a path"},
		"a group":                 {principalsInput(`["arn:aws:iam::444455556666:group/dba"]`), "must end in root, role/NAME or user/NAME"},
		"another partition":       {principalsInput(`["arn:aws-us-gov:iam::444455556666:root"]`), "partition aws-us-gov"},
		"one principal twice":     {principalsInput(`["444455556666","arn:aws:iam::444455556666:root"]`), "arn:aws:iam::444455556666:root is given twice"},
		"nobody to expect": {`{"database":"orders-prod","name":"acme","principals":["firehose.amazonaws.com"],"acceptance":{"mode":"expected-account"}}`,
			"a service principal has none"},
		"database of wrong type":         {`{"database":7,"vendor":"pushmetrics"}`, "database must be a string, got the number 7"},
		"principals of wrong type":       {principalsInput(`"444455556666"`), `principals must be a list of strings, got the string "444455556666"`},
		"a principal of wrong type":      {principalsInput(`[444455556666]`), "principals must be a list of strings, got the list [444455556666]"},
		"name of wrong type":             {option(`"name":{}`), "name must be a string, got an object"},
		"listener port of wrong type":    {option(`"listenerPort":"5432"`), `listenerPort must be a whole number, got the string "5432"`},
		"half a listener port":           {option(`"listenerPort":5432.5`), "listenerPort must be a whole number"},
		"listener port out of range":     {option(`"listenerPort":70000`), "listenerPort must be from 1 to 65535, got 70000"},
		"acceptance of wrong type":       {option(`"acceptance":"manual"`), `acceptance must be an object, got the string "manual"`},
		"an unknown acceptance mode":     {option(`"acceptance":{"mode":"auto"}`), `acceptance.mode must be manual or expected-account, got "auto"`},
		"acceptance for years":           {option(`"acceptance":{"timeoutDays":1000}`), "acceptance.timeoutDays must be from 1 to 360"},
		"no connections":                 {option(`"acceptance":{"maxConnections":0}`), "acceptance.maxConnections must be from 1"},
		"a field without a value":        {option(`"ingress":null`), "ingress must be a string, got null"},
		"an unknown ingress":             {option(`"ingress":"all"`), "ingress must be subnets or addresses"},
		"an unknown resolver":            {option(`"resolver":true`), "resolver must be a string, got the boolean true"},
		"a region that is none":          {option(`"supportedRegions":["Frankfurt"]`), "not a region's name"},
		"a region of another partition":  {option(`"supportedRegions":["cn-north-1"]`), "another partition"},
		"notify is no address":           {option(`"notify":["dba"]`), "not an e-mail address"},
		"a reader endpoint":              {option(`"endpoint":"reader"`), "through their writer endpoint"},
		"a database of another region":   {`{"database":"arn:aws:rds:eu-west-1:111122223333:db:orders-prod","vendor":"pushmetrics"}`, "is in region eu-west-1"},
		"a database of another account":  {`{"database":"arn:aws:rds:eu-central-1:999999999999:db:orders-prod","vendor":"pushmetrics"}`, "belongs to account 999999999999"},
		"a cluster's ARN":                {`{"database":"arn:aws:rds:eu-central-1:111122223333:cluster:orders","vendor":"pushmetrics"}`, "is a cluster"},
		"a proxy's ARN":                  {`{"database":"arn:aws:rds:eu-central-1:111122223333:db-proxy:prx-1","vendor":"pushmetrics"}`, "is a db-proxy"},
		"an ARN that is none of RDS":     {`{"database":"arn:aws:s3:::orders","vendor":"pushmetrics"}`, "not the ARN of an RDS database"},
		"a database that does not exist": {`{"database":"order-prod","vendor":"pushmetrics"}`, "did you mean orders-prod"},
		"a name that RDS cannot have":    {`{"database":"orders prod!","vendor":"pushmetrics"}`, "did you mean orders-prod"},
		"a database like no other":       {`{"database":"warehouse","vendor":"pushmetrics"}`, "orders-prod among them"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			_, err := run(t, fake, row.input)
			wantBadInput(t, fake, err, row.want)
		})
	}
}

func wantBadInput(t *testing.T, fake *fakeAWS, err error, message string) {
	t.Helper()
	if step.Classify(err) != "BadInput" || !strings.Contains(err.Error(), message) {
		t.Errorf("error = %v, want BadInput with %q", err, message)
	}
	if len(fake.claimed) > 0 {
		t.Errorf("claimed %+v", fake.claimed)
	}
}

func TestVendorOfAnotherRegion(t *testing.T) {
	fake := newFake()
	_, err := fake.gatherer().run(t.Context(), Input{
		Execution: strings.Replace(ourExecution, "eu-central-1", "us-east-1", 1), Input: json.RawMessage(usual)})
	wantBadInput(t, fake, err, "connects from eu-central-1 only")
}

func TestWhatCannotWorkIsRefusedBeforeAnythingIsMade(t *testing.T) {
	for name, row := range map[string]struct {
		input  string
		change func(*fakeAWS)
		want   string
	}{
		"a database that is being created": {change: with(func(d *rdstypes.DBInstance) { d.Endpoint, d.DBInstanceStatus = nil, aws.String("creating") }),
			want: "wait until it is available"},
		"a stopped database": {change: with(func(d *rdstypes.DBInstance) { d.DBInstanceStatus = aws.String("stopped") }), want: "start it first"},
		"a deleted database": {change: with(func(d *rdstypes.DBInstance) { d.DBInstanceStatus = aws.String("deleting") }), want: "going away"},
		"an Aurora member": {change: with(func(d *rdstypes.DBInstance) {
			d.Engine, d.DBClusterIdentifier = aws.String("aurora-postgresql"), aws.String("c")
		}), want: "member of the Aurora cluster c"},
		"a Multi-AZ cluster":  {change: with(func(d *rdstypes.DBInstance) { d.DBClusterIdentifier = aws.String("c") }), want: "member of the Multi-AZ DB cluster c"},
		"a Neptune database":  {change: with(func(d *rdstypes.DBInstance) { d.Engine = aws.String("neptune") }), want: "Neptune"},
		"a DocumentDB":        {change: with(func(d *rdstypes.DBInstance) { d.Engine = aws.String("docdb") }), want: "DocumentDB"},
		"RDS Custom":          {change: with(func(d *rdstypes.DBInstance) { d.Engine = aws.String("custom-oracle-ee") }), want: "RDS Custom"},
		"an engine not yet":   {change: with(func(d *rdstypes.DBInstance) { d.Engine = aws.String("mysql") }), want: "engine mysql"},
		"outside any VPC":     {change: with(func(d *rdstypes.DBInstance) { d.DBSubnetGroup = nil }), want: "in no VPC"},
		"no active group":     {change: with(func(d *rdstypes.DBInstance) { d.VpcSecurityGroups = nil }), want: "no active security group"},
		"public, no resolver": {input: option(`"resolver":"none"`), change: with(func(d *rdstypes.DBInstance) { d.PubliclyAccessible = aws.Bool(true) }), want: "use resolver vpc"},
		"a cluster's identifier": {input: `{"database":"orders","vendor":"pushmetrics"}`,
			change: with(func(d *rdstypes.DBInstance) { d.DBClusterIdentifier = aws.String("orders") }), want: "database orders is a cluster"},
		"an account without databases": {change: func(f *fakeAWS) { f.instances = nil }, want: "no DB instance in this region"},
		"subnets that are gone":        {change: func(f *fakeAWS) { f.subnets = nil }, want: "no usable subnet"},
		"subnets without IPv4":         {change: func(f *fakeAWS) { f.subnets[0].CidrBlock, f.subnets[1].CidrBlock = nil, nil }, want: "no usable subnet"},
		"subnets on an Outpost": {change: func(f *fakeAWS) {
			for i := range f.subnets {
				f.subnets[i].OutpostArn = aws.String("arn:outpost")
			}
		}, want: "no usable subnet"},
		"subnets in a Local Zone": {change: func(f *fakeAWS) {
			for i := range f.subnets {
				f.subnets[i].AvailabilityZoneId = aws.String("euc1-ham1-az1")
			}
		}, want: "no usable subnet"},
		"a full zone":             {change: func(f *fakeAWS) { f.subnets[1].AvailableIpAddressCount = aws.Int32(0) }, want: "zone euc1-az2 has a free address"},
		"another account's group": {change: func(f *fakeAWS) { f.groups[0].OwnerId = aws.String("999999999999") }, want: "belong to another account"},
		"a full group":            {change: func(f *fakeAWS) { f.rules = otherRules(58) }, want: "room for 3 more rules"},
		"no load balancer left":   {change: func(f *fakeAWS) { f.balancers = balancersOf(elbtypes.LoadBalancerTypeEnumNetwork, 50) }, want: "its limit is 50"},
		"a zone without other regions": {input: option(`"supportedRegions":["eu-west-1"]`),
			change: func(f *fakeAWS) { f.subnets[0].AvailabilityZoneId = aws.String("use1-az3") }, want: "includes zone use1-az3"},
		"one zone for other regions": {input: option(`"supportedRegions":["eu-west-1"]`),
			change: func(f *fakeAWS) { f.subnets = f.subnets[:1] }, want: "two zones or more"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			row.change(fake)
			if row.input == "" {
				row.input = usual
			}
			_, err := run(t, fake, row.input)
			wantBadInput(t, fake, err, row.want)
		})
	}
}

func TestWhatStillWorks(t *testing.T) {
	ours := func(f *fakeAWS) elbtypes.LoadBalancer {
		id := owned.ID(*f.instances[0].DBInstanceArn, "writer", "orders-prod", "pushmetrics")
		return elbtypes.LoadBalancer{LoadBalancerName: &id, Type: elbtypes.LoadBalancerTypeEnumNetwork,
			AvailabilityZones: []elbtypes.AvailabilityZone{{SubnetId: aws.String("subnet-x")}}}
	}
	for name, row := range map[string]struct {
		change  func(*fakeAWS)
		subnets []string
		groups  []string
	}{
		"a database that is being modified": {change: func(f *fakeAWS) { f.instances[0].DBInstanceStatus = aws.String("modifying") }},
		"a raised rules quota":              {change: func(f *fakeAWS) { f.rules, f.ruleLimit = otherRules(58), 100 }},
		"a full group with rules of ours": {change: func(f *fakeAWS) {
			f.rules = otherRules(60)
			for i := range 3 {
				f.rules[i].Tags = owned.EC2Tags(owned.RuleTags(owned.ID(*f.instances[0].DBInstanceArn, "writer", "orders-prod", "pushmetrics"), nil))
			}
		}},
		"the group with room comes first": {change: func(f *fakeAWS) {
			f.rules = otherRules(60)
			f.groups = append(f.groups, ec2types.SecurityGroup{GroupId: aws.String("sg-roomy"), OwnerId: aws.String(account)})
			f.instances[0].VpcSecurityGroups = append(f.instances[0].VpcSecurityGroups,
				rdstypes.VpcSecurityGroupMembership{VpcSecurityGroupId: aws.String("sg-roomy"), Status: aws.String("active")})
		}, groups: []string{"sg-roomy", "sg-db"}},
		"application load balancers do not count": {change: func(f *fakeAWS) { f.balancers = balancersOf(elbtypes.LoadBalancerTypeEnumApplication, 50) }},
		"our own load balancer does not count": {change: func(f *fakeAWS) {
			f.balancers = append(balancersOf(elbtypes.LoadBalancerTypeEnumNetwork, 50), ours(f))
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
			f.balancers = []elbtypes.LoadBalancer{ours(f)}
		}, subnets: []string{"subnet-x", "subnet-b"}},
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
			if got := step.Classify(err); got != row.want {
				t.Errorf("error = %v (%s), want %q", err, got, row.want)
			}
		})
	}
}
