package front_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/rdslink/rdslink/local/front"
	"github.com/rdslink/rdslink/local/front/identity"
	"github.com/rdslink/rdslink/local/wire"
)

const (
	account = "111122223333"
	role    = "arn:aws:iam::111122223333:role/observer"
)

// cloud is a door with two operations of its own, in front of a MiniStack that writes down who asks for what.
type cloud struct {
	*front.Door
	url       string
	forwarded []string
	created   int
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, service, _ := identity.Read(r)
		if service == "iam" {
			if r.FormValue("RoleName") != "observer" {
				w.WriteHeader(http.StatusNotFound)
			}
			return
		}
		c.forwarded = append(c.forwarded, caller.ARN+" "+service+" "+r.Header.Get("X-Amz-Target"))
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(backend.Close)
	var err error
	if c.Door, err = front.New(backend.URL); err != nil {
		t.Fatal(err)
	}
	createVPC := wire.Op(func(ctx context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error) {
		c.created++
		return &ec2.CreateVpcOutput{Vpc: &types.Vpc{CidrBlock: in.CidrBlock, OwnerId: aws.String(wire.CallerOf(ctx).Account)}}, nil
	})
	if err := c.Own("ec2", "ec2", wire.Operations{"CreateVpc": createVPC}); err != nil {
		t.Fatal(err)
	}
	if err := c.Own("states", "stepfunctions", nil, "ListStateMachines"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *cloud) as(who aws.Credentials) aws.Config {
	config := identity.Config(c.url, "eu-central-1", who)
	config.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return config
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestTheDoorServesItsOwnAndForwardsTheRestAsRoot(t *testing.T) {
	ctx, c := context.Background(), newCloud(t)
	observer := c.as(identity.Credentials(role, "observer"))
	out, err := ec2.NewFromConfig(observer).CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil || *out.Vpc.OwnerId != account {
		t.Fatal(out, err)
	}
	if _, err := dynamodb.NewFromConfig(observer).ListTables(ctx, nil); err != nil {
		t.Error(err)
	}
	if _, err := sfn.NewFromConfig(observer).ListStateMachines(ctx, nil); err != nil {
		t.Error(err)
	}
	want := []string{
		"arn:aws:iam::111122223333:root dynamodb DynamoDB_20120810.ListTables",
		"arn:aws:iam::111122223333:root states AWSStepFunctions.ListStateMachines",
	}
	if strings.Join(c.forwarded, "\n") != strings.Join(want, "\n") {
		t.Error(c.forwarded)
	}
	for name, err := range map[string]error{
		"an operation that the part does not have":   second(ec2.NewFromConfig(observer).DescribeVpcs(ctx, nil)),
		"an operation that neither of the two serve": second(sfn.NewFromConfig(observer).ListActivities(ctx, nil)),
	} {
		if code(err) != "NotImplemented" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestSTSKnowsTheCallerAndGivesSessionsOfRolesThatExist(t *testing.T) {
	ctx, c := context.Background(), newCloud(t)
	root := sts.NewFromConfig(c.as(identity.Root(account)))
	if me, err := root.GetCallerIdentity(ctx, nil); err != nil || *me.Arn != "arn:aws:iam::111122223333:root" || *me.UserId != account {
		t.Error(me, err)
	}
	session, err := root.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("look")})
	if err != nil {
		t.Fatal(err)
	}
	got := session.Credentials
	assumed := c.as(aws.Credentials{AccessKeyID: *got.AccessKeyId, SecretAccessKey: *got.SecretAccessKey, SessionToken: *got.SessionToken})
	me, err := sts.NewFromConfig(assumed).GetCallerIdentity(ctx, nil)
	if err != nil || *me.Arn != "arn:aws:sts::111122223333:assumed-role/observer/look" || *me.UserId != *session.AssumedRoleUser.AssumedRoleId {
		t.Error(aws.ToString(me.Arn), aws.ToString(me.UserId), err)
	}
	if _, err := root.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(role + "s"), RoleSessionName: aws.String("look")}); code(err) != "AccessDenied" {
		t.Error(err)
	}
}

func TestAFaultMeetsTheCallsThatItsRuleNames(t *testing.T) {
	for name, c := range map[string]struct {
		rule          string
		refused       string // what CreateVpc's caller reads
		again         string // and at the second try
		created       int
		loggedStatus  int
		loggedRefusal string
	}{
		"throttle once":       {`{"action":"CreateVpc","kind":"throttle","count":1}`, "RequestLimitExceeded", "", 1, 503, "RequestLimitExceeded"},
		"deny for ever":       {`{"role":"observer","kind":"deny"}`, "UnauthorizedOperation", "UnauthorizedOperation", 0, 403, "UnauthorizedOperation"},
		"drop":                {`{"action":"ec2:CreateVpc","kind":"drop","count":1}`, "EOF", "", 1, 0, ""},
		"lose the reply":      {`{"action":"CreateVpc","kind":"reply-lost","count":1}`, "EOF", "", 2, 0, ""},
		"delay":               {`{"kind":"delay","delay":"1ms"}`, "", "", 2, 200, ""},
		"another role's call": {`{"role":"server","kind":"deny"}`, "", "", 2, 200, ""},
		"refuse in AWS's words": {`{"action":"CreateVpc","kind":"refuse","code":"VpcLimitExceeded","message":"The maximum number of VPCs has been reached.","count":1}`,
			"VpcLimitExceeded", "", 1, 400, "VpcLimitExceeded"},
		"refuse with a status":          {`{"action":"CreateVpc","kind":"refuse","code":"Unsupported","status":409,"count":1}`, "Unsupported", "", 1, 409, "Unsupported"},
		"an error of the service's own": {`{"action":"CreateVpc","kind":"fail","count":1}`, "InternalFailure", "", 1, 500, "InternalFailure"},
		"the second":                    {`{"action":"CreateVpc","kind":"deny","skip":1}`, "", "UnauthorizedOperation", 1, 200, ""},
		"twice":                         {`{"action":"CreateVpc","kind":"duplicate","count":1}`, "", "", 3, 200, ""},
		"somebody else's":               {`{"for":"execution-1","kind":"deny"}`, "", "", 2, 200, ""},
		"the resource's call":           {`{"resource":"ipam-pool-0123456789abcdef0","kind":"deny","count":1}`, "UnauthorizedOperation", "", 1, 403, "UnauthorizedOperation"},
		"another resource":              {`{"resource":"vpc-0123456789abcdef0","kind":"deny"}`, "", "", 2, 200, ""},
		"another service":               {`{"action":"rds:CreateVpc","kind":"deny"}`, "", "", 2, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cloud := context.Background(), newCloud(t)
			post(t, cloud.url+"/_local/faults", c.rule, http.StatusOK)
			vpcs := ec2.NewFromConfig(cloud.as(identity.Credentials(role, "observer")))
			for _, want := range []string{c.refused, c.again} {
				_, err := vpcs.CreateVpc(ctx, &ec2.CreateVpcInput{Ipv4IpamPoolId: aws.String("ipam-pool-0123456789abcdef0")})
				if got := code(err); want == "" && err != nil || !strings.Contains(got, want) {
					t.Errorf("answered %v, not %q", err, want)
				}
			}
			if cloud.created != c.created {
				t.Errorf("made %d", cloud.created)
			}
			if e := cloud.Log.Since(0)[0]; e.Status != c.loggedStatus || e.Error != c.loggedRefusal {
				t.Errorf("logged %+v", e)
			}
		})
	}
}

func TestAFaultThatNobodyKnowsIsRefused(t *testing.T) {
	c := newCloud(t)
	post(t, c.url+"/_local/faults", `{"kind":"explode"}`, http.StatusBadRequest)
	post(t, c.url+"/_local/faults", `{"kind":"deny","roles":"x"}`, http.StatusBadRequest)
	post(t, c.url+"/_local/faults", `{"kind":"refuse","action":"CreateVpc"}`, http.StatusBadRequest)
}

// A function's calls are told from those of the same function for somebody else by what invoked it, and with what.
func TestAFaultIsForAnInvocation(t *testing.T) {
	c := newCloud(t)
	post(t, c.url+"/_local/faults", `{"for":"execution-1","role":"observer","kind":"deny"}`, http.StatusOK)
	post(t, c.url+"/_local/faults", `{"for":"vpce-svc-1","role":"observer","kind":"fail"}`, http.StatusOK)
	pick := func(session, action, trace, payload string) front.FaultKind {
		caller := wire.Caller{Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/r/" + session, Role: "arn:aws:iam::" + account + ":role/r"}
		if action != "Invoke" {
			caller.Role = role
		}
		return c.Fault(t.Context(), front.Call{Caller: caller, Service: "ec2", Action: action, Trace: trace, Payload: payload}).Kind
	}
	pick("execution-1", "Invoke", "a", `{}`)
	pick("execution-2", "Invoke", "b", `{}`)
	pick("sns", "Invoke", "c", `{"service":"vpce-svc-1"}`)
	pick("observer", "Invoke", "c", `{"host":"db"}`) // it invokes another function
	for trace, want := range map[string]front.FaultKind{"a": front.Deny, "b": "", "c": front.Fail, "": ""} {
		if got := pick("observer", "DescribeVpcs", trace, ""); got != want {
			t.Errorf("in the invocation %q the fault is %q and not %q", trace, got, want)
		}
	}
}

func TestWhatIsMadeLateIsHidden(t *testing.T) {
	c := newCloud(t)
	const group, vpc = "sg-0123456789abcdef0", "vpc-0123456789abcdef0"
	err := c.Own("ec2", "ec2", wire.Operations{"CreateSecurityGroup": wire.Op(
		func(_ context.Context, in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
			return &ec2.CreateSecurityGroupOutput{GroupId: aws.String(group)}, nil
		})})
	if err != nil {
		t.Fatal(err)
	}
	var hidden []string
	c.Hide = func(_ time.Duration, ids ...string) { hidden = append(hidden, ids...) }
	post(t, c.url+"/_local/faults", `{"action":"CreateSecurityGroup","kind":"late","delay":"1s","count":1}`, http.StatusOK)
	_, err = ec2.NewFromConfig(c.as(identity.Credentials(role, "observer"))).CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("g"), Description: aws.String("d"), VpcId: aws.String(vpc),
	})
	if err != nil || !slices.Equal(hidden, []string{group}) {
		t.Errorf("hidden: %v (%v)", hidden, err)
	}
}

func post(t *testing.T, url, body string, want int) {
	t.Helper()
	answer, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil || answer.StatusCode != want {
		t.Fatal(answer, err)
	}
	_ = answer.Body.Close()
}

func TestAPermissionIsAskedForBeforeTheCallAndItsRefusalIsTheAnswer(t *testing.T) {
	ctx, c := context.Background(), newCloud(t)
	var asked []front.Call
	c.Decide = func(_ context.Context, call front.Call) (front.Decision, error) {
		asked = append(asked, call)
		return front.Decision{Permissions: []front.Permission{{Action: call.Action}}}, front.Denied(call)
	}
	observer := c.as(identity.Credentials(role, "observer"))
	in := &sns.PublishInput{TopicArn: aws.String("arn:aws:sns:eu-central-1:111122223333:operators"), Message: aws.String("m")}
	if _, err := sns.NewFromConfig(observer).Publish(ctx, in); code(err) != "AuthorizationError" {
		t.Error(err)
	}
	_, err := ec2.NewFromConfig(observer).CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if code(err) != "UnauthorizedOperation" || c.created != 0 || len(c.forwarded) != 0 {
		t.Error(err, c.created, c.forwarded)
	}
	if asked[1].Parameters["CidrBlock"] != "10.0.0.0/16" || asked[1].Caller.Role != role || asked[0].Parameters["TopicArn"] != *in.TopicArn {
		t.Errorf("%+v", asked)
	}
}

// CloudWatch's clients speak CBOR, and take an answer in nothing else
// (smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html). Who answers speaks JSON.
func TestACallInCBORIsServedAsJSONAndAnsweredInCBOR(t *testing.T) {
	c := newCloud(t)
	var asked front.Call
	var refusal error
	c.Decide = func(_ context.Context, call front.Call) (front.Decision, error) {
		asked = call
		return front.Decision{}, refusal
	}
	call := func() (int, cbor.Value) {
		t.Helper()
		sent := cbor.Encode(cbor.Map{"Namespace": cbor.String("own"), "Period": cbor.Uint(60), "StartTime": &cbor.Tag{ID: 1, Value: cbor.Float64(1.5)},
			"Statistics": cbor.List{cbor.String("Sum")}})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
			c.url+"/service/GraniteServiceVersion20100801/operation/GetMetricStatistics", bytes.NewReader(sent))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+account+"/20260101/eu-central-1/monitoring/aws4_request")
		r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" || answer.Header.Get("Content-Type") != "application/cbor" {
			t.Errorf("%v %v", answer.Header, err)
		}
		said, err := cbor.Decode(body)
		if err != nil {
			t.Errorf("%q: %v", body, err)
		}
		return answer.StatusCode, said
	}
	status, said := call()
	if _, ok := said.(cbor.Map); status != http.StatusOK || !ok {
		t.Errorf("%d %v", status, said)
	}
	want := map[string]any{"Namespace": "own", "Period": uint64(60), "StartTime": 1.5, "Statistics": []any{"Sum"}}
	if !reflect.DeepEqual(asked.Parameters, want) || asked.Action != "GetMetricStatistics" {
		t.Errorf("asked %s %v", asked.Action, asked.Parameters)
	}
	if forwarded := strings.Join(c.forwarded, "\n"); !strings.Contains(forwarded, "monitoring GraniteServiceVersion20100801.GetMetricStatistics") {
		t.Error(forwarded)
	}
	refusal = &wire.Error{Code: "AccessDenied", Message: "no", Status: http.StatusForbidden}
	status, said = call()
	if status != http.StatusForbidden || !reflect.DeepEqual(said, cbor.Map{"__type": cbor.String("AccessDenied"), "message": cbor.String("no")}) {
		t.Errorf("%d %v", status, said)
	}
}

func TestOnlyACallThatHasSucceededCountsAsDone(t *testing.T) {
	for name, row := range map[string]struct {
		allowed bool
		fault   string
		action  string
		want    int
	}{
		"it is refused":           {false, "", "CreateVpc", 0},
		"it fails":                {true, "", "DescribeVpcs", 0},
		"it is throttled":         {true, `{"kind":"throttle"}`, "CreateVpc", 0},
		"it is done":              {true, "", "CreateVpc", 1},
		"its answer is not heard": {true, `{"kind":"reply-lost"}`, "CreateVpc", 1},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, c, done := context.Background(), newCloud(t), 0
			c.Decide = func(_ context.Context, call front.Call) (front.Decision, error) {
				d := front.Decision{Succeeded: func() { done++ }}
				if !row.allowed {
					return d, front.Denied(call)
				}
				return d, nil
			}
			if row.fault != "" {
				post(t, c.url+"/_local/faults", row.fault, http.StatusOK)
			}
			client := ec2.NewFromConfig(c.as(identity.Credentials(role, "observer")))
			if row.action == "CreateVpc" {
				_, _ = client.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
			} else {
				_, _ = client.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
			}
			if done != row.want {
				t.Errorf("it counts as done %d times, and not %d", done, row.want)
			}
		})
	}
}

func TestTheLogHasEveryCall(t *testing.T) {
	ctx, c := context.Background(), newCloud(t)
	observer := c.as(identity.Credentials(role, "observer"))
	_, _ = dynamodb.NewFromConfig(observer).GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String("registry"), Key: map[string]dynamodbtypes.AttributeValue{"id": &dynamodbtypes.AttributeValueMemberS{Value: "orders"}},
	})
	_, _ = ec2.NewFromConfig(observer).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-0123456789abcdef0"}})
	answer, err := http.Get(c.url + "/_local/calls?since=1")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e front.Entry
	if err := json.Unmarshal(lines, &e); err != nil {
		t.Fatalf("%v: %s", err, lines)
	}
	if e.N != 2 || e.Session != "observer" || e.Service+":"+e.Action != "ec2:DescribeVpcs" || e.Status != 501 || e.Error != "NotImplemented" || e.Resources[0] != "vpc-0123456789abcdef0" {
		t.Errorf("%+v", e)
	}
	if e := c.Log.Since(0)[0]; e.Action != "GetItem" || strings.Join(e.Resources, " ") != "orders registry" || e.Status != 200 {
		t.Errorf("%+v", e)
	}
}
