package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/rdslink/rdslink/internal/outcome"
)

const (
	first  = "arn:aws:states:eu-central-1:111122223333:execution:setup:first"
	second = "arn:aws:states:eu-central-1:111122223333:execution:setup:second"
)

var seed = Exposure{ID: "orders", DatabaseARN: "arn:db:orders", Consumer: "acme", Accounts: []string{"444455556666"},
	Acceptance: Acceptance{Mode: "manual", MaxConnections: 1}}

// table is a registry in which first has claimed the exposure of seed.
func table(t *testing.T) (*Table, *fakeTable) {
	t.Helper()
	fake := &fakeTable{t: t, items: map[string]item{}}
	registry := New(fake, "registry")
	registry.now = func() time.Time { return time.UnixMilli(1_000_000) }
	if _, err := registry.Claim(t.Context(), seed, first, alone(t, first)); err != nil {
		t.Fatal(err)
	}
	fake.writes = 0
	return registry, fake
}

// alone runs, and asks about nobody else.
func alone(t *testing.T, execution string) func(context.Context, string) (bool, error) {
	return func(_ context.Context, asked string) (bool, error) {
		if asked != execution {
			t.Errorf("asked whether %s runs", asked)
		}
		return asked == execution, nil
	}
}

// others run or not, beside the execution, which does.
func others(run bool, execution string) func(context.Context, string) (bool, error) {
	return func(_ context.Context, asked string) (bool, error) { return run || asked == execution, nil }
}

func get(t *testing.T, registry *Table) Exposure {
	t.Helper()
	exposure, err := registry.Get(t.Context(), seed.ID)
	if err != nil {
		t.Fatal(err)
	}
	return exposure
}

func wantError(t *testing.T, err error, name string) {
	t.Helper()
	if got := outcome.Name(err); got != name {
		t.Errorf("error = %v (%s), want %q", err, got, name)
	}
}

func TestClaim(t *testing.T) {
	other := seed
	other.Accounts = []string{"777788889999"}
	for name, row := range map[string]struct {
		seed      Exposure
		execution string
		running   bool
		want      string
		holder    string
		writes    int
	}{
		"a second run makes no mutating call":   {seed: seed, execution: first, holder: first},
		"the holder's changed input is kept":    {seed: other, execution: first, holder: first, writes: 1},
		"a running holder keeps it":             {seed: seed, execution: second, running: true, want: "Conflict", holder: first},
		"a holder that no longer runs loses it": {seed: seed, execution: second, holder: second, writes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			registry, fake := table(t)
			claimed, err := registry.Claim(t.Context(), row.seed, row.execution, others(row.running, row.execution))
			wantError(t, err, row.want)
			after := get(t, registry)
			if after.Claim != row.holder || fake.writes != row.writes {
				t.Errorf("holder %s after %d writes, want %s after %d", after.Claim, fake.writes, row.holder, row.writes)
			}
			if err == nil && (claimed.Claim != row.execution || !slices.Equal(after.Accounts, row.seed.Accounts) || after.Generation != 1) {
				t.Errorf("claimed %+v, recorded %+v", claimed, after)
			}
			if err != nil && (!strings.Contains(err.Error(), first) || !strings.Contains(err.Error(), "stop it, then start again")) {
				t.Errorf("%v does not name the holder, or not what to do", err)
			}
		})
	}
}

// Who asked is kept with the claim, and since when the exposure is there with its first one.
func TestAClaimKeepsWhoAskedAndWhen(t *testing.T) {
	at := func(milli int64) time.Time { return time.UnixMilli(milli).UTC() }
	items := &fakeTable{t: t, items: map[string]item{}}
	registry := New(items, "registry")
	registry.now = func() time.Time { return at(0) }
	for _, step := range []struct {
		execution, by string
		want          Request
	}{
		{first, "olga", Request{"olga", at(0), at(0)}},
		{first, "olga", Request{"olga", at(0), at(0)}}, // a retry
		{second, "anton", Request{"anton", at(2), at(0)}},
		{first, "", Request{"", at(3), at(0)}},
	} {
		asked := seed
		asked.Requested = &Request{By: step.by}
		if _, err := registry.Claim(t.Context(), asked, step.execution, others(false, step.execution)); err != nil {
			t.Fatal(err)
		}
		if got := get(t, registry).Requested; got == nil || *got != step.want {
			t.Errorf("%s for %q: %+v, want %+v", step.execution, step.by, got, step.want)
		}
		now := registry.now().UnixMilli()
		registry.now = func() time.Time { return at(now + 1) }
	}
	delete(items.items[seed.ID], "requested") // as an earlier version left it
	if _, err := registry.Claim(t.Context(), seed, second, others(false, second)); err != nil {
		t.Fatal(err)
	}
	if got := get(t, registry).Requested; got == nil || !got.First.IsZero() || got.At.IsZero() {
		t.Errorf("after an earlier version's: %+v", got)
	}
}

func TestOneOfTwoClaimsAtOnceWins(t *testing.T) {
	registry, fake := table(t)
	fake.before = func() {
		if _, err := registry.Claim(t.Context(), seed, "third", others(false, "third")); err != nil {
			t.Error(err)
		}
	}
	third := func(_ context.Context, arn string) (bool, error) { return arn == "third", nil }
	_, err := registry.Claim(t.Context(), seed, second, third)
	wantError(t, err, "Conflict")
	if holder := get(t, registry).Claim; holder != "third" {
		t.Errorf("holder = %s", holder)
	}
}

// A step that is under way when its execution is stopped may claim last. Whoever comes then has the claim all the same.
func TestWhoWasStoppedWinsNoRace(t *testing.T) {
	type claim = func(context.Context, Exposure, string, func(context.Context, string) (bool, error)) (Exposure, error)
	for name, of := range map[string]func(*Table) claim{
		"set-up":  func(r *Table) claim { return r.Claim },
		"removal": func(r *Table) claim { return r.ClaimRemoval },
	} {
		t.Run(name, func(t *testing.T) {
			registry, fake := table(t)
			nobody := func(context.Context, string) (bool, error) { return false, nil }
			fake.before = func() {
				if _, err := of(registry)(t.Context(), seed, "stopped", nobody); err != nil {
					t.Error(err)
				}
			}
			_, err := of(registry)(t.Context(), seed, second, nobody)
			wantError(t, err, "NotReady")
			if _, err = of(registry)(t.Context(), seed, second, nobody); err != nil || get(t, registry).Claim != second {
				t.Errorf("asked again: %v, holder = %s", err, get(t, registry).Claim)
			}
		})
	}
}

func TestOneOfTwoFirstClaimsWins(t *testing.T) {
	fake := &fakeTable{t: t, items: map[string]item{}}
	registry := New(fake, "registry")
	fake.before = func() {
		if _, err := registry.Claim(t.Context(), seed, first, alone(t, first)); err != nil {
			t.Error(err)
		}
	}
	_, err := registry.Claim(t.Context(), seed, second, others(true, second))
	wantError(t, err, "Conflict")
}

func TestClaimTakesTheWordOfNobodyWhenStepFunctionsFails(t *testing.T) {
	registry, _ := table(t)
	_, err := registry.Claim(t.Context(), seed, second, func(context.Context, string) (bool, error) { return false, errors.New("down") })
	wantError(t, err, "Failed")
}

// A step that is under way when its execution is stopped leaves no claim behind for nobody to find.
func TestWhoWasStoppedLeavesNoClaim(t *testing.T) {
	fake := &fakeTable{t: t, items: map[string]item{}}
	registry := New(fake, "registry")
	stopped := func(context.Context, string) (bool, error) { return false, nil }
	_, err := registry.Claim(t.Context(), seed, first, stopped)
	wantError(t, err, "NotReady")
	if len(fake.items) > 0 {
		t.Errorf("left behind: %v", fake.items)
	}
	// Somebody else may have taken it over meanwhile.
	_, err = registry.Claim(t.Context(), seed, first, func(context.Context, string) (bool, error) {
		_, err := registry.Claim(t.Context(), seed, second, others(false, second))
		return false, err
	})
	wantError(t, err, "Conflict")
	if holder := get(t, registry).Claim; holder != second {
		t.Errorf("holder = %s", holder)
	}
}

func TestRecord(t *testing.T) {
	for name, row := range map[string]struct {
		execution string
		made      func(*Made)
		want      string
		writes    int
		serviceID string
	}{
		"a new value":                         {made: service("vpce-svc-2"), writes: 1, serviceID: "vpce-svc-2"},
		"a second run makes no mutating call": {made: service("vpce-svc-1"), serviceID: "vpce-svc-1"},
		"lists are compared by value":         {made: principals("a", "b"), serviceID: "vpce-svc-1"},
		"so are bindings":                     {made: bound("postgres"), serviceID: "vpce-svc-1"},
		"another binding":                     {made: bound("mysql"), writes: 1, serviceID: "vpce-svc-1"},
		"a zero value removes":                {made: service(""), writes: 1},
		"an empty list removes":               {made: principals(), writes: 1, serviceID: "vpce-svc-1"},
		"removing nothing writes nothing":     {made: func(m *Made) { m.SecurityGroupRuleIDs = []string{} }, serviceID: "vpce-svc-1"},
		"a lost claim":                        {execution: second, made: service("vpce-svc-2"), want: "Conflict", serviceID: "vpce-svc-1"},
	} {
		t.Run(name, func(t *testing.T) {
			registry, fake := table(t)
			for _, made := range []func(*Made){service("vpce-svc-1"), principals("a", "b"), bound("postgres")} {
				if err := registry.Record(t.Context(), seed.ID, first, made); err != nil {
					t.Fatal(err)
				}
			}
			fake.writes = 0
			wantError(t, registry.Record(t.Context(), seed.ID, cmp.Or(row.execution, first), row.made), row.want)
			if fake.writes != row.writes {
				t.Errorf("%d writes, want %d", fake.writes, row.writes)
			}
			if got := get(t, registry).ServiceID; got != row.serviceID {
				t.Errorf("serviceId = %q, want %q", got, row.serviceID)
			}
		})
	}
}

func service(id string) func(*Made) { return func(m *Made) { m.ServiceID = id } }

func principals(list ...string) func(*Made) { return func(m *Made) { m.Principals = list } }

func bound(engine string) func(*Made) {
	return func(m *Made) {
		m.Binding = &Binding{Exposure: seed.ID, Engine: engine, VPCCIDRs: []string{"10.0.0.0/16"}}
	}
}

func TestABindingIsKeptAsTheJSONOfItsSchedule(t *testing.T) {
	registry, fake := table(t)
	if err := registry.Record(t.Context(), seed.ID, first, bound("postgres")); err != nil {
		t.Fatal(err)
	}
	read := get(t, registry).Binding
	text, err := json.Marshal(read)
	if err != nil || read.Engine != "postgres" {
		t.Fatalf("binding %+v, %v", read, err)
	}
	stored := fake.items[seed.ID]["binding"].(*types.AttributeValueMemberB)
	if string(stored.Value) != string(text) {
		t.Errorf("stored %s, want %s", stored.Value, text)
	}
	for name, torn := range map[string]types.AttributeValue{
		"no JSON": &types.AttributeValueMemberB{Value: []byte(`{"exposure":`)}, "no bytes": &types.AttributeValueMemberBOOL{Value: true},
	} {
		fake.items[seed.ID]["binding"] = torn
		if _, err := registry.Get(t.Context(), seed.ID); err == nil {
			t.Errorf("%s is read as a binding", name)
		}
	}
}

func TestRecordLosesARace(t *testing.T) {
	registry, fake := table(t)
	fake.before = func() {
		if _, err := registry.Claim(t.Context(), seed, second, others(false, second)); err != nil {
			t.Error(err)
		}
	}
	err := registry.Record(t.Context(), seed.ID, first, service("vpce-svc-1"))
	wantError(t, err, "Conflict")
	if got := get(t, registry).ServiceID; got != "" {
		t.Errorf("serviceId = %q", got)
	}
}

func TestLookUps(t *testing.T) {
	registry, _ := table(t)
	for _, id := range []string{"billing", "crm"} {
		if _, err := registry.Claim(t.Context(), Exposure{ID: id, DatabaseARN: "arn:db:shared"}, id, alone(t, id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := registry.Record(t.Context(), "crm", "crm", service("vpce-svc-1")); err != nil {
		t.Fatal(err)
	}
	if err := registry.PutResolver(t.Context(), Resolver{VPCID: "vpc-1"}); err != nil {
		t.Fatal(err)
	}
	if err := registry.StoreToken(t.Context(), "billing", "billing", Token{Value: "t"}); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		find func() ([]Exposure, error)
		want []string
	}{
		"all, without resolvers": {func() ([]Exposure, error) { return registry.All(t.Context()) }, []string{"billing", "crm", "orders"}},
		"by database":            {func() ([]Exposure, error) { return registry.ByDatabase(t.Context(), "arn:db:shared") }, []string{"billing", "crm"}},
		"awaiting":               {func() ([]Exposure, error) { return registry.Awaiting(t.Context()) }, []string{"billing"}},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := row.find()
			if err != nil {
				t.Fatal(err)
			}
			ids := map[string]bool{}
			for _, exposure := range found {
				ids[exposure.ID] = true
			}
			if got := slices.Sorted(maps.Keys(ids)); !slices.Equal(got, row.want) {
				t.Errorf("found %v, want %v", got, row.want)
			}
		})
	}
	if found, ok, err := registry.ByService(t.Context(), "vpce-svc-1"); err != nil || !ok || found.ID != "crm" {
		t.Errorf("ByService = %s, %v, %v", found.ID, ok, err)
	}
	if _, ok, err := registry.ByService(t.Context(), "vpce-svc-9"); err != nil || ok {
		t.Errorf("ByService of a stranger = %v, %v", ok, err)
	}
}

// A stored item that does not decode is a loss of its own, and of nobody else's.
func TestWhatDoesNotDecodeTakesNothingElseAway(t *testing.T) {
	for name, spoil := range map[string]func(item){
		"a binding that is no JSON":   func(i item) { i["binding"] = &types.AttributeValueMemberB{Value: []byte("{")} },
		"a binding of another type":   func(i item) { i["binding"] = &types.AttributeValueMemberS{Value: "{}"} },
		"connections that are no map": func(i item) { i["connections"] = &types.AttributeValueMemberN{Value: "3"} },
		"a time that is none, in a token": func(i item) {
			i["token"] = &types.AttributeValueMemberM{Value: item{"since": &types.AttributeValueMemberS{Value: "soon"}}}
		},
		"a decision that is of a later age": func(i item) { i["decisions"] = &types.AttributeValueMemberS{Value: "all"} },
	} {
		t.Run(name, func(t *testing.T) {
			registry, fake := table(t)
			other := Exposure{ID: "payroll", DatabaseARN: seed.DatabaseARN}
			if _, err := registry.Claim(t.Context(), other, second, alone(t, second)); err != nil {
				t.Fatal(err)
			}
			for id, execution := range map[string]string{seed.ID: first, other.ID: second} {
				if err := registry.Record(t.Context(), id, execution, func(m *Made) { m.ServiceID = "vpce-svc-" + id }); err != nil {
					t.Fatal(err)
				}
				if err := registry.StoreToken(t.Context(), id, execution, Token{Value: "token"}); err != nil {
					t.Fatal(err)
				}
			}
			spoil(fake.items[seed.ID])

			found, err := registry.ByDatabase(t.Context(), seed.DatabaseARN)
			if err != nil || len(found) != 1 || found[0].ID != other.ID {
				t.Errorf("by database: %+v, %v", found, err)
			}
			if found, err = registry.Awaiting(t.Context()); err != nil || len(found) != 1 || found[0].ID != other.ID {
				t.Errorf("awaiting: %+v, %v", found, err)
			}
			if _, _, err := registry.ByService(t.Context(), "vpce-svc-orders"); err == nil {
				t.Error("by service: the item that does not decode is read")
			}
			if e, known, err := registry.ByService(t.Context(), "vpce-svc-payroll"); err != nil || !known || e.ID != other.ID {
				t.Errorf("by service: %+v, %v", e, err)
			}
			all, err := registry.All(t.Context())
			if err != nil || len(all) != 2 || all[0].ID != seed.ID || all[0].Unreadable == nil || all[0].DatabaseARN != "" || all[1].Unreadable != nil {
				t.Errorf("all: %+v, %v", all, err)
			}
			if _, err := registry.Get(t.Context(), seed.ID); err == nil {
				t.Error("get: the item that does not decode is read")
			}
		})
	}
}

func TestGetOfAStranger(t *testing.T) {
	registry, _ := table(t)
	if _, err := registry.Get(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("error = %v", err)
	}
}

func TestStoreToken(t *testing.T) {
	stored := Token{Value: "stored", RedriveCount: 1, RetryCount: 1}
	for name, row := range map[string]struct {
		takeover bool
		by       string
		token    Token
		want     string
		holds    string
	}{
		"the same attempt again":                    {by: first, token: Token{Value: "new", RedriveCount: 1, RetryCount: 1}, holds: "new"},
		"a later retry":                             {by: first, token: Token{Value: "new", RedriveCount: 1, RetryCount: 2}, holds: "new"},
		"a later redrive starts counting retries":   {by: first, token: Token{Value: "new", RedriveCount: 2}, holds: "new"},
		"an overtaken retry":                        {by: first, token: Token{Value: "new", RedriveCount: 1}, want: "Conflict", holds: "stored"},
		"an overtaken redrive":                      {by: first, token: Token{Value: "new", RetryCount: 9}, want: "Conflict", holds: "stored"},
		"another execution without the claim":       {by: second, token: Token{Value: "new", RedriveCount: 9}, want: "Conflict", holds: "stored"},
		"another execution that took over":          {takeover: true, by: second, token: Token{Value: "new"}, holds: "new"},
		"the old execution, after it was overtaken": {takeover: true, by: first, token: Token{Value: "new", RetryCount: 9}, want: "Conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			registry, _ := table(t)
			if err := registry.StoreToken(t.Context(), seed.ID, first, stored); err != nil {
				t.Fatal(err)
			}
			if row.takeover {
				if _, err := registry.Claim(t.Context(), seed, second, others(false, second)); err != nil {
					t.Fatal(err)
				}
			}
			wantError(t, registry.StoreToken(t.Context(), seed.ID, row.by, row.token), row.want)
			after := get(t, registry)
			if after.Token == nil {
				after.Token = &Token{}
			}
			if after.Token.Value != row.holds || (after.Awaiting == "yes") != (row.holds != "") {
				t.Errorf("token %q, awaiting %q, want token %q", after.Token.Value, after.Awaiting, row.holds)
			}
		})
	}
}

func TestClearTokenLeavesANewerOne(t *testing.T) {
	registry, _ := table(t)
	if err := registry.StoreToken(t.Context(), seed.ID, first, Token{Value: "newer"}); err != nil {
		t.Fatal(err)
	}
	if err := registry.ClearToken(t.Context(), seed.ID, "older"); err != nil {
		t.Fatal(err)
	}
	if after := get(t, registry); after.Token == nil {
		t.Fatal("the newer token is gone")
	}
	if err := registry.ClearToken(t.Context(), seed.ID, "newer"); err != nil {
		t.Fatal(err)
	}
	if after := get(t, registry); after.Token != nil || after.Awaiting != "" {
		t.Errorf("token %v, awaiting %q", after.Token, after.Awaiting)
	}
}

func TestRecordReminderLeavesANewerToken(t *testing.T) {
	registry, _ := table(t)
	if err := registry.StoreToken(t.Context(), seed.ID, first, Token{Value: "newer"}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		token     string
		day, want int
	}{{"older", 7, 0}, {"newer", 1, 1}} {
		if err := registry.RecordReminder(t.Context(), seed.ID, row.token, row.day); err != nil {
			t.Fatal(err)
		}
		if got := get(t, registry).Token.Reminded; got != row.want {
			t.Errorf("after a reminder of the %s token: day %d, want %d", row.token, got, row.want)
		}
	}
}

func TestConnectionsAndDecisionsAdd(t *testing.T) {
	registry, fake := table(t)
	seen := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for endpoint, state := range map[string]string{"vpce-1": "pendingAcceptance", "vpce-2": "available"} {
		if err := registry.RecordConnections(t.Context(), seed.ID, map[string]Connection{endpoint: {Owner: "444455556666", State: state, Seen: seen}}); err != nil {
			t.Fatal(err)
		}
	}
	decision := Decision{EndpointID: "vpce-1", Action: "accept", By: "ana", EventID: "e1", Time: seen}
	later := Decision{EndpointID: "vpce-2", Action: "reject", EventID: "e2", Time: seen}
	for _, d := range []Decision{decision, decision, later} {
		if contrary, err := registry.AddDecision(t.Context(), seed.ID, d, d.Time); err != nil || contrary != nil {
			t.Fatal(contrary, err)
		}
	}
	if fake.writes != 4 {
		t.Errorf("%d writes: an event that came twice is one decision", fake.writes)
	}
	after := get(t, registry)
	if !slices.Equal(after.Decisions, []Decision{decision, later}) {
		t.Errorf("decisions = %+v", after.Decisions)
	}
	if len(after.Connections) != 2 || after.Connections["vpce-1"].State != "pendingAcceptance" || !after.Connections["vpce-2"].Seen.Equal(seen) {
		t.Errorf("connections = %+v", after.Connections)
	}
}

// Each of several events at once may be about to add what another one adds.
func TestOfTwoDecisionsAtOnceTheFirstCounts(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	accepted := Decision{EndpointID: "vpce-1", Action: "accept", By: "ana", EventID: "e1", Time: noon}
	for name, row := range map[string]struct {
		first    Decision // the person's by default
		second   Decision
		contrary bool
		want     int // decisions in the end
	}{
		"the same event": {second: accepted, want: 1},
		"our own again, by another event": {
			first:  Decision{EndpointID: "vpce-1", Action: "accept", By: Self, EventID: "e1", Time: noon},
			second: Decision{EndpointID: "vpce-1", Action: "accept", By: Self, EventID: "e2", Time: noon}, want: 1,
		},
		"somebody else's":                     {second: Decision{EndpointID: "vpce-1", Action: "accept", By: "bob", EventID: "e2", Time: noon}, want: 2},
		"to the contrary":                     {second: Decision{EndpointID: "vpce-1", Action: "reject", By: "bob", EventID: "e2", Time: noon}, contrary: true, want: 1},
		"to the contrary, a while later":      {second: Decision{EndpointID: "vpce-1", Action: "reject", By: "bob", EventID: "e2", Time: noon.Add(time.Minute)}, want: 2},
		"to the contrary, of another request": {second: Decision{EndpointID: "vpce-2", Action: "reject", By: "bob", EventID: "e2", Time: noon}, want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			registry, fake := table(t)
			first := row.first
			if first.EndpointID == "" {
				first = accepted
			}
			fake.before = func() {
				if contrary, err := registry.AddDecision(t.Context(), seed.ID, first, first.Time); err != nil || contrary != nil {
					t.Error(contrary, err)
				}
			}
			contrary, err := registry.AddDecision(t.Context(), seed.ID, row.second, row.second.Time)
			if err != nil || (contrary != nil) != row.contrary || contrary != nil && *contrary != first {
				t.Errorf("contrary to %+v, %v", contrary, err)
			}
			if after := get(t, registry); len(after.Decisions) != row.want || after.Decisions[0] != first {
				t.Errorf("decisions %+v", after.Decisions)
			}
		})
	}
}

func TestADecisionThatFailedStandsInNobodysWayAndMayBeTriedAgain(t *testing.T) {
	registry, _ := table(t)
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	accept := Decision{EndpointID: "vpce-1", Action: "accept", By: "ana", EventID: "e1", Time: noon}
	reject := Decision{EndpointID: "vpce-1", Action: "reject", By: "bob", EventID: "e2", Time: noon.Add(time.Second)}
	add := func(d Decision, said time.Time, want *Decision) {
		t.Helper()
		contrary, err := registry.AddDecision(t.Context(), seed.ID, d, said)
		if err != nil || (contrary == nil) != (want == nil) || contrary != nil && *contrary != *want {
			t.Fatalf("contrary to %+v, %v; want %+v", contrary, err, want)
		}
	}
	fail := func(d Decision) {
		t.Helper()
		if err := registry.FailDecision(t.Context(), seed.ID, d); err != nil {
			t.Fatal(err)
		}
	}
	failed := func(want ...bool) {
		t.Helper()
		var got []bool
		for _, d := range get(t, registry).Decisions {
			got = append(got, d.Failed)
		}
		if !slices.Equal(got, want) {
			t.Errorf("failed are %v of the decisions, want %v", got, want)
		}
	}
	add(accept, noon, nil)
	fail(accept)
	add(accept, noon, nil) // Lambda's queue delivers it again
	failed(false)
	fail(accept)
	failed(true)
	add(reject, reject.Time, nil)
	failed(true, false)
	// By the time that the first is delivered once more, somebody has said the contrary.
	accept.Time = noon.Add(time.Hour)
	add(accept, noon, &reject)
	// And so is one that was never recorded, because the registry did not answer when it came.
	unheard := Decision{EndpointID: "vpce-1", Action: "accept", By: "eve", EventID: "e0", Time: noon.Add(time.Hour)}
	add(unheard, noon.Add(-time.Minute), &reject)
	failed(true, false)
	fail(Decision{EndpointID: "vpce-9", Action: "accept", EventID: "e9"}) // which nobody has made
	failed(true, false)
}

func TestWhoComesTooLateToWaitIsToldWhoWaits(t *testing.T) {
	registry, _ := table(t)
	err := registry.StoreToken(t.Context(), seed.ID, second, Token{Value: "late"})
	wantError(t, err, "Conflict")
	if err == nil || !strings.Contains(err.Error(), first) {
		t.Errorf("%v does not name the holder", err)
	}
}

func TestNothingIsWrittenForAStranger(t *testing.T) {
	registry, fake := table(t)
	err := registry.RecordConnections(t.Context(), "nobody", map[string]Connection{"vpce-1": {}})
	if !errors.Is(err, ErrNotFound) || fake.items["nobody"] != nil {
		t.Errorf("error = %v, item %v", err, fake.items["nobody"])
	}
}

func TestLease(t *testing.T) {
	registry, _ := table(t)
	lease := func(holder string) (int64, bool) {
		leased, ok, err := registry.Lease(t.Context(), seed.ID, holder, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return leased.Fence, ok
	}
	if fence, ok := lease("a"); !ok || fence != 1 {
		t.Errorf("first lease: %d, %v", fence, ok)
	}
	if _, ok := lease("b"); ok {
		t.Error("b got the lease while a has it")
	}
	if fence, ok := lease("a"); !ok || fence != 2 {
		t.Errorf("a's renewal: %d, %v", fence, ok)
	}
	later := registry.now().Add(2 * time.Minute)
	registry.now = func() time.Time { return later }
	fence, ok := lease("b")
	if !ok || fence != 3 {
		t.Errorf("b after a's lease ran out: %d, %v", fence, ok)
	}
	if err := registry.Release(t.Context(), seed.ID, "a"); err != nil {
		t.Fatal(err)
	}
	if _, ok := lease("c"); ok {
		t.Error("a released b's lease")
	}
	wantError(t, registry.SaveSync(t.Context(), seed.ID, 2, json.RawMessage(`{"by":"a"}`)), "NotReady")
	wantError(t, registry.SaveSync(t.Context(), seed.ID, fence, json.RawMessage(`{"by":"b"}`)), "")
	if err := registry.Release(t.Context(), seed.ID, "b"); err != nil {
		t.Fatal(err)
	}
	if leased, ok, err := registry.Lease(t.Context(), seed.ID, "c", time.Minute); !ok || err != nil || string(leased.Sync) != `{"by":"b"}` {
		t.Errorf("c did not get the released lease with what b remembered: %+v, %v, %v", leased, ok, err)
	}
	if got := string(get(t, registry).Sync); got != `{"by":"b"}` {
		t.Errorf("sync = %s", got)
	}
}

func TestResolver(t *testing.T) {
	registry, _ := table(t)
	if _, found, err := registry.Resolver(t.Context(), "vpc-1"); err != nil || found {
		t.Errorf("resolver of an unknown VPC: %v, %v", found, err)
	}
	put := Resolver{VPCID: "vpc-1", FunctionName: "rdslink-resolver-vpc-1", SecurityGroupID: "sg-1", SubnetIDs: []string{"subnet-1"}}
	if err := registry.PutResolver(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	got, found, err := registry.Resolver(t.Context(), "vpc-1")
	if err != nil || !found || got.FunctionName != put.FunctionName || !slices.Equal(got.SubnetIDs, put.SubnetIDs) {
		t.Errorf("resolver = %+v, %v, %v", got, found, err)
	}
	all, err := registry.Resolvers(t.Context())
	if err != nil || len(all) != 1 || all[0].VPCID != put.VPCID {
		t.Errorf("resolvers = %+v, %v", all, err)
	}
}

// Whoever has a task token completes a step: what people read is an item without it, by a request that names what it asks
// for.
func TestWhatIsShownToPeopleHasNoToken(t *testing.T) {
	registry, items := table(t)
	if err := registry.Record(t.Context(), seed.ID, first, func(m *Made) { m.ServiceID, m.ListenerPort = "vpce-svc-1", 5432 }); err != nil {
		t.Fatal(err)
	}
	if err := registry.StoreToken(t.Context(), seed.ID, first, Token{Value: "secret"}); err != nil {
		t.Fatal(err)
	}
	vpc := Resolver{VPCID: "vpc-1", FunctionName: "resolver", SecurityGroupID: "sg-1", SubnetIDs: []string{"subnet-a"}, RoleARN: "arn:role"}
	if err := registry.PutResolver(t.Context(), vpc); err != nil {
		t.Fatal(err)
	}
	shown := NewShown(items, "registry")
	found, err := shown.Get(t.Context(), seed.ID)
	if err != nil || found.Token != nil || found.ServiceID != "vpce-svc-1" || found.ListenerPort != 5432 || found.Awaiting == "" || found.Claim != first {
		t.Errorf("%+v, %v", found, err)
	}
	if again, _, err := shown.Resolver(t.Context(), "vpc-1"); err != nil || again.RoleARN != vpc.RoleARN || !slices.Equal(again.SubnetIDs, vpc.SubnetIDs) {
		t.Errorf("%+v, %v", again, err)
	}
	all, _, err := shown.Survey(t.Context())
	if err != nil || len(all) != 1 || all[0].Token != nil || all[0].ServiceID != "vpce-svc-1" || all[0].Awaiting == "" {
		t.Errorf("%+v, %v", all, err)
	}
	if names := Shown(); slices.Contains(names, "token") || slices.Contains(names, "") || !slices.Contains(names, "life") || !slices.IsSorted(names) {
		t.Errorf("shown are %v", names)
	}
}

func TestHeld(t *testing.T) {
	for name, row := range map[string]struct{ id, execution, want string }{
		"the holder":                         {seed.ID, first, ""},
		"another execution":                  {seed.ID, second, "Conflict"},
		"nobody holds what is not there":     {"gone", first, "Conflict"},
		"nor does a payload that names none": {seed.ID, "", "Conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			registry, fake := table(t)
			err := registry.Held(t.Context(), row.id, row.execution)
			wantError(t, err, row.want)
			if err != nil && row.want == "Conflict" && !strings.Contains(err.Error(), "start again with the same input") {
				t.Errorf("%v does not say that no redrive gets it back", err)
			}
			if fake.writes != 0 {
				t.Errorf("%d writes", fake.writes)
			}
		})
	}
}
