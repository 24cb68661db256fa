package vendor

import (
	"regexp"
	"testing"
	"time"
)

// Adding a vendor is one entry, which this holds to be whole.
func TestEveryPresetIsComplete(t *testing.T) {
	var (
		id        = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
		principal = regexp.MustCompile(`^arn:aws:iam::[0-9]{12}:(root|role/[\w+=,.@-]+)$`)
		region    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
		engine    = regexp.MustCompile(`^(postgres|mysql|mariadb|sqlserver|oracle|aurora-postgresql|aurora-mysql)$`)
		sentence  = regexp.MustCompile(`(?s)^[A-Z].{20,}\.$`)
	)
	for _, v := range presets {
		t.Run(v.ID, func(t *testing.T) {
			for field, good := range map[string]bool{
				"ID":         id.MatchString(v.ID),
				"Name":       v.Name != "",
				"Principals": all(principal, v.Principals) && v.Asks() == (len(v.Principals) == 0),
				"Regions":    all(region, v.Regions) && (v.Asks() || len(v.Regions) > 0),
				"Engines":    all(engine, v.Engines) && len(v.Engines) > 0,
				"Handoff":    sentence.MatchString(v.Handoff),
				"AfterShare": sentence.MatchString(v.AfterShare),
				"Source":     v.Source != "",
				"Checked":    isDate(v.Checked),
			} {
				if !good {
					t.Errorf("%s is missing or wrong: %+v", field, v)
				}
			}
		})
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
