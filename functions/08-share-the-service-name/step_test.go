package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/steptest"
)

var input = Input{
	Execution: "execution", Exposure: "orders-prod-pushmetrics-0a1b2c3d", Consumer: "pushmetrics", Vendor: "pushmetrics",
	DatabaseIdentifier: "orders-prod", Engine: "postgres", Region: "eu-central-1",
	Host: "orders-prod.c0ffee.eu-central-1.rds.amazonaws.com", ListenerPort: 5432,
	ServiceName:         "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0",
	AvailabilityZoneIDs: []string{"euc1-az1", "euc1-az2"}, AcceptanceTimeoutSeconds: 14 * secondsPerDay,
}

type fakeTopic struct{ sent []*sns.PublishInput }

func (f *fakeTopic) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	f.sent = append(f.sent, in)
	return &sns.PublishOutput{MessageId: aws.String("m-1")}, nil
}

func TestRun(t *testing.T) {
	for name, row := range map[string]struct {
		second func(*Input) // how the second run's input differs
		sent   int
	}{
		"a second run makes no mutating call": {second: func(*Input) {}, sent: 1},
		"a changed text is sent again":        {second: func(in *Input) { in.ListenerPort = 6432 }, sent: 2},
	} {
		t.Run(name, func(t *testing.T) {
			topic, kept := &fakeTopic{}, &steptest.Fake{}
			s := shareTheServiceName{topic: topic, subscriptions: &fakeSubscriptions{}, topicARN: "arn:topic", registry: kept}
			again := input
			row.second(&again)
			for _, in := range []Input{input, again} {
				if _, err := s.run(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			}
			if len(topic.sent) != row.sent || len(kept.Mutations) != row.sent {
				t.Errorf("sent %d times, recorded %d, want %d", len(topic.sent), len(kept.Mutations), row.sent)
			}
			if to := topic.sent[0].MessageAttributes["exposure"]; aws.ToString(to.StringValue) != input.Exposure {
				t.Errorf("sent to subscribers of exposure %q", aws.ToString(to.StringValue))
			}
			if s := kept.Recorded.Shared; s == nil || !slices.Equal(s.AvailabilityZoneIDs, input.AvailabilityZoneIDs) {
				t.Errorf("kept %+v", s)
			}
			if kept.Recorded.Handoff != *topic.sent[row.sent-1].Message {
				t.Errorf("kept %q", kept.Recorded.Handoff)
			}
		})
	}
}

// What the execution's output says of those that did not hear of it is kept, too, though no text is sent again.
func TestWhoDidNotHearIsKept(t *testing.T) {
	kept, in := &steptest.Fake{}, input
	subscriptions := &fakeSubscriptions{}
	s := shareTheServiceName{topic: &fakeTopic{}, subscriptions: subscriptions, topicARN: "arn:topic", registry: kept}
	for notify, want := range map[string]int{"": 0, "dba@example.com": 1} {
		if notify != "" {
			in.Notify = []string{notify}
		}
		out, err := s.run(t.Context(), in)
		if err != nil || len(kept.Recorded.Shared.NotNotified) != want || !slices.Equal(kept.Recorded.Shared.NotNotified, out.NotNotified) {
			t.Errorf("%q: %v, kept %q of %q", notify, err, kept.Recorded.Shared.NotNotified, out.NotNotified)
		}
		in.Notify = nil
	}
}

// Operators hear once, with the letter, of zones that steps 4 and 5 went on without.
func TestOperatorsHearOfZonesThatAreLeftOut(t *testing.T) {
	topic, kept := &fakeTopic{}, &steptest.Fake{}
	s := shareTheServiceName{topic: topic, subscriptions: &fakeSubscriptions{}, topicARN: "arn:topic", operatorsARN: "arn:operators", registry: kept}
	in := input
	in.ZoneIDsWithoutLoadBalancer, in.ZoneIDsWithoutService = []string{"euc1-az3"}, []string{"euc1-az4", "euc1-az5"}
	for range 2 {
		if _, err := s.run(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if len(topic.sent) != 2 || aws.ToString(topic.sent[1].TopicArn) != "arn:operators" {
		t.Fatalf("published %d messages", len(topic.sent))
	}
	if subject := aws.ToString(topic.sent[1].Subject); len(subject) > 100 || strings.Contains(subject, "\n") {
		t.Errorf("subject %q", subject)
	}
	golden.Compare(t, "zones.txt", aws.ToString(topic.sent[1].Message))
}

// What the letters say is held by internal/handoff; that each fact of the input is in its place, here.
func TestTheLetterSaysWhatTheInputDoes(t *testing.T) {
	in := input
	in.SupportedRegions = []string{"eu-west-1"}
	text, err := in.letter().Text()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"database orders-prod, for PushMetrics", "Service name:            " + in.ServiceName, "Region:                  eu-central-1",
		"Other regions:           eu-west-1", "euc1-az1, euc1-az2", "5432 (TCP)", "Engine:                  postgres", "TLS server name:         " + in.Host, "14 days",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}

// A consumer has the port in its configuration.
func TestTheHandOffSaysThatThePortIsAnother(t *testing.T) {
	for former, want := range map[int]string{0: "", 5432: "", 6432: "The port has changed from 6432 to 5432"} {
		topic, kept := &fakeTopic{}, &steptest.Fake{}
		kept.Recorded.Binding = &registry.Binding{ListenerPort: former}
		s := shareTheServiceName{topic: topic, subscriptions: &fakeSubscriptions{}, topicARN: "arn:topic", registry: kept}
		for range 2 {
			if _, err := s.run(t.Context(), input); err != nil {
				t.Fatal(err)
			}
		}
		sent := aws.ToString(topic.sent[0].Message)
		if len(topic.sent) != 1 || !strings.Contains(sent, want) || strings.Contains(sent, "has changed from") != (want != "") {
			t.Errorf("from %d: sent %d times:\n%s", former, len(topic.sent), sent)
		}
		if strings.Contains(kept.Recorded.Handoff, "has changed from") || !strings.HasSuffix(sent, kept.Recorded.Handoff) {
			t.Errorf("kept %q", kept.Recorded.Handoff)
		}
	}
}
