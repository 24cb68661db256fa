package delivery

import (
	"strings"
	"testing"
)

func TestAllow(t *testing.T) {
	statement := func(fields string) string {
		base := map[string]string{"Effect": `"Allow"`, "Principal": `{"Service":"events.amazonaws.com"}`, "Action": `"lambda:InvokeFunction"`, "Resource": `"*"`}
		var parts []string
		for name, value := range base {
			if !strings.Contains(fields, `"`+name+`":`) {
				parts = append(parts, `"`+name+`":`+value)
			}
		}
		return `{` + strings.Join(parts, ",") + fields + `}`
	}
	tests := map[string]struct {
		policy string
		want   string // in the refusal; empty: allowed
	}{
		"no policy":               {"", "the resource has no policy"},
		"no JSON":                 {"{", "unexpected end"},
		"a plain grant":           {`{"Statement":` + statement("") + `}`, ""},
		"another service":         {`{"Statement":[` + statement(`,"Principal":{"Service":["sns.amazonaws.com","s3.amazonaws.com"]}`) + `]}`, "no resource-based policy"},
		"another function":        {`{"Statement":[` + statement(`,"Resource":"`+function+`-2"`) + `]}`, "no resource-based policy"},
		"rules with a pattern":    {`{"Statement":[` + statement(`,"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:events:*:111122223333:rule/*"}}`) + `]}`, ""},
		"another rule":            {`{"Statement":[` + statement(`,"Condition":{"ArnLike":{"AWS:SourceArn":"`+rule+`-2"}}`) + `]}`, "no resource-based policy"},
		"a key that nobody sends": {`{"Statement":[` + statement(`,"Condition":{"StringEquals":{"aws:SourceOrgID":"o-1"}}`) + `]}`, "not modelled"},
		"a denial wins":           {`{"Statement":[` + statement("") + `,` + statement(`,"Sid":"No","Effect":"Deny"`) + `]}`, "explicit deny"},
		"TLS only":                {`{"Statement":[` + statement("") + `,` + statement(`,"Effect":"Deny","Principal":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}`) + `]}`, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := allow(test.policy, request{
				principal: "events.amazonaws.com", action: "lambda:InvokeFunction", resource: function, sourceARN: rule, sourceAccount: account,
			})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
