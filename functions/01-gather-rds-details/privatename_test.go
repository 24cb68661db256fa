package main

import (
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/registry"
)

// An input that does not name it means the name that the exposure has; "none" gives it up.
func TestThePrivateNameStaysUntilItIsGivenUp(t *testing.T) {
	had := registry.Made{PrivateName: &registry.PrivateName{Name: "db.example.com"}}
	for sentence, row := range map[string]struct {
		made  registry.Made
		input string
		want  string
	}{
		"never had one":               {input: usual},
		"had one, and none is named":  {made: had, input: usual, want: "db.example.com"},
		"had one that was taken back": {made: registry.Made{PrivateName: &registry.PrivateName{Execution: "execution"}}, input: usual},
		"gives it up":                 {made: had, input: option(`"privateDnsName":"none"`)},
		"gives up none":               {input: option(`"privateDnsName":"none"`)},
		"has another":                 {made: had, input: option(`"privateDnsName":"pg.example.com"`), want: "pg.example.com"},
	} {
		t.Run(sentence, func(t *testing.T) {
			fake := newFake()
			fake.made = row.made
			plan, err := run(t, fake, row.input)
			if err != nil || plan.PrivateDNSName != row.want {
				t.Errorf("got %q, %v", plan.PrivateDNSName, err)
			}
		})
	}
}

// What hinders a new name hinders nothing else.
func TestANameThatIsNotNewIsNotHindered(t *testing.T) {
	named := option(`"privateDnsName":"db.example.com"`)
	for sentence, row := range map[string]struct {
		input  string
		change func(*fakeAWS)
	}{
		"a request while the name is there":    {named, served("vpce-svc-1", "db.example.com", "pendingAcceptance", true)},
		"who is connected":                     {named, served("vpce-svc-1", "", "available", true)},
		"a request to another service":         {named, served("vpce-svc-2", "", "pendingAcceptance", false)},
		"a request where no name is asked for": {usual, served("vpce-svc-1", "", "pendingAcceptance", true)},
		"another service that is gone": {named, func(f *fakeAWS) {
			served("vpce-svc-2", "db.example.com", "", false)(f)
			f.services[0].ServiceState = "deleted"
		}},
	} {
		t.Run(sentence, func(t *testing.T) {
			fake := newFake()
			row.change(fake)
			if _, err := run(t, fake, row.input); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPrivateNamesThatAServiceCanHave(t *testing.T) {
	for name, good := range map[string]bool{
		"db.example.com": true, "example.com": true, "a-b.example.co.uk": true, "1.example.com": true, "xn--bcher-kva.example.com": true, "x.myamazonaws.com": true,
		"de.com": true, "-a.example.com": false, "a-.example.com": false, "a..example.com": false, "a_b.example.com": false, "com": false, "com.au": false, "10.0.1.9": false,
		"rds.amazonaws.com": false, "amazonaws.com": false, "db.local": false, "db.example.test": false, strings.Repeat("abc.", 64) + "com": false,
	} {
		if err := checkPrivateName(name); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
