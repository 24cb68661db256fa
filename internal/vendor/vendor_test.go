package vendor

import (
	"regexp"
	"slices"
	"testing"
	"time"
)

// Adding a vendor is one entry, which this holds to be whole.
func TestEveryPresetIsComplete(t *testing.T) {
	var (
		id        = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
		principal = regexp.MustCompile(`^(arn:aws:iam::[0-9]{12}:(root|role/[\w+=,.@-]+(<region>)?)|[a-z]+\.amazonaws\.com)$`)
		field     = regexp.MustCompile(`^(vendorAccount|vendorAvailabilityZoneIds|principals)$`)
		region    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
		engine    = regexp.MustCompile(`^(postgres|mysql|mariadb|sqlserver|oracle|aurora-postgresql|aurora-mysql)$`)
		phrase    = regexp.MustCompile(`^(in|from|on) .{10,}[^.]$`)
		sentence  = regexp.MustCompile(`(?s)^[A-Z].{20,}\.$`)
		source    = regexp.MustCompile(`^[A-Z0-9].{20,}[^.]$`)
	)
	for n, v := range presets {
		t.Run(v.ID, func(t *testing.T) {
			asksWho := v.AsksFor(Account) != v.AsksFor(Principals)
			for what, good := range map[string]bool{
				"ID":         id.MatchString(v.ID) && (n == 0 || presets[n-1].ID < v.ID),
				"Name":       v.Name != "",
				"Principals": all(principal, v.Principals) && (len(v.Principals) > 0) == (len(v.Asks) == 0),
				"Asks":       all(field, v.Asks) && (len(v.Asks) == 0 || asksWho),
				"Ask":        (v.Ask == "") == (len(v.Asks) == 0) && (v.Ask == "" || phrase.MatchString(v.Ask)),
				"Later":      !v.Later || v.AsksFor(Principals),
				"Regions":    all(region, v.Regions) && slices.IsSorted(v.Regions),
				"MinZones":   v.MinZones == 0 || v.MinZones > 1,
				"Engines":    all(engine, v.Engines) && len(v.Engines) > 0,
				"Handoff":    sentence.MatchString(v.Handoff),
				"AfterShare": sentence.MatchString(v.AfterShare),
				"Source":     source.MatchString(v.Source),
				"Checked":    isDate(v.Checked),
			} {
				if !good {
					t.Errorf("%s is missing or wrong: %+v", what, v)
				}
			}
		})
	}
}

func TestAPrincipalOfTheRegion(t *testing.T) {
	v := Vendor{Principals: []string{"arn:aws:iam::444455556666:role/of-<region>", "arn:aws:iam::444455556666:root"}}
	want := []string{"arn:aws:iam::444455556666:role/of-eu-west-1", "arn:aws:iam::444455556666:root"}
	if allowed := v.Allowed("eu-west-1"); !slices.Equal(allowed, want) {
		t.Errorf("allowed %v, want %v", allowed, want)
	}
}

func all(pattern *regexp.Regexp, texts []string) bool {
	for _, text := range texts {
		if !pattern.MatchString(text) {
			return false
		}
	}
	return true
}

func isDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

func TestFind(t *testing.T) {
	if v, found := Find("fivetran"); !found || v.Name != "Fivetran" {
		t.Errorf("Find(fivetran) = %+v, %t", v, found)
	}
	if v, found := Find("nobody"); found {
		t.Errorf("Find(nobody) = %+v", v)
	}
}

func TestConnects(t *testing.T) {
	v := Vendor{Engines: []string{"postgres", "sqlserver"}}
	for engine, want := range map[string]bool{
		"postgres": true, "sqlserver-se": true, "sqlserver": true, "aurora-postgresql": false, "mysql": false, "postgresql": false,
	} {
		if v.Connects(engine) != want {
			t.Errorf("Connects(%s) = %t", engine, !want)
		}
	}
}
