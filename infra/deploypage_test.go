package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/installation"
)

// docs/deploy.md lists the options; the app reads them.
func TestTheOptionsAreDocumented(t *testing.T) {
	source, err := os.ReadFile("options.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	var read, documented []string
	for _, match := range regexp.MustCompile(`\bread(?:Text)?\(node, "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
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
		t.Errorf("the app reads %v, docs/deploy.md has %v", read, documented)
	}
}

func TestTheAlarmsAreDocumented(t *testing.T) {
	var rows []string
	for id, r := range synthesized().json.Resources {
		if r.Type == "AWS::CloudWatch::Alarm" {
			name := regexp.MustCompile(`(?i:alarm)+[0-9A-F]*$`).ReplaceAllString(id, "")
			what, remedy, _ := strings.Cut(r.Properties["AlarmDescription"].(string), ": ")
			rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", name, what, remedy))
		}
	}
	slices.Sort(rows)
	golden.ComparePage(t, "deploy.md", "alarms", "| Alarm | Says | Then |\n|---|---|---|\n"+strings.Join(rows, ""))

	prices, err := os.ReadFile("../docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	if row := fmt.Sprintf("| %d alarms at $0.10 | %.2f |", len(rows), 0.10*float64(len(rows))); !strings.Contains(string(prices), row) {
		t.Errorf("docs/cost.md has no row %s", row)
	}
}

// The next deployment is compared with what this one was given, so every option has to be in the template as it was said.
func TestTheTemplateSaysTheOptions(t *testing.T) {
	source, err := os.ReadFile("options.go")
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{
		"approvers": []any{"arn:aws:iam::111122223333:role/approver"}, "tags": map[string]any{"CostCenter": "4711"},
		"roles": map[string]any{"ip-sync": broughtRole("ip-sync")}, "operators": "dba@example.com", "permissionsBoundary": boundaryARN,
		"key": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", "databaseGroups": "tagged", "patience": "10m0s",
	}
	for _, match := range regexp.MustCompile(`\bread(?:Text)?\(node, "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		if _, has := given[match[1]]; !has && match[1] != "name" {
			t.Errorf("the option %s has no example here", match[1])
		}
	}
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Context: &given})
	o, err := contextOptions(app.Node(), target{"111122223333", "eu-central-1"})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(given)
	got, _ := json.Marshal(o.said())
	if string(got) != string(want) {
		t.Errorf("the template says\n%s, given was\n%s", got, want)
	}
	metadata, _ := (*synthesized().template.ToJSON())["Metadata"].(map[string]any)
	got, _ = json.Marshal(metadata[installation.OptionsKey])
	if want := `{"approvers":["arn:aws:iam::111122223333:role/approver"],"operators":"operators@example.com","tags":{"CostCenter":"4711"}}`; string(got) != want {
		t.Errorf("the metadata are %s, want %s", got, want)
	}
}
