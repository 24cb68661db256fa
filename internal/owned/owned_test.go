package owned

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var elbName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

func TestIDIsAlwaysAValidName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := ID(rapid.String().Draw(t, "arn"), rapid.String().Draw(t, "endpoint"),
			rapid.OneOf(rapid.String(), rapid.StringMatching(`(internal)?-?[a-zA-Z0-9-]{0,63}`)).Draw(t, "identifier"),
			rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9-]{0,63}`)).Draw(t, "consumer"))
		if !elbName.MatchString(id) || strings.HasPrefix(id, "internal-") {
			t.Fatalf("ID = %q", id)
		}
	})
}

func TestIDTellsExposuresApart(t *testing.T) {
	parts := rapid.SliceOfN(rapid.StringMatching(`[a-z0-9:-]{0,40}`), 3, 3)
	rapid.Check(t, func(t *rapid.T) {
		a, b := parts.Draw(t, "a"), parts.Draw(t, "b")
		same := ID(a[0], a[1], "db", a[2]) == ID(b[0], b[1], "db", b[2])
		if same != slices.Equal(a, b) {
			t.Fatalf("%q and %q: same id is %v", a, b, same)
		}
	})
}

func TestIDIsReadable(t *testing.T) {
	for name, row := range map[string]struct{ identifier, consumer, want string }{
		"both fit":                    {"orders-prod", "pushmetrics", "orders-prod-pushmetrics-"},
		"a long database is cut":      {"orders-production-main", "acme", "orders-production-acme-"},
		"a long consumer is cut":      {"orders", "acme-analytics-warehouse", "orders-acme-analyt-"},
		"never internal-":             {"internal-orders", "acme", "db-internal-orders-acme-"},
		"no consumer":                 {"orders", "", "orders-"},
		"nothing that can be spelled": {"***", "", "db-"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ID("arn", "writer", row.identifier, row.consumer)
			if prefix := got[:len(got)-hashLength]; prefix != row.want {
				t.Errorf("ID = %q, want %q and a hash", got, row.want)
			}
		})
	}
}

func TestTokenFor(t *testing.T) {
	token := TokenFor("x", 1, "arn", []string{"a", "b"})
	if token != TokenFor("x", 1, "arn", []string{"a", "b"}) {
		t.Error("the same create has two tokens")
	}
	if len(token) > 64 {
		t.Errorf("token of %d characters, EC2 takes 64", len(token))
	}
	for name, other := range map[string]string{
		"another exposure":   TokenFor("y", 1, "arn", []string{"a", "b"}),
		"another generation": TokenFor("x", 2, "arn", []string{"a", "b"}),
		"other parameters":   TokenFor("x", 1, "arn", []string{"a"}),
	} {
		if token == other {
			t.Errorf("%s has the same token", name)
		}
	}
}

func TestOurTagsWin(t *testing.T) {
	tags := Tags("x", "arn", map[string]string{ManagedTag: "no", "team": "data"})
	want := map[string]string{ManagedTag: "true", ExposureTag: "x", DatabaseTag: "arn", "team": "data"}
	if !maps.Equal(tags, want) {
		t.Errorf("Tags = %v, want %v", tags, want)
	}
}

func TestTagsSurviveTheWayToAWSAndBack(t *testing.T) {
	tags := RuleTags("x", map[string]string{"team": "data"})
	if got := FromEC2(EC2Tags(tags)); !maps.Equal(got, tags) {
		t.Errorf("EC2: %v, want %v", got, tags)
	}
	if got := FromELB(ELBTags(tags)); !maps.Equal(got, tags) {
		t.Errorf("ELB: %v, want %v", got, tags)
	}
}

func TestHas(t *testing.T) {
	for name, row := range map[string]struct {
		tags map[string]string
		want bool
	}{
		"ours":               {Tags("x", "arn", nil), true},
		"another exposure's": {Tags("y", "arn", nil), false},
		"not managed":        {map[string]string{ExposureTag: "x"}, false},
		"no tags":            {nil, false},
	} {
		if got := Has(row.tags, "x"); got != row.want {
			t.Errorf("%s: Has = %v", name, got)
		}
	}
}

func TestDeployerTags(t *testing.T) {
	t.Setenv("RDSLINK_TAGS", `{"team":"data"}`)
	if got := DeployerTags(); !maps.Equal(got, map[string]string{"team": "data"}) {
		t.Errorf("DeployerTags = %v", got)
	}
	t.Setenv("RDSLINK_TAGS", "")
	if got := DeployerTags(); len(got) != 0 {
		t.Errorf("DeployerTags of nothing = %v", got)
	}
}
