package permissions

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/local/front"
	"github.com/rdslink/rdslink/local/iam"
)

const (
	roleARN = "arn:aws:iam::111122223333:role/app-registrar"
	table   = "arn:aws:dynamodb:eu-central-1:111122223333:table/registry"
	group   = "arn:aws:ec2:eu-central-1:111122223333:security-group/*"
)

func use(action, resource string, context iam.Context) Use {
	c := iam.Context{"aws:PrincipalArn": {roleARN}, "aws:ResourceTag/": nil, "aws:RequestTag/": nil}
	for k, v := range context {
		c[k] = v
	}
	return Use{front.Permission{Role: roleARN, Action: action, Resource: resource, Context: c}, 1}
}

func record(statements string, uses ...Use) Record {
	return Record{Roles: []Role{{Name: "registrar", Policies: []Document{{"inline", `{"Version":"2012-10-17","Statement":[` + statements + `]}`}}, Uses: uses}}}
}

const reads = `{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"` + table + `"}`

func TestCheck(t *testing.T) {
	get := use("dynamodb:GetItem", table, nil)
	makes := use("ec2:CreateSecurityGroup", group, iam.Context{"aws:RequestTag/app:managed": {"true"}})
	unguarded := `{"Effect":"Allow","Action":"ec2:CreateSecurityGroup","Resource":"` + group + `"}`
	guarded := strings.TrimSuffix(unguarded, "}") + `,"Condition":{"StringEquals":{"aws:RequestTag/app:managed":"true"}}}`
	anyName := []Reason{{Role: "*", Action: "ec2:CreateSecurityGroup", About: "on security-group/other", Why: "AWS chooses the id."}}
	unusedScan := Reason{Role: "*", Action: "dynamodb:Scan", About: "unused", Why: "For a race."}
	sometimes := unusedScan
	sometimes.Sometimes = true
	for name, row := range map[string]struct {
		record  Record
		reasons []Reason
		want    string // in the only finding; empty: there is none
	}{
		"what is needed, and no more":   {record(reads, get), nil, ""},
		"a need that nothing allows":    {record(reads, get, use("dynamodb:PutItem", table, nil)), nil, "missing: dynamodb:PutItem"},
		"an action that nothing needs":  {record(strings.Replace(reads, `"dynamodb:GetItem"`, `["dynamodb:GetItem","dynamodb:Scan"]`, 1), get), nil, "unused: inline statement 1 allows dynamodb:scan"},
		"a resource that nothing needs": {record(strings.Replace(reads, `"`+table+`"`, `["`+table+`","`+table+`-2"]`, 1), get), nil, "speaks of " + table + "-2"},
		"a star that nothing needs":     {record(strings.Replace(reads, table, strings.TrimSuffix(table, "registry")+"*", 1), get), nil, "wide: dynamodb:GetItem is allowed on table/other"},
		"a guard, and a reason":         {record(guarded, makes), anyName, ""},
		"a guard that is not there":     {record(unguarded, makes), anyName, "without aws:RequestTag/app:managed"},
		"a reason that nothing needs":   {record(reads, get), anyName, "nothing needs the reason for ec2:CreateSecurityGroup"},
		"an excuse that nothing needs":  {record(reads, get), []Reason{unusedScan}, "nothing needs the reason for dynamodb:Scan"},
		"one that chance may need":      {record(reads, get), []Reason{sometimes}, ""},
		"a policy that cannot be read":  {record(`{"Effect":"Allow"}`, get), nil, "statement 1"},
		"a value that nothing needs":    {record(strings.Replace(guarded, `"true"`, `["true","maybe"]`, 1), makes), anyName, "app:managed maybe"},
		"another service's use of the key": {record(`{"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-central-1:111122223333:key/1"}`,
			use("kms:Decrypt", "arn:aws:kms:eu-central-1:111122223333:key/1", iam.Context{"kms:ViaService": {"dynamodb.eu-central-1.amazonaws.com"}})), nil, "without kms:ViaService"},
	} {
		t.Run(name, func(t *testing.T) {
			findings, err := Check(row.record, &Rules{Tags: []string{"app:managed"}, Reasons: row.reasons})
			var said []string
			if err != nil {
				said = append(said, err.Error())
			}
			for _, f := range findings {
				said = append(said, f.What)
			}
			all := strings.Join(said, "\n")
			if (row.want == "") != (all == "") || !strings.Contains(all, row.want) {
				t.Errorf("found %q, want %q", all, row.want)
			}
		})
	}
}

// Every change of a tight policy is noticed; of one that nothing needs, none could be.
func TestMutants(t *testing.T) {
	mutants, err := Mutants(record(reads, use("dynamodb:GetItem", table, nil)), &Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if len(mutants) < 8 {
		t.Errorf("only %d changes were tried: %v", len(mutants), mutants)
	}
	for _, m := range mutants {
		if m.Caught == "" {
			t.Errorf("nobody would notice: %s", m.Change)
		}
	}
}

// A condition that a key is absent is a guard, and not a value that nothing needs.
func TestAbsence(t *testing.T) {
	const revokes = `{"Effect":"Allow","Action":"ec2:RevokeSecurityGroupIngress","Resource":"arn:aws:ec2:eu-central-1:111122223333:security-group/*"`
	revoke := use("ec2:RevokeSecurityGroupIngress", "arn:aws:ec2:eu-central-1:111122223333:security-group/sg-1", nil)
	rules := &Rules{
		Guards:  []Guard{{Key: "aws:ResourceTag/app:managed", Other: "another", Action: "ec2:Revoke*"}},
		Reasons: []Reason{{Role: "*", Action: "ec2:RevokeSecurityGroupIngress", About: "on security-group/other", Why: "AWS chooses the id."}},
	}
	for condition, want := range map[string]string{
		`,"Condition":{"Null":{"aws:ResourceTag/app:managed":"true"}}}`: "",
		`}`: "registrar: wide: ec2:RevokeSecurityGroupIngress is allowed with aws:ResourceTag/app:managed another, too (needed on " + revoke.Resource + ")",
	} {
		findings, err := Check(record(revokes+condition, revoke), rules)
		if err != nil || len(findings) > 1 || len(findings) == 1 && findings[0].String() != want || len(findings) == 0 && want != "" {
			t.Errorf("%s: found %v, %v, want %q", condition, findings, err, want)
		}
	}
	if err := Prove(record(revokes+`,"Condition":{"Null":{"aws:ResourceTag/app:managed":"true"}}}`, revoke), rules); err != nil {
		t.Error(err)
	}
}

// Of a second deployment's roles only what they needed is looked at, and what stands next to it. The reasons are the
// first's.
func TestTwins(t *testing.T) {
	rules := &Rules{
		Roles: "app-", Twins: Twins{"app-b-", []string{"app_b_", "app-"}},
		Lends:   []Lend{{From: "registrar", To: []string{"*"}, Actions: []string{"dynamodb:GetItem"}}},
		Guards:  []Guard{{Key: "app:from", Other: "app-another"}},
		Reasons: []Reason{{Role: "*", Action: "dynamodb:GetItem", About: "on table/app-other", Why: "Names are new each time."}},
	}
	for name, want := range map[string]Role{"app-registrar": {Name: "registrar"}, "app-b-registrar": {Name: "registrar", Twin: true}} {
		if got, ours := rules.role(name); !ours || got.Name != want.Name || got.Twin != want.Twin {
			t.Errorf("%s is %+v, %v", name, got, ours)
		}
	}
	if got, ours := rules.role("another"); ours {
		t.Errorf("another app's role is %+v", got)
	}
	if got := rules.Twins.second("function:app-another"); got != "function:app_b_another" {
		t.Errorf("the second deployment calls it %s", got)
	}
	at := func(name string) string { return strings.TrimSuffix(table, "registry") + name }
	on := func(name string) string { return strings.ReplaceAll(reads, table, at(name)) }
	first := record(on("app-*"), use("dynamodb:GetItem", at("app-1"), nil)).Roles[0]
	for what, row := range map[string]struct{ statements, want string }{
		"its own, and no more":  {on("app_b_*"), ""},
		"what it does not need": {strings.ReplaceAll(on("app_b_*"), `"dynamodb:GetItem"`, `["dynamodb:GetItem","dynamodb:Scan"]`), ""},
		"another's, too":        {on("app_*"), "wide: dynamodb:GetItem is allowed on table/app_other"},
		"everybody's":           {on("*"), "wide: dynamodb:GetItem is allowed on table/other"},
		"the first's only":      {on("app-*"), "missing: dynamodb:GetItem"},
	} {
		second := record(row.statements, use("dynamodb:GetItem", at("app_b_1"), nil)).Roles[0]
		second.Twin = true
		err := Prove(Record{Roles: []Role{first, second}}, rules)
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", what, err, row.want)
		}
	}
}

func TestWhatIntrudersTryIsNoNeed(t *testing.T) {
	found, err := uses([]byte(`{"session":"intruder","permissions":[{"role":"r","action":"a:B","resource":"*","refused":"no"}]}
{"session":"app-observer","permissions":[{"role":"r","action":"a:C","resource":"*"}]}
{"session":"app-observer","permissions":[{"role":"r","action":"a:C","resource":"*"}]}
`), "intruder")
	if err != nil {
		t.Fatal(err)
	}
	if len(found["r"]) != 1 || found["r"][0].Action != "a:C" || found["r"][0].Count != 2 {
		t.Errorf("found %+v", found)
	}
}

// What is gone has no tags: who is refused to change it by them needs nothing. What is there is another matter.
func TestWhatIsGoneNeedsNothing(t *testing.T) {
	found, err := uses([]byte(`{"session":"app-a","permissions":[{"role":"r","action":"a:B","resource":"x","refused":"no","gone":true}]}
{"session":"app-a","permissions":[{"role":"r","action":"a:B","resource":"y","refused":"no"}]}
{"session":"app-a","permissions":[{"role":"r","action":"a:C","resource":"x","gone":true}]}
`), "intruder")
	if err != nil {
		t.Fatal(err)
	}
	if len(found["r"]) != 2 || found["r"][0].Resource != "y" || found["r"][1].Action != "a:C" {
		t.Errorf("found %+v", found)
	}
}

func TestReadRules(t *testing.T) {
	for text, want := range map[string]string{
		`{"roles": "app-", "reasons": [{"role": "*", "action": "a:B", "about": "on other", "why": "AWS chooses the id."}]}`: "",
		`{"reasons": []}`: "names no roles",
		`{"roles": "app-", "reasons": [{"role": "*", "action": "a:B", "about": "on other"}]}`: "says not all",
		`{"roles": "app-", "lends": [{"from": "a", "to": ["b"], "actions": ["a:B"]}]}`:        "says not all",
		`{"roles": "app-", "twins": {"roles": "app-b-", "names": ["app-b-"]}}`:                "no pairs",
		`{"roles": "app-", "resons": []}`:                                                     "unknown field",
	} {
		file := filepath.Join(t.TempDir(), "rules.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadRules(file); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestWhoRunsAnothersCodeNeedsWhatThatNeeded(t *testing.T) {
	rules := &Rules{Lends: []Lend{{From: "sync*", To: []string{"maker*"}, Actions: []string{"a:B"}}}}
	lent := rules.lent(Record{Roles: []Role{
		{Name: "maker1", Uses: []Use{use("a:A", table, nil)}},
		{Name: "idle1"},
		{Name: "sync1", Uses: []Use{use("a:B", table, nil), use("a:C", table, nil)}},
	}})
	for i, want := range [][]string{{"a:A", "a:B"}, nil, {"a:B", "a:C"}} {
		var got []string
		for _, u := range lent.Roles[i].Uses {
			got = append(got, u.Action)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s needs %v, want %v", lent.Roles[i].Name, got, want)
		}
	}
}
