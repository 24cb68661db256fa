package handoff

import (
	_ "embed"
	"slices"
	"strconv"
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
	AllowsNobody       bool // the vendor tells whom to allow once it has the service name, and has not yet

	Databases []Reached // of a link; then what is above of one of them is empty
}

// Reached is how one of a link's databases is.
type Reached struct {
	DatabaseIdentifier string
	Engine             string
	Port               int
	TLSServerName      string
	MaxConnectErrors   int
}

// section is the advice about TLS to the databases of one family.
type section struct {
	Of            string // the engine; empty, where there is no other
	Family        string
	Port          string
	TLSServerName string
}

// sections are one for each family, in the order of the databases.
func (l Letter) sections() []section {
	if len(l.Databases) == 0 {
		return []section{{Family: lockout.Family(l.Engine), Port: strconv.Itoa(l.Port), TLSServerName: l.TLSServerName}}
	}
	var all []section
	for _, d := range l.Databases {
		family := lockout.Family(d.Engine)
		if !slices.ContainsFunc(all, func(s section) bool { return s.Family == family }) {
			all = append(all, section{d.Engine, family, "<its port>", "<its TLS server name>"})
		}
	}
	if len(all) == 1 {
		all[0].Of = ""
	}
	return all
}

// connectErrors are what the least forgiving of the servers allows; 0, where none counts them.
func (l Letter) connectErrors() int {
	least := l.MaxConnectErrors
	for _, d := range l.Databases {
		if d.MaxConnectErrors > 0 && (least == 0 || d.MaxConnectErrors < least) {
			least = d.MaxConnectErrors
		}
	}
	return least
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
	l.MaxConnectErrors = l.connectErrors()
	sections := l.sections()
	var text strings.Builder
	err := letterTemplate.Execute(&text, struct {
		Letter
		To               string
		Preset           vendor.Vendor
		Sections         []section
		MySQL            bool
		Bundle           string
		Few              bool
		KeepaliveSeconds int
	}{l, l.recipient(), preset, sections,
		slices.ContainsFunc(sections, func(s section) bool { return s.Family == "mysql" }), bundle(l.Region),
		l.MaxConnectErrors < FewConnectErrors, keepaliveSeconds})
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
	what := l.DatabaseIdentifier
	if len(l.Databases) > 0 {
		what = strconv.Itoa(len(l.Databases)) + " databases"
	}
	text := "PrivateLink service for " + what + ", for " + l.recipient()
	return text[:min(longest, len(text))]
}
