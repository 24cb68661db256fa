package sfn

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

const raised = `{"errorMessage":"Some exception was raised.","errorType":"Exception"}`

const notFoundCause = "Function not found: f (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: id; Proxy: null)"

// Event sequences as real AWS recorded them: the *.snapshot.json files of LocalStack's repository below
// tests/aws/services/stepfunctions/v2. Where a recording waits for a token of SQS, the same task on Lambda stands here.
func TestHistoriesAreAsRecorded(t *testing.T) {
	catch := func(errors string) string {
		return `,"Catch":[{"ErrorEquals":[` + errors + `],"Next":"H"}],"End":true},"H":{"Type":"Pass","End":true`
	}
	tests := map[string]struct {
		recording string
		state     string
		input     string
		outcomes  []outcome
		answer    func(*cloud, string) // with the task's token
		want      []string             // after ExecutionStarted and the state's entry
		output    string
	}{
		"a token answered with success": {
			recording: "callback/test_callback.snapshot.json test_sqs_wait_for_task_tok_with_heartbeat, 18 Apr 2024",
			state:     `{` + waiting + `,"TimeoutSeconds":600,"HeartbeatSeconds":60,"End":true}`,
			answer:    success(`"done"`),
			want: []string{
				"3<-2 TaskScheduled resource=invoke.waitForTaskToken timeout=600 heartbeat=60",
				"4<-3 TaskStarted",
				"5<-4 TaskSubmitted",
				`6<-5 TaskSucceeded output="done"`,
				"7<-6 TaskStateExited name=S",
				"8<-7 ExecutionSucceeded",
			},
			output: `"done"`,
		},
		"a token answered with failure": {
			recording: "callback/test_callback.snapshot.json test_sqs_failure_in_wait_for_task_token, 18 Apr 2024",
			state:     `{` + waiting + `,"End":true}`,
			answer:    failing(aws.String("Failure error"), aws.String("Failure cause")),
			want: []string{
				"3<-2 TaskScheduled resource=invoke.waitForTaskToken",
				"4<-3 TaskStarted",
				"5<-4 TaskSubmitted",
				"6<-5 TaskFailed error=Failure error cause=Failure cause",
				"7<-6 ExecutionFailed error=Failure error cause=Failure cause",
			},
		},
		"a token answered with a failure that says nothing, caught": {
			recording: "callback/test_callback.snapshot.json test_sqs_failure_in_wait_for_task_tok_no_error_field[SQS_WAIT_FOR_TASK_TOKEN_CATCH], 29 Apr 2024",
			state:     `{` + waiting + strings.Replace(catch(`"States.ALL"`), `"Next"`, `"ResultPath":"$.states_all_error","Next"`, 1) + `}`,
			input:     `{"Message":"m"}`,
			answer:    failing(nil, nil),
			want: []string{
				"3<-2 TaskScheduled resource=invoke.waitForTaskToken",
				"4<-3 TaskStarted",
				"5<-4 TaskSubmitted",
				"6<-5 TaskFailed",
				"7<-6 TaskStateExited name=S",
				"8<-7 PassStateEntered name=H",
				"9<-8 PassStateExited name=H",
				"10<-9 ExecutionSucceeded",
			},
			output: `{"Message":"m","states_all_error":{"Cause":null,"Error":null}}`,
		},
		"a token that times out": {
			recording: "callback/test_callback.snapshot.json test_sqs_wait_for_task_token_timeout, 18 Apr 2024",
			state:     `{` + waiting + `,"TimeoutSeconds":5,"End":true}`,
			want: []string{
				"3<-2 TaskScheduled resource=invoke.waitForTaskToken timeout=5",
				"4<-3 TaskStarted",
				"5<-4 TaskSubmitted",
				"6<-5 TaskTimedOut error=States.Timeout",
				"7<-6 ExecutionFailed error=States.Timeout",
			},
		},
		"a missed heartbeat": {
			recording: "timeouts/test_heartbeats.snapshot.json test_heartbeat_path_timeout, 18 Apr 2024",
			state:     `{` + waiting + `,"TimeoutSeconds":600,"HeartbeatSecondsPath":"$.beat","End":true}`,
			input:     `{"beat":5}`,
			want: []string{
				"3<-2 TaskScheduled resource=invoke.waitForTaskToken timeout=600 heartbeat=5",
				"4<-3 TaskStarted",
				"5<-4 TaskSubmitted",
				"6<-5 TaskTimedOut error=States.Timeout",
				"7<-6 ExecutionFailed error=States.Timeout",
			},
		},
		"a missed heartbeat, no timeout": {
			recording: "timeouts/test_heartbeats.snapshot.json test_heartbeat_no_timeout, 18 Apr 2024",
			state:     `{` + waiting + `,"HeartbeatSeconds":5,"End":true}`,
			want: []string{
				"3<-2 TaskScheduled resource=invoke.waitForTaskToken heartbeat=5",
				"4<-3 TaskStarted",
				"5<-4 TaskSubmitted",
				"6<-5 TaskTimedOut error=States.Timeout",
				"7<-6 ExecutionFailed error=States.Timeout",
			},
		},
		"a function": {
			recording: "services/test_lambda_task_service.snapshot.json test_invoke, 6 Nov 2025",
			state:     `{` + invoke + `,"ResultSelector":{"code.$":"$.StatusCode","version.$":"$.ExecutedVersion","payload.$":"$.Payload","http.$":"$.SdkHttpMetadata.HttpStatusCode","type.$":"$.SdkHttpMetadata.AllHttpHeaders.Content-Type"},"End":true}`,
			outcomes:  []outcome{{answer: `{"a":1}`}},
			want: []string{
				"3<-2 TaskScheduled resource=invoke",
				"4<-3 TaskStarted",
				"5<-4 TaskSucceeded",
				"6<-5 TaskStateExited name=S",
				"7<-6 ExecutionSucceeded",
			},
			output: `{"code":200,"http":200,"payload":{"a":1},"type":["application/json"],"version":"$LATEST"}`,
		},
		"a function's error": {
			recording: "error_handling/test_task_service_lambda.snapshot.json test_raise_exception, 28 Nov 2024",
			state:     `{` + invoke + `,"End":true}`,
			outcomes:  []outcome{{functionError: raised}},
			want: []string{
				"3<-2 TaskScheduled resource=invoke",
				"4<-3 TaskStarted",
				"5<-4 TaskFailed error=Exception cause=" + raised,
				"6<-5 ExecutionFailed error=Exception cause=" + raised,
			},
		},
		"a function's error, retried and caught": {
			recording: "scenarios/test_base_scenarios.snapshot.json test_lambda_service_invoke_with_retry_extended_input, 24 Oct 2023",
			state:     `{` + invoke + `,"Retry":[{"ErrorEquals":["Exception"],"IntervalSeconds":1,"MaxAttempts":3}]` + catch(`"States.ALL"`) + `}`,
			outcomes:  []outcome{{functionError: raised}},
			want: []string{
				"3<-2 TaskScheduled resource=invoke", "4<-3 TaskStarted", "5<-4 TaskFailed error=Exception cause=" + raised,
				"6<-5 TaskScheduled resource=invoke", "7<-6 TaskStarted", "8<-7 TaskFailed error=Exception cause=" + raised,
				"9<-8 TaskScheduled resource=invoke", "10<-9 TaskStarted", "11<-10 TaskFailed error=Exception cause=" + raised,
				"12<-11 TaskScheduled resource=invoke", "13<-12 TaskStarted", "14<-13 TaskFailed error=Exception cause=" + raised,
				"15<-14 TaskStateExited name=S",
				"16<-15 PassStateEntered name=H",
				"17<-16 PassStateExited name=H",
				"18<-17 ExecutionSucceeded",
			},
			output: `{"Cause":"{\"errorMessage\":\"Some exception was raised.\",\"errorType\":\"Exception\"}","Error":"Exception"}`,
		},
		"a retrier that allows no attempt": {
			recording: "scenarios/test_base_scenarios.snapshot.json test_retry_interval_features_max_attempts_zero, 27 Mar 2024",
			state:     `{` + invoke + `,"Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":0}],"End":true}`,
			outcomes:  []outcome{{functionError: raised}},
			want: []string{
				"3<-2 TaskScheduled resource=invoke",
				"4<-3 TaskStarted",
				"5<-4 TaskFailed error=Exception cause=" + raised,
				"6<-5 ExecutionFailed error=Exception cause=" + raised,
			},
		},
		"a function that is not there": {
			recording: "error_handling/test_task_service_lambda.snapshot.json test_no_such_function, 25 Nov 2025",
			state:     `{` + invoke + `,"End":true}`,
			outcomes:  []outcome{{refusal: refusal(404, "ResourceNotFoundException", "Function not found: f")}},
			want: []string{
				"3<-2 TaskScheduled resource=invoke",
				"4<-3 TaskStarted",
				"5<-4 TaskFailed error=Lambda.ResourceNotFoundException cause=" + notFoundCause,
				"6<-5 ExecutionFailed error=Lambda.ResourceNotFoundException cause=" + notFoundCause,
			},
		},
		"a function that outlasts its task, caught": {
			recording: "error_handling/test_task_service_lambda.snapshot.json test_invoke_timeout, 28 Nov 2024",
			state:     `{` + invoke + `,"TimeoutSecondsPath":"$.limit"` + catch(`"States.Timeout"`) + `}`,
			input:     `{"limit":5}`,
			outcomes:  []outcome{{hold: make(chan struct{})}},
			want: []string{
				"3<-2 TaskScheduled resource=invoke timeout=5",
				"4<-3 TaskStarted",
				"5<-4 TaskTimedOut error=States.Timeout",
				"6<-5 TaskStateExited name=S",
				"7<-6 PassStateEntered name=H",
				"8<-7 PassStateExited name=H",
				"9<-8 ExecutionSucceeded",
			},
			output: `{"Cause":"","Error":"States.Timeout"}`,
		},
		"an answer that is too large, caught by States.ALL whatever the documents say": {
			recording: "error_handling/test_states_errors.snapshot.json test_service_task_lambada_catch_state_all_data_limit_exceeded_on_large_utf8_response, 21 Mar 2024",
			state:     `{` + invoke + catch(`"States.ALL"`) + `}`,
			outcomes:  []outcome{{answer: `"` + strings.Repeat("x", maxBytes) + `"`}},
			want: []string{
				"3<-2 TaskScheduled resource=invoke",
				"4<-3 TaskStarted",
				"5<-4 TaskFailed error=States.DataLimitExceeded cause=The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit.",
				"6<-5 TaskStateExited name=S",
				"7<-6 PassStateEntered name=H",
				"8<-7 PassStateExited name=H",
				"9<-8 ExecutionSucceeded",
			},
			output: `{"Cause":"The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit.","Error":"States.DataLimitExceeded"}`,
		},
		"a missing path after the function, not caught": {
			recording: "scenarios/test_base_scenarios.snapshot.json test_catch_states_runtime, 23 Nov 2023",
			state:     `{` + invoke + `,"OutputPath":"$.no.such.path"` + catch(`"States.ALL"`) + `}`,
			outcomes:  []outcome{{answer: `{}`}},
			want: []string{
				"3<-2 TaskScheduled resource=invoke",
				"4<-3 TaskStarted",
				"5<-4 TaskSucceeded",
				"6<-5 ExecutionFailed error=States.Runtime cause=An error occurred while executing the state 'S' (entered at the event id #2). Invalid path '$.no.such.path' : Missing property in path $['no']",
			},
		},
		"a missing path for a timeout": {
			recording: "scenarios/test_base_scenarios.snapshot.json test_invalid_jsonpath[ST.INVALID_JSONPATH_IN_TIMEOUTSECONDSPATH], 2 Jan 2025",
			state:     `{` + invoke + `,"TimeoutSecondsPath":"$.NoSuchTimeoutSecondsPath","End":true}`,
			want: []string{
				"3<-2 ExecutionFailed error=States.Runtime cause=An error occurred while executing the state 'S' (entered at the event id #2). Invalid path '$.NoSuchTimeoutSecondsPath' : No results for path: $['NoSuchTimeoutSecondsPath']",
			},
		},
		"a missing path in Parameters": {
			recording: "scenarios/test_base_scenarios.snapshot.json test_invalid_jsonpath[INVALID_JSONPATH_IN_STRING_EXPR_JSONPATH], 2 Jan 2025",
			state:     `{"Type":"Pass","Parameters":{"value.$":"$.no_such_jsonpath"},"End":true}`,
			input:     `{"int-literal":0}`,
			want: []string{
				`3<-2 ExecutionFailed error=States.Runtime cause=An error occurred while executing the state 'S' (entered at the event id #2). The JSONPath '$.no_such_jsonpath' specified for the field 'value.$' could not be found in the input '{"int-literal":0}'`,
			},
		},
		"a wait": {
			recording: "base/test_wait.snapshot.json test_base_wait_seconds_path[1], 22 Mar 2024",
			state:     `{"Type":"Wait","SecondsPath":"$.input.waitSeconds","End":true}`,
			input:     `{"input":{"waitSeconds":1}}`,
			want:      []string{"3<-2 WaitStateExited name=S", "4<-3 ExecutionSucceeded"},
			output:    `{"input":{"waitSeconds":1}}`,
		},
		"a wait of less than nothing": {
			recording: "base/test_wait.snapshot.json test_base_wait_seconds_path[-1], 22 Mar 2024",
			state:     `{"Type":"Wait","SecondsPath":"$.s","End":true}`,
			input:     `{"s":-1}`,
			want: []string{
				"3<-2 ExecutionFailed error=States.Runtime cause=An error occurred while executing the state 'S' (entered at the event id #2). The SecondsPath parameter references a negative value: $.s == -1",
			},
		},
		"a wait of over three years": {
			recording: "none; the limit is of state-wait.html",
			state:     `{"Type":"Wait","SecondsPath":"$.s","End":true}`,
			input:     `{"s":100000000}`,
			want: []string{
				"3<-2 ExecutionFailed error=States.Runtime cause=An error occurred while executing the state 'S' (entered at the event id #2). The SecondsPath parameter references a value above 99999999: $.s == 100000000",
			},
		},
		"a wait of a fraction": {
			recording: "base/test_wait.snapshot.json test_base_wait_seconds_path[1.5], 22 Mar 2024",
			state:     `{"Type":"Wait","SecondsPath":"$.s","End":true}`,
			input:     `{"s":1.5}`,
			want: []string{
				"3<-2 ExecutionFailed error=States.Runtime cause=An error occurred while executing the state 'S' (entered at the event id #2). The SecondsPath parameter cannot be parsed as a long value: $.s == 1.5",
			},
		},
		"a wait until no time": {
			recording: "scenarios/test_base_scenarios.snapshot.json test_wait_timestamp_path[NO_T], 27 Dec 2024",
			state:     `{"Type":"Wait","TimestampPath":"$.TimestampValue","End":true}`,
			input:     `{"TimestampValue":"2016-12-05 21:29:29Z"}`,
			want: []string{
				"3<-2 ExecutionFailed error=States.Runtime cause=An error occurred while executing the state 'S' (entered at the event id #2). The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.TimestampValue == 2016-12-05 21:29:29Z",
			},
		},
		"a choice": {
			recording: "scenarios/test_base_scenarios.snapshot.json test_choice_aws_docs_scenario[CHOICE_STATE_AWS_SCENARIO], 18 Nov 2024",
			state: `{"Type":"Choice","Choices":[
				{"Not":{"Variable":"$.type","StringEquals":"Private"},"Next":"H"},
				{"And":[{"Variable":"$.value","IsPresent":true},{"Variable":"$.value","IsNumeric":true},{"Variable":"$.value","NumericGreaterThanEquals":20},{"Variable":"$.value","NumericLessThan":30}],"Next":"T"}],
				"Default":"H"},"H":{"Type":"Succeed"},"T":{"Type":"Pass","End":true}`,
			input:  `{"type":"Private","value":22}`,
			want:   []string{"3<-2 ChoiceStateExited name=S", "4<-3 PassStateEntered name=T", "5<-4 PassStateExited name=T", "6<-5 ExecutionSucceeded"},
			output: `{"type":"Private","value":22}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.outcomes == nil {
				test.outcomes = []outcome{{answer: "{}"}}
			}
			if test.input == "" {
				test.input = "{}"
			}
			c := newCloud(t, one(test.state), test.outcomes...)
			arn := c.start(test.input)
			if test.answer != nil {
				token := c.token()
				c.reached(arn, "TaskSubmitted")
				test.answer(c, token)
			}
			end := c.ended(arn)
			got := c.history(arn)
			entry := got[1][len("2<-0 "):strings.Index(got[1], "StateEntered")]
			if want := append([]string{"1<-0 ExecutionStarted", "2<-0 " + entry + "StateEntered name=S"}, test.want...); !slices.Equal(got, want) {
				t.Errorf("%s\n got %s\nwant %s", test.recording, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
			}
			if got := aws.ToString(end.Output); got != test.output {
				t.Errorf("output %s, want %s", got, test.output)
			}
		})
	}
}

func success(output string) func(*cloud, string) {
	return func(c *cloud, token string) {
		if _, err := c.sendTaskSuccess(caller, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: &output}); err != nil {
			c.t.Error(err)
		}
	}
}

func failing(name, cause *string) func(*cloud, string) {
	return func(c *cloud, token string) {
		if _, err := c.sendTaskFailure(caller, &sfn.SendTaskFailureInput{TaskToken: &token, Error: name, Cause: cause}); err != nil {
			c.t.Error(err)
		}
	}
}
