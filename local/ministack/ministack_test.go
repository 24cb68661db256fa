package ministack_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/ministack"
	"github.com/rdslink/rdslink/local/network"
	"github.com/rdslink/rdslink/local/network/networktest"
	"github.com/rdslink/rdslink/local/wire"
)

const (
	account = "111122223333"
	role    = "arn:aws:iam::111122223333:role/looker"
	host    = "orders-prod.rds.test"
	speed   = 300 // five minutes are a second
)

// TestMain lets the test binary be a function's code too.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(look)
	}
	networktest.TestMain(m)
}

// sight is what a function sees.
type sight struct {
	Key, Token string
	Port       string // of MiniStack's own environment
	Said       string // by who listens at host, if anybody
	Effective  string // capabilities
}

func look(ctx context.Context) (sight, error) {
	s := sight{Key: os.Getenv("AWS_ACCESS_KEY_ID"), Token: os.Getenv("AWS_SESSION_TOKEN"), Port: os.Getenv("GATEWAY_PORT")}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return s, err
	}
	_, rest, _ := strings.Cut(string(status), "CapEff:")
	s.Effective = strings.Fields(rest)[0]
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host+":5432")
	if err != nil {
		return s, nil
	}
	defer conn.Close()
	said, err := io.ReadAll(conn)
	s.Said = string(said)
	return s, err
}

// front writes down what MiniStack hands over.
type front struct {
	mu      sync.Mutex
	handed  []string
	refused string // the method that it refuses
	zones   http.Handler
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/_local/validate-state-machine" && !bytes.Contains(body, []byte("States")) {
		http.Error(w, "no States", http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method == f.refused {
		http.Error(w, "refused", http.StatusBadRequest)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/2013-04-01/") {
		r.Body = io.NopCloser(bytes.NewReader(body))
		f.zones.ServeHTTP(w, r.WithContext(wire.WithCaller(r.Context(), wire.Caller{Account: account})))
		return
	}
	if r.URL.Path == "/_local/metrics" {
		fmt.Fprintf(w, `[{"Namespace":"AWS/Lambda","Name":"Throttles","Unit":"Count","Dimensions":{"FunctionName":"f"},"Time":%d,`+
			`"Count":3,"Sum":4,"Least":1,"Most":2}]`, time.Now().Unix())
		return
	}
	f.handed = append(f.handed, r.Method+" "+r.URL.RequestURI()+" "+string(body))
	fmt.Fprint(w, `{"ScheduleArn":"arn:aws:scheduler:::schedule"}`)
}

func (f *front) refuse(method string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused = method
}

// wait returns the first thing handed over to path.
func (f *front) wait(t *testing.T, path string) string {
	t.Helper()
	for range 3000 {
		f.mu.Lock()
		for _, h := range f.handed {
			if strings.HasPrefix(h, path) {
				f.mu.Unlock()
				return h
			}
		}
		f.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nothing came to %s: %q", path, f.handed)
	return ""
}

type names struct{}

func (names) Lookup(vpc, name string) ([]netip.Addr, uint32, bool) {
	return []netip.Addr{netip.MustParseAddr("10.0.1.15")}, 5, vpc == "vpc-1" && name == host
}

func start(t *testing.T) (*front, *network.Network, aws.Config) {
	dir := networktest.TempDir(t)
	n := networktest.NewIn(t, dir)
	f := new(front)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	python, err := filepath.Abs("../build/ministack/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m, err := ministack.Start(ctx, ministack.Options{
		Python: python, Dir: dir, Log: filepath.Join(dir, "ministack.log"), Subnets: filepath.Join(dir, "subnets"),
		Port: 4510, Endpoint: server.URL, Region: "eu-central-1", Account: account, Speed: speed,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	return f, n, identity.Config(m.URL, "eu-central-1", identity.Root(account))
}

func code(t *testing.T) []byte {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err == nil {
		_, err = w.Write(self)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAFunctionSaysWhoseItIsAndLivesWhereItsConfigurationPutsIt(t *testing.T) {
	ctx := context.Background()
	_, n, config := start(t)
	n.SetResolver(names{})
	database := netip.MustParseAddrPort("10.0.1.15:5432")
	if err := errors.Join(n.CreateVPC("vpc-1", netip.MustParsePrefix("10.0.0.0/16")), n.PublishSubnet("vpc-1", "subnet-1"),
		n.AddAddress("vpc-1", database.Addr())); err != nil {
		t.Fatal(err)
	}
	listener, err := n.Listen("vpc-1", database)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "orders")
			_ = conn.Close()
		}
	}()
	functions, zipped := awslambda.NewFromConfig(config), code(t)
	for name, c := range map[string]struct {
		vpc  *lambdatypes.VpcConfig
		said string
	}{
		"outside": {nil, ""},
		"inside":  {&lambdatypes.VpcConfig{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}, "orders"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := functions.CreateFunction(ctx, &awslambda.CreateFunctionInput{
				FunctionName: aws.String(name), Role: aws.String(role), Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
				Code: &lambdatypes.FunctionCode{ZipFile: zipped}, VpcConfig: c.vpc, Timeout: aws.Int32(30),
			}); err != nil {
				t.Fatal(err)
			}
			out, err := functions.Invoke(ctx, &awslambda.InvokeInput{FunctionName: aws.String(name)})
			if err != nil || out.FunctionError != nil {
				t.Fatalf("%v %s", err, out.Payload)
			}
			var s sight
			if err := json.Unmarshal(out.Payload, &s); err != nil {
				t.Fatal(err)
			}
			who, ok := identity.Caller(aws.Credentials{SessionToken: s.Token})
			want := wire.Caller{Account: account, ARN: "arn:aws:sts::111122223333:assumed-role/looker/" + name, Role: role}
			if !ok || who != want || s.Key != identity.Credentials(role, name).AccessKeyID {
				t.Errorf("it calls as %+v with %s", who, s.Key)
			}
			if s.Said != c.said {
				t.Errorf("it reads %q", s.Said)
			}
			if s.Port != "" || strings.Trim(s.Effective, "0") != "" {
				t.Errorf("it inherits port %q, capabilities %s", s.Port, s.Effective)
			}
		})
	}
}

func TestDeliveriesToFunctionsAreHandedOver(t *testing.T) {
	ctx := context.Background()
	f, _, config := start(t)
	const function = "arn:aws:lambda:eu-central-1:111122223333:function:observer"
	events := eventbridge.NewFromConfig(config)
	rule, err := events.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("failovers"), EventPattern: aws.String(`{"source":["aws.rds"]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := events.PutTargets(ctx, &eventbridge.PutTargetsInput{
		Rule: aws.String("failovers"), Targets: []eventbridgetypes.Target{{Id: aws.String("1"), Arn: aws.String(function)}},
	}); err != nil {
		t.Fatal(err)
	}
	put, err := events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{
		{Source: aws.String("aws.rds"), DetailType: aws.String("RDS DB Instance Event"), Detail: aws.String(`{"EventID":"RDS-EVENT-0049"}`)},
	}})
	if err != nil || put.FailedEntryCount != 0 {
		t.Fatal(put, err)
	}
	check(t, f.wait(t, "POST /_local/deliver"), "events", *rule.RuleArn, function, `"EventID": "RDS-EVENT-0049"`)

	f.handed = nil
	topics := sns.NewFromConfig(config)
	topic, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("connections")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("lambda"), Endpoint: aws.String(function)}); err != nil {
		t.Fatal(err)
	}
	if _, err := topics.Publish(ctx, &sns.PublishInput{TopicArn: topic.TopicArn, Message: aws.String("Connect")}); err != nil {
		t.Fatal(err)
	}
	check(t, f.wait(t, "POST /_local/deliver"), "sns", *topic.TopicArn, function, `"Message": "Connect"`)
}

func check(t *testing.T, handed, kind, source, target, payload string) {
	t.Helper()
	var d struct {
		Kind, Account, Region, Source, Target string
		Payload                               []byte
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(handed, "POST /_local/deliver ")), &d); err != nil {
		t.Fatal(err)
	}
	if d.Kind != kind || d.Account != account || d.Region != "eu-central-1" || d.Source != source || d.Target != target || !bytes.Contains(d.Payload, []byte(payload)) {
		t.Errorf("handed over %+v with %s", d, d.Payload)
	}
}

// What was lost is not in the table as it was latest, and is in the one that it was before.
func TestATableComesBackAsItWas(t *testing.T) {
	ctx := context.Background()
	_, _, config := start(t)
	if status := deploy(t, cloudformation.NewFromConfig(config), "app", `{"Resources":{
		"Table":{"Type":"AWS::DynamoDB::Table","Properties":{"TableName":"registry","BillingMode":"PAY_PER_REQUEST","DeletionProtectionEnabled":true,
			"SSESpecification":{"SSEEnabled":true,"SSEType":"KMS","KMSMasterKeyId":"arn:aws:kms:eu-central-1:111122223333:key/k"},
			"PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":true},
			"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}},
		"Plain":{"Type":"AWS::DynamoDB::Table","Properties":{"TableName":"plain","BillingMode":"PAY_PER_REQUEST",
			"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}}}}`); status != "CREATE_COMPLETE" {
		t.Fatal(status)
	}
	tables, enabled := dynamodb.NewFromConfig(config), time.Now()
	text := func(s string) dynamodbtypes.AttributeValue { return &dynamodbtypes.AttributeValueMemberS{Value: s} }
	for _, id := range []string{"a", "b"} {
		if _, err := tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("registry"), Item: map[string]dynamodbtypes.AttributeValue{"id": text(id), "n": text("1")}}); err != nil {
			t.Fatal(err)
		}
	}
	// A moment is a second's.
	moment := time.Now().Add(time.Second).Truncate(time.Second)
	time.Sleep(time.Until(moment) + time.Millisecond)
	if _, err := tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: aws.String("registry"), Key: map[string]dynamodbtypes.AttributeValue{"id": text("a")},
		UpdateExpression: aws.String("SET n = :n"), ExpressionAttributeValues: map[string]dynamodbtypes.AttributeValue{":n": text("2")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := tables.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String("registry"), Key: map[string]dynamodbtypes.AttributeValue{"id": text("b")}}); err != nil {
		t.Fatal(err)
	}
	restore := func(source, target string, at *time.Time) error {
		_, err := tables.RestoreTableToPointInTime(ctx, &dynamodb.RestoreTableToPointInTimeInput{
			SourceTableName: &source, TargetTableName: &target, RestoreDateTime: at, UseLatestRestorableTime: aws.Bool(at == nil)})
		return err
	}
	time.Sleep(time.Until(moment.Add(2 * time.Second))) // until the last change is restorable, too
	for want, err := range map[string]error{
		"PointInTimeRecoveryUnavailableException": restore("plain", "other", nil),
		"TableNotFoundException":                  restore("none", "other", nil),
		"TableAlreadyExistsException":             restore("registry", "plain", nil),
		"InvalidRestoreTimeException":             errors.Join(restore("registry", "other", aws.Time(time.Now())), restore("registry", "other", aws.Time(enabled.Add(-time.Hour)))),
	} {
		if refused, ok := errors.AsType[smithy.APIError](err); !ok || refused.ErrorCode() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for target, row := range map[string]struct {
		at   *time.Time
		want map[string]string
	}{"latest": {nil, map[string]string{"a": "2"}}, "before": {&moment, map[string]string{"a": "1", "b": "1"}}} {
		if err := restore("registry", target, row.at); err != nil {
			t.Fatal(err)
		}
		found, err := tables.Scan(ctx, &dynamodb.ScanInput{TableName: &target})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, item := range found.Items {
			got[item["id"].(*dynamodbtypes.AttributeValueMemberS).Value] = item["n"].(*dynamodbtypes.AttributeValueMemberS).Value
		}
		if !maps.Equal(got, row.want) {
			t.Errorf("%s has %v, want %v", target, got, row.want)
		}
		table, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &target})
		if err != nil || aws.ToString(table.Table.SSEDescription.KMSMasterKeyArn) != "arn:aws:kms:eu-central-1:111122223333:key/k" || aws.ToBool(table.Table.DeletionProtectionEnabled) {
			t.Errorf("%s is %+v: %v", target, table, err)
		}
	}
}

func TestCloudFormationAppliesWhatMiniStackDrops(t *testing.T) {
	ctx := context.Background()
	f, _, config := start(t)
	stacks := cloudformation.NewFromConfig(config)
	template := `{"Resources":{
		"Group":{"Type":"AWS::Scheduler::ScheduleGroup","Properties":{"Name":"sync"}},
		"Schedule":{"Type":"AWS::Scheduler::Schedule","Properties":{"Name":"sweep","GroupName":"sync","ScheduleExpression":"rate(1 minute)","StartDate":"2026-01-01T00:00:00Z",
			"FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:lambda:eu-central-1:111122223333:function:f","RoleArn":"arn:aws:iam::111122223333:role/r"}}},
		"Table":{"Type":"AWS::DynamoDB::Table","Properties":{"TableName":"registry","BillingMode":"PAY_PER_REQUEST","SSESpecification":{"SSEEnabled":true,"SSEType":"KMS"},
			"PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":true},
			"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}},
		"Bucket":{"Type":"AWS::S3::Bucket","Properties":{"BucketName":"code","BucketEncryption":{"ServerSideEncryptionConfiguration":[
			{"ServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"1234"},"BucketKeyEnabled":true}]}}},
		"Topic":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"operators","KmsMasterKeyId":"alias/aws/sns"}},
		"Bus":{"Type":"AWS::Events::EventBus","Properties":{"Name":"app"}},
		"Policy":{"Type":"AWS::Events::EventBusPolicy","Properties":{"EventBusName":{"Ref":"Bus"},"StatementId":"Only",
			"Statement":{"Effect":"Deny","Principal":"*","Action":"events:PutEvents","Resource":"*"}}},
		"Function":{"Type":"AWS::Lambda::Function","Properties":{"FunctionName":"f","Runtime":"provided.al2023","Handler":"bootstrap","Role":"arn:aws:iam::111122223333:role/r",
			"Code":{"ZipFile":"x"},"ReservedConcurrentExecutions":1,"DeadLetterConfig":{"TargetArn":"arn:aws:sqs:eu-central-1:111122223333:dead"}}}}}`
	if status := deploy(t, stacks, "app", template); status != "CREATE_COMPLETE" {
		t.Fatal(status)
	}
	if got := f.wait(t, "POST /schedules/sweep"); !strings.Contains(got, `"GroupName": "sync"`) || !strings.Contains(got, `"StartDate": 1767225600.0`) || strings.Contains(got, `"Name"`) {
		t.Error(got)
	}
	if got := f.wait(t, "PUT /2015-03-31/functions/f/configuration"); !strings.Contains(got, `{"DeadLetterConfig": {"TargetArn": "arn:aws:sqs`) {
		t.Error(got)
	}
	tables := dynamodb.NewFromConfig(config)
	backups, err := tables.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: aws.String("registry")})
	if err != nil || backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != "ENABLED" {
		t.Error(backups, err)
	}
	table, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("registry")})
	if err != nil || table.Table.SSEDescription == nil || table.Table.SSEDescription.Status != "ENABLED" {
		t.Error(table, err)
	}
	asked, err := http.NewRequestWithContext(ctx, http.MethodGet, aws.ToString(config.BaseEndpoint)+"/code?encryption", nil)
	if err != nil {
		t.Fatal(err)
	}
	asked.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=111122223333/20260101/eu-central-1/s3/aws4_request")
	answer, err := http.DefaultClient.Do(asked)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	encryption, err := io.ReadAll(answer.Body)
	for _, part := range []string{"<SSEAlgorithm>aws:kms</SSEAlgorithm>", "<KMSMasterKeyID>1234</KMSMasterKeyID>", "<BucketKeyEnabled>true</BucketKeyEnabled>"} {
		if err != nil || !strings.Contains(string(encryption), part) {
			t.Errorf("the bucket's encryption is %s, without %s: %v", encryption, part, err)
		}
	}
	topic, err := sns.NewFromConfig(config).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: aws.String("arn:aws:sns:eu-central-1:111122223333:operators")})
	if err != nil || topic.Attributes["KmsMasterKeyId"] != "alias/aws/sns" {
		t.Error(topic, err)
	}
	bus, err := eventbridge.NewFromConfig(config).DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: aws.String("app")})
	if err != nil || !strings.Contains(aws.ToString(bus.Policy), `"Sid": "Only"`) {
		t.Error(bus, err)
	}
	if got := f.wait(t, "PUT /2017-10-31/functions/f/concurrency"); !strings.Contains(got, `{"ReservedConcurrentExecutions": 1}`) {
		t.Error(got)
	}
	if _, err := stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	f.wait(t, "DELETE /schedules/sweep?groupName=sync")
}

// docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html; the wording is that of getmoto/moto's
// tests.
func TestSubscriptionsAreRefusedAsSNSDoes(t *testing.T) {
	ctx := context.Background()
	_, _, config := start(t)
	topics := sns.NewFromConfig(config)
	topic, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("hand-off")})
	if err != nil {
		t.Fatal(err)
	}
	subscribe := func(address, policy string) (string, error) {
		in := &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("email"), Endpoint: &address}
		if policy != "" {
			in.Attributes = map[string]string{"FilterPolicy": policy}
		}
		out, err := topics.Subscribe(ctx, in)
		if err != nil {
			return "", err
		}
		return aws.ToString(out.SubscriptionArn), nil
	}
	refused := func(err error, code, message string) {
		t.Helper()
		if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), message) {
			t.Errorf("%v, want %s: %s", err, code, message)
		}
	}
	values := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(`"x",`, n), ",") + "]" }
	full, err := subscribe("full@example.com", `{"exposure":`+values(150)+`}`)
	if err != nil || full != "pending confirmation" {
		t.Fatal(full, err)
	}
	listed := func() string {
		out, err := topics.ListSubscriptionsByTopic(ctx, &sns.ListSubscriptionsByTopicInput{TopicArn: topic.TopicArn})
		if err != nil || len(out.Subscriptions) != 1 {
			t.Fatal(out, err)
		}
		return aws.ToString(out.Subscriptions[0].SubscriptionArn)
	}
	if arn := listed(); arn != "PendingConfirmation" {
		t.Errorf("what waits for its addressee is listed as %s", arn)
	}
	_, err = topics.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: aws.String("PendingConfirmation")})
	refused(err, "InvalidParameter", "SubscriptionArn")
	confirmed, err := topics.ConfirmSubscription(ctx, &sns.ConfirmSubscriptionInput{TopicArn: topic.TopicArn, Token: aws.String("full@example.com")})
	if err != nil {
		t.Fatal(err)
	}
	if full = *confirmed.SubscriptionArn; listed() != full {
		t.Errorf("what its addressee has confirmed is listed as %s", listed())
	}
	set := func(policy string) error {
		_, err := topics.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{
			SubscriptionArn: &full, AttributeName: aws.String("FilterPolicy"), AttributeValue: &policy,
		})
		return err
	}
	refused(set(`{"exposure":`+values(151)+`}`), "InvalidParameter", "Filter policy is too complex")
	refused(set(`{"a":`+values(13)+`,"b":`+values(12)+`}`), "InvalidParameter", "Filter policy is too complex")
	refused(set(`{"a":["x"],"b":["x"],"c":["x"],"d":["x"],"e":["x"],"f":["x"]}`), "InvalidParameter", "Filter policy can not have more than 5 keys")
	_, err = subscribe("more@example.com", `{"exposure":`+values(151)+`}`)
	refused(err, "InvalidParameter", "Filter policy is too complex")
	_, err = subscribe("full@example.com", `{"exposure":["x"]}`)
	refused(err, "InvalidParameter", "Subscription already exists with different attributes")
	for i := range 199 {
		if _, err := subscribe(fmt.Sprintf("%d@example.com", i), `{"exposure":["x"]}`); err != nil {
			t.Fatal(err)
		}
	}
	_, err = subscribe("last@example.com", `{"exposure":["x"]}`)
	refused(err, "FilterPolicyLimitExceeded", "")
	if _, err := subscribe("last@example.com", ""); err != nil {
		t.Error(err)
	}
	if again, err := subscribe("0@example.com", `{"exposure":["x"]}`); err != nil || again == "" {
		t.Error(again, err)
	}
	if err := set(`{"exposure":["y"]}`); err != nil {
		t.Error(err)
	}
	if _, err := topics.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &full}); err != nil {
		t.Error(err)
	}
}

func TestAStackWhoseStateMachineIsInvalidFails(t *testing.T) {
	_, _, config := start(t)
	template := `{"Resources":{"Machine":{"Type":"AWS::StepFunctions::StateMachine","Properties":{"RoleArn":"arn:aws:iam::111122223333:role/r","DefinitionString":"{}"}}}}`
	stacks := cloudformation.NewFromConfig(config)
	if status := deploy(t, stacks, "bad", template); status != "ROLLBACK_COMPLETE" {
		t.Error(status)
	}
	// What failed at its creation can only be deleted.
	ctx := context.Background()
	_, created := stacks.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String("bad"), TemplateBody: &template})
	refusedInWords(t, created, "AlreadyExistsException", "Stack [bad] already exists")
	for _, kind := range []types.ChangeSetType{types.ChangeSetTypeCreate, types.ChangeSetTypeUpdate} {
		refusedInWords(t, changeSet(stacks, "bad", kind, template), "ValidationError", "is in ROLLBACK_COMPLETE state and can not be updated.")
	}
	if status := destroy(t, stacks, "bad"); status != "DELETE_COMPLETE" {
		t.Error(status)
	}
}

// A second stack takes nothing from the first, not even a name that the service itself would take twice.
func TestANameIsOneStacks(t *testing.T) {
	_, _, config := start(t)
	stacks := cloudformation.NewFromConfig(config)
	for what, row := range map[string]struct{ properties, name string }{
		"AWS::Events::EventBusPolicy":   {`"EventBusName":"bus-%s","StatementId":"Only","Statement":{"Effect":"Deny","Principal":"*","Action":"events:PutEvents","Resource":"*"}`, "Only"},
		"AWS::Events::EventBus":         {`"Name":"app","Tags":[{"Key":"stack","Value":"%s"}]`, "app"},
		"AWS::Lambda::Function":         {`"FunctionName":"f","Runtime":"provided.al2023","Handler":"bootstrap","Role":"arn:aws:iam::111122223333:role/%s","Code":{"ZipFile":"x"}`, "f"},
		"AWS::Logs::LogGroup":           {`"LogGroupName":"/app","Tags":[{"Key":"stack","Value":"%s"}]`, "/app"},
		"AWS::Scheduler::ScheduleGroup": {`"Name":"sync","Tags":[{"Key":"stack","Value":"%s"}]`, "sync"},
	} {
		name := strings.ToLower(what[strings.LastIndex(what, ":")+1:])
		template := func(stack string) string {
			return `{"Resources":{"It":{"Type":"` + what + `","Properties":{` + fmt.Sprintf(row.properties, stack) + `}}}}`
		}
		one, other := name+"-one", name+"-other"
		if status := deploy(t, stacks, one, template(one)); status != "CREATE_COMPLETE" {
			t.Errorf("%s: %s", what, status)
		}
		if status := deploy(t, stacks, other, template(other)); status != "ROLLBACK_COMPLETE" {
			t.Errorf("%s of another stack with the same name: %s", what, status)
		}
		events, err := stacks.DescribeStackEvents(context.Background(), &cloudformation.DescribeStackEventsInput{StackName: &other})
		if err != nil {
			t.Fatal(err)
		}
		want := row.name + " already exists in stack arn:aws:cloudformation:eu-central-1:111122223333:stack/" + one + "/"
		if !slices.ContainsFunc(events.StackEvents, func(e types.StackEvent) bool {
			return e.ResourceStatus == "CREATE_FAILED" && strings.Contains(aws.ToString(e.ResourceStatusReason), want)
		}) {
			t.Errorf("%s: nothing says %q", what, want)
		}
	}
}

func TestWhatAFailedDeletionDependsOnStays(t *testing.T) {
	ctx := context.Background()
	f, _, config := start(t)
	stacks, topics := cloudformation.NewFromConfig(config), sns.NewFromConfig(config)
	topic := &sns.GetTopicAttributesInput{TopicArn: aws.String("arn:aws:sns:eu-central-1:111122223333:operators")}
	template := `{"Resources":{
		"Topic":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"operators"}},
		"Schedule":{"Type":"AWS::Scheduler::Schedule","DependsOn":"Topic","Properties":{"Name":"sweep","ScheduleExpression":"rate(1 minute)",
			"FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:lambda:eu-central-1:111122223333:function:f","RoleArn":"arn:aws:iam::111122223333:role/r"}}}}}`
	if status := deploy(t, stacks, "app", template); status != "CREATE_COMPLETE" {
		t.Fatal(status)
	}
	f.refuse(http.MethodDelete)
	if status := destroy(t, stacks, "app"); status != "DELETE_FAILED" {
		t.Error(status)
	}
	if _, err := topics.GetTopicAttributes(ctx, topic); err != nil {
		t.Error(err)
	}
	_, updated := stacks.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: aws.String("app"), TemplateBody: aws.String(`{"Resources":{}}`)})
	refusedInWords(t, updated, "ValidationError", "is in DELETE_FAILED state and can not be updated.")
	refusedInWords(t, changeSet(stacks, "app", types.ChangeSetTypeUpdate, template), "ValidationError", "is in DELETE_FAILED state and can not be updated.")
	f.refuse("")
	if status := destroy(t, stacks, "app"); status != "DELETE_COMPLETE" {
		t.Error(status)
	}
	if _, err := topics.GetTopicAttributes(ctx, topic); err == nil {
		t.Error("the topic is still there")
	}
}

func TestAProtectedStackIsNotDeleted(t *testing.T) {
	ctx := context.Background()
	_, _, config := start(t)
	stacks := cloudformation.NewFromConfig(config)
	template := `{"Resources":{"Topic":{"Type":"AWS::SNS::Topic"}}}`
	// As cdk does: a change set makes the stack, which is protected before the change set is executed. One that is made anew
	// leaves the protection.
	if err := changeSet(stacks, "app", types.ChangeSetTypeCreate, template); err != nil {
		t.Fatal(err)
	}
	protect := func(on bool) {
		t.Helper()
		if _, err := stacks.UpdateTerminationProtection(ctx, &cloudformation.UpdateTerminationProtectionInput{StackName: aws.String("app"), EnableTerminationProtection: &on}); err != nil {
			t.Fatal(err)
		}
	}
	protect(true)
	if _, err := stacks.DeleteChangeSet(ctx, &cloudformation.DeleteChangeSetInput{StackName: aws.String("app"), ChangeSetName: aws.String("change")}); err != nil {
		t.Fatal(err)
	}
	if err := changeSet(stacks, "app", types.ChangeSetTypeCreate, template); err != nil {
		t.Fatal(err)
	}
	if _, err := stacks.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{StackName: aws.String("app"), ChangeSetName: aws.String("change")}); err != nil {
		t.Fatal(err)
	}
	if status := settled(t, stacks, "app"); status != "CREATE_COMPLETE" {
		t.Fatal(status)
	}
	_, refused := stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String("app")})
	refusedInWords(t, refused, "ValidationError", "cannot be deleted while TerminationProtection is enabled")
	out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("app")})
	if err != nil || out.Stacks[0].StackStatus != types.StackStatusCreateComplete || !aws.ToBool(out.Stacks[0].EnableTerminationProtection) {
		t.Error(out, err)
	}
	protect(false)
	if status := destroy(t, stacks, "app"); status != "DELETE_COMPLETE" {
		t.Error(status)
	}
}

func TestAFailedUpdateRollsBack(t *testing.T) {
	ctx := context.Background()
	_, _, config := start(t)
	stacks := cloudformation.NewFromConfig(config)
	if status := deploy(t, stacks, "app", `{"Resources":{"Topic":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"operators"}}}}`); status != "CREATE_COMPLETE" {
		t.Fatal(status)
	}
	broken := `{"Resources":{"Topic":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"operators"}},"More":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"more"}},
		"Machine":{"Type":"AWS::StepFunctions::StateMachine","DependsOn":"More","Properties":{"RoleArn":"arn:aws:iam::111122223333:role/r","DefinitionString":"{}"}}}}`
	if _, err := stacks.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: aws.String("app"), TemplateBody: &broken}); err != nil {
		t.Fatal(err)
	}
	if status := settled(t, stacks, "app"); status != "UPDATE_ROLLBACK_COMPLETE" {
		t.Error(status)
	}
	topics, err := sns.NewFromConfig(config).ListTopics(ctx, &sns.ListTopicsInput{})
	if err != nil || len(topics.Topics) != 1 {
		t.Errorf("topics are %v, %v", topics, err)
	}
}

func changeSet(stacks *cloudformation.Client, name string, kind types.ChangeSetType, template string) error {
	_, err := stacks.CreateChangeSet(context.Background(), &cloudformation.CreateChangeSetInput{
		StackName: &name, ChangeSetName: aws.String("change"), ChangeSetType: kind, TemplateBody: &template,
	})
	return err
}

func refusedInWords(t *testing.T, err error, code, words string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), words) {
		t.Errorf("%v is not %s: %s", err, code, words)
	}
}

// deploy creates a stack and returns how that ended.
func deploy(t *testing.T, stacks *cloudformation.Client, name, template string) string {
	t.Helper()
	ctx := context.Background()
	// Once: CloudFormation has a stack already that the SDK asks for again because it has not heard the reply.
	once := func(o *cloudformation.Options) { o.Retryer = aws.NopRetryer{} }
	_, err := stacks.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String(name), TemplateBody: aws.String(template)}, once)
	if _, answered := errors.AsType[smithy.APIError](err); answered {
		t.Fatal(err)
	}
	if err != nil {
		t.Logf("no reply to the creation of %s, which is there or is not: %v", name, err)
	}
	return settled(t, stacks, name)
}

// destroy deletes a stack and returns how that ended.
func destroy(t *testing.T, stacks *cloudformation.Client, name string) string {
	t.Helper()
	ctx := context.Background()
	// A deleted stack is described by its id alone.
	out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
		t.Fatal(err)
	}
	return settled(t, stacks, *out.Stacks[0].StackId)
}

func settled(t *testing.T, stacks *cloudformation.Client, name string) string {
	t.Helper()
	for range 3000 {
		out, err := stacks.DescribeStacks(context.Background(), &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil {
			t.Fatal(err)
		}
		if status := string(out.Stacks[0].StackStatus); !strings.HasSuffix(status, "_IN_PROGRESS") {
			return status
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the stack is still being changed")
	return ""
}
