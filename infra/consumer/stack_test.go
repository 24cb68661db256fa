package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/rdslink/rdslink/internal/golden"
)

type resource struct {
	Type       string
	Properties map[string]any
}

type synthesis struct {
	stack     awscdk.Stack
	text      string
	Resources map[string]resource
	Outputs   map[string]struct{ Value any }
}

func synthesisOf(p plan) (s synthesis) {
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
	s.stack = newStack(app, p)
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(nil), nil)
	text, err := json.Marshal(assertions.Template_FromStack(s.stack, nil).ToJSON())
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		panic(err)
	}
	s.text = string(text)
	return s
}

// full has every option.
var full = sync.OnceValue(func() synthesis {
	p, err := readPlan[plan]("testdata/plan.json")
	if err != nil {
		panic(err)
	}
	return synthesisOf(p)
})

// link is of a link's hand-off.
var link = sync.OnceValue(func() synthesis { return synthesisOf(linkPlan()) })

func linkPlan() plan {
	p, err := readPlan[plan]("testdata/link.json")
	if err != nil {
		panic(err)
	}
	return p
}

// least has none.
var least = sync.OnceValue(func() synthesis {
	p, err := readPlan[plan]("testdata/plan.json")
	if err != nil {
		panic(err)
	}
	p.Host, p.Operators, p.Trusted, p.Clients = "", "", nil, []string{"10.1.0.0/16"}
	return synthesisOf(p)
})

func (s synthesis) types() (all []string) {
	for _, r := range s.Resources {
		all = append(all, r.Type)
	}
	slices.Sort(all)
	return all
}

func TestTheStackIsMadeOf(t *testing.T) {
	want := []string{"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Alarm", "AWS::EC2::SecurityGroup", "AWS::EC2::VPCEndpoint", "AWS::IAM::Policy", "AWS::IAM::Role",
		"AWS::Route53::HostedZone", "AWS::Route53::RecordSet"}
	if got := least().types(); !slices.Equal(got, want) {
		t.Errorf("without options: %v, want %v", got, want)
	}
	want = append(want, "AWS::Route53::HostedZone", "AWS::Route53::RecordSet", "AWS::SNS::Subscription", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy")
	slices.Sort(want)
	if got := full().types(); !slices.Equal(got, want) {
		t.Errorf("with every option: %v, want %v", got, want)
	}
	// 51,200 bytes are what CloudFormation takes without a bucket, which the account need not have.
	if size := len(full().text); size > 40_000 {
		t.Errorf("the template has %d bytes", size)
	}
}

func TestTheTemplateHolds(t *testing.T) {
	const name = "orders-prod.c0ffee123456.eu-central-1.rds.amazonaws.com"
	type want = map[string]any
	for _, row := range []struct{ id, properties string }{
		{"Endpoint", `{"VpcEndpointType":"Interface","VpcId":"vpc-0123456789abcdef0","PrivateDnsEnabled":false,` +
			`"SubnetIds":["subnet-0123456789abcdef0","subnet-0123456789abcdef1"],"SecurityGroupIds":[{"Fn::GetAtt":["Group","GroupId"]}]}`},
		{"Group", `{"VpcId":"vpc-0123456789abcdef0","SecurityGroupIngress":[` +
			`{"IpProtocol":"tcp","FromPort":5432,"ToPort":5432,"SourceSecurityGroupId":"sg-0123456789abcdef0","Description":"clients of orders-prod-acme-17ac466a"},` +
			`{"IpProtocol":"tcp","FromPort":5432,"ToPort":5432,"CidrIp":"10.1.0.0/16","Description":"clients of orders-prod-acme-17ac466a"}],` +
			`"SecurityGroupEgress":[{"IpProtocol":"-1","CidrIp":"127.0.0.1/32","Description":"nothing"}]}`},
		{"DatabaseNameZone", `{"Name":"` + name + `","VPCs":[{"VPCId":"vpc-0123456789abcdef0","VPCRegion":{"Ref":"AWS::Region"}}]}`},
		{"DatabaseNameRecord", `{"Name":"` + name + `","Type":"A","HostedZoneId":{"Fn::GetAtt":["DatabaseNameZone","Id"]}}`},
		{"HostRecord", `{"Name":"orders.db.internal","Type":"A","HostedZoneId":{"Fn::GetAtt":["HostZone","Id"]}}`},
	} {
		var properties want
		if err := json.Unmarshal([]byte(row.properties), &properties); err != nil {
			t.Fatal(err)
		}
		for key, value := range properties {
			if got, want := encoded(full().Resources[row.id].Properties[key]), encoded(value); got != want {
				t.Errorf("%s: %s is %s, want %s", row.id, key, got, want)
			}
		}
	}
	for id, r := range full().Resources {
		if _, has := r.Properties["PolicyDocument"]; has && r.Type == "AWS::EC2::VPCEndpoint" {
			t.Errorf("%s has an endpoint policy, which no service of a customer's takes", id)
		}
		if tags := encoded(r.Properties["Tags"]) + encoded(r.Properties["HostedZoneTags"]); strings.HasPrefix(r.Type, "AWS::EC2") || strings.HasSuffix(r.Type, "Zone") {
			if !strings.Contains(tags, `"rdslink:consumes"`) || strings.Contains(full().text, "rdslink:exposure") {
				t.Errorf("%s has the tags %s", id, tags)
			}
		}
	}
}

// A link's databases share all but their names: each has its own zone, which clients tell by the port.
func TestTheTemplateOfALinkHoldsEachDatabase(t *testing.T) {
	names := map[string]string{}
	for id, r := range link().Resources {
		if r.Type == "AWS::Route53::HostedZone" || r.Type == "AWS::Route53::RecordSet" {
			names[id] = encoded(r.Properties["Name"])
		}
	}
	want := map[string]string{"HostZone": `"databases.acme.internal"`, "HostRecord": `"databases.acme.internal"`}
	for exposure, name := range map[string]string{"ordersprodacme6f2e8a01": databaseHost, "ledgerprodacme9b3d7c44": clusterHost} {
		want["DatabaseName"+exposure+"Zone"], want["DatabaseName"+exposure+"Record"] = encoded(name), encoded(name)
	}
	if !maps.Equal(names, want) {
		t.Errorf("the names are %v, want %v", names, want)
	}
	aliases := map[string]bool{}
	for _, r := range link().Resources {
		if r.Type == "AWS::Route53::RecordSet" {
			aliases[encoded(r.Properties["AliasTarget"])] = true
		}
	}
	if len(aliases) != 1 {
		t.Errorf("the names lead to %v, and there is one endpoint", aliases)
	}
	var admitted []string
	for _, rule := range link().Resources["Group"].Properties["SecurityGroupIngress"].([]any) {
		r := rule.(map[string]any)
		admitted = append(admitted, fmt.Sprintf("%v-%v %v %v", r["FromPort"], r["ToPort"], r["SourceSecurityGroupId"], r["CidrIp"]))
	}
	if want := []string{"5432-5432 sg-0123456789abcdef0 <nil>", "5432-5432 <nil> 10.1.0.0/16",
		"5433-5433 sg-0123456789abcdef0 <nil>", "5433-5433 <nil> 10.1.0.0/16"}; !slices.Equal(admitted, want) {
		t.Errorf("the group admits %q, want %q", admitted, want)
	}
	outputs := map[string]any{}
	for id, o := range link().Outputs {
		if strings.HasPrefix(id, "Database") {
			outputs[id] = o.Value
		}
	}
	if want := map[string]any{
		"DatabaseHostordersprodacme6f2e8a01": databaseHost, "DatabasePortordersprodacme6f2e8a01": "5432",
		"DatabaseHostledgerprodacme9b3d7c44": clusterHost, "DatabasePortledgerprodacme9b3d7c44": "5433",
	}; !maps.Equal(outputs, want) {
		t.Errorf("it puts out %v, want %v", outputs, want)
	}
	if o := full().Outputs; o["DatabaseHost"].Value != databaseHost || o["DatabasePort"].Value != "5432" {
		t.Errorf("of one database it puts out %v", o)
	}
}

// Who leaves a link, or comes to it, changes nothing of the others: the endpoint and what was accepted stay.
func TestADatabaseThatLeavesALinkLeavesTheOthersAlone(t *testing.T) {
	p := linkPlan()
	p.Databases = p.Databases[1:]
	fewer := synthesisOf(p)
	for id, r := range fewer.Resources {
		if before := link().Resources[id]; id != "Group" && encoded(before) != encoded(r) {
			t.Errorf("%s is %s, and was %s", id, encoded(r), encoded(before))
		}
	}
	if gone := len(link().Resources) - len(fewer.Resources); gone != 2 {
		t.Errorf("%d resources go with one database", gone)
	}
}

func TestTwoDatabasesOfOneNameHaveOneZone(t *testing.T) {
	p := linkPlan()
	p.Databases[1].Host = p.Databases[0].Host
	if got := strings.Count(synthesisOf(p).text, `"AWS::Route53::HostedZone"`); got != 2 {
		t.Errorf("with the name of one's own there are %d zones", got)
	}
}

// docs/consumer.md says how many databases go without a bucket.
func TestTheTemplateOfALinkIsSmallEnough(t *testing.T) {
	p := linkPlan()
	p.Operators = "dba@example.com"
	for len(p.Databases) < 15 {
		name := fmt.Sprintf("stock-prod-%d", len(p.Databases))
		p.Databases = append(p.Databases, database{name + "-acme-6f2e8a01", strings.Replace(clusterHost, "ledger-prod", name, 1), 6000 + len(p.Databases)})
	}
	// cdk measures it as YAML, which is larger by a third, and 51,200 bytes are the limit.
	if size := len(synthesisOf(p).text); size > 38_000 {
		t.Errorf("the template of %d databases has %d bytes", len(p.Databases), size)
	}
}

func encoded(value any) string {
	text, _ := json.Marshal(value) // it was JSON
	return string(text)
}

func TestNoFindings(t *testing.T) {
	for _, s := range []synthesis{full(), least(), link()} {
		for _, m := range *assertions.Annotations_FromStack(s.stack).FindError(jsii.String("*"), assertions.Match_StringLikeRegexp(jsii.String("AwsSolutions-.*"))) {
			t.Errorf("%s: %v", *m.Id, m.Entry.Data) //nolint:staticcheck // FindError returns nothing else yet
		}
	}
}

// The alarms can tell somebody: a topic with a policy of its own takes nothing of CloudWatch's that the policy does not
// name.
func TestAlarmsMayPublish(t *testing.T) {
	if !strings.Contains(full().text, `"Principal":{"Service":"cloudwatch.amazonaws.com"}`) {
		t.Error("the topic does not let CloudWatch publish")
	}
}

func TestTheOptionsAreDocumented(t *testing.T) {
	source, err := os.ReadFile("options.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/consumer.md")
	if err != nil {
		t.Fatal(err)
	}
	var read, documented []string
	for _, match := range regexp.MustCompile(`\breadText\(node, "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		read = append(read, match[1])
	}
	_, table, _ := strings.Cut(string(page), "| Option (CDK context) |")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, match := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(table, -1) {
		documented = append(documented, match[1])
	}
	slices.Sort(read)
	slices.Sort(documented)
	if len(read) == 0 || !slices.Equal(read, documented) {
		t.Errorf("the app reads %v, docs/consumer.md has %v", read, documented)
	}
}

func TestTheAlarmsAreDocumented(t *testing.T) {
	var table strings.Builder
	table.WriteString("| Metric | In each of three times five minutes | Says |\n|---|---|---|\n")
	for _, a := range alarms {
		fmt.Fprintf(&table, "| `%s` | %.0f or more | %s |\n", a.metric, a.threshold, a.says)
	}
	golden.ComparePage(t, "consumer.md", "alarms", table.String())
}
