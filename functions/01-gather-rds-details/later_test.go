package main

import (
	"slices"
	"testing"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// A vendor that tells its principals once it has the service name: first nobody is allowed, and then who is named takes the
// place of the execution that waits, wherever that is no loss.
func TestAPrincipalThatIsKnownLater(t *testing.T) {
	const (
		told    = "arn:aws:iam::664411391173:role/mz_u1"
		waiting = "arn:aws:states:eu-central-1:111122223333:execution:rdslink-setup:waiting"
		removal = "arn:aws:states:eu-central-1:111122223333:execution:rdslink-remove:one"
	)
	plan, err := run(t, newFake(), of("materialize", ""))
	if err != nil {
		t.Fatal(err)
	}
	waits := registry.Exposure{ID: plan.Exposure, Vendor: "materialize", Claim: waiting,
		Token: &registry.Token{Value: "token", Execution: waiting}, Made: registry.Made{ServiceID: "vpce-svc-1"}}
	with := func(change func(*registry.Exposure)) *registry.Exposure {
		e := waits
		change(&e)
		return &e
	}
	for name, row := range map[string]struct {
		input    string // beside database and vendor
		recorded *registry.Exposure
		ended    bool // the holder's execution
		allowed  []string
		accounts []string
		stopped  []string
		err      string
	}{
		"nobody is known yet":                  {allowed: []string{}, accounts: []string{}},
		"nor is anybody to be accepted":        {input: `,"acceptance":{"mode":"expected-account"}`, allowed: []string{}, accounts: []string{}},
		"one that is known from the beginning": {input: `,"principals":["` + told + `"]`, allowed: []string{told}, accounts: []string{"664411391173"}},
		"one that an execution waits for": {input: `,"principals":["` + told + `"]`, recorded: &waits, allowed: []string{told},
			accounts: []string{"664411391173"}, stopped: []string{waiting + " Superseded"}},
		"one that an execution will wait for": {input: `,"principals":["` + told + `"]`, recorded: with(func(e *registry.Exposure) { e.Token = nil }), err: "NotReady"},
		"one that an earlier wait was for": {input: `,"principals":["` + told + `"]`, err: "NotReady",
			recorded: with(func(e *registry.Exposure) { e.Token = &registry.Token{Value: "token", Execution: "earlier"} })},
		"none, while an execution waits": {recorded: &waits, err: "Conflict"},
		"another, while an execution waits for who was told": {input: `,"principals":["` + told + `"]`, err: "Conflict",
			recorded: with(func(e *registry.Exposure) { e.Principals = []string{"arn:aws:iam::664411391173:role/mz_u2"} })},
		"one, while a removal works": {input: `,"principals":["` + told + `"]`, recorded: with(func(e *registry.Exposure) { e.Claim = removal }), err: "Conflict"},
		"one, after the execution has ended": {input: `,"principals":["` + told + `"]`, recorded: &waits, ended: true, allowed: []string{told},
			accounts: []string{"664411391173"}},
		"none, after one was told": {recorded: with(func(e *registry.Exposure) { e.Principals = []string{told} }), ended: true, allowed: []string{told},
			accounts: []string{"664411391173"}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFake()
			if row.recorded != nil {
				fake.recorded, fake.holder, fake.status = []registry.Exposure{*row.recorded}, row.recorded.Claim, sfntypes.ExecutionStatusRunning
			}
			if row.ended {
				fake.status = sfntypes.ExecutionStatusAborted
			}
			plan, err := run(t, fake, of("materialize", row.input))
			if got := outcome.Name(err); got != row.err && (err != nil || row.err != "") {
				t.Fatalf("error %q (%v), want %q", got, err, row.err)
			}
			if !slices.Equal(fake.stopped, row.stopped) {
				t.Errorf("stopped %v, want %v", fake.stopped, row.stopped)
			}
			if row.err != "" {
				return
			}
			if plan.Principals == nil || !slices.Equal(plan.Principals, row.allowed) || !slices.Equal(fake.claimed[0].Accounts, row.accounts) {
				t.Errorf("allowed %v, accounts %v", plan.Principals, fake.claimed[0].Accounts)
			}
		})
	}
}

// Nobody else's execution is ended, whatever the second input brings.
func TestNoOtherVendorsExecutionGivesWay(t *testing.T) {
	fake := newFake()
	const waiting = "arn:aws:states:eu-central-1:111122223333:execution:rdslink-setup:waiting"
	plan, err := run(t, fake, usual)
	if err != nil {
		t.Fatal(err)
	}
	fake.holder, fake.status = waiting, sfntypes.ExecutionStatusRunning
	fake.recorded = []registry.Exposure{{ID: plan.Exposure, Vendor: "pushmetrics", Claim: waiting, Token: &registry.Token{Execution: waiting}}}
	if _, err := run(t, fake, option(`"principals":["444455556666"]`)); outcome.Name(err) != "Conflict" || len(fake.stopped) > 0 {
		t.Errorf("stopped %v, %v", fake.stopped, err)
	}
}
