package iam

import (
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
	root     = Principal{Account: "111122223333", ARN: "arn:aws:iam::111122223333:root"}
	stranger = Principal{Account: "444455556666", ARN: "arn:aws:iam::444455556666:user/carol"}
	theirs   = Principal{Account: "444455556666", ARN: "arn:aws:iam::444455556666:root"}
)

func served(service string) Principal { return Principal{Service: service + ".amazonaws.com"} }

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

var table = slices.Concat(logicRows, conditionRows, elementRows, serviceRows)

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
