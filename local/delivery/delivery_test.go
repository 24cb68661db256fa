package delivery

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"pgregory.net/rapid"

	"github.com/rdslink/rdslink/local/model"
)

const (
	account  = "111122223333"
	function = "arn:aws:lambda:eu-central-1:111122223333:function:ip-sync"
	rule     = "arn:aws:events:eu-central-1:111122223333:rule/rds"
	topic    = "arn:aws:sns:eu-central-1:111122223333:connections"
	queue    = "arn:aws:sqs:eu-central-1:111122223333:dead"
	role     = "arn:aws:iam::111122223333:role/scheduler"
	service  = "arn:aws:ec2:eu-central-1:111122223333:vpc-endpoint-service/vpce-svc-1"
	key      = "arn:aws:kms:eu-central-1:111122223333:key/k"

	allowRule = `{"Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + function +
		`","Condition":{"ArnLike":{"AWS:SourceArn":"` + rule + `"}}}]}`
)

// world is a fake of everything that a delivery reaches.
type world struct {
	mu         sync.Mutex
	outcomes   []string // of attempts, the last one repeated: ok, error, or the code of a refusal
	policy     string
	settings   settings
	missing    error // of Settings
	topic, key string
	encrypted  bool
	underWay   sync.WaitGroup

	done []string // what was done, in order
}

func (w *world) note(what ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(w.done, strings.Join(what, " "))
}

func (w *world) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.done)
}

func (w *world) invoke(_ context.Context, roleARN, _, _ string, _ []byte) (answer, functionError []byte, err error) {
	w.mu.Lock()
	attempt := len(slices.DeleteFunc(slices.Clone(w.done), func(d string) bool { return !strings.HasPrefix(d, "invoke") }))
	outcome := w.outcomes[min(attempt, len(w.outcomes)-1)]
	w.done = append(w.done, strings.TrimSpace("invoke "+outcome+" "+roleARN))
	w.mu.Unlock()
	switch outcome {
	case "ok":
		return []byte("{}"), nil, nil
	case "error":
		return nil, []byte(`{"errorType":"Failed","errorMessage":"no such exposure"}`), nil
	}
	return nil, nil, &smithy.GenericAPIError{Code: outcome}
}

func (w *world) Policy(context.Context, string) (string, error) { return w.policy, nil }

func (w *world) Settings(context.Context, string) (settings, error) { return w.settings, w.missing }

func (w *world) Send(_ context.Context, _, roleARN, target string, l letter) error {
	var record struct {
		RequestContext struct {
			Condition              string
			ApproximateInvokeCount int
		}
	}
	_ = json.Unmarshal(l.body, &record) // a dead letter is no record
	text := l.attributes["ErrorMessage"] + l.attributes["ERROR_CODE"]
	if record.RequestContext.Condition != "" {
		text = record.RequestContext.Condition
	}
	w.note("send", target, "as", roleARN, text)
	return nil
}

func (w *world) PutEvent(_ context.Context, e model.Event) error {
	w.note("put", e.DetailType)
	return nil
}

func (w *world) TopicPolicies(context.Context, string) (policy, keyARN, keyPolicy string, err error) {
	if w.encrypted {
		keyARN = key
	}
	return w.topic, keyARN, w.key, nil
}

func (w *world) Publish(_ context.Context, topicARN, message string) error {
	w.note("publish", message)
	return nil
}

func (w *world) delivery() *Delivery {
	return &Delivery{
		world: &model.World{Speed: 100_000}, invoke: w.invoke, functions: w, outlets: w,
		Refused: func(r Refusal) { w.note("refused", r.Action, r.Code) },
		Begin: func(string) func() {
			w.underWay.Add(1)
			return w.underWay.Done
		},
	}
}

// sees waits until nothing is under way any more: then the world has seen exactly want.
func (w *world) sees(t testing.TB, want []string) {
	t.Helper()
	w.underWay.Wait()
	if got := w.seen(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

var standard = settings{role: "role", retries: defaultRetries, maxAge: defaultMaxAge, deadLetterARN: queue}

func fromRule() Invocation {
	return Invocation{Account: account, FunctionARN: function, Payload: []byte("{}"), Principal: "events.amazonaws.com", SourceARN: rule}
}

// Counts and conditions: docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html, and the recordings
// test_retries and test_maxeventage in LocalStack's test_lambda_destinations.snapshot.json.
func TestQueue(t *testing.T) {
	with := func(change func(*settings)) settings {
		s := standard
		change(&s)
		return s
	}
	letter := "send " + queue + " as role no such exposure"
	tests := map[string]struct {
		outcomes []string
		settings settings
		change   func(*Invocation)
		policy   string
		missing  error
		want     []string
	}{
		"success":                   {outcomes: []string{"ok"}, want: []string{"invoke ok"}},
		"success at the second try": {outcomes: []string{"error", "ok"}, want: []string{"invoke error", "invoke ok"}},
		"two retries, then the dead-letter queue": {outcomes: []string{"error"},
			want: []string{"invoke error", "invoke error", "invoke error", letter}},
		"no retries": {outcomes: []string{"error"}, settings: with(func(s *settings) { s.retries = 0 }),
			want: []string{"invoke error", letter}},
		"a record for OnFailure": {outcomes: []string{"error"}, settings: with(func(s *settings) { s.retries, s.onFailureARN, s.deadLetterARN = 1, topic, "" }),
			want: []string{"invoke error", "invoke error", "send " + topic + " as role RetriesExhausted"}},
		"too old for the first retry": {outcomes: []string{"error"}, settings: with(func(s *settings) { s.maxAge, s.onFailureARN, s.deadLetterARN = time.Minute, topic, "" }),
			want: []string{"invoke error", "send " + topic + " as role EventAgeExceeded"}},
		"throttles do not count": {outcomes: []string{"TooManyRequestsException", "ServiceException", "TooManyRequestsException", "error", "ok"},
			want: []string{"invoke TooManyRequestsException", "invoke ServiceException", "invoke TooManyRequestsException", "invoke error", "invoke ok"}},
		"a function without dead letters": {outcomes: []string{"error"}, settings: with(func(s *settings) { s.retries, s.deadLetterARN = 0, "" }),
			want: []string{"invoke error"}},
		"no permission for the rule": {policy: "none", change: func(i *Invocation) { i.DeadLetterARN = queue },
			want: []string{"refused lambda:InvokeFunction AccessDeniedException", "send " + queue + " as  AccessDeniedException"}},
		"no such function": {outcomes: []string{"ResourceNotFoundException"},
			want: []string{"invoke ResourceNotFoundException", "refused lambda:InvokeFunction ResourceNotFoundException"}},
		"a function that goes": {outcomes: []string{"error"}, missing: &smithy.GenericAPIError{Code: "ResourceNotFoundException"},
			want: []string{"invoke error", "refused lambda:InvokeFunction ResourceNotFoundException"}},
		"a role that may not": {outcomes: []string{"AccessDeniedException"}, policy: "none", change: func(i *Invocation) { i.Role = role },
			want: []string{"invoke AccessDeniedException " + role, "refused lambda:InvokeFunction AccessDeniedException"}},
		"a role invokes, the queue retries": {outcomes: []string{"error", "ok"}, policy: "none", change: func(i *Invocation) { i.Role = role },
			want: []string{"invoke error " + role, "invoke ok"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.settings == (settings{}) {
				test.settings = standard
			}
			w := &world{outcomes: test.outcomes, settings: test.settings, policy: allowRule, missing: test.missing}
			if test.policy != "" {
				w.policy = ""
			}
			i := fromRule()
			if test.change != nil {
				test.change(&i)
			}
			w.delivery().Invoke(i)
			w.sees(t, test.want)
		})
	}
}

// However a function behaves: it sees at most its retries and one attempt, and an event ends in exactly
// one success or one letter.
func TestQueueLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{
			policy:   allowRule,
			settings: settings{retries: rapid.IntRange(0, 2).Draw(t, "retries"), maxAge: defaultMaxAge, deadLetterARN: queue},
			outcomes: append(rapid.SliceOfN(rapid.SampledFrom([]string{"error", "ServiceException", "TooManyRequestsException"}), 0, 5).Draw(t, "outcomes"),
				rapid.SampledFrom([]string{"ok", "error"}).Draw(t, "last")),
		}
		d := w.delivery()
		d.world.Speed = 1e9
		d.submit(fromRule())
		errors, ends := 0, 0
		for _, what := range w.seen() {
			switch {
			case what == "invoke error":
				errors++
			case what == "invoke ok", strings.HasPrefix(what, "send"):
				ends++
			}
		}
		if errors > w.settings.retries+1 || ends != 1 {
			t.Fatalf("%q", w.seen())
		}
	})
}

func TestDisturbances(t *testing.T) {
	tests := map[string]struct {
		disturbance Disturbance
		want        []string
	}{
		"a duplicate": {Disturbance{Duplicates: 1}, []string{"invoke ok", "invoke ok"}},
		"a delay":     {Disturbance{Delay: time.Millisecond}, []string{"invoke ok"}},
		"a loss":      {Disturbance{Drop: true}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := &world{outcomes: []string{"ok"}, settings: standard, policy: allowRule}
			d := w.delivery()
			d.Disturb = func(Invocation) Disturbance { return test.disturbance }
			d.Invoke(fromRule())
			w.sees(t, test.want)
		})
	}
}

// Lambda guide, "How Lambda handles errors and retries with asynchronous invocation": throttles send an event back to the
// queue, from 1 second after the first attempt to 5 minutes at most, and do not count.
func TestAThrottledEventComesBackLaterAndLater(t *testing.T) {
	for name, test := range map[string]struct {
		maxAge time.Duration
		want   []time.Duration // of the attempts, since the event was accepted
		end    string
	}{
		"for as long as its age allows": {time.Minute, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 31 * time.Second},
			"send " + topic + " as role EventAgeExceeded"},
		"at most five minutes apart": {20 * time.Minute, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 31 * time.Second,
			63 * time.Second, 127 * time.Second, 255 * time.Second, 511 * time.Second, 811 * time.Second, 1111 * time.Second}, "send " + topic + " as role EventAgeExceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{settings: settings{role: "role", retries: 0, maxAge: test.maxAge, onFailureARN: topic}, policy: allowRule}
				d := w.delivery()
				d.world.Speed = 1
				var attempts []time.Duration
				begun := time.Now()
				d.invoke = func(context.Context, string, string, string, []byte) ([]byte, []byte, error) {
					attempts = append(attempts, time.Since(begun))
					return nil, nil, &smithy.GenericAPIError{Code: "TooManyRequestsException"}
				}
				d.submit(fromRule())
				if !slices.Equal(attempts, test.want) {
					t.Errorf("attempts at %v, want %v", attempts, test.want)
				}
				if got := w.seen(); !slices.Equal(got, []string{test.end}) {
					t.Errorf("%q", got)
				}
			})
		})
	}
}

func TestHandOver(t *testing.T) {
	tests := map[string]struct {
		body   string
		status int
		want   []string
	}{
		"an event":        {`{"kind":"events","account":"111122223333","region":"eu-central-1","source":"` + rule + `","target":"` + function + `","payload":"e30="}`, 202, []string{"invoke ok"}},
		"a topic":         {`{"kind":"sns","source":"` + topic + `","target":"` + function + `","payload":"e30="}`, 202, []string{"refused lambda:InvokeFunction AccessDeniedException"}},
		"another kind":    {`{"kind":"s3","target":"` + function + `"}`, 400, nil},
		"no function":     {`{"kind":"events","target":"` + queue + `"}`, 400, nil},
		"no JSON":         {`kind`, 400, nil},
		"a plain payload": {`{"kind":"events","source":"` + rule + `","target":"` + function + `","payload":"{}"}`, 400, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := &world{outcomes: []string{"ok"}, settings: standard, policy: allowRule}
			r := httptest.NewRecorder()
			w.delivery().ServeHTTP(r, httptest.NewRequest(http.MethodPost, "/_local/deliver", strings.NewReader(test.body)))
			if r.Code != test.status {
				t.Errorf("status %d: %s", r.Code, r.Body)
			}
			w.sees(t, test.want)
		})
	}
}

func TestNotify(t *testing.T) {
	allowed := func(action, condition string) string {
		return `{"Statement":{"Effect":"Allow","Principal":{"Service":"vpce.amazonaws.com"},"Action":` + action + `,"Resource":"*","Condition":{` + condition + `}}}`
	}
	ours := `"ArnLike":{"aws:SourceArn":"arn:aws:ec2:eu-central-1:111122223333:vpc-endpoint-service/*"},"StringEquals":{"aws:SourceAccount":"111122223333"}`
	publish, use := allowed(`"sns:Publish"`, ours), allowed(`["kms:GenerateDataKey*","kms:Decrypt"]`, ours)
	tests := map[string]struct {
		topic, key string
		encrypted  bool
		refused    string
	}{
		"allowed":                    {topic: publish},
		"no policy":                  {topic: "", refused: "sns:Publish"},
		"another account":            {topic: allowed(`"sns:Publish"`, `"StringEquals":{"aws:SourceAccount":"133737826969"}`), refused: "sns:Publish"},
		"encrypted, the key allows":  {topic: publish, encrypted: true, key: use},
		"encrypted, the key is mute": {topic: publish, encrypted: true, key: `{"Statement":[]}`, refused: "sns:Publish"},
		"encrypted, no decryption":   {topic: publish, encrypted: true, key: allowed(`"kms:GenerateDataKey*"`, ours), refused: "sns:Publish"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := &world{topic: test.topic, key: test.key, encrypted: test.encrypted}
			w.delivery().Notify(model.Notification{TopicARN: topic, Service: "vpce.amazonaws.com", SourceARN: service, Account: account, Message: "Connect"})
			want := []string{"publish Connect"}
			if test.refused != "" {
				want = []string{"refused " + test.refused + " AccessDeniedException"}
			}
			w.sees(t, want)
		})
	}
}

func TestEventsStayInOrder(t *testing.T) {
	w := &world{}
	d := w.delivery()
	var want []string
	for _, name := range strings.Fields("a b c d e f g h") {
		d.Publish(model.Event{DetailType: name})
		want = append(want, "put "+name)
	}
	w.sees(t, want)
}

func TestFailureRecord(t *testing.T) {
	e := &event{Invocation: fromRule(), id: "id", attempts: 3}
	var got map[string]any
	if err := json.Unmarshal(e.record("RetriesExhausted", []byte(`{"errorType":"E"}`)), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "timestamp")
	text, _ := json.Marshal(got)
	want := `{"requestContext":{"approximateInvokeCount":3,"condition":"RetriesExhausted","functionArn":"` + function + `:$LATEST","requestId":"id"},` +
		`"requestPayload":{},"responseContext":{"executedVersion":"$LATEST","functionError":"Unhandled","statusCode":200},"responsePayload":{"errorType":"E"},"version":"1.0"}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
