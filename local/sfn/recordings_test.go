package sfn

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

const raised = `{"errorMessage":"Some exception was raised.","errorType":"Exception"}`

// Event sequences as real AWS recorded them: the *.snapshot.json files of LocalStack's repository below
// tests/aws/services/stepfunctions/v2. Where a recording waits for a token of SQS, the same task on Lambda stands here;
// where it has what is not modelled, its words say so, and what follows that is not its own. Each has the states, of which S
// is the first, the execution's input, what the function answers, the history after S is entered, and the execution's
// output.
//
//go:embed testdata/recordings.json
var recordings []byte

// functions do what no JSON can say, by the recording's name.
var functions = map[string]outcome{
	"a function that is not there":      {refusal: refusal(404, "ResourceNotFoundException", "Function not found: f")},
	"a function that outlasts its task": {hold: make(chan struct{})},
	"an answer that is too large":       {answer: `"` + strings.Repeat("x", maxBytes) + `"`},
}

// answers complete the token that a recording's task waits for.
var answers = map[string]func(*cloud, string){
	"a token answered with success":                     success(`"done"`),
	"a token answered with failure":                     failing(aws.String("Failure error"), aws.String("Failure cause")),
	"a token answered with a failure that says nothing": failing(nil, nil),
}

func TestHistoriesAreAsRecorded(t *testing.T) {
	var tests map[string]struct {
		Recording                    string
		States, Input, FunctionError json.RawMessage
		Answer, Output               json.RawMessage
		History                      []string
	}
	if err := json.Unmarshal(recordings, &tests); err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			function, special := functions[name]
			if !special {
				function = outcome{answer: cmp.Or(string(test.Answer), "{}"), functionError: string(test.FunctionError)}
			}
			c := newCloud(t, `{"StartAt":"S","States":`+string(test.States)+`}`, function)
			arn := c.start(cmp.Or(string(test.Input), "{}"))
			if answer := answers[name]; answer != nil {
				token := c.token()
				c.reached(arn, "TaskSubmitted")
				answer(c, token)
			}
			end := c.ended(arn)
			got := c.history(arn)
			entry := got[1][len("2<-0 "):strings.Index(got[1], "StateEntered")]
			if want := append([]string{"1<-0 ExecutionStarted", "2<-0 " + entry + "StateEntered name=S"}, test.History...); !slices.Equal(got, want) {
				t.Errorf("%s\n got %s\nwant %s", test.Recording, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
			}
			if got := aws.ToString(end.Output); got != string(test.Output) {
				t.Errorf("output %s, want %s", got, test.Output)
			}
		})
	}
	for name := range functions {
		if _, known := tests[name]; !known {
			t.Errorf("no recording %q", name)
		}
	}
	for name := range answers {
		if _, known := tests[name]; !known {
			t.Errorf("no recording %q", name)
		}
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
