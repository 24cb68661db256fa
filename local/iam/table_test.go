package iam

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A row is what a page of AWS's documentation says about a request.
type row struct {
	page     string // below https://docs.aws.amazon.com/
	says     string
	who      Principal // the user bob of account 111122223333, if none is given
	identity string    // statements, or a whole document
	boundary string
	resource string
	trust    string
	sole     bool
	action   string
	on       string // a resource; * if none is given
	context  Context
	refused  string // a part of the reason; nothing: it is allowed
}

var (
	bob     = Principal{Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/bob"}
	session = Principal{Account: "111122223333", ARN: "arn:aws:sts::111122223333:assumed-role/examplerole/examplerolesessionname",
		Role: "arn:aws:iam::111122223333:role/examplerole"}
	root = Principal{Account: "111122223333", ARN: "arn:aws:iam::111122223333:root"}
)

const (
	report   = "arn:aws:s3:::amzn-s3-demo-bucket/report.txt"
	queue    = "arn:aws:sqs:us-east-2:111122223333:queue1"
	target   = "arn:aws:iam::111122223333:role/target"
	group    = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/tg/1"
	function = "arn:aws:lambda:us-east-2:111122223333:function:my-function"
	topic    = "arn:aws:sns:us-east-2:111122223333:MyTopic"
	userBob  = "arn:aws:iam::111122223333:user/bob"
)

// receive is a queue policy's Allow for one principal.
func receive(principal string) string {
	return `{"Effect": "Allow", "Principal": ` + principal + `, "Action": "sqs:ReceiveMessage", "Resource": "` + queue + `"}`
}

// accessKeys is a statement about users' access keys.
func accessKeys(condition string) string {
	return `{"Effect": "Allow", "Action": "iam:*AccessKey*", "Resource": "arn:aws:iam::111122223333:user/*", "Condition": ` + condition + `}`
}

// wrapped makes a document of statements.
func wrapped(statements string) string {
	if strings.Contains(statements, `"Statement"`) {
		return statements
	}
	return `{"Version": "2012-10-17", "Statement": [` + statements + `]}`
}

func (r row) request() Request {
	if r.who == (Principal{}) {
		r.who = bob
	}
	if r.on == "" {
		r.on = "*"
	}
	return Request{Principal: r.who, Action: r.action, Resource: r.on, Context: r.context}
}

func (r row) policies() (Policies, error) {
	p := Policies{Sole: r.sole}
	attach := func(kind Kind, name, statements string, to func(*Policy)) error {
		if statements == "" {
			return nil
		}
		read, err := Parse(kind, name, wrapped(statements))
		if err == nil {
			to(read)
		}
		return err
	}
	for _, err := range []error{
		attach(Identity, "identity", r.identity, func(read *Policy) { p.Identity = append(p.Identity, read) }),
		attach(Boundary, "boundary", r.boundary, func(read *Policy) { p.Boundary = read }),
		attach(Resource, "resource", r.resource, func(read *Policy) { p.Resource = read }),
		attach(Trust, "trust", r.trust, func(read *Policy) { p.Resource = read }),
	} {
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

//go:embed testdata/documented.json
var documented []byte

// table are the rows of testdata/documented.json: by page, what it says and the policies that it says it of, as lists of
// statements or as whole documents.
var table = readTable(documented)

// statements are those of a list, or the whole document, as wrapped takes them.
func statements(policy json.RawMessage) string {
	list, isList := bytes.CutPrefix(policy, []byte("["))
	if !isList {
		return string(policy)
	}
	return string(bytes.TrimSuffix(list, []byte("]")))
}

func readTable(text []byte) []row {
	var pages map[string][]struct {
		Says, Action, On, Refused           string
		Who                                 Principal
		Identity, Boundary, Resource, Trust json.RawMessage
		Sole                                bool
		Context                             Context
	}
	if err := json.Unmarshal(text, &pages); err != nil {
		panic(err)
	}
	var rows []row
	for _, page := range slices.Sorted(maps.Keys(pages)) {
		for _, r := range pages[page] {
			rows = append(rows, row{page: page, says: r.Says, who: r.Who, action: r.Action, on: r.On, context: r.Context, refused: r.Refused, sole: r.Sole,
				identity: statements(r.Identity), boundary: statements(r.Boundary), resource: statements(r.Resource), trust: statements(r.Trust)})
		}
	}
	return rows
}

func TestDocumented(t *testing.T) {
	for _, r := range table {
		t.Run(r.says, func(t *testing.T) {
			p, err := r.policies()
			if err != nil {
				t.Fatal(err)
			}
			d, err := Evaluate(r.request(), p)
			switch {
			case err != nil:
				t.Fatal(err)
			case r.page == "" || !strings.HasSuffix(r.page, ".html"):
				t.Error("the row names no page")
			case d.Allowed != (r.refused == ""), !strings.Contains(d.Reason, r.refused), d.Allowed != (d.Reason == ""):
				t.Errorf("https://docs.aws.amazon.com/%s\nallowed %t: %s\nallows %v, denies %v", r.page, d.Allowed, d.Reason, d.Allows, d.Denies)
			}
		})
	}
}
