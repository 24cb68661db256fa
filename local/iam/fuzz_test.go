package iam

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// modelled is a context in which every key has an answer, so that few evaluations end in an error.
func modelled(r Request) Context {
	context := Context{"aws:principaltag/": nil, "aws:requesttag/": nil, "aws:resourcetag/": nil, encryptionContext: nil}
	action, _ := Lookup(r.Action)
	keys := slices.Concat(globalKeys, action.Keys)
	if t, ok := action.ResourceType(r.Resource); ok {
		keys = append(keys, t.Keys...)
	}
	for _, key := range keys {
		name, _, _ := strings.Cut(strings.ToLower(key), "${")
		context[name] = nil
	}
	for key, values := range r.Context {
		context[strings.ToLower(key)] = values
	}
	return context
}

// with is the policy with more statements of its own kind, all to one effect.
func with(p *Policy, more *Policy, deny bool) *Policy {
	if p == nil || more == nil || p.Kind != more.Kind {
		return p
	}
	longer := *p
	longer.Statements = append([]Statement(nil), p.Statements...)
	for _, s := range more.Statements {
		s.Deny = deny
		longer.Statements = append(longer.Statements, s)
	}
	return &longer
}

// altered adds statements wherever their kind of policy is.
func altered(p Policies, more *Policy, deny bool) Policies {
	identity := make([]*Policy, len(p.Identity))
	for i := range p.Identity {
		identity[i] = with(p.Identity[i], more, deny)
	}
	return Policies{Identity: identity, Boundary: with(p.Boundary, more, deny), Resource: with(p.Resource, more, deny), Sole: p.Sole}
}

// The requests and policies of the table meet each other at random, and one document of the fuzzer's. Run it longer with
//
//	go test -run '^$' -fuzz FuzzParseAndEvaluate -fuzztime 10m ./local/iam
func FuzzParseAndEvaluate(f *testing.F) {
	var attached []Policies
	for i, r := range table {
		p, err := r.policies()
		if err != nil {
			f.Fatal(err)
		}
		attached = append(attached, p)
		at := uint16(i)
		for kind, document := range []string{r.identity, r.boundary, r.resource, r.trust} {
			if document != "" {
				f.Add(at, at, at, at, uint8(kind), wrapped(document))
			}
		}
	}
	for i, r := range refused {
		f.Add(uint16(i), uint16(i), uint16(i), uint16(i), uint8(r.kind), r.document)
	}
	f.Fuzz(func(t *testing.T, asked, identity, boundary, resource uint16, kind uint8, document string) {
		at := func(i uint16) Policies { return attached[int(i)%len(attached)] }
		r := table[int(asked)%len(table)].request()
		r.Context = modelled(r)
		p := Policies{Identity: at(identity).Identity, Boundary: at(boundary).Boundary, Resource: at(resource).Resource, Sole: at(resource).Sole}
		more, err := Parse(Kind(kind%4), "fuzzed", document)
		if err != nil {
			unread := Policies{Identity: append([]*Policy{more}, p.Identity...), Boundary: p.Boundary, Resource: p.Resource, Sole: p.Sole}
			if d, err := Evaluate(r, unread); more != nil || d.Allowed || err == nil {
				t.Fatalf("an unreadable policy is part of %v", d)
			}
			return
		}
		checkProperties(t, r, p, more)
		switch more.Kind {
		case Identity:
			p.Identity = []*Policy{more}
		case Boundary:
			p.Boundary = more
		default:
			p.Resource = more
		}
		checkProperties(t, r, p, at(boundary).Resource)
		checkProperties(t, r, p, more)
	})
}

func checkProperties(t *testing.T, r Request, p Policies, more *Policy) {
	t.Helper()
	d, err := Evaluate(r, p)
	again, errAgain := Evaluate(r, p)
	if !reflect.DeepEqual(d, again) || (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
		t.Fatalf("twice: %v, %v\nand %v, %v", d, err, again, errAgain)
	}
	if d.Allowed && (err != nil || len(d.Denies) > 0 || d.Reason != "") || !d.Allowed && err == nil && d.Reason == "" {
		t.Fatalf("inconsistent: %v, %v", d, err)
	}
	if err != nil {
		return
	}
	if denied, err := Evaluate(r, altered(p, more, true)); err == nil && denied.Allowed && !d.Allowed {
		t.Fatalf("a Deny allows %s: %v\nbefore: %v", r.Action, denied, d)
	}
	if allowed, err := Evaluate(r, altered(p, more, false)); err == nil && !allowed.Allowed && d.Allowed {
		t.Fatalf("an Allow refuses %s: %v\nbefore: %v", r.Action, allowed, d)
	}
}

// FuzzPattern compares with Go's regular expressions: within six segments a pattern of the Resource element is stricter.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{{"*", ""}, {"a*b*c", "axxbyyc"}, {"a?c", "abc"}, {"*a*", "bab"}, {"arn:aws:s3:::b*/x", "arn:aws:s3:::b/y/x"}, {"a:*:b", "a:c:d:b"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, written, text string) {
		expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(string([]rune(written))))
		want := regexp.MustCompile("(?s)^" + expression + "$").MatchString(string([]rune(text)))
		if got := glob(written).matches(text); got != want {
			t.Errorf("%q matches %q: %t", written, text, got)
		}
		if glob(written).matchesARN(text) && !want {
			t.Errorf("%q matches the ARN %q", written, text)
		}
		if literal(written).matches(text) != (string([]rune(written)) == string([]rune(text))) {
			t.Errorf("%q matches %q literally", written, text)
		}
	})
}

// Every request of the table meets every policy of it that speaks of its action, beside its own.
func TestProperties(t *testing.T) {
	attached := map[string]Policies{}
	for _, r := range table {
		p, err := r.policies()
		if err != nil {
			t.Fatal(err)
		}
		attached[r.page+r.says] = p
	}
	for _, r := range table {
		asked, own := r.request(), attached[r.page+r.says]
		asked.Context = modelled(asked)
		for _, more := range attached {
			for _, p := range append(slices.Clone(more.Identity), more.Boundary, more.Resource) {
				if p != nil && slices.ContainsFunc(p.Statements, func(s Statement) bool { return s.actionCover()(strings.ToLower(asked.Action)) }) {
					checkProperties(t, asked, own, p)
				}
			}
		}
	}
}
