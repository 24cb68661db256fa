package sfn

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/local/wire"
)

func TestStartExecutionRefuses(t *testing.T) {
	tests := map[string]struct {
		in   sfn.StartExecutionInput
		want string
	}{
		"a machine that is not there": {sfn.StartExecutionInput{StateMachineArn: aws.String(machineARN + "x")}, "StateMachineDoesNotExist"},
		"no ARN":                      {sfn.StartExecutionInput{StateMachineArn: aws.String("setup")}, "InvalidArn"},
		"input that is not JSON":      {sfn.StartExecutionInput{Input: aws.String("{'a': 1}")}, "InvalidExecutionInput"},
		"empty input":                 {sfn.StartExecutionInput{Input: aws.String("")}, "InvalidExecutionInput"},
		"two documents":               {sfn.StartExecutionInput{Input: aws.String("{}{}")}, "InvalidExecutionInput"},
		"input of 256 KiB and one":    {sfn.StartExecutionInput{Input: aws.String(`"` + strings.Repeat("x", maxBytes-1) + `"`)}, "InvalidExecutionInput"},
		"a name with a space":         {sfn.StartExecutionInput{Name: aws.String("a b")}, "InvalidName"},
		"a name with a colon":         {sfn.StartExecutionInput{Name: aws.String("a:b")}, "InvalidName"},
		"a trace":                     {sfn.StartExecutionInput{TraceHeader: aws.String("Root=1-5759e988-bd862e3fe1be46a994272793")}, "ValidationException"},
		"a long name":                 {sfn.StartExecutionInput{Name: aws.String(strings.Repeat("x", 81))}, "InvalidName"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.in.StateMachineArn == nil {
				test.in.StateMachineArn = aws.String(machineARN)
			}
			_, err := newCloud(t, one(passing)).startExecution(caller, &test.in)
			if code(err) != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestStartExecutionIsIdempotentWhileItRuns(t *testing.T) {
	c := newCloud(t, one(`{`+waiting+`,"End":true}`), outcome{answer: "{}"})
	again := func(input string) error {
		_, err := c.startExecution(caller, &sfn.StartExecutionInput{StateMachineArn: aws.String(machineARN), Name: aws.String("run"), Input: &input})
		return err
	}
	arn := c.start(`{"a":1}`)
	if err := again(`{"a":1}`); err != nil {
		t.Errorf("same input while it runs: %v", err)
	}
	if got := code(again(`{"a":2}`)); got != "ExecutionAlreadyExists" {
		t.Errorf("other input: %s", got)
	}
	success(`{}`)(c, c.token())
	c.ended(arn)
	if got := code(again(`{"a":1}`)); got != "ExecutionAlreadyExists" {
		t.Errorf("same input after its end: %s", got)
	}
	if n := len(c.lambda.payloads); n != 1 {
		t.Errorf("%d invocations", n)
	}
}

func TestTokenAnswers(t *testing.T) {
	other := wire.WithCaller(context.Background(), wire.Caller{Account: "133737826969"})
	tests := map[string]struct {
		ctx    context.Context
		token  func(open, closed string) string
		output string
		want   string
	}{
		"junk":                    {token: func(_, _ string) string { return "junk" }, want: "InvalidToken"},
		"a token with a space":    {token: func(open, _ string) string { return open[:30] + " " + open[31:] }, want: "InvalidToken"},
		"a token of nobody":       {token: func(_, _ string) string { return newToken() }, want: "TaskDoesNotExist"},
		"another account's token": {ctx: other, want: "InvalidToken"},
		"a token already used":    {token: func(_, closed string) string { return closed }, want: "TaskTimedOut"},
		"no JSON":                 {output: "done", want: "InvalidOutput"},
		"too much":                {output: `"` + strings.Repeat("x", maxBytes) + `"`, want: "InvalidOutput"},
		"a good answer":           {},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, `{"StartAt":"A","States":{"A":{`+waiting+`,"Next":"B"},"B":{`+waiting+`,"End":true}}}`, outcome{answer: "{}"})
			c.start("{}")
			closed := c.token()
			success("{}")(c, closed)
			token := c.token()
			if test.token != nil {
				token = test.token(token, closed)
			}
			if test.output == "" {
				test.output = "{}"
			}
			if test.ctx == nil {
				test.ctx = caller
			}
			_, err := c.sendTaskSuccess(test.ctx, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: &test.output})
			if code(err) != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestEveryAttemptHasItsOwnToken(t *testing.T) {
	c := newCloud(t, one(`{`+waiting+`,"Retry":[{"ErrorEquals":["E"],"MaxAttempts":2}],"End":true}`), outcome{answer: "{}"})
	arn := c.start("{}")
	first := c.token()
	failing(aws.String("E"), nil)(c, first)
	second := c.token()
	if first == second {
		t.Fatal("the token was used again")
	}
	_, err := c.sendTaskSuccess(caller, &sfn.SendTaskSuccessInput{TaskToken: &first, Output: aws.String("{}")})
	if code(err) != "TaskTimedOut" {
		t.Errorf("the first attempt's token: %v", err)
	}
	success(`{}`)(c, second)
	if end := c.ended(arn); end.Status != types.ExecutionStatusSucceeded {
		t.Error(end.Status)
	}
}

func TestFunctionErrorFailsTokenTask(t *testing.T) {
	c := newCloud(t, one(`{`+waiting+`,"End":true}`), outcome{functionError: raised})
	arn := c.start("{}")
	if end := c.ended(arn); aws.ToString(end.Error) != "Exception" {
		t.Errorf("got %v", c.history(arn))
	}
	token := c.token()
	if _, err := c.sendTaskFailure(caller, &sfn.SendTaskFailureInput{TaskToken: &token}); code(err) != "TaskTimedOut" {
		t.Errorf("an answer afterwards: %v", err)
	}
}

func TestLambdaErrorsByName(t *testing.T) {
	tests := map[string]outcome{
		"Lambda.TooManyRequestsException":  {refusal: refusal(429, "TooManyRequestsException", "Rate Exceeded.")},
		"Lambda.ServiceException":          {refusal: refusal(500, "ServiceException", "")},
		"Lambda.ResourceNotReadyException": {refusal: refusal(502, "ResourceNotReadyException", "The function is inactive and its VPC connection is no longer available")},
		"Lambda.AWSLambdaException":        {refusal: refusal(403, "AccessDeniedException", "User: … is not authorized to perform: lambda:InvokeFunction")},
		"Lambda.SdkClientException":        {refusal: context.DeadlineExceeded},
		"Sandbox.Timedout":                 {functionError: `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1 Error: Task timed out after 3.00 seconds"}`},
		"Runtime.ExitError":                {functionError: `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 1 Error: Runtime exited with error: exit status 1"}`},
		"NotReady":                         {functionError: `{"errorType":"NotReady","errorMessage":"load balancer is provisioning"}`},
		"Lambda.Unknown":                   {functionError: `{"errorMessage":"no type"}`},
	}
	for name, o := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, one(`{`+invoke+`,"End":true}`), o)
			if end := c.ended(c.start("{}")); aws.ToString(end.Error) != name {
				t.Errorf("got %s: %s", aws.ToString(end.Error), aws.ToString(end.Cause))
			}
		})
	}
}

// The definition is taken, and the execution fails when it comes to the state.
func TestATaskOfAnotherPartitionFailsWhenItRuns(t *testing.T) {
	for _, integration := range []string{"lambda:invoke", "lambda:invoke.waitForTaskToken"} {
		c := newCloud(t, one(`{"Type":"Task","Resource":"arn:aws-us-gov:states:::`+integration+`","Parameters":{"FunctionName":"f","Payload":{}},"End":true}`))
		end := c.ended(c.start("{}"))
		const want = "An error occurred while executing the state 'S' (entered at the event id #2). " +
			"The resource belongs to a different partition from the running execution. Expected 'aws', was 'aws-us-gov'."
		if aws.ToString(end.Error) != "States.Runtime" || aws.ToString(end.Cause) != want || len(c.lambda.payloads) != 0 {
			t.Errorf("%s: %s: %s, after %d invocations", integration, aws.ToString(end.Error), aws.ToString(end.Cause), len(c.lambda.payloads))
		}
	}
}

func TestRetriersCountForThemselves(t *testing.T) {
	a, b := outcome{functionError: `{"errorType":"A"}`}, outcome{functionError: `{"errorType":"B"}`}
	c := newCloud(t, one(`{`+invoke+`,"Retry":[{"ErrorEquals":["A"],"MaxAttempts":2},{"ErrorEquals":["B"],"MaxAttempts":1}],"End":true}`), a, b, a, b)
	arn := c.start("{}")
	if end := c.ended(arn); aws.ToString(end.Error) != "B" {
		t.Error(c.history(arn))
	}
	if n := len(c.lambda.payloads); n != 4 {
		t.Errorf("%d attempts, want 4: one more than the three retries", n)
	}
}

func TestStopExecution(t *testing.T) {
	c := newCloud(t, one(`{`+waiting+`,"End":true}`), outcome{answer: "{}"})
	arn := c.start("{}")
	token := c.token()
	c.reached(arn, "TaskSubmitted")
	stop := func() {
		if _, err := c.stopExecution(caller, &sfn.StopExecutionInput{ExecutionArn: &arn, Error: aws.String("Teardown"), Cause: aws.String("removed")}); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	_, err := c.sendTaskSuccess(caller, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("{}")})
	if code(err) != "TaskTimedOut" {
		t.Errorf("a late answer: %v", err)
	}
	stop()
	want := []string{
		"1<-0 ExecutionStarted", "2<-0 TaskStateEntered name=S", "3<-2 TaskScheduled resource=invoke.waitForTaskToken", "4<-3 TaskStarted",
		"5<-4 TaskSubmitted", "6<-0 ExecutionAborted error=Teardown",
	}
	if got := c.history(arn); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if end := c.ended(arn); end.Status != types.ExecutionStatusAborted || *end.Cause != "removed" || end.RedriveStatus != types.ExecutionRedriveStatusRedrivable {
		t.Errorf("got %+v", end)
	}
}

// DescribeExecution as in LocalStack's test_timeouts.snapshot.json (test_global_timeout of 10 Mar 2024).
func TestMachineTimeout(t *testing.T) {
	c := newCloud(t, `{"TimeoutSeconds":1,"StartAt":"S","States":{"S":{`+waiting+`,"End":true}}}`, outcome{answer: "{}"})
	end := c.ended(c.start("{}"))
	if end.Status != types.ExecutionStatusTimedOut || end.Error != nil || end.Cause != nil || end.RedriveStatus != types.ExecutionRedriveStatusRedrivable {
		t.Errorf("got %+v", end)
	}
}

func TestRedrive(t *testing.T) {
	c := newCloud(t, `{"StartAt":"A","States":{"A":{`+invoke+`,"ResultSelector":{"a.$":"$.Payload.one"},"ResultPath":"$.a","Next":"B"},
		"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload":{"a.$":"$.a","redrives.$":"$$.Execution.RedriveCount","retries.$":"$$.State.RetryCount"}},
		"Retry":[{"ErrorEquals":["Exception"],"MaxAttempts":1}],"OutputPath":"$.Payload","End":true}}}`,
		outcome{answer: `{"one":1}`}, outcome{functionError: raised}, outcome{functionError: raised}, outcome{functionError: raised},
		outcome{answer: `"ok"`})
	arn := c.start("{}")
	c.ended(arn)
	redrive := func(token string) (*sfn.RedriveExecutionOutput, error) {
		return c.redriveExecution(caller, &sfn.RedriveExecutionInput{ExecutionArn: &arn, ClientToken: &token})
	}
	first, err := redrive("one")
	if err != nil {
		t.Fatal(err)
	}
	end := c.ended(arn)
	if again, err := redrive("one"); err != nil || !again.RedriveDate.Equal(*first.RedriveDate) {
		t.Errorf("the same client token: %v, %v", again, err)
	}
	if _, err := redrive("two"); code(err) != "ExecutionNotRedrivable" {
		t.Errorf("of a success: %v", err)
	}
	want := []string{
		"14<-13 ExecutionFailed error=Exception cause=" + raised,
		"15<-14 ExecutionRedriven count=1",
		"16<-15 TaskScheduled resource=invoke", "17<-16 TaskStarted", "18<-17 TaskFailed error=Exception cause=" + raised,
		"19<-18 TaskScheduled resource=invoke", "20<-19 TaskStarted", "21<-20 TaskSucceeded", "22<-21 TaskStateExited name=B", "23<-22 ExecutionSucceeded",
	}
	if got := c.history(arn); !slices.Equal(got[13:], want) {
		t.Errorf("got %q", got)
	}
	if want := []string{`{"in":{}}`, `{"a":{"a":1},"redrives":0,"retries":0}`, `{"a":{"a":1},"redrives":0,"retries":1}`, `{"a":{"a":1},"redrives":1,"retries":0}`,
		`{"a":{"a":1},"redrives":1,"retries":1}`}; !slices.Equal(c.lambda.payloads, want) {
		t.Errorf("payloads %q", c.lambda.payloads)
	}
	if *end.Output != `"ok"` || *end.RedriveCount != 1 || end.RedriveDate == nil || *end.RedriveStatusReason != "Execution is SUCCEEDED and cannot be redriven" {
		t.Errorf("got %+v", end)
	}
}

// The detail has the members and nulls of LocalStack's test_base.snapshot.json
// (test_event_bridge_events_base of 7 Feb 2024).
func TestStatusChangeEvents(t *testing.T) {
	c := newCloud(t, one(passing))
	arn := c.start(`{"a":1}`)
	end := c.ended(arn)
	c.world.Lock()
	defer c.world.Unlock()
	if len(c.events) != 2 {
		t.Fatalf("%d events", len(c.events))
	}
	for i, status := range []string{"RUNNING", "SUCCEEDED"} {
		text, _ := json.Marshal(c.events[i].Detail)
		var detail map[string]any
		_ = json.Unmarshal(text, &detail)
		want := map[string]any{
			"executionArn": arn, "stateMachineArn": machineARN, "name": "run", "status": status, "input": `{"a":1}`, "output": nil,
			"startDate": float64(end.StartDate.UnixMilli()), "stopDate": nil, "stateMachineVersionArn": nil, "stateMachineAliasArn": nil,
			"redriveCount": 0.0, "redriveDate": nil, "redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": "Execution is " + status + " and cannot be redriven",
			"inputDetails": map[string]any{"included": true}, "outputDetails": nil, "error": nil, "cause": nil,
		}
		if status == "SUCCEEDED" {
			want["output"], want["outputDetails"], want["stopDate"] = `{"a":1}`, want["inputDetails"], float64(end.StopDate.UnixMilli())
		}
		if got := encode(detail); got != encode(want) {
			t.Errorf("got  %s\nwant %s", got, encode(want))
		}
		if e := c.events[i]; e.Account != account || e.Source != "aws.states" || e.DetailType != "Step Functions Execution Status Change" || !slices.Equal(e.Resources, []string{arn}) {
			t.Errorf("got %+v", e)
		}
	}
}

func TestContextObject(t *testing.T) {
	c := newCloud(t, one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"f","Payload":{
		"id.$":"$$.Execution.Id","input.$":"$$.Execution.Input","a.$":"$$.Execution.Input.a","redrives.$":"$$.Execution.RedriveCount",
		"retries.$":"$$.State.RetryCount","Token.$":"$$.Task.Token"}},"End":true}`))
	arn := c.start(`{"a":1}`)
	token := c.token()
	want := `{"Token":"` + token + `","a":1,"id":"` + arn + `","input":{"a":1},"redrives":0,"retries":0}`
	if got := c.lambda.payloads; !slices.Equal(got, []string{want}) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	success("{}")(c, token)
	c.ended(arn)
}

// A result is selected from, goes where ResultPath says, and OutputPath takes its part of all that: docs.aws.amazon.com/
// step-functions/latest/dg/concepts-input-output-filtering.html.
func TestWhatATaskLeaves(t *testing.T) {
	tests := map[string]struct{ fields, want string }{
		"its result":                {`"OutputPath":"$.Payload"`, `{"x":{"y":2}}`},
		"what it selects":           {`"ResultSelector":{"z.$":"$.Payload.x"}`, `{"z":{"y":2}}`},
		"its input":                 {`"ResultPath":null`, `{"a":{"b":1}}`},
		"a member more":             {`"ResultSelector":{"z.$":"$.Payload.x.y"},"ResultPath":"$.c"`, `{"a":{"b":1},"c":{"z":2}}`},
		"a member below another":    {`"ResultSelector":{"z.$":"$.Payload.x.y"},"ResultPath":"$.a.c"`, `{"a":{"b":1,"c":{"z":2}}}`},
		"another in place of one":   {`"ResultSelector":{"z.$":"$.Payload.x.y"},"ResultPath":"$.a"`, `{"a":{"z":2}}`},
		"a part of both":            {`"ResultSelector":{"z.$":"$.Payload.x.y"},"ResultPath":"$.a.c","OutputPath":"$.a"`, `{"b":1,"c":{"z":2}}`},
		"the context of the select": {`"ResultSelector":{"z.$":"$$.Execution.Input.a"}`, `{"z":{"b":1}}`},
		"no place for its result":   {`"ResultPath":"$.a.b.c"`, "States.ResultPathMatchFailure"},
		"nothing that is there":     {`"ResultSelector":{"z.$":"$.Payload.nothing"}`, "States.Runtime"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, one(`{`+invoke+`,`+test.fields+`,"End":true}`), outcome{answer: `{"x":{"y":2}}`})
			end := c.ended(c.start(`{"a":{"b":1}}`))
			if got := aws.ToString(end.Output) + aws.ToString(end.Error); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// The moment is AWS's and ours: the world's speed does not bring it nearer.
func TestAWaitEndsAtItsMoment(t *testing.T) {
	c := newCloud(t, `{"StartAt":"S","States":{"S":{"Type":"Wait","TimestampPath":"$.until","Next":"T"},"T":`+passing+`}}`)
	until := time.Now().Add(300 * time.Millisecond)
	input := `{"until":"` + until.Format(time.RFC3339Nano) + `"}`
	arn := c.start(input)
	if end := c.ended(arn); aws.ToString(end.Output) != input || end.StopDate.Before(until) {
		t.Errorf("got %v", c.history(arn))
	}
}

// A while is as long as the world's speed makes it; a wait of nothing is over at once.
func TestAWaitLastsItsSeconds(t *testing.T) {
	for input, want := range map[string]string{
		`{"for":0}`: "", `{"for":2}`: "", `{"for":"x"}`: "cannot be parsed as a long value", `{"for":-1}`: "a negative value", `{}`: "$.for",
	} {
		c := newCloud(t, `{"StartAt":"S","States":{"S":{"Type":"Wait","SecondsPath":"$.for","Next":"T"},"T":`+passing+`}}`)
		c.world.Speed = 100
		begun := time.Now()
		end := c.ended(c.start(input))
		if !strings.Contains(aws.ToString(end.Cause), want) || (want == "") != (aws.ToString(end.Error) == "") {
			t.Errorf("%s: %s: %s", input, aws.ToString(end.Error), aws.ToString(end.Cause))
		}
		if input == `{"for":2}` && time.Since(begun) < 20*time.Millisecond {
			t.Error("it did not wait")
		}
	}
}

func TestAChoiceTakesTheFirstComparisonThatHolds(t *testing.T) {
	const choice = `{"StartAt":"S","States":{
		"S":{"Type":"Choice","Choices":[{"Variable":"$.a","BooleanEquals":true,"Next":"A"},{"Variable":"$.b","BooleanEquals":false,"Next":"B"}],"Default":"C"},
		"A":` + passing + `,"B":` + passing + `,"C":` + passing + `}}`
	for input, want := range map[string]string{
		`{"a":true,"b":false}`: "A", `{"a":false,"b":false}`: "B", `{"a":false,"b":true}`: "C", `{"a":"true","b":null}`: "C", `{"a":false}`: "",
	} {
		c := newCloud(t, choice)
		arn := c.start(input)
		end := c.ended(arn)
		if want == "" {
			if aws.ToString(end.Error) != "States.Runtime" {
				t.Errorf("%s: %s", input, aws.ToString(end.Error))
			}
			continue
		}
		history := strings.Join(c.history(arn), "\n")
		if aws.ToString(end.Output) != input || !strings.Contains(history, "ChoiceStateEntered name=S") ||
			!strings.Contains(history, "ChoiceStateExited name=S") || !strings.Contains(history, "TaskStateEntered name="+want) {
			t.Errorf("%s: %s\n%s", input, aws.ToString(end.Output), history)
		}
	}
}

// What the SDK could call, and nobody here does.
func TestOperationsThatNobodyNeedsAreRefused(t *testing.T) {
	states, err := wire.Lookup("stepfunctions")
	if err != nil {
		t.Fatal(err)
	}
	for _, operation := range []string{
		"SendTaskHeartbeat", "StartSyncExecution", "ValidateStateMachineDefinition", "TestState", "CreateActivity", "GetActivityTask",
		"ListMapRuns", "CreateStateMachineAlias", "PublishStateMachineVersion",
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
		r.Header.Set("X-Amz-Target", "AWSStepFunctions."+operation)
		request, err := states.Read(r, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		request.Serve(w, r, "id", newCloud(t, one(passing)).Operations())
		if want := "The local cloud does not have " + operation; w.Code != http.StatusNotImplemented || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", operation, w.Code, w.Body)
		}
	}
}

func TestListsArePaged(t *testing.T) {
	c := newCloud(t, one(passing))
	for range 5 {
		out, err := c.startExecution(caller, &sfn.StartExecutionInput{StateMachineArn: aws.String(machineARN)})
		if err != nil {
			t.Fatal(err)
		}
		c.ended(*out.ExecutionArn)
	}
	var names []string
	for in := (&sfn.ListExecutionsInput{StateMachineArn: aws.String(machineARN), MaxResults: 2}); ; {
		out, err := c.listExecutions(caller, in)
		if err != nil || len(out.Executions) > 2 {
			t.Fatal(out, err)
		}
		for _, e := range out.Executions {
			names = append(names, *e.Name)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	var want []string
	for _, e := range slices.Backward(c.order) {
		want = append(want, e.name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want the newest first: %q", names, want)
	}
	if _, err := c.listExecutions(caller, &sfn.ListExecutionsInput{StateMachineArn: aws.String(machineARN), NextToken: aws.String("x")}); code(err) != "InvalidToken" {
		t.Errorf("a token that is none: %v", err)
	}
	for name, in := range map[string]sfn.ListExecutionsInput{
		"by their map run": {MapRunArn: aws.String("arn")}, "by their status": {StatusFilter: types.ExecutionStatusRunning},
		"by their redrives": {RedriveFilter: types.ExecutionRedriveFilterRedriven},
	} {
		in.StateMachineArn = aws.String(machineARN)
		if _, err := c.listExecutions(caller, &in); code(err) != "ValidationException" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHistoryReversedWithoutData(t *testing.T) {
	c := newCloud(t, one(passing))
	arn := c.start(`{"secret":1}`)
	c.ended(arn)
	out, err := c.getExecutionHistory(caller, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, ReverseOrder: true, IncludeExecutionData: aws.Bool(false), MaxResults: 3})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(out.Events)
	if out.Events[0].Id != 7 || len(out.Events) != 3 || out.NextToken == nil || strings.Contains(string(text), "secret") {
		t.Errorf("got %s", text)
	}
}

func TestExecutionsOfOthersDoNotExist(t *testing.T) {
	c := newCloud(t, one(passing))
	arn := c.start("{}")
	other := wire.WithCaller(context.Background(), wire.Caller{Account: "133737826969"})
	for name, call := range map[string]func(context.Context) error{
		"describe": func(ctx context.Context) error {
			_, err := c.describeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
			return err
		},
		"stop": func(ctx context.Context) error {
			_, err := c.stopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &arn})
			return err
		},
		"the machine": func(ctx context.Context) error {
			_, err := c.describeStateMachineForExecution(ctx, &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: &arn})
			return err
		},
	} {
		if got := code(call(other)); got != "ExecutionDoesNotExist" {
			t.Errorf("%s by another account: %s", name, got)
		}
		if err := call(caller); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
