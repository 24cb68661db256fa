package main

import (
	_ "embed"
	"strings"
	"text/template"

	"github.com/rdslink/rdslink/internal/vendor"
)

// keepaliveSeconds stays under the 350 s after which an interface endpoint drops an idle connection, whatever the load
// balancer's own timeout ("Implementing long-running TCP connections within VPC networking").
const keepaliveSeconds = 300

const secondsPerDay = 24 * 60 * 60

//go:embed handoff.txt
var handoffText string

var handoffTemplate = template.Must(template.New("handoff").
	Funcs(template.FuncMap{"join": func(list []string) string { return strings.Join(list, ", ") }}).
	Parse(handoffText))

// handoff is the message to the consumer. It depends on the input alone, so the same facts are never sent twice.
func handoff(in Input) (string, error) {
	preset, _ := vendor.Find(in.Vendor)
	var text strings.Builder
	err := handoffTemplate.Execute(&text, struct {
		Input
		To               string
		Preset           vendor.Vendor
		Family           string
		KeepaliveSeconds int
		Days             int
	}{in, recipient(in), preset, family(in.Engine), keepaliveSeconds, in.AcceptanceTimeoutSeconds / secondsPerDay})
	return text.String(), err
}

// family is whose clients speak with the engine.
func family(engine string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(engine, "aurora-"), "-")
	if name == "mariadb" {
		return "mysql"
	}
	return name
}

func recipient(in Input) string {
	if preset, found := vendor.Find(in.Vendor); found {
		return preset.Name
	}
	return in.Consumer
}

// subject obeys SNS: at most 100 ASCII characters on one line (API_Publish). A database's identifier has 63 at most.
func subject(in Input) string {
	const longest = 100
	text := "PrivateLink service for " + in.DatabaseIdentifier + ", for " + recipient(in)
	return text[:min(longest, len(text))]
}
