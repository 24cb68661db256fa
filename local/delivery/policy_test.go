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
		"no policy":                {"", "has no policy"},
		"no JSON":                  {"{", "cannot be read"},
		"nothing":                  {`{"Statement":[]}`, "no statement"},
		"a plain grant":            {`{"Statement":` + statement("") + `}`, ""},
		"everybody":                {`{"Statement":[` + statement(`,"Principal":"*"`) + `]}`, ""},
		"all actions":              {`{"Statement":[` + statement(`,"Action":["s3:*","lambda:*"]`) + `]}`, ""},
		"letter case of actions":   {`{"Statement":[` + statement(`,"Action":"Lambda:invokefunction"`) + `]}`, ""},
		"another service":          {`{"Statement":[` + statement(`,"Principal":{"Service":["sns.amazonaws.com","s3.amazonaws.com"]}`) + `]}`, "no statement"},
		"an account":               {`{"Statement":[` + statement(`,"Principal":{"AWS":"arn:aws:iam::111122223333:root"}`) + `]}`, "no statement"},
		"another action":           {`{"Statement":[` + statement(`,"Action":"lambda:GetFunction"`) + `]}`, "no statement"},
		"another function":         {`{"Statement":[` + statement(`,"Resource":"`+function+`-2"`) + `]}`, "no statement"},
		"this rule":                {`{"Statement":[` + statement(`,"Condition":{"ArnEquals":{"aws:SourceArn":["x","`+rule+`"]}}`) + `]}`, ""},
		"rules with a pattern":     {`{"Statement":[` + statement(`,"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:events:*:111122223333:rule/*"}}`) + `]}`, ""},
		"another rule":             {`{"Statement":[` + statement(`,"Condition":{"ArnLike":{"AWS:SourceArn":"`+rule+`-2"}}`) + `]}`, "no statement"},
		"a pattern taken as text":  {`{"Statement":[` + statement(`,"Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:events:*"}}`) + `]}`, "no statement"},
		"a key that nobody sends":  {`{"Statement":[` + statement(`,"Condition":{"StringEquals":{"aws:SourceOrgID":"o-1"}}`) + `]}`, "no statement"},
		"an operator not modelled": {`{"Statement":[` + statement(`,"Condition":{"StringNotEquals":{"aws:SourceAccount":"1"}}`) + `]}`, "not modelled"},
		"NotAction":                {`{"Statement":[{"Effect":"Allow","Principal":"*","NotAction":"lambda:GetFunction","Resource":"*"}]}`, "has no Action"},
		"a denial wins":            {`{"Statement":[` + statement("") + `,` + statement(`,"Sid":"No","Effect":"Deny"`) + `]}`, "No denies"},
		"TLS only":                 {`{"Statement":[` + statement("") + `,` + statement(`,"Effect":"Deny","Principal":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}`) + `]}`, ""},
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
