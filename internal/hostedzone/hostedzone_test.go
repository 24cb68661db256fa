package hostedzone_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rdslink/rdslink/internal/hostedzone"
	"github.com/rdslink/rdslink/internal/hostedzone/hostedzonetest"
	"github.com/rdslink/rdslink/internal/outcome"
)

func TestTheZoneOfANameIsThePublicOneWithTheLongestName(t *testing.T) {
	for sentence, row := range map[string]struct {
		zones func(*hostedzonetest.Zones)
		want  hostedzone.Zone
	}{
		"none":                      {zones: func(*hostedzonetest.Zones) {}},
		"the name's own":            {zones: func(z *hostedzonetest.Zones) { z.Public("Z1", "example.com"); z.Public("Z2", "db.example.com") }, want: hostedzone.Zone{ID: "Z2", Name: "db.example.com"}},
		"a domain that it is in":    {zones: func(z *hostedzonetest.Zones) { z.Public("Z1", "example.com") }, want: hostedzone.Zone{ID: "Z1", Name: "example.com"}},
		"a private one is not it":   {zones: func(z *hostedzonetest.Zones) { z.Private("Z1", "db.example.com"); z.Public("Z2", "example.com") }, want: hostedzone.Zone{ID: "Z2", Name: "example.com"}},
		"beside a private one":      {zones: func(z *hostedzonetest.Zones) { z.Private("Z1", "example.com"); z.Public("Z2", "example.com") }, want: hostedzone.Zone{ID: "Z2", Name: "example.com"}},
		"another domain's":          {zones: func(z *hostedzonetest.Zones) { z.Public("Z1", "ample.com"); z.Public("Z2", "example.org") }},
		"two of a name are neither": {zones: func(z *hostedzonetest.Zones) { z.Public("Z1", "example.com"); z.Public("Z2", "example.com") }},
		"a top-level domain's":      {zones: func(z *hostedzonetest.Zones) { z.Public("Z1", "com") }},
	} {
		t.Run(sentence, func(t *testing.T) {
			var z hostedzonetest.Zones
			row.zones(&z)
			got, found, err := hostedzone.Of(t.Context(), &z, "db.example.com")
			if err != nil || found != (row.want.ID != "") || found && got != row.want {
				t.Errorf("got %v, %v, %v", got, found, err)
			}
		})
	}
}

func TestARecordIsMadeAndTakenAway(t *testing.T) {
	var z hostedzonetest.Zones
	z.Public("Z1", "example.com")
	z.Zones[0].Texts["_b.example.com"] = []string{"another"}
	r := hostedzone.TXT{ZoneID: "Z1", Name: "_a.example.com", Value: "vpce:A"}
	there := func(want bool) {
		t.Helper()
		if got, err := r.There(t.Context(), &z); err != nil || got != want {
			t.Errorf("there: %v, %v", got, err)
		}
	}
	there(false)
	if why, err := r.Delete(t.Context(), &z); err != nil || why != "" || len(z.Changes) > 0 {
		t.Error(why, err, z.Changes)
	}
	if err := r.Make(t.Context(), &z); err != nil {
		t.Error(err)
	}
	there(true)
	z.Zones[0].Texts[r.Name] = []string{"vpce:A", "somebody's"}
	there(true)
	stays := func() {
		t.Helper()
		why, err := r.Delete(t.Context(), &z)
		if err != nil || len(z.Changes) != 1 || !strings.Contains(why, "changed it in hosted zone Z1") || !strings.Contains(why, "vpce:A alone") {
			t.Errorf("what somebody has changed is deleted, or stays as %q: %v, %v", why, err, z.Changes)
		}
	}
	stays()
	z.Zones[0].Texts[r.Name] = []string{"vpce:a"}
	there(false)
	stays()
	z.Zones[0].Texts[r.Name] = []string{"vpce:A"}
	if why, err := r.Delete(t.Context(), &z); err != nil || why != "" || !slices.Equal(z.Changes, []string{"UPSERT _a.example.com vpce:A", "DELETE _a.example.com vpce:A"}) {
		t.Error(why, err, z.Changes)
	}
	there(false)
	r.ZoneID = "Z9"
	if why, err := r.Delete(t.Context(), &z); err != nil || why != "" {
		t.Error("a zone that is gone has no record:", why, err)
	}
}

func TestWhatIsDeniedIsNamed(t *testing.T) {
	r := hostedzone.TXT{ZoneID: "Z1", Name: "_a.example.com", Value: "vpce:A"}
	for _, operation := range []string{"ListHostedZonesByName", "ListResourceRecordSets", "ChangeResourceRecordSets"} {
		var z hostedzonetest.Zones
		z.Public("Z1", "example.com")
		z.Denied = operation
		_, _, first := hostedzone.Of(t.Context(), &z, "example.com")
		_, second := r.There(t.Context(), &z)
		third := r.Make(t.Context(), &z)
		denied := 0
		for _, err := range []error{first, second, third} {
			if action, is := outcome.Denied(err); is && action == "route53:"+operation {
				denied++
			}
		}
		if denied != 1 {
			t.Errorf("%s: %v, %v, %v", operation, first, second, third)
		}
	}
}
