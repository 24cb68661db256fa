package delivery

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/rdslink/rdslink/local/model"
)

// endpoint answers the SDK's requests with canned documents, by operation, and keeps them.
type endpoint struct {
	answers map[string]string // "" or absent: 404 ResourceNotFoundException
	asked   []string          // operation, access key, and what matters of the body
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	operation := r.Header.Get("X-Amz-Target")
	if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") != "" {
		operation, body = form.Get("Action"), []byte(form.Get("TopicArn")+" "+form.Get("Message"))
	}
	if operation == "" {
		operation = r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	}
	access, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="), "/")
	e.asked = append(e.asked, strings.TrimSpace(fmt.Sprintf("%s by %s %s", operation, access, body)))
	answer := e.answers[operation]
	if answer == "" {
		w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
		w.WriteHeader(http.StatusNotFound)
		answer = "{}"
	}
	_, _ = io.WriteString(w, answer)
}

func newSDK(t *testing.T, answers map[string]string) (*sdk, *endpoint) {
	e := &endpoint{answers: answers}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	config := func(account, roleARN, _ string) aws.Config {
		access := account
		if roleARN != "" {
			access = "ASIAROLE"
		}
		return aws.Config{Region: "eu-central-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider(access, "s", "")}
	}
	return &sdk{config, func(account string) aws.Config { return config(account, "", "") }}, e
}

func TestSettings(t *testing.T) {
	const configuration = `{"Role":"role","DeadLetterConfig":{"TargetArn":"` + queue + `"}}`
	tests := map[string]struct {
		answers map[string]string
		want    settings
	}{
		"none of its own": {map[string]string{"configuration": `{"Role":"role"}`},
			settings{role: "role", retries: 2, maxAge: 6 * time.Hour}},
		"a dead-letter queue": {map[string]string{"configuration": configuration},
			settings{role: "role", retries: 2, maxAge: 6 * time.Hour, deadLetterARN: queue}},
		"no retries, a minute, a destination": {map[string]string{"configuration": configuration,
			"event-invoke-config": `{"MaximumRetryAttempts":0,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnFailure":{"Destination":"` + topic + `"}}}`},
			settings{role: "role", retries: 0, maxAge: time.Minute, deadLetterARN: queue, onFailureARN: topic}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, _ := newSDK(t, test.answers)
			got, err := s.Settings(context.Background(), function)
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	t.Run("no function", func(t *testing.T) {
		s, _ := newSDK(t, nil)
		if _, err := s.Settings(context.Background(), function); errorCode(err) != "ResourceNotFoundException" {
			t.Error(err)
		}
	})
}

func TestPolicy(t *testing.T) {
	for policy, answers := range map[string]map[string]string{
		"":     nil,
		"text": {"policy": `{"Policy":"text"}`},
	} {
		s, _ := newSDK(t, answers)
		if got, err := s.Policy(context.Background(), function); err != nil || got != policy {
			t.Errorf("got %q, %v; want %q", got, err, policy)
		}
	}
}

func TestSend(t *testing.T) {
	const bus = "arn:aws:events:eu-central-1:111122223333:event-bus/own"
	answers := map[string]string{
		"AmazonSQS.GetQueueUrl": `{"QueueUrl":"http://queue"}`,
		"AmazonSQS.SendMessage": `{"MessageId":"1"}`,
		"AWSEvents.PutEvents":   `{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}`,
		"Publish":               `<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`,
	}
	l := letter{body: []byte(`{}`), attributes: map[string]string{"ErrorCode": "200"}, detailType: "Result", resources: []string{function}}
	tests := map[string][]string{
		queue: {
			`AmazonSQS.GetQueueUrl by 111122223333 {"QueueName":"dead","QueueOwnerAWSAccountId":"111122223333"}`,
			`AmazonSQS.SendMessage by ASIAROLE {"MessageAttributes":{"ErrorCode":{"DataType":"Number","StringValue":"200"}},"MessageBody":"{}","QueueUrl":"http://queue"}`,
		},
		topic: {`Publish by ASIAROLE ` + topic + ` {}`},
		bus:   {`AWSEvents.PutEvents by ASIAROLE {"Entries":[{"Detail":"{}","DetailType":"Result","EventBusName":"` + bus + `","Resources":["` + function + `"],"Source":"lambda"}]}`},
	}
	for target, want := range tests {
		t.Run(target, func(t *testing.T) {
			s, e := newSDK(t, answers)
			if err := s.Send(context.Background(), account, role, target, l); err != nil {
				t.Error(err)
			}
			if !slices.Equal(e.asked, want) {
				t.Errorf("got  %q\nwant %q", e.asked, want)
			}
		})
	}
	t.Run("a bucket", func(t *testing.T) {
		s, _ := newSDK(t, answers)
		if err := s.Send(context.Background(), account, role, "arn:aws:s3:::bucket", l); err == nil {
			t.Error("sent")
		}
	})
}

// A 200 of PutEvents is not success.
func TestPutEventReadsFailedEntries(t *testing.T) {
	s, e := newSDK(t, map[string]string{"AWSEvents.PutEvents": `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"m"}]}`})
	err := s.PutEvent(context.Background(), model.Event{Account: account, Source: "aws.rds", DetailType: "RDS DB Instance Event", Detail: map[string]string{"EventID": "RDS-EVENT-0006"}})
	if err == nil || !strings.Contains(err.Error(), "InternalFailure") {
		t.Error(err)
	}
	want := `AWSEvents.PutEvents by 111122223333 {"Entries":[{"Detail":"{\"EventID\":\"RDS-EVENT-0006\"}","DetailType":"RDS DB Instance Event","Source":"aws.rds"}]}`
	if len(e.asked) != 1 || e.asked[0] != want {
		t.Errorf("got %q", e.asked)
	}
}

func TestTopicPolicies(t *testing.T) {
	attributes := func(entries string) string {
		return `<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes><entry><key>Policy</key><value>topic's</value></entry>` + entries +
			`</Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>`
	}
	tests := map[string]struct {
		answers map[string]string
		want    [3]string
	}{
		"plain": {map[string]string{"GetTopicAttributes": attributes("")}, [3]string{"topic's", "", ""}},
		"encrypted": {map[string]string{
			"GetTopicAttributes":        attributes(`<entry><key>KmsMasterKeyId</key><value>alias/own</value></entry>`),
			"TrentService.DescribeKey":  `{"KeyMetadata":{"KeyId":"k","Arn":"` + key + `"}}`,
			"TrentService.GetKeyPolicy": `{"Policy":"key's"}`,
		}, [3]string{"topic's", key, "key's"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, _ := newSDK(t, test.answers)
			policy, keyARN, keyPolicy, err := s.TopicPolicies(context.Background(), topic)
			if got := [3]string{policy, keyARN, keyPolicy}; err != nil || got != test.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
