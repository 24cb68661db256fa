package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/registry"
)

// example is an exposure as the messages name it, at six minutes after noon.
func example() registry.Exposure {
	e := finished().exposure
	e.ID, e.DatabaseIdentifier = "orders-prod-acme-0a1b2c3d", "orders-prod"
	e.Claim = "arn:aws:states:eu-central-1:111122223333:execution:rdslink-setup:first"
	e.ServiceID = "vpce-svc-0123456789abcdef0"
	e.Connections = map[string]registry.Connection{"vpce-0123456789abcdef0": {Owner: "555566667777", State: "available"}}
	return e
}

func TestMessages(t *testing.T) {
	w := newWorld()
	w.clock = noon.Add(6 * time.Minute)
	p, e, since := w.process(), example(), noon.Add(30*time.Second)
	var page strings.Builder
	write := func(m told) {
		page.WriteString("```text\n" + m.subject + "\n\n" + m.text + "\n```\n\n")
		if len(m.subject) > 100 || strings.Contains(m.subject, "\n") {
			t.Errorf("SNS does not take the subject %q", m.subject)
		}
	}
	for _, c := range []trouble{
		{kind: unserved, detail: "inbound enforcement: the rules of the load balancer's group are enforced on traffic through PrivateLink",
			remedy: "switch it off, or start the exposure again with the same input"},
		{kind: unserved, detail: "10.0.1.17:5432 is unhealthy: Health checks failed"},
		{kind: unseen},
		{kind: unticked},
		{kind: unfollowed, detail: "its schedule is gone, and no execution works on it"},
		{kind: unadmitted, detail: "principal arn:aws:iam::555566667777:root is not allowed", remedy: "start the exposure again with the same input"},
		{kind: drift, what: "connection notification", detail: "the endpoint service has none", remedy: "start the exposure again with the same input"},
	} {
		c.since = since
		of := e
		if c.kind == unserved && c.remedy == "" {
			of.ID, of.DatabaseIdentifier, of.Consumer, of.Connections = "billing-globex-4d5e6f7a", "billing", "globex", nil
		}
		write(p.message(of, c))
	}
	for _, c := range []trouble{
		{kind: orphan, key: orphan + "/" + e.ID},
		{kind: unreadable, key: unreadable + "/" + e.ID, detail: "decode exposure: it names no database"},
	} {
		c.since = since
		write(p.strange(c))
	}
	letter := deadLetter{function: "decision"}
	letter.Body = new(decided)
	write(p.lost([]trouble{{what: letter.function, detail: letter.said() + `; the last error was "get exposure orders: access denied"`}}))
	told := registry.Watch{Told: map[string]registry.Tale{unserved: {At: since, What: "not served"}, unfollowed: {At: since, What: "nothing follows the database"}}}
	write(p.wellAgain(e, told, registry.Watch{}, []string{unserved}))
	e.ID, e.DatabaseIdentifier, e.Consumer = "billing-globex-4d5e6f7a", "billing", "globex"
	write(p.wellAgain(e, told, registry.Watch{Told: map[string]registry.Tale{unfollowed: told.Told[unfollowed]}}, []string{unserved}))
	p.memory.blind.since = noon
	if err := p.cannotRead(t.Context(), errors.New("scan rdslink-Registry: KMSDisabledException")); err != nil {
		t.Fatal(err)
	}
	p.canRead(t.Context())
	for i := range w.said {
		write(toldOf(w, i))
	}
	// The page has the command to start again once.
	again := p.facts(example())["again"]
	first, rest, _ := strings.Cut(page.String(), again)
	text := first + again + strings.ReplaceAll(rest, again, "aws stepfunctions start-execution … (as above)")
	golden.ComparePage(t, "watching.md", "messages", strings.TrimSuffix(text, "\n"))
}

func toldOf(w *world, i int) told { return told{w.said[i], w.texts[i]} }

// Of several stacks, a message says which one a command is for.
func TestAStackWithANameNamesItself(t *testing.T) {
	p := newWorld().process()
	p.name = "finance"
	text := p.message(example(), trouble{kind: unfollowed, since: noon}).text + p.lost(nil).text
	for _, want := range []string{"stateMachine:rdslink_finance_setup", "make replay STACK=finance\n", "rdslink_finance_watch"} {
		if !strings.Contains(text+"\n", want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

func TestEveryTextIsWritten(t *testing.T) {
	for _, kind := range []string{unserved, unseen, unticked, unfollowed, unadmitted, drift, orphan, unreadable, letter, "well", "blind", "sighted", "remedy", "again", "reject"} {
		if messages[kind] == "" {
			t.Errorf("there is no text %s", kind)
		}
	}
	if got, want := len(messages), 15; got != want {
		t.Errorf("%d texts, want %d", got, want)
	}
}
