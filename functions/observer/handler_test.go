package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/registry"
)

const (
	vendor   = "133737826969"
	stranger = "999999999999"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

var operators = arn.ARN{Partition: "aws", Service: "sns", Region: "eu-central-1", AccountID: "111122223333", Resource: "operators"}

// minutesAgo is when a recorded state was first seen.
func minutesAgo(minutes int) time.Time { return noon.Add(-time.Duration(minutes) * time.Minute) }

func TestLook(t *testing.T) {
	waitingSince := func(since time.Time) *registry.Token { return &registry.Token{Value: "token", Since: since} }
	for name, row := range map[string]struct {
		found    map[string]string // endpoint → state as AWS answers; of the vendor's account
		owner    string
		recorded map[string]string
		seen     time.Time // when the recorded states were first seen; an hour ago by default
		token    *registry.Token
		mode     string
		want     []string
	}{
		"nothing there, nothing to tell": {},
		"a request is announced and recorded": {
			found: map[string]string{"vpce-1": "pendingAcceptance"},
			want:  []string{"ConnectionPending vpce-1 expected", "tell rdslink: connection requested: orders", "record vpce-1 pendingAcceptance"},
		},
		"a connection in part is announced as one that is there, and told for what it is": {
			found: map[string]string{"vpce-1": "Partial"}, recorded: map[string]string{"vpce-1": connection.Pending},
			want: []string{"ConnectionAvailable vpce-1 expected", "tell rdslink: connected in part: orders", "record vpce-1 partial"},
		},
		"a connection that loses a part is told": {
			found: map[string]string{"vpce-1": "partial"}, recorded: map[string]string{"vpce-1": connection.Available},
			want: []string{"ConnectionAvailable vpce-1 expected", "tell rdslink: connected in part: orders", "record vpce-1 partial"},
		},
		"a connection in part that an execution waits for is announced again, and told once": {
			found: map[string]string{"vpce-1": "partial"}, recorded: map[string]string{"vpce-1": connection.Partial}, token: waitingSince(noon),
			want: []string{"ConnectionAvailable vpce-1 expected repeated"},
		},
		"a state that nobody knows is told": {
			found: map[string]string{"vpce-1": "meditating"}, recorded: map[string]string{"vpce-1": connection.Pending}, token: waitingSince(noon),
			want: []string{"tell rdslink: unknown state: orders", "record vpce-1 meditating"},
		},
		"a state that nobody knows is told once": {
			found: map[string]string{"vpce-1": "meditating"}, recorded: map[string]string{"vpce-1": "meditating"}, token: waitingSince(noon),
		},
		"a stranger's request is announced as one": {
			found: map[string]string{"vpce-1": "pendingAcceptance"}, owner: stranger,
			want: []string{"ConnectionPending vpce-1 stranger", "tell rdslink: connection requested: orders", "record vpce-1 pendingAcceptance"},
		},
		"a second look tells nothing": {
			found: map[string]string{"vpce-1": "pendingAcceptance"}, recorded: map[string]string{"vpce-1": "pendingAcceptance"},
		},
		"the way from accepted to available is recorded and not announced": {
			found: map[string]string{"vpce-1": "pending"}, recorded: map[string]string{"vpce-1": "pendingAcceptance"},
			want: []string{"record vpce-1 pending"},
		},
		"an accepted connection that became available is announced": {
			found: map[string]string{"vpce-1": "available"}, recorded: map[string]string{"vpce-1": "pending"},
			want: []string{"ConnectionAvailable vpce-1 expected", "tell rdslink: connected: orders", "record vpce-1 available"},
		},
		"the SDK's spelling is the same state": {
			found: map[string]string{"vpce-1": "Available"}, recorded: map[string]string{"vpce-1": "available"},
		},
		"a rejection is announced": {
			found: map[string]string{"vpce-1": "rejected"}, recorded: map[string]string{"vpce-1": "pendingAcceptance"},
			want: []string{"ConnectionRejected vpce-1 expected", "tell rdslink: connection rejected: orders", "record vpce-1 rejected"},
		},
		"a deletion is announced once": {
			found: map[string]string{"vpce-1": "deleted"}, recorded: map[string]string{"vpce-1": "deleting"},
			want: []string{"record vpce-1 deleted"},
		},
		"a connection that came and went unseen is no news": {
			found: map[string]string{"vpce-1": "deleted"},
		},
		"a connection that is no longer listed is deleted": {
			recorded: map[string]string{"vpce-1": "available"},
			want:     []string{"ConnectionDeleted vpce-1 expected", "tell rdslink: connection deleted: orders", "record vpce-1 deleted"},
		},
		"a fresh connection may be missed by a describe": {
			recorded: map[string]string{"vpce-1": "pendingAcceptance"}, seen: minutesAgo(1),
		},
		"while an execution waits, available is said again": {
			found: map[string]string{"vpce-1": "available"}, recorded: map[string]string{"vpce-1": "available"}, token: waitingSince(minutesAgo(5)),
			want: []string{"ConnectionAvailable vpce-1 expected repeated"},
		},
		"but not a stranger's": {
			found: map[string]string{"vpce-1": "available"}, owner: stranger, recorded: map[string]string{"vpce-1": "available"}, token: waitingSince(minutesAgo(5)),
			want: []string{"ConnectionAvailable vpce-1 stranger", "tell rdslink: connected, not expected: orders", "record vpce-1 available"},
		},
		"while an execution waits, a rejection of this wait is said again": {
			found: map[string]string{"vpce-1": "rejected"}, recorded: map[string]string{"vpce-1": "rejected"}, token: waitingSince(minutesAgo(90)),
			want: []string{"ConnectionRejected vpce-1 expected repeated"},
		},
		"a rejection older than the wait is not": {
			found: map[string]string{"vpce-1": "rejected"}, recorded: map[string]string{"vpce-1": "rejected"}, token: waitingSince(minutesAgo(5)),
		},
		"a request that a person decides about is said once": {
			found: map[string]string{"vpce-1": "pendingAcceptance"}, recorded: map[string]string{"vpce-1": "pendingAcceptance"},
			token: waitingSince(minutesAgo(5)), mode: "manual",
		},
		"a request that is accepted without a person is said again": {
			found: map[string]string{"vpce-1": "pendingAcceptance"}, recorded: map[string]string{"vpce-1": "pendingAcceptance"},
			token: waitingSince(minutesAgo(5)), mode: connection.ExpectedAccount,
			want: []string{"ConnectionPending vpce-1 expected repeated"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			owner, seen := row.owner, row.seen
			if owner == "" {
				owner = vendor
			}
			if seen.IsZero() {
				seen = minutesAgo(60)
			}
			w.expose("orders", "vpce-svc-1")
			w.exposures[0].Token, w.exposures[0].Acceptance.Mode = row.token, row.mode
			for id, state := range row.recorded {
				w.exposures[0].Connections[id] = registry.Connection{Owner: owner, State: state, Seen: seen}
			}
			for id, state := range row.found {
				w.connect("vpce-svc-1", id, owner, state)
			}

			if err := w.observer().handle(t.Context(), Input{ServiceID: "vpce-svc-1"}); err != nil {
				t.Fatal(err)
			}

			if !slices.Equal(w.mutations, row.want) {
				t.Errorf("did\n%s\nwant\n%s", strings.Join(w.mutations, "\n"), strings.Join(row.want, "\n"))
			}
		})
	}
}

func TestReports(t *testing.T) {
	for state, want := range map[string]string{
		connection.PendingAcceptance:     bus.ConnectionPending,
		connection.Pending:               "",
		connection.Available:             bus.ConnectionAvailable,
		connection.Partial:               bus.ConnectionAvailable,
		connection.Rejected:              bus.ConnectionRejected,
		connection.Failed:                bus.ConnectionRejected,
		connection.Expired:               bus.ConnectionRejected,
		connection.Deleting:              bus.ConnectionDeleted,
		connection.Deleted:               bus.ConnectionDeleted,
		"a state that AWS invents later": "",
	} {
		if got := report(connection.Connection{State: state}); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}

func TestInputs(t *testing.T) {
	announced := func(n int, exposure string) []string {
		return []string{
			fmt.Sprintf("ConnectionPending vpce-%d expected", n), "tell rdslink: connection requested: " + exposure,
			fmt.Sprintf("record vpce-%d pendingAcceptance", n),
		}
	}
	for name, row := range map[string]struct {
		in    string
		none  bool // no exposures
		want  []string
		calls int // of DescribeVpcEndpointConnections
		err   bool
	}{
		"a notification looks at everything in one call": {
			in: `{"Records":[{"Sns":{"Message":"whatever AWS writes"}}]}`, want: slices.Concat(announced(1, "orders"), announced(2, "billing")), calls: 1,
		},
		"a sweep of all does, too": {
			in: `{"sweep":"all"}`, want: slices.Concat(announced(1, "orders"), announced(2, "billing")), calls: 1,
		},
		"a sweep of the awaited looks at those and has them synced": {
			in: `{"sweep":"awaited"}`, want: append(announced(2, "billing"), `invoke ip-sync Event {"exposures":["billing"]}`), calls: 1,
		},
		"a service is looked at alone": {
			in: `{"serviceId":"vpce-svc-1"}`, want: announced(1, "orders"), calls: 1,
		},
		"a service that the index does not show yet is asked for again": {in: `{"serviceId":"vpce-svc-9"}`, err: true},
		"no exposure, no call":                   {in: `{"sweep":"all"}`, none: true},
		"nothing awaited, no call":               {in: `{"sweep":"awaited"}`, none: true},
		"a sweep that nobody knows is an error":  {in: `{"sweep":"some"}`, err: true},
		"an event of something else is an error": {in: `{"detail-type":"Scheduled Event"}`, err: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			if !row.none {
				w.expose("orders", "vpce-svc-1")
				w.expose("billing", "vpce-svc-2")
				w.exposures[1].Token = &registry.Token{Value: "token", Since: noon, Deadline: noon.Add(time.Hour)}
			}
			w.connect("vpce-svc-1", "vpce-1", vendor, "pendingAcceptance")
			w.connect("vpce-svc-2", "vpce-2", vendor, "pendingAcceptance")
			var in Input
			if err := json.Unmarshal([]byte(row.in), &in); err != nil {
				t.Fatal(err)
			}

			err := w.observer().handle(t.Context(), in)

			if (err != nil) != row.err {
				t.Fatalf("error %v", err)
			}
			if !slices.Equal(w.mutations, row.want) {
				t.Errorf("did\n%s\nwant\n%s", strings.Join(w.mutations, "\n"), strings.Join(row.want, "\n"))
			}
			if w.calls != row.calls {
				t.Errorf("%d calls of DescribeVpcEndpointConnections, want %d", w.calls, row.calls)
			}
		})
	}
}

// A notification comes with every request and every decision: if each repeated what all executions wait for, many exposures
// at once would drown in events.
func TestWhatAnExecutionWaitsForIsSaidAgainEveryMinuteAndNotWithEveryNotification(t *testing.T) {
	const repeated = "ConnectionPending vpce-1 expected repeated"
	for in, want := range map[string][]string{
		`{"sweep":"awaited"}`:        {repeated, `invoke ip-sync Event {"exposures":["orders"]}`},
		`{"serviceId":"vpce-svc-1"}`: {repeated},
		`{"sweep":"all"}`:            nil,
		`{"Records":[{"Sns":{}}]}`:   nil,
	} {
		t.Run(in, func(t *testing.T) {
			w := newWorld()
			w.expose("orders", "vpce-svc-1")
			w.exposures[0].Token = &registry.Token{Value: "token", Since: noon, Deadline: noon.Add(time.Hour)}
			w.exposures[0].Acceptance.Mode = connection.ExpectedAccount
			w.exposures[0].Connections["vpce-1"] = registry.Connection{Owner: vendor, State: "pendingAcceptance", Seen: minutesAgo(5)}
			w.connect("vpce-svc-1", "vpce-1", vendor, "pendingAcceptance")
			var input Input
			if err := json.Unmarshal([]byte(in), &input); err != nil {
				t.Fatal(err)
			}
			if err := w.observer().handle(t.Context(), input); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(w.mutations, want) {
				t.Errorf("did %q, want %q", w.mutations, want)
			}
		})
	}
}

// Whoever is taken out of the input is told of, once: who is connected at that time, who comes later, and who was there
// before.
func TestWhoIsConnectedAndNotExpectedIsToldOncePerChange(t *testing.T) {
	const (
		connected = "tell rdslink: connected: orders"
		stranded  = "tell rdslink: connected, not expected: orders"
		requested = "tell rdslink: connection requested: orders"
	)
	w := newWorld()
	w.expose("orders", "vpce-svc-1")
	look := func(want ...string) {
		t.Helper()
		w.mutations = nil
		for range 2 { // the second says nothing new
			if err := w.observer().handle(t.Context(), Input{Sweep: sweepAll}); err != nil {
				t.Fatal(err)
			}
		}
		told := slices.DeleteFunc(w.mutations, func(m string) bool { return !strings.HasPrefix(m, "tell ") })
		if !slices.Equal(told, want) {
			t.Fatalf("told %q, want %q", told, want)
		}
	}
	state := func(i int, state string) { w.connections[i].VpcEndpointState = ec2types.State(state) }
	accounts := func(accounts ...string) { w.exposures[0].Accounts = accounts }

	w.connect("vpce-svc-1", "vpce-1", vendor, "available")
	w.connect("vpce-svc-1", "vpce-2", vendor, "pendingAcceptance")
	look(connected, requested)
	accounts("222222222222")
	look(stranded, requested)
	state(1, "pending") // somebody accepts it in the console all the same
	look()
	state(1, "available")
	look(stranded)
	w.connect("vpce-svc-1", "vpce-3", vendor, "available")
	look(stranded)
	accounts("222222222222", vendor)
	look()
	state(0, "rejected")
	look("tell rdslink: connection rejected: orders")
	accounts("222222222222")
	look(stranded, stranded)
	state(1, "partial")
	look(stranded)
	w.connect("vpce-svc-1", "vpce-4", vendor, "pendingAcceptance")
	look(requested)
	accounts(vendor)
	look(requested)
}

func TestNewsThatSomebodyElseTellsIsLeftToIt(t *testing.T) {
	for name, row := range map[string]struct {
		telling int64
		want    bool
	}{
		"who is about to tell":          {noon.Add(time.Second).UnixMilli(), false},
		"who was about to, and has not": {noon.UnixMilli(), true},
		"who has told":                  {0, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.expose("orders", "vpce-svc-1")
			w.connect("vpce-svc-1", "vpce-1", vendor, "available")
			w.exposures[0].Connections["vpce-1"] = registry.Connection{Owner: vendor, State: "available", Seen: minutesAgo(1), Telling: row.telling}
			if err := w.observer().handle(t.Context(), Input{Sweep: sweepAll}); err != nil {
				t.Fatal(err)
			}
			if told := len(w.told) == 1; told != row.want {
				t.Errorf("did %q", w.mutations)
			}
			if row.want && w.exposures[0].Connections["vpce-1"] != (registry.Connection{Owner: vendor, State: "available", Seen: minutesAgo(1)}) {
				t.Errorf("recorded is %+v", w.exposures[0].Connections["vpce-1"])
			}
		})
	}
}

// Two look at once, and both see that somebody is connected: one of them says so. A third has looked before, and is slow.
func TestConnectedIsSaidOnceByManyObservers(t *testing.T) {
	w := newWorld()
	w.expose("orders", "vpce-svc-1")
	w.exposures[0].Connections["vpce-1"] = registry.Connection{Owner: vendor, State: "pendingAcceptance", Seen: minutesAgo(5)}
	w.connect("vpce-svc-1", "vpce-1", vendor, "available")
	w.beforePublish = func() {
		w.beforePublish = nil
		if err := w.observer().handle(t.Context(), Input{Sweep: sweepAll}); err != nil {
			t.Error(err)
		}
	}
	if err := w.observer().handle(t.Context(), Input{Sweep: sweepAll}); err != nil {
		t.Fatal(err)
	}
	w.connections[0].VpcEndpointState = "pendingAcceptance"
	slow := w.observer()
	slow.now = func() time.Time { return noon.Add(-time.Second) }
	if err := slow.handle(t.Context(), Input{Sweep: sweepAll}); err != nil {
		t.Fatal(err)
	}
	want := []string{"ConnectionAvailable vpce-1 expected", "tell rdslink: connected: orders", "record vpce-1 available"}
	if !slices.Equal(w.mutations, want) {
		t.Errorf("did %q, want %q", w.mutations, want)
	}
}

func TestWhatAnotherObserverHasSaidMeanwhileIsNotSaidAgain(t *testing.T) {
	w := newWorld()
	w.expose("orders", "vpce-svc-1")
	w.connect("vpce-svc-1", "vpce-1", vendor, "pendingAcceptance")
	w.beforeGet = func() {
		w.exposures[0].Connections = map[string]registry.Connection{"vpce-1": {Owner: vendor, State: "pendingAcceptance", Seen: noon}}
	}
	if err := w.observer().handle(t.Context(), Input{Records: json.RawMessage(`[]`)}); err != nil {
		t.Fatal(err)
	}
	if len(w.mutations) > 0 {
		t.Errorf("did %q", w.mutations)
	}
}

func TestAnExposureThatTheIndexStillShowsAsWaitingIsLeftAlone(t *testing.T) {
	w := newWorld()
	w.expose("orders", "vpce-svc-1")
	w.connect("vpce-svc-1", "vpce-1", vendor, "pendingAcceptance")
	w.behind = true
	if err := w.observer().handle(t.Context(), Input{Sweep: "awaited"}); err != nil {
		t.Fatal(err)
	}
	if len(w.mutations) > 0 {
		t.Errorf("did %q", w.mutations)
	}
}

func TestWhatBecomesOfConnectionsWhileAnExposureIsRemovedIsItsRemovalsToSay(t *testing.T) {
	w := newWorld()
	w.expose("orders", "vpce-svc-1")
	w.connect("vpce-svc-1", "vpce-1", vendor, "rejected")
	w.exposures[0].Removing = "removal"
	if err := w.observer().handle(t.Context(), Input{Sweep: sweepAll}); err != nil {
		t.Fatal(err)
	}
	if len(w.mutations) > 0 {
		t.Errorf("did %q", w.mutations)
	}
}

func TestTheTokenOfAWaitThatMustHaveEndedIsForgotten(t *testing.T) {
	w := newWorld()
	w.expose("orders", "vpce-svc-1")
	w.exposures[0].Token = &registry.Token{Value: "token", Since: minutesAgo(60), Deadline: minutesAgo(1)}
	if err := w.observer().handle(t.Context(), Input{Sweep: "awaited"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"clear token of orders"}; !slices.Equal(w.mutations, want) {
		t.Errorf("did %q, want %q", w.mutations, want)
	}
}

func TestWhatCannotBeAnnouncedIsNotRecorded(t *testing.T) {
	for name, fault := range map[string]func(*world){
		"a call that fails":                    func(w *world) { w.putError = errors.New("no bus") },
		"a 200 that says that nothing arrived": func(w *world) { w.refused = aws.String("ThrottlingException") },
		"operators who cannot be told":         func(w *world) { w.publishError = errors.New("no topic") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.expose("orders", "vpce-svc-1")
			w.connect("vpce-svc-1", "vpce-1", vendor, "pendingAcceptance")
			fault(w)
			if err := w.observer().handle(t.Context(), Input{Sweep: "all"}); err == nil {
				t.Error("no error")
			}
			if slices.Contains(w.mutations, "record vpce-1 pendingAcceptance") {
				t.Error("recorded")
			}
		})
	}
}

func TestOneExposureThatCannotBeRecordedDoesNotHideTheOthers(t *testing.T) {
	w := newWorld()
	w.expose("orders", "vpce-svc-1")
	w.expose("billing", "vpce-svc-2")
	w.connect("vpce-svc-1", "vpce-1", vendor, "available")
	w.connect("vpce-svc-2", "vpce-2", vendor, "available")
	w.recordErrors = map[string]error{"orders": errors.New("no table")}
	if err := w.observer().handle(t.Context(), Input{Sweep: "all"}); err == nil {
		t.Error("no error")
	}
	if !slices.Contains(w.mutations, "record vpce-2 available") {
		t.Errorf("did %q", w.mutations)
	}
}

func TestATokenThatCannotBeForgottenHidesNoOtherWait(t *testing.T) {
	w := newWorld()
	for _, id := range []string{"orders", "billing"} {
		w.expose(id, "vpce-svc-"+id)
		w.connect("vpce-svc-"+id, "vpce-"+id, vendor, "pendingAcceptance")
	}
	w.exposures[0].Token = &registry.Token{Value: "old", Since: noon.Add(-time.Hour), Deadline: noon.Add(-time.Minute)}
	w.exposures[1].Token = &registry.Token{Value: "token", Since: noon, Deadline: noon.Add(time.Hour)}
	w.recordErrors = map[string]error{"orders": errors.New("denied")}
	if err := w.observer().handle(t.Context(), Input{Sweep: sweepAwaited}); err == nil {
		t.Error("no error")
	}
	if !slices.Contains(w.mutations, "record vpce-billing pendingAcceptance") {
		t.Errorf("did %q", w.mutations)
	}
}

// Whoever is connected while nothing follows the database is not told of as done.
func TestWhoIsConnectedWhileNobodyFollowsIsToldOfAsSuch(t *testing.T) {
	const words = "Nothing follows its database"
	for name, row := range map[string]struct {
		schedule, claim string
		status          sfntypes.ExecutionStatus
		state           string
		want            bool
	}{
		"an execution works on it":      {claim: "execution", status: sfntypes.ExecutionStatusRunning, state: "available"},
		"a schedule follows it":         {claim: "execution", status: sfntypes.ExecutionStatusSucceeded, schedule: "orders", state: "available"},
		"its execution was stopped":     {claim: "execution", status: sfntypes.ExecutionStatusAborted, state: "available", want: true},
		"the same, connected in part":   {claim: "execution", status: sfntypes.ExecutionStatusAborted, state: "partial", want: true},
		"nobody is connected by asking": {claim: "execution", status: sfntypes.ExecutionStatusAborted, state: "pendingAcceptance"},
		"nobody ever worked on it":      {state: "available", want: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.expose("orders", "vpce-svc-1")
			w.exposures[0].ScheduleName, w.exposures[0].Claim, w.status = row.schedule, row.claim, row.status
			w.connect("vpce-svc-1", "vpce-1", vendor, row.state)
			if err := w.observer().handle(t.Context(), Input{Sweep: sweepAll}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(*w.told[0].Message, words); got != row.want {
				t.Errorf("told is %s", *w.told[0].Message)
			}
		})
	}
}

func TestTheCommandInAMessageDecides(t *testing.T) {
	for owner, decision := range map[string]string{vendor: bus.Accept, stranger: bus.Reject} {
		t.Run(decision, func(t *testing.T) {
			w := newWorld()
			w.expose("orders", "vpce-svc-1")
			w.connect("vpce-svc-1", "vpce-1", owner, "pendingAcceptance")
			if err := w.observer().handle(t.Context(), Input{Sweep: "all"}); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(*w.told[0].Message, "\n")
			i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "aws ") })
			if i < 0 {
				t.Fatalf("no command in\n%s", *w.told[0].Message)
			}
			if got := decisionOf(t, lines[i]); got != (bus.Decision{Exposure: "orders", VPCEndpointID: "vpce-1", Decision: decision}) {
				t.Errorf("%s decides %+v", lines[i], got)
			}
		})
	}
}

// decisionOf is what a shell makes of the command.
func decisionOf(t *testing.T, command string) bus.Decision {
	t.Helper()
	quoted, found := strings.CutPrefix(command, "aws events put-events --region eu-central-1 --entries '")
	if !found {
		t.Fatalf("command %q", command)
	}
	var entries []types.PutEventsRequestEntry
	if err := json.Unmarshal([]byte(strings.TrimSuffix(quoted, "'")), &entries); err != nil {
		t.Fatal(err)
	}
	if *entries[0].DetailType != bus.ConnectionDecision || *entries[0].EventBusName != "rdslink" {
		t.Errorf("entry %s", quoted)
	}
	var decision bus.Decision
	if err := json.Unmarshal([]byte(*entries[0].Detail), &decision); err != nil {
		t.Fatal(err)
	}
	return decision
}

// world is the registry, the connections that AWS knows, and everything that the observer tells others.
type world struct {
	exposures     []registry.Exposure
	connections   []ec2types.VpcEndpointConnection
	calls         int
	told          []*sns.PublishInput
	mutations     []string
	status        sfntypes.ExecutionStatus // of whatever waits
	putError      error
	publishError  error
	refused       *string
	recordErrors  map[string]error
	beforeGet     func() // what another observer does meanwhile
	beforePublish func() // what one does while this one tells
	behind        bool   // the index of who waits
}

func TestTheDatabasesOfALinkAreSyncedWhileItWaits(t *testing.T) {
	w := newWorld()
	w.expose("link", "vpce-svc-1")
	w.exposures[0].Link, w.exposures[0].Token = "link", &registry.Token{Value: "t", Since: noon, Deadline: noon.Add(time.Hour)}
	for _, id := range []string{"orders", "ledger"} {
		w.exposures = append(w.exposures, registry.Exposure{ID: id, Link: "link"})
	}
	if err := w.observer().handle(t.Context(), Input{Sweep: sweepAwaited}); err != nil {
		t.Fatal(err)
	}
	if want := `invoke ip-sync Event {"exposures":["orders","ledger"]}`; !slices.Contains(w.mutations, want) {
		t.Errorf("%q is not among %q", want, w.mutations)
	}
	w.exposures, w.mutations = w.exposures[:1], nil // nothing is on it yet
	if err := w.observer().handle(t.Context(), Input{Sweep: sweepAwaited}); err != nil || len(w.mutations) > 0 {
		t.Errorf("%q, %v", w.mutations, err)
	}
}

func newWorld() *world { return &world{status: sfntypes.ExecutionStatusRunning} }

func (w *world) observer() observer {
	return observer{registry: w, waiting: w, connections: w, events: w, functions: w, executions: w, topic: w, operators: operators, sync: "ip-sync", now: func() time.Time { return noon }}
}

func (w *world) expose(id, serviceID string) {
	w.exposures = append(w.exposures, registry.Exposure{
		ID: id, Made: registry.Made{ServiceID: serviceID}, Accounts: []string{vendor}, Connections: map[string]registry.Connection{},
	})
}

func (w *world) connect(serviceID, id, owner, state string) {
	w.connections = append(w.connections, ec2types.VpcEndpointConnection{
		ServiceId: &serviceID, VpcEndpointId: &id, VpcEndpointOwner: &owner, VpcEndpointState: ec2types.State(state),
	})
}

func (w *world) Get(_ context.Context, id string) (registry.Exposure, error) {
	if w.beforeGet != nil {
		w.beforeGet()
	}
	for _, exposure := range w.exposures {
		if exposure.ID == id {
			return exposure, nil
		}
	}
	return registry.Exposure{}, registry.ErrNotFound
}

func (w *world) All(context.Context) ([]registry.Exposure, error) {
	return slices.Clone(w.exposures), nil
}

func (w *world) On(_ context.Context, link string) ([]registry.Exposure, error) {
	return slices.DeleteFunc(slices.Clone(w.exposures), func(e registry.Exposure) bool { return !e.OnLink() || e.Link != link }), nil
}

func (w *world) Awaiting(context.Context) ([]registry.Exposure, error) {
	waitsForNobody := func(e registry.Exposure) bool { return e.Token == nil && !w.behind }
	return slices.DeleteFunc(slices.Clone(w.exposures), waitsForNobody), nil
}

func (w *world) ClearToken(_ context.Context, id, value string) error {
	if err := w.recordErrors[id]; err != nil {
		return err
	}
	w.mutations = append(w.mutations, "clear "+value+" of "+id)
	return nil
}

func (w *world) RecordReminder(_ context.Context, _, _ string, day int) error {
	w.mutations = append(w.mutations, fmt.Sprintf("reminded of day %d", day))
	return nil
}

// ClaimNews is won as long as nobody has recorded anything else of the endpoint.
func (w *world) ClaimNews(_ context.Context, id, endpoint string, before, after registry.Connection) (bool, error) {
	for i := range w.exposures {
		if w.exposures[i].ID != id || w.exposures[i].Connections[endpoint] != before {
			continue
		}
		connections := maps.Clone(w.exposures[i].Connections)
		connections[endpoint] = after
		w.exposures[i].Connections = connections
		return true, nil
	}
	return false, nil
}

func (w *world) DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	return &sfn.DescribeExecutionOutput{Status: w.status}, nil
}

func (w *world) ByService(_ context.Context, serviceID string) (registry.Exposure, bool, error) {
	for _, exposure := range w.exposures {
		if exposure.ServiceID == serviceID {
			return registry.Exposure{ID: exposure.ID}, true, nil
		}
	}
	return registry.Exposure{}, false, nil
}

func (w *world) RecordConnections(_ context.Context, id string, seen map[string]registry.Connection) error {
	if err := w.recordErrors[id]; err != nil {
		return err
	}
	for _, endpoint := range slices.Sorted(maps.Keys(seen)) {
		w.mutations = append(w.mutations, fmt.Sprintf("record %s %s", endpoint, seen[endpoint].State))
	}
	for i := range w.exposures {
		if w.exposures[i].ID == id {
			connections := maps.Clone(w.exposures[i].Connections)
			maps.Copy(connections, seen)
			w.exposures[i].Connections = connections
		}
	}
	return nil
}

func (w *world) DescribeVpcEndpointConnections(_ context.Context, in *ec2.DescribeVpcEndpointConnectionsInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionsOutput, error) {
	w.calls++
	var out ec2.DescribeVpcEndpointConnectionsOutput
	for _, c := range w.connections {
		if len(in.Filters) == 0 || *c.ServiceId == in.Filters[0].Values[0] {
			out.VpcEndpointConnections = append(out.VpcEndpointConnections, c)
		}
	}
	return &out, nil
}

func (w *world) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	if w.putError != nil {
		return nil, w.putError
	}
	var out eventbridge.PutEventsOutput
	for _, entry := range in.Entries {
		if w.refused != nil {
			out.FailedEntryCount++
			out.Entries = append(out.Entries, types.PutEventsResultEntry{ErrorCode: w.refused})
			continue
		}
		var event bus.Event
		if err := json.Unmarshal([]byte(*entry.Detail), &event); err != nil {
			return nil, err
		}
		w.mutations = append(w.mutations, said(*entry.DetailType, event))
		out.Entries = append(out.Entries, types.PutEventsResultEntry{EventId: aws.String("1")})
	}
	return &out, nil
}

func said(detailType string, event bus.Event) string {
	s := detailType + " " + event.VPCEndpointID + " stranger"
	if event.Expected {
		s = detailType + " " + event.VPCEndpointID + " expected"
	}
	if event.Repeated {
		s += " repeated"
	}
	return s
}

func (w *world) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	if w.publishError != nil {
		return nil, w.publishError
	}
	if w.beforePublish != nil {
		w.beforePublish()
	}
	w.told = append(w.told, in)
	w.mutations = append(w.mutations, "tell "+*in.Subject)
	return &sns.PublishOutput{}, nil
}

func (w *world) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	w.mutations = append(w.mutations, fmt.Sprintf("invoke %s %s %s", *in.FunctionName, in.InvocationType, in.Payload))
	return &lambda.InvokeOutput{}, nil
}
