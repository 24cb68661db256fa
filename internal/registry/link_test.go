package registry

import (
	"reflect"
	"slices"
	"testing"
)

// A link with two exposures, and one that is by itself.
func linkTable(t *testing.T) (*Table, *fakeTable) {
	t.Helper()
	registry, fake := table(t)
	claim := func(id, database, link string, made func(*Made)) {
		t.Helper()
		e := Exposure{ID: id, DatabaseARN: database, Link: link, Consumer: "acme", Accounts: []string{"444455556666"}}
		if _, err := registry.Claim(t.Context(), e, first, alone(t, first)); err != nil {
			t.Fatal(err)
		}
		if err := registry.Record(t.Context(), id, first, made); err != nil {
			t.Fatal(err)
		}
	}
	claim("link", "", "link", func(m *Made) {
		m.LoadBalancerARN, m.ServiceID, m.Principals, m.IPSyncFunctionARN = "arn:lb", "vpce-svc-1", []string{"arn:p"}, "arn:ip-sync"
	})
	for i, id := range []string{"on-1", "on-2"} {
		claim(id, "arn:db:"+id, "link", func(m *Made) {
			m.ListenerARN, m.ListenerPort, m.ScheduleName, m.Binding = "arn:listener-"+id, int32(5432+i), id, &Binding{Exposure: id, Port: 5432}
		})
	}
	return registry, fake
}

func ids(all []Exposure) (ids []string) {
	for _, e := range all {
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestALinkOwnsTheWayInAndItsExposuresTheRest(t *testing.T) {
	registry, _ := linkTable(t)
	if err := registry.RecordConnections(t.Context(), "link", map[string]Connection{"vpce-1": {Owner: "444455556666", State: "available"}}); err != nil {
		t.Fatal(err)
	}
	alone, err := registry.Get(t.Context(), "on-1")
	if err != nil || alone.ServiceID != "" || alone.Entrance() != "link" || alone.IsLink() || !alone.OnLink() || !alone.Followed() {
		t.Errorf("%+v, %v", alone, err)
	}
	whole, err := registry.ByLink(t.Context(), "on-1")
	if err != nil || whole.ServiceID != "vpce-svc-1" || whole.LoadBalancerARN != "arn:lb" || whole.ListenerARN != "arn:listener-on-1" ||
		whole.Connections["vpce-1"].State != "available" || whole.ID != "on-1" {
		t.Errorf("with its link it is %+v, %v", whole, err)
	}
	link, err := registry.ByLink(t.Context(), "link")
	if err != nil || !link.IsLink() || link.OnLink() || link.Entrance() != "link" || !link.Followed() || link.ListenerARN != "" {
		t.Errorf("the link is %+v, %v", link, err)
	}
	if by, err := registry.ByLink(t.Context(), seed.ID); err != nil || by.ID != seed.ID || by.Entrance() != seed.ID || by.Followed() {
		t.Errorf("one by itself is %+v, %v", by, err)
	}
	living, err := registry.Living().ByLink(t.Context(), "on-2")
	if err != nil || !reflect.DeepEqual(living.Beside, []Way{{5432, 5432}}) || living.ServiceID != "vpce-svc-1" {
		t.Errorf("alive it is %+v, %v", living, err)
	}
	if owner, known, err := registry.ByService(t.Context(), "vpce-svc-1"); err != nil || !known || owner.ID != "link" {
		t.Errorf("the service is %s's, %t, %v", owner.ID, known, err)
	}
}

func TestLinksAreFoundAsExposuresAre(t *testing.T) {
	registry, fake := linkTable(t)
	all, err := registry.All(t.Context())
	if want := []string{"link", "on-1", "on-2", seed.ID}; err != nil || !slices.Equal(ids(all), want) {
		t.Errorf("all are %v, %v", ids(all), err)
	}
	on, err := registry.On(t.Context(), "link")
	if err != nil || !slices.Equal(ids(on), []string{"on-1", "on-2"}) || on[0].ServiceID != "" {
		t.Errorf("on it are %v, %v", ids(on), err)
	}
	surveyed, _, err := registry.Survey(t.Context())
	if err != nil || !slices.Equal(ids(surveyed), []string{"link", "on-1", "on-2", seed.ID}) {
		t.Errorf("surveyed are %v, %v", ids(surveyed), err)
	}
	for _, e := range surveyed {
		if e.Unreadable != nil || e.OnLink() && (e.ServiceID != "vpce-svc-1" || len(e.Beside) != 1) {
			t.Errorf("surveyed is %+v", e)
		}
	}
	if shown, _, err := NewShown(fake, "registry").Survey(t.Context()); err != nil || len(shown) != 4 || !shown[0].IsLink() {
		t.Errorf("shown are %v, %v", ids(shown), err)
	}
	if on, err := NewShown(fake, "registry").On(t.Context(), "link"); err != nil || len(on) != 2 || on[0].Token != nil {
		t.Errorf("shown on it are %v, %v", ids(on), err)
	}
}

// An exposure whose link is gone has what is its own.
func TestAnExposureWithoutItsLinkIsReadAllTheSame(t *testing.T) {
	registry, fake := linkTable(t)
	delete(fake.items, "link")
	surveyed, _, err := registry.Survey(t.Context())
	if err != nil || len(surveyed) != 3 || surveyed[0].ListenerARN == "" || surveyed[0].ServiceID != "" {
		t.Errorf("%+v, %v", surveyed, err)
	}
}
