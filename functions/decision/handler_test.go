package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/connection"
	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/registry"
)

const (
	vendor   = "133737826969"
	stranger = "999999999999"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestDecisions(t *testing.T) {
	const (
		accepted = "record accept vpce-1 by alice: it is theirs"
		rejected = "record reject vpce-1 by alice: it is theirs"
	)
	for name, row := range map[string]struct {
		asked    string
		states   []string // of vpce-1, vpce-2, …, the oldest first
		owner    string   // of all of them; the vendor's account by default
		accounts []string // expected ones; the vendor's by default
		past     []registry.Decision
		fault    func(*world)
		want     []string
		refusal  string
		err      bool
	}{
		"accept": {
			asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"accept"}`, states: []string{"pendingAcceptance"},
			want: []string{accepted, "accept vpce-1", "success vpce-1"},
		},
		"accept by the service": {
			asked: `{"serviceId":"vpce-svc-1","vpcEndpointId":"vpce-1","decision":"accept"}`, states: []string{"pendingAcceptance"},
			want: []string{accepted, "accept vpce-1", "success vpce-1"},
		},
		"accept the only request": {
			asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance", "rejected"},
			want: []string{accepted, "accept vpce-1", "success vpce-1"},
		},
		"the wait goes on until the connection is available": {
			asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance"}, fault: func(w *world) { w.afterAccept = "pending" },
			want: []string{accepted, "accept vpce-1"},
		},
		"a connection in part ends the wait": {
			asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance"}, fault: func(w *world) { w.afterAccept = "Partial" },
			want: []string{accepted, "accept vpce-1", "success vpce-1"},
		},
		"a state that nobody knows does not": {
			asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance"}, fault: func(w *world) { w.afterAccept = "meditating" },
			want: []string{accepted, "accept vpce-1"},
		},
		"a describe that does not show the acceptance yet": {
			asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance"}, fault: func(w *world) { w.afterAccept = "pendingAcceptance" },
			want: []string{accepted, "accept vpce-1"},
		},
		"an accept that was done already ends the wait": {
			asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"accept"}`, states: []string{"available"},
			want: []string{"success vpce-1"},
		},
		"reject": {
			asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"reject"}`, states: []string{"pendingAcceptance"},
			want: []string{rejected, "reject vpce-1", "failure ConnectionRejected"},
		},
		"reject a stranger, and the wait goes on": {
			asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"reject"}`, states: []string{"pendingAcceptance"}, owner: stranger,
			want: []string{rejected, "reject vpce-1"},
		},
		"reject one of two, and the wait goes on": {
			asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"reject"}`, states: []string{"pendingAcceptance", "pendingAcceptance"},
			want: []string{rejected, "reject vpce-1"},
		},
		"an event that is delivered twice keeps to the endpoint that it chose": {
			asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pending", "pendingAcceptance"},
			past: []registry.Decision{{EventID: "event", EndpointID: "vpce-1"}},
		},
		"an AWS service's request is a person's to accept": {
			asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance"}, owner: stranger, accounts: []string{},
			want: []string{accepted, "accept vpce-1", "success vpce-1"},
		},
		"a 200 is not success": {
			asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance"}, fault: func(w *world) { w.unsuccessful, w.afterAccept = true, "pendingAcceptance" },
			want: []string{accepted, "accept vpce-1", "fail accept vpce-1"}, err: true,
		},
		"a decision that EC2 denies stands in nobody's way": {
			asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance"}, fault: func(w *world) { w.denied = true },
			want: []string{accepted, "accept vpce-1", "fail accept vpce-1"}, err: true,
		},
		"a decision that cannot be written is not carried out, and not lost: Lambda asks again": {
			asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance"},
			fault: func(w *world) { w.unwritable = errors.New("the registry is throttled") }, err: true,
		},
		"a rejection ends what is connected": {
			asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"reject"}`, states: []string{"available"}, fault: noToken,
			want: []string{rejected, "reject vpce-1"},
		},
		"a rejection ends what is on its way": {
			asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"reject"}`, states: []string{"pending"}, fault: noToken,
			want: []string{rejected, "reject vpce-1"},
		},
		"a rejection ends a stranger's connection": {
			asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"reject"}`, states: []string{"available"}, owner: stranger, fault: noToken,
			want: []string{rejected, "reject vpce-1"},
		},
		"a rejection that names none ends nothing that is connected": {
			asked: `{"exposure":"orders","decision":"reject"}`, states: []string{"available"},
			refusal: "name it as vpcEndpointId: vpce-1 of account " + vendor + " is available",
		},
		"a request that someone else accepted in between is accepted": {
			asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance"}, fault: func(w *world) { w.unsuccessful = true },
			want: []string{accepted, "accept vpce-1", "success vpce-1"},
		},

		"a contrary decision was made just before": {
			asked: `{"exposure":"orders","decision":"reject"}`, states: []string{"pendingAcceptance"},
			fault:   func(w *world) { w.contrary = &registry.Decision{By: "bob", Action: "accept", Time: noon} },
			refusal: `"bob" has decided "accept" at 12:00:00 UTC; if it is still meant, say it again after a minute`,
		},
		"an exposure without a service yet": {
			asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance"}, fault: func(w *world) { w.exposure.ServiceID = "" },
			refusal: "exposure orders has no endpoint service yet",
		},
		"an endpoint that went away after it was accepted": {
			asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"accept"}`, states: []string{"deleting"},
			refusal: "endpoint vpce-1 is deleting and not pendingAcceptance",
		},
		"more than anybody has to say": {
			asked: `{"exposure":"` + strings.Repeat("orders", 100000) + `","decision":"accept"}`, refusal: `orde...", service ""`,
		},

		"an unknown exposure":            {asked: `{"exposure":"billing","decision":"accept"}`, refusal: "there is no such exposure"},
		"an unknown service":             {asked: `{"serviceId":"vpce-svc-9","decision":"accept"}`, refusal: "there is no such exposure"},
		"neither exposure nor service":   {asked: `{"decision":"accept"}`, refusal: "there is no such exposure"},
		"another exposure's service":     {asked: `{"exposure":"orders","serviceId":"vpce-svc-9","decision":"accept"}`, refusal: "the service of exposure orders is vpce-svc-1"},
		"an endpoint of another service": {asked: `{"exposure":"orders","vpcEndpointId":"vpce-9","decision":"accept"}`, refusal: "endpoint vpce-9 is not connected to vpce-svc-1"},
		"a request that is over": {asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"accept"}`, states: []string{"rejected"},
			refusal: "endpoint vpce-1 is rejected and not pendingAcceptance"},
		"a rejection of what is over": {asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"reject"}`, states: []string{"deleted"},
			refusal: "endpoint vpce-1 is deleted and not pendingAcceptance"},
		"a stranger": {asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"accept"}`, states: []string{"pendingAcceptance"}, owner: stranger,
			refusal: "endpoint vpce-1 belongs to account " + stranger + ", which exposure orders was not made for"},
		"a stranger is not the only request": {asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance"}, owner: stranger,
			refusal: "no request is pending. acme (account " + vendor + ") has to ask first"},
		"before anybody has asked": {asked: `{"exposure":"orders","decision":"accept"}`,
			refusal: "no request is pending. acme (account " + vendor + ") has to ask first, by making a VPC endpoint for the service " +
				"com.amazonaws.vpce.vpce-svc-1; this topic tells when it has, and how to decide."},
		"before anybody may ask": {asked: `{"exposure":"orders","decision":"accept"}`, fault: func(w *world) {
			w.exposure.Vendor, w.exposure.Accounts, w.exposure.Principals = "materialize", nil, nil
		}, refusal: "nobody may ask yet: acme tells whom to allow once it has the service name com.amazonaws.vpce.vpce-svc-1; start again with the same input"},
		"somebody who may not ask": {asked: `{"exposure":"orders","vpcEndpointId":"vpce-1","decision":"accept"}`, states: []string{"pendingAcceptance"}, fault: func(w *world) {
			w.exposure.Vendor, w.exposure.Accounts, w.exposure.Principals = "materialize", nil, nil
		}, refusal: "endpoint vpce-1 belongs to account " + vendor + ", which exposure orders was not made for"},
		"several requests": {asked: `{"exposure":"orders","decision":"accept"}`, states: []string{"pendingAcceptance", "pendingAcceptance"},
			refusal: "2 requests are pending: name one as vpcEndpointId (vpce-1 of account " + vendor + " is pendingAcceptance, vpce-2 of"},
		"a decision that is none":     {asked: `{"exposure":"orders","decision":"maybe"}`, refusal: `it is neither "accept" nor "reject"`},
		"a detail that does not read": {asked: `["accept"]`, refusal: "its detail does not read"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.exposure.Decisions = row.past
			if row.accounts != nil {
				w.exposure.Accounts = row.accounts
			}
			for _, state := range row.states {
				w.connect(row.owner, state)
			}
			if row.fault != nil {
				row.fault(w)
			}
			if row.refusal != "" {
				row.want = []string{"refuse"}
			}
			asked := strings.Replace(row.asked, "}", `,"by":"alice","reason":"it is theirs"}`, 1)

			err := w.decision().handle(t.Context(), event(bus.ConnectionDecision, asked))

			if (err != nil) != row.err {
				t.Fatalf("error %v", err)
			}
			if !slices.Equal(w.mutations, row.want) {
				t.Errorf("did\n%s\nwant\n%s", strings.Join(w.mutations, "\n"), strings.Join(row.want, "\n"))
			}
			if !strings.Contains(w.refusal, row.refusal) {
				t.Errorf("refusal %q, want %q", w.refusal, row.refusal)
			}
		})
	}
}

func TestARefusalReadsAsAWhole(t *testing.T) {
	w := newWorld()
	asked := `{"exposure":"orders-prod-acme-0a1b2c3d","vpcEndpointId":"vpce-0123456789abcdef0","decision":"accept","by":"ann \"the\" boss"}`
	if err := w.decision().handle(t.Context(), event(bus.ConnectionDecision, asked)); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "refusal.txt", w.subject+"\n\n"+w.refusal+"\n")
}

func TestEventsOfTheObserver(t *testing.T) {
	const success = "success vpce-1"
	for name, row := range map[string]struct {
		detailType string
		states     []string // of vpce-1, about which the event is, vpce-2, …
		owner      string
		recorded   registry.Connection // of vpce-1
		mode       string
		limit      int
		noToken    bool
		fault      func(*world)
		want       []string
		stuck      bool
		err        bool
	}{
		"available ends the wait": {detailType: "ConnectionAvailable", states: []string{"available"}, want: []string{success}},
		"nobody waits":            {detailType: "ConnectionAvailable", states: []string{"available"}, noToken: true},
		"an event that is late":   {detailType: "ConnectionAvailable", states: []string{"deleted"}},
		"a stranger's does not":   {detailType: "ConnectionAvailable", states: []string{"available"}, owner: stranger},
		"another one that is available does": {
			detailType: "ConnectionAvailable", states: []string{"deleted", "available"}, want: []string{"success vpce-2"},
		},
		"a rejection ends the wait": {
			detailType: "ConnectionRejected", states: []string{"rejected"}, want: []string{"failure ConnectionRejected"},
		},
		"an expired request does, too": {
			detailType: "ConnectionRejected", states: []string{"expired"}, want: []string{"failure ConnectionRejected"},
		},
		"a rejection while another is pending does not": {
			detailType: "ConnectionRejected", states: []string{"rejected", "pendingAcceptance"},
		},
		"a rejection while another is available ends it well": {
			detailType: "ConnectionRejected", states: []string{"rejected", "available"}, want: []string{"success vpce-2"},
		},
		"a stranger's rejection does not": {detailType: "ConnectionRejected", states: []string{"rejected"}, owner: stranger},
		"a rejection from before the wait does not": {
			detailType: "ConnectionRejected", states: []string{"rejected"},
			recorded: registry.Connection{State: "rejected", Seen: noon.Add(-2 * time.Hour)},
		},
		"a rejection that was recorded during the wait does": {
			detailType: "ConnectionRejected", states: []string{"rejected"},
			recorded: registry.Connection{State: "rejected", Seen: noon.Add(-time.Minute)},
			want:     []string{"failure ConnectionRejected"},
		},

		"a token that was completed before is forgotten": {
			detailType: "ConnectionAvailable", states: []string{"available"}, fault: func(w *world) { w.closed = true },
			want: []string{success, "clear"},
		},
		"an execution that waits for a token nobody has is stuck": {
			detailType: "ConnectionAvailable", states: []string{"available"},
			fault: func(w *world) { w.closed, w.last = true, waitingFor("invoke.waitForTaskToken") },
			want:  []string{success}, stuck: true,
		},
		"an execution that went on to the next function is not": {
			detailType: "ConnectionAvailable", states: []string{"available"},
			fault: func(w *world) { w.closed, w.last = true, waitingFor("invoke") },
			want:  []string{success, "clear"},
		},
		"a newer token is left for the next look": {
			detailType: "ConnectionAvailable", states: []string{"available"},
			fault: func(w *world) { w.closed, w.newer = true, &registry.Token{Value: "newer"} },
			want:  []string{success},
		},
		"a failure that was told before is forgotten": {
			detailType: "ConnectionRejected", states: []string{"rejected"}, fault: func(w *world) { w.closed = true },
			want: []string{"failure ConnectionRejected", "clear"},
		},

		"a request waits for a person": {detailType: "ConnectionPending", states: []string{"pendingAcceptance"}, mode: "manual", limit: 1},
		"a request of the expected account is accepted": {
			detailType: "ConnectionPending", states: []string{"pendingAcceptance"}, mode: connection.ExpectedAccount, limit: 1,
			want: []string{"record accept vpce-1 by rdslink: acceptance is expected-account", "accept vpce-1", success},
		},
		"a request of a stranger is not": {
			detailType: "ConnectionPending", states: []string{"pendingAcceptance"}, owner: stranger, mode: connection.ExpectedAccount, limit: 1,
		},
		"a request of an AWS service is not": {
			detailType: "ConnectionPending", states: []string{"pendingAcceptance"}, mode: connection.ExpectedAccount, limit: 1,
			fault: func(w *world) { w.exposure.Accounts = nil },
		},
		"a request that a person rejects at the same time is left alone": {
			detailType: "ConnectionPending", states: []string{"pendingAcceptance"}, mode: connection.ExpectedAccount, limit: 1,
			fault: func(w *world) { w.contrary = &registry.Decision{By: "alice", Action: "reject"} },
		},
		"a connection that went away before it was available": {detailType: "ConnectionAvailable", states: []string{"deleting"}},
		"an event about an exposure without a service": {
			detailType: "ConnectionAvailable", states: []string{"available"}, fault: func(w *world) { w.exposure.ServiceID = "" },
		},
		"a request that was accepted meanwhile is left alone": {
			detailType: "ConnectionPending", states: []string{"pending"}, mode: connection.ExpectedAccount, limit: 1,
		},
		"a request beyond the limit is left to a person": {
			detailType: "ConnectionPending", states: []string{"pendingAcceptance", "available"}, mode: connection.ExpectedAccount, limit: 1,
		},
		"a request within a higher limit is accepted": {
			detailType: "ConnectionPending", states: []string{"pendingAcceptance", "pending"}, mode: connection.ExpectedAccount, limit: 2,
			want: []string{"record accept vpce-1 by rdslink: acceptance is expected-account", "accept vpce-1", success},
		},
		"an exposure that is gone": {detailType: "ConnectionAvailable", fault: func(w *world) { w.exposure.ID = "another" }},
		"an event of someone else": {detailType: "SomethingElse", err: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.exposure.Acceptance = registry.Acceptance{Mode: row.mode, MaxConnections: row.limit}
			w.exposure.Connections["vpce-1"] = row.recorded
			if row.noToken {
				w.exposure.Token = nil
			}
			for _, state := range row.states {
				w.connect(row.owner, state)
			}
			if row.fault != nil {
				row.fault(w)
			}
			log := captured(t)

			err := w.decision().handle(t.Context(), event(row.detailType, `{"exposure":"orders","vpcEndpointId":"vpce-1"}`))

			if (err != nil) != row.err {
				t.Fatalf("error %v", err)
			}
			if !slices.Equal(w.mutations, row.want) {
				t.Errorf("did\n%s\nwant\n%s", strings.Join(w.mutations, "\n"), strings.Join(row.want, "\n"))
			}
			if stuck := strings.Contains(log.String(), `"Metrics":[{"Name":"Stuck","Unit":"Count"}]`); stuck != row.stuck {
				t.Errorf("stuck %t; log %s", stuck, log)
			}
			if strings.Contains(log.String(), "secret") {
				t.Errorf("the token is in the log: %s", log)
			}
		})
	}
}

func TestAFullHouseLeavesTheYoungestRequestOut(t *testing.T) {
	w := newWorld()
	w.exposure.Acceptance = registry.Acceptance{Mode: connection.ExpectedAccount, MaxConnections: 1}
	w.connect(vendor, "pendingAcceptance")
	w.connect(vendor, "pendingAcceptance")
	if err := w.decision().handle(t.Context(), event(bus.ConnectionPending, `{"exposure":"orders","vpcEndpointId":"vpce-2"}`)); err != nil {
		t.Fatal(err)
	}
	if len(w.mutations) > 0 {
		t.Errorf("did %q", w.mutations)
	}
}

func TestTheCauseSaysWhoAndWhatToDo(t *testing.T) {
	w := newWorld()
	w.connect(vendor, "pendingAcceptance")
	asked := `{"exposure":"orders","decision":"reject","by":"alice","reason":"it is theirs"}`
	if err := w.decision().handle(t.Context(), event(bus.ConnectionDecision, asked)); err != nil {
		t.Fatal(err)
	}
	want := "the connection of account 133737826969 (vpce-1) is rejected by alice: it is theirs, and no other connection of that account is pending; " +
		"have the consumer delete that endpoint and make a new one, then redrive this execution or start one with the same input"
	if w.cause != want {
		t.Errorf("cause\n%s\nwant\n%s", w.cause, want)
	}
}

func event(detailType, detail string) events.EventBridgeEvent {
	return events.EventBridgeEvent{ID: "event", Source: bus.Source, DetailType: detailType, Detail: json.RawMessage(detail)}
}

func captured(t *testing.T) *bytes.Buffer {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &log
}

func waitingFor(resource string) *sfntypes.HistoryEvent {
	return &sfntypes.HistoryEvent{TaskSubmittedEventDetails: &sfntypes.TaskSubmittedEventDetails{Resource: &resource}}
}

// world is one exposure that an execution waits for, its connections, and Step Functions. A token that was used is closed.
type world struct {
	exposure     registry.Exposure
	connections  []ec2types.VpcEndpointConnection
	afterAccept  string
	unsuccessful bool
	denied       bool
	unwritable   error // of the registry
	closed       bool
	last         *sfntypes.HistoryEvent
	contrary     *registry.Decision // made by somebody else at the same time
	newer        *registry.Token    // stored while the older one is being sent
	subject      string             // of the refusal
	refusal      string
	cause        string
	mutations    []string
}

func newWorld() *world {
	return &world{
		exposure: registry.Exposure{
			ID: "orders", Consumer: "acme", Accounts: []string{vendor}, Connections: map[string]registry.Connection{},
			Made:  registry.Made{ServiceID: "vpce-svc-1", ServiceName: "com.amazonaws.vpce.vpce-svc-1"},
			Token: &registry.Token{Value: "secret", Execution: "execution", Since: noon.Add(-time.Hour)},
		},
		afterAccept: "available",
	}
}

func noToken(w *world) { w.exposure.Token = nil }

// Who decides about one of a link's exposures decides about the link's connection.
func TestADecisionAboutAnExposureOnALinkIsTheLinks(t *testing.T) {
	w := newWorld()
	w.exposure.Link = w.exposure.ID
	w.connect("", "pendingAcceptance")
	detail := `{"exposure": "on-link", "vpcEndpointId": "vpce-1", "decision": "accept", "by": "olga"}`
	if err := w.decision().handle(t.Context(), events.EventBridgeEvent{ID: "e-1", DetailType: bus.ConnectionDecision, Detail: []byte(detail)}); err != nil {
		t.Fatal(err)
	}
	if w.refusal != "" || len(w.exposure.Decisions) == 0 && len(w.mutations) == 0 || w.exposure.Token != nil {
		t.Errorf("refused with %q, changes %q, %+v", w.refusal, w.mutations, w.exposure)
	}
}

func (w *world) decision() decision {
	return decision{registry: w, connections: w, tasks: w, topic: w, operators: "operators", now: func() time.Time { return noon }}
}

func (w *world) record(format string, args ...any) {
	w.mutations = append(w.mutations, fmt.Sprintf(format, args...))
}

// connect adds vpce-1, then vpce-2, each younger than the one before.
func (w *world) connect(owner, state string) {
	if owner == "" {
		owner = vendor
	}
	n := len(w.connections) + 1
	w.connections = append(w.connections, ec2types.VpcEndpointConnection{
		ServiceId: aws.String("vpce-svc-1"), VpcEndpointId: aws.String(fmt.Sprintf("vpce-%d", n)), VpcEndpointOwner: &owner,
		VpcEndpointState: ec2types.State(state), CreationTimestamp: aws.Time(noon.Add(time.Duration(n) * time.Second)),
	})
}

func (w *world) Get(_ context.Context, id string) (registry.Exposure, error) {
	if id != w.exposure.ID {
		return registry.Exposure{}, registry.ErrNotFound
	}
	return w.exposure, nil
}

// ByLink knows an exposure on the link that the world's exposure then is.
func (w *world) ByLink(ctx context.Context, id string) (registry.Exposure, error) {
	if w.exposure.IsLink() && id == "on-link" {
		return registry.Exposure{ID: id, Link: w.exposure.ID}.By(w.exposure, nil), nil
	}
	return w.Get(ctx, id)
}

func (w *world) ByService(_ context.Context, serviceID string) (registry.Exposure, bool, error) {
	return w.exposure, serviceID == w.exposure.ServiceID, nil
}

func (w *world) AddDecision(_ context.Context, _ string, d registry.Decision, _ time.Time) (*registry.Decision, error) {
	if w.unwritable != nil {
		return nil, w.unwritable
	}
	if w.contrary != nil {
		return w.contrary, nil
	}
	w.record("record %s %s by %s: %s", d.Action, d.EndpointID, d.By, d.Reason)
	w.exposure.Decisions = append(w.exposure.Decisions, d)
	return nil, nil
}

func (w *world) FailDecision(_ context.Context, _ string, d registry.Decision) error {
	w.record("fail %s %s", d.Action, d.EndpointID)
	return nil
}

func (w *world) ClearToken(context.Context, string, string) error {
	if w.closed {
		w.record("clear")
	}
	w.exposure.Token = nil
	return nil
}

func (w *world) ClearRemoval(context.Context, string, string) error {
	w.record("clear removal")
	w.exposure.Removal = nil
	return nil
}

func (w *world) DescribeVpcEndpointConnections(_ context.Context, in *ec2.DescribeVpcEndpointConnectionsInput, _ ...func(*ec2.Options)) (*ec2.DescribeVpcEndpointConnectionsOutput, error) {
	if service := in.Filters[0].Values[0]; service == "" {
		return nil, errors.New("a filter without a value")
	}
	return &ec2.DescribeVpcEndpointConnectionsOutput{VpcEndpointConnections: w.connections}, nil
}

func (w *world) AcceptVpcEndpointConnections(_ context.Context, in *ec2.AcceptVpcEndpointConnectionsInput, _ ...func(*ec2.Options)) (*ec2.AcceptVpcEndpointConnectionsOutput, error) {
	w.record("accept %s", in.VpcEndpointIds[0])
	if w.denied {
		return nil, errors.New("not authorized to perform: ec2:AcceptVpcEndpointConnections")
	}
	return &ec2.AcceptVpcEndpointConnectionsOutput{Unsuccessful: w.answer(in.VpcEndpointIds[0], w.afterAccept)}, nil
}

func (w *world) RejectVpcEndpointConnections(_ context.Context, in *ec2.RejectVpcEndpointConnectionsInput, _ ...func(*ec2.Options)) (*ec2.RejectVpcEndpointConnectionsOutput, error) {
	w.record("reject %s", in.VpcEndpointIds[0])
	return &ec2.RejectVpcEndpointConnectionsOutput{Unsuccessful: w.answer(in.VpcEndpointIds[0], "rejected")}, nil
}

func (w *world) answer(endpoint, state string) []ec2types.UnsuccessfulItem {
	for i := range w.connections {
		if *w.connections[i].VpcEndpointId == endpoint {
			w.connections[i].VpcEndpointState = ec2types.State(state)
		}
	}
	if !w.unsuccessful {
		return nil
	}
	return []ec2types.UnsuccessfulItem{{ResourceId: &endpoint, Error: &ec2types.UnsuccessfulItemError{Code: aws.String("InvalidState"), Message: aws.String("no")}}}
}

func (w *world) SendTaskSuccess(_ context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	var out result
	if err := json.Unmarshal([]byte(*in.Output), &out); err != nil {
		return nil, err
	}
	w.record("success %s", out.VPCEndpointID)
	return &sfn.SendTaskSuccessOutput{}, w.close()
}

func (w *world) SendTaskFailure(_ context.Context, in *sfn.SendTaskFailureInput, _ ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error) {
	w.record("failure %s", *in.Error)
	w.cause = *in.Cause
	return &sfn.SendTaskFailureOutput{}, w.close()
}

func (w *world) close() error {
	if w.newer != nil {
		w.exposure.Token = w.newer
	}
	if w.closed {
		return &sfntypes.TaskTimedOut{}
	}
	return nil
}

func (w *world) GetExecutionHistory(_ context.Context, in *sfn.GetExecutionHistoryInput, _ ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput, error) {
	if w.last == nil {
		return &sfn.GetExecutionHistoryOutput{Events: []sfntypes.HistoryEvent{{Type: sfntypes.HistoryEventTypeExecutionSucceeded}}}, nil
	}
	return &sfn.GetExecutionHistoryOutput{Events: []sfntypes.HistoryEvent{*w.last}}, nil
}

func (w *world) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	w.record("refuse")
	w.subject, w.refusal = *in.Subject, *in.Message
	return &sns.PublishOutput{}, nil
}

func TestNoPasswordIsKeptOfWhatPeopleSay(t *testing.T) {
	const pasted = "postgres://me:canary@orders/db"
	said := brief(bus.Decision{By: "password=canary", Reason: strings.Repeat("x", 250) + " " + pasted, Exposure: "orders", Decision: bus.Accept})
	if kept := fmt.Sprintf("%+v", said); strings.Contains(kept, "canary") || said.Exposure != "orders" || said.Decision != bus.Accept {
		t.Errorf("kept is %s", kept)
	}
}
