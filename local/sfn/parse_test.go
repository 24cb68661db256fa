package sfn

import (
	"strings"
	"testing"
)

// The refusals' codes and words are AWS's where "source" names one; else the refusal is documented and the wording ours.
func TestParseRefuses(t *testing.T) {
	const ours = "NOT_MODELLED: The local cloud does not model "
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
		"a dangling Catch":   {one(`{` + invoke + `,"Catch":[{"ErrorEquals":["E"],"Next":"X"}],"End":true}`), "Missing 'Next' target: X at /States/S/Catch[0]/Next", ""},
		"an unknown type": {one(`{"Type":"Sleep"}`), "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/S/Type",
			"LocalStack's snapshots"},
		"JSONata for the machine":   {`{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Succeed"}}}`, ours + "the query language JSONata", ""},
		"JSONata for a state":       {one(`{"QueryLanguage":"JSONata","Type":"Succeed"}`), ours + "the query language JSONata", ""},
		"an unknown field":          {one(`{"Type":"Pass","Tpyo":1,"End":true}`), "Field is not supported at /States/S/Tpyo", ""},
		"an unknown top field":      {`{"StartAt":"S","Stats":{},"States":{"S":{"Type":"Succeed"}}}`, "Field is not supported at /Stats", ""},
		"Assign":                    {one(`{"Type":"Pass","Assign":{"a":1},"End":true}`), ours + "the field Assign at /States/S/Assign", ""},
		"neither Next nor End":      {one(`{"Type":"Pass"}`), "[Next, End]", ""},
		"both Next and End":         {one(`{"Type":"Pass","Next":"S","End":true}`), "[Next, End]", ""},
		"Next of Succeed":           {one(`{"Type":"Succeed","Next":"S"}`), "/States/S/Next", ""},
		"a task without a resource": {one(`{"Type":"Task","Parameters":{"FunctionName":"f"},"End":true}`), "These fields are required: [Resource]", ""},
		"no function":               {one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`), "[FunctionName]", ""},
		"a parameter not implemented": {one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","InvocationType":"Event"},"End":true}`),
			ours + "the field InvocationType", ""},
		"a ResultPath with an index":  {one(`{"Type":"Pass","ResultPath":"$.a[0]","End":true}`), "Reference Path", ""},
		"a ResultPath in the context": {one(`{"Type":"Pass","ResultPath":"$$.a","End":true}`), "Reference Path", ""},
		"a template without a path": {one(`{"Type":"Pass","Parameters":{"parsed.$":"hello"},"End":true}`),
			"The value for the field 'parsed.$' must be a valid JSONPath or a valid intrinsic function call", "LocalStack's snapshots"},
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
		"two waits":                    {one(`{"Type":"Wait","Seconds":1,"SecondsPath":"$.a","End":true}`), "Exactly one", ""},
		"a wait until no time": {one(`{"Type":"Wait","Timestamp":"tomorrow","End":true}`), "String does not match RFC3339 timestamp at /States/S/Timestamp",
			"LocalStack test_base_scenarios.snapshot.json, 27 Dec 2024"},
		"another resource": {one(`{"Type":"Task","Resource":"dynamodb:query","End":true}`),
			"The resource provided dynamodb:query is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.", "LocalStack's snapshots"},
		"another integration": {one(`{"Type":"Task","Resource":"arn:aws:states:::dynamodb:query","End":true}`),
			ours + "the resource arn:aws:states:::dynamodb:query at /States/S/Resource", ""},
		"a function as a resource":             {one(`{"Type":"Task","Resource":"arn:aws:lambda:eu-central-1:111122223333:function:f","End":true}`), ours + "the resource arn:aws:lambda", ""},
		"Map":                                  {one(`{"Type":"Map","End":true}`), ours + "states of the type Map at /States/S/Type", ""},
		"Fail":                                 {one(`{"Type":"Fail"}`), ours + "states of the type Fail at /States/S/Type", ""},
		"a query language that does not exist": {`{"QueryLanguage":"SQL","StartAt":"S","States":{"S":{"Type":"Succeed"}}}`, "The query language 'SQL' is not supported", ""},
		"a path with a wildcard":               {one(`{"Type":"Pass","InputPath":"$.a[*]","End":true}`), ours + "filters, slices, wildcards and functions of JSONPath: $.a[*] at /States/S/InputPath", ""},
		"any member":                           {one(`{"Type":"Pass","OutputPath":"$.*","End":true}`), ours + "filters", ""},
		"a descent":                            {one(`{"Type":"Pass","OutputPath":"$..a","End":true}`), ours + "filters", ""},
		"a slice":                              {one(`{"Type":"Pass","OutputPath":"$.a[0:2]","End":true}`), ours + "filters", ""},
		"two members":                          {one(`{"Type":"Pass","OutputPath":"$['a','b']","End":true}`), ours + "filters", ""},
		"a filter in a template":               {one(`{"Type":"Pass","Parameters":{"a.$":"$.a[?(@.b==1)]"},"End":true}`), ours + "filters", ""},
		"a function of JSONPath":               {one(`{"Type":"Pass","Parameters":{"a.$":"$.a.length()"},"End":true}`), ours + "filters", ""},
		"no path":                              {one(`{"Type":"Pass","OutputPath":"$.a[b]","End":true}`), "Value is not a valid JSONPath", ""},
		"an intrinsic function":                {one(`{"Type":"Pass","Parameters":{"a.$":"States.UUID()"},"End":true}`), ours + "intrinsic functions at /States/S/Parameters/a.$", ""},
		"Choice":                               {one(`{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"Next":"S"}]}`), ours + "states of the type Choice at /States/S/Type", ""},
		"a wait of over three years":           {one(`{"Type":"Wait","Seconds":100000000,"End":true}`), "Expected an integer from 0 to 99999999 at /States/S/Seconds", "state-wait.html"},
		"a timeout of over three years":        {one(`{` + invoke + `,"TimeoutSeconds":100000000,"End":true}`), "Expected an integer from 1 to 99999999 at /States/S/TimeoutSeconds", "state-task.html"},
		"too many attempts":                    {one(`{` + invoke + `,"Retry":[{"ErrorEquals":["E"],"MaxAttempts":100000000}],"End":true}`), "from 0 to 99999999", "concepts-error-handling.html"},
		"a long name":                          {`{"StartAt":"` + strings.Repeat("x", 81) + `","States":{"` + strings.Repeat("x", 81) + `":{"Type":"Succeed"}}}`, "80 characters", ""},
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
