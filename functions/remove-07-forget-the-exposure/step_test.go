package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/rdslink/rdslink/internal/belongings"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

// world is the topic's subscriptions with their filters, and the registry.
type world struct {
	filters   map[string]string // by subscription's ARN, topic:address
	exposures []registry.Exposure
	holder    string
	forgotten bool // between two looks
	done      []string
}

func (w *world) ListSubscriptionsByTopic(context.Context, *sns.ListSubscriptionsByTopicInput, ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error) {
	out := &sns.ListSubscriptionsByTopicOutput{}
	for arn := range w.filters {
		_, address, _ := strings.Cut(arn, ":topic:")
		if address == "" {
			arn, address = "PendingConfirmation", arn
		}
		out.Subscriptions = append(out.Subscriptions, types.Subscription{SubscriptionArn: &arn, Endpoint: &address, Protocol: aws.String("email")})
	}
	return out, nil
}

func (w *world) GetSubscriptionAttributes(_ context.Context, in *sns.GetSubscriptionAttributesInput, _ ...func(*sns.Options)) (*sns.GetSubscriptionAttributesOutput, error) {
	return &sns.GetSubscriptionAttributesOutput{Attributes: map[string]string{"FilterPolicy": w.filters[*in.SubscriptionArn]}}, nil
}

func (w *world) Unsubscribe(_ context.Context, in *sns.UnsubscribeInput, _ ...func(*sns.Options)) (*sns.UnsubscribeOutput, error) {
	w.done = append(w.done, "unsubscribe "+*in.SubscriptionArn)
	return &sns.UnsubscribeOutput{}, nil
}

func (w *world) Get(_ context.Context, id string) (registry.Exposure, error) {
	i := slices.IndexFunc(w.exposures, func(e registry.Exposure) bool { return e.ID == id })
	if i < 0 {
		return registry.Exposure{}, registry.ErrNotFound
	}
	return w.exposures[i], nil
}

func (w *world) All(context.Context) ([]registry.Exposure, error) { return w.exposures, nil }

func (w *world) Held(_ context.Context, _, execution string) error {
	if w.forgotten {
		return outcome.Conflict("%w", registry.ErrNotFound)
	}
	if w.holder != execution {
		return outcome.Conflict("held by %s", w.holder)
	}
	return nil
}

func (w *world) Forget(_ context.Context, id, _ string) error {
	w.done = append(w.done, "forget "+id)
	return nil
}

func TestRun(t *testing.T) {
	group := belongings.Thing{Kind: belongings.SecurityGroup, ID: "sg-1"}
	in := Input{Execution: "this", Exposure: "orders", Found: []belongings.Thing{group, {Kind: belongings.Service, ID: "vpce-svc-1"}},
		LeftGroups: []belongings.Left{{Thing: group, Why: "rules of sg-2 name it"}}}
	ours := func(address string) string { return `{"notify":["` + address + `"]}` }
	for name, row := range map[string]struct {
		drift   func(*world)
		want    []string
		removed int
		left    []string // beside the group's, why
		err     string
	}{
		"what was not left was removed": {want: []string{"forget orders"}, removed: 2},
		"a subscription of its own ends": {
			drift: func(w *world) { w.filters = map[string]string{"arn:topic:dba@example.com": ours("dba@example.com")} },
			want:  []string{"unsubscribe arn:topic:dba@example.com", "forget orders"}, removed: 3,
		},
		"one that another exposure has stays": {
			drift: func(w *world) {
				w.filters = map[string]string{"arn:topic:dba@example.com": ours("dba@example.com")}
				w.exposures = append(w.exposures, registry.Exposure{ID: "users", Made: registry.Made{Notify: []string{"dba@example.com"}}})
			}, want: []string{"forget orders"}, removed: 2, left: []string{"exposure users has it, too"},
		},
		"one that somebody made by hand stays": {
			drift: func(w *world) { w.filters = map[string]string{"arn:topic:dba@example.com": ""} },
			want:  []string{"forget orders"}, removed: 2, left: []string{"by hand"},
		},
		"one that nobody confirmed stays": {
			drift: func(w *world) { w.filters = map[string]string{"dba@example.com": ""} },
			want:  []string{"forget orders"}, removed: 2, left: []string{"nobody has confirmed it"},
		},
		"a second time, what the answer was lost of": {drift: func(w *world) { w.exposures = nil }, want: []string{"forget orders"}, removed: 1},
		"what a stopped attempt forgets meanwhile":   {drift: func(w *world) { w.forgotten = true }, removed: 1},
		"who lost the claim forgets nothing":         {drift: func(w *world) { w.holder = "another" }, err: "Conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{holder: "this", exposures: []registry.Exposure{{ID: "orders", Made: registry.Made{Notify: []string{"DBA@example.com"}}}}}
			if row.drift != nil {
				row.drift(w)
			}
			out, err := forgetTheExposure{w, "topic", w}.run(t.Context(), in)
			if outcome.Name(err) != row.err {
				t.Fatal(err)
			}
			if !slices.Equal(w.done, row.want) {
				t.Errorf("done %v, want %v", w.done, row.want)
			}
			if err != nil {
				return
			}
			if len(out.Removed) != row.removed || len(out.Left) != 1+len(row.left) {
				t.Fatalf("output %+v", out)
			}
			for i, why := range row.left {
				if !strings.Contains(out.Left[1+i].Why, why) {
					t.Errorf("left is %+v, want %s", out.Left[1+i], why)
				}
			}
		})
	}
}

// Of all that was found it is said once what has become of it, whichever step left it.
func TestWhateverStepLeavesSomethingItIsNotSaidToBeRemoved(t *testing.T) {
	thing := func(kind, id string) belongings.Thing { return belongings.Thing{Kind: kind, ID: id} }
	record, balancer := thing(belongings.TXTRecord, "_abc.example.com"), thing(belongings.LoadBalancer, "balancer-1")
	group, service := thing(belongings.SecurityGroup, "sg-1"), thing(belongings.Service, "vpce-svc-1")
	left := func(t belongings.Thing) []belongings.Left { return []belongings.Left{{Thing: t, Why: "of " + t.ID}} }
	resolver := thing(belongings.Resolver, "rdslink-resolver-vpc-1") // which was not found as the exposure's own
	in := Input{Execution: "this", Exposure: "orders", Found: []belongings.Thing{service, record, balancer, group},
		LeftRecords: left(record), LeftBalancers: left(balancer), LeftGroups: left(group), LeftWithResolver: left(resolver)}
	w := &world{holder: "this", exposures: []registry.Exposure{{ID: "orders"}}}
	out, err := forgetTheExposure{w, "topic", w}.run(t.Context(), in)
	if err != nil || !slices.Equal(out.Removed, []belongings.Thing{service, thing(belongings.Item, "orders")}) {
		t.Errorf("%v, removed %v", err, out.Removed)
	}
	if want := slices.Concat(left(record), left(balancer), left(group), left(resolver)); !slices.Equal(out.Left, want) {
		t.Errorf("left %v, want %v", out.Left, want)
	}
	in.LeftRecords = nil
	if out, err := (forgetTheExposure{w, "topic", w}).run(t.Context(), in); err != nil || !slices.Equal(out.Removed[:2], []belongings.Thing{service, record}) {
		t.Errorf("%v, removed %v", err, out.Removed)
	}
}
