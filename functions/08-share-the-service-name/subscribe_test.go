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
	"github.com/rdslink/rdslink/internal/steptest"
)

// fakeSubscriptions are those of one topic, listed one a page.
type fakeSubscriptions struct {
	listError error
	list      []subscription
	refuses   map[string]string // address → the code
	mutations []string
}

type subscription struct{ arn, protocol, endpoint, policy string }

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

func (f *fakeSubscriptions) Subscribe(_ context.Context, in *sns.SubscribeInput, _ ...func(*sns.Options)) (*sns.SubscribeOutput, error) {
	if code := f.refuses[strings.ToLower(*in.Endpoint)]; code != "" {
		return nil, &smithy.GenericAPIError{Code: code}
	}
	f.list = append(f.list, subscription{"PendingConfirmation", *in.Protocol, *in.Endpoint, in.Attributes["FilterPolicy"]})
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
		before  []subscription
		want    []string
		unheard string // a part of the reason; it hears without one
	}{
		"a new address is subscribed to what is for it": {
			want: []string{"subscribe email " + address + " " + own}, unheard: "has not confirmed",
		},
		"one that waits on a later page is found": {
			before:  []subscription{{arn: arn, protocol: "email", endpoint: "cto@example.com"}, {arn: "PendingConfirmation", protocol: "email", endpoint: address}},
			unheard: "has not confirmed",
		},
		"one that is spelled differently is the same":          {before: []subscription{{arn, "email", "DBA@example.com", own}}},
		"one that heard of a thousand exposures hears of this": {before: []subscription{{arn, "email", address, own}}},
		"one that hears of everything stays":                   {before: []subscription{{arn, "email", address, ""}}},
		"one with a filter of its own stays":                   {before: []subscription{{arn, "email", address, `{"team":["data"]}`}}},
		"one that unsubscribed is left in peace":               {before: []subscription{{"Deleted", "email", address, own}}, unheard: "has unsubscribed"},
		"another protocol is another subscription": {
			before: []subscription{{arn, "email-json", address, ""}},
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
