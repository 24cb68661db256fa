package sfn

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/rdslink/rdslink/local/wire"
)

const pass = `{"Type":"Pass","End":true}`

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
		"a long name":                 {sfn.StartExecutionInput{Name: aws.String(strings.Repeat("x", 81))}, "InvalidName"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.in.StateMachineArn == nil {
				test.in.StateMachineArn = aws.String(machineARN)
			}
			_, err := newCloud(t, one(pass)).startExecution(caller, &test.in)
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
	c := newCloud(t, one(`{`+waiting+`,"Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":2}],"End":true}`), outcome{answer: "{}"})
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
	if _, err := c.sendTaskHeartbeat(caller, &sfn.SendTaskHeartbeatInput{TaskToken: &token}); code(err) != "TaskTimedOut" {
		t.Errorf("heartbeat afterwards: %v", err)
	}
}

func TestHeartbeatsKeepATaskAlive(t *testing.T) {
	c := newCloud(t, one(`{`+waiting+`,"HeartbeatSeconds":20,"End":true}`), outcome{answer: "{}"})
	arn := c.start("{}")
	token := c.token()
	c.reached(arn, "TaskSubmitted")
	open := c.tasks[token]
	for range 5 { // each beat is seen before the next: the place is empty again
		if _, err := c.sendTaskHeartbeat(caller, &sfn.SendTaskHeartbeatInput{TaskToken: &token}); err != nil {
			t.Fatal(err)
		}
		open.heartbeat <- struct{}{}
	}
	success(`"alive"`)(c, token)
	if end := c.ended(arn); aws.ToString(end.Output) != `"alive"` {
		t.Error(c.history(arn))
	}
}

// Which of Catch's names a timeout answers to: concepts-error-handling.html, and the recordings for
// the name that is reported.
func TestTimeoutsAreCaughtByName(t *testing.T) {
	tests := map[string]struct {
		limit, name string
		caught      bool
	}{
		"a heartbeat by its own name":    {`"HeartbeatSeconds":1`, "States.HeartbeatTimeout", true},
		"a heartbeat as a timeout":       {`"HeartbeatSeconds":1`, "States.Timeout", true},
		"a timeout":                      {`"TimeoutSeconds":1`, "States.Timeout", true},
		"a timeout is no heartbeat":      {`"TimeoutSeconds":1`, "States.HeartbeatTimeout", false},
		"a timeout is not a task failed": {`"TimeoutSeconds":1`, "States.TaskFailed", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, one(`{`+waiting+`,`+test.limit+`,"Catch":[{"ErrorEquals":["`+test.name+`"],"Next":"H"}],"End":true},"H":`+pass), outcome{answer: "{}"})
			end := c.ended(c.start("{}"))
			if caught := end.Status == types.ExecutionStatusSucceeded; caught != test.caught {
				t.Errorf("caught %v: %v", caught, aws.ToString(end.Error))
			}
		})
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

// The definition is taken, the execution fails when it comes to the state, and no retrier or catcher sees that.
func TestATaskOfAnotherPartitionFailsWhenItRuns(t *testing.T) {
	for _, integration := range []string{"lambda:invoke", "lambda:invoke.waitForTaskToken"} {
		c := newCloud(t, one(`{"Type":"Task","Resource":"arn:aws-us-gov:states:::`+integration+`","Parameters":{"FunctionName":"f"},`+
			`"Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"H"}],"End":true},"H":`+pass), outcome{answer: "{}"})
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
	c := newCloud(t, `{"TimeoutSeconds":1,"StartAt":"S","States":{"S":{`+waiting+`,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"H"}],"End":true},"H":`+pass+`}}`, outcome{answer: "{}"})
	end := c.ended(c.start("{}"))
	if end.Status != types.ExecutionStatusTimedOut || end.Error != nil || end.Cause != nil || end.RedriveStatus != types.ExecutionRedriveStatusRedrivable {
		t.Errorf("got %+v", end)
	}
}

func TestRedrive(t *testing.T) {
	c := newCloud(t, `{"StartAt":"A","States":{"A":{"Type":"Pass","Result":{"a":1},"ResultPath":"$.a","Next":"B"},
		"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload":{"a.$":"$.a","redrives.$":"$$.Execution.RedriveCount","retries.$":"$$.State.RetryCount"}},
		"Retry":[{"ErrorEquals":["Exception"],"MaxAttempts":1}],"OutputPath":"$.Payload","End":true}}}`,
		outcome{functionError: raised}, outcome{functionError: raised}, outcome{functionError: raised}, outcome{answer: `"ok"`})
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
		"11<-10 ExecutionFailed error=Exception cause=" + raised,
		"12<-11 ExecutionRedriven count=1",
		"13<-12 TaskScheduled resource=invoke", "14<-13 TaskStarted", "15<-14 TaskFailed error=Exception cause=" + raised,
		"16<-15 TaskScheduled resource=invoke", "17<-16 TaskStarted", "18<-17 TaskSucceeded", "19<-18 TaskStateExited name=B", "20<-19 ExecutionSucceeded",
	}
	if got := c.history(arn); !slices.Equal(got[10:], want) {
		t.Errorf("got %q", got)
	}
	if want := []string{`{"a":{"a":1},"redrives":0,"retries":0}`, `{"a":{"a":1},"redrives":0,"retries":1}`, `{"a":{"a":1},"redrives":1,"retries":0}`,
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
	c := newCloud(t, one(pass))
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
	c := newCloud(t, one(`{"Type":"Pass","Parameters":{"c.$":"$$"},"OutputPath":"$.c","End":true}`))
	end := c.ended(c.start(`{"a":1}`))
	started := instant(*end.StartDate)
	var got struct{ State struct{ EnteredTime string } }
	_ = json.Unmarshal([]byte(*end.Output), &got)
	want := `{"Execution":{"Id":"` + *end.ExecutionArn + `","Input":{"a":1},"Name":"run","RedriveCount":0,"RoleArn":"arn:aws:iam::111122223333:role/machine","StartTime":"` + started +
		`"},"State":{"EnteredTime":"` + got.State.EnteredTime + `","Name":"S"},"StateMachine":{"Id":"` + machineARN + `","Name":"setup"}}`
	if *end.Output != want {
		t.Errorf("got  %s\nwant %s", *end.Output, want)
	}
}

func TestAChoiceTakesTheFirstComparisonThatHolds(t *testing.T) {
	const choice = `{"StartAt":"S","States":{
		"S":{"Type":"Choice","Choices":[{"Variable":"$.a","BooleanEquals":true,"Next":"A"},{"Variable":"$.b","BooleanEquals":false,"Next":"B"}],"Default":"C"},
		"A":{"Type":"Pass","End":true},"B":{"Type":"Pass","End":true},"C":{"Type":"Pass","End":true}}}`
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
			!strings.Contains(history, "ChoiceStateExited name=S") || !strings.Contains(history, "PassStateEntered name="+want) {
			t.Errorf("%s: %s\n%s", input, aws.ToString(end.Output), history)
		}
	}
}

func TestListsArePaged(t *testing.T) {
	c := newCloud(t, one(`{"Type":"Pass","InputPath":"$.gone","End":true}`))
	for range 5 {
		out, err := c.startExecution(caller, &sfn.StartExecutionInput{StateMachineArn: aws.String(machineARN)})
		if err != nil {
			t.Fatal(err)
		}
		c.ended(*out.ExecutionArn)
	}
	var names []string
	for in := (&sfn.ListExecutionsInput{StateMachineArn: aws.String(machineARN), StatusFilter: types.ExecutionStatusFailed, MaxResults: 2}); ; {
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
	if out, _ := c.listExecutions(caller, &sfn.ListExecutionsInput{StateMachineArn: aws.String(machineARN), StatusFilter: types.ExecutionStatusRunning}); len(out.Executions) != 0 {
		t.Errorf("running: %v", out.Executions)
	}
}

func TestHistoryReversedWithoutData(t *testing.T) {
	c := newCloud(t, one(pass))
	arn := c.start(`{"secret":1}`)
	c.ended(arn)
	out, err := c.getExecutionHistory(caller, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, ReverseOrder: true, IncludeExecutionData: aws.Bool(false), MaxResults: 3})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(out.Events)
	if out.Events[0].Id != 4 || len(out.Events) != 3 || out.NextToken == nil || strings.Contains(string(text), "secret") {
		t.Errorf("got %s", text)
	}
}

func TestExecutionsOfOthersDoNotExist(t *testing.T) {
	c := newCloud(t, one(pass))
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
