package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/golden"
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
