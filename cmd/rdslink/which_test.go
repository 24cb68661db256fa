package main

import (
	"slices"
	"testing"

	"github.com/rdslink/rdslink/internal/deployment"
)

func TestWhichDeploymentIsMeant(t *testing.T) {
	for what, row := range map[string]struct {
		environment string
		args        []string
		want        deployment.Name
		refused     bool
	}{
		"the one without a name":     {"", []string{"start"}, deployment.Unnamed, false},
		"by the environment":         {"finance", []string{"start"}, "finance", false},
		"by the flag":                {"", []string{"--name", "finance", "start"}, "finance", false},
		"by the flag first":          {"sales", []string{"--name", "finance", "start"}, "finance", false},
		"what can be no name":        {"Finance", []string{"start"}, "", true},
		"a flag that can be no name": {"", []string{"--name", "true", "start"}, "", true},
		"a command's flags are its":  {"", []string{"start", "--database", "orders"}, deployment.Unnamed, false},
	} {
		t.Setenv("RDSLINK_NAME", row.environment)
		name, rest, err := which(row.args)
		if (err != nil) != row.refused || name != row.want {
			t.Errorf("%s: %q, %v", what, name, err)
		}
		if !row.refused && !slices.Contains(rest, "start") || slices.Contains(rest, "--name") {
			t.Errorf("%s: leaves %v", what, rest)
		}
	}
}
