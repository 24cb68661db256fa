package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/rdslink/rdslink/internal/steptest"
)

// fakeSubscriptions are those of one topic, listed one a page.
type fakeSubscriptions struct {
	list      []subscription
	mutations []string
}

type subscription struct{ arn, protocol, endpoint, policy string }

func (f *fakeSubscriptions) ListSubscriptionsByTopic(_ context.Context, in *sns.ListSubscriptionsByTopicInput, _ ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error) {
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
	f.list = append(f.list, subscription{"PendingConfirmation", *in.Protocol, *in.Endpoint, in.Attributes["FilterPolicy"]})
	f.mutations = append(f.mutations, fmt.Sprintf("subscribe %s %s %s", *in.Protocol, *in.Endpoint, in.Attributes["FilterPolicy"]))
	return &sns.SubscribeOutput{SubscriptionArn: aws.String("pending confirmation")}, nil
}

func (f *fakeSubscriptions) find(arn string) *subscription {
	return &f.list[slices.IndexFunc(f.list, func(s subscription) bool { return s.arn == arn })]
}

func (f *fakeSubscriptions) GetSubscriptionAttributes(_ context.Context, in *sns.GetSubscriptionAttributesInput, _ ...func(*sns.Options)) (*sns.GetSubscriptionAttributesOutput, error) {
	attributes := map[string]string{"Protocol": "email"}
	if policy := f.find(*in.SubscriptionArn).policy; policy != "" {
		attributes["FilterPolicy"] = policy
	}
	return &sns.GetSubscriptionAttributesOutput{Attributes: attributes}, nil
}

func (f *fakeSubscriptions) SetSubscriptionAttributes(_ context.Context, in *sns.SetSubscriptionAttributesInput, _ ...func(*sns.Options)) (*sns.SetSubscriptionAttributesOutput, error) {
	f.find(*in.SubscriptionArn).policy = *in.AttributeValue
	f.mutations = append(f.mutations, fmt.Sprintf("set %s %s %s", *in.SubscriptionArn, *in.AttributeName, *in.AttributeValue))
	return &sns.SetSubscriptionAttributesOutput{}, nil
}

// Every row runs the step twice: the second run makes no mutating call.
func TestNotify(t *testing.T) {
	const (
		address = "dba@example.com"
		arn     = "arn:aws:sns:eu-central-1:111122223333:hand-off:1"
		this    = `{"exposure":["orders-prod-pushmetrics-0a1b2c3d"]}`
		others  = `{"exposure":["billing"]}`
		both    = `{"exposure":["billing","orders-prod-pushmetrics-0a1b2c3d"]}`
	)
	for name, row := range map[string]struct {
		before []subscription
		want   []string
	}{
		"a new address is subscribed to this exposure only": {
			want: []string{"subscribe email " + address + " " + this},
		},
		"one that waits on a later page is found": {
			before: []subscription{{arn: arn, protocol: "email", endpoint: "cto@example.com"}, {arn: "PendingConfirmation", protocol: "email", endpoint: address}},
		},
		"one that is spelled differently is the same":           {before: []subscription{{arn, "email", "DBA@example.com", this}}},
		"one that hears of another exposure hears of this, too": {before: []subscription{{arn, "email", address, others}}, want: []string{"set " + arn + " FilterPolicy " + both}},
		"one that hears of everything stays":                    {before: []subscription{{arn, "email", address, ""}}},
		"one with a filter of its own stays":                    {before: []subscription{{arn, "email", address, `{"team":["data"]}`}}},
		"one that unsubscribed is left in peace":                {before: []subscription{{"Deleted", "email", address, this}}},
		"another protocol is another subscription": {
			before: []subscription{{arn, "email-json", address, ""}},
			want:   []string{"subscribe email " + address + " " + this},
		},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &fakeSubscriptions{list: row.before}
			s := shareTheServiceName{topic: &fakeTopic{}, subscriptions: fake, topicARN: "arn:topic", registry: &steptest.Fake{}}
			in := input
			in.Notify = []string{address}
			for range 2 {
				if _, err := s.run(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(fake.mutations, row.want) {
				t.Errorf("did %q, want %q", fake.mutations, row.want)
			}
		})
	}
}
