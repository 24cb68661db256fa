package steptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/step"
)

// Fuzz plays a function, as it is wired, on what it may be handed: the inputs of every version in testdata/formats, those of
// whatever calls functions, and what comes of them when something about them is wrong. AWS has nothing for it. Whatever it
// is, the function answers or says by one of our names what is wrong, does not panic, and repeats no secret. An input only
// grows: what an earlier version was handed is understood, field by field.
func Fuzz[I any](f *testing.F, function step.Function) {
	f.Helper()
	read, write := golden.JSON[I]()
	golden.Formats(f, "input", read, write)
	environment(f)
	p := &player{}
	before := slog.Default()
	slog.SetDefault(step.Logger(&p.logged))
	f.Cleanup(func() { slog.SetDefault(before) })
	p.handler = lambda.NewHandler(function(account(), registry.New(items{exposure}, "registry")))
	handed := inputs(f)
	for _, payload := range handed {
		if _, said := p.play(f.Context(), payload); notUnderstood.MatchString(said) {
			f.Errorf("an earlier version was handed this, and this one says %s: %s", said, payload)
		}
	}
	Inputs(f, handed, p.hold)
}

// notUnderstood is what the strict readers say: of steps, of a set-up's input, of a removal's.
var notUnderstood = regexp.MustCompile(`decode input|has no field|is no field|leave it out`)

// envelopes are what SNS, EventBridge, SQS, CloudFormation and people at a console hand over, each about nothing of ours or
// malformed. No function gets only what it was made for.
var envelopes = func() [][]byte {
	const (
		sns = `{"EventSource":"aws:sns","EventVersion":"1.0","EventSubscriptionArn":"arn:aws:sns:eu-central-1:111122223333:connections:1",` +
			`"Sns":{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:eu-central-1:111122223333:connections",` +
			`"Subject":null,"Message":%s,"Timestamp":"2026-01-02T03:04:05.678Z"}}`
		about = `{"serviceId":"vpce-svc-0123456789abcdef0","vpcEndpointId":"vpce-0123456789abcdef0",` +
			`"exposure":"orders-prod-pushmetrics-17ac466a"}`
		event = `{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":%q,"source":%q,"account":"111122223333",` +
			`"time":"2026-01-02T03:04:05Z","region":"eu-central-1","resources":[],"detail":%s}`
	)
	quoted := strconv.Quote(about)
	record := func(message string) string { return fmt.Sprintf(sns, message) }
	all := []string{
		``, ` `, `null`, `true`, `7`, `"text"`, `[]`, `{}`, `{`, `}`, "\x00", "\ufeff{}", `{"a":1,"a":2}`, `{} {}`, `not JSON`, `<xml/>`,
		`{"Records":null}`, `{"Records":[]}`, `{"Records":{}}`, `{"Records":"[]"}`, `{"Records":[null]}`, `{"Records":[{}]}`,
		`{"Records":[` + record(`"not JSON"`) + `]}`, `{"Records":[` + record(quoted) + `]}`,
		`{"Records":[` + record(strconv.Quote(quoted)) + `]}`,
		`{"Records":[` + record(about) + `]}`, `{"Records":[` + record(`null`) + `]}`, record(quoted),
		`{"Records":[` + record(quoted) + `,` + record(`""`) + `,` + record(`"7"`) + `]}`,
		`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":` + quoted + `,"attributes":{}}]}`,
		`{"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}},` + record(quoted) + `]}`,
		`{"Type":"Notification","Message":` + quoted + `}`, `{"Type":"SubscriptionConfirmation","Token":"` + Canary + `"}`,
		fmt.Sprintf(event, "ConnectionDecision", "rdslink", about), fmt.Sprintf(event, "ConnectionDecision", "rdslink", quoted),
		fmt.Sprintf(event, "RemovalDecision", "rdslink", `null`), fmt.Sprintf(event, "RemovalDecision", "rdslink", `[]`),
		fmt.Sprintf(event, "ConnectionPending", "another", about), fmt.Sprintf(event, "", "", `""`),
		fmt.Sprintf(event, "RDS DB Instance Event", "aws.rds",
			`{"EventID":"RDS-EVENT-0049","SourceArn":"arn:aws:rds:eu-central-1:111122223333:db:orders"}`),
		fmt.Sprintf(event, "RDS DB Instance Event", "aws.rds", `[]`),
		fmt.Sprintf(event, "RDS DB Instance Event", "aws.rds", `{"SourceArn":["arn:aws:rds:eu-central-1:111122223333:db:orders"]}`),
		fmt.Sprintf(event, "Scheduled Event", "aws.events", `{}`), strconv.Quote(fmt.Sprintf(event, "ConnectionDecision", "rdslink", about)),
		`[` + fmt.Sprintf(event, "ConnectionDecision", "rdslink", about) + `]`,
		`{"RequestType":"Delete","ResponseURL":"http://[::1","StackId":"","RequestId":"","ResourceProperties":[]}`,
	}
	return Texts(all...)
}()

// Texts are inputs as they are written in Go.
func Texts(texts ...string) [][]byte {
	all := make([][]byte, len(texts))
	for i, text := range texts {
		all[i] = []byte(text)
	}
	return all
}

// exposure is one that has everything that the functions look at.
var exposure = registry.Exposure{
	ID: "orders-prod-pushmetrics-17ac466a", DatabaseARN: "arn:aws:rds:eu-central-1:111122223333:db:orders-prod",
	DatabaseIdentifier: "orders-prod", Consumer: "PushMetrics", Vendor: "pushmetrics", Accounts: []string{"444455556666"},
	VPCID:      "vpc-0123456789abcdef0",
	Acceptance: registry.Acceptance{Mode: "manual", MaxConnections: 1},
	Made: registry.Made{
		Generation: 1, ResolverFunction: "rdslink-resolver-vpc-0123456789abcdef0",
		TargetGroupARN:  "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/orders/1",
		LoadBalancerARN: "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/net/orders/1",
		ListenerARN:     "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/net/orders/1/2", LoadBalancerSecurityGroupID: "sg-1",
		ServiceID: "vpce-svc-0123456789abcdef0", ServiceName: "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0",
		Principals: []string{"arn:aws:iam::444455556666:root"}, DatabaseSecurityGroupID: "sg-2", SecurityGroupRuleIDs: []string{"sgr-1"},
		ScheduleName: "orders-prod-pushmetrics-17ac466a",
		Binding: &registry.Binding{
			Exposure: "orders-prod-pushmetrics-17ac466a", DatabaseARN: "arn:aws:rds:eu-central-1:111122223333:db:orders-prod",
			DatabaseKind: "instance", Endpoint: "writer", Engine: "postgres", Host: "orders-prod.c0ffee.eu-central-1.rds.amazonaws.com",
			Port: 5432, VPCID: "vpc-0123456789abcdef0", VPCCIDRs: []string{"10.0.0.0/16"},
			ResolverFunction: "rdslink-resolver-vpc-0123456789abcdef0",
			TargetGroupARN:   "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/orders/1", ListenerPort: 5432,
		},
	},
	Connections: map[string]registry.Connection{"vpce-0123456789abcdef0": {Owner: "444455556666", State: "available"}},
	Token:       &registry.Token{Value: Canary, Execution: "e", Since: time.Unix(0, 0), Deadline: time.Unix(1e9, 0)},
	Removal:     &registry.Token{Value: Canary, Execution: "e"},
}

// environment is that of a deployed function.
func environment(f *testing.F) {
	f.Helper()
	for name, value := range map[string]string{
		deployment.ConnectionsTopicARN: "arn:aws:sns:eu-central-1:111122223333:connections",
		deployment.HandoffTopicARN:     "arn:aws:sns:eu-central-1:111122223333:handoff",
		deployment.OperatorsTopicARN:   "arn:aws:sns:eu-central-1:111122223333:operators",
		deployment.ResolverRoleARN:     "arn:aws:iam::111122223333:role/resolver",
		deployment.ResolverCodeBucket:  "assets", deployment.ResolverCodeKey: "resolver.zip", deployment.ResolverArchitecture: "arm64",
		deployment.FlowLogGroup:      "/rdslink/flow-logs",
		deployment.FlowLogRoleARN:    "arn:aws:iam::111122223333:role/flow-logs",
		deployment.ScheduleRoleARN:   "arn:aws:iam::111122223333:role/schedule",
		deployment.IPSyncFunctionARN: "arn:aws:lambda:eu-central-1:111122223333:function:rdslink-ip-sync",
		deployment.DeadLetters:       `{"ip-sync":"https://sqs.eu-central-1.amazonaws.com/111122223333/ip-sync"}`,
	} {
		f.Setenv(name, value)
	}
	// Nothing but what an input names goes past the SDK's clients, and nothing leaves the machine.
	resolver, transport := net.DefaultResolver, http.DefaultTransport
	resolver.PreferGo, resolver.Dial = true, func(context.Context, string, string) (net.Conn, error) { return nil, errCut }
	http.DefaultTransport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, errCut })
	f.Cleanup(func() { resolver.PreferGo, resolver.Dial, http.DefaultTransport = false, nil, transport })
}

type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) RoundTrip(in *http.Request) (*http.Response, error) { return r(in) }

// inputs are those of every version that the function has been handed.
func inputs(f *testing.F) [][]byte {
	f.Helper()
	files, err := filepath.Glob("testdata/formats/*/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("testdata/formats holds no input (%v): see CONTRIBUTING.md", err)
	}
	var all [][]byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, text)
	}
	return all
}

// player hands inputs to a function.
type player struct {
	handler lambda.Handler
	logged  bytes.Buffer
}

var names = []string{outcome.NameNotReady, outcome.NameBadInput, outcome.NameConflict, outcome.NameThrottled, outcome.NameFailed}

// play hands over an input. What AWS says goes by the input, so that one that failed fails again.
func (p *player) play(ctx context.Context, payload []byte) (name, said string) {
	p.logged.Reset()
	hash := fnv.New32a()
	_, _ = hash.Write(payload) // never fails (hash.Hash)
	var of struct {
		Execution string `json:"execution"`
	}
	_ = json.Unmarshal(payload, &of)
	ctx = context.WithValue(ctx, moodKey{}, moodOf{mood(hash.Sum32() % uint32(moods)), of.Execution})
	_, err := p.handler.Invoke(ctx, payload)
	if reported, is := err.(messages.InvokeResponse_Error); is { //nolint:errorlint // as the Lambda runtime looks at it
		return reported.Type, reported.Message
	}
	if err != nil {
		return outcome.Name(err), outcome.Message(err)
	}
	return "", ""
}

func (p *player) hold(t testing.TB, payload []byte) {
	t.Helper()
	name, said := p.play(t.Context(), payload)
	switch {
	case name == "" && said == "":
	case !slices.Contains(names, name) || said == "":
		t.Errorf("the error is %q: %q", name, said)
	case strings.HasPrefix(said, "a fault of rdslink"):
		t.Errorf("panic: %s", p.logged.String())
	case strings.Contains(said, Canary):
		t.Errorf("the error repeats a secret: %s", said)
	}
	if bytes.Contains(p.logged.Bytes(), []byte(Canary)) {
		t.Errorf("the log repeats a secret: %s", p.logged.String())
	}
}

// Inputs plays what is handed over, what others hand over, a number of what comes of both when something is wrong about it,
// and all that is kept in testdata/fuzz: whatever fails is kept there. The environment variable INPUTS says how many, SEED
// repeats a run.
func Inputs(f *testing.F, handed [][]byte, hold func(testing.TB, []byte)) {
	f.Helper()
	const usual = 500
	count, seed := number(f, "INPUTS", usual), uint64(number(f, "SEED", int(rand.Uint32()))) //nolint:gosec // repeatable
	for _, payload := range slices.Concat(handed, envelopes) {
		f.Add(payload)
	}
	f.Logf("%d inputs, SEED=%d", count, seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // repeatable
	own, others := newMutator(random, handed), newMutator(random, envelopes)
	for range count {
		m := own
		if random.IntN(5) == 0 {
			m = others
		}
		if play(f, m.next(), hold); f.Failed() {
			break
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) { hold(t, payload) })
}

func number(f *testing.F, name string, usual int) int {
	f.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		f.Fatalf("%s: %v", name, err)
	}
	return n
}

// play plays one input, and keeps it if it fails.
func play(f *testing.F, payload []byte, hold func(testing.TB, []byte)) {
	f.Helper()
	defer func() {
		if fault := recover(); fault != nil {
			f.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
		if f.Failed() {
			f.Logf("it was kept in %s: %s", keep(f, payload), payload)
		}
	}()
	hold(f, payload)
}

// keep adds an input to the corpus that go test plays from then on.
func keep(f *testing.F, payload []byte) (path string) {
	f.Helper()
	hash := fnv.New64a()
	_, _ = hash.Write(payload) // never fails (hash.Hash)
	path = filepath.Join("testdata", "fuzz", f.Name(), fmt.Sprintf("%016x", hash.Sum64()))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, fmt.Appendf(nil, "go test fuzz v1\n[]byte(%q)\n", payload), 0o644)
	}
	if err != nil {
		f.Error(err)
	}
	return path
}
