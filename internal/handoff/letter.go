package handoff

import (
	_ "embed"
	"strings"
	"text/template"

	"github.com/rdslink/rdslink/internal/lockout"
	"github.com/rdslink/rdslink/internal/vendor"
)

// Letter is what the consumer needs to connect.
type Letter struct {
	Facts
	Consumer           string
	Vendor             string // the preset, if there is one
	DatabaseIdentifier string
	Engine             string
	MaxConnectErrors   int // broken connections in a row after which the server blocks the load balancer; 0: it never does
	WaitDays           int
}

// FewConnectErrors is what a scan of ports, or a monitor in some minutes, makes of connections that break off: a server that
// blocks before forgives nothing. MySQL's default is 100.
const FewConnectErrors = 50

//go:embed letter.txt
var letterText string

var letterTemplate = template.Must(template.New("letter").
	Funcs(template.FuncMap{"join": func(list []string) string { return strings.Join(list, ", ") }}).
	Parse(letterText))

// Text is the letter as it is sent. It depends on the letter alone, so the same facts are never sent twice.
func (l Letter) Text() (string, error) {
	preset, _ := vendor.Find(l.Vendor)
	var text strings.Builder
	err := letterTemplate.Execute(&text, struct {
		Letter
		To               string
		Preset           vendor.Vendor
		Family           string
		Bundle           string
		Few              bool
		KeepaliveSeconds int
	}{l, l.recipient(), preset, lockout.Family(l.Engine), bundle(l.Region), l.MaxConnectErrors < FewConnectErrors, keepaliveSeconds})
	return text.String(), err
}

// bundle is where the root certificates of every region of a region's partition are (RDS guide, "Using SSL/TLS to encrypt a
// connection to a DB instance or cluster").
func bundle(region string) string {
	if strings.HasPrefix(region, "us-gov-") {
		return "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem"
	}
	return "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
}

func (l Letter) recipient() string {
	if preset, found := vendor.Find(l.Vendor); found {
		return preset.Name
	}
	return l.Consumer
}

// Subject obeys SNS: at most 100 ASCII characters on one line (API_Publish). A database's identifier has 63 at most.
func (l Letter) Subject() string {
	const longest = 100
	text := "PrivateLink service for " + l.DatabaseIdentifier + ", for " + l.recipient()
	return text[:min(longest, len(text))]
}
