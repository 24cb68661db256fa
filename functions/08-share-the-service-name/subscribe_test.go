package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/steptest"
)

// fakeSubscriptions are those of one topic, listed one a page.
type fakeSubscriptions struct {
	listError, unsubscribeError error
	list                        []subscribed
	refuses                     map[string]string // address → the code
	asked                       func(address string)
	mutations                   []string
}

type subscribed struct{ arn, protocol, endpoint, policy string }

func (f *fakeSubscriptions) ListSubscriptionsByTopic(_ context.Context, in *sns.ListSubscriptionsByTopicInput, _ ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error) {
	if f.listError != nil {
		return nil, f.listError
	}
	out := &sns.ListSubscriptionsByTopicOutput{}
	at, _ := strconv.Atoi(aws.ToString(in.NextToken))
	if at < len(f.list) {
		out.Subscriptions = []types.Subscription{{
			SubscriptionArn: &f.list[at].arn, Protocol: &f.list[at].protocol, Endpoint: &f.list[at].endpoint,
		}}
	}
	if at+1 < len(f.list) {
		out.NextToken = aws.String(strconv.Itoa(at + 1))
	}
	return out, nil
}

func (f *fakeSubscriptions) GetSubscriptionAttributes(_ context.Context, in *sns.GetSubscriptionAttributesInput, _ ...func(*sns.Options)) (*sns.GetSubscriptionAttributesOutput, error) {
	i := slices.IndexFunc(f.list, func(s subscribed) bool { return s.arn == *in.SubscriptionArn })
	return &sns.GetSubscriptionAttributesOutput{Attributes: map[string]string{"FilterPolicy": f.list[i].policy}}, nil
}

func (f *fakeSubscriptions) Unsubscribe(_ context.Context, in *sns.UnsubscribeInput, _ ...func(*sns.Options)) (*sns.UnsubscribeOutput, error) {
	if f.unsubscribeError != nil {
		return nil, f.unsubscribeError
	}
	f.mutations = append(f.mutations, "unsubscribe "+*in.SubscriptionArn)
	f.list = slices.DeleteFunc(f.list, func(s subscribed) bool { return s.arn == *in.SubscriptionArn })
	return &sns.UnsubscribeOutput{}, nil
}

func (f *fakeSubscriptions) Subscribe(_ context.Context, in *sns.SubscribeInput, _ ...func(*sns.Options)) (*sns.SubscribeOutput, error) {
	if f.asked != nil {
		f.asked(*in.Endpoint)
	}
	if code := f.refuses[strings.ToLower(*in.Endpoint)]; code != "" {
		return nil, &smithy.GenericAPIError{Code: code}
	}
	f.list = append(f.list, subscribed{"PendingConfirmation", *in.Protocol, *in.Endpoint, in.Attributes["FilterPolicy"]})
	f.mutations = append(f.mutations, fmt.Sprintf("subscribe %s %s %s", *in.Protocol, *in.Endpoint, in.Attributes["FilterPolicy"]))
	return &sns.SubscribeOutput{SubscriptionArn: aws.String("pending confirmation")}, nil
}

// Every row runs the step twice: the second run makes no mutating call, and says the same of who hears nothing.
func TestNotify(t *testing.T) {
	const (
		address = "dba@example.com"
		arn     = "arn:aws:sns:eu-central-1:111122223333:hand-off:1"
		own     = `{"notify":["dba@example.com"]}`
	)
	for name, row := range map[string]struct {
		before  []subscribed
		want    []string
		unheard string // a part of the reason; it hears without one
	}{
		"a new address is subscribed to what is for it": {
			want: []string{"subscribe email " + address + " " + own}, unheard: "has not confirmed",
		},
		"one that waits on a later page is found": {
			before:  []subscribed{{arn: arn, protocol: "email", endpoint: "cto@example.com"}, {arn: "PendingConfirmation", protocol: "email", endpoint: address}},
			unheard: "has not confirmed",
		},
		"one that is spelled differently is the same":          {before: []subscribed{{arn, "email", "DBA@example.com", own}}},
		"one that heard of a thousand exposures hears of this": {before: []subscribed{{arn, "email", address, own}}},
		"one that hears of everything stays":                   {before: []subscribed{{arn, "email", address, ""}}},
		"one with a filter of its own stays":                   {before: []subscribed{{arn, "email", address, `{"team":["data"]}`}}},
		"one that unsubscribed is left in peace":               {before: []subscribed{{"Deleted", "email", address, own}}, unheard: "has unsubscribed"},
		"another protocol is another subscription": {
			before: []subscribed{{arn, "email-json", address, ""}},
			want:   []string{"subscribe email " + address + " " + own}, unheard: "has not confirmed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			fake, topic := &fakeSubscriptions{list: row.before}, &fakeTopic{}
			s := shareTheServiceName{topic: topic, subscriptions: fake, topicARN: "arn:topic", registry: &steptest.Fake{}}
			in := input
			in.Notify = []string{address}
			for range 2 {
				out, err := s.run(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				if row.unheard == "" && len(out.NotNotified) > 0 ||
					row.unheard != "" && (len(out.NotNotified) != 1 || !strings.Contains(out.NotNotified[0], address+": it "+row.unheard)) {
					t.Errorf("not notified: %q", out.NotNotified)
				}
			}
			if !slices.Equal(fake.mutations, row.want) {
				t.Errorf("did %q, want %q", fake.mutations, row.want)
			}
			to := topic.sent[0].MessageAttributes["notify"]
			if aws.ToString(to.DataType) != "String.Array" || aws.ToString(to.StringValue) != `["dba@example.com"]` {
				t.Errorf("sent to %+v", to)
			}
		})
	}
}

// Whoever removes the exposure knows of a subscription by its record alone: a step that is stopped behind one, or meets an
// error, must have left that.
func TestWhomAnExposureTellsIsRecordedBeforeTheyAreSubscribed(t *testing.T) {
	kept := &steptest.Fake{Recorded: registry.Made{Notify: []string{"former@example.com", "DBA@example.com"}}}
	var asked []string
	fake := &fakeSubscriptions{asked: func(address string) {
		if asked = append(asked, address); !slices.Equal(kept.Recorded.Notify, []string{"dba@example.com", "cto@example.com", "former@example.com"}) {
			t.Errorf("%s is subscribed while %q are recorded", address, kept.Recorded.Notify)
		}
	}}
	s := shareTheServiceName{topic: &fakeTopic{}, topicARN: "arn:topic", registry: kept, subscriptions: fake}
	in := input
	in.Notify = []string{"dba@example.com", "cto@example.com"}
	if _, err := s.run(t.Context(), in); err != nil || len(asked) != 2 || len(kept.Recorded.Notify) != 2 {
		t.Errorf("%v, asked %q, kept %q", err, asked, kept.Recorded.Notify)
	}
	kept.Lost, asked = outcome.Conflict("somebody removes it"), nil
	in.Notify = append(in.Notify, "cfo@example.com")
	if _, err := s.run(t.Context(), in); outcome.Name(err) != "Conflict" || len(asked) > 0 {
		t.Errorf("%v, asked %q", err, asked)
	}
}

// Who may not even see the subscriptions publishes all the same, and says who may hear nothing.
func TestAListThatSNSRefusesDoesNotHoldUpTheHandOff(t *testing.T) {
	topic := &fakeTopic{}
	s := shareTheServiceName{topic: topic, topicARN: "arn:topic", registry: &steptest.Fake{},
		subscriptions: &fakeSubscriptions{listError: &smithy.GenericAPIError{Code: "AuthorizationError"}}}
	in := input
	in.Notify = []string{"dba@example.com"}
	out, err := s.run(t.Context(), in)
	if err != nil || len(out.NotNotified) != 1 || !strings.Contains(out.NotNotified[0], "nobody may see") || len(topic.sent) != 1 {
		t.Errorf("%v, %q, sent %d", err, out.NotNotified, len(topic.sent))
	}
}

func TestAnAddressThatSNSRefusesDoesNotHoldUpTheHandOff(t *testing.T) {
	for code, want := range map[string]string{
		"FilterPolicyLimitExceeded": "", "SubscriptionLimitExceeded": "", "InvalidParameter": "", "AuthorizationError": "", "Throttling": "Throttled",
	} {
		t.Run(code, func(t *testing.T) {
			topic := &fakeTopic{}
			s := shareTheServiceName{topic: topic, topicARN: "arn:topic", registry: &steptest.Fake{},
				subscriptions: &fakeSubscriptions{refuses: map[string]string{"dba@example.com": code}}}
			in := input
			in.Notify = []string{"DBA@example.com", "cto@example.com"}
			out, err := s.run(t.Context(), in)
			if outcome.Name(err) != want {
				t.Fatal(err)
			}
			if want != "" {
				return
			}
			if len(out.NotNotified) != 2 || !strings.HasPrefix(out.NotNotified[0], "DBA@example.com: SNS refuses") || !strings.Contains(out.NotNotified[0], code) {
				t.Errorf("not notified: %q", out.NotNotified)
			}
			if len(topic.sent) != 1 {
				t.Errorf("sent %d times", len(topic.sent))
			}
		})
	}
}

// Whom only an earlier input named is unsubscribed, where a set-up made the subscription and nobody else needs it.
func TestWhoLeavesNotifyIsUnsubscribed(t *testing.T) {
	const own = `{"notify":["former@example.com"]}`
	for name, row := range map[string]struct {
		there []subscribed
		other []string // what another exposure has in notify
		error error
		want  []string
		stays string // a part of the reason
	}{
		"one of ours ends":                 {there: []subscribed{{"arn:1", "email", "former@example.com", own}}, want: []string{"unsubscribe arn:1"}},
		"one that is gone already":         {},
		"one that has unsubscribed itself": {there: []subscribed{{"Deleted", "email", "former@example.com", own}}},
		"one that nobody confirmed":        {there: []subscribed{{"PendingConfirmation", "email", "former@example.com", own}}, stays: "nobody has confirmed it"},
		"one without a filter":             {there: []subscribed{{"arn:1", "email", "former@example.com", ""}}, stays: "by hand"},
		"one that another exposure has":    {there: []subscribed{{"arn:1", "email", "former@example.com", own}}, other: []string{"former@EXAMPLE.com"}, stays: "exposure users has it"},
		"one that SNS does not let us end": {there: []subscribed{{"arn:1", "email", "former@example.com", own}},
			error: &smithy.GenericAPIError{Code: "AuthorizationError"}, stays: "the call is not allowed"},
		"another protocol is another's own": {there: []subscribed{{"arn:1", "email-json", "former@example.com", own}}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &fakeSubscriptions{list: row.there, unsubscribeError: row.error}
			kept := &steptest.Fake{Recorded: registry.Made{Notify: []string{"Former@example.com", "DBA@example.com"}},
				Others: []registry.Exposure{{ID: "users", Made: registry.Made{Notify: row.other}}}}
			fake.list = append(fake.list, subscribed{"arn:2", "email", "dba@example.com", `{"notify":["dba@example.com"]}`})
			in := input
			in.Notify = []string{"dba@example.com"}
			out, err := shareTheServiceName{topic: &fakeTopic{}, subscriptions: fake, topicARN: "arn:topic", registry: kept}.run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(fake.mutations, row.want) {
				t.Errorf("did %q, want %q", fake.mutations, row.want)
			}
			known := []string{"dba@example.com"}
			if row.stays != "" {
				known = append(known, "Former@example.com")
			}
			if !slices.Equal(kept.Recorded.Notify, known) {
				t.Errorf("kept as subscribed: %q, want %q", kept.Recorded.Notify, known)
			}
			if row.stays == "" && len(out.StillSubscribed) > 0 || row.stays != "" && (len(out.StillSubscribed) != 1 ||
				!strings.HasPrefix(out.StillSubscribed[0], "Former@example.com: ") || !strings.Contains(out.StillSubscribed[0], row.stays)) {
				t.Errorf("still subscribed: %q, want %q", out.StillSubscribed, row.stays)
			}
		})
	}
}
