package sfn

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"pgregory.net/rapid"
)

// Whatever functions do and whenever the execution is stopped or redriven: ids have no gaps, previous events are earlier
// ones, every run ends with exactly one end of the execution, and no token is open afterwards.
func TestHistoriesHoldTogether(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var outcomes []outcome
		for _, kind := range rapid.SliceOfN(rapid.SampledFrom([]string{"ok", "A", "B", "refused"}), 1, 6).Draw(rt, "outcomes") {
			switch kind {
			case "ok":
				outcomes = append(outcomes, outcome{answer: "{}"})
			case "refused":
				outcomes = append(outcomes, outcome{refusal: refusal(429, "TooManyRequestsException", "")})
			default:
				outcomes = append(outcomes, outcome{functionError: `{"errorType":"` + kind + `"}`})
			}
		}
		c := newCloud(t, `{"StartAt":"S","States":{"S":{`+invoke+`,"Retry":[{"ErrorEquals":["A"],"MaxAttempts":2}],"Next":"W"},
			"W":{`+waiting+`,"TimeoutSeconds":1,"End":true}}}`, outcomes...)
		arn := c.start("{}")
		ends := 1
		for range rapid.IntRange(0, 2).Draw(rt, "redrives") {
			if rapid.Bool().Draw(rt, "stop") {
				if _, err := c.stopExecution(caller, &sfn.StopExecutionInput{ExecutionArn: &arn}); err != nil {
					rt.Fatal(err)
				}
			}
			if c.ended(arn); c.executions[arn].status == types.ExecutionStatusSucceeded {
				break
			}
			if _, err := c.redriveExecution(caller, &sfn.RedriveExecutionInput{ExecutionArn: &arn}); err != nil {
				rt.Fatal(err)
			}
			ends++
		}
		c.ended(arn)
		for i, e := range c.recorded(arn) {
			if e.Id != int64(i+1) || e.PreviousEventId >= e.Id {
				rt.Fatalf("event %d: %s", i, c.history(arn))
			}
			switch e.Type {
			case types.HistoryEventTypeExecutionFailed, types.HistoryEventTypeExecutionAborted, types.HistoryEventTypeExecutionSucceeded:
				ends--
			}
		}
		if ends != 0 {
			rt.Fatalf("%d ends too few: %s", ends, c.history(arn))
		}
		for token := range c.tasks {
			if _, err := c.sendTaskSuccess(caller, &sfn.SendTaskSuccessInput{TaskToken: aws.String(token), Output: aws.String("{}")}); code(err) != "TaskTimedOut" {
				rt.Fatalf("a token is open after the end: %v", err)
			}
		}
	})
}

func TestHistoryLimit(t *testing.T) {
	const choice = `{"Type":"Choice","Choices":[{"Variable":"$.a","BooleanEquals":true,"Next":"%s"}],"Default":"%s"}`
	c := newCloud(t, `{"StartAt":"A","States":{"A":`+strings.ReplaceAll(choice, "%s", "B")+`,"B":`+strings.ReplaceAll(choice, "%s", "A")+`}}`)
	arn := c.start(`{"a":true}`)
	end := c.ended(arn)
	if n := len(c.executions[arn].history); n != maxEvents || end.Status != types.ExecutionStatusFailed || end.RedriveStatus != types.ExecutionRedriveStatusNotRedrivable {
		t.Errorf("%d events, %s, %s", n, end.Status, end.RedriveStatus)
	}
}
