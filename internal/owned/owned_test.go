package owned

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rdslink/rdslink/internal/outcome"
)

var elbName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

func TestIDIsAlwaysAValidName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := Owner{}.ID(rapid.String().Draw(t, "arn"), rapid.String().Draw(t, "endpoint"),
			rapid.OneOf(rapid.String(), rapid.StringMatching(`(internal)?-?[a-zA-Z0-9-]{0,63}`)).Draw(t, "identifier"),
			Consumer{Name: rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9-]{0,63}`)).Draw(t, "consumer")})
		if !elbName.MatchString(id) || strings.HasPrefix(id, "internal-") {
			t.Fatalf("ID = %q", id)
		}
	})
}

func TestIDTellsExposuresApart(t *testing.T) {
	parts := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom([]string{"", "a", "b", "a-b"}), rapid.StringMatching(`[a-z0-9:-]{0,40}`)), 5, 5)
	rapid.Check(t, func(t *rapid.T) {
		a, b := parts.Draw(t, "a"), parts.Draw(t, "b")
		same := Owner{}.ID(a[0], a[1], "db", Consumer{a[2], a[3], a[4]}) == Owner{}.ID(b[0], b[1], "db", Consumer{b[2], b[3], b[4]})
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
			got := Owner{}.ID("arn", "writer", row.identifier, Consumer{Name: row.consumer})
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
	owner := Owner{Tags: map[string]string{ManagedTag: "no", ExposureTag: "no", "team": "data"}}
	tags := owner.ExposureTags("x", "arn")
	want := map[string]string{ManagedTag: "true", ExposureTag: "x", DatabaseTag: "arn", "team": "data"}
	if !maps.Equal(tags, want) {
		t.Errorf("Tags = %v, want %v", tags, want)
	}
}

func TestTagsSurviveTheWayToAWSAndBack(t *testing.T) {
	tags := Owner{Tags: map[string]string{"team": "data"}}.RuleTags("x")
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
		"ours":               {Owner{}.ExposureTags("x", "arn"), true},
		"another exposure's": {Owner{}.ExposureTags("y", "arn"), false},
		"not managed":        {map[string]string{ExposureTag: "x"}, false},
		"no tags":            {nil, false},
	} {
		if got := (Owner{}).Has(row.tags, "x"); got != row.want {
			t.Errorf("%s: Has = %v", name, got)
		}
	}
}

func TestFromEnv(t *testing.T) {
	t.Setenv("RDSLINK_NAME", "finance")
	t.Setenv("RDSLINK_TAGS", `{"team":"data"}`)
	if got, want := FromEnv(), (Owner{"finance", map[string]string{"team": "data"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("FromEnv = %v, want %v", got, want)
	}
	t.Setenv("RDSLINK_NAME", "")
	t.Setenv("RDSLINK_TAGS", "")
	if got := FromEnv(); !reflect.DeepEqual(got, Owner{}) {
		t.Errorf("FromEnv of nothing = %v", got)
	}
}

// What was made before there were names, or is made without one, is found again: these values never change.
func TestWithoutANameEverythingStaysAsItWas(t *testing.T) {
	const database = "arn:aws:rds:eu-central-1:111122223333:db:orders-prod"
	pushmetrics := Consumer{Vendor: "pushmetrics"}
	if got, want := (Owner{}).ID(database, "writer", "orders-prod", pushmetrics), "orders-prod-pushmetrics-17ac466a"; got != want {
		t.Errorf("ID = %s, want %s", got, want)
	}
	if got, want := (Owner{}).FormerID(database, "writer", "orders-prod", pushmetrics), "orders-prod-pushmetrics-a0f13d5b"; got != want {
		t.Errorf("FormerID = %s, want %s", got, want)
	}
	for name, row := range map[string]struct{ got, want map[string]string }{
		"an exposure's":      {Owner{}.ExposureTags("x", database), map[string]string{"rdslink:managed": "true", "rdslink:exposure": "x", "rdslink:database": database}},
		"a rule's":           {Owner{}.RuleTags("x"), map[string]string{"rdslink:managed": "true", "rdslink:exposure:x": "true"}},
		"a VPC's resolver's": {Owner{}.VPCTags("vpc-1"), map[string]string{"rdslink:managed": "true", "rdslink:vpc": "vpc-1"}},
	} {
		if !maps.Equal(row.got, row.want) {
			t.Errorf("%s tags are %v, want %v", name, row.got, row.want)
		}
	}
}

// Two deployments expose one database to one consumer: nothing of one passes for the other's.
func TestOwnersAreToldApart(t *testing.T) {
	owners := []Owner{{}, {Name: "finance"}, {Name: "finance-2"}}
	ids := map[string]Owner{}
	for _, owner := range owners {
		id := owner.ID("arn", "writer", "orders-prod", Consumer{Name: "acme"})
		if other, taken := ids[id]; taken {
			t.Errorf("%v and %v both call their exposure %s", owner, other, id)
		}
		ids[id] = owner
		for _, other := range owners {
			same := owner.Name == other.Name
			if got := other.Has(owner.ExposureTags("x", "arn"), "x"); got != same {
				t.Errorf("%v has what %v made: %v", other, owner, got)
			}
			if got := other.Manages(owner.RuleTags("x")); got != same {
				t.Errorf("%v manages what %v made: %v", other, owner, got)
			}
		}
	}
}

// Whoever lost their tags may be in use: to delete it would cut consumers off.
func TestAStrangerMayBeOurs(t *testing.T) {
	for want, tags := range map[string]map[string]string{
		outcome.NameNotReady: nil,
		outcome.NameConflict: {"team": "shop"},
	} {
		err := Stranger("load balancer lb", tags)
		if got := outcome.Name(err); got != want || !strings.Contains(err.Error(), "put them back") {
			t.Errorf("got %s: %v", got, err)
		}
	}
}
