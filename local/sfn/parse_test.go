package sfn

import (
	"strings"
	"testing"
)

// The refusals' codes and words are AWS's where "source" names one; else the refusal is documented and the wording ours.
func TestParseRefuses(t *testing.T) {
	tests := map[string]struct {
		definition string
		want       string // inside the message
		source     string
	}{
		"no object": {`[]`, "Definition must be a valid JSON object", "LocalStack test_sfn_api_validation.snapshot.json, 19 Oct 2025"},
		"no JSON":   {`not a definition`, "INVALID_JSON_DESCRIPTION", "LocalStack test_sfn_api_validation.snapshot.json, 19 Oct 2025"},
		"an empty object": {`{}`, "SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /",
			"LocalStack test_sfn_api_validation.snapshot.json, 19 Oct 2025"},
		"no StartAt": {`{"States":{"S":{"Type":"Succeed"}}}`, "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt] at /'",
			"LocalStack test_sfn_api_validation.snapshot.json, 19 Oct 2025"},
		"a dangling Next": {`{"StartAt":"pass1","States":{"pass1":{"Type":"Pass","Next":"pass3"},"pass2":{"Type":"Pass","End":true}}}`,
			`Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at /States/pass1/Next, MISSING_TRANSITION_TARGET: State "pass2" is not reachable. at /States/pass2'`,
			"AWS's answer quoted in LocalStack's pull request 12487"},
		"a dangling StartAt": {`{"StartAt":"X","States":{"S":{"Type":"Succeed"}}}`, "target: X at /StartAt", ""},
		"a dangling Default": {one(`{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"Next":"S"}],"Default":"X"}`), "Missing 'Default' target: X", ""},
		"a dangling Catch":   {one(`{` + invoke + `,"Catch":[{"ErrorEquals":["E"],"Next":"X"}],"End":true}`), "Missing 'Next' target: X at /States/S/Catch[0]/Next", ""},
		"an unknown type": {one(`{"Type":"Sleep"}`), "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice] at /States/S/Type",
			"LocalStack's snapshots, less Parallel and Map"},
		"Map":                         {one(`{"Type":"Map","End":true}`), "The field 'Type' should have one of these values", ""},
		"JSONata for the machine":     {`{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Succeed"}}}`, "JSONata", ""},
		"JSONata for a state":         {one(`{"QueryLanguage":"JSONata","Type":"Succeed"}`), "JSONata", ""},
		"an unknown field":            {one(`{"Type":"Pass","Tpyo":1,"End":true}`), "Field is not supported at /States/S/Tpyo", ""},
		"an unknown top field":        {`{"StartAt":"S","Stats":{},"States":{"S":{"Type":"Succeed"}}}`, "Field is not supported at /Stats", ""},
		"Assign":                      {one(`{"Type":"Pass","Assign":{"a":1},"End":true}`), "/States/S/Assign", ""},
		"neither Next nor End":        {one(`{"Type":"Pass"}`), "[Next, End]", ""},
		"both Next and End":           {one(`{"Type":"Pass","Next":"S","End":true}`), "[Next, End]", ""},
		"Next of Succeed":             {one(`{"Type":"Succeed","Next":"S"}`), "/States/S/Next", ""},
		"a task without a resource":   {one(`{"Type":"Task","Parameters":{"FunctionName":"f"},"End":true}`), "These fields are required: [Resource]", ""},
		"another integration":         {one(`{"Type":"Task","Resource":"arn:aws:states:::dynamodb:query","End":true}`), "The resource provided arn:aws:states:::dynamodb:query is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.", "LocalStack's snapshots"},
		"no function":                 {one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`), "[FunctionName]", ""},
		"a parameter not implemented": {one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","InvocationType":"Event"},"End":true}`), "InvocationType", ""},
		"a path with a wildcard":      {one(`{"Type":"Pass","InputPath":"$.a[*]","End":true}`), "at /States/S/InputPath", ""},
		"a ResultPath with an index":  {one(`{"Type":"Pass","ResultPath":"$.a[0]","End":true}`), "Reference Path", ""},
		"a ResultPath in the context": {one(`{"Type":"Pass","ResultPath":"$$.a","End":true}`), "Reference Path", ""},
		"a template without a path": {one(`{"Type":"Pass","Parameters":{"parsed.$":"hello"},"End":true}`),
			"The value for the field 'parsed.$' must be a valid JSONPath or a valid intrinsic function call", "LocalStack's snapshots"},
		"an unknown intrinsic":         {one(`{"Type":"Pass","Parameters":{"a.$":"States.UUID()"},"End":true}`), "States.UUID is not a supported intrinsic function", ""},
		"escaped braces":               {one(`{"Type":"Pass","Parameters":{"a.$":"States.Format('\\{\\}')"},"End":true}`), "escape that is not supported", ""},
		"too many arguments":           {one(`{"Type":"Pass","Parameters":{"a.$":"States.StringToJson($.a, 1)"},"End":true}`), "does not take 2 arguments", ""},
		"an intrinsic that goes on":    {one(`{"Type":"Pass","Parameters":{"a.$":"States.Array(1) + 1"},"End":true}`), "follows the call", ""},
		"a heartbeat not below":        {one(`{` + waiting + `,"TimeoutSeconds":5,"HeartbeatSeconds":5,"End":true}`), "must be smaller", ""},
		"two timeouts":                 {one(`{` + invoke + `,"TimeoutSeconds":5,"TimeoutSecondsPath":"$.a","End":true}`), "cannot specify both", ""},
		"no timeout at all":            {one(`{` + invoke + `,"TimeoutSeconds":0,"End":true}`), "TimeoutSeconds", ""},
		"no errors to retry":           {one(`{` + invoke + `,"Retry":[{"ErrorEquals":[]}],"End":true}`), "ErrorEquals", ""},
		"States.ALL among others":      {one(`{` + invoke + `,"Retry":[{"ErrorEquals":["E","States.ALL"]}],"End":true}`), "alone", ""},
		"States.ALL before others":     {one(`{` + invoke + `,"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["E"]}],"End":true}`), "last", ""},
		"a shrinking back-off":         {one(`{` + invoke + `,"Retry":[{"ErrorEquals":["E"],"BackoffRate":0.5}],"End":true}`), "BackoffRate", ""},
		"a maximum below the interval": {one(`{` + invoke + `,"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":5,"MaxDelaySeconds":5}],"End":true}`), "MaxDelaySeconds", ""},
		"an unknown jitter":            {one(`{` + invoke + `,"Retry":[{"ErrorEquals":["E"],"JitterStrategy":"SOME"}],"End":true}`), "JitterStrategy", ""},
		"Retry outside a task":         {one(`{"Type":"Pass","Retry":[],"End":true}`), "/States/S/Retry", ""},
		"no choices":                   {one(`{"Type":"Choice","Choices":[]}`), "Choices", ""},
		"a rule without operator":      {one(`{"Type":"Choice","Choices":[{"Variable":"$.a","Next":"S"}]}`), "comparison operator", ""},
		"a rule with two operators":    {one(`{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"IsString":true,"Next":"S"}]}`), "Field is not supported", ""},
		"two waits":                    {one(`{"Type":"Wait","Seconds":1,"SecondsPath":"$.a","End":true}`), "Exactly one", ""},
		"a wait until no time":         {one(`{"Type":"Wait","Timestamp":"tomorrow","End":true}`), "String does not match RFC3339 timestamp at /States/S/Timestamp", "LocalStack test_base_scenarios.snapshot.json, 27 Dec 2024"},
		"a long name":                  {`{"StartAt":"` + strings.Repeat("x", 81) + `","States":{"` + strings.Repeat("x", 81) + `":{"Type":"Succeed"}}}`, "80 characters", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(test.definition))
			if code(err) != "InvalidDefinition" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant InvalidDefinition with %s", err, test.want)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	for _, definition := range []string{
		`{"Comment":"c","Version":"1.0","QueryLanguage":"JSONPath","TimeoutSeconds":60,"StartAt":"S","States":{"S":{"Type":"Succeed","Comment":"c"}}}`,
		one(`{` + invoke + `,"InputPath":null,"OutputPath":"$.a","ResultPath":null,"ResultSelector":{"a.$":"$.Payload"},"Retry":[
			{"ErrorEquals":["NotReady"],"IntervalSeconds":3,"MaxAttempts":200,"BackoffRate":1.1,"MaxDelaySeconds":10,"JitterStrategy":"FULL"},
			{"ErrorEquals":["States.ALL"]}],"End":true}`),
	} {
		if _, err := Parse([]byte(definition)); err != nil {
			t.Error(err)
		}
	}
}
