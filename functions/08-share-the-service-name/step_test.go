package main

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/steptest"
)

var update = flag.Bool("update", false, "write the golden files")

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
			if kept.Recorded.Handoff != *topic.sent[row.sent-1].Message {
				t.Errorf("kept %q", kept.Recorded.Handoff)
			}
		})
	}
}

func TestHandoffReadsAsAWhole(t *testing.T) {
	for _, row := range []struct{ vendor, consumer, engine string }{
		{"pushmetrics", "pushmetrics", "postgres"},
		{"fivetran", "fivetran", "sqlserver-se"},
		{"tidb-cloud", "tidb-cloud-444455556666", "mysql"},
	} {
		t.Run(row.vendor, func(t *testing.T) {
			in := input
			in.Vendor, in.Consumer, in.Engine = row.vendor, row.consumer, row.engine
			compareGolden(t, "testdata/"+row.vendor+".txt", in)
		})
	}
}

func compareGolden(t *testing.T, golden string, in Input) {
	t.Helper()
	got, err := handoff(in)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("hand-off differs from %s (go test -update writes it):\n%s", golden, got)
	}
}

func TestTLSAdviceSuitsTheEngine(t *testing.T) {
	for engine, want := range map[string]string{
		"postgres": "hostaddr=", "aurora-postgresql": "hostaddr=", "mysql": "VERIFY_CA", "aurora-mysql": "VERIFY_CA", "mariadb": "VERIFY_CA",
		"sqlserver-se": "HostNameInCertificate=", "sqlserver": "HostNameInCertificate=", "oracle-se2": "Oracle Net",
	} {
		in := input
		in.Engine = engine
		if text, err := handoff(in); err != nil || !strings.Contains(text, want) {
			t.Errorf("%s: %q is missing (%v) in:\n%s", engine, want, err, text)
		}
	}
}

func TestHandoffToOthers(t *testing.T) {
	in := input
	in.Consumer, in.Vendor, in.SupportedRegions = "acme", "", []string{"eu-west-1", "us-east-1"}
	text, err := handoff(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"for acme\n", "eu-west-1, us-east-1"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "PushMetrics") {
		t.Errorf("a preset's words in:\n%s", text)
	}
}

func TestSubjectFitsSNS(t *testing.T) {
	in := input
	in.DatabaseIdentifier, in.Consumer, in.Vendor = strings.Repeat("d", 63), strings.Repeat("c", 63), ""
	if got := subject(in); len(got) > 100 || strings.Contains(got, "\n") {
		t.Errorf("subject of %d characters: %q", len(got), got)
	}
}
