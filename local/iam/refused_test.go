package iam

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const plain = `{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}`

type refusedDocument struct {
	says     string
	kind     Kind
	document string // or statements
	because  string
}

// refused are documents that cannot be attached, or not judged: those of testdata/refused.json, by kind, and those that it
// cannot hold.
var refused = append(readRefused(refusedJSON), []refusedDocument{
	{"what is not JSON", Identity, `{"Statement": [}`, "invalid character"},
	{"two documents", Identity, wrapped(plain) + wrapped(plain), "invalid character"},
	{"an array", Identity, `["Statement"]`, "not a JSON object"},
	{"text that is not UTF-8", Resource, "{\"Id\": \"\xff\", \"Statement\": []}", "UTF-8"},
	{"an element twice", Identity, `{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": []}`, `"Version" is there twice`},
	{"an operator twice", Identity, `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {
		"Bool": {"aws:SecureTransport": "true"}, "Bool": {"aws:ViaAWSService": "true"}}}`, `"Bool" is there twice`},
	{"a key twice, in two cases", Identity, `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {
		"IpAddress": {"aws:SourceIp": "192.0.2.1", "aws:sourceip": "192.0.2.2"}}}`, "has the key aws:sourceip twice"},
	{"no statement", Identity, `{"Version": "2012-10-17"}`, "no Statement"},
	{"no effect", Identity, `{"Sid": "One", "Action": "s3:*", "Resource": "*"}`, `statement 1 (One): its Effect is ""`},
	{"a Sid twice", Identity, `{"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}, {"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}`,
		"statement 2 (A): another statement has its Sid"},
}...)

//go:embed testdata/refused.json
var refusedJSON []byte

func readRefused(text []byte) []refusedDocument {
	var kinds map[string][]struct {
		Says, Because string
		Policy        json.RawMessage
	}
	if err := json.Unmarshal(text, &kinds); err != nil {
		panic(err)
	}
	var all []refusedDocument
	for kind, name := range []string{"identity", "boundary", "resource", "trust"} {
		for _, r := range kinds[name] {
			all = append(all, refusedDocument{r.Says, Kind(kind), statements(r.Policy), r.Because})
		}
	}
	return all
}

func TestRefusedDocuments(t *testing.T) {
	for _, r := range refused {
		t.Run(r.says, func(t *testing.T) {
			document := r.document
			if strings.Contains(document, `"Action`) || strings.Contains(document, `"Effect"`) {
				document = wrapped(document)
			}
			p, err := Parse(r.kind, "some/policy", document)
			if err == nil || p != nil {
				t.Fatalf("read: %v", p)
			}
			if !strings.HasPrefix(err.Error(), "read policy some/policy: ") || !strings.Contains(err.Error(), r.because) {
				t.Error(err)
			}
		})
	}
}

func TestStatementString(t *testing.T) {
	p, err := Parse(Identity, "app-sync/DefaultPolicy", wrapped(plain+`, {"Sid": "Tags", "Effect": "Deny", "Action": "*", "Resource": "*"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(p.Statements[0], ", ", p.Statements[1]); got != "app-sync/DefaultPolicy statement 1, app-sync/DefaultPolicy statement 2 (Tags)" {
		t.Error(got)
	}
}
