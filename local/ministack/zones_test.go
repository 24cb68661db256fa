package ministack_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/rdslink/rdslink/local/model"
	"github.com/rdslink/rdslink/local/route53"
	"github.com/rdslink/rdslink/local/wire"
)

// vpcs are two of the account's, and no other names than those of hosted zones.
type vpcs struct{}

func (vpcs) Owner(vpc string) (string, bool)                    { return account, vpc == "vpc-1" || vpc == "vpc-2" }
func (vpcs) Lookup(string, string) ([]netip.Addr, uint32, bool) { return nil, 0, false }
func (vpcs) Private(vpc, _ string) (zones bool, _ []netip.Addr) { return vpc != "", nil }

// A stack's hosted zones and records are made, changed and deleted by the API of the front, which alone has zones.
func TestHostedZonesOfAStackAreTheFronts(t *testing.T) {
	f, _, config := start(t)
	w := &model.World{Region: "eu-central-1"}
	zones := route53.New(w, vpcs{})
	var err error
	if f.zones, err = wire.Handler("route53", w.Locked(zones.Operations())); err != nil {
		t.Fatal(err)
	}
	stacks := cloudformation.NewFromConfig(config)
	template := func(address, second string) string {
		return fmt.Sprintf(`{"Resources":{
			"Private":{"Type":"AWS::Route53::HostedZone","Properties":{"Name":"shop.example","HostedZoneConfig":{"Comment":"inside"},
				"VPCs":[{"VPCId":"vpc-1","VPCRegion":"eu-central-1"}%s]}},
			"Public":{"Type":"AWS::Route53::HostedZone","Properties":{"Name":"shop.test."}},
			"Record":{"Type":"AWS::Route53::RecordSet","Properties":{"HostedZoneId":{"Ref":"Private"},"Name":"db.shop.example.","Type":"A","TTL":"60",
				"ResourceRecords":["%s"]}},
			"Alias":{"Type":"AWS::Route53::RecordSet","Properties":{"HostedZoneId":{"Ref":"Private"},"Name":"shop.example","Type":"A",
				"AliasTarget":{"DNSName":"db.shop.example","HostedZoneId":{"Ref":"Private"}}}, "DependsOn": "Record"}}}`, second, address)
	}
	answers := func(vpc, name, want string) {
		t.Helper()
		for range 3000 {
			if addrs, _, _ := zones.Lookup(vpc, name); fmt.Sprint(addrs) == "["+want+"]" {
				return
			}
			time.Sleep(time.Millisecond)
		}
		addrs, _, _ := zones.Lookup(vpc, name)
		t.Errorf("%s answers %v to %s, want %s", vpc, addrs, name, want)
	}
	if status := deploy(t, stacks, "app", template("10.0.1.7", "")); status != "CREATE_COMPLETE" {
		t.Fatal(status)
	}
	answers("vpc-1", "db.shop.example", "10.0.1.7")
	answers("vpc-1", "shop.example", "10.0.1.7")
	answers("vpc-2", "db.shop.example", "")
	_, err = stacks.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
		StackName: aws.String("app"), TemplateBody: aws.String(template("10.0.1.8", `,{"VPCId":"vpc-2","VPCRegion":"eu-central-1"}`)),
	})
	if status := settled(t, stacks, "app"); err != nil || status != "UPDATE_COMPLETE" {
		t.Fatal(status, err)
	}
	answers("vpc-2", "shop.example", "10.0.1.8")
	if status := deploy(t, stacks, "another", strings.Replace(template("10.0.1.9", ""), "db.shop.example.", "db.shop.test", 1)); status == "CREATE_COMPLETE" {
		t.Error("a record outside of its zone, and a second zone of a name in a VPC, are taken")
	}
	if status := destroy(t, stacks, "app"); status != "" && status != "DELETE_COMPLETE" {
		t.Error(status)
	}
	w.Lock()
	defer w.Unlock()
	if zones.Conflicts("vpc-1", "shop.example") {
		t.Error("the zone is left behind")
	}
}
