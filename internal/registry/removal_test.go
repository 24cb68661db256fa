package registry

import (
	"errors"
	"testing"
	"time"
)

const removal = "arn:aws:states:eu-central-1:111122223333:execution:remove:this"

func TestARemovalTakesTheClaimAndLeavesAllElse(t *testing.T) {
	registry, _ := table(t)
	if err := registry.StoreToken(t.Context(), seed.ID, first, Token{Value: "secret"}); err != nil {
		t.Fatal(err)
	}
	_, err := registry.ClaimRemoval(t.Context(), Exposure{ID: seed.ID}, removal, others(true, removal))
	wantError(t, err, "Conflict")
	claimed, err := registry.ClaimRemoval(t.Context(), Exposure{ID: seed.ID}, removal, others(false, removal))
	if err != nil || claimed.Claim != removal || claimed.Superseded != first || claimed.Token != nil || claimed.Awaiting != "" ||
		claimed.DatabaseARN != seed.DatabaseARN || claimed.Consumer != seed.Consumer {
		t.Errorf("%+v, %v", claimed, err)
	}
	again, err := registry.ClaimRemoval(t.Context(), Exposure{ID: seed.ID}, removal, alone(t, removal))
	if err != nil || again.Superseded != first {
		t.Errorf("a second attempt has %+v, %v", again, err)
	}
	wantError(t, registry.Record(t.Context(), seed.ID, first, func(m *Made) { m.ServiceID = "vpce-svc-1" }), "Conflict")
}

func TestOfTwoRemovalsOfWhatTheRegistryDoesNotKnowOneHasIt(t *testing.T) {
	registry, fake := table(t)
	delete(fake.items, seed.ID)
	if _, err := registry.ClaimRemoval(t.Context(), Exposure{ID: seed.ID, DatabaseARN: "arn", VPCID: "vpc-1"}, removal, alone(t, removal)); err != nil {
		t.Fatal(err)
	}
	_, err := registry.ClaimRemoval(t.Context(), Exposure{ID: seed.ID}, second, others(true, second))
	wantError(t, err, "Conflict")
}

func TestASetUpMakesAnewWhatARemovalHasLeft(t *testing.T) {
	registry, _ := table(t)
	if err := registry.Remove(t.Context(), seed.ID, second); err == nil {
		t.Error("who does not hold the exposure removes it")
	}
	if err := registry.Remove(t.Context(), seed.ID, first); err != nil {
		t.Fatal(err)
	}
	if get(t, registry).Removing != first {
		t.Errorf("%+v", get(t, registry))
	}
	after, err := registry.Claim(t.Context(), seed, second, others(false, second))
	if err != nil || after.Removing != "" || after.Superseded != "" {
		t.Errorf("%+v, %v", after, err)
	}
}

func TestTheTokenOfARemovalIsTheLatest(t *testing.T) {
	registry, _ := table(t)
	for _, row := range []struct {
		execution string
		retry     int
		want      string
	}{{first, 1, ""}, {first, 0, "Conflict"}, {second, 2, "Conflict"}, {first, 2, ""}} {
		wantError(t, registry.StoreRemoval(t.Context(), seed.ID, row.execution, Token{Value: "secret", RetryCount: row.retry}), row.want)
	}
	for _, row := range []struct {
		value string
		there bool
	}{{"another", true}, {"secret", false}} {
		if err := registry.ClearRemoval(t.Context(), seed.ID, row.value); err != nil {
			t.Fatal(err)
		}
		if got := get(t, registry).Removal != nil; got != row.there {
			t.Errorf("after clearing %s there is a token: %t", row.value, got)
		}
	}
}

func TestForget(t *testing.T) {
	registry, fake := table(t)
	if err := registry.RecordLife(t.Context(), seed.ID, time.Now(), Life{State: "settled"}); err != nil || len(fake.items) != 2 {
		t.Fatalf("%v, %v", fake.items, err)
	}
	wantError(t, registry.Forget(t.Context(), seed.ID, second), "Conflict")
	if len(fake.items) != 2 {
		t.Errorf("who does not hold it forgets it: %v", fake.items)
	}
	for range 2 {
		if err := registry.Forget(t.Context(), seed.ID, first); err != nil || len(fake.items) != 0 {
			t.Errorf("%v, %v", fake.items, err)
		}
	}
	// A look that was under way has nothing to record.
	if err := registry.RecordLife(t.Context(), seed.ID, time.Now(), Life{State: "settled"}); err != nil || len(fake.items) != 0 {
		t.Errorf("%v, %v", fake.items, err)
	}
}

// A first look that ends while the exposure is being forgotten finds it still there.
func TestAFirstSignOfLifeInTheMiddleIsForgottenToo(t *testing.T) {
	registry, fake := table(t)
	looked := false
	fake.before = func() { // the life is to be deleted
		fake.before = func() { // it has been, and the exposure is next
			looked = true
			if err := registry.RecordLife(t.Context(), seed.ID, time.Now(), Life{State: "settled"}); err != nil {
				t.Error(err)
			}
		}
	}
	if err := registry.Forget(t.Context(), seed.ID, first); err != nil || !looked || len(fake.items) != 0 {
		t.Errorf("%v, %v, looked: %v", fake.items, err, looked)
	}
}

func TestAResolverThatIsBeingDeletedIsNobodys(t *testing.T) {
	registry, fake := table(t)
	now := time.UnixMilli(1_000_000)
	registry.now = func() time.Time { return now }
	retire := func(execution string) bool {
		ok, err := registry.Retire(t.Context(), "vpc-1", execution)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if err := registry.PutResolver(t.Context(), Resolver{VPCID: "vpc-1", FunctionName: "resolver"}); err != nil {
		t.Fatal(err)
	}
	if !retire(removal) || retire(second) || !retire(removal) {
		t.Error("two may delete it")
	}
	_, _, err := registry.Resolver(t.Context(), "vpc-1")
	wantError(t, err, "NotReady")
	// Who has died holds up nobody for good.
	now = now.Add(retirement + time.Second)
	if found, known, err := registry.Resolver(t.Context(), "vpc-1"); err != nil || !known || found.FunctionName != "resolver" {
		t.Errorf("%+v, %t, %v", found, known, err)
	}
	if !retire(second) {
		t.Error("nobody may delete it any more")
	}
	wantError(t, registry.ForgetResolver(t.Context(), "vpc-1", removal), "NotReady")
	if err := registry.Keep(t.Context(), "vpc-1", second); err != nil {
		t.Fatal(err)
	}
	if _, known, err := registry.Resolver(t.Context(), "vpc-1"); err != nil || !known {
		t.Errorf("kept is %t, %v", known, err)
	}
	if !retire(second) {
		t.Error("what was kept stays for good")
	}
	for range 2 {
		if err := errors.Join(registry.ForgetResolver(t.Context(), "vpc-1", second)); err != nil || fake.items["vpc/vpc-1"] != nil {
			t.Errorf("%v, %v", fake.items, err)
		}
	}
	// A VPC whose record is lost has none while somebody looks for what is left of it, and none afterwards.
	if !retire(removal) {
		t.Error("a lost record holds up its removal")
	}
	now = now.Add(retirement + time.Second)
	if _, known, err := registry.Resolver(t.Context(), "vpc-1"); err != nil || known {
		t.Errorf("known is %t, %v", known, err)
	}
}
