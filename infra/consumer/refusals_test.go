package main

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/handoff"
)

// refusal is one thing that the app does not accept, and a row of docs/consumer.md.
type refusal struct {
	option    string
	condition string
	value     any                                     // of the option; none where nil
	text      func(string) string                     // of the hand-off's file
	facts     func(*handoff.Facts)                    // of the hand-off
	link      func([]handoff.Linked) []handoff.Linked // what is on it, where the hand-off is a link's
	change    func(*fakeAccount)
	message   string // a part of it, which says what is wrong
	remedy    string // another, which says what to do
}

func replaced(old, by string) func(string) string {
	return func(text string) string { return strings.Replace(text, old, by, 1) }
}

const missing = "" // an option that is not given

var refusals = []refusal{
	{option: "handoff", condition: "missing", value: missing, message: "it is missing", remedy: "rdslink handoff EXPOSURE --output json"},
	{option: "handoff", condition: "no such file", value: "hand-off.json", message: `there is no file "hand-off.json"`, remedy: "HANDOFF=handoff.json"},
	{option: "handoff", condition: "a folder", value: ".", message: `"." cannot be read`, remedy: "HANDOFF=handoff.json"},
	{option: "handoff", condition: "the text for people", text: func(string) string { return "Private access to a database" },
		message: "not a hand-off in JSON", remedy: "print it again"},
	{option: "handoff", condition: "edited", text: replaced(`"port": 5432`, `"port": 5433`), message: "it was edited", remedy: "print it again"},
	{option: "handoff", condition: "a field more", text: replaced("{", `{"colour": "red",`), message: "it was edited", remedy: "print it again"},
	{option: "handoff", condition: "of another version", text: replaced(`"version": 1`, `"version": 2`), message: "of version 2", remedy: "take the same rdslink on both sides"},
	{option: "handoff", condition: "of a time before versions", text: replaced(`"version": 1,`, ""), message: "it has no version", remedy: "print it again"},
	{option: "handoff", condition: "of an exposure without a service", facts: func(f *handoff.Facts) { f.ServiceName = "" },
		message: "has no endpoint service yet", remedy: "when its execution waits in step 9"},
	{option: "handoff", condition: "of a link to which a database is just being added", link: func(all []handoff.Linked) []handoff.Linked {
		all[1].Port = 0
		return all
	}, message: "exposure ledger-prod-acme-9b3d7c44 has no listener yet", remedy: "print it again"},
	{option: "handoff", condition: "of a service in another region", facts: func(f *handoff.Facts) { f.Region = "eu-west-1" },
		message: "the service is in eu-west-1, and the stack goes to eu-central-1", remedy: "AWS_REGION=eu-west-1"},
	{option: "handoff", condition: "of a service that is gone, or lets the account not in", change: func(f *fakeAccount) { f.service = nil },
		message: "is gone, or does not let account 555566667777 in", remedy: "take the hand-off that is printed now"},
	{option: "vpc", condition: "missing", value: missing, message: "it is missing", remedy: "VPC=vpc-…"},
	{option: "vpc", condition: "a name", value: "production", message: `"production" is not the id of a VPC`, remedy: "VPC=vpc-…"},
	{option: "vpc", condition: "not in the account and region", value: "vpc-0123456789abcdefa",
		message: "has no vpc-0123456789abcdefa in eu-central-1", remedy: "it has vpc-0123456789abcdef1, vpc-0123456789abcdef0"},
	{option: "vpc", condition: "without DNS", change: func(f *fakeAccount) { f.support, f.hostnames = false, false },
		message: "has enableDnsSupport and enableDnsHostnames off", remedy: "--enable-dns-support, --enable-dns-hostnames"},
	{option: "vpc", condition: "without DNS host names", change: func(f *fakeAccount) { f.hostnames = false },
		message: "has enableDnsHostnames off", remedy: "aws ec2 modify-vpc-attribute"},
	{option: "vpc", condition: "in none of the service's zones", change: func(f *fakeAccount) { f.subnets = f.subnets[:1] },
		message: "has subnets in euc1-az3, and the service is in euc1-az1, euc1-az2", remedy: "make subnets there"},
	{option: "vpc", condition: "in one of them", change: func(f *fakeAccount) { f.subnets = f.subnets[:2] },
		message: "has subnets in euc1-az1, euc1-az3, and the service is in euc1-az1, euc1-az2", remedy: "make subnets there"},
	{option: "vpc", condition: "in one that the service has left", change: func(f *fakeAccount) { f.service = f.service[:1] },
		message: "and the service is in euc1-az1", remedy: "have the owner add zones"},
	{option: "vpc", condition: "without subnets", change: func(f *fakeAccount) { f.subnets = nil }, message: "has subnets in none", remedy: "make subnets there"},
	{option: "vpc", condition: "without free addresses", change: func(f *fakeAccount) {
		f.subnets[1] = subnet("subnet-0000000000000000b", "eu-central-1b", "euc1-az1", 0)
	}, message: "and free addresses, which subnet-0000000000000000b has not", remedy: "make subnets there"},
	{option: "vpc", condition: "with the database's name from elsewhere", change: func(f *fakeAccount) { f.zones["Z00000000000000000002"] = databaseHost + "." },
		message: "has the private zone Z00000000000000000002 of the name " + databaseHost, remedy: "take that away from the VPC"},
	{option: "vpc", condition: "with the name of one of a link's databases from elsewhere", link: unchanged,
		change:  func(f *fakeAccount) { f.zones["Z00000000000000000002"] = clusterHost + "." },
		message: "has the private zone Z00000000000000000002 of the name " + clusterHost, remedy: "take that away from the VPC"},
	{option: "clients", condition: "neither a group nor a block", value: "laptops", message: `"laptops" is neither`, remedy: "CLIENTS=sg-…,10.0.0.0/16"},
	{option: "clients", condition: "a block of IPv6", value: "2001:db8::/64", message: "is a block of IPv6", remedy: "give the clients' IPv4 block"},
	{option: "clients", condition: "an address with a length", value: "10.0.1.5/16", message: "has bits beyond its length", remedy: "give 10.0.0.0/16"},
	{option: "clients", condition: "everybody", value: "0.0.0.0/0", message: "0.0.0.0/0 is everybody", remedy: "give the block or the security group"},
	{option: "clients", condition: "a group that is not there", value: "sg-0123456789abcdefa",
		message: "has no security group sg-0123456789abcdefa", remedy: "give the one that the clients have"},
	{option: "clients", condition: "a group of another VPC", value: "sg-0123456789abcdef1,10.0.0.0/16",
		message: "is a group of vpc-0123456789abcdef1, and the endpoint goes to " + theVPC, remedy: "or the clients' block"},
	{option: "clients", condition: "too many for the ports of a link", link: func(all []handoff.Linked) []handoff.Linked {
		for port := 6000; len(all) < 31; port++ {
			name := fmt.Sprintf("stock-%d", port)
			all = append(all, handoff.Linked{Exposure: name + "-acme-00000000", Port: port, TLSServerName: name + ".rds.example"})
		}
		return all
	}, message: "would have 62 rules, and the limit is 60", remedy: "give one group or block that all clients are in"},
	{option: "subnets", condition: "no ids", value: "private-a", message: `"private-a" is not the id of a subnet`, remedy: "subnets=subnet-…,subnet-…"},
	{option: "subnets", condition: "of another VPC", value: "subnet-0000000000000000b,subnet-0000000000000000f",
		message: "subnet-0000000000000000f is not in " + theVPC, remedy: "give subnets of that VPC"},
	{option: "subnets", condition: "in a zone that the service is not in", value: "subnet-0000000000000000a,subnet-0000000000000000b",
		message: "is in euc1-az3, and the service is in euc1-az1, euc1-az2", remedy: "give subnets in these zones"},
	{option: "subnets", condition: "two of one zone", value: "subnet-0000000000000000c,subnet-0000000000000000d", message: "are both in euc1-az2", remedy: "leave one out"},
	{option: "subnets", condition: "one", value: "subnet-0000000000000000b", message: "they are in one zone", remedy: "give subnets in 2 of euc1-az1, euc1-az2"},
	{option: "host", condition: "not a domain name", value: "orders db", message: `"orders db" is not a domain name`, remedy: "such as orders.db.internal"},
	{option: "host", condition: "a single label", value: "orders", message: `"orders" is not a domain name`, remedy: "such as orders.db.internal"},
	{option: "host", condition: "the database's own name", value: databaseHost, message: "is the database's own name", remedy: "leave it out"},
	{option: "host", condition: "the name of one of a link's databases", value: clusterHost, link: unchanged,
		message: "is the database's own name", remedy: "leave it out"},
	{option: "host", condition: "above the database's name", value: "eu-central-1.rds.amazonaws.com", message: "would hide AWS's own names", remedy: "give a name of your own"},
	{option: "host", condition: "a name that the VPC has already", value: "other.internal",
		message: "has the private zone Z00000000000000000001 of the name other.internal", remedy: "take that away from the VPC"},
	{option: "operators", condition: "not an address", value: "dba", message: `"dba" is not an e-mail address`, remedy: "such as dba@example.com"},
	{option: "trusted", condition: "not an ARN", value: "dba", message: `"dba" is not the ARN of a role`, remedy: "such as arn:aws:iam::555566667777:role/dba"},
	{option: "trusted", condition: "not a text", value: 7.0, message: "7 is not a string", remedy: "is not a string"},
}

// err is what the app says. Nothing is synthesized.
func (r refusal) err(t *testing.T) error {
	t.Helper()
	fake := newFake()
	if r.change != nil {
		r.change(fake)
	}
	if r.facts == nil {
		r.facts = func(*handoff.Facts) {}
	}
	typed := map[string]any{"handoff": printed(t, r.facts), "vpc": theVPC}
	if r.link != nil {
		typed["handoff"] = printedLink(t, r.link)
	}
	if r.text != nil {
		text, err := os.ReadFile("handoff.json")
		if err != nil {
			t.Fatal(err)
		}
		typed["handoff"] = written(t, r.text(string(text)))
	}
	if r.value != nil {
		maps.Copy(typed, map[string]any{r.option: r.value})
	}
	p, err := fake.planOf(t, typed)
	if err == nil {
		t.Fatalf("%s, %s: it plans %+v", r.option, r.condition, p)
	}
	return err
}

func TestRefusals(t *testing.T) {
	inFolder(t)
	for _, row := range refusals {
		if err := row.err(t); !strings.HasPrefix(err.Error(), "context "+row.option+": ") ||
			!strings.Contains(err.Error(), row.message) || !strings.Contains(err.Error(), row.remedy) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s, %s: %q, want %q and %q", row.option, row.condition, err, row.message, row.remedy)
		}
	}
}

func TestRefusalsAreDocumented(t *testing.T) {
	var table strings.Builder
	table.WriteString("| Option | Condition | Message |\n|---|---|---|\n")
	t.Run("rows", func(t *testing.T) {
		inFolder(t)
		for _, row := range refusals {
			said := strings.TrimPrefix(row.err(t).Error(), "context "+row.option+": ")
			fmt.Fprintf(&table, "| `%s` | %s | %s |\n", row.option, row.condition, strings.NewReplacer("|", `\|`, "*", `\*`).Replace(said))
		}
	})
	golden.ComparePage(t, "consumer.md", "refusals", table.String())
}

// Several things may be wrong at once, and all of them are said.
func TestEveryWrongOptionIsNamed(t *testing.T) {
	inFolder(t)
	_, err := newFake().planOf(t, map[string]any{"handoff": "none.json", "vpc": "production", "clients": "laptops,0.0.0.0/0", "operators": "dba"})
	for _, want := range []string{"context handoff:", "context vpc:", `context clients: "laptops"`, "context clients: 0.0.0.0/0", "context operators:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}
