package sfn

import (
	_ "embed"
	"encoding/json"
	"strings"
	"testing"
)

// Definitions, or states of one, that a machine cannot be made of. The codes and the words are AWS's where "source" names
// one; else the refusal is documented and the wording ours.
//
//go:embed testdata/refused.json
var refusedDefinitions []byte

func TestParseRefuses(t *testing.T) {
	var tests map[string]struct {
		Definition, State json.RawMessage
		Want              string // inside the message
	}
	if err := json.Unmarshal(refusedDefinitions, &tests); err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			definition := string(test.Definition)
			if test.State != nil {
				definition = one(string(test.State))
			}
			_, err := Parse([]byte(definition))
			if code(err) != "InvalidDefinition" || !strings.Contains(err.Error(), test.Want) {
				t.Errorf("got %v\nwant InvalidDefinition with %s", err, test.Want)
			}
		})
	}
}

func TestParseRefusesWhatIsNoJSON(t *testing.T) {
	// LocalStack test_sfn_api_validation.snapshot.json, 19 Oct 2025
	if _, err := Parse([]byte("not a definition")); code(err) != "InvalidDefinition" || !strings.Contains(err.Error(), "INVALID_JSON_DESCRIPTION") {
		t.Error(err)
	}
}

func TestParseAccepts(t *testing.T) {
	for _, definition := range []string{
		`{"Comment":"c","TimeoutSeconds":60,"StartAt":"S","States":{"S":` + passing + `}}`,
		one(`{` + invoke + `,"OutputPath":"$.a","ResultPath":null,"ResultSelector":{"a.$":"$.Payload"},"TimeoutSecondsPath":"$.s","Retry":[
			{"ErrorEquals":["NotReady"],"IntervalSeconds":3,"MaxAttempts":200,"BackoffRate":1.1,"MaxDelaySeconds":10,"JitterStrategy":"FULL"},
			{"ErrorEquals":["E"]}],"End":true}`),
	} {
		if _, err := Parse([]byte(definition)); err != nil {
			t.Error(err)
		}
	}
}
